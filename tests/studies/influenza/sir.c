// SPDX-License-Identifier: Apache-2.0
//
// Influenza in a boarding school of 763 boys: how many are in bed on each of 14 days.
//
//     S' = -beta S I / 763      I' = beta S I / 763 - gamma I      I(0) = infected, S(0) = 763 - infected
//     in bed on day t ~ NegativeBinomial(mean I(t), variance I(t) + dispersion I(t)^2),   t = 1 .. 14
//
//     beta ~ LogNormal(ln 1.5, 0.5)      gamma ~ LogNormal(ln 0.5, 0.3)
//     infected ~ LogNormal(ln 1, 0.5)    dispersion ~ Exponential(mean 0.2)
//
// The equations are solved by CVODE of SUNDIALS (Hindmarsh et al. 2005): Adams methods, fixed-point iteration.
#include <infermill/simulator.h>

#include <cvode/cvode.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdlib.h>
#include <sundials/sundials_context.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

enum { BETA, GAMMA, INFECTED, DISPERSION, N_PARAMETERS };
enum { SUSCEPTIBLE, ILL, EQUATIONS };
enum { DAYS = 14, BOYS = 763 };

static const double median[] = {1.5, 0.5, 1.0}, sd_log[] = {0.5, 0.3, 0.5}, mean_dispersion = 0.2;
static const double log_sqrt_2pi = 0.91893853320467274178;
static const double tolerance = 1e-6;

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "beta", .lower = 0.0, .upper = INFINITY, .unit = "1/day"},
    {.name = "gamma", .lower = 0.0, .upper = INFINITY, .unit = "1/day"},
    {.name = "infected", .lower = 0.0, .upper = INFINITY},
    {.name = "dispersion", .lower = 0.0, .upper = INFINITY},
};

static const infermill_observable_t observables[] = {
    {
        .name = "in_bed",
        .kind = INFERMILL_SERIES,
        .n_dims = 2,
        .dims = {DAYS, 1},
        .dim_design = {-1, -1, -1},
        .lower = 0.0,
        .upper = INFINITY,
    },
};

// What one rank keeps of CVODE.
typedef struct {
    SUNContext context;
    N_Vector y;
    SUNNonlinearSolver iteration;
    void *cvode;
    double theta[N_PARAMETERS]; // of the equations that are being solved
} solver_t;

static int slope(realtype time, N_Vector y, N_Vector result, void *user)
{
    const double *theta = ((const solver_t *)user)->theta, *at = N_VGetArrayPointer(y);
    double *to = N_VGetArrayPointer(result);
    double infections = theta[BETA] * at[SUSCEPTIBLE] * at[ILL] / BOYS;
    (void)time;
    to[SUSCEPTIBLE] = -infections;
    to[ILL] = infections - theta[GAMMA] * at[ILL];
    return 0;
}

// A failed step is told by the code of CVode; a plugin prints nothing.
static void quiet(int code, const char *module, const char *function, char *message, void *user)
{
    (void)code, (void)module, (void)function, (void)message, (void)user;
}

static void destroy(void *state)
{
    solver_t *s = state;
    if (s->cvode != NULL)
        CVodeFree(&s->cvode);
    if (s->iteration != NULL)
        SUNNonlinSolFree(s->iteration);
    if (s->y != NULL)
        N_VDestroy(s->y);
    if (s->context != NULL)
        SUNContext_Free(&s->context);
    free(s);
}

