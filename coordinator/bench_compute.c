// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/bench.h"
#include "coordinator/study.h"
#include "coordinator/trainer.h"
#include "storage/first_pass.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_SIZE = 2048, ROWS = 4096, LEASE = 256, SLICE = 16, DRAWS = 1000 };
static const double SECONDS = 4; // of each measurement

/* The sum of a rate over ranks that work at the same time. */
static double all_ranks(const par_t *par, double mine)
{
    double *leaf = &mine, sum = 0;
    par_tree_sum_f64(par, par->size, 1, &leaf, &sum);
    return sum;
}

void bench_gemm(bench_t *b)
{
    int n = GEMM_SIZE, times = 0;
    size_t values = (size_t)n * (size_t)n;
    float *x = MEM_NEW(float, values), *y = MEM_NEW(float, values), *z = MEM_NEW(float, values);
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, values, x);
    rng_fill_normal_f32(&rng, values, y);
    par_barrier(b->par);
    double start = log_clock(), now = start;
    for (; now - start < SECONDS; times++, now = log_clock())
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, x, n, y, n, 0, z, n);
    b->gemm = all_ranks(b->par, 2.0 * n * n * n * times / (now - start) / 1e9);
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
    for (; done < ROWS || now - start < SECONDS; done += LEASE, now = log_clock()) {
        int64_t at = done % ROWS, first = done * b->par->size + LEASE * b->par->rank;
        TRY(simulator_rows(b->simulator, 1, RNG_BANK, first, LEASE, &b->rows, at, &lease));
        for (int64_t i = at; i < at + LEASE; i++)
            trials += b->rows.length[i];
    }
    b->rows.n = ROWS;
    bench_add(b, (bench_row_t){.stage = "simulate (ddm)",
                               .rate = all_ranks(b->par, (double)done / (now - start)),
                               .unit = "rows/s"});
    bench_add(b, (bench_row_t){.stage = "simulate (ddm)",
                               .rate = all_ranks(b->par, trials / (now - start)),
                               .unit = "trials/s"});
    return OK;
}

/* Standardisation is not measured: zero means and unit scales do. */
static void plain_scaling(amortizer_t *a, const schema_t *s)
{
    int most = s->n_parameters + s->n_design + 16;
    for (int o = 0; o < s->n_observables; o++)
        most += (int)schema_stride(&s->observables[o]);
    double *zeros = MEM_NEW(double, most), *ones = MEM_NEW(double, most);
    double **zero = MEM_NEW(double *, s->n_observables),
           **one = MEM_NEW(double *, s->n_observables);
    for (int i = 0; i < most; i++)
        ones[i] = 1;
    for (int o = 0; o < s->n_observables; o++) {
        zero[o] = zeros;
        one[o] = ones;
    }
    scaling_t scaling = {zeros, ones, zeros, ones, zero, one};
    amortizer_set_scaling(a, &scaling);
    free(zeros);
    free(ones);
    free(zero);
    free(one);
}

static void measure_step(bench_t *b, amortizer_t *a)
{
    int64_t steps = 0;
    int slices = 4 * b->par->size;
    trainer_config_t config = {.slices = slices,
                               .slice_rows = SLICE,
                               .seed = 1,
                               .adamw = adamw_config_default(),
                               .schedule = {.peak = 1e-4, .total = 1 << 20}};
    trainer_t *t = trainer_create(b->par, &config, b->rows.schema, a);
    rows_t part = rows_create(b->rows.schema, SLICE);
    par_barrier(b->par);
    double start = log_clock(), flops = 0, now = start, loss, norm;
    for (; !par_any(b->par, now - start > SECONDS); steps++, now = log_clock()) {
        for (int k = 0; k < trainer_slice_count(t); k++) {
            int64_t first = (steps * trainer_slice_count(t) + k) * SLICE % (ROWS - SLICE);
            for (int64_t i = 0; i < SLICE; i++)
                rows_copy(&b->rows, first + i, &part, i);
            part.n = SLICE;
            trainer_add(t, steps, k, &part);
            flops += trainer_flops(t);
        }
        if (trainer_finish_step(t, steps, &loss, &norm) != OK)
            err_clear(); // untrained weights: the time is the same
    }
    double gflops = all_ranks(b->par, flops / (now - start) / 1e9);
    bench_add(b, (bench_row_t){"training step", (double)steps / (now - start),
                               slices == 8 ? "batches of 128/s" : "batches/s", gflops, b->gemm,
                               "GF/s"});
    bench_add(b, (bench_row_t){.stage = "training step",
                               .rate = (double)(steps * slices * SLICE) / (now - start),
                               .unit = "rows/s"});
    rows_destroy(&part);
    trainer_destroy(&t);
}

static void measure_draws(bench_t *b, amortizer_t *a)
{
    const float *fields[8];
    rng_t rng[SLICE];
    amortizer_work_t *work = amortizer_work_create(a, WORK_EVALUATE, SLICE, SLICE * DRAWS);
    double *out = MEM_NEW(double, (int64_t)SLICE *DRAWS * b->rows.schema->n_parameters);
    int64_t sets = 0;
    par_barrier(b->par);
    double start = log_clock(), flops = 0, now = start;
    for (; now - start < SECONDS; sets += SLICE, now = log_clock()) {
        int64_t first = sets % (ROWS - SLICE);
        for (int i = 0; i < SLICE; i++)
            rng[i] = rng_at(1, RNG_CHECK, (uint64_t)(sets + i));
        batch_t batch = batch_of_rows(&b->rows, first, first + SLICE, fields);
        amortizer_sample(work, &batch, DRAWS, rng, out, NULL);
        flops += amortizer_work_flops(work);
    }
    double gflops = all_ranks(b->par, flops / (now - start) / 1e9);
    bench_add(b, (bench_row_t){"draws", all_ranks(b->par, (double)(sets * DRAWS) / (now - start)),
                               "draws/s", gflops, b->gemm, "GF/s"});
    free(out);
    amortizer_work_destroy(&work);
}

err_t bench_training(bench_t *b)
{
    study_t study;
    amortizer_config_t config;
    amortizer_t *a = NULL;
    TRY(par_agree(b->par, study_parse("study: bench\nmodel: {builtin: ddm}\n", "bench", &study)));
    err_t err = study_network(&study, b->rows.schema, &config);
    if (err == OK)
        err = amortizer_create(&config, 1, &a);
    err = par_agree(b->par, err);
    if (err == OK) {
        plain_scaling(a, b->rows.schema);
        measure_step(b, a);
        measure_draws(b, a);
    }
    amortizer_destroy(&a);
    study_free(&study);
    return err;
}
