/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub from inside: hub.c has the thread and what other threads call, hub_talk.c what is said to peers.
 */
#ifndef COORDINATOR_HUB_INSIDE_H
#define COORDINATOR_HUB_INSIDE_H

#include "cluster/wire.h"
#include "coordinator/hub.h"
#include "coordinator/hub_peers.h"
#include "coordinator/hub_policy.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    int giver;
    int64_t begin, end;
} hub_kept_t;

struct hub {
    hub_config_t config;
    uint64_t run;
    char *model, *fingerprint; // of the schema
    uint32_t block_bytes;
    wire_t *wire;
    keyring_t *ring_of_keys;
    wire_socket_t *socket, *wake, *waker; // the thread's, but for waker
    pthread_t thread;
    bool running;
    atomic_bool closing, woken;
    pthread_mutex_t mutex; // for what follows, and the ring's marks
    pthread_cond_t came;
    hub_policy_t *policy;
    hub_peers_t peers; // changed by the thread alone
    int n_kept, kept_cap;
    hub_kept_t *kept; // (n_kept) to be told
    bool over, over_told;
    feed_trainer_t trainer;
    int64_t by_status[ROW_STATUS_COUNT], twice, bad, refused, quiet_bad;
    stream_hello_t warned; // of the kind of machine that was warned of last
    double logged;         // when a bad message was last logged
    rows_t one;            // the thread's: a row to look at
    bool *fresh;           // (fresh_cap) the thread's
    int64_t fresh_cap;
};

/* ---- hub_talk.c; on the thread ---- */

/* One message of a peer. Takes the lock itself. */
void hub_hear(hub_t *hub, const wire_peer_t *from, message_t *head, const wire_data_t *data);
/* Something came that is no message; the text of the error says what. */
void hub_hear_bad(hub_t *hub, const wire_peer_t *from);
/* The key of this peer was revoked. */
void hub_hear_revoked(hub_t *hub, const wire_peer_t *from);
/* Time has passed, or another thread has moved the window: leases of the silent, open asks, what is kept. Takes the lock
 * itself. */
void hub_look_around(hub_t *hub);
/* All workers are told that there is no more work. The lock is held. */
void hub_tell_done(hub_t *hub);
/* Whether a worker was heard within three beats and has not said good-bye. */
bool hub_has_workers(const hub_t *hub, double now);

#endif
