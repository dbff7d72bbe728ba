// SPDX-License-Identifier: Apache-2.0
//
// Sums over data sets, for each parameter and draw index s, with x the draw and y the truth, both less the mean of all
// truths (so that the one-pass formula loses no digits): sum x, sum x^2, sum x y.
#include "diagnostics/digest.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct digester {
    int64_t n, s;
    int d;
    const double *truth;
    double *mean, *sd; // (D) of the truths
    double *column;    // (S)
    double *distance;  // (S)
    int64_t shift;     // the reference of data set i is the truth of data set i + shift (mod N)
};

double digest_level(int bit)
{
    const double first = 0.005, last = 0.995;
    if (bit >= DIGEST_BIT_50)
        return bit == DIGEST_BIT_50 ? 0.5 : 0.95;
    return bit == DIGEST_LEVELS - 1 ? last : first + bit * ((last - first) / (DIGEST_LEVELS - 1));
}

digest_t digest_create(int64_t n, int64_t s, int d)
{
    digest_t g = {.n = n, .s = s, .d = d};
    g.value = mem_alloc((size_t)(n * d), sizeof *g.value);
    g.joint = mem_alloc((size_t)n, sizeof *g.joint);
    g.correlation = MEM_NEW(double, d);
    return g;
}

void digest_free(digest_t *g)
{
    free(g->value);
    free(g->joint);
    free(g->correlation);
    *g = (digest_t){0};
}

static err_t digester_check(int64_t n, int64_t s, int d, const double *truth)
{
    if (n < 2 || s < 2 || d < 1)
        return err_fail(
            ERR_FAILED,
            "diagnostics need 2 data sets, 2 draws and a parameter, got %ld, %ld and %d", (long)n,
            (long)s, d);
    for (int64_t i = 0; i < n * d; i++) {
        if (!isfinite(truth[i]))
            return err_fail(
                ERR_FAILED,
                "data set %ld: true value of parameter %ld is %g, a finite number expected",
                (long)(i / d), (long)(i % d), truth[i]);
    }
    return OK;
}

static void digester_moments(digester_t *g)
{
    double *column = MEM_NEW(double, g->n);
    for (int k = 0; k < g->d; k++) {
        for (int64_t i = 0; i < g->n; i++)
            column[i] = g->truth[i * g->d + k];
        g->mean[k] = stats_mean(g->n, column);
        g->sd[k] = sqrt(stats_variance(g->n, column, 1));
    }
    free(column);
}

err_t digester_create(int64_t n, int64_t s, int d, const double *truth, digester_t **out)
{
    const uint64_t seed = 1;
    TRY(digester_check(n, s, d, truth));
    digester_t *g = MEM_NEW(digester_t, 1);
    *g = (digester_t){.n = n, .s = s, .d = d, .truth = truth};
    g->mean = MEM_NEW(double, d);
    g->sd = MEM_NEW(double, d);
    g->column = MEM_NEW(double, s);
    g->distance = MEM_NEW(double, s);
    rng_t r = rng_at(seed, RNG_DIAGNOSE, (uint64_t)n);
    g->shift = rng_integer(&r, 1, n - 1);
    digester_moments(g);
    *out = g;
    return OK;
}

void digester_destroy(digester_t **g)
{
    if (*g == NULL)
        return;
    free((*g)->mean);
    free((*g)->sd);
    free((*g)->column);
    free((*g)->distance);
    free(*g);
    *g = NULL;
}

size_t digester_sums(const digester_t *g)
{
    return 3 * (size_t)g->s * (size_t)g->d;
}

