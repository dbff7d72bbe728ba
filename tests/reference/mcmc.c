// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/mcmc.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int dims;
    double seen, mean[MCMC_MAX_DIMS],
        covariance[MCMC_MAX_DIMS][MCMC_MAX_DIMS]; // of the chain so far
    double factor[MCMC_MAX_DIMS][MCMC_MAX_DIMS];  // lower Cholesky factor
    double log_scale;
} proposal_t;

static proposal_t proposal_create(int dims, const double *scale)
{
    proposal_t p = {.dims = dims, .log_scale = log(2.38 / sqrt(dims))};
    for (int i = 0; i < dims; i++) {
        p.factor[i][i] = scale[i];
        p.covariance[i][i] = scale[i] * scale[i];
    }
    return p;
}

// Keeps the old factor where the covariance is not yet positive definite.
static void refactor(proposal_t *p)
{
    double l[MCMC_MAX_DIMS][MCMC_MAX_DIMS] = {{0.0}};
    for (int i = 0; i < p->dims; i++)
        for (int j = 0; j <= i; j++) {
            double sum = p->covariance[i][j];
            for (int k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            if (i == j && !(sum > 0.0))
                return;
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    memcpy(p->factor, l, sizeof l);
}

// Running mean and covariance with weight 1 / (seen + 1), the first guess counting as 20 points; scale by Robbins and
// Monro towards an acceptance of 0.3.
static void adapt(proposal_t *p, const double *x, double acceptance)
{
    double delta[MCMC_MAX_DIMS], weight = 1.0 / (p->seen + 20.0);
    for (int i = 0; i < p->dims; i++) {
        if (p->seen == 0.0)
            p->mean[i] = x[i];
        delta[i] = x[i] - p->mean[i];
        p->mean[i] += weight * delta[i];
    }
    for (int i = 0; i < p->dims; i++)
        for (int j = 0; j <= i; j++)
            p->covariance[i][j] +=
                weight * (delta[i] * delta[j] * (1.0 - weight) - p->covariance[i][j]);
    p->seen += 1.0;
    p->log_scale += (acceptance - 0.3) * pow(p->seen, -0.6);
    refactor(p);
}

static void propose(const proposal_t *p, rng_t *rng, const double *x, double *out)
{
    double z[MCMC_MAX_DIMS], scale = exp(p->log_scale);
    for (int i = 0; i < p->dims; i++) {
        z[i] = rng_normal(rng);
        out[i] = x[i];
        for (int j = 0; j <= i; j++)
            out[i] += scale * p->factor[i][j] * z[j];
    }
}

static double run_chain(const mcmc_config_t *config, int chain, const double *start,
                        const double *scale, mcmc_log_density_t log_density, const void *context,
                        double *out)
{
    rng_t rng =
        rng_at(config->seed, RNG_CHECK, config->index * (uint64_t)config->chains + (uint64_t)chain);
    proposal_t proposal = proposal_create(config->dims, scale);
    size_t bytes = (size_t)config->dims * sizeof(double);
    double x[MCMC_MAX_DIMS], y[MCMC_MAX_DIMS], accepted = 0.0;
    memcpy(x, start, bytes);
    double here = log_density(context, x);
    CHECK(isfinite(here), "chain %d starts at a log density of %g", chain, here);
    for (int64_t i = -config->warm_up; i < config->draws; i++) {
        propose(&proposal, &rng, x, y);
        double there = log_density(context, y), ratio = exp(fmin(0.0, there - here));
        if (rng_uniform(&rng) < ratio) {
            memcpy(x, y, bytes);
            here = there;
        }
        if (i < 0) {
            adapt(&proposal, x, ratio);
        } else {
            accepted += ratio;
            memcpy(out + i * config->dims, x, bytes);
        }
    }
    return accepted / (double)config->draws;
}

double mcmc_run(const mcmc_config_t *config, const double *start, const double *scale,
                mcmc_log_density_t log_density, const void *context, double *out)
{
    CHECK(config->dims >= 1 && config->dims <= MCMC_MAX_DIMS, "%d dims", config->dims);
    double accepted = 0.0;
    for (int c = 0; c < config->chains; c++)
        accepted += run_chain(config, c, start + c * config->dims, scale, log_density, context,
                              out + c * config->draws * config->dims);
    return accepted / config->chains;
}

static double mean_of(int64_t n, const double *x)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

// sum of (x_i - mean)(x_{i + lag} - mean) over n
static double autocovariance(int64_t n, const double *x, double mean, int64_t lag)
{
    double sum = 0.0;
    for (int64_t i = 0; i + lag < n; i++)
        sum += (x[i] - mean) * (x[i + lag] - mean);
    return sum / (double)n;
}

typedef struct {
    double within, total; // W and var+ of the book
    double mean;
} variances_t;

static variances_t variances(int chains, int64_t draws, const double *x)
{
    variances_t v = {.mean = mean_of(chains * draws, x)};
    double n = (double)draws, between = 0.0;
    for (int c = 0; c < chains; c++) {
        double mean = mean_of(draws, x + c * draws);
        v.within += autocovariance(draws, x + c * draws, mean, 0) * n / (n - 1.0) / chains;
        between += (mean - v.mean) * (mean - v.mean) / (chains - 1);
    }
    v.total = (n - 1.0) / n * v.within + between;
    return v;
}

static double correlation(int chains, int64_t draws, const double *x, const double *mean,
                          const variances_t *v, int64_t lag)
{
    double sum = 0.0;
    for (int c = 0; c < chains; c++)
        sum += autocovariance(draws, x + c * draws, mean[c], lag) / chains;
    return 1.0 - (v->within - sum) / v->total;
}

static double effective_size(int chains, int64_t draws, const double *x, const variances_t *v)
{
    double *mean = MEM_NEW(double, chains), tau = -1.0, previous = INFINITY;
    for (int c = 0; c < chains; c++)
        mean[c] = mean_of(draws, x + c * draws);
    for (int64_t lag = 0; lag + 1 < draws; lag += 2) {
        double pair = correlation(chains, draws, x, mean, v, lag) +
                      correlation(chains, draws, x, mean, v, lag + 1);
        if (pair < 0.0)
            break;
        previous = fmin(previous, pair);
        tau += 2.0 * previous;
    }
    free(mean);
    return (double)(chains * draws) / tau;
}

chain_stats_t chain_stats(int chains, int64_t draws, const double *x)
{
    CHECK(chains >= 1 && draws >= 8, "%d chains of %lld draws", chains, (long long)draws);
    int64_t half = draws / 2;
    double *split = MEM_NEW(double, 2 * chains * half);
    for (int c = 0; c < chains; c++)
        memcpy(split + 2 * c * half, x + c * draws, (size_t)(2 * half) * sizeof *x);
    variances_t v = variances(2 * chains, half, split);
    chain_stats_t stats = {
        .mean = v.mean,
        .sd = sqrt(v.total),
        .rhat = sqrt(v.total / v.within),
        .ess = effective_size(2 * chains, half, split, &v),
    };
    free(split);
    return stats;
}
