// SPDX-License-Identifier: Apache-2.0
#include "nn/set_features.h"

#include "cluster/err.h"
#include "nn/series_features.h"
#include "nn/sort.h"

#include <math.h>

enum { CHANNELS = 3, SORTED = 2, PAIRED = 16 };

static const double tiny = 1e-3; // of a standard deviation: no logarithm of zero

// Dense at both ends: an onset or an outlier shows there.
static const double levels[] = {0.0,  0.003, 0.006, 0.01, 0.015, 0.02, 0.03,  0.04,  0.05, 0.065,
                                0.08, 0.1,   0.15,  0.2,  0.25,  0.3,  0.35,  0.4,   0.45, 0.5,
                                0.55, 0.6,   0.65,  0.7,  0.75,  0.8,  0.85,  0.9,   0.92, 0.935,
                                0.95, 0.96,  0.97,  0.98, 0.985, 0.99, 0.994, 0.997, 1.0};
enum { LEVELS = sizeof levels / sizeof *levels, QUARTER = 14, MEDIAN = 19, THREE_QUARTERS = 24 };

// Places in `levels`: neighbours for the gaps; both ends of the spans.
static const int gap_at[] = {0, 3, 5, 8, 11, 13, 16, 19, 22, 25, 27, 30, 33, 35, 38};
static const int span_low[] = {5, 8, 11}, span_high[] = {13, 16, 19, 22, 25, 27};
enum {
    GAPS = sizeof gap_at / sizeof *gap_at - 1,
    LOWS = sizeof span_low / sizeof *span_low,
    HIGHS = sizeof span_high / sizeof *span_high,
    SHAPE = LEVELS + 1 + GAPS + LOWS * HIGHS
};

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

static int64_t pairs(const set_features_t *f)
{
    return f->moments && f->columns <= PAIRED ? f->columns * (f->columns - 1) / 2 : 0;
}

int64_t set_features_set_columns(const set_features_t *f)
{
    if (f->plain && !f->moments && !f->quantiles && !f->lags)
        return 0;
    int64_t each = (f->moments ? 2 * CHANNELS + 1 : 0) +
                   (f->quantiles ? SORTED * SHAPE + LEVELS : 0) +
                   (f->lags ? series_features_columns() : 0);
    return 1 + f->columns * each + pairs(f);
}

