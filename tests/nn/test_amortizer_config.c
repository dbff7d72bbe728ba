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
static struct amortizer_observable observables[] = {{OBSERVABLE_SET, 400, 1},
                                                    {OBSERVABLE_SET, 7, 3}};

static amortizer_config_t good(void)
{
    amortizer_config_t c;
    amortizer_config_default(&c);
    c.n_parameters = 2;
    c.n_observables = 2;
    c.n_design = 1;
    c.lower = lower;
    c.upper = upper;
    c.observables = observables;
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
    c.summary.summary_dim = 0;
    assert_refused(&c, "summary.summary_dim");
    c = good();
    c.inference.bins = 1;
    assert_refused(&c, "inference.bins");
    c = good();
    c.inference.half_width = 0.4;
    assert_refused(&c, "inference.half_width");
    c = good();
    c.summary.dropout = 1.5f;
    assert_refused(&c, "summary.dropout");
    c = good();
    c.summary.elements = c.summary.moments = c.summary.quantiles = false;
    assert_refused(&c, "nothing is read");
    c = good();
    c.summary.golden = true;
    c.summary.depth = 2;
    c.summary.embed_dim = 64;
    c.summary.width = 32;
    assert_refused(&c, "summary.golden");
}

static void test_what_is_not_a_set_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct amortizer_observable image[] = {{OBSERVABLE_IMAGE, 28, 28}};
    amortizer_config_t c = good();
    c.n_observables = 1;
    c.observables = image;
    assert_refused(&c,
                   "observable 0 is of kind \"image\", and there is no summary network for it yet");
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
    c.summary.moments = false;
    c.summary.dropout = 0.05f;
    c.inference.transform = TRANSFORM_AFFINE;
    c.inference.half_width = 10.0 / 3.0;
    char *text = amortizer_config_text(&c);
    arena_t *arena = arena_create();
    assert_int_equal(amortizer_config_parse(text, "amortizer.h5", arena, &back), OK);
    assert_memory_equal(back.lower, lower, sizeof lower);
    assert_memory_equal(back.upper, upper, sizeof upper);
    assert_memory_equal(back.observables, observables, sizeof observables);
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
        cmocka_unit_test(test_what_is_not_a_set_is_refused_with_the_reason),
        cmocka_unit_test(test_an_empty_support_is_refused),
        cmocka_unit_test(test_text_holds_all_of_it),
        cmocka_unit_test(test_a_broken_text_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
