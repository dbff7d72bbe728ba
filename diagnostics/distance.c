// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/distance.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void distance_moments(int64_t n, int d, const float *x, double *mean, double *covariance)
{
    double *e = MEM_NEW(double, d);
    for (int64_t i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            mean[a] += (double)x[i * d + a] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            e[a] = (double)x[i * d + a] - mean[a];
        for (int a = 0; a < d; a++) {
            for (int b = 0; b <= a; b++)
                covariance[a * d + b] += e[a] * e[b] / (double)(n - 1);
        }
    }
    free(e);
}

/* Cholesky-Banachiewicz of matrix + ridge I; false where a pivot is not clearly positive. */
static bool distance_factor(int d, const double *matrix, double ridge, double least, double *l)
{
    memset(l, 0, (size_t)d * (size_t)d * sizeof *l);
    for (int a = 0; a < d; a++) {
        for (int b = 0; b <= a; b++) {
            double sum = matrix[a * d + b] + (a == b ? ridge : 0);
            for (int c = 0; c < b; c++)
                sum -= l[a * d + c] * l[b * d + c];
            if (a == b && !(sum > least))
                return false;
            l[a * d + b] = a == b ? sqrt(sum) : sum / l[b * d + b];
        }
    }
    return true;
}

static void distance_factor_ridge(int d, const double *covariance, double *l)
{
    double trace = 0;
    for (int a = 0; a < d; a++)
        trace += covariance[a * d + a];
    double scale = trace > 0 ? trace / d : 1;
    double ridge = 0, least = scale * 1e-12;
    while (!distance_factor(d, covariance, ridge, least, l)) {
        ridge = ridge > 0 ? ridge * 10 : scale * 1e-10;
        CHECK(ridge < scale * 1e6, "covariance of summaries does not factor: mean variance %g",
              scale);
    }
}

void distance_whiten(const distance_t *f, const float *summaries, double *out)
{
    for (int a = 0; a < f->d; a++) {
        double value = (double)summaries[a] - f->mean[a];
        for (int b = 0; b < a; b++)
            value -= f->cholesky[a * f->d + b] * out[b];
        out[a] = value / f->cholesky[a * f->d + a];
    }
}

static double distance_squared(const distance_t *f, const float *x)
{
    double sum = 0, *y = MEM_NEW(double, f->d);
    distance_whiten(f, x, y);
    for (int a = 0; a < f->d; a++)
        sum += y[a] * y[a];
    free(y);
    return sum;
}

/* With e = x_i - mean, W the scatter matrix and h = e' W^-1 e: leaving out i changes e by n / (n - 1) and W by
 * -n / (n - 1) e e'. */
static double distance_left_out(int64_t n, double squared)
{
    double c = (double)n / (double)(n - 1), h = squared / (double)(n - 1);
    double rest = fmax(1 - c * h, 1e-12);
    return c * sqrt((double)(n - 2) * h / rest);
}

distance_t distance_fit(int64_t n, int d, const float *summaries)
{
    CHECK(n > 2 && d > 0, "distance from %ld data sets with %d summaries", (long)n, d);
    distance_t f = {.n = n, .d = d};
    f.mean = MEM_NEW(double, d);
    f.cholesky = mem_zero((size_t)d * (size_t)d, sizeof(double));
    f.reference = MEM_NEW(double, n);
    double *covariance = mem_zero((size_t)d * (size_t)d, sizeof(double));
    distance_moments(n, d, summaries, f.mean, covariance);
    distance_factor_ridge(d, covariance, f.cholesky);
    for (int64_t i = 0; i < n; i++)
        f.reference[i] = distance_left_out(n, distance_squared(&f, summaries + i * d));
    stats_sort(n, f.reference);
    f.kept = n < DISTANCE_KEPT ? n : DISTANCE_KEPT;
    f.summaries = MEM_NEW(float, f.kept *d);
    memcpy(f.summaries, summaries, (size_t)(f.kept * d) * sizeof *summaries);
    free(covariance);
    return f;
}

void distance_free(distance_t *f)
{
    free(f->mean);
    free(f->cholesky);
    free(f->reference);
    free(f->summaries);
    *f = (distance_t){0};
}

double distance_value(const distance_t *f, const float *summaries)
{
    return sqrt(distance_squared(f, summaries));
}

double distance_p_value(const distance_t *f, double distance)
{
    int64_t low = 0, high = f->n; // the first reference that is not below
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (f->reference[middle] < distance || isnan(distance))
            low = middle + 1;
        else
            high = middle;
    }
    return (double)(f->n - low + 1) / (double)(f->n + 1);
}
