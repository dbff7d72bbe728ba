// SPDX-License-Identifier: Apache-2.0
#include "nn/set_features.h"

#include "cluster/err.h"

#include <math.h>
#include <stdlib.h>

enum { CHANNELS = 3 };

static const double tiny = 1e-3; // of a standard deviation: no logarithm of zero
static const double far = 10.0;  // a standardised order statistic beyond it is cut off

// Dense at both ends: an onset or an outlier shows there.
static const double levels[] = {0.0,  0.003, 0.006, 0.01, 0.015, 0.02, 0.03,  0.04,  0.05, 0.065,
                                0.08, 0.1,   0.15,  0.2,  0.25,  0.3,  0.35,  0.4,   0.45, 0.5,
                                0.55, 0.6,   0.65,  0.7,  0.75,  0.8,  0.85,  0.9,   0.92, 0.935,
                                0.95, 0.96,  0.97,  0.98, 0.985, 0.99, 0.994, 0.997, 1.0};
enum { LEVELS = sizeof levels / sizeof *levels };

static double channel(int c, double y, double mean, double sd)
{
    switch (c) {
    case 0:
        return (y - mean) / sd;
    case 1:
        return fabs(y) / sd - 1.0;
    default:
        return log(fabs(y) / sd + tiny);
    }
}

int64_t set_features_element_columns(const set_features_t *f)
{
    return f->columns * (f->plain ? 1 : CHANNELS + 1);
}

int64_t set_features_set_columns(const set_features_t *f)
{
    if (f->plain)
        return 0;
    int64_t each = (f->moments ? 2 * CHANNELS + 1 : 0) + (f->quantiles ? 5 * LEVELS : 0);
    return 1 + f->columns * each;
}

int64_t set_features_scratch(const set_features_t *f)
{
    return f->max_length;
}

void set_features_elements(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                           const float *values, float *out)
{
    for (int64_t k = 0; k < n * f->columns; k++) {
        int64_t j = k % f->columns;
        double y = (double)values[k];
        if (f->plain) {
            *out++ = (float)channel(0, y, mean[j], sd[j]);
            continue;
        }
        for (int c = 0; c < CHANNELS; c++)
            *out++ = (float)channel(c, y, mean[j], sd[j]);
        *out++ = (float)((y > 0.0) - (y < 0.0));
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct {
    double mean, sd;
} moments_t;

static moments_t moments_of(int64_t n, const double *x)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return (moments_t){mean, sqrt(squares / (double)n) + 1e-4};
}

static double quantile(int64_t n, const double *sorted, double level)
{
    double at = level * (double)(n - 1);
    int64_t k = (int64_t)at;
    double above = k + 1 < n ? sorted[k + 1] : sorted[k];
    return sorted[k] + (at - (double)k) * (above - sorted[k]);
}

static float *write_quantiles(int64_t n, const double *sorted, moments_t m, bool logarithms,
                              float *out)
{
    for (int k = 0; k < LEVELS; k++) {
        double q = quantile(n, sorted, levels[k]);
        *out++ = (float)q;
        *out++ = (float)fmin(fmax((q - m.mean) / m.sd, -far), far);
        if (logarithms)
            *out++ = (float)log(q + 1.0 + tiny);
    }
    return out;
}

// Channel c of column j; the values come out of the array of interleaved columns.
static float *write_channel(const set_features_t *f, int c, int64_t j, double mean, double sd,
                            int64_t n, const float *values, double *scratch, float *out)
{
    for (int64_t i = 0; i < n; i++)
        scratch[i] = channel(c, (double)values[i * f->columns + j], mean, sd);
    moments_t m = moments_of(n, scratch);
    if (f->moments) {
        *out++ = (float)m.mean;
        *out++ = (float)log(m.sd);
    }
    if (!f->quantiles || c == CHANNELS - 1)
        return out;
    qsort(scratch, (size_t)n, sizeof *scratch, ascending);
    return write_quantiles(n, scratch, m, c == 1, out);
}

static float log_odds(const set_features_t *f, int64_t j, int64_t n, const float *values)
{
    int64_t positive = 0;
    for (int64_t i = 0; i < n; i++)
        positive += values[i * f->columns + j] > 0.0f;
    return (float)log(((double)positive + 0.5) / ((double)(n - positive) + 0.5));
}

void set_features_set(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                      const float *values, double *scratch, float *out)
{
    CHECK(n <= f->max_length, "%ld elements, planned for %ld", (long)n, (long)f->max_length);
    float *end = out + set_features_set_columns(f);
    *out++ = (float)(log(fmax((double)n, 0.5) / (double)f->max_length) + 1.0);
    for (int64_t j = 0; n > 0 && j < f->columns; j++) {
        for (int c = 0; c < CHANNELS; c++)
            out = write_channel(f, c, j, mean[j], sd[j], n, values, scratch, out);
        if (f->moments)
            *out++ = log_odds(f, j, n, values);
    }
    while (out < end)
        *out++ = 0.0f;
}
