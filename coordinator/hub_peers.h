/* SPDX-License-Identifier: Apache-2.0
 *
 * Who talks to a hub: one entry a connection, with what is known of it. Entries of strangers and of the silent make room for
 * others, so that nobody can fill the hub's memory.
 */
#ifndef COORDINATOR_HUB_PEERS_H
#define COORDINATOR_HUB_PEERS_H

#include "cluster/wire.h"
#include "coordinator/feed_report.h"
#include "workers/stream.h"

enum { HUB_PEERS_MOST = 4096 };

typedef enum {
    PEER_STRANGER, // said nothing that makes sense yet
    PEER_GREETED,  // said HELLO and got WELCOME
    PEER_READY,    // has the study's simulator, works
    PEER_REFUSED   // is not listened to
} hub_peer_state_t;

typedef struct {
    wire_peer_t wire;
    hub_peer_state_t state;
    int serial; // no other entry of this hub ever has it
    int worker; // in the policy, where it is PEER_READY
    char name[FEED_NAME_CAP];
    int bad;           // messages
    double heard, who; // when it last said something, and was asked who it is
    stream_beat_t beat;
    double waiting;      // share of its time between the last two beats
    int64_t rows, twice; // taken from it; that had come before
    int64_t counted;
    double rows_per_second;
} hub_peer_t;

typedef struct {
    int n, cap, serials;
    double counted; // when the rates were last brought up to date
    hub_peer_t *at; // (n)
} hub_peers_t;

void hub_peers_free(hub_peers_t *peers);
/* Valid until the next hub_peers_add or hub_peers_remove; NULL: none. */
hub_peer_t *hub_peers_find(const hub_peers_t *peers, const wire_peer_t *wire);
hub_peer_t *hub_peers_named(const hub_peers_t *peers, const char *name);
hub_peer_t *hub_peers_serial(const hub_peers_t *peers, int serial);
/* A stranger. Where there is no room, the longest silent one that does not work goes; NULL where all work. */
hub_peer_t *hub_peers_add(hub_peers_t *peers, const wire_peer_t *wire, double now);
void hub_peers_remove(hub_peers_t *peers, hub_peer_t *peer);
/* What it says of itself since it was started. */
void hub_peer_beats(hub_peer_t *peer, const stream_beat_t *beat);
/* Brings the rates up to date, once a second. */
void hub_peers_count(hub_peers_t *peers, double now);
/* Those that work, for a report: fills `workers` (peers->n), returns how many. */
int hub_peers_report(const hub_peers_t *peers, double now, feed_worker_t *workers);

#endif
