// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/bench.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_SIZE = 2048, ROWS = 4096, LEASE = 256 };
static const double SIMULATE_SECONDS = 4;

double bench_all_ranks(const par_t *par, double mine)
{
    double *leaf = &mine, sum = 0;
    par_tree_sum_f64(par, par->size, 1, &leaf, &sum);
    return sum;
}

void bench_gemm(bench_t *b)
{
    int n = GEMM_SIZE;
    size_t values = (size_t)n * (size_t)n;
    float *x = MEM_NEW(float, values), *y = MEM_NEW(float, values), *z = MEM_NEW(float, values);
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, values, x);
    rng_fill_normal_f32(&rng, values, y);
    for (int w = 0; w < BENCH_WINDOWS; w++) {
        int times = 0;
        par_barrier(b->par);
        double start = log_clock(), now = start;
        for (; now - start < BENCH_WINDOW_SECONDS; times++, now = log_clock())
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, x, n, y, n, 0, z, n);
        double rate = bench_all_ranks(b->par, 2.0 * n * n * n * times / (now - start) / 1e9);
        b->gemm = rate > b->gemm ? rate : b->gemm;
    }
    free(x);
    free(y);
    free(z);
}

err_t bench_simulate(bench_t *b)
{
    b->rows = rows_create(simulator_schema(b->simulator), ROWS);
    par_barrier(b->par);
    double start = log_clock(), trials = 0, now = start;
    int64_t done = 0, lease;
    for (; done < ROWS || now - start < SIMULATE_SECONDS; done += LEASE, now = log_clock()) {
        int64_t at = done % ROWS, first = done * b->par->size + LEASE * b->par->rank;
        TRY(simulator_rows(b->simulator, 1, RNG_BANK, first, LEASE, &b->rows, at, &lease));
        for (int64_t i = at; i < at + LEASE; i++)
            trials += b->rows.length[i];
    }
    b->rows.n = ROWS;
    bench_add(b, (bench_row_t){.stage = "simulate (ddm)",
                               .rate = bench_all_ranks(b->par, (double)done / (now - start)),
                               .unit = "rows/s"});
    bench_add(b, (bench_row_t){.stage = "simulate (ddm)",
                               .rate = bench_all_ranks(b->par, trials / (now - start)),
                               .unit = "trials/s"});
    return OK;
}
