// SPDX-License-Identifier: Apache-2.0
#include "nn/decorrelate.h"

#include "cluster/mem.h"
#include "nn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Chosen by trials with the drift diffusion model (train_probe): held-out loss after the same number of data sets.
static const double ridge = 0.1, size = 0.3;
static const float limit = 4.0f;
static const double least_sd = 1e-6;

static void find_columns(const decorrelate_t *d, int64_t n, const float *x)
{
    for (int64_t j = 0; j < d->cols; j++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i * d->cols + j];
        for (int64_t i = 0; i < n; i++) {
            double at = (double)x[i * d->cols + j] - sum / (double)n;
            squares += at * at;
        }
        double sd = sqrt(squares / (double)n);
        d->mean[j] = (float)(sum / (double)n);
        d->factor[j] = sd > least_sd ? (float)(1.0 / sd) : 0.0f;
    }
}

// The lower half of r (cols, cols).
static void correlations(const decorrelate_t *d, int64_t n, const float *x, double *r)
{
    int64_t cols = d->cols;
    double *row = MEM_NEW(double, cols);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < cols; j++)
            row[j] = ((double)x[i * cols + j] - (double)d->mean[j]) * (double)d->factor[j];
        for (int64_t j = 0; j < cols; j++)
            for (int64_t k = 0; k <= j; k++)
                r[j * cols + k] += row[j] * row[k] / (double)n;
    }
    free(row);
}

// The lower half of a becomes L with L L' = a.
static void cholesky(int64_t n, double *a)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
}

// Column j of L^-1, its rows i >= j, becomes row j of the transform.
static void invert_column(const decorrelate_t *d, const double *l, int64_t j, double *column)
{
    int64_t n = d->cols;
    for (int64_t i = j; i < n; i++) {
        double sum = i == j ? 1.0 : 0.0;
        for (int64_t k = j; k < i; k++)
            sum -= l[i * n + k] * column[k];
        column[i] = sum / l[i * n + i];
        d->transform[j * n + i] = (float)(size * column[i]);
    }
}

void decorrelate_identity(const decorrelate_t *d)
{
    memset(d->transform, 0, (size_t)(d->cols * d->cols) * sizeof *d->transform);
    for (int64_t j = 0; j < d->cols; j++) {
        d->mean[j] = 0.0f;
        d->factor[j] = 1.0f;
        d->transform[j * d->cols + j] = (float)size;
    }
}

void decorrelate_fit(const decorrelate_t *d, int64_t n, const float *x)
{
    double *r = MEM_NEW(double, d->cols * d->cols), *column = MEM_NEW(double, d->cols);
    find_columns(d, n, x);
    correlations(d, n, x, r);
    for (int64_t j = 0; j < d->cols; j++)
        r[j * d->cols + j] += ridge;
    cholesky(d->cols, r);
    memset(d->transform, 0, (size_t)(d->cols * d->cols) * sizeof *d->transform);
    for (int64_t j = 0; j < d->cols; j++)
        invert_column(d, r, j, column);
    free(column);
    free(r);
}

void decorrelate_apply(const decorrelate_t *d, int64_t n, float *x, float *y)
{
    for (int64_t k = 0; k < n * d->cols; k++) {
        float at = (x[k] - d->mean[k % d->cols]) * d->factor[k % d->cols];
        x[k] = at > limit ? limit : at < -limit ? -limit : at;
    }
    vec_gemm(false, false, n, d->cols, d->cols, 1.0f, x, d->cols, d->transform, d->cols, 0.0f, y,
             d->cols);
}
