// SPDX-License-Identifier: Apache-2.0
#include "cluster/stop.h"
#include "tests/cluster/child.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int signal_number;

/* Ends with 7 where the signal, twice, set the flag and nothing else happened. */
static void raise_and_look(void)
{
    stop_install();
    if (stop_requested() || stop_seconds_ago() >= 0)
        _exit(1);
    raise(signal_number);
    raise(signal_number);
    _exit(stop_requested() && stop_seconds_ago() >= 0 ? 7 : 2);
}

static void each_signal_sets_the_flag(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
    char said[CHILD_CAP];
    for (size_t i = 0; i < 3; i++) {
        signal_number = numbers[i];
        int status = child_run(raise_and_look, said);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
    }
}

static void request_and_look(void)
{
    stop_request();
    double first = stop_seconds_ago();
    stop_request();
    _exit(stop_requested() && first >= 0 && stop_seconds_ago() >= first ? 7 : 2);
}

static void the_first_request_counts(void **state)
{
    (void)state;
    char said[CHILD_CAP];
    assert_int_equal(WEXITSTATUS(child_run(request_and_look, said)), 7);
    assert_false(stop_requested());
    assert_true(stop_seconds_ago() < 0);
}

/* A time that is over asks at once; one that is far off, or taken back, does not. */
static void wait_for_clock(void)
{
    stop_after(1e6);
    if (stop_requested())
        _exit(1);
    stop_after(0);
    stop_after(INFINITY);
    if (stop_requested())
        _exit(2);
    stop_after(0);
    _exit(stop_requested() && stop_seconds_ago() >= 0 ? 7 : 3);
}

static void a_clock_asks_too(void **state)
{
    (void)state;
    char said[CHILD_CAP];
    assert_int_equal(WEXITSTATUS(child_run(wait_for_clock, said)), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_sets_the_flag),
        cmocka_unit_test(the_first_request_counts),
        cmocka_unit_test(a_clock_asks_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
