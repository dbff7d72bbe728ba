/* SPDX-License-Identifier: Apache-2.0
 *
 * From a study's `model:` to a simulator: the built-in ones by name, plugins by dlopen. Also the host side of the
 * interface: the random table, and the simulation of one row into a block.
 */
#ifndef WORKERS_LOAD_H
#define WORKERS_LOAD_H

#include "cluster/err.h"
#include "cluster/rng.h"
#include "storage/rows.h"
#include "storage/schema.h"
#include "workers/simulator.h"

typedef struct simulator simulator_t; // a loaded simulator with this rank's state

/* Built-in names: simulator_builtin_count(), simulator_builtin(i). Not collective. */
int simulator_builtin_count(void);
const infermill_simulator_t *simulator_builtin(int i);

/* Loads and checks. ERR_USAGE with the nearest name for an unknown built-in, ERR_MISSING for a missing file,
 * ERR_MISMATCH for a wrong ABI or size (says got and expected), ERR_FORMAT for a table that makes no sense
 * (no parameters, two equal names, lower >= upper, a set with one dim ...). Not collective. */
err_t simulator_load_builtin(const char *name, simulator_t **out) ERR_MUST_CHECK;
err_t simulator_load_plugin(const char *path, simulator_t **out) ERR_MUST_CHECK;
void simulator_close(simulator_t **s);

const infermill_simulator_t *simulator_table(const simulator_t *s); // valid until simulator_close
const schema_t *simulator_schema(const simulator_t *s);             // valid until simulator_close

/* Simulates row `index` of (seed, stream) into rows[at]: design, parameters, observables, lengths, status, seconds.
 * A value that is not finite gives ROW_NONFINITE. ERR_SIMULATOR when the simulator asks to stop. */
err_t simulator_row(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, rows_t *rows, int64_t at)
    ERR_MUST_CHECK;
/* The same from given parameters and design (posterior predictive). */
err_t simulator_row_given(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, const double *parameters,
                          const double *design, rows_t *rows, int64_t at) ERR_MUST_CHECK;

/* The random table handed to simulators; infermill_random_t is an rng_t with a place for the reason. */
const infermill_host_t *simulator_host(void);

#endif
