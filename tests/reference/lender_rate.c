// SPDX-License-Identifier: Apache-2.0
//
// Requests a second that the lender answers on this machine, and what one of them costs rank 0 outside of its own asking: its
// thread and those of ZeroMQ, encryption included. Each lease is one row that takes no time.
//
//     mpirun -n 8 lender_rate [ASKS]       asks of each rank
#include "cluster/log.h"
#include "cluster/par.h"
#include "workers/lender.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_seconds(int who)
{
    struct rusage r;
    getrusage(who, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

// Of the threads other than this one.
static double cpu_beside(void)
{
    return cpu_seconds(RUSAGE_SELF) - cpu_seconds(RUSAGE_THREAD);
}

static int64_t ask_all(lender_t *lender)
{
    lender_ask_t ask = {.room = INT64_MAX / 4};
    lender_answer_t answer;
    for (int64_t asks = 0;; asks++) {
        lender_ask(lender, &ask);
        while (!lender_wait(lender, 1000, &answer))
            continue;
        if (answer.last)
            return asks;
        ask.done = answer.kind == LENDER_LEND ? answer.end - answer.begin : 0;
        ask.seconds = (double)ask.done; // far more than a lease should take: one row each
    }
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    int64_t rows = (argc > 1 ? atoll(argv[1]) : 2000) * par.size;
    lender_config_t config = {.plan = lender_plan_default(par.size, 1, &rows)};
    lender_t *lender;
    CHECK(lender_open(&par, &config, &lender) == OK, "%s", err_text());
    par_barrier(&par);
    double start = log_clock(), before = cpu_beside();
    int64_t asks = par_sum_i64(&par, ask_all(lender));
    double seconds = log_clock() - start, cost = cpu_beside() - before;
    lender_close(&lender);
    if (par.rank == 0)
        printf("%d ranks: %.0f requests a second; each takes %.1f us of the lender's threads\n",
               par.size, (double)asks / seconds, 1e6 * cost / (double)asks);
    par_stop(&par);
    return EXIT_SUCCESS;
}
