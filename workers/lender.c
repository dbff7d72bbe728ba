// SPDX-License-Identifier: Apache-2.0
//
// ASK     rank u32, number i64, done i64, failures i64, seconds f64, room i64, failed u8, stop u8
// ANSWER  number i64, kind u8, begin i64, end i64, done i64, flags u8 (1 all, 2 last, 4 failing),
//         runs u8, of each: first u32, count u32
//
// WAKE    nothing; rank 0's own thread looks at whether it is to end
//
// Asks are numbered by each rank. A number seen before is answered as before, or left open, so an ask may be sent again
// whenever its answer is long in coming.
#include "workers/lender.h"

#include "cluster/interface.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/message.h"
#include "cluster/stop.h"
#include "cluster/wire.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK = 1, ANSWER = 2, WAKE = 3, TICK_MS = 100 };

enum { ALL = 1, LAST = 2, FAILING = 4 }; // flags of an answer

static const double repeat_seconds = 5; // and as many more for each repeat_ranks: all may wait
static const double repeat_ranks = 1000;

typedef struct {
    wire_peer_t peer;
    int64_t number; // of its latest ask
    bool answered;
    message_t answer;
} client_t;

typedef struct {
    lender_config_t config;
    lender_policy_t *policy;
    wire_socket_t *socket;
    client_t *client; // (ranks)
    pthread_t thread;
    bool running, abandoned;
    atomic_bool closing;
} server_t;

struct lender {
    wire_t *wire;
    wire_socket_t *socket;
    int rank;
    int64_t number;
    message_t ask;
    double sent, repeat;
    server_t *server; // on rank 0
};

typedef struct {
    char endpoint[WIRE_ENDPOINT_CAP], key[WIRE_KEY_CAP], addresses[INTERFACE_LIST_CAP];
} invitation_t;

/* ---- the thread of rank 0 ---- */

static void server_reply(server_t *s, int rank, const lender_answer_t *a)
{
    client_t *c = &s->client[rank];
    message_start(&c->answer, ANSWER);
    message_put_i64(&c->answer, c->number);
    message_put_u8(&c->answer, (uint8_t)a->kind);
    message_put_i64(&c->answer, a->begin);
    message_put_i64(&c->answer, a->end);
    message_put_i64(&c->answer, a->done);
    message_put_u8(&c->answer, (uint8_t)((a->all ? ALL : 0) | (a->last ? LAST : 0) |
                                         (a->failing ? FAILING : 0)));
    message_put_u8(&c->answer, (uint8_t)a->n_runs);
    for (int i = 0; i < a->n_runs; i++) {
        message_put_u32(&c->answer, (uint32_t)a->run[i].first);
        message_put_u32(&c->answer, (uint32_t)a->run[i].count);
    }
    c->answered = true;
    wire_send(s->socket, &c->peer, &c->answer);
}

static void server_decide(server_t *s, int rank, const lender_ask_t *ask)
{
    lender_answer_t answer = lender_policy_ask(s->policy, log_clock(), rank, ask);
    if (answer.kind == LENDER_LEND)
        server_reply(s, rank, &answer);
    int group = lender_policy_group(s->policy, rank);
    for (int r = 0; answer.kind == LENDER_MEET && r < s->config.plan.ranks; r++)
        if (answer.all || lender_policy_group(s->policy, r) == group)
            server_reply(s, r, &answer);
}

static err_t ask_read(message_t *m, int ranks, uint32_t *rank, int64_t *number, lender_ask_t *ask)
{
    *rank = message_get_u32(m);
    *number = message_get_i64(m);
    ask->done = message_get_i64(m);
    ask->failures = message_get_i64(m);
    ask->seconds = message_get_f64(m);
    ask->room = message_get_i64(m);
    ask->failed = message_get_u8(m) != 0;
    ask->stop = message_get_u8(m) != 0;
    TRY(message_done(m));
    if (message_type(m) != ASK || *rank >= (uint32_t)ranks)
        return err_fail(ERR_FORMAT, "message of type %d from rank %u of %d", message_type(m), *rank,
                        ranks);
    return OK;
}