static int32_t draws_below(int64_t s, const double *sorted, double value, int or_equal)
{
    int64_t low = 0, high = s;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (or_equal ? sorted[middle] <= value : sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return (int32_t)low;
}

static uint32_t levels_inside(int64_t s, const double *sorted, double truth)
{
    uint32_t inside = 0;
    for (int bit = 0; bit <= DIGEST_BIT_95; bit++) {
        double tail = (1 - digest_level(bit)) / 2;
        if (truth >= stats_quantile(s, sorted, tail) &&
            truth <= stats_quantile(s, sorted, 1 - tail))
            inside |= UINT32_C(1) << bit;
    }
    return inside;
}

/* Sorts the draws of one parameter in place. */
static digest_value_t digest_column(int64_t s, double *draws, double truth)
{
    digest_value_t v = {.truth = truth, .mean = stats_mean(s, draws)};
    double squares = 0;
    v.sd = sqrt(stats_variance(s, draws, 1));
    stats_sort(s, draws);
    for (int64_t j = 0; j < s; j++)
        squares += (draws[j] - truth) * (draws[j] - truth);
    v.rmse = sqrt(squares / (double)s);
    v.median = stats_quantile(s, draws, 0.5);
    v.low = stats_quantile(s, draws, 0.025);
    v.high = stats_quantile(s, draws, 0.975);
    v.below = draws_below(s, draws, truth, 0);
    v.not_above = draws_below(s, draws, truth, 1);
    v.inside = levels_inside(s, draws, truth);
    return v;
}

static double standardised(const digester_t *g, int k, double difference)
{
    return g->sd[k] > 0 ? difference / g->sd[k] : 0;
}

/* Adds the squared distance of parameter k from the reference. */
static void add_distances(digester_t *g, int64_t i, int k, double *of_truth)
{
    double reference = g->truth[(i + g->shift) % g->n * g->d + k];
    double own = standardised(g, k, g->truth[i * g->d + k] - reference);
    *of_truth += own * own;
    for (int64_t j = 0; j < g->s; j++) {
        double e = standardised(g, k, g->column[j] - reference);
        g->distance[j] += e * e;
    }
}

static void add_terms(const digester_t *g, int64_t i, int k, double *sums)
{
    double *x = sums + 3 * k * g->s, *xx = x + g->s, *xy = xx + g->s;
    double centre = g->mean[k], y = g->truth[i * g->d + k] - centre;
    for (int64_t j = 0; j < g->s; j++) {
        double e = g->column[j] - centre;
        x[j] += e;
        xx[j] += e * e;
        xy[j] += e * y;
    }
}

err_t digester_add(digester_t *g, int64_t i, const double *draws, digest_t *out, double *sums)
{
    for (int64_t j = 0; j < g->s * g->d; j++) {
        if (!isfinite(draws[j]))
            return err_fail(ERR_FAILED,
                            "data set %ld, draw %ld: parameter %ld is %g, a finite number expected",
                            (long)i, (long)(j / g->d), (long)(j % g->d), draws[j]);
    }
    double of_truth = 0;
    memset(g->distance, 0, (size_t)g->s * sizeof *g->distance);
    for (int k = 0; k < g->d; k++) {
        for (int64_t j = 0; j < g->s; j++)
            g->column[j] = draws[j * g->d + k];
        add_distances(g, i, k, &of_truth);
        add_terms(g, i, k, sums);
        out->value[i * g->d + k] = digest_column(g->s, g->column, g->truth[i * g->d + k]);
    }
    out->joint[i] = (digest_joint_t){0};
    for (int64_t j = 0; j < g->s; j++)
        out->joint[i].nearer += g->distance[j] < of_truth;
    return OK;
}

void digester_finish(const digester_t *g, const double *sums, digest_t *out)
{
    const double ROUNDING = 1e-13; // a spread that is no more than this
    double *r = MEM_NEW(double, g->s), n = (double)g->n;
    for (int k = 0; k < g->d; k++) {
        const double *x = sums + 3 * k * g->s, *xx = x + g->s, *xy = xx + g->s;
        double yy = g->sd[k] * g->sd[k] * (n - 1);
        for (int64_t j = 0; j < g->s; j++) {
            double spread = xx[j] - x[j] * x[j] / n;
            r[j] = spread > ROUNDING * xx[j] && yy > 0 ? xy[j] / sqrt(spread * yy) : NAN;
        }
        out->correlation[k] = stats_median(g->s, r);
    }
    free(r);
}

err_t digest_of_draws(int64_t n, int64_t s, int d, const double *draws, const double *truth,
                      digest_t *out)
{
    digester_t *g = NULL;
    *out = (digest_t){0};
    TRY(digester_create(n, s, d, truth, &g));
    double *sums = MEM_NEW(double, digester_sums(g));
    *out = digest_create(n, s, d);
    err_t err = OK;
    for (int64_t i = 0; i < n && err == OK; i++)
        err = digester_add(g, i, draws + i * s * d, out, sums);
    if (err == OK)
        digester_finish(g, sums, out);
    else
        digest_free(out);
    free(sums);
    digester_destroy(&g);
    return err;
}

marginal_t digest_marginal(const digest_t *g, int parameter)
{
    CHECK(parameter >= 0 && parameter < g->d, "parameter %d of %d", parameter, g->d);
    return (marginal_t){.n = g->n, .s = g->s, .value = g->value + parameter, .stride = g->d};
}

void marginal_truths(const marginal_t *m, double *out)
{
    for (int64_t i = 0; i < m->n; i++)
        out[i] = marginal_at(m, i)->truth;
}
