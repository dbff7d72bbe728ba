// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/mmd.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCALES = 11, BLOCK = 256 }; // columns of kernels that are computed together

static void scales_fill(double out[SCALES])
{
    for (int i = 0; i < SCALES; i++)
        out[i] = pow(10, -6 + 1.2 * i);
}

/* Squared distances of x (d) from the rows of `across` (d, BLOCK), of which n count. */
static void distances_to(const double *x, int64_t n, int d, const double *across, double *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int k = 0; k < d; k++) {
        const double *y = across + (int64_t)k * BLOCK;
        for (int64_t j = 0; j < n; j++)
            out[j] += (x[k] - y[j]) * (x[k] - y[j]);
    }
}

static void kernels_of(mmd_kernel_t kernel, int64_t n, const double *squared, double *out)
{
    double s[SCALES];
    scales_fill(s);
    memset(out, 0, (size_t)n * sizeof *out);
    for (int i = 0; i < SCALES; i++) {
        if (kernel == MMD_GAUSSIAN)
            for (int64_t j = 0; j < n; j++)
                out[j] += exp(-sqrt(squared[j]) / (2 * s[i]));
        else
            for (int64_t j = 0; j < n; j++)
                out[j] += s[i] / (squared[j] + s[i]);
    }
}

/* Rows [first, first + n) of y (.., d) as columns: (d, BLOCK). */
static void turn(const double *y, int64_t first, int64_t n, int d, double *across)
{
    for (int64_t j = 0; j < n; j++)
        for (int k = 0; k < d; k++)
            across[(int64_t)k * BLOCK + j] = y[(first + j) * d + k];
}

/* What becomes of the kernels of row i with columns [first, first + n). */
typedef void take_t(void *user, int64_t i, int64_t first, int64_t n, const double *kernels);

static void all_kernels(mmd_kernel_t kernel, int64_t n, const double *x, int64_t m, const double *y,
                        int d, take_t *take, void *user)
{
    double *across = MEM_NEW(double, (int64_t)d *BLOCK), squared[BLOCK], value[BLOCK];
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t columns = m - first < BLOCK ? m - first : BLOCK;
        turn(y, first, columns, d, across);
        for (int64_t i = 0; i < n; i++) {
            distances_to(x + i * d, columns, d, across, squared);
            kernels_of(kernel, columns, squared, value);
            take(user, i, first, columns, value);
        }
    }
    free(across);
}

static double sum_of(int64_t n, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static void add_up(void *user, int64_t i, int64_t first, int64_t n, const double *kernels)
{
    (void)i, (void)first;
    *(double *)user += sum_of(n, kernels);
}

static double mean_kernel(mmd_kernel_t kernel, int64_t n, const double *x, int64_t m,
                          const double *y, int d)
{
    double sum = 0;
    all_kernels(kernel, n, x, m, y, d, add_up, &sum);
    return sum / ((double)n * (double)m);
}

double mmd_squared(mmd_kernel_t kernel, int64_t n, const double *x, int64_t m, const double *y,
                   int d)
{
    CHECK(n > 0 && m > 0 && d > 0, "MMD of %ld and %ld rows of %d numbers", (long)n, (long)m, d);
    return mean_kernel(kernel, n, x, n, x, d) + mean_kernel(kernel, m, y, m, y, d) -
           2 * mean_kernel(kernel, n, x, m, y, d);
}

/* ---- the test ---- */

/* Kernels of all rows, observed ones first; everything below is sums over parts of them. */
typedef struct {
    int64_t n, m, rows; // rows = n + m
    double *kernel;     // (rows, rows)
    double *total;      // (rows): of each row with all rows
    double *reference;  // (rows): of each row with the reference rows
    double all;         // of `total`
} pool_t;

static void keep_row(void *user, int64_t i, int64_t first, int64_t n, const double *kernels)
{
    pool_t *p = user;
    memcpy(p->kernel + i * p->rows + first, kernels, (size_t)n * sizeof *kernels);
}

static pool_t pool_create(mmd_kernel_t kernel, int64_t n, const double *observed, int64_t m,
                          const double *reference, int d)
{
    pool_t p = {.n = n, .m = m, .rows = n + m};
    double *rows = MEM_NEW(double, p.rows *d);
    memcpy(rows, observed, (size_t)(n * d) * sizeof *rows);
    memcpy(rows + n * d, reference, (size_t)(m * d) * sizeof *rows);
    p.kernel = mem_alloc((size_t)(p.rows * p.rows), sizeof(double));
    p.total = MEM_NEW(double, p.rows);
    p.reference = MEM_NEW(double, p.rows);
    all_kernels(kernel, p.rows, rows, p.rows, rows, d, keep_row, &p);
    for (int64_t i = 0; i < p.rows; i++) {
        const double *row = p.kernel + i * p.rows;
        p.reference[i] = sum_of(m, row + n);
        p.total[i] = sum_of(n, row) + p.reference[i];
    }
    p.all = sum_of(p.rows, p.total);
    free(rows);
    return p;
}

static void pool_free(pool_t *p)
{
    free(p->kernel);
    free(p->total);
    free(p->reference);
}

static double within(const pool_t *p, const int64_t *row)
{
    double pairs = 0, same = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const double *kernel = p->kernel + row[i] * p->rows;
        same += kernel[row[i]];
        for (int64_t j = 0; j < i; j++)
            pairs += kernel[row[j]];
    }
    return same + 2 * pairs;
}

