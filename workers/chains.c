// SPDX-License-Identifier: Apache-2.0
#include "workers/chains.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 64 };

static const double target_acceptance = 0.7, least_acceptance = 0.01, stretch = 2.0;

chains_config_t chains_config_default(int d, bool has_gradient)
{
    if (has_gradient)
        return (chains_config_t){.chains = 16, .warmup = 100, .draws = 300, .thin = 1};
    int chains = 2 * d + 2 > 32 ? 2 * d + 2 : 32;
    return (chains_config_t){.chains = chains, .warmup = 1000, .draws = 300, .thin = 20};
}

typedef struct {
    const chains_target_t *target;
    const chains_config_t *config;
    rng_t *rng;
    int64_t step;     // that is made
    double *at, *log; // (chains, d), (chains): where the chains are
    chains_report_t report;
    /* Hamiltonian */
    double *gradient; // (chains, d)
    double *cholesky; // (d, d) lower triangle of the metric's inverse, by which z is whitened
    double *scratch;  // (3, d): a trial point, its gradient, a momentum
    double log_step, log_step_mean, deviation; // dual averaging
    double accepted;                           // sum over the chains of this step
    double harmonic; // of 1 / acceptance, each at most 1 / least_acceptance
} run_t;

static double density(run_t *r, const double *z, double *gradient)
{
    double value = r->target->density(r->target->user, z, gradient);
    r->report.evaluations++;
    return isnan(value) ? -INFINITY : value;
}

/* ---- the shape of the target ---- */

/* Of the chains as they stand, a little shrunk toward the diagonal, which keeps it positive definite where chains are few or
 * stand still in a direction. */
static void covariance(const run_t *r, double *out)
{
    int d = r->target->d, n = r->config->chains;
    const double keep = (double)n / (n + 5.0);
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0.0, mean_i = 0.0, mean_j = 0.0;
            for (int c = 0; c < n; c++) {
                mean_i += r->at[c * d + i] / n;
                mean_j += r->at[c * d + j] / n;
            }
            for (int c = 0; c < n; c++)
                sum += (r->at[c * d + i] - mean_i) * (r->at[c * d + j] - mean_j);
            out[i * d + j] = sum / (n - 1) * (i == j ? 1.0 : keep) + (i == j ? 1e-12 : 0.0);
        }
}

// In place: the lower triangle L of A = L L^T.
static void factor(int d, double *a)
{
    for (int j = 0; j < d; j++) {
        for (int k = 0; k < j; k++)
            a[j * d + j] -= a[j * d + k] * a[j * d + k];
        a[j * d + j] = sqrt(fmax(a[j * d + j], 1e-24));
        for (int i = j + 1; i < d; i++) {
            for (int k = 0; k < j; k++)
                a[i * d + j] -= a[i * d + k] * a[j * d + k];
            a[i * d + j] /= a[j * d + j];
        }
    }
}

static void learn_shape(run_t *r)
{
    covariance(r, r->cholesky);
    factor(r->target->d, r->cholesky);
}

/* ---- Hamiltonian steps ---- */

// out += scale L^T g: how a gradient moves a whitened momentum.
static void push(const run_t *r, double scale, const double *gradient, double *momentum)
{
    int d = r->target->d;
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++)
            momentum[j] += scale * r->cholesky[i * d + j] * gradient[i];
}

static void drift(const run_t *r, double scale, const double *momentum, double *z)
{
    int d = r->target->d;
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++)
            z[i] += scale * r->cholesky[i * d + j] * momentum[j];
}

static double kinetic(int d, const double *momentum)
{
    double sum = 0.0;
    for (int i = 0; i < d; i++)
        sum += 0.5 * momentum[i] * momentum[i];
    return sum;
}

// Leapfrog steps from z; -INFINITY where the path leaves the support.
static double leap(run_t *r, int steps, double size, double *z, double *gradient, double *momentum)
{
    double log = -INFINITY;
    for (int s = 0; s < steps; s++) {
        push(r, 0.5 * size, gradient, momentum);
        drift(r, size, momentum, z);
        log = density(r, z, gradient);
        if (!isfinite(log))
            return -INFINITY;
        push(r, 0.5 * size, gradient, momentum);
    }
    return log;
}

static void hamiltonian_step(run_t *r, int chain, double size, double length)
{
    int d = r->target->d;
    double *z = r->scratch, *gradient = z + d, *momentum = gradient + d;
    memcpy(z, r->at + chain * d, (size_t)d * sizeof *z);
    memcpy(gradient, r->gradient + chain * d, (size_t)d * sizeof *z);
    rng_fill_normal(r->rng, (size_t)d, momentum);
    double before = r->log[chain] - kinetic(d, momentum);
    int steps = (int)fmin(fmax(ceil(length / size), 1.0), MOST_STEPS);
    double log = leap(r, steps, size, z, gradient, momentum);
    double chance = isfinite(log) ? exp(fmin(log - kinetic(d, momentum) - before, 0.0)) : 0.0;
    chance = isnan(chance) ? 0.0 : chance;
    r->accepted += chance;
    r->harmonic += 1.0 / fmax(chance, least_acceptance);
    if (rng_uniform(r->rng) < chance) {
        memcpy(r->at + chain * d, z, (size_t)d * sizeof *z);
        memcpy(r->gradient + chain * d, gradient, (size_t)d * sizeof *z);
        r->log[chain] = log;
    }
}

