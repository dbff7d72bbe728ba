/* SPDX-License-Identifier: Apache-2.0
 *
 * From a study's `model:` to a simulator, and from a simulator to rows. Four kinds stand behind one front: the built-in
 * ones by name, plugins (workers/simulator.h) called in this process or in a child of their own, and commands, which answer
 * JSON lines (workers/command.h). A row is a function of (seed, stream, index) alone, however rows are grouped and whoever
 * simulates them; only timeouts and crashes are not determined.
 */
#ifndef WORKERS_LOAD_H
#define WORKERS_LOAD_H

#include "cluster/err.h"
#include "cluster/rng.h"
#include "storage/rows.h"
#include "storage/schema.h"
#include "workers/simulator.h"

typedef struct simulator simulator_t; // a loaded simulator with this rank's state
typedef struct prior prior_t;         // workers/prior.h

/* Built-in names: simulator_builtin_count(), simulator_builtin(i). Not collective. */
int simulator_builtin_count(void);
const infermill_simulator_t *simulator_builtin(int i);

/* Loads and checks. ERR_USAGE with the nearest name for an unknown built-in, ERR_MISSING for a missing file,
 * ERR_MISMATCH for a wrong ABI or size (says got and expected), ERR_FORMAT for a table that makes no sense
 * (no parameters, two equal names, lower >= upper, a set with one dim ...). Not collective. */
err_t simulator_load_builtin(const char *name, simulator_t **out) ERR_MUST_CHECK;
/* Called in this process: a crash of the plugin ends the program, with a message that names plugin and row. */
err_t simulator_load_plugin(const char *path, simulator_t **out) ERR_MUST_CHECK;
/* The same where a draw takes `ranks` ranks. ERR_USAGE for a plugin without create_on_ranks and more than 1. One with it can
 * simulate nothing before draw_ranks.h has given it its ranks, not even 1. */
err_t simulator_load_on_ranks(const char *path, int ranks, simulator_t **out) ERR_MUST_CHECK;
bool simulator_needs_ranks(
    const simulator_t *s); // and has none yet: rows asked of it are ERR_USAGE
/* Called in a child process, forked at the first row, with the row in shared memory: a crash becomes ROW_CRASHED, and a
 * row that takes longer than `timeout` seconds (0: no limit) ROW_TIMEOUT. ERR_USAGE for a plugin with create_on_ranks: the
 * child is no rank. */
err_t simulator_load_isolated(const char *path, double timeout, simulator_t **out) ERR_MUST_CHECK;

/* A program that answers JSON lines. Texts are copied. */
typedef struct {
    const char *const *argv; // NULL-terminated; argv[0] with a slash is looked up from `folder`
    const char *folder;      // where it runs: that of the study
    double timeout;          // seconds a row may take; 0: no limit
} simulator_command_t;

/* Starts it and asks for its description. ERR_MISSING when it can not be started; ERR_FORMAT for a description that makes
 * no sense; ERR_SIMULATOR when it ends or is silent. */
err_t simulator_load_command(const simulator_command_t *command, simulator_t **out) ERR_MUST_CHECK;
/* A model of which only the declaration is there (its rows were simulated elsewhere): every row asked of it is ERR_USAGE.
 * Takes the schema over. `where` names its source. */
simulator_t *simulator_declared(schema_t schema, const char *where);
bool simulator_is_declared(const simulator_t *s); // it can simulate nothing
void simulator_close(simulator_t **s);            // NULL is fine; ends its processes

/* Settings, before the first row. The study's prior replaces the simulator's own, and the schema says so: text
 * and bounds of its support; takes it over. */
void simulator_set_prior(simulator_t *s, prior_t *prior);
/* A row that ends in ROW_ERROR, ROW_TIMEOUT or ROW_CRASHED is not marked but stops the campaign (ERR_SIMULATOR). */
void simulator_stop_on_failure(simulator_t *s, bool stop);
/* NaN in this observable stands for a value that is not there, instead of a failure. Before the first row. */
void simulator_allow_missing(simulator_t *s, int observable);
/* Where the stderr of a command goes, appended; made at its first line. Without it only the last lines are kept, for
 * messages. */
void simulator_log_to(simulator_t *s, const char *path);

const infermill_simulator_t *simulator_table(
    const simulator_t *s); // NULL: a command. Valid until simulator_close
const schema_t *simulator_schema(const simulator_t *s); // valid until simulator_close
/* ERR_USAGE when it has no prior of its own and none was set. */
err_t simulator_has_prior(const simulator_t *s) ERR_MUST_CHECK;
/* Natural logarithm of the prior density: that of the study, else what the simulator says (up to no constant). -INFINITY
 * outside the support; NAN where neither tells it. */
double simulator_log_prior(const simulator_t *s, const double *parameters, const double *design);

/* Whether its likelihood and its prior can be asked. ERR_USAGE says why not: a command, a plugin in a process of its own, or
 * one of them was not written. */
err_t simulator_has_density(const simulator_t *s) ERR_MUST_CHECK;
bool simulator_has_gradient(const simulator_t *s); // of the likelihood
/* Natural logarithm of the likelihood of one data set, up to no constant; NAN where it can not be asked. `gradient` (NULL: not
 * wanted; only where simulator_has_gradient) gets the derivatives by each value of the parameters. */
double simulator_log_likelihood(const simulator_t *s, const double *parameters,
                                const double *design, const float *const *observables,
                                double *gradient);
/* Derivatives of simulator_log_prior, where it has them: false where not. */
bool simulator_prior_gradient(const simulator_t *s, const double *parameters, const double *design,
                              double *gradient);

/* Simulates row `index` of (seed, stream) into rows[at] (below the capacity; rows->n is the caller's): index, design,
 * parameters, observables (zero beyond the length), lengths, status, reason (NULL where the row is done), seconds.
 * ROW_REJECTED: the simulator rejected the draw. ROW_NONFINITE: a value is not finite, a parameter lies on the edge of its
 * open support, or the host was asked for a distribution that does not exist. A failed row keeps its parameters and design
 * where they are known, else NaN. ERR_SIMULATOR when the simulator asks to stop, draws a parameter or design value outside
 * its declared bounds, or its process died many times without finishing a row. */
err_t simulator_row(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, rows_t *rows,
                    int64_t at) ERR_MUST_CHECK;
/* The same from given parameters and design (posterior predictive). */
err_t simulator_row_given(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index,
                          const double *parameters, const double *design, rows_t *rows,
                          int64_t at) ERR_MUST_CHECK;
/* Rows [first, first + n) into rows[at], rows[at + 1] ...; a simulator with a batch entry gets many in one call. Ends early,
 * with *done < n and OK, when a stop was asked for; after an error the first *done rows are finished. */
err_t simulator_rows(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t first, int64_t n,
                     rows_t *rows, int64_t at, int64_t *done) ERR_MUST_CHECK;

/* The random table handed to simulators; infermill_random_t is private to the host. */
const infermill_host_t *simulator_host(void);

#endif
