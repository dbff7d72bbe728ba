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

/* Simulates row `index` of (seed, stream) into rows[at] (below the capacity; rows->n is the caller's): index, design,
 * parameters, observables (zero beyond the length), lengths, status, seconds. ROW_NONFINITE: a value is not finite, a
 * parameter lies on the edge of its open support, or the host was asked for a distribution that does not exist.
 * ERR_SIMULATOR when the simulator asks to stop, or draws a parameter or design value outside its declared bounds. */
err_t simulator_row(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, rows_t *rows,
                    int64_t at) ERR_MUST_CHECK;
/* The same from given parameters and design (posterior predictive). */
err_t simulator_row_given(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index,
                          const double *parameters, const double *design, rows_t *rows,
                          int64_t at) ERR_MUST_CHECK;

/* Why the last row was rejected, not finite or a stop, in the simulator's words; "" where it said nothing. Valid until
 * the next row. */
const char *simulator_reason(const simulator_t *s);

/* The random table handed to simulators; infermill_random_t is private to the host. */
const infermill_host_t *simulator_host(void);

#endif
