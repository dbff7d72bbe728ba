/* SPDX-License-Identifier: Apache-2.0
 *
 * A streaming worker: looks for a hub, simulates what it lends, and sends it the rows; the same bytes as a campaign makes of
 * them (workers/campaign.h). It may come and go at any time. Rows that the hub has not called durable are kept, 64 MiB at
 * most, and sent again when the hub was lost, or another one serves the same study. Calls no MPI.
 *
 * The first row is simulated twice where that is cheap (recheck.h): a simulator that is no function of its seed does not get
 * far.
 */
#ifndef WORKERS_STREAM_WORKER_H
#define WORKERS_STREAM_WORKER_H

#include "cluster/err.h"
#include "cluster/wire.h"
#include "workers/load.h"
#include "workers/stream.h"

#include <stdint.h>

typedef struct {
    const char *endpoint;    // of the hub
    const wire_keys_t *keys; // of this worker; NULL: not encrypted, a hub on this machine
    const char *hub_key;     // public key of the hub; NULL where keys is
    double patience;         // seconds without a hub after which it is given up; INFINITY: never
    /* Makes the simulator for a hub's study, and says how long a draw may take after a request to stop. What the hub wrote is
     * input like any other. The worker closes it. */
    err_t (*prepare)(void *user, const stream_welcome_t *welcome, simulator_t **simulator,
                     double *stop_grace);
    /* Called once, on another thread, when a draw outlasts the grace; should end the program. NULL: it is waited for. */
    void (*abandon)(void *user);
    void *user;
} stream_worker_config_t;

typedef struct {
    int64_t rows;                        // simulated
    double seconds, simulating, waiting; // since the first hub; with the simulator; without work
} stream_worker_report_t;

/* Works until the hub has no more work (OK). ERR_STOPPED: a stop was asked for. ERR_MISMATCH: the hub refuses this worker, or
 * has another model (the text has both fingerprints and the difference). ERR_SIMULATOR: the simulator asks to stop, or is no
 * function of its seed. ERR_FAILED: no hub within the patience. ERR_USAGE: the endpoint; what `prepare` says. `out` is filled
 * in any case. */
err_t stream_worker_run(const stream_worker_config_t *config,
                        stream_worker_report_t *out) ERR_MUST_CHECK;

#endif
