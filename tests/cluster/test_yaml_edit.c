// SPDX-License-Identifier: Apache-2.0
#include "cluster/yaml_edit.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void becomes(const char *text, const char *path, const char *value, const char *expected)
{
    char *edited = NULL;
    assert_int_equal(yaml_edit(text, "s.yaml", path, value, &edited), OK);
    assert_string_equal(edited, expected);
    free(edited);
}

static void a_value_is_changed_in_its_place(void **state)
{
    (void)state;
    becomes("study: s # Ünï\nbank: {rows: 100, seed: 2} # few\n", "bank.rows", "200",
            "study: s # Ünï\nbank: {rows: 200, seed: 2} # few\n");
    becomes("train:\n  epochs: 5 # five\n  seed: 1\n", "train.epochs", "10",
            "train:\n  epochs: 10 # five\n  seed: 1\n");
    becomes("a: \"text\"\n", "a", "b", "a: b\n");
    becomes("network: {inference: {type: coupling_flow}}\n", "network.inference.type",
            "flow_matching", "network: {inference: {type: flow_matching}}\n");
}

static void a_missing_key_is_made_where_its_mapping_is(void **state)
{
    (void)state;
    becomes("bank: {rows: 100}\n", "bank.seed", "2", "bank: {seed: 2, rows: 100}\n");
    becomes("bank: {}\n", "bank.seed", "2", "bank: {seed: 2}\n");
    becomes("train:\n  epochs: 5\n", "train.seed", "2", "train:\n  seed: 2\n  epochs: 5\n");
    becomes("network: {size: base}\n", "network.inference.type", "diffusion",
            "network: {inference: {type: diffusion}, size: base}\n");
}

static void a_missing_section_is_made_at_the_end(void **state)
{
    (void)state;
    becomes("study: s\nmodel: {builtin: ddm}", "train.epochs", "5",
            "study: s\nmodel: {builtin: ddm}\ntrain: {epochs: 5}\n");
    becomes("{study: s}\n", "train.epochs", "5", "{train: {epochs: 5}, study: s}\n");
}

static void a_section_without_a_value_gets_one(void **state)
{
    (void)state;
    becomes("bank:\ntrain: {epochs: 5}\n", "bank.rows", "7",
            "bank: {rows: 7}\ntrain: {epochs: 5}\n");
    becomes("bank:\n  rows:\n", "bank.rows", "7", "bank:\n  rows: 7\n");
}

static void what_is_no_mapping_is_told(void **state)
{
    (void)state;
    char *edited = NULL;
    assert_true(err_is(yaml_edit("a: [1]\n", "s.yaml", "a.b", "1", &edited), ERR_USAGE));
    assert_non_null(strstr(err_text(), "s.yaml:1"));
    assert_true(err_is(yaml_edit("a: 5\n", "s.yaml", "a.b", "1", &edited), ERR_USAGE));
    assert_true(err_is(yaml_edit("a: {b: 5}\n", "s.yaml", "a", "1", &edited), ERR_USAGE));
    assert_true(err_is(yaml_edit("a: {b", "s.yaml", "a", "1", &edited), ERR_USAGE));
    assert_null(edited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_changed_in_its_place),
        cmocka_unit_test(a_missing_key_is_made_where_its_mapping_is),
        cmocka_unit_test(a_missing_section_is_made_at_the_end),
        cmocka_unit_test(a_section_without_a_value_gets_one),
        cmocka_unit_test(what_is_no_mapping_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
