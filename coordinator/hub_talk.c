// SPDX-License-Identifier: Apache-2.0
//
// What is said to peers. A peer is a stranger, says HELLO and gets WELCOME (or REFUSED), says READY with the fingerprint of its
// simulator, and then asks for rows and sends them. Whatever else an unknown one says is answered by WHO.
#include "coordinator/hub_inside.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "workers/stream_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_MOST = 3, SILENT_BEATS = 3 };

static const double who_seconds = 1;    // between two times that a peer is asked who it is
static const double log_seconds = 5;    // between two lines about bad messages
static const double gone_seconds = 120; // of silence, until a worker is forgotten

/* ---- sending ---- */

static void say(hub_t *h, const hub_peer_t *peer, stream_message_t m)
{
    wire_send_data(h->socket, &peer->wire, &m.head, m.n, m.data, NULL, NULL);
    free(m.data);
}

static void say_who(hub_t *h, hub_peer_t *peer, double now)
{
    if (now - peer->who < who_seconds)
        return;
    peer->who = now;
    say(h, peer, stream_write_run(STREAM_WHO, h->run));
}

static void say_lease(hub_t *h, const hub_peer_t *peer, const hub_lease_t *lease)
{
    stream_lease_t m = {h->run, lease->number, lease->begin, lease->end};
    say(h, peer, stream_write_lease(&m));
}

static void say_welcome(hub_t *h, const hub_peer_t *peer)
{
    stream_welcome_t m = {.run = h->run,
                          .seed = h->config.seed,
                          .beat_ms = (uint32_t)h->config.beat_ms,
                          .row_bytes = (uint32_t)rows_bytes(h->config.schema),
                          .block_bytes = h->block_bytes,
                          .study = (char *)h->config.text,
                          .model = h->model};
    say(h, peer, stream_write_welcome(&m));
}

static void say_done(hub_t *h, const hub_peer_t *peer)
{
    say(h, peer, stream_write_run(STREAM_DONE, h->run));
}

/* ---- peers that go ---- */

static void stop_lending(hub_t *h, hub_peer_t *peer)
{
    if (peer->state == PEER_READY)
        hub_policy_leave(h->policy, peer->worker);
    peer->worker = -1;
    peer->state = PEER_STRANGER;
}

static void forget(hub_t *h, hub_peer_t *peer, const char *why)
{
    if (peer->state == PEER_READY)
        log_info("refine: worker %s is gone: %s (%" PRId64 " rows)", peer->name, why, peer->rows);
    stop_lending(h, peer);
    hub_peers_remove(&h->peers, peer);
}

static void refuse(hub_t *h, hub_peer_t *peer, const char *why)
{
    log_warning("refine: %s is refused: %s", peer->name, why);
    stop_lending(h, peer);
    peer->state = PEER_REFUSED;
    h->refused++;
    say(h, peer, stream_write_refused(why));
}

// Lines about bad messages come now and then only, whoever sends them; each peer has but a few.
static void log_bad(hub_t *h, const char *name, const char *why, double now)
{
    if (now - h->logged < log_seconds) {
        h->quiet_bad++;
        return;
    }
    log_warning("refine: a bad message of %s: %s%s", name, why,
                h->quiet_bad > 0 ? " (and others before it)" : "");
    h->logged = now;
    h->quiet_bad = 0;
}

static void bad(hub_t *h, hub_peer_t *peer, const char *why, double now)
{
    char words[STREAM_WORDS_CAP];
    h->bad++;
    log_bad(h, peer->name, why, now);
    if (++peer->bad < BAD_MOST)
        return;
    snprintf(words, sizeof words, "%d bad messages, the last: %.800s", peer->bad, why);
    refuse(h, peer, words);
}

/* ---- what peers say ---- */

// One message at work.
typedef struct {
    hub_t *hub;
    hub_peer_t *peer;
    message_t *head;
    size_t n;
    const void *data;
    double now;
} heard_t;

static bool computes_as(const stream_hello_t *worker, const char *cpu, const char *libm)
{
    return strcmp(worker->cpu, cpu) == 0 && strcmp(worker->libm, libm) == 0;
}

// A thousand machines of one kind are told of once.
static void warn_of_machine(hub_t *h, const char *name, const stream_hello_t *hello)
{
    if (computes_as(hello, h->config.cpu, h->config.libm) ||
        computes_as(hello, h->warned.cpu, h->warned.libm))
        return;
    h->warned = *hello;
    log_warning("refine: worker %s computes with %s and %s, this bank with %s and %s: rows of such "
                "machines may differ in last bits from those of a campaign",
                name, hello->cpu, hello->libm, h->config.cpu, h->config.libm);
}

