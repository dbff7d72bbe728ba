// SPDX-License-Identifier: Apache-2.0
#include "cluster/interface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_shared_network_is_preferred(void **state)
{
    (void)state;
    char out[INTERFACE_ADDRESS_CAP];
    assert_int_equal(interface_pick("192.168.1.4/24 10.1.7.9/16", "10.1.200.3/16", out), OK);
    assert_string_equal(out, "10.1.7.9");
}

static void an_address_of_both_is_a_bridge_and_skipped(void **state)
{
    (void)state;
    char out[INTERFACE_ADDRESS_CAP];
    assert_int_equal(interface_pick("172.17.0.1/16 10.0.0.1/24", "172.17.0.1/16 10.0.0.2/24", out),
                     OK);
    assert_string_equal(out, "10.0.0.1");
}

static void without_a_shared_network_the_first_is_taken(void **state)
{
    (void)state;
    char out[INTERFACE_ADDRESS_CAP];
    assert_int_equal(interface_pick("192.168.1.4/24 10.1.7.9/16", "172.20.0.2/16", out), OK);
    assert_string_equal(out, "192.168.1.4");
}

static void no_address_is_an_error(void **state)
{
    (void)state;
    char out[INTERFACE_ADDRESS_CAP];
    assert_true(err_is(interface_pick("", "10.0.0.2/24", out), ERR_MISSING));
    assert_true(err_is(interface_pick("10.0.0.2/24", "10.0.0.2/24", out), ERR_MISSING));
    assert_true(err_is(interface_pick("300.0.0.1/24", "10.0.0.2/24", out), ERR_MISSING));
}

static void the_own_list_can_be_read_by_another(void **state)
{
    (void)state;
    char list[INTERFACE_LIST_CAP], out[INTERFACE_ADDRESS_CAP];
    assert_int_equal(interface_list(list), OK);
    if (list[0] != '\0') {
        assert_int_equal(interface_pick(list, "", out), OK);
        assert_int_equal(strncmp(list, out, strlen(out)), 0);
    }
    assert_null(strstr(list, "127."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_network_is_preferred),
        cmocka_unit_test(an_address_of_both_is_a_bridge_and_skipped),
        cmocka_unit_test(without_a_shared_network_the_first_is_taken),
        cmocka_unit_test(no_address_is_an_error),
        cmocka_unit_test(the_own_list_can_be_read_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
