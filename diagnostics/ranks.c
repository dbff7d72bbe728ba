// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ranks.h"

#include "cluster/mem.h"
#include "diagnostics/binomial.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ranks_integer(const marginal_t *m, int64_t *out)
{
    for (int64_t i = 0; i < m->n; i++)
        out[i] = marginal_at(m, i)->below;
}

void ranks_fractional(const marginal_t *m, double *out)
{
    for (int64_t i = 0; i < m->n; i++)
        out[i] = (double)marginal_at(m, i)->below / (double)m->s;
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
