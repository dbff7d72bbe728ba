// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ranks.h"

#include "cluster/mem.h"
#include "diagnostics/binomial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t rank_of(int64_t s, const double *sorted, double truth)
{
    int64_t low = 0, high = s;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sorted[middle] < truth)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void ranks_integer(const marginal_t *m, int64_t *out)
{
    for (int64_t i = 0; i < m->n; i++)
        out[i] = rank_of(m->s, m->sorted + i * m->s, m->truth[i]);
}

void ranks_fractional(const marginal_t *m, double *out)
{
    for (int64_t i = 0; i < m->n; i++)
        out[i] = (double)rank_of(m->s, m->sorted + i * m->s, m->truth[i]) / (double)m->s;
}

double ranks_deviation(int64_t n, const double *fractional)
{
    double *sorted = MEM_NEW(double, n);
    memcpy(sorted, fractional, (size_t)n * sizeof *sorted);
    stats_sort(n, sorted);
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double before = sorted[i] - (double)i / (double)n;
        double after = (double)(i + 1) / (double)n - sorted[i];
        largest = fmax(largest, fmax(before, after));
    }
    free(sorted);
    return largest;
}

rank_histogram_t rank_histogram(int64_t n, const double *fractional)
{
    rank_histogram_t h = {.low = binomial_quantile(n, 1.0 / RANK_BINS, 0.005),
                          .high = binomial_quantile(n, 1.0 / RANK_BINS, 0.995)};
    for (int64_t i = 0; i < n; i++) {
        int bin = (int)(fractional[i] * RANK_BINS);
        h.count[bin < RANK_BINS ? bin : RANK_BINS - 1]++;
    }
    return h;
}
