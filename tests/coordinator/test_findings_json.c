// SPDX-License-Identifier: Apache-2.0
#include "coordinator/findings_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/cluster/findings_seen.h"

static void comes_back_as_it_was(void **state)
{
    (void)state;
    findings_t list = findings_create(), back = findings_create();
    findings_add(&list, FINDING_OK, "a", "good \"%d\"", 1);
    findings_add(&list, FINDING_WARNING, "b", "so so");
    findings_advise(&list, "do this");
    findings_add(&list, FINDING_FAILED, "c", "bad");
    findings_advise(&list, "do that");
    json_t *json = findings_json(&list);
    assert_int_equal(json_integer_value(json_object_get(json, "warnings")), 1);
    assert_int_equal(json_integer_value(json_object_get(json, "failed")), 1);
    char *text = json_dumps(json, 0);
    assert_int_equal(findings_read(text, &back), OK);
    assert_int_equal(back.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(back.all[i].what, list.all[i].what);
        assert_string_equal(back.all[i].found, list.all[i].found);
        assert_int_equal(back.all[i].verdict, list.all[i].verdict);
    }
    assert_null(back.all[0].advice);
    assert_string_equal(back.all[2].advice, "do that");
    free(text);
    json_decref(json);
    findings_free(&list);
    findings_free(&back);
}

static void other_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "mpirun: no",      "[]",
                                      "{}", "{\"checks\": 3}", "{\"checks\": ["};
    findings_t list = findings_create();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(err_is(findings_read(bad[i], &list), ERR_FORMAT));
    assert_int_equal(list.n, 0);
    assert_int_equal(findings_read("{\"checks\": [3, {\"verdict\": \"odd\"}]}", &list), OK);
    assert_int_equal(findings_count(&list, FINDING_FAILED), 2);
    findings_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(other_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
