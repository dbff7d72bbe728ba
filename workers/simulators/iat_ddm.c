// SPDX-License-Identifier: Apache-2.0
//
// One person in an implicit-association test (von Krause, Radev and Voss 2022, "Mental speed is high until age 60 as revealed
// by analysis of over a million participants"): 60 trials in each of two conditions. Evidence starts midway between two
// boundaries that lie a apart and drifts by v a second; the upper boundary is the correct answer. Drift and boundaries are
// those of the condition, the time beside the decision that of a correct or a wrong answer.
//
//     correct with probability 1 / (1 + exp(-a v)); y = +(t_correct + T) or -(t_error + T), T the first-passage time
//     an answer faster than 0.3 s or slower than 10 s does not count: y = 0
//     v1, v2 ~ Gamma(2, 1)   a1, a2 ~ Gamma(6, 0.15)   t_correct ~ Gamma(3, 0.15)   t_error ~ Gamma(3, 0.5)   (shape, scale)
//
// A trial that does not count has the probability that the answer came too early or too late: to leave it out would be
// another model, in which such trials say nothing.
#include "workers/simulators/iat_sums.h"
#include "workers/simulators/passage.h"
#include "workers/simulators/simulators.h"

#include <math.h>
#include <string.h>

enum { V1, V2, A1, A2, T_CORRECT, T_ERROR, N_PARAMETERS };
enum { CONDITIONS = 2, TRIALS = 60, ALL_TRIALS = CONDITIONS * TRIALS, FEATURES = 2 };

static const double earliest = 0.3, latest = 10.0; // seconds
static const struct {
    double shape, scale, log_gamma; // of the shape
} laws[N_PARAMETERS] = {
    {2.0, 1.0, 0.0},
    {2.0, 1.0, 0.0},
    {6.0, 0.15, 4.78749174278204599425}, // log 120
    {6.0, 0.15, 4.78749174278204599425},
    {3.0, 0.15, 0.69314718055994530942}, // log 2
    {3.0, 0.5, 0.69314718055994530942},
};

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "v1", .lower = 0.0, .upper = INFINITY},
    {.name = "v2", .lower = 0.0, .upper = INFINITY},
    {.name = "a1", .lower = 0.0, .upper = INFINITY},
    {.name = "a2", .lower = 0.0, .upper = INFINITY},
    {.name = "t_correct", .lower = 0.0, .upper = INFINITY, .unit = "s"},
    {.name = "t_error", .lower = 0.0, .upper = INFINITY, .unit = "s"},
};

