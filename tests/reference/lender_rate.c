// SPDX-License-Identifier: Apache-2.0
//
// Requests a second that the lender answers on this machine, and what one of them costs rank 0 outside of its own asking: its
// thread and those of ZeroMQ, encryption included; and what it costs to let a rank in. Each lease is one row that takes no time.
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

static int64_t ask_all(lender_t *lender, lender_answer_t answer)
{
    int64_t asks = 0;
    for (; !answer.last; asks++) {
        int64_t done = answer.kind == LENDER_LEND ? answer.end - answer.begin : 0;
        // it took far more than a lease should: one row each
        lender_ask_t ask = {.done = done, .seconds = (double)done, .room = INT64_MAX / 4};
        answer = lender_borrow(lender, &ask);
    }
    return asks;
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    int64_t rows = (argc > 1 ? atoll(argv[1]) : 2000) * par.size;
    lender_config_t config = {.plan = lender_plan_default(par.size, 1, &rows)};
    lender_t *lender;
    double closed = cpu_beside();
    CHECK(lender_open(&par, &config, &lender) == OK, "%s", err_text());
    lender_answer_t first = lender_borrow(lender, &(lender_ask_t){.room = INT64_MAX / 4});
    par_barrier(&par);
    double start = log_clock(), open = cpu_beside();
    int64_t asks = par_sum_i64(&par, ask_all(lender, first));
    double seconds = log_clock() - start, asked = cpu_beside();
    lender_close(&lender);
    if (par.rank == 0)
        printf("%d ranks: %.0f requests a second; one takes %.1f us of rank 0's other threads, to "
               "let a rank in %.0f us\n",
               par.size, (double)asks / seconds, 1e6 * (asked - open) / (double)asks,
               1e6 * (open - closed) / par.size);
    par_stop(&par);
    return EXIT_SUCCESS;
}
