/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub: a thread that lends rows to streaming workers and takes what they send (workers/stream.h). hub_policy.h decides
 * who gets what; rows go into a ring (row_ring.h), from which another thread takes them. That thread moves the window, so
 * it says how many rows may be lent, and tells which rows are safe.
 *
 * A peer is believed in nothing: every message is looked at before it is used. Who sends three bad ones, has another
 * simulator, or speaks another protocol is refused.
 */
#ifndef COORDINATOR_HUB_H
#define COORDINATOR_HUB_H

#include "cluster/err.h"
#include "coordinator/feed_report.h"
#include "coordinator/row_ring.h"

/* Borrowed until hub_close. */
typedef struct {
    const char *endpoint; // "tcp://127.0.0.1:*"
    const char *keys;     // folder of keys (cluster/keyring.h); NULL: none, on the loopback alone
    const char *hub_key;  // the hub's name in it; NULL: the only one there is
    const char *study, *text; // its name, and the study file's text for workers
    const schema_t *schema;
    uint64_t seed;
    const char *cpu,
        *libm; // of this machine: rows of another kind of machine may differ in last bits
    int64_t first, end, capacity; // rows that go through the ring, and its size
    row_ring_t *ring;
    int beat_ms; // between two words of a worker: after three without one its rows are lent again
} hub_config_t;

typedef struct hub hub_t; // opaque

/* Listens, and starts the thread. ERR_USAGE, ERR_FAILED, ERR_MISSING: endpoint or keys. */
err_t hub_open(const hub_config_t *config, hub_t **out) ERR_MUST_CHECK;
const char *hub_endpoint(const hub_t *hub); // with the port it got; valid until hub_close
/* `done`: workers are told to end, and listened to until each has said good-bye or was silent for three beats, 6 s at most; else
 * they look for the next hub. NULL is fine. */
void hub_close(hub_t **hub, bool done);

/* The ring's marks, and what follows, are for who holds the lock. */
void hub_lock(hub_t *hub);
void hub_unlock(hub_t *hub);

/* Rows [ring's low, limit) may be lent from now on. */
void hub_window(hub_t *hub, int64_t limit);
/* Rows [begin, end) at or beyond the limit come from elsewhere, and are not to be lent. */
void hub_claim(hub_t *hub, int64_t begin, int64_t end);
/* Rows [begin, end) are safe: the worker that gave them (row_ring_put) may forget them. -1 is fine. */
void hub_kept(hub_t *hub, int giver, int64_t begin, int64_t end);
/* All rows are safe: whoever asks is told that there is no more work. */
void hub_over(hub_t *hub);
/* Waits until rows were put, `timeout_ms` at most; the lock is free meanwhile. */
void hub_wait(hub_t *hub, int timeout_ms);

/* What STATUS tells of the trainer, and of rows that were found and used. */
void hub_note(hub_t *hub, const feed_trainer_t *trainer);
/* The workers are the caller's to free. */
feed_report_t hub_report(hub_t *hub, feed_worker_t **workers);

#endif
