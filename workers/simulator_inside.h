/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind simulator_t (workers/load.h): the ways to simulate rows. For load.c, simulate.c and the ways themselves.
 */
#ifndef WORKERS_SIMULATOR_INSIDE_H
#define WORKERS_SIMULATOR_INSIDE_H

#include "cluster/err.h"
#include "workers/load.h"

enum { REQUEST_MOST_ROWS = 256 }; // of one request
enum {
    MOST_DEATHS = 20
}; // of a process, without a finished row between them, before the campaign ends

/* Simulate rows [first, first + n) of (seed, stream) into rows[at ...]. */
typedef struct {
    uint64_t seed;
    rng_stream_t stream;
    int64_t first, n;
    bool given;           // parameters and design stand in the rows already
    const prior_t *prior; // of the study, or NULL: the simulator draws
    rows_t *rows;
    int64_t at;
} request_t;

/* A way. `run` finishes *done rows, whatever it returns: a row that fails by itself is marked and counts as finished.
 * ERR_SIMULATOR: the campaign should stop. */
typedef struct {
    err_t (*run)(void *self, const request_t *request, int64_t *done);
    void (*log_to)(void *self, const char *path); // NULL: it logs nothing
    void (*close)(void *self);
    /* The state of the simulator's table, in this process; NULL: the table is not called here. */
    void *(*state)(void *self);
    bool needs_prior; // it can not draw parameters
    bool groups;      // rows of one request cost less than one request for each
} engine_t;

struct simulator {
    const infermill_simulator_t *table; // NULL for a command
    void *library;                      // of dlopen, or NULL
    char *where;                        // the source, for messages
    schema_t schema;
    prior_t *prior;
    int ranks; // of a draw
    bool stop_on_failure, started;
    double row_seconds; // that a row takes, about
    engine_t engine;
    void *self; // of the engine
};

#endif
