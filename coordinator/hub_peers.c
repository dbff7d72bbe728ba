// SPDX-License-Identifier: Apache-2.0
#include "coordinator/hub_peers.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double memory = 0.7; // of a rate, from one second to the next

void hub_peers_free(hub_peers_t *p)
{
    free(p->at);
    *p = (hub_peers_t){0};
}

static bool same_peer(const wire_peer_t *a, const wire_peer_t *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n) == 0;
}

hub_peer_t *hub_peers_find(const hub_peers_t *p, const wire_peer_t *wire)
{
    for (int i = 0; i < p->n; i++)
        if (same_peer(&p->at[i].wire, wire))
            return &p->at[i];
    return NULL;
}

hub_peer_t *hub_peers_named(const hub_peers_t *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->at[i].name, name) == 0)
            return &p->at[i];
    return NULL;
}

hub_peer_t *hub_peers_serial(const hub_peers_t *p, int serial)
{
    for (int i = 0; i < p->n; i++)
        if (p->at[i].serial == serial)
            return &p->at[i];
    return NULL;
}

static bool make_room(hub_peers_t *p)
{
    hub_peer_t *oldest = NULL;
    for (int i = 0; i < p->n; i++)
        if (p->at[i].state != PEER_READY && (oldest == NULL || p->at[i].heard < oldest->heard))
            oldest = &p->at[i];
    if (oldest != NULL)
        hub_peers_remove(p, oldest);
    return oldest != NULL;
}

hub_peer_t *hub_peers_add(hub_peers_t *p, const wire_peer_t *wire, double now)
{
    if (p->n == HUB_PEERS_MOST && !make_room(p))
        return NULL;
    if (p->n == p->cap) {
        p->cap = 2 * p->cap + 16;
        p->at = MEM_GROW(p->at, hub_peer_t, p->cap);
    }
    hub_peer_t *peer = &p->at[p->n++];
    *peer = (hub_peer_t){.wire = *wire,
                         .serial = p->serials++,
                         .worker = -1,
                         .heard = now,
                         .who = -INFINITY,
                         .waiting = NAN};
    snprintf(peer->name, sizeof peer->name, "a stranger%s%s",
             wire->name[0] != '\0' ? " with the key of " : "", wire->name);
    return peer;
}

void hub_peers_remove(hub_peers_t *p, hub_peer_t *peer)
{
    *peer = p->at[--p->n];
}

void hub_peer_beats(hub_peer_t *peer, const stream_beat_t *beat)
{
    double waited = beat->waiting - peer->beat.waiting;
    double all = waited + beat->simulating - peer->beat.simulating;
    peer->waiting = all > 0 && waited >= 0 ? fmin(1, waited / all) : peer->waiting;
    peer->beat = *beat;
}

void hub_peers_count(hub_peers_t *p, double now)
{
    double passed = now - p->counted;
    if (passed < 1)
        return;
    for (int i = 0; i < p->n; i++) {
        hub_peer_t *peer = &p->at[i];
        double rate = (double)(peer->rows - peer->counted) / passed;
        peer->rows_per_second = memory * peer->rows_per_second + (1 - memory) * rate;
        peer->counted = peer->rows;
    }
    p->counted = now;
}

int hub_peers_report(const hub_peers_t *p, double now, feed_worker_t *workers)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        const hub_peer_t *peer = &p->at[i];
        if (peer->state != PEER_READY)
            continue;
        feed_worker_t *w = &workers[n++];
        *w = (feed_worker_t){.rows = peer->rows,
                             .twice = peer->twice,
                             .rows_per_second = peer->rows_per_second,
                             .waiting = peer->waiting,
                             .silent = now - peer->heard};
        memcpy(w->name, peer->name, sizeof w->name);
    }
    return n;
}
