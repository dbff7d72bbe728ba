/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of posteriors: clients send data sets one by one, as JSON over ZeroMQ (workers/question.h), and get summary,
 * draws and verdict back. One thread talks; others compute, each with a network of its own, as many questions at once as
 * wait. An answer is a function of the weights, the server's seed and draws, and the question: not of threads, load or
 * other clients.
 */
#ifndef COORDINATOR_SERVE_H
#define COORDINATOR_SERVE_H

#include "cluster/err.h"

#include <stdint.h>

/* Everything is borrowed. */
typedef struct {
    const char *model;      // amortizer.h5, with gate.json beside it
    const char *endpoint;   // "tcp://127.0.0.1:5556"
    const char *keys;       // folder of keys (cluster/keyring.h); NULL: none, on the loopback alone
    const char *own_key;    // the server's name in it; NULL: the only one there is
    const char *unverified; // why to go on without a passed gate; NULL: the gate decides
    int64_t draws;          // of each posterior
    int64_t seed;
    int threads;      // that compute, 1 to SERVE_THREADS
    int64_t capacity; // questions that may wait; 0: 1,024, or fewer of large data sets
} serve_config_t;

enum { SERVE_THREADS = 12 };

/* Serves until it is asked to stop (stop.h), then answers what it has taken in and returns OK. ERR_GATE without a passed gate;
 * ERR_MISSING, ERR_FORMAT: the model; ERR_USAGE: endpoint or keys. */
err_t serve_run(const serve_config_t *config) ERR_MUST_CHECK;

#endif
