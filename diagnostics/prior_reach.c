// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/prior_reach.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/binomial.h"
#include "diagnostics/page.h"
#include "diagnostics/sample_stats.h"
#include "diagnostics/tail.h"

#include <math.h>
#include <stdlib.h>

static const double tail = 0.005;

/* The values of a column that are no NaN, ascending; returns how many. */
static int64_t sorted_column(int64_t n, int width, const double *x, int column, double *out)
{
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i * width + column]))
            out[m++] = x[i * width + column];
    stats_sort(m, out);
    return m;
}

double prior_outside_chance(int k)
{
    return PRIOR_OUTSIDE_LEVEL * PRIOR_OUTSIDE_SHARE / (2 * k + 1);
}

/* The limit below m sorted values. That of positive ones is sought on the scale of their logarithm: they end at 0, which a
 * wrong unit comes near. */
static double lower_limit(int64_t m, const double *x, double chance)
{
    bool positive = x[0] > 0;
    double *turned = MEM_NEW(double, m);
    for (int64_t i = 0; i < m; i++)
        turned[m - 1 - i] = positive ? -log(x[i]) : -x[i];
    double limit = -tail_limit(m, turned, chance);
    free(turned);
    return positive && isfinite(limit) ? exp(limit) : limit;
}

static void fit_statistic(prior_reach_t *r, int s, int64_t m, const double *x)
{
    double chance = prior_outside_chance(r->k);
    r->least[s] = m > 0 ? x[0] : NAN;
    r->most[s] = m > 0 ? x[m - 1] : NAN;
    r->middle[s] = m > 0 ? stats_quantile(m, x, 0.5) : NAN;
    r->floor[s] = m > 0 ? lower_limit(m, x, chance) : -INFINITY;
    r->ceiling[s] = m > 0 ? tail_limit(m, x, chance) : INFINITY;
}

prior_reach_t prior_reach_fit(int64_t n, int d, const double *parameters, int k,
                              const double *statistics)
{
    prior_reach_t r = {.n = n,
                       .d = d,
                       .k = k,
                       .low = MEM_NEW(double, d + 1),
                       .high = MEM_NEW(double, d + 1),
                       .least = MEM_NEW(double, k + 1),
                       .most = MEM_NEW(double, k + 1),
                       .middle = MEM_NEW(double, k + 1),
                       .floor = MEM_NEW(double, k + 1),
                       .ceiling = MEM_NEW(double, k + 1)};
    double *x = MEM_NEW(double, n + 1);
    for (int p = 0; p < d; p++) {
        int64_t m = sorted_column(n, d, parameters, p, x);
        r.low[p] = m > 0 ? stats_quantile(m, x, tail) : NAN;
        r.high[p] = m > 0 ? stats_quantile(m, x, 1 - tail) : NAN;
    }
    for (int s = 0; s < k; s++)
        fit_statistic(&r, s, sorted_column(n, k, statistics, s, x), x);
    free(x);
    return r;
}

void prior_reach_free(prior_reach_t *reach)
{
    free(reach->low);
    free(reach->high);
    free(reach->least);
    free(reach->most);
    free(reach->middle);
    free(reach->floor);
    free(reach->ceiling);
    *reach = (prior_reach_t){0};
}

prior_edge_t prior_reach_edge(const prior_reach_t *reach, int p, int64_t s, const double *draws)
{
    CHECK(p >= 0 && p < reach->d && s > 0, "parameter %d of %d", p, reach->d);
    int64_t below = 0, above = 0;
    for (int64_t i = 0; i < s; i++) {
        below += draws[i] < reach->low[p];
        above += draws[i] > reach->high[p];
    }
    return (prior_edge_t){(double)below / (double)s, (double)above / (double)s};
}

bool prior_edge_leans(prior_edge_t edge, int d)
{
    double share = fmax(PRIOR_EDGE_SHARE, fmin(d * PRIOR_EDGE_SHARE_EACH, PRIOR_EDGE_SHARE_MOST));
    return edge.below > share || edge.above > share;
}

char *prior_edges_words(int64_t n, int64_t leaning)
{
    if (leaning <= binomial_quantile(n, PRIOR_EDGE_CHANCE, 0.99))
        return NULL;
    return mem_format("prior: %ld of %ld posteriors lean on the edge of the prior, where few "
                      "simulations are. Widen it there (parameters:), then simulate and train "
                      "anew, or say why it has to end there.",
                      (long)leaning, (long)n);
}

char *prior_edge_words(const prior_reach_t *reach, int p, const char *name, prior_edge_t edge)
{
    bool upper = edge.above >= edge.below;
    double share = upper ? edge.above : edge.below;
    return mem_format("the posterior of %s leans on the %s edge of its prior (%.0f %% of it %s %s, "
                      "where 0.5 %% of the simulations are): widen the prior",
                      name, upper ? "upper" : "lower", 100 * share, upper ? "above" : "below",
                      page_number(upper ? reach->high[p] : reach->low[p]).text);
}

int prior_reach_outside(const prior_reach_t *reach, const double *statistics)
{
    int which = -1;
    double farthest = PRIOR_OUTSIDE_SLACK;
    for (int s = 0; s < reach->k; s++) {
        double range = reach->most[s] - reach->least[s];
        double beyond = fmax(reach->least[s] - statistics[s], statistics[s] - reach->most[s]);
        double far = range > 0 ? beyond / range : beyond > 0 ? INFINITY : 0;
        if (far > farthest) {
            farthest = far;
            which = s;
        }
    }
    return which;
}

char *prior_outside_words(const prior_reach_t *reach, const predictive_field_t *fields,
                          const predictive_item_t *item, int which, double value)
{
    char *what = predictive_item_words(fields, item);
    char *words =
        mem_format("%s, %s, lies outside all %ld simulations (%s to %s): the prior never "
                   "produces such data",
                   what, page_number(value).text, (long)reach->n,
                   page_number(reach->least[which]).text, page_number(reach->most[which]).text);
    free(what);
    return words;
}