static void server_take(server_t *s, const wire_peer_t *peer, message_t *m)
{
    uint32_t rank;
    int64_t number;
    lender_ask_t ask;
    if (ask_read(m, s->config.plan.ranks, &rank, &number, &ask) != OK) {
        log_warning("lender: %s", err_text());
        return;
    }
    client_t *c = &s->client[rank];
    c->peer = *peer;
    if (number > c->number) {
        c->number = number;
        c->answered = false;
        server_decide(s, (int)rank, &ask);
    } else if (number == c->number && c->answered) {
        wire_send(s->socket, &c->peer, &c->answer);
    }
}

static void server_watch_stop(server_t *s)
{
    if (stop_requested())
        lender_policy_stop(s->policy, log_clock());
    if (s->config.abandon == NULL || s->abandoned)
        return;
    if (lender_policy_overdue(s->policy, log_clock(), s->config.stop_grace)) {
        s->abandoned = true;
        log_warning("a draw still runs %g s after the request to stop; it is abandoned",
                    s->config.stop_grace);
        s->config.abandon(s->config.user);
    }
}

static void *server_run(void *argument)
{
    server_t *s = argument;
    message_t m;
    wire_peer_t peer;
    while (!atomic_load(&s->closing)) {
        wire_got_t got = wire_receive(s->socket, TICK_MS, &peer, &m);
        if (got == WIRE_MESSAGE && message_type(&m) != WAKE)
            server_take(s, &peer, &m);
        else if (got == WIRE_BAD)
            log_warning("lender: %s", err_text());
        server_watch_stop(s);
    }
    return NULL;
}

// Signals are for the main thread.
static err_t server_thread(server_t *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, server_run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->running = failed == 0;
    return failed ? err_fail(ERR_FAILED, "can not start the lender's thread: %s", strerror(failed))
                  : OK;
}

static err_t server_open(lender_t *l, const lender_config_t *config, bool one_host,
                         invitation_t *out)
{
    wire_keys_t keys;
    server_t *s = l->server = MEM_NEW(server_t, 1);
    s->config = *config;
    s->client = MEM_NEW(client_t, config->plan.ranks);
    s->policy = lender_policy_create(&config->plan, log_clock());
    TRY(wire_keys_make(&keys));
    TRY(wire_listen(l->wire, one_host ? "tcp://127.0.0.1:*" : "tcp://0.0.0.0:*", &keys,
                    &s->socket));
    if (!one_host)
        TRY(interface_list(out->addresses));
    memcpy(out->key, keys.public_key, sizeof out->key);
    snprintf(out->endpoint, sizeof out->endpoint, "%s", wire_endpoint(s->socket));
    return server_thread(s);
}

// Ends the thread, woken through the handle's own socket where there is one.
static void server_close(server_t *s, wire_socket_t *handle)
{
    message_t wake;
    message_start(&wake, WAKE);
    atomic_store(&s->closing, true);
    if (handle != NULL)
        wire_send(handle, NULL, &wake);
    if (s->running)
        pthread_join(s->thread, NULL);
    wire_close(&s->socket);
    lender_policy_destroy(&s->policy);
    free(s->client);
    free(s);
}

/* ---- the handle of every rank ---- */

static err_t client_connect(lender_t *l, const invitation_t *call)
{
    char address[INTERFACE_ADDRESS_CAP] = "127.0.0.1", mine[INTERFACE_LIST_CAP],
         endpoint[WIRE_ENDPOINT_CAP];
    if (call->addresses[0] != '\0' && l->server == NULL) {
        TRY(interface_list(mine));
        // A rank on the lender's host shares all its addresses, and the loopback with them.
        if (strcmp(mine, call->addresses) != 0)
            TRY(interface_pick(call->addresses, mine, address));
    }
    snprintf(endpoint, sizeof endpoint, "tcp://%s%s", address, strrchr(call->endpoint, ':'));
    return wire_connect(l->wire, endpoint, call->key, &l->socket);
}

