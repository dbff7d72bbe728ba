// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/tarp.h"

#include "cluster/mem.h"
#include "diagnostics/ranks.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 20, EDGES = BINS + 1 };

typedef struct {
    double edge[EDGES], covered[EDGES];
} coverage_curve_t;

/* numpy.histogram's bins: the last holds its right edge too; where all values are equal they reach 0.5 to either side. */
static coverage_curve_t peer_curve(int64_t n, const double *sorted)
{
    coverage_curve_t c;
    double low = sorted[0], high = sorted[n - 1];
    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    int64_t count = 0;
    for (int j = 0; j < EDGES; j++) {
        c.edge[j] = j == BINS ? high : low + j * ((high - low) / BINS);
        while (count < n && (sorted[count] < c.edge[j] || j == BINS))
            count++;
        c.covered[j] = (double)count / (double)n;
    }
    return c;
}

/* Gessel and Viennot's count of lattice paths: with k = n d,
 * 2 sum_i (-1)^(i - 1) C(2n, n - i k) / C(2n, n). */
double tarp_two_sample_p(int n, double d)
{
    int64_t k = (int64_t)nearbyint(d * n);
    double sum = 0;
    if (k < 1)
        return 1;
    for (int64_t i = 1; i * k <= n; i++) {
        double log_ratio =
            2 * lgamma(n + 1.0) - lgamma((double)(n - i * k) + 1) - lgamma((double)(n + i * k) + 1);
        sum += (i % 2 ? 2 : -2) * exp(log_ratio);
    }
    return fmin(fmax(sum, 0), 1);
}

/* Largest difference of the two ECDFs; both ascend. */
static double two_sample_distance(int n, const double *a, const double *b)
{
    double largest = 0;
    for (int i = 0, j = 0; i < n && j < n;) {
        double x = fmin(a[i], b[j]);
        while (i < n && a[i] <= x)
            i++;
        while (j < n && b[j] <= x)
            j++;
        largest = fmax(largest, fabs((double)(i - j) / n));
    }
    return largest;
}

tarp_t tarp_compute(const digest_t *g, const ecdf_null_t *null)
{
    int64_t n = g->n;
    double *f = MEM_NEW(double, n), inner = 0;
    int64_t *nearer = MEM_NEW(int64_t, n);
    tarp_t t = {0};
    for (int64_t i = 0; i < n; i++) {
        nearer[i] = g->joint[i].nearer;
        f[i] = (double)nearer[i] / (double)g->s;
        inner += 1 - fmax(f[i], 0.5);
    }
    t.atc = inner / (double)n - 0.375;
    t.deviation = ranks_deviation(n, f);
    t.log_gamma = log_gamma(null, g->s, nearer);
    stats_sort(n, f);
    coverage_curve_t c = peer_curve(n, f);
    for (int j = BINS / 2; j < EDGES; j++)
        t.peer_atc += (c.covered[j] - c.edge[j]) * (c.edge[1] - c.edge[0]);
    t.peer_ks_p = tarp_two_sample_p(EDGES, two_sample_distance(EDGES, c.covered, c.edge));
    free(nearer);
    free(f);
    return t;
}