// The same process on a new connection takes the place of the old one.
static void forget_old_connection(hub_t *h, hub_peer_t **peer, const char *name)
{
    wire_peer_t wire = (*peer)->wire;
    hub_peer_t *old = hub_peers_named(&h->peers, name);
    if (old != NULL && old != *peer)
        forget(h, old, "it connects anew");
    *peer = hub_peers_find(&h->peers, &wire);
}

static void name_of(const hub_peer_t *peer, const stream_hello_t *hello, char name[FEED_NAME_CAP])
{
    snprintf(name, FEED_NAME_CAP, "%.70s:%" PRId64 "%s%s%s", hello->host, hello->pid,
             peer->wire.name[0] != '\0' ? " (" : "", peer->wire.name,
             peer->wire.name[0] != '\0' ? ")" : "");
}

// False: it belongs to another run, or to none; it was asked who it is.
static bool is_greeted(heard_t *m, uint64_t run)
{
    bool greeted = m->peer->state == PEER_GREETED || m->peer->state == PEER_READY;
    if (!greeted || run != m->hub->run)
        say_who(m->hub, m->peer, m->now);
    return greeted && run == m->hub->run;
}

static err_t hear_hello(heard_t *m)
{
    stream_hello_t hello;
    char name[FEED_NAME_CAP];
    err_t err = stream_read_hello(m->head, m->n, m->data, &hello);
    if (err_is(err, ERR_MISMATCH)) {
        refuse(m->hub, m->peer, err_text());
        err_clear();
        return OK;
    }
    TRY(err);
    name_of(m->peer, &hello, name);
    forget_old_connection(m->hub, &m->peer, name);
    if (m->peer->state == PEER_STRANGER)
        warn_of_machine(m->hub, name, &hello);
    m->peer->state = m->peer->state == PEER_READY ? PEER_READY : PEER_GREETED;
    memcpy(m->peer->name, name, sizeof name);
    say_welcome(m->hub, m->peer);
    if (m->hub->over)
        say_done(m->hub, m->peer);
    return OK;
}

static err_t hear_ready(heard_t *m)
{
    stream_ready_t ready;
    hub_t *h = m->hub;
    char words[STREAM_WORDS_CAP];
    TRY(stream_read_ready(m->head, m->n, m->data, &ready));
    if (!is_greeted(m, ready.run))
        return OK;
    if (strcmp(ready.fingerprint, h->fingerprint) != 0) {
        snprintf(words, sizeof words, "another simulator: got %.400s, expected %.400s",
                 ready.fingerprint, h->fingerprint);
        refuse(h, m->peer, words);
        return OK;
    }
    if (m->peer->state == PEER_GREETED)
        log_info("refine: worker %s is here", m->peer->name);
    stop_lending(h, m->peer); // said again: what it had and asked before is void
    m->peer->state = PEER_READY;
    m->peer->worker = hub_policy_join(h->policy, m->now);
    m->peer->who = -INFINITY;
    return OK;
}

static bool works_here(heard_t *m, uint64_t run)
{
    if (m->peer->state == PEER_READY && run == m->hub->run) {
        hub_policy_heard(m->hub->policy, m->now, m->peer->worker);
        return true;
    }
    say_who(m->hub, m->peer, m->now);
    return false;
}

static err_t hear_ask(heard_t *m)
{
    stream_ask_t ask;
    hub_lease_t lease;
    hub_t *h = m->hub;
    TRY(stream_read_ask(m->head, m->n, m->data, &ask));
    if (!works_here(m, ask.run))
        return OK;
    hub_ask_t told = {ask.number, ask.rows, ask.row_seconds};
    if (h->over)
        say_done(h, m->peer);
    else if (hub_policy_ask(h->policy, m->now, m->peer->worker, &told, &lease))
        say_lease(h, m->peer, &lease);
    return OK;
}

// The answer tells the worker that the hub lives.
static err_t hear_beat(heard_t *m)
{
    stream_beat_t beat;
    TRY(stream_read_beat(m->head, m->n, m->data, &beat));
    if (!is_greeted(m, beat.run))
        return OK;
    if (m->peer->state == PEER_READY)
        hub_policy_heard(m->hub->policy, m->now, m->peer->worker);
    hub_peer_beats(m->peer, &beat);
    say(m->hub, m->peer, stream_write_beat(&(stream_beat_t){.run = m->hub->run}));
    return OK;
}

