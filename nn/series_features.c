// SPDX-License-Identifier: Apache-2.0
#include "nn/series_features.h"

#include <math.h>
#include <string.h>

static const int lags[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32};
static const int orders[] = {1, 2, 4, 8}; // whose surprise is told
enum {
    LAGS = sizeof lags / sizeof *lags,
    ORDERS = sizeof orders / sizeof *orders,
    MOST_ORDER = 8,
    COLUMNS = LAGS + 1 + MOST_ORDER + ORDERS
};
static const double tiny = 1e-3, least = 1e-4, rounding = 1e-7;

int64_t series_features_columns(void)
{
    return COLUMNS;
}

static float squashed(double correlation)
{
    return (float)atanh((1.0 - tiny) * correlation);
}

// Of y without its mean.
static double product_sum(int64_t n, const float *y, int64_t lag)
{
    double sum = 0.0;
    for (int64_t t = lag; t < n; t++)
        sum += (double)y[t] * (double)y[t - lag];
    return sum;
}

static float *write_autocorrelations(int64_t n, const float *y, double squares, float *out)
{
    double steps = 0.0;
    for (int k = 0; k < LAGS; k++)
        *out++ = squashed(product_sum(n, y, lags[k]) / squares);
    for (int64_t t = 1; t < n; t++)
        steps += pow((double)y[t] - (double)y[t - 1], 2.0);
    *out++ = (float)log(sqrt(steps / squares) + tiny);
    return out;
}

/* One step of Burg's recursion: of the errors f of prediction from the past and b from the future (known from element `order`
 * on, b one element late) to those of the next order. Returns the reflection, 0 where there is nothing to reflect. */
static double reflect(int64_t n, int64_t order, float *f, float *b)
{
    double product = 0.0, squares = 0.0;
    for (int64_t t = order; t < n; t++) {
        product += (double)f[t] * (double)b[t - 1];
        squares += (double)f[t] * (double)f[t] + (double)b[t - 1] * (double)b[t - 1];
    }
    double a = squares > 0.0 ? 2.0 * product / squares : 0.0;
    for (int64_t t = n - 1; t >= order; t--) {
        double forward = (double)f[t], backward = (double)b[t - 1];
        f[t] = (float)(forward - a * backward);
        b[t] = (float)(backward - a * forward);
    }
    return a;
}

// f becomes y's errors of prediction.
static void write_predictions(int64_t n, float *f, float *b, double variance, double sd, float *out)
{
    float *surprise = out + MOST_ORDER;
    memcpy(b, f, (size_t)n * sizeof *b);
    for (int order = 1, k = 0; order <= MOST_ORDER; order++) {
        double a = order < n ? reflect(n, order, f, b) : 0.0;
        *out++ = squashed(a);
        variance *= fmax(1.0 - a * a, 0.0);
        if (order == orders[k]) {
            *surprise++ = (float)log(sqrt(variance) / sd + least);
            k++;
        }
    }
}

void series_features(int64_t n, int64_t stride, const float *y, double sd, float *scratch,
                     float *out)
{
    float *centred = scratch, *backward = scratch + n;
    double mean = 0.0;
    for (int64_t t = 0; t < n; t++)
        mean += (double)y[t * stride] / (double)n;
    for (int64_t t = 0; t < n; t++)
        centred[t] = (float)((double)y[t * stride] - mean);
    double squares = product_sum(n, centred, 0);
    memset(out, 0, COLUMNS * sizeof *out);
    if (!(squares > (double)n * pow(rounding * mean, 2.0)))
        return;
    out = write_autocorrelations(n, centred, squares, out);
    write_predictions(n, centred, backward, squares / (double)n, sd, out);
}