static double picked_sum(const pool_t *p, const int64_t *row, const double *of)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        sum += of[row[i]];
    return sum;
}

static double from_sums(const pool_t *p, double first, double second, double cross)
{
    double n = (double)p->n, m = (double)p->m;
    return first / (n * n) + second / (m * m) - 2 * cross / (n * m);
}

/* MMD^2 of n rows and all others. */
static double divided(const pool_t *p, const int64_t *row)
{
    double first = within(p, row), with_all = picked_sum(p, row, p->total);
    return from_sums(p, first, p->all - 2 * with_all + first, with_all - first);
}

/* MMD^2 of n rows and the reference. */
static double against_reference(const pool_t *p, const int64_t *row)
{
    double second = sum_of(p->m, p->reference + p->n);
    return from_sums(p, within(p, row), second, picked_sum(p, row, p->reference));
}

/* The first n of `row` become a random choice out of all. */
static void choose(const pool_t *p, rng_t *rng, int64_t *row)
{
    for (int64_t i = 0; i < p->n; i++) {
        int64_t j = rng_integer(rng, i, p->rows - 1), other = row[j];
        row[j] = row[i];
        row[i] = other;
    }
}

static double p_value(const pool_t *p, const mmd_config_t *config, double observed)
{
    int64_t *row = MEM_NEW(int64_t, p->rows), as_large = 0;
    rng_t rng = rng_at(config->seed, RNG_MISFIT, 0);
    for (int64_t i = 0; i < p->rows; i++)
        row[i] = i;
    for (int64_t k = 0; k < config->draws; k++) {
        choose(p, &rng, row);
        as_large += divided(p, row) >= observed - 1e-12 * fabs(observed); // the same rows again
    }
    free(row);
    return (double)(as_large + 1) / (double)(config->draws + 1);
}

static double rejection_threshold(const pool_t *p, const mmd_config_t *config)
{
    int64_t *row = MEM_NEW(int64_t, p->n);
    double *null = MEM_NEW(double, config->draws);
    rng_t rng = rng_at(config->seed, RNG_MISFIT, 1);
    for (int64_t k = 0; k < config->draws; k++) {
        for (int64_t i = 0; i < p->n; i++)
            row[i] = rng_integer(&rng, p->n, p->rows - 1);
        null[k] = against_reference(p, row);
    }
    stats_sort(config->draws, null);
    double quantile = stats_quantile(config->draws, null, 0.95);
    free(null);
    free(row);
    return quantile;
}

mmd_test_t mmd_test(const mmd_config_t *config, int64_t n, const double *observed, int64_t m,
                    const double *reference, int d)
{
    CHECK(n > 0 && m > 0 && d > 0 && config->draws > 0 && n + m <= MMD_TEST_ROWS,
          "MMD test of %ld and %ld rows, %d together at most", (long)n, (long)m, MMD_TEST_ROWS);
    pool_t p = pool_create(config->kernel, n, observed, m, reference, d);
    int64_t *row = MEM_NEW(int64_t, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = i;
    mmd_test_t test = {.squared = divided(&p, row)};
    test.p_value = p_value(&p, config, test.squared);
    test.threshold = rejection_threshold(&p, config);
    free(row);
    pool_free(&p);
    return test;
}
