// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/auc.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *sorted(int64_t n, const double *x)
{
    double *out = mem_alloc((size_t)n, sizeof *out);
    memcpy(out, x, (size_t)n * sizeof *out);
    stats_sort(n, out);
    return out;
}

/* Shares of y below each x (ties half): out (n). Both ascending. */
static void placements(int64_t n, const double *x, int64_t m, const double *y, double *out)
{
    int64_t below = 0, not_above = 0;
    for (int64_t i = 0; i < n; i++) {
        while (below < m && y[below] < x[i])
            below++;
        while (not_above < m && y[not_above] <= x[i])
            not_above++;
        out[i] = 0.5 * (double)(below + not_above) / (double)m;
    }
}

auc_t auc_of(int64_t n, const double *x, int64_t m, const double *y)
{
    CHECK(n > 1 && m > 1, "AUC of %ld and %ld numbers", (long)n, (long)m);
    double *a = sorted(n, x), *b = sorted(m, y), *place = MEM_NEW(double, n > m ? n : m);
    placements(n, a, m, b, place);
    auc_t auc = {.value = stats_mean(n, place)};
    double variance = stats_variance(n, place, 1) / (double)n;
    placements(m, b, n, a, place);
    auc.error = sqrt(variance + stats_variance(m, place, 1) / (double)m);
    free(place);
    free(b);
    free(a);
    return auc;
}
