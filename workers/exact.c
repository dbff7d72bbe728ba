// SPDX-License-Identifier: Apache-2.0
#include "workers/exact.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct exact {
    const simulator_t *simulator;
    const adapter_t *adapter;
    int P, Q;
    const double *design;      // of the data set
    const float **observables; // (O) of the data set
    double *theta;             // (P)
    double *by_theta, *prior;  // (P) derivatives of the likelihood, of the prior
    double *u, *below, *above; // (Q), (P), (P): a step to either side
};

err_t exact_create(const simulator_t *simulator, const adapter_t *adapter, exact_t **out)
{
    int P = adapter_before(adapter)->n_parameters, Q = adapter_after(adapter)->n_parameters;
    TRY(simulator_has_density(simulator));
    if (adapter_kept(adapter, NULL) < P)
        return err_fail(ERR_USAGE,
                        "the adapter drops %d of %d parameters: the exact posterior of "
                        "the others alone is not known",
                        P - adapter_kept(adapter, NULL), P);
    exact_t *e = MEM_NEW(exact_t, 1);
    *e =
        (exact_t){.simulator = simulator,
                  .adapter = adapter,
                  .P = P,
                  .Q = Q,
                  .observables = MEM_NEW(const float *, simulator_schema(simulator)->n_observables),
                  .theta = MEM_NEW(double, P),
                  .by_theta = MEM_NEW(double, P),
                  .prior = MEM_NEW(double, P),
                  .u = MEM_NEW(double, Q),
                  .below = MEM_NEW(double, P),
                  .above = MEM_NEW(double, P)};
    *out = e;
    return OK;
}

void exact_destroy(exact_t **exact)
{
    exact_t *e = *exact;
    if (e == NULL)
        return;
    free(e->observables);
    free(e->theta);
    free(e->by_theta);
    free(e->prior);
    free(e->u);
    free(e->below);
    free(e->above);
    free(e);
    *exact = NULL;
}

int exact_parameters(const exact_t *e)
{
    return e->P;
}

int exact_dims(const exact_t *e)
{
    return e->Q;
}

void exact_set(exact_t *e, const rows_t *rows, int64_t i)
{
    const schema_t *s = simulator_schema(e->simulator);
    e->design = rows->design + i * s->n_design;
    for (int o = 0; o < s->n_observables; o++)
        e->observables[o] = rows->observables[o] + i * schema_size(&s->observables[o]);
}

/* ---- on the user's scale ---- */

/* `gradient` (P) of the likelihood; NULL: not wanted. */
static double density(const exact_t *e, const double *parameters, double *gradient)
{
    double prior = simulator_log_prior(e->simulator, parameters, e->design);
    if (!(prior > -INFINITY))
        return -INFINITY;
    double sum = prior + simulator_log_likelihood(e->simulator, parameters, e->design,
                                                  e->observables, gradient);
    return isnan(sum) ? -INFINITY : sum;
}

double exact_log_density(exact_t *e, const double *parameters)
{
    return adapter_supports(e->adapter, parameters) ? density(e, parameters, NULL) : -INFINITY;
}

/* ---- free numbers ---- */

void exact_to_free(const exact_t *e, const double *parameters, double *u)
{
    adapter_free(e->adapter, parameters, u, NULL);
}

void exact_from_free(const exact_t *e, const double *u, double *parameters)
{
    adapter_restore(e->adapter, u, parameters, NULL);
}

/* Minus ln |du / dx| at e->u, and where `with_prior` ln prior; what is restored comes into `theta`. */
static double rest_at(exact_t *e, bool with_prior, double *theta)
{
    double log_jacobian;
    adapter_restore(e->adapter, e->u, theta, &log_jacobian);
    double prior = with_prior ? simulator_log_prior(e->simulator, theta, e->design) : 0.0;
    return prior - log_jacobian;
}

/* Steps of the cube root of the rounding error make the central difference's error smallest. */
static void chain_rule(exact_t *e, const double *u, double *gradient)
{
    const double relative = 6e-6;
    bool told = simulator_prior_gradient(e->simulator, e->theta, e->design, e->prior);
    for (int j = 0; j < e->Q; j++) {
        double step = relative * fmax(1.0, fabs(u[j])), sum;
        memcpy(e->u, u, (size_t)e->Q * sizeof *u);
        e->u[j] = u[j] + step;
        sum = rest_at(e, !told, e->above);
        e->u[j] = u[j] - step;
        sum -= rest_at(e, !told, e->below);
        for (int p = 0; p < e->P; p++)
            sum += (e->by_theta[p] + (told ? e->prior[p] : 0.0)) * (e->above[p] - e->below[p]);
        gradient[j] = sum / (2.0 * step);
    }
}

static double free_density(void *user, const double *u, double *gradient)
{
    exact_t *e = user;
    double log_jacobian;
    adapter_restore(e->adapter, u, e->theta, &log_jacobian);
    if (!isfinite(log_jacobian) || !adapter_supports(e->adapter, e->theta))
        return -INFINITY;
    double value = density(e, e->theta, gradient != NULL ? e->by_theta : NULL) - log_jacobian;
    if (gradient != NULL && isfinite(value))
        chain_rule(e, u, gradient);
    return isnan(value) ? -INFINITY : value;
}

chains_target_t exact_target(exact_t *e)
{
    return (chains_target_t){.d = e->Q,
                             .density = free_density,
                             .user = e,
                             .has_gradient = simulator_has_gradient(e->simulator)};
}