// Equation 6 of Hoffman and Gelman, with their constants, and in place of one chain's acceptance the harmonic mean of all, which
// no chain that stands still in a narrow place can hide in (Hoffman, Radul and Sountsov 2021, "An adaptive-MCMC scheme for
// setting trajectory lengths in Hamiltonian Monte Carlo").
static void adapt(run_t *r, double acceptance, double start)
{
    const double gamma = 0.05, delay = 10.0, kappa = 0.75;
    double t = (double)r->step + 1.0, weight = pow(t, -kappa);
    r->deviation += (target_acceptance - acceptance - r->deviation) / (t + delay);
    r->log_step = log(10.0 * start) - sqrt(t) / gamma * r->deviation;
    r->log_step = fmin(r->log_step, 0.7); // beyond 2 the leapfrog of a whitened Gaussian diverges
    r->log_step_mean = weight * r->log_step + (1.0 - weight) * r->log_step_mean;
}

static void hamiltonian_sweep(run_t *r)
{
    const double start = 0.1;
    bool warm = r->step < r->config->warmup;
    double size = exp(warm ? r->log_step : r->log_step_mean), length = M_PI * rng_uniform(r->rng);
    r->accepted = r->harmonic = 0.0;
    for (int c = 0; c < r->config->chains; c++)
        hamiltonian_step(r, c, size, length);
    double acceptance = r->accepted / r->config->chains;
    if (warm)
        adapt(r, r->config->chains / r->harmonic, start);
    else
        r->report.acceptance += acceptance;
    r->report.step = size;
    // The chains' own shape, once they have left where they started, and again while there is time to adapt to it.
    if (r->step + 1 == r->config->warmup / 4 || r->step + 1 == r->config->warmup / 2)
        learn_shape(r);
}

/* ---- stretch moves ---- */

static void stretch_move(run_t *r, int chain, int partner)
{
    int d = r->target->d;
    double root = 1.0 + (stretch - 1.0) * rng_uniform(r->rng); // density ~ 1 / sqrt on (1 / 2, 2)
    double factor = root * root / stretch, *z = r->scratch;
    for (int i = 0; i < d; i++)
        z[i] = r->at[partner * d + i] + factor * (r->at[chain * d + i] - r->at[partner * d + i]);
    double value = density(r, z, NULL);
    double chance = (d - 1) * log(factor) + value - r->log[chain];
    if (!(log(rng_uniform(r->rng)) < chance))
        return;
    memcpy(r->at + chain * d, z, (size_t)d * sizeof *z);
    r->log[chain] = value;
    r->accepted += 1.0;
}

static void stretch_sweep(run_t *r)
{
    int half = r->config->chains / 2;
    r->accepted = 0.0;
    for (int c = 0; c < 2 * half; c++) {
        int other = c < half ? half : 0;
        stretch_move(r, c, other + (int)rng_below(r->rng, (uint64_t)half));
    }
    if (r->step >= r->config->warmup)
        r->report.acceptance += r->accepted / r->config->chains;
}

/* ---- the run ---- */

static void begin(run_t *r, const double *start)
{
    int d = r->target->d, n = r->config->chains;
    r->at = MEM_NEW(double, n *d);
    r->log = MEM_NEW(double, n);
    r->gradient = MEM_NEW(double, n *d);
    r->cholesky = MEM_NEW(double, d *d);
    r->scratch = MEM_NEW(double, 3 * d);
    memcpy(r->at, start, (size_t)(n * d) * sizeof *start);
    for (int c = 0; c < n; c++) {
        r->log[c] = density(r, r->at + c * d, r->target->has_gradient ? r->gradient + c * d : NULL);
        CHECK(isfinite(r->log[c]), "chain %d starts at a log density of %g", c, r->log[c]);
    }
    r->log_step = log(0.1);
    learn_shape(r);
}

static void end(run_t *r)
{
    free(r->at);
    free(r->log);
    free(r->gradient);
    free(r->cholesky);
    free(r->scratch);
}

static void keep(const run_t *r, int64_t draw, double *out)
{
    int d = r->target->d;
    for (int c = 0; c < r->config->chains; c++)
        memcpy(out + (c * r->config->draws + draw) * d, r->at + c * d, (size_t)d * sizeof *out);
}

chains_report_t chains_run(const chains_target_t *target, const chains_config_t *config,
                           const double *start, rng_t *rng, double *out)
{
    run_t r = {.target = target, .config = config, .rng = rng};
    CHECK(target->has_gradient || (config->chains % 2 == 0 && config->chains >= 2 * target->d + 2),
          "%d chains for %d dimensions", config->chains, target->d);
    begin(&r, start);
    int64_t steps = config->warmup + config->draws * config->thin;
    for (r.step = 0; r.step < steps; r.step++) {
        if (target->has_gradient)
            hamiltonian_sweep(&r);
        else
            stretch_sweep(&r);
        int64_t kept = r.step + 1 - config->warmup;
        if (kept > 0 && kept % config->thin == 0)
            keep(&r, kept / config->thin - 1, out);
    }
    r.report.acceptance /= (double)(config->draws * config->thin);
    end(&r);
    return r.report;
}