// Of each trial the signed time and the condition, 1 or 2.
static const infermill_observable_t observables[] = {
    {
        .name = "y",
        .kind = INFERMILL_SET,
        .n_dims = 2,
        .dims = {ALL_TRIALS, FEATURES},
        .dim_design = {-1, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    for (int i = 0; i < N_PARAMETERS; i++)
        theta[i] = laws[i].scale * host->gamma(random, laws[i].shape);
}

static int possible(const double *theta)
{
    for (int i = 0; i < N_PARAMETERS; i++)
        if (!(theta[i] > 0.0 && isfinite(theta[i])))
            return 0;
    return isfinite(theta[V1] * theta[A1]) && isfinite(theta[V2] * theta[A2]);
}

static int counts(double time)
{
    return time >= earliest && time <= latest;
}

static void simulate_condition(passage_draws_t *draws, const double *theta, int condition,
                               float *out)
{
    double v = theta[V1 + condition], a = theta[A1 + condition], unit = 0.25 * a * a;
    double correct = 1.0 / (1.0 + exp(-a * v));
    passage_law_t law = passage_law(0.5 * a * v);
    for (int i = 0; i < TRIALS; i++) {
        int right = passage_uniform(draws) < correct;
        double time = theta[right ? T_CORRECT : T_ERROR] + unit * passage_time(&law, draws);
        out[FEATURES * i] = counts((float)time) ? (float)(right ? time : -time) : 0.0f;
        out[FEATURES * i + 1] = (float)(condition + 1);
    }
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)design;
    if (!possible(theta)) {
        host->explain(random, "all parameters must be positive");
        return 1;
    }
    passage_draws_t draws;
    passage_draws(host, random, &draws);
    for (int c = 0; c < CONDITIONS; c++)
        simulate_condition(&draws, theta, c, out[0] + c * TRIALS * FEATURES);
    return 0;
}

static double log_prior_gradient(void *state, const double *theta, const double *design,
                                 double *gradient)
{
    (void)state, (void)design;
    double sum = 0.0;
    if (!possible(theta))
        return -INFINITY;
    for (int i = 0; i < N_PARAMETERS; i++) {
        sum += (laws[i].shape - 1.0) * log(theta[i]) - theta[i] / laws[i].scale -
               laws[i].shape * log(laws[i].scale) - laws[i].log_gamma;
        gradient[i] = (laws[i].shape - 1.0) / theta[i] - 1.0 / laws[i].scale;
    }
    return sum;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    double gradient[N_PARAMETERS];
    return log_prior_gradient(state, theta, design, gradient);
}

/* ---- the likelihood of one condition ---- */

// Of one condition: its parameters, what has been summed, and the derivatives where they are wanted.
typedef struct {
    double v, a, m, unit;
    const double *t; // (2) time beside the decision: of a correct answer, of a wrong one
    double logs;
    int wanted;        // whether derivatives are
    double by_v, by_a; // derivatives of the sum
    double by_t[2];    // of a correct answer, of a wrong one
} condition_t;

// m^2 x / 2 = v^2 T / 2 does not depend on a.
static void derive_answers(condition_t *c, const iat_condition_t *of)
{
    double n = of->n[0] + of->n[1], balance = of->n[0] - of->n[1];
    c->by_v += 0.5 * c->a * (balance - c->m * of->x);
    c->by_a += 0.5 * c->v * balance - 2.0 / c->a * (of->pull + n);
    for (int i = 0; i < 2; i++)
        c->by_t[i] -= (of->slope[i] - 0.5 * c->m * c->m * of->n[i]) / c->unit;
}

// What the densities of x without drift lack.
static void add_answers(condition_t *c, const iat_condition_t *of)
{
    double n = of->n[0] + of->n[1], balance = of->n[0] - of->n[1];
    if (n == 0.0)
        return;
    c->logs += balance * c->m - 0.5 * c->m * c->m * of->x - n * log(c->unit);
    if (c->wanted)
        derive_answers(c, of);
}

// The probability that an answer with this time beside the decision comes before `earliest` or after `latest`.
typedef struct {
    double p, by_m, by_x_early, by_x_late, x_early, x_late;
} uncounted_t;

static uncounted_t uncounted(const condition_t *c, const passage_drift_t *drift, double t)
{
    uncounted_t u = {.x_early = (earliest - t) / c->unit, .x_late = (latest - t) / c->unit};
    passage_sides_t early = {0}, late = {.above = 1.0};
    if (u.x_early > 1e-100)
        early = passage_sides(drift, u.x_early);
    if (u.x_late > 1e-100)
        late = passage_sides(drift, u.x_late);
    u.p = early.below + late.above;
    u.by_m = early.below_m - late.below_m;
    u.by_x_early = early.density;
    u.by_x_late = -late.density;
    return u;
}

// n trials that do not count, each of probability correct u[0] + (1 - correct) u[1].
static void add_uncounted(condition_t *c, double n)
{
    passage_drift_t drift = passage_drift(c->m);
    double correct = 1.0 / drift.fold, wrong = drift.back * correct;
    double share[2] = {correct, wrong}, p = 0.0, by_m = 0.0, by_x = 0.0;
    uncounted_t u[2] = {uncounted(c, &drift, c->t[0]), uncounted(c, &drift, c->t[1])};
    for (int i = 0; i < 2; i++) {
        p += share[i] * u[i].p;
        by_m += share[i] * u[i].by_m;
        by_x += share[i] * (u[i].by_x_early * u[i].x_early + u[i].by_x_late * u[i].x_late);
    }
    by_m += 2.0 * correct * wrong * (u[0].p - u[1].p);
    c->logs += n * log(p);
    if (!c->wanted)
        return;
    c->by_v += n / p * by_m * 0.5 * c->a;
    c->by_a += n / p * (by_m * 0.5 * c->v - 2.0 / c->a * by_x);
    for (int i = 0; i < 2; i++)
        c->by_t[i] -= n / p * share[i] * (u[i].by_x_early + u[i].by_x_late) / c->unit;
}

static condition_t condition(const double *theta, int which, int wanted)
{
    double v = theta[V1 + which], a = theta[A1 + which];
    return (condition_t){.v = v,
                         .a = a,
                         .m = 0.5 * a * v,
                         .unit = 0.25 * a * a,
                         .t = theta + T_CORRECT,
                         .wanted = wanted};
}

static iat_sums_t sums_at(const double *theta, const float *y, int slopes)
{
    const iat_scales_t scales = {
        .least = earliest,
        .most = latest,
        .start = {theta[T_CORRECT], theta[T_ERROR]},
        .unit = {0.25 * theta[A1] * theta[A1], 0.25 * theta[A2] * theta[A2]}};
    return iat_sums(&scales, y, slopes);
}

static double log_likelihood_gradient(void *state, const double *theta, const double *design,
                                      const float *const *in, double *gradient)
{
    (void)state, (void)design;
    double sum = 0.0;
    if (!possible(theta))
        return -INFINITY;
    if (gradient != NULL)
        memset(gradient, 0, N_PARAMETERS * sizeof *gradient);
    iat_sums_t sums = sums_at(theta, in[0], gradient != NULL);
    if (sums.outside)
        return -INFINITY;
    sum = sums.log_density;
    for (int k = 0; k < CONDITIONS; k++) {
        condition_t c = condition(theta, k, gradient != NULL);
        add_answers(&c, &sums.of[k]);
        if (sums.of[k].uncounted > 0.0)
            add_uncounted(&c, sums.of[k].uncounted);
        sum += c.logs;
        if (gradient == NULL)
            continue;
        gradient[V1 + k] = c.by_v;
        gradient[A1 + k] = c.by_a;
        gradient[T_CORRECT] += c.by_t[0];
        gradient[T_ERROR] += c.by_t[1];
    }
    return sum;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    return log_likelihood_gradient(state, theta, design, in, NULL);
}

const infermill_simulator_t iat_ddm_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "iat_ddm",
    .version = "1",
    .description = "Signed reaction times of an implicit-association test: drift diffusion in two "
                   "conditions of 60 trials; 0 is an answer before 0.3 s or after 10 s",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .parameters = parameters,
    .observables = observables,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
    .log_prior_gradient = log_prior_gradient,
    .log_likelihood_gradient = log_likelihood_gradient,
};
