// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/recovery.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

static double recovery_median_error(const marginal_t *m)
{
    double *error = MEM_NEW(double, m->n);
    for (int64_t i = 0; i < m->n; i++)
        error[i] = marginal_at(m, i)->rmse;
    double median = stats_median(m->n, error);
    free(error);
    return median;
}

static double recovery_prior_error(const marginal_t *m)
{
    const uint64_t seed = 1;
    double *error = MEM_NEW(double, m->n), *truth = MEM_NEW(double, m->n);
    marginal_truths(m, truth);
    for (int64_t i = 0; i < m->n; i++) {
        rng_t r = rng_at(seed, RNG_DIAGNOSE, (uint64_t)i);
        double sum = 0;
        for (int64_t j = 0; j < m->s; j++) {
            double e = truth[rng_below(&r, (uint64_t)m->n)] - truth[i];
            sum += e * e;
        }
        error[i] = sqrt(sum / (double)m->s);
    }
    double median = stats_median(m->n, error);
    free(truth);
    free(error);
    return median;
}

static double recovery_truth_spread(const marginal_t *m, nrmse_by_t by)
{
    double *sorted = MEM_NEW(double, m->n), spread = NAN;
    marginal_truths(m, sorted);
    stats_sort(m->n, sorted);
    switch (by) {
    case NRMSE_RANGE:
        spread = sorted[m->n - 1] - sorted[0];
        break;
    case NRMSE_STD:
        spread = sqrt(stats_variance(m->n, sorted, 0));
        break;
    case NRMSE_MEAN:
        spread = stats_mean(m->n, sorted);
        break;
    case NRMSE_MEDIAN:
        spread = stats_quantile(m->n, sorted, 0.5);
        break;
    case NRMSE_IQR:
        spread = stats_quantile(m->n, sorted, 0.75) - stats_quantile(m->n, sorted, 0.25);
        break;
    case NRMSE_PRIOR:
    case NRMSE_NONE:
        CHECK(false, "normaliser %d is no spread of the truths", (int)by);
    }
    free(sorted);
    return spread;
}

double recovery_nrmse(const marginal_t *m, nrmse_by_t by)
{
    double normaliser = 1;
    if (by == NRMSE_PRIOR)
        normaliser = recovery_prior_error(m);
    else if (by != NRMSE_NONE)
        normaliser = recovery_truth_spread(m, by);
    return normaliser == 0 ? NAN : recovery_median_error(m) / normaliser;
}

double recovery_contraction_of(const marginal_t *m, int64_t data_set, double prior_variance)
{
    double sd = marginal_at(m, data_set)->sd;
    double value = 1 - sd * sd / prior_variance;
    return isnan(value) ? NAN : fmin(fmax(value, 0), 1);
}

double recovery_prior_variance(const marginal_t *m)
{
    double *truth = MEM_NEW(double, m->n);
    marginal_truths(m, truth);
    double variance = stats_variance(m->n, truth, 1);
    free(truth);
    return variance;
}

double recovery_contraction(const marginal_t *m)
{
    double prior = recovery_prior_variance(m), *value = MEM_NEW(double, m->n);
    for (int64_t i = 0; i < m->n; i++)
        value[i] = recovery_contraction_of(m, i, prior);
    double median = stats_median(m->n, value);
    free(value);
    return median;
}

double recovery_z_score_of(const marginal_t *m, int64_t data_set)
{
    const digest_value_t *v = marginal_at(m, data_set);
    return (v->mean - v->truth) / v->sd;
}

double recovery_z_score(const marginal_t *m)
{
    double *value = MEM_NEW(double, m->n);
    for (int64_t i = 0; i < m->n; i++)
        value[i] = recovery_z_score_of(m, i);
    double median = stats_median(m->n, value);
    free(value);
    return median;
}

typedef struct {
    double estimate, error;
} bias_pair_t;

static int bias_compare(const void *a, const void *b)
{
    double x = ((const bias_pair_t *)a)->estimate, y = ((const bias_pair_t *)b)->estimate;
    return (x > y) - (x < y);
}

/* Mean and standard error of the errors of pairs [begin, end). */
static void bias_group(const bias_pair_t *pair, int64_t begin, int64_t end, double *mean,
                       double *error)
{
    double n = (double)(end - begin), sum = 0, squares = 0;
    for (int64_t i = begin; i < end; i++)
        sum += pair[i].error;
    *mean = sum / n;
    for (int64_t i = begin; i < end; i++)
        squares += (pair[i].error - *mean) * (pair[i].error - *mean);
    *error = sqrt(squares / (n - 1) / n);
}

bias_t recovery_bias(const marginal_t *m)
{
    double prior_sd = sqrt(recovery_prior_variance(m)), farthest = -1;
    bias_pair_t *pair = MEM_NEW(bias_pair_t, m->n);
    bias_t b = {.worst = NAN, .worst_error = NAN, .from = NAN, .to = NAN};
    for (int64_t i = 0; i < m->n; i++) {
        const digest_value_t *v = marginal_at(m, i);
        pair[i] = (bias_pair_t){v->mean, (v->mean - v->truth) / prior_sd};
        b.overall += pair[i].error / (double)m->n;
    }
    qsort(pair, (size_t)m->n, sizeof *pair, bias_compare);
    for (int64_t g = 0; g < BIAS_BINS && m->n >= 2 * BIAS_BINS; g++) {
        int64_t begin = g * m->n / BIAS_BINS, end = (g + 1) * m->n / BIAS_BINS;
        double mean, error;
        bias_group(pair, begin, end, &mean, &error);
        if (fabs(mean) > farthest * error) {
            farthest = fabs(mean) / error;
            b.worst = mean;
            b.worst_error = error;
            b.from = pair[begin].estimate;
            b.to = pair[end - 1].estimate;
        }
    }
    free(pair);
    return b;
}
