// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/amortizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double lower[] = {-INFINITY, 0.05}, upper[] = {INFINITY, 0.1 + 0.2};
static amortizer_observable_t observables[2];

static amortizer_config_t good(void)
{
    observables[0] =
        (amortizer_observable_t){.kind = OBSERVABLE_SET, .max_length = 400, .features = 1};
    observables[1] =
        (amortizer_observable_t){.kind = OBSERVABLE_SET, .max_length = 7, .features = 3};
    amortizer_config_t c = {.n_parameters = 2,
                            .n_observables = 2,
                            .n_design = 1,
                            .lower = lower,
                            .upper = upper,
                            .observables = observables};
    amortizer_config_default(&c, INFERENCE_COUPLING_FLOW, SIZE_BASE, false);
    return c;
}

static void assert_refused(const amortizer_config_t *c, const char *words)
{
    err_t err = amortizer_config_check(c);
    assert_true(err_is(err, ERR_USAGE));
    if (!strstr(err_text(), words))
        fail_msg("\"%s\" does not say \"%s\"", err_text(), words);
    err_clear();
}

static void test_the_defaults_are_accepted(void **state)
{
    (void)state;
    amortizer_config_t c = good();
    assert_int_equal(amortizer_config_check(&c), OK);
}

static void test_the_wrong_field_is_named(void **state)
{
    (void)state;
    amortizer_config_t c = good();
    observables[0].summary.summary_dim = 0;
    assert_refused(&c, "summary.summary_dim");
    c = good();
    c.inference.flow.bins = 1;
    assert_refused(&c, "inference.bins");
    c = good();
    c.inference.flow.half_width = 0.4;
    assert_refused(&c, "inference.half_width");
    c = good();
    observables[1].summary.dropout = 1.5;
    assert_refused(&c, "summary.dropout");
    c = good();
    observables[1].summary.elements = observables[1].summary.moments =
        observables[1].summary.quantiles = false;
    assert_refused(&c, "nothing is read");
    c = good();
    c.members = 0;
    assert_refused(&c, "ensemble");
    c = good();
    observables[0].summary.golden = true;
    observables[0].summary.depth = 2;
    observables[0].summary.embed_dim = 64;
    observables[0].summary.width = 32;
    assert_refused(&c, "architecture bayesflow");
}

static void test_a_network_that_reads_another_kind_is_refused(void **state)
{
    (void)state;
    amortizer_config_t c = good();
    observables[1].summary.type = SUMMARY_MLP;
    assert_refused(&c, "observable 1 is a set, and summary.type mlp reads a vector");
}

static void test_an_empty_support_is_refused(void **state)
{
    (void)state;
    static const double crossed[] = {INFINITY, 0.05};
    amortizer_config_t c = good();
    c.upper = crossed;
    assert_refused(&c, "parameter 1: the support");
}

static void test_text_holds_all_of_it(void **state)
{
    (void)state;
    amortizer_config_t c = good(), back;
    observables[0].summary.moments = false;
    observables[0].summary.dropout = 0.05;
    c.inference.flow.transform = TRANSFORM_AFFINE;
    c.inference.flow.half_width = 10.0 / 3.0;
    c.members = 3;
    char *text = amortizer_config_text(&c);
    arena_t *arena = arena_create();
    assert_int_equal(amortizer_config_parse(text, "amortizer.h5", arena, &back), OK);
    assert_memory_equal(back.lower, lower, sizeof lower);
    assert_memory_equal(back.upper, upper, sizeof upper);
    assert_int_equal(back.n_observables, 2);
    assert_int_equal(back.observables[1].max_length, 7);
    assert_false(back.observables[0].summary.moments);
    assert_true(back.observables[0].summary.dropout == 0.05);
    assert_true(back.inference.flow.half_width == 10.0 / 3.0);
    assert_int_equal(back.members, 3);
    assert_int_equal(back.n_design, 1);
    char *again = amortizer_config_text(&back);
    assert_string_equal(again, text);
    free(again);
    arena_destroy(&arena);
    free(text);
}

static void test_a_broken_text_is_refused_with_its_place(void **state)
{
    (void)state;
    amortizer_config_t c = good(), back;
    char *text = amortizer_config_text(&c);
    arena_t *arena = arena_create();
    char *at = strstr(text, "transform: spline");
    memcpy(at, "transform: splime", strlen("transform: splime"));
    assert_true(err_is(amortizer_config_parse(text, "amortizer.h5", arena, &back), ERR_USAGE));
    assert_non_null(strstr(err_text(), "amortizer.h5"));
    assert_non_null(strstr(err_text(), "transform"));
    err_clear();
    arena_destroy(&arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_defaults_are_accepted),
        cmocka_unit_test(test_the_wrong_field_is_named),
        cmocka_unit_test(test_a_network_that_reads_another_kind_is_refused),
        cmocka_unit_test(test_an_empty_support_is_refused),
        cmocka_unit_test(test_text_holds_all_of_it),
        cmocka_unit_test(test_a_broken_text_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
