/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread of a server that computes: takes questions from the queue, as many at once as one evaluation of the network
 * serves well, and puts the answers back.
 */
#ifndef COORDINATOR_SERVE_WORKER_H
#define COORDINATOR_SERVE_WORKER_H

#include "coordinator/amortizer_file.h"
#include "coordinator/serve_queue.h"

typedef struct {
    const char *model;        // each thread reads it for itself
    const answers_t *answers; // borrowed
    int64_t seed;
    int threads;
    serve_queue_t *queue;
    wire_socket_t *bell; // rings when answers are ready; this thread's from now on
} serve_worker_config_t;

typedef struct serve_worker serve_worker_t;

/* ERR_MISSING, ERR_FORMAT: the model. */
err_t serve_worker_start(const serve_worker_config_t *config, serve_worker_t **out) ERR_MUST_CHECK;
/* After serve_queue_end: waits until what it took is answered. NULL is fine. */
void serve_worker_end(serve_worker_t **worker);

#endif
