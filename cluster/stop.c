// SPDX-License-Identifier: Apache-2.0
#include "cluster/stop.h"

#include "cluster/err.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a signal handler may only touch lock-free atomics");

static _Atomic int64_t stop_time; // of the first request, monotonic nanoseconds; 0: none

static _Atomic int64_t stop_deadline; // of stop_after; 0: none

static int64_t clock_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void stop_request(void)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&stop_time, &none, clock_nanoseconds());
}

static void on_signal(int number)
{
    (void)number;
    stop_request();
}

void stop_clear(void)
{
    atomic_store(&stop_time, 0);
}

void stop_install(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(sigaction(numbers[i], &action, NULL) == 0, "signal %d can not be caught", numbers[i]);
}

void stop_after(double seconds)
{
    bool never = !(seconds < 1e9);
    atomic_store(&stop_deadline, never ? 0 : clock_nanoseconds() + (int64_t)(seconds * 1e9));
}

bool stop_requested(void)
{
    int64_t deadline = atomic_load(&stop_deadline);
    if (deadline != 0 && clock_nanoseconds() >= deadline)
        stop_request();
    return atomic_load(&stop_time) != 0;
}

double stop_seconds_ago(void)
{
    int64_t since = atomic_load(&stop_time);
    return since == 0 ? -1 : (double)(clock_nanoseconds() - since) * 1e-9;
}
