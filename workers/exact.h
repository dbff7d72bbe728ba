/* SPDX-License-Identifier: Apache-2.0
 *
 * The exact posterior of one data set, up to a constant: prior times likelihood, of a simulator that tells both. In two
 * spaces: on the user's scale, for importance weights; and as the free numbers of the adapter, which have no bounds, for
 * Markov chains.
 */
#ifndef WORKERS_EXACT_H
#define WORKERS_EXACT_H

#include "nn/adapter.h"
#include "storage/rows.h"
#include "workers/chains.h"
#include "workers/load.h"

typedef struct exact exact_t;

/* Borrows both. ERR_USAGE: the simulator tells no density, or the adapter drops a parameter, so that what is inferred is a
 * marginal of the exact posterior. */
err_t exact_create(const simulator_t *simulator, const adapter_t *adapter,
                   exact_t **out) ERR_MUST_CHECK;
void exact_destroy(exact_t **e); // NULL is fine

int exact_parameters(const exact_t *e); // P: values of parameters
int exact_dims(const exact_t *e);       // Q: free numbers

/* From now on the posterior of data set i of `rows` (design and observables, as the simulator has them), which are borrowed. */
void exact_set(exact_t *e, const rows_t *rows, int64_t i);

/* Of parameters (P) on the user's scale. -INFINITY outside the support, or where the simulator says NaN. */
double exact_log_density(exact_t *e, const double *parameters);

void exact_to_free(const exact_t *e, const double *parameters, double *u);
void exact_from_free(const exact_t *e, const double *u, double *parameters);

/* The density of free numbers. Where the simulator tells the likelihood's gradient, so does this: by the chain rule, with
 * central differences of the adapter's map (and of the prior where its gradient is not told). What these lack in the last
 * digits costs Hamiltonian chains a rejection now and then, never their target. */
chains_target_t exact_target(exact_t *e);

#endif
