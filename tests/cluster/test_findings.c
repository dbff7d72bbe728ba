// SPDX-License-Identifier: Apache-2.0
#include "cluster/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/cluster/findings_seen.h"

static void keeps_what_was_found_in_order(void **state)
{
    (void)state;
    findings_t list = findings_create();
    for (int i = 0; i < 100; i++)
        findings_add(&list, i % 3 == 0 ? FINDING_FAILED : FINDING_OK, "number", "it is %d", i);
    assert_int_equal(list.n, 100);
    assert_string_equal(list.all[57].found, "it is 57");
    assert_string_equal(list.all[57].what, "number");
    assert_int_equal(findings_count(&list, FINDING_FAILED), 34);
    assert_int_equal(findings_count(&list, FINDING_WARNING), 0);
    findings_free(&list);
    assert_int_equal(list.n, 0);
}

static void advice_goes_to_what_is_not_ok(void **state)
{
    (void)state;
    findings_t list = findings_create();
    findings_add(&list, FINDING_OK, "a", "good");
    findings_advise(&list, "nothing to do");
    assert_null(list.all[0].advice);
    findings_add(&list, FINDING_WARNING, "b", "bad");
    findings_advise(&list, "do %d things", 2);
    findings_advise(&list, "the first one stays");
    assert_string_equal(list.all[1].advice, "do 2 things");
    assert_true(last_is(&list, FINDING_WARNING, "bad"));
    assert_null(finding_of(&list, "c"));
    findings_free(&list);
}

static void verdicts_have_words(void **state)
{
    (void)state;
    assert_string_equal(findings_word(FINDING_OK), "ok");
    assert_string_equal(findings_word(FINDING_WARNING), "warning");
    assert_string_equal(findings_word(FINDING_FAILED), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_found_in_order),
        cmocka_unit_test(advice_goes_to_what_is_not_ok),
        cmocka_unit_test(verdicts_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
