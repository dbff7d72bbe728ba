/* SPDX-License-Identifier: CC0-1.0
 *
 * An epidemic in a town, as a first model; make it yours. Susceptible people meet infectious ones, who recover:
 *
 *     new cases  ~ Binomial(S, 1 - exp(-beta I / N))      each day
 *     recoveries ~ Binomial(I, 1 - exp(-gamma))
 *     reported   ~ Binomial(new cases, 0.5)
 *
 * What is inferred: beta and gamma (1 / day); their priors stand in study.yaml. What is observed: the reported cases of
 * the first `days` days. What every function may do is told in infermill/simulator.h.
 */
#include <infermill/simulator.h>

#include <math.h>

enum { BETA, GAMMA, N_PARAMETERS };
enum { PEOPLE = 1000, FIRST_CASES = 5, FEWEST_DAYS = 20, MOST_DAYS = 60 };
static const double reported_share = 0.5;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "beta", .lower = 0, .upper = INFINITY, .unit = "1/day"},
    {.name = "gamma", .lower = 0, .upper = INFINITY, .unit = "1/day"},
};

static const infermill_design_t design_variables[] = {
    {.name = "days", .lower = FEWEST_DAYS, .upper = MOST_DAYS, .integer = 1},
};

/* A set of (day, log(1 + reported cases)): the networks read a set in any order, so the day stands beside the count. */
static const infermill_observable_t observables[] = {
    {.name = "cases",
     .kind = INFERMILL_SET,
     .n_dims = 2,
     .dims = {MOST_DAYS, 2},
     .dim_design = {0, -1, -1},
     .lower = -INFINITY,
     .upper = INFINITY},
};

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    int64_t susceptible = PEOPLE - FIRST_CASES, infectious = FIRST_CASES;
    (void)state;
    for (int day = 0; day < (int)design[0]; day++) {
        double risk = -expm1(-theta[BETA] * (double)infectious / PEOPLE);
        int64_t cases = host->binomial(random, susceptible, risk);
        int64_t recovered = host->binomial(random, infectious, -expm1(-theta[GAMMA]));
        int64_t reported = host->binomial(random, cases, reported_share);
        susceptible -= cases;
        infectious += cases - recovered;
        out[0][2 * day] = (float)day;
        out[0][2 * day + 1] = (float)log1p((double)reported);
    }
    return 0;
}

const infermill_simulator_t *infermill_simulator(void)
{
    static const infermill_simulator_t table = {
        .abi = INFERMILL_ABI,
        .size = sizeof table,
        .name = "@MODEL@",
        .version =
            "1", /* change it when the simulator gives other numbers: a bank holds one version */
        .description = "Reported cases of an epidemic in a town",
        .n_parameters = N_PARAMETERS,
        .n_observables = 1,
        .n_design = 1,
        .parameters = parameters,
        .observables = observables,
        .design = design_variables,
        .simulate = simulate,
    };
    return &table;
}
