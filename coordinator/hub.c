// SPDX-License-Identifier: Apache-2.0
#include "coordinator/hub_inside.h"

#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "workers/stream_rows.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { TICK_MS = 100, HIGH_WATER = 64, LINGER_MS = 2000, BURST = 256 };
static const double farewell_seconds = 6; // at most: three beats of silence, a HELLO and its answer

/* ---- the thread ---- */

static bool take_one(hub_t *h)
{
    wire_peer_t from = {.n = 0};
    message_t head;
    wire_data_t data = {.n = 0};
    switch (wire_receive_data(h->socket, 0, &from, &head, &data)) {
    case WIRE_NOTHING:
        return false;
    case WIRE_MESSAGE:
        hub_hear(h, &from, &head, &data);
        wire_data_free(&data);
        return true;
    case WIRE_BAD:
        hub_hear_bad(h, &from);
        return true;
    case WIRE_REVOKED:
        hub_hear_revoked(h, &from);
        return true;
    }
    return false;
}

static void wake_up(hub_t *h)
{
    message_t m;
    atomic_store(&h->woken, false);
    while (wire_receive(h->wake, 0, NULL, &m) != WIRE_NOTHING)
        continue;
}

static void *hub_run(void *argument)
{
    hub_t *h = argument;
    wire_socket_t *const sockets[] = {h->socket, h->wake};
    while (!atomic_load(&h->closing)) {
        wire_wait(2, sockets, TICK_MS);
        wake_up(h);
        for (int i = 0; i < BURST && take_one(h); i++)
            continue;
        hub_look_around(h);
    }
    return NULL;
}

// Signals are for the main thread.
static err_t start_thread(hub_t *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&h->thread, NULL, hub_run, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    h->running = failed == 0;
    return failed ? err_fail(ERR_FAILED, "can not start the hub's thread: %s", strerror(failed))
                  : OK;
}

/* ---- opened and closed ---- */

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static err_t listen_for_workers(hub_t *h)
{
    wire_keys_t keys;
    size_t hello = largest(STREAM_HELLO_MOST, STREAM_WORDS_CAP);
    wire_options_t options = {.data_cap = largest(h->block_bytes, hello),
                              .high_water = HIGH_WATER,
                              .linger_ms = LINGER_MS};
    TRY(wire_start_for(HUB_PEERS_MOST, &h->wire));
    if (h->config.keys != NULL) {
        TRY(keyring_own(h->config.keys, h->config.hub_key, &keys));
        TRY(keyring_open(h->config.keys, &h->ring_of_keys));
        options.keys = &keys;
        options.admitted = h->ring_of_keys;
    }
    TRY(wire_listen_with(h->wire, h->config.endpoint, &options, &h->socket));
    return wire_pair(h->wire, &h->wake, &h->waker);
}

static void make_lock(hub_t *h)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&h->came, &attributes);
    pthread_condattr_destroy(&attributes);
}

static uint64_t random_run(void)
{
    uint64_t run = 0;
    while (run == 0)
        CHECK(getrandom(&run, sizeof run, 0) == sizeof run, "no random bytes: %s", strerror(errno));
    return run;
}

err_t hub_open(const hub_config_t *config, hub_t **out)
{
    err_t err;
    hub_t *h = MEM_NEW(hub_t, 1);
    *h = (hub_t){
        .config = *config, .run = random_run(), .trainer = {.fresh_loss = NAN, .waiting = NAN}};
    hub_plan_t plan =
        hub_plan_default(config->first, config->end, config->capacity, 1e-3 * config->beat_ms);
    h->logged = -INFINITY;
    h->policy = hub_policy_create(&plan);
    h->model = schema_text(config->schema);
    h->fingerprint = schema_fingerprint(config->schema);
    h->one = rows_create(config->schema, 1);
    make_lock(h);
    TRY_TO(failed, stream_block_bytes(config->schema, &h->block_bytes));
    TRY_TO(failed, listen_for_workers(h));
    TRY_TO(failed, start_thread(h));
    *out = h;
    return OK;
failed:
    hub_close(&h, false);
    *out = NULL;
    return err;
}

const char *hub_endpoint(const hub_t *h)
{
    return wire_endpoint(h->socket);
}

static void wake(hub_t *h)
{
    message_t m;
    message_start(&m, 1);
    if (!atomic_exchange(&h->woken, true))
        wire_send(h->waker, NULL, &m);
}