static int make(solver_t *s)
{
    if (SUNContext_Create(NULL, &s->context) != 0)
        return 1;
    s->y = N_VNew_Serial(EQUATIONS, s->context);
    s->cvode = CVodeCreate(CV_ADAMS, s->context);
    if (s->y == NULL || s->cvode == NULL)
        return 1;
    N_VConst(1.0, s->y);
    s->iteration = SUNNonlinSol_FixedPoint(s->y, 0, s->context);
    return s->iteration == NULL || CVodeInit(s->cvode, slope, 0.0, s->y) != CV_SUCCESS ||
           CVodeSetNonlinearSolver(s->cvode, s->iteration) != CV_SUCCESS ||
           CVodeSStolerances(s->cvode, tolerance, tolerance) != CV_SUCCESS ||
           CVodeSetMaxNumSteps(s->cvode, 10000) != CV_SUCCESS ||
           CVodeSetErrHandlerFn(s->cvode, quiet, NULL) != CV_SUCCESS ||
           CVodeSetUserData(s->cvode, s) != CV_SUCCESS;
}

static int create(void **state)
{
    solver_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return 1;
    *state = s;
    if (make(s) == 0)
        return 0;
    destroy(s);
    *state = NULL;
    return 1;
}

// Everybody ill on days 1 .. 14. Returns 0, or 1 where CVODE gives up.
static int solve(solver_t *s, const double *theta, double *ill)
{
    double *y = N_VGetArrayPointer(s->y), time;
    for (int p = 0; p < N_PARAMETERS; p++)
        s->theta[p] = theta[p];
    y[SUSCEPTIBLE] = BOYS - theta[INFECTED];
    y[ILL] = theta[INFECTED];
    if (CVodeReInit(s->cvode, 0.0, s->y) != CV_SUCCESS)
        return 1;
    for (int day = 0; day < DAYS; day++) {
        if (CVode(s->cvode, day + 1.0, s->y, &time, CV_NORMAL) != CV_SUCCESS)
            return 1;
        ill[day] = fmax(y[ILL], tolerance);
    }
    return 0;
}

static int possible(const double *theta)
{
    for (int p = 0; p < N_PARAMETERS; p++)
        if (!(theta[p] > 0.0 && isfinite(theta[p])))
            return 0;
    return theta[INFECTED] < BOYS;
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    for (int p = 0; p < DISPERSION; p++)
        theta[p] = median[p] * exp(sd_log[p] * host->normal(random));
    theta[DISPERSION] = mean_dispersion * host->exponential(random);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    double ill[DAYS];
    (void)design;
    if (!possible(theta) || solve(state, theta, ill)) {
        host->explain(random, "parameters must be positive, infected below 763, and CVODE succeed");
        return 1;
    }
    double size = 1.0 / theta[DISPERSION];
    for (int day = 0; day < DAYS; day++)
        out[0][day] = (float)host->negative_binomial(random, size, size / (size + ill[day]));
    return 0;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!possible(theta))
        return -INFINITY;
    double sum = -theta[DISPERSION] / mean_dispersion - log(mean_dispersion);
    for (int p = 0; p < DISPERSION; p++) {
        double x = log(theta[p]), z = (x - log(median[p])) / sd_log[p];
        sum += -0.5 * z * z - log_sqrt_2pi - log(sd_log[p]) - x;
    }
    return sum;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    double ill[DAYS], sum = 0.0;
    (void)design;
    if (!possible(theta) || solve(state, theta, ill))
        return -INFINITY;
    double size = 1.0 / theta[DISPERSION];
    for (int day = 0; day < DAYS; day++) {
        double k = in[0][day], all = size + ill[day];
        sum += lgamma(k + size) - lgamma(size) - lgamma(k + 1.0) + size * log(size / all) +
               k * log(ill[day] / all);
    }
    return sum;
}

const infermill_simulator_t *infermill_simulator(void)
{
    static const infermill_simulator_t table = {
        .abi = INFERMILL_ABI,
        .size = sizeof table,
        .name = "boarding_school",
        .version = "1",
        .description = "Influenza in a boarding school of 763 boys: in bed on 14 days",
        .n_parameters = N_PARAMETERS,
        .n_observables = 1,
        .parameters = parameters,
        .observables = observables,
        .create = create,
        .destroy = destroy,
        .prior = prior,
        .simulate = simulate,
        .log_prior = log_prior,
        .log_likelihood = log_likelihood,
    };
    return &table;
}
