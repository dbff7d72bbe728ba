/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows simulated by calling a table's functions (workers/simulator.h) in this process.
 */
#ifndef WORKERS_NATIVE_H
#define WORKERS_NATIVE_H

#include "workers/simulator.h"
#include "workers/simulator_inside.h"

#include <stdatomic.h>

/* Where the table's code is, for whoever has to tell of its death: written before each call. Rows count from the
 * request's first one. */
typedef struct {
    _Atomic int64_t row, count; // in its hands: rows [row, row + count); -1: it makes its state
    _Atomic int64_t done;       // finished
    _Atomic double started;     // log_clock() of the call
} native_progress_t;

/* Draws that take several ranks (create_on_ranks): who they are, and how their native_t keep in step. */
typedef struct {
    void *self;
    int64_t communicator; // handed to the plugin
    int rank, size;
    void (*share)(void *self, size_t bytes,
                  void *data); // from the rank whose rows they are, to all
    void (*agree)(void *self, int n,
                  int *code); // the codes of all: the least below 0, or the greatest
} native_ranks_t;

typedef struct native native_t;

/* The table is checked already and outlives it. ERR_SIMULATOR when `create` fails. `where` names the source, borrowed.
 * `guarded`: a crash inside ends the program with a message (workers/guard.h). `progress` and `ranks` are borrowed. With
 * `ranks` (NULL: a draw takes one) the functions below are collective over them, each with the same arguments but for what
 * stands in the rows. */
err_t native_create(const infermill_simulator_t *table, const schema_t *schema, const char *where,
                    bool guarded, const native_ranks_t *ranks, native_progress_t *progress,
                    native_t **out) ERR_MUST_CHECK;
void native_destroy(native_t **native); // NULL is fine
/* As engine_t.run; the same on all `ranks`. */
err_t native_run(native_t *native, const request_t *request, int64_t *done) ERR_MUST_CHECK;
void *native_state(native_t *native); // of the table; NULL where it has none

#endif