static err_t hear_bye(heard_t *m)
{
    stream_bye_t bye;
    TRY(stream_read_bye(m->head, m->n, m->data, &bye));
    if (bye.why[0] != '\0')
        log_warning("refine: worker %s ends: %s", m->peer->name, bye.why);
    forget(m->hub, m->peer, "it was ended");
    return OK;
}

static err_t hear_status(heard_t *m)
{
    char *question;
    feed_worker_t *workers;
    TRY(stream_read_status(m->head, m->n, m->data, &question));
    free(question);
    feed_report_t report = hub_report(m->hub, &workers);
    char *json = feed_report_json(m->hub->config.study, &report, &m->hub->trainer);
    say(m->hub, m->peer, stream_write_status(json));
    free(json);
    free(workers);
    return OK;
}

/* ---- rows ---- */

static bool *room_for(hub_t *h, int64_t n)
{
    if (n > h->fresh_cap) {
        h->fresh_cap = 2 * n;
        h->fresh = MEM_GROW(h->fresh, bool, h->fresh_cap);
    }
    return h->fresh;
}

// The values are written before the row is put, when nobody else looks at its place.
static void write_values(hub_t *h, stream_rows_t *packed)
{
    for (uint32_t k = 0; k < packed->count; k++)
        if (h->fresh[k])
            stream_unpack_row(packed, k, row_ring_rows(h->config.ring),
                              row_ring_place(h->config.ring, packed->first + k));
}

static void put_rows(hub_t *h, hub_peer_t *peer, const stream_rows_t *packed)
{
    const rows_t *rows = row_ring_rows(h->config.ring);
    for (uint32_t k = 0; k < packed->count; k++) {
        int64_t row = packed->first + k;
        if (!h->fresh[k])
            continue;
        h->by_status[rows->status[row_ring_place(h->config.ring, row)]]++;
        row_ring_put(h->config.ring, row, RING_FROM_WORKER, peer->serial);
        peer->rows++;
    }
    pthread_cond_signal(&h->came);
}

static bool is_stored(const row_ring_t *ring, int64_t row)
{
    return row < row_ring_low(ring) || (row_ring_has(ring, row) && !row_ring_unstored(ring, row));
}

// Rows that came twice, and that the bank has: who sends them again after a hub was killed may forget them.
static void tell_stored(hub_t *h, const hub_peer_t *peer, const stream_rows_t *packed)
{
    const row_ring_t *ring = h->config.ring;
    int64_t end = packed->first + packed->count;
    for (int64_t row = packed->first, stop; row < end; row = stop + 1) {
        for (stop = row; stop < end && is_stored(ring, stop); stop++)
            continue;
        if (stop > row)
            say(h, peer, stream_write_kept(&(stream_kept_t){h->run, row, stop}));
    }
}

// Called without the lock: looking at the bytes, and copying them, is most of the work of this thread.
static err_t hear_rows(heard_t *m)
{
    hub_t *h = m->hub;
    stream_rows_t packed;
    TRY(stream_read_rows(m->head, m->n, m->data, &packed));
    hub_lock(h);
    bool here = works_here(m, packed.run);
    hub_unlock(h);
    if (!here)
        return OK;
    TRY(stream_check_rows(&packed, h->config.first, h->config.end, h->block_bytes, &h->one));
    bool *fresh = room_for(h, packed.count);
    hub_lock(h);
    int64_t came = hub_policy_take(h->policy, m->peer->worker, packed.first,
                                   packed.first + packed.count, fresh);
    m->peer->twice += packed.count - came;
    h->twice += packed.count - came;
    hub_unlock(h);
    write_values(h, &packed);
    hub_lock(h);
    if (came > 0)
        put_rows(h, m->peer, &packed);
    if (came < packed.count)
        tell_stored(h, m->peer, &packed);
    hub_unlock(h);
    return OK;
}

/* ---- all messages ---- */

static err_t hear_unexpected(heard_t *m)
{
    return err_fail(ERR_FORMAT, "got %s (%d), expected a message of a worker",
                    stream_name(message_type(m->head)), message_type(m->head));
}

