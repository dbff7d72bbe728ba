// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char all[] = "adapter:\n"
                          "  - log: [sigma]\n"
                          "  - sqrt: [tau, x]\n"
                          "  - constrain: {p: [0, 1], q: [-.inf, 3]}\n"
                          "  - simplex: [w1, w2, w3]\n"
                          "  - ordered: [mu1, mu2]\n"
                          "  - covariance: [s11, s21, s22]\n"
                          "  - correlation: [r21, r31, r32]\n"
                          "  - one_hot: {group: 3, z: {column: 1, levels: 4}}\n"
                          "  - nan_to_mask: [x]\n"
                          "  - subsample: {x: 50, z: 0.25}\n"
                          "  - concatenate: {of: [a, b], into: ab}\n"
                          "  - drop: [\"a b\"]\n"
                          "  - standardize: {x: false, z: true}\n"
                          "  - noise: {x: {spike: 0.01, slab: 0.25}}\n";

static err_t parse(const char *text, adapter_config_t *out)
{
    arena_t *arena = arena_create();
    err_t err = adapter_config_parse(text, "study.yaml", arena, out);
    arena_destroy(&arena);
    return err;
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    arena_t *arena = arena_create();
    adapter_config_t config;
    assert_int_equal(adapter_config_parse(all, "study.yaml", arena, &config), OK);
    assert_int_equal(config.n, 14);
    char *text = adapter_config_text(&config);
    assert_string_equal(text, all);
    free(text);
    arena_destroy(&arena);
}

static void test_nothing_is_no_transform(void **state)
{
    (void)state;
    static const char *const texts[] = {"adapter: []\n", "adapter:\n", "other: 1\n"};
    for (int k = 0; k < 3; k++) {
        adapter_config_t config;
        assert_int_equal(parse(texts[k], &config), OK);
        assert_int_equal(config.n, 0);
    }
    adapter_config_t none = {0};
    char *text = adapter_config_text(&none);
    assert_string_equal(text, "adapter: []\n");
    free(text);
}

static void test_other_ways_to_write_it(void **state)
{
    (void)state;
    arena_t *arena = arena_create();
    adapter_config_t c;
    assert_int_equal(adapter_config_parse("adapter:\n"
                                          "  - log: sigma\n"
                                          "  - constrain: {p: {lower: 0}, q: {upper: 3}}\n"
                                          "  - covariance: {of: [s]}\n"
                                          "  - noise: {y: {slab: 0.5}}\n"
                                          "  - one_hot: {g: {levels: 3}}\n",
                                          "study.yaml", arena, &c),
                     OK);
    assert_int_equal(c.transforms[0].n, 1);
    assert_string_equal(c.transforms[0].items[0].name, "sigma");
    assert_int_equal(c.transforms[1].line, 3);
    assert_true(c.transforms[1].items[0].lower == 0.0 && isinf(c.transforms[1].items[0].upper));
    assert_true(c.transforms[1].items[1].upper == 3.0 && isinf(c.transforms[1].items[1].lower));
    assert_string_equal(c.transforms[2].items[0].name, "s");
    assert_true(c.transforms[3].items[0].spike == 0.01 && c.transforms[3].items[0].slab == 0.5);
    assert_int_equal(c.transforms[4].items[0].column, -1);
    arena_destroy(&arena);
}

static void test_what_is_wrong_is_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"adapter: {log: [a]}", "study.yaml:1: adapter: expected a list of transforms"},
        {"adapter:\n  - logg: [a]",
         "study.yaml:2: adapter[0]: unknown transform \"logg\"; did you mean \"log\"?"},
        {"adapter:\n  - fourier: [a]", "`infermill study` lists"},
        {"adapter:\n  - log: [a]\n    sqrt: [b]", "expected one transform an item"},
        {"adapter:\n  - log", "expected one transform an item"},
        {"adapter:\n  - log: []", "adapter[0].log: got a sequence, expected a list of names"},
        {"adapter:\n  - log: {a: 1}", "expected a list of names"},
        {"adapter:\n  - log: [[a]]", "adapter[0].log[0]: got a sequence, expected a name"},
        {"adapter:\n  - constrain: [a]", "expected names with what belongs to them: {p: [0, 1]}"},
        {"adapter:\n  - constrain: {p: 3}", "adapter[0].constrain.p: got 3, expected [lower"},
        {"adapter:\n  - constrain: {p: [0, one]}", "got \"one\", expected a number"},
        {"adapter:\n  - constrain: {p: [1, 0]}", "got lower 1 and upper 0"},
        {"adapter:\n  - constrain: {p: {lowr: 1}}",
         "unknown key \"lowr\"; did you mean \"lower\"?"},
        {"adapter:\n  - one_hot: {g: 1}", "got 1, expected a whole number from 2 to 1000"},
        {"adapter:\n  - one_hot: {g: {column: -1, levels: 3}}", "got -1, expected the place of"},
        {"adapter:\n  - one_hot: {g: {column: 1}}", "expected levels"},
        {"adapter:\n  - subsample: {y: 1.5}", "got 1.5, expected a count (50) or a share (0.5)"},
        {"adapter:\n  - subsample: {y: 0}", "got 0, expected a count"},
        {"adapter:\n  - concatenate: [a, b]", "expected {of: [a, b], into: ab}"},
        {"adapter:\n  - concatenate: {of: [a, b]}", "expected into: the name"},
        {"adapter:\n  - concatenate: {off: [a, b], into: c}", "did you mean \"of\"?"},
        {"adapter:\n  - covariance: {}", "expected of: [names]"},
        {"adapter:\n  - standardize: {y: maybe}", "got \"maybe\", expected true or false"},
        {"adapter:\n  - noise: {y: 0.1}", "got 0.1, expected {spike: 0.01, slab: 0.25}"},
        {"adapter:\n  - noise: {y: {spike: -1}}", "adapter[0].noise.y.spike: got -1, expected a"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        adapter_config_t config;
        assert_true(err_is(parse(cases[k][0], &config), ERR_USAGE));
        if (!strstr(err_text(), cases[k][1]))
            fail_msg("case %zu: \"%s\" is not in: %s", k, cases[k][1], err_text());
    }
}

static void test_every_kind_is_listed(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    adapter_print_kinds(out);
    fclose(out);
    for (int k = 0; k < ADAPTER_KINDS; k++)
        assert_non_null(strstr(text, adapter_kind_word((adapter_kind_t)k)));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_written_reads_back),
                                       cmocka_unit_test(test_nothing_is_no_transform),
                                       cmocka_unit_test(test_other_ways_to_write_it),
                                       cmocka_unit_test(test_what_is_wrong_is_told),
                                       cmocka_unit_test(test_every_kind_is_listed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
