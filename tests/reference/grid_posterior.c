// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/grid_posterior.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

static const double floor_sigma = 0.05, scale_sigma = 0.5;
static const double reach_mu = 6.0, fall = 40.0;
static const double log_2pi = 1.83787706640934548356;

typedef struct {
    double n, mean, squares; // squares: of the deviations from the mean
} data_t;

static data_t data_of(int64_t n, const float *y)
{
    data_t d = {.n = (double)n};
    for (int64_t i = 0; i < n; i++)
        d.mean += y[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        d.squares += (y[i] - d.mean) * (y[i] - d.mean);
    return d;
}

static double log_normal(double x, double variance)
{
    return -0.5 * (log_2pi + log(variance) + x * x / variance);
}

// log p(y, sigma): mu ~ N(0, 1) integrated out, so the mean of y is N(0, 1 + sigma^2 / n).
static double log_joint(const data_t *d, double sigma)
{
    double variance = sigma * sigma, excess = sigma - floor_sigma;
    double prior = log(excess) - excess / scale_sigma - 2.0 * log(scale_sigma);
    double scatter = -0.5 * (d->n - 1.0) * (log_2pi + log(variance)) - 0.5 * log(d->n) -
                     0.5 * d->squares / variance;
    return prior + scatter + log_normal(d->mean, 1.0 + variance / d->n);
}

static double sigma_of(double s)
{
    return floor_sigma + exp(s);
}

// The density of s = log(sigma - 0.05), times p(y).
static double log_joint_s(const data_t *d, double s)
{
    return log_joint(d, sigma_of(s)) + s;
}

// Golden section.
static double mode_of_s(const data_t *d)
{
    const double golden = 0.5 * (sqrt(5.0) - 1.0);
    double low = -30.0, high = 12.0;
    while (high - low > 1e-6) {
        double a = high - golden * (high - low), b = low + golden * (high - low);
        if (log_joint_s(d, a) > log_joint_s(d, b))
            high = b;
        else
            low = a;
    }
    return 0.5 * (low + high);
}

static double sd_of_s(const data_t *d, double mode)
{
    const double h = 1e-3;
    double curvature =
        (2.0 * log_joint_s(d, mode) - log_joint_s(d, mode - h) - log_joint_s(d, mode + h)) /
        (h * h);
    return 1.0 / sqrt(curvature);
}

// The normal posterior of mu for one sigma.
static void mu_given_sigma(const data_t *d, double sigma, double *mean, double *sd)
{
    double precision = 1.0 + d->n / (sigma * sigma);
    *mean = d->n / (sigma * sigma) * d->mean / precision;
    *sd = 1.0 / sqrt(precision);
}

static int64_t steps_until_fallen(const data_t *d, double mode, double step)
{
    int64_t k = 1;
    while (log_joint_s(d, mode) - log_joint_s(d, mode + (double)k * step) < fall)
        k++;
    return k;
}

// The nodes of one sigma; `mass` is theirs together.
static void fill_row(const data_t *d, double s, double mass, double step, int64_t half,
                     grid_posterior_t *grid, int64_t first)
{
    double mean, sd, sigma = sigma_of(s), density = log_joint(d, sigma) - grid->log_normaliser;
    mu_given_sigma(d, sigma, &mean, &sd);
    for (int64_t k = -half; k <= half; k++) {
        int64_t at = first + k + half;
        double z = (double)k * step;
        grid->mu[at] = mean + sd * z;
        grid->sigma[at] = sigma;
        grid->weight[at] = mass * step * exp(log_normal(z, 1.0));
        grid->log_density[at] = density + log_normal(z, 1.0) - log(sd);
    }
}

err_t grid_posterior(int64_t n, const float *y, double step, grid_posterior_t *out)
{
    CHECK(n > 0 && step > 0.0, "grid: n %lld, step %g", (long long)n, step);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(y[i]))
            return err_fail(ERR_FORMAT, "value %lld is not finite", (long long)i);
    data_t d = data_of(n, y);
    double mode = mode_of_s(&d), step_s = step * sd_of_s(&d, mode), sum = 0.0;
    int64_t below = steps_until_fallen(&d, mode, -step_s),
            above = steps_until_fallen(&d, mode, step_s);
    int64_t half = (int64_t)ceil(reach_mu / step), width = 2 * half + 1;
    for (int64_t k = -below; k <= above; k++)
        sum += step_s * exp(log_joint_s(&d, mode + (double)k * step_s) - log_joint_s(&d, mode));
    grid_posterior_t grid = {
        .n = (below + above + 1) * width,
        .log_normaliser = log_joint_s(&d, mode) + log(sum),
    };
    grid.mu = MEM_NEW(double, grid.n);
    grid.sigma = MEM_NEW(double, grid.n);
    grid.weight = MEM_NEW(double, grid.n);
    grid.log_density = MEM_NEW(double, grid.n);
    for (int64_t k = -below; k <= above; k++) {
        double s = mode + (double)k * step_s;
        double mass = step_s * exp(log_joint_s(&d, s) - grid.log_normaliser);
        fill_row(&d, s, mass, step, half, &grid, (k + below) * width);
    }
    *out = grid;
    return OK;
}

void grid_posterior_free(grid_posterior_t *grid)
{
    free(grid->mu);
    free(grid->sigma);
    free(grid->weight);
    free(grid->log_density);
    *grid = (grid_posterior_t){0};
}

double grid_posterior_log_density(const grid_posterior_t *grid, int64_t n, const float *y,
                                  double mu, double sigma)
{
    if (!(sigma > floor_sigma))
        return -INFINITY;
    data_t d = data_of(n, y);
    double mean, sd;
    mu_given_sigma(&d, sigma, &mean, &sd);
    return log_joint(&d, sigma) - grid->log_normaliser + log_normal(mu - mean, sd * sd);
}
