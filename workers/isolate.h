/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin in a child process of its own. The rows of a request lie in memory that both share; two pipes carry one byte for
 * each request and each answer, and close when the other side dies. The child calls no MPI and ends with its parent.
 *
 *     parent: request, rows given -> byte ->  child: native_run on the shared rows, progress before each call -> byte
 *
 * From the progress the parent knows which row the child was at when it died or ran out of time.
 */
#ifndef WORKERS_ISOLATE_H
#define WORKERS_ISOLATE_H

#include "workers/simulator_inside.h"

/* The table is checked already; table, schema and `where` are borrowed. `timeout` in seconds, 0: none. The child is forked
 * at the first request, and anew after its death. Returns what `engine` works on; engine->close frees it. */
void *isolate_create(const infermill_simulator_t *table, const schema_t *schema, const char *where,
                     double timeout, engine_t *engine);

#endif
