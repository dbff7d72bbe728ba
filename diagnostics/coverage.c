// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/coverage.h"

#include "cluster/mem.h"
#include "diagnostics/binomial.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

double coverage_share(const marginal_t *m, int bit)
{
    int64_t inside = 0;
    for (int64_t i = 0; i < m->n; i++)
        inside += marginal_at(m, i)->inside >> bit & 1;
    return (double)inside / (double)m->n;
}

coverage_range_t coverage_range(const marginal_t *m, int bit)
{
    double share = coverage_share(m, bit), hits = share * (double)m->n;
    double a = hits + 1, b = (double)m->n - hits + 1;
    return (coverage_range_t){share, beta_quantile(a, b, 0.025), beta_quantile(a, b, 0.975)};
}

double calibration_error(const marginal_t *m)
{
    double error[DIGEST_LEVELS];
    for (int k = 0; k < DIGEST_LEVELS; k++)
        error[k] = fabs(coverage_share(m, k) - digest_level(k));
    return stats_median(DIGEST_LEVELS, error);
}

typedef struct {
    int64_t low, high;
} interval_t;

static interval_t coverage_interval(int64_t s, int64_t k)
{
    int64_t low = (int64_t)nearbyint((double)s / 2 -
                                     (double)k / 2); // the default rounding mode is half to even
    int64_t high = low + k - 1;
    interval_t cut = {low < 0 ? 0 : low, high < 0 ? 0 : high};
    cut.low = cut.low > s - 1 ? s - 1 : cut.low;
    cut.high = cut.high > s - 1 ? s - 1 : cut.high;
    return cut;
}

/* Sorted draw k is at or below the truth where k < not_above, and at or above it where k >= below. */
static int coverage_holds(int64_t s, const digest_value_t *v, int64_t k)
{
    interval_t at = coverage_interval(s, k);
    return at.low < v->not_above && at.high >= v->below;
}

/* The narrowest interval that holds the truth (they are nested); S + 2 when none does. */
static int64_t coverage_narrowest(int64_t s, const digest_value_t *v)
{
    int64_t low = -1, high = s + 2;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (coverage_holds(s, v, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

coverage_t coverage_create(const marginal_t *m)
{
    coverage_t c = {.points = m->s + 2};
    int64_t *hits = MEM_NEW(int64_t, c.points + 1);
    for (int64_t i = 0; i < m->n; i++)
        hits[coverage_narrowest(m->s, marginal_at(m, i))]++;
    c.width = MEM_NEW(double, c.points);
    c.share = MEM_NEW(double, c.points);
    c.low = MEM_NEW(double, c.points);
    c.high = MEM_NEW(double, c.points);
    for (int64_t j = 0, sum = 0; j < c.points; j++) {
        interval_t at = coverage_interval(m->s, j);
        sum += hits[j];
        double a = (double)sum + 1, b = (double)(m->n - sum) + 1;
        c.width[j] = (double)(at.high - at.low + 1) / (double)(m->s + 1);
        c.share[j] = (double)sum / (double)m->n;
        int same = j > 0 && hits[j] == 0;
        c.low[j] = same ? c.low[j - 1] : beta_quantile(a, b, 0.025);
        c.high[j] = same ? c.high[j - 1] : beta_quantile(a, b, 0.975);
    }
    free(hits);
    return c;
}

void coverage_free(coverage_t *c)
{
    free(c->width);
    free(c->share);
    free(c->low);
    free(c->high);
    *c = (coverage_t){0};
}