int64_t set_features_scratch(const set_features_t *f)
{
    return 3 * f->max_length;
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

static float *write_moments(int c, double mean, double sd, int64_t n, const float *y, float *out)
{
    double sum = 0.0, squares = 0.0, first = channel(c, (double)y[0], mean, sd);
    for (int64_t i = 0; i < n; i++) {
        double x = channel(c, (double)y[i], mean, sd) - first;
        sum += x;
        squares += x * x;
    }
    double at = sum / (double)n, variance = squares / (double)n - at * at;
    *out++ = (float)(first + at);
    *out++ = (float)log(sqrt(fmax(variance, 0.0)) + 1e-4);
    return out;
}

static double quantile(int64_t n, const float *sorted, double level)
{
    double at = level * (double)(n - 1);
    int64_t k = (int64_t)at;
    double below = (double)sorted[k], above = k + 1 < n ? (double)sorted[k + 1] : below;
    return below + (at - (double)k) * (above - below);
}

static float soft_log(double x)
{
    return (float)(0.5 * log(x + tiny) + 1.0);
}

// q (LEVELS) in units of the column's standard deviation.
static float *write_shape(const double *q, float *out)
{
    double range = q[THREE_QUARTERS] - q[QUARTER] + tiny;
    for (int k = 0; k < LEVELS; k++)
        *out++ = (float)asinh((q[k] - q[MEDIAN]) / range);
    *out++ = (float)log(range);
    for (int k = 0; k < GAPS; k++)
        *out++ = soft_log(q[gap_at[k + 1]] - q[gap_at[k]]);
    for (int i = 0; i < LOWS; i++)
        for (int k = 0; k < HIGHS; k++)
            *out++ = soft_log(q[span_high[k]] - q[span_low[i]]);
    return out;
}

// The sizes of sorted numbers, sorted: the negative ones from the back, merged with the others.
static void sort_sizes(int64_t n, const float *sorted, float *sizes)
{
    int64_t high = 0;
    while (high < n && sorted[high] < 0.0f)
        high++;
    int64_t low = high - 1;
    for (int64_t k = 0; k < n; k++) {
        bool from_low = high >= n || (low >= 0 && -sorted[low] < sorted[high]);
        sizes[k] = from_low ? -sorted[low--] : sorted[high++];
    }
}

static float *write_quantiles(double sd, int64_t n, const float *y, float *scratch, float *out)
{
    double q[LEVELS];
    for (int k = 0; k < LEVELS; k++)
        q[k] = quantile(n, y, levels[k]) / sd;
    out = write_shape(q, out);
    sort_sizes(n, y, scratch);
    for (int k = 0; k < LEVELS; k++)
        q[k] = quantile(n, scratch, levels[k]) / sd;
    out = write_shape(q, out);
    for (int k = 0; k < LEVELS; k++)
        *out++ = (float)log(q[k] + tiny);
    return out;
}

static float log_odds(int64_t n, const float *y)
{
    int64_t positive = 0;
    for (int64_t i = 0; i < n; i++)
        positive += y[i] > 0.0f;
    return (float)log(((double)positive + 0.5) / ((double)(n - positive) + 0.5));
}

// Sorted first, so that sums too are the same, bit for bit, for any order of the elements.
static float *write_column(const set_features_t *f, double mean, double sd, int64_t n, float *y,
                           float *scratch, float *out)
{
    sort_floats(n, y, scratch);
    for (int c = 0; f->moments && c < CHANNELS; c++)
        out = write_moments(c, mean, sd, n, y, out);
    if (f->moments)
        *out++ = log_odds(n, y);
    return f->quantiles ? write_quantiles(sd, n, y, scratch, out) : out;
}

typedef struct {
    double mean, sd;
} spread_t;

static spread_t spread_of(int64_t n, const float *sorted)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)sorted[i];
    for (int64_t i = 0; i < n; i++)
        squares += pow((double)sorted[i] - sum / (double)n, 2.0);
    return (spread_t){sum / (double)n, sqrt(squares / (double)n)};
}

// Products are sorted before they are summed, so that the order of the elements does not show.
static float correlation(int64_t n, int64_t columns, const float *a, spread_t of_a, const float *b,
                         spread_t of_b, float *product, float *scratch)
{
    double scale = of_a.sd * of_b.sd, sum = 0.0;
    if (!(scale > 0.0))
        return 0.0f;
    for (int64_t i = 0; i < n; i++)
        product[i] = (float)(((double)a[i * columns] - of_a.mean) *
                             ((double)b[i * columns] - of_b.mean) / scale);
    sort_floats(n, product, scratch);
    for (int64_t i = 0; i < n; i++)
        sum += (double)product[i];
    return (float)atanh((1.0 - tiny) * fmin(1.0, fmax(-1.0, sum / (double)n)));
}

static float *write_correlations(const set_features_t *f, int64_t n, const float *values,
                                 const spread_t *spread, float *product, float *scratch, float *out)
{
    for (int64_t j = 1; j < f->columns; j++)
        for (int64_t k = 0; k < j; k++)
            *out++ = correlation(n, f->columns, values + j, spread[j], values + k, spread[k],
                                 product, scratch);
    return out;
}

void set_features_set(const set_features_t *f, const double *mean, const double *sd, int64_t n,
                      const float *values, float *scratch, float *out)
{
    CHECK(n <= f->max_length, "%ld elements, planned for %ld", (long)n, (long)f->max_length);
    float *end = out + set_features_set_columns(f), *y = scratch + 2 * f->max_length;
    spread_t spread[PAIRED];
    bool paired = n > 0 && pairs(f) > 0;
    *out++ = (float)(log(fmax((double)n, 0.5) / (double)f->max_length) + 1.0);
    for (int64_t j = 0; n > 0 && j < f->columns; j++) {
        for (int64_t i = 0; i < n; i++)
            y[i] = values[i * f->columns + j];
        out = write_column(f, mean[j], sd[j], n, y, scratch, out);
        if (f->lags) {
            series_features(n, f->columns, values + j, sd[j], scratch, out);
            out += series_features_columns();
        }
        if (paired)
            spread[j] = spread_of(n, y);
    }
    if (paired)
        out = write_correlations(f, n, values, spread, y, scratch, out);
    while (out < end)
        *out++ = 0.0f;
}