err_t lender_open(const par_t *par, const lender_config_t *config, lender_t **out)
{
    err_t err;
    invitation_t call = {.endpoint = ""};
    lender_t *l = MEM_NEW(lender_t, 1);
    CHECK(config->plan.ranks == par->size, "a lender for %d ranks on %d", config->plan.ranks,
          par->size);
    l->rank = par->rank;
    l->repeat = repeat_seconds * (1 + par->size / repeat_ranks);
    *out = NULL;
    bool one_host = par_one_host(par);
    // A rank is one file to rank 0, where wire_start_for counts two. Without a file a rank would ask for ever.
    err = par->rank == 0 ? wire_start_for((par->size + 1) / 2, &l->wire) : wire_start(&l->wire);
    if (err == OK && par->rank == 0)
        err = server_open(l, config, one_host, &call);
    TRY_TO(failed, par_agree(par, err));
    par_broadcast(par, 0, sizeof call, &call);
    TRY_TO(failed, par_agree(par, client_connect(l, &call)));
    *out = l;
    return OK;
failed:
    lender_close(&l);
    return err;
}

void lender_ask(lender_t *l, const lender_ask_t *ask)
{
    message_start(&l->ask, ASK);
    message_put_u32(&l->ask, (uint32_t)l->rank);
    message_put_i64(&l->ask, ++l->number);
    message_put_i64(&l->ask, ask->done);
    message_put_i64(&l->ask, ask->failures);
    message_put_f64(&l->ask, ask->seconds);
    message_put_i64(&l->ask, ask->room);
    message_put_u8(&l->ask, ask->failed);
    message_put_u8(&l->ask, ask->stop);
    wire_send(l->socket, NULL, &l->ask);
    l->sent = log_clock();
}

// Answers to earlier tellings of an ask come late and are not looked at.
static bool answer_read(const lender_t *l, message_t *m, lender_answer_t *out)
{
    int64_t number = message_get_i64(m);
    out->kind = (lender_kind_t)message_get_u8(m);
    out->begin = message_get_i64(m);
    out->end = message_get_i64(m);
    out->done = message_get_i64(m);
    int flags = message_get_u8(m);
    out->all = flags & ALL;
    out->last = flags & LAST;
    out->failing = flags & FAILING;
    out->n_runs = message_get_u8(m);
    if (out->n_runs > LENDER_RUNS_CAP)
        return false;
    for (int i = 0; i < out->n_runs; i++) {
        out->run[i].first = (int)message_get_u32(m);
        out->run[i].count = (int)message_get_u32(m);
    }
    return message_type(m) == ANSWER && message_done(m) == OK && number == l->number;
}

bool lender_wait(lender_t *l, int timeout_ms, lender_answer_t *out)
{
    message_t m;
    if (log_clock() - l->sent > l->repeat) {
        wire_send(l->socket, NULL, &l->ask);
        l->sent = log_clock();
    }
    return wire_receive(l->socket, timeout_ms, NULL, &m) == WIRE_MESSAGE && answer_read(l, &m, out);
}

lender_answer_t lender_borrow(lender_t *l, const lender_ask_t *ask)
{
    enum { WAIT_MS = 1000 };
    lender_answer_t answer;
    lender_ask(l, ask);
    while (!lender_wait(l, WAIT_MS, &answer))
        continue;
    return answer;
}

void lender_close(lender_t **lender)
{
    lender_t *l = *lender;
    if (l == NULL)
        return;
    if (l->server != NULL)
        server_close(l->server, l->socket);
    wire_close(&l->socket);
    wire_stop(&l->wire);
    free(l);
    *lender = NULL;
}