static err_t hear(heard_t *m)
{
    static err_t (*const hear_type[])(heard_t *) = {
        [STREAM_HELLO] = hear_hello, [STREAM_READY] = hear_ready, [STREAM_ASK] = hear_ask,
        [STREAM_BEAT] = hear_beat,   [STREAM_BYE] = hear_bye,     [STREAM_STATUS] = hear_status};
    uint8_t type = message_type(m->head);
    bool known = type < sizeof hear_type / sizeof *hear_type && hear_type[type] != NULL;
    hub_lock(m->hub);
    err_t err = known ? hear_type[type](m) : hear_unexpected(m);
    hub_unlock(m->hub);
    return err;
}

// NULL: there is no room for it, or it is not listened to. The lock is held.
static hub_peer_t *who_speaks(hub_t *h, const wire_peer_t *from, double now)
{
    hub_peer_t *peer = hub_peers_find(&h->peers, from);
    if (peer == NULL)
        peer = hub_peers_add(&h->peers, from, now);
    if (peer == NULL || peer->state == PEER_REFUSED)
        return NULL;
    peer->heard = now;
    return peer;
}

void hub_hear(hub_t *h, const wire_peer_t *from, message_t *head, const wire_data_t *data)
{
    double now = log_clock();
    hub_lock(h);
    hub_peer_t *peer = who_speaks(h, from, now);
    hub_unlock(h);
    if (peer == NULL)
        return;
    heard_t m = {h, peer, head, data->n, data->bytes, now};
    if ((message_type(head) == STREAM_ROWS ? hear_rows(&m) : hear(&m)) == OK)
        return;
    hub_lock(h);
    bad(h, m.peer, err_text(), now);
    hub_unlock(h);
    err_clear();
}

void hub_hear_bad(hub_t *h, const wire_peer_t *from)
{
    double now = log_clock();
    hub_lock(h);
    hub_peer_t *peer = who_speaks(h, from, now);
    if (peer != NULL)
        bad(h, peer, err_text(), now);
    hub_unlock(h);
    err_clear();
}

void hub_hear_revoked(hub_t *h, const wire_peer_t *from)
{
    hub_lock(h);
    hub_peer_t *peer = hub_peers_find(&h->peers, from);
    if (peer != NULL && peer->state != PEER_REFUSED)
        refuse(h, peer, err_text());
    hub_unlock(h);
    err_clear();
}

/* ---- now and then ---- */

static void tell_kept(hub_t *h)
{
    for (int i = 0; i < h->n_kept; i++) {
        const hub_peer_t *peer = hub_peers_serial(&h->peers, h->kept[i].giver);
        stream_kept_t m = {h->run, h->kept[i].begin, h->kept[i].end};
        if (peer != NULL && peer->state == PEER_READY)
            say(h, peer, stream_write_kept(&m));
    }
    h->n_kept = 0;
}

static const hub_peer_t *peer_of_worker(const hub_t *h, int worker)
{
    for (int i = 0; i < h->peers.n; i++)
        if (h->peers.at[i].worker == worker)
            return &h->peers.at[i];
    return NULL;
}

static void serve(hub_t *h, double now)
{
    hub_lease_t lease;
    while (!h->over && hub_policy_serve(h->policy, now, &lease)) {
        const hub_peer_t *peer = peer_of_worker(h, lease.worker);
        CHECK(peer != NULL, "a lease for worker %d, who is not here", lease.worker);
        say_lease(h, peer, &lease);
    }
}

static void forget_the_silent(hub_t *h, double now)
{
    for (int i = h->peers.n - 1; i >= 0; i--)
        if (h->peers.at[i].state != PEER_REFUSED && now - h->peers.at[i].heard > gone_seconds)
            forget(h, &h->peers.at[i], "it is silent");
}

void hub_look_around(hub_t *h)
{
    double now = log_clock();
    hub_lock(h);
    hub_policy_tick(h->policy, now);
    forget_the_silent(h, now);
    hub_peers_count(&h->peers, now);
    tell_kept(h);
    serve(h, now);
    if (h->over && !h->over_told)
        hub_tell_done(h);
    hub_unlock(h);
}

void hub_tell_done(hub_t *h)
{
    for (int i = 0; i < h->peers.n; i++)
        if (h->peers.at[i].state == PEER_READY)
            say_done(h, &h->peers.at[i]);
    h->over_told = true;
}

bool hub_has_workers(const hub_t *h, double now)
{
    double silent = SILENT_BEATS * 1e-3 * h->config.beat_ms;
    for (int i = 0; i < h->peers.n; i++) {
        const hub_peer_t *peer = &h->peers.at[i];
        if ((peer->state == PEER_GREETED || peer->state == PEER_READY) &&
            now - peer->heard < silent)
            return true;
    }
    return false;
}
