/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages of the program against this machine's limits, measured in the same run on the same ranks. All functions are
 * collective; numbers are of all ranks together.
 */
#ifndef COORDINATOR_BENCH_H
#define COORDINATOR_BENCH_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "storage/rows.h"
#include "workers/load.h"

typedef struct {
    const char *stage; // "bank write"
    double rate;       // the stage's own
    const char *unit;  // "steps/s"
    double work,
        limit; // in limit_unit: what the rate amounts to, and the limit; limit 0: there is none
    const char *limit_unit; // "GF/s"
} bench_row_t;

enum { BENCH_MAX_ROWS = 16 };
typedef struct {
    const par_t *par;
    simulator_t *simulator; // ddm
    rows_t rows;            // simulated ones of this rank
    double gemm;            // GF/s of all ranks: sgemm at 2048
    int n;
    bench_row_t row[BENCH_MAX_ROWS];
} bench_t;

/* Products, steps and draws are measured in windows, of which the best counts: another process on this machine spoils the
 * others. */
enum { BENCH_WINDOWS = 4, BENCH_WINDOW_SECONDS = 1 };

void bench_add(bench_t *b, bench_row_t row);

/* bench_compute.c */
void bench_gemm(bench_t *b);
err_t bench_simulate(bench_t *b) ERR_MUST_CHECK; // fills b->rows
/* The sum of a rate over ranks that work at the same time. */
double bench_all_ranks(const par_t *par, double mine);
/* bench_networks.c: training steps and draws */
err_t bench_networks(bench_t *b) ERR_MUST_CHECK;
/* bench_storage.c: in a folder of the current directory that is removed again */
err_t bench_storage(bench_t *b) ERR_MUST_CHECK;

#endif
