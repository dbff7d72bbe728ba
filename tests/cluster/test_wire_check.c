// SPDX-License-Identifier: Apache-2.0
#include "cluster/wire_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/cluster/child.h"
#include "tests/cluster/findings_seen.h"

static void an_encrypted_message_arrives(void **state)
{
    (void)state;
    findings_t list = findings_create();
    wire_check(&list);
    assert_int_equal(list.n, 1);
    assert_true(last_is(&list, FINDING_OK, "with CURVE"));
    findings_free(&list);
}

/* As many files as are open already: no socket can be made. */
static void look_without_sockets(void)
{
    findings_t list = findings_create();
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3});
    wire_check(&list);
    fprintf(stderr, "%d\n", last_is(&list, FINDING_FAILED, "with CURVE: "));
    findings_free(&list);
}

static void without_sockets_it_fails(void **state)
{
    (void)state;
    char said[CHILD_CAP];
    assert_int_equal(child_run(look_without_sockets, said), 0);
    assert_string_equal(said, "1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encrypted_message_arrives),
        cmocka_unit_test(without_sockets_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
