// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/tail.h"

#include "diagnostics/sample_stats.h"

#include <math.h>

enum { FEWEST = 20, TENTH = 10, STEPS = 60 };
static const double farthest = 1e4; // of c: what lies beyond is no number any more

/* log of the chance to lie beyond y_1 + c D */
static double log_chance(double n, double m, double c)
{
    return log(m / (n + 1)) + lgamma(m) + lgamma(2 + c) - lgamma(m + 1 + c);
}

/* The smallest c of at most this chance; log_chance falls as c grows. */
static double spacings(int64_t n, int64_t m, double chance)
{
    double low = 0, high = farthest;
    if (log_chance((double)n, (double)m, low) <= log(chance))
        return low;
    if (log_chance((double)n, (double)m, high) > log(chance))
        return INFINITY;
    for (int i = 0; i < STEPS; i++) {
        double middle = (low + high) / 2;
        if (log_chance((double)n, (double)m, middle) > log(chance))
            low = middle;
        else
            high = middle;
    }
    return high;
}

double tail_limit(int64_t n, const double *sorted, double chance)
{
    if (n < FEWEST)
        return INFINITY;
    int64_t m = n / TENTH;
    double median = stats_quantile(n, sorted, 0.5);
    double first = sorted[n - 1] - median, last = sorted[n - m] - median;
    if (!(last > 0) || !(first > last))
        return INFINITY;
    return median + first * pow(first / last, spacings(n, m, chance));
}
