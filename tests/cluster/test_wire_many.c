// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { CALLERS = 1000, SOON_MS = 60000, ASK = 1, ANSWER = 2, DATA = 1000 };

static void send_numbered(wire_socket_t *from, const wire_peer_t *to, uint8_t type, int64_t number)
{
    message_t m;
    uint8_t bytes[DATA];
    memset(bytes, (int)number & 0xff, sizeof bytes);
    message_start(&m, type);
    message_put_i64(&m, number);
    assert_true(wire_send_data(from, to, &m, sizeof bytes, bytes, NULL, NULL));
}

static int64_t take_numbered(wire_socket_t *at, wire_peer_t *from)
{
    message_t m;
    wire_data_t data;
    assert_int_equal(wire_receive_data(at, SOON_MS, from, &m, &data), WIRE_MESSAGE);
    int64_t number = message_get_i64(&m);
    assert_int_equal(message_done(&m), OK);
    assert_int_equal(data.n, DATA);
    assert_int_equal(((const uint8_t *)data.bytes)[DATA - 1], number & 0xff);
    wire_data_free(&data);
    return number;
}

static void a_thousand_are_served_by_one_listener(void **state)
{
    (void)state;
    wire_t *wire;
    wire_options_t options = {.data_cap = DATA, .high_water = 4};
    wire_socket_t *listener, **caller = MEM_NEW(wire_socket_t *, CALLERS);
    wire_peer_t peer;
    bool *seen = MEM_NEW(bool, CALLERS);
    assert_int_equal(wire_start_for(2 * CALLERS, &wire), OK);
    assert_int_equal(wire_listen_with(wire, "tcp://127.0.0.1:*", &options, &listener), OK);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(
            wire_connect_with(wire, wire_endpoint(listener), &options, NULL, &caller[i]), OK);
        send_numbered(caller[i], NULL, ASK, i);
    }
    for (int i = 0; i < CALLERS; i++) {
        int64_t number = take_numbered(listener, &peer);
        assert_in_range(number, 0, CALLERS - 1);
        assert_false(seen[number]);
        seen[number] = true;
        send_numbered(listener, &peer, ANSWER, number);
    }
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(take_numbered(caller[i], NULL), i);
        wire_close(&caller[i]);
    }
    wire_close(&listener);
    wire_stop(&wire);
    free(caller);
    free(seen);
}

static void the_limit_of_files_is_raised_or_the_cure_is_told(void **state)
{
    (void)state;
    wire_t *wire;
    struct rlimit before, low, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(wire_start_for(100, &wire), OK);
    wire_stop(&wire);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_true(after.rlim_cur >= 200);
    assert_int_equal(after.rlim_max, before.rlim_max);
    low.rlim_max = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0); // for good: this test comes last
    assert_true(err_is(wire_start_for(CALLERS, &wire), ERR_FAILED));
    assert_null(wire);
    assert_non_null(strstr(err_text(), "ulimit -Hn"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_are_served_by_one_listener),
        cmocka_unit_test(the_limit_of_files_is_raised_or_the_cure_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