// A worker whose connection breaks just now would not hear that it is over, and look for a hub for ever.
static void say_farewell(hub_t *h)
{
    double until = log_clock() + farewell_seconds;
    h->over = true;
    hub_tell_done(h);
    while (hub_has_workers(h, log_clock()) && log_clock() < until) {
        wire_wait(1, &h->socket, TICK_MS);
        for (int i = 0; i < BURST && take_one(h); i++)
            continue;
    }
}

static void end_thread(hub_t *h, bool done)
{
    atomic_store(&h->closing, true);
    atomic_store(&h->woken, false);
    wake(h);
    pthread_join(h->thread, NULL);
    hub_look_around(h);
    if (done)
        say_farewell(h);
}

void hub_close(hub_t **hub, bool done)
{
    hub_t *h = *hub;
    if (h == NULL)
        return;
    if (h->running)
        end_thread(h, done);
    wire_close(&h->waker);
    wire_close(&h->wake);
    wire_close(&h->socket);
    wire_stop(&h->wire);
    keyring_close(&h->ring_of_keys);
    hub_policy_destroy(&h->policy);
    hub_peers_free(&h->peers);
    rows_destroy(&h->one);
    pthread_cond_destroy(&h->came);
    pthread_mutex_destroy(&h->mutex);
    free(h->model);
    free(h->fingerprint);
    free(h->kept);
    free(h->fresh);
    free(h);
    *hub = NULL;
}

/* ---- what other threads call ---- */

void hub_lock(hub_t *h)
{
    pthread_mutex_lock(&h->mutex);
}

void hub_unlock(hub_t *h)
{
    pthread_mutex_unlock(&h->mutex);
}

void hub_window(hub_t *h, int64_t limit)
{
    hub_policy_window(h->policy, row_ring_low(h->config.ring), limit);
    wake(h);
}

void hub_claim(hub_t *h, int64_t begin, int64_t end)
{
    bool *fresh = MEM_NEW(bool, end - begin);
    int64_t n = hub_policy_take(h->policy, -1, begin, end, fresh);
    CHECK(n == end - begin, "%ld of rows %ld to %ld had come", (long)(end - begin - n), (long)begin,
          (long)end);
    free(fresh);
}

void hub_kept(hub_t *h, int giver, int64_t begin, int64_t end)
{
    if (giver < 0 || begin >= end)
        return;
    if (h->n_kept == h->kept_cap) {
        h->kept_cap = 2 * h->kept_cap + 64;
        h->kept = MEM_GROW(h->kept, hub_kept_t, h->kept_cap);
    }
    h->kept[h->n_kept++] = (hub_kept_t){giver, begin, end};
    wake(h);
}

void hub_over(hub_t *h)
{
    h->over = true;
    wake(h);
}

void hub_wait(hub_t *h, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&h->came, &h->mutex, &until);
}

void hub_note(hub_t *h, const feed_trainer_t *trainer)
{
    h->trainer = *trainer;
}

static double mean_waiting(int n, const feed_worker_t *workers)
{
    double sum = 0;
    int known = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(workers[i].waiting)) {
            sum += workers[i].waiting;
            known++;
        }
    return known > 0 ? sum / known : NAN;
}

feed_report_t hub_report(hub_t *h, feed_worker_t **workers)
{
    feed_worker_t *w = *workers = MEM_NEW(feed_worker_t, h->peers.n);
    int n = hub_peers_report(&h->peers, log_clock(), w);
    row_ring_tally_t tally = row_ring_tally(h->config.ring);
    size_t row = rows_bytes(h->config.schema);
    feed_report_t r = {.rows = tally.put,
                       .found = tally.found,
                       .used = tally.used,
                       .total = h->config.end - h->config.first,
                       .waiting = mean_waiting(n, w),
                       .twice = h->twice,
                       .lent_again = hub_policy_lent_again(h->policy),
                       .bad_messages = h->bad,
                       .refused = h->refused + wire_refused(h->wire),
                       .bytes = (size_t)tally.held * row,
                       .bytes_most = (size_t)tally.held_most * row,
                       .n_workers = n,
                       .workers = w};
    memcpy(r.by_status, h->by_status, sizeof r.by_status);
    for (int i = 0; i < n; i++)
        r.rows_per_second += w[i].rows_per_second;
    return r;
}
