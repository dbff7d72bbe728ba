// SPDX-License-Identifier: Apache-2.0
//
// Frames that were on their way when a connection broke are lost, so after each WELCOME all rows that are not durable are
// sent again; the hub drops what it has.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/provenance.h"
#include "cluster/stop.h"
#include "workers/stream_link_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WAKE = 1,
    TICK_MS = 20,
    HIGH_WATER = 16,        // messages that wait in the socket
    LEASE_BYTES = 16 << 20, // of rows that are asked for at once
    SILENT_BEATS = 3,
    DEFAULT_BEAT_MS = 1000,
    LINGER_MS = 1000,
    FAREWELL_US = 200000
};
static const double hello_seconds = 2; // between two HELLOs
static const double fresh_seconds =
    15; // of HELLOs without an answer before the connection is made anew
static const double repeat_seconds = 5; // before an ask is told again
static const double line_seconds = 60;  // between two lines that say that there is no hub

/* ---- sending ---- */

static bool say(stream_link_t *l, stream_message_t m)
{
    bool sent = wire_send_data(l->socket, NULL, &m.head, m.n, m.data, NULL, NULL);
    free(m.data);
    return sent;
}

static void say_hello(stream_link_t *l, double now)
{
    l->said_hello = now;
    say(l, stream_write_hello(&l->self));
}

static void say_beat(stream_link_t *l, double now)
{
    l->beat = now;
    l->so_far.run = l->welcome.run;
    say(l, stream_write_beat(&l->so_far));
}

static void say_ready(stream_link_t *l)
{
    stream_ready_t ready = {.run = l->welcome.run};
    snprintf(ready.fingerprint, sizeof ready.fingerprint, "%s", l->fingerprint);
    say(l, stream_write_ready(&ready));
}

static void say_ask(stream_link_t *l, double now)
{
    int64_t rows = LEASE_BYTES / (int64_t)l->welcome.row_bytes;
    l->asked = now;
    l->asked_rows = rows > 0 ? rows : 1;
    say(l, stream_write_ask(
               &(stream_ask_t){l->welcome.run, l->number, l->asked_rows, l->row_seconds}));
}

/* ---- states ---- */

void link_end(stream_link_t *l, err_t err)
{
    if (l->over)
        return;
    l->over = true;
    l->err = err;
    l->err_words = err != OK ? mem_copy_text(err_text()) : NULL;
    pthread_cond_signal(&l->changed);
}

void link_seek(stream_link_t *l, double now)
{
    l->state = SEEKING;
    l->made = l->lined = l->began = now;
    say_hello(l, now);
}

// All that was lent or asked before is void; an ask is made anew, by another number.
static void begin_work(stream_link_t *l)
{
    l->state = WORKING;
    l->open = false;
    say_ready(l);
    stream_blocks_again(l->blocks);
}

/* ---- what time brings ---- */

static void give_up(stream_link_t *l)
{
    link_end(l,
             err_fail(ERR_FAILED, "no hub at %s for %g s", l->config.endpoint, l->config.patience));
}

static void make_anew(stream_link_t *l, double now)
{
    l->made = now;
    if (wire_reconnect(l->socket) != OK)
        link_end(l, -ERR_IO);
}

static void tick_seeking(stream_link_t *l, double now)
{
    if (now - l->began > l->config.patience) {
        give_up(l);
        return;
    }
    if (stream_blocks_move(l->blocks))
        l->made = now;
    if (now - l->made > fresh_seconds)
        make_anew(l, now);
    if (now - l->said_hello > hello_seconds && !l->over)
        say_hello(l, now);
    if (now - l->lined > line_seconds) {
        l->lined = now;
        log_info("worker: still waiting for a hub at %s", l->config.endpoint);
    }
}

static void tick_connected(stream_link_t *l, double now)
{
    double beat = 1e-3 * l->welcome.beat_ms;
    if (stream_blocks_move(l->blocks)) // a slow line that is full of rows
        l->heard = now;
    if (now - l->heard > SILENT_BEATS * beat) {
        log_info("worker: the hub at %s is silent for %.1f s; looking for it", l->config.endpoint,
                 now - l->heard);
        link_seek(l, now);
    } else if (now - l->beat > beat) {
        say_beat(l, now);
    }
}

// Rows go before the ask: the hub takes an ask for its next as the end of the one before.
static void tick_working(stream_link_t *l, double now)
{
    if (!stream_blocks_send(l->blocks, l->welcome.run, l->socket))
        return;
    if (l->open && now - l->asked > repeat_seconds) {
        say_ask(l, now);
    } else if (!l->open && l->leases + l->busy < STREAM_LEASES) {
        l->open = true;
        l->number++;
        say_ask(l, now);
    }
}

static void watch_stop(stream_link_t *l)
{
    if (l->config.abandon == NULL || l->abandoned || !l->drawing || !stop_requested() ||
        stop_seconds_ago() <= l->grace)
        return;
    l->abandoned = true;
    log_warning("worker: a draw still runs %g s after the request to stop; it is abandoned",
                l->grace);
    if (l->welcome.run != 0)
        say(l, stream_write_bye(&(stream_bye_t){.run = l->welcome.run}));
    usleep(FAREWELL_US);
    l->config.abandon(l->config.user);
}

static void tick(stream_link_t *l)
{
    double now = log_clock();
    if (l->over)
        return;
    if (l->state == SEEKING)
        tick_seeking(l, now);
    else
        tick_connected(l, now);
    if (l->state == PREPARING && l->fingerprint[0] != '\0')
        begin_work(l);
    if (l->state == WORKING)
        tick_working(l, now);
}

void link_say_bye(stream_link_t *l)
{
    stream_bye_t bye = {.run = l->welcome.run};
    if (l->state == SEEKING || l->said_bye)
        return;
    l->said_bye = true;
    if (l->state == WORKING && !l->over)
        stream_blocks_send(l->blocks, l->welcome.run, l->socket);
    if (l->why != NULL)
        snprintf(bye.why, sizeof bye.why, "%s", l->why);
    say(l, stream_write_bye(&bye));
}

static void drain(wire_socket_t *wake)
{
    message_t m;
    while (wire_receive(wake, 0, NULL, &m) == WIRE_MESSAGE)
        continue;
}

static void *run(void *argument)
{
    stream_link_t *l = argument;
    pthread_mutex_lock(&l->lock);
    log_info("worker: looking for a hub at %s", l->config.endpoint);
    link_seek(l, log_clock());
    while (!l->closing) {
        wire_socket_t *both[] = {l->socket, l->wake};
        pthread_mutex_unlock(&l->lock);
        wire_wait(2, both, TICK_MS);
        pthread_mutex_lock(&l->lock);
        drain(l->wake);
        link_hear(l);
        tick(l);
        watch_stop(l);
    }
    link_say_bye(l);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- the handle ---- */

static void wake(stream_link_t *l)
{
    message_t m;
    message_start(&m, WAKE);
    wire_send(l->waker, NULL, &m);
}

static stream_hello_t who_we_are(void)
{
    stream_hello_t self = {.pid = getpid(), .software = "infermill " INFERMILL_VERSION};
    provenance_t here = provenance_now();
    provenance_machine_t machine = provenance_machine();
    snprintf(self.host, sizeof self.host, "%.*s", (int)sizeof self.host - 1, here.host);
    memcpy(self.cpu, machine.cpu, sizeof self.cpu);
    memcpy(self.libm, machine.libm, sizeof self.libm);
    return self;
}

static err_t link_connect(stream_link_t *l)
{
    wire_options_t options = {.keys = l->config.keys,
                              .data_cap = STREAM_JSON_MOST,
                              .high_water = HIGH_WATER,
                              .linger_ms = LINGER_MS};
    TRY(wire_start(&l->wire));
    TRY(wire_pair(l->wire, &l->waker, &l->wake));
    return wire_connect_with(l->wire, l->config.endpoint, &options, l->config.hub_key, &l->socket);
}

// Signals are for the main thread.
static err_t start_thread(stream_link_t *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? err_fail(ERR_FAILED, "can not start the worker's thread: %s", strerror(failed))
                  : OK;
}

static void link_free(stream_link_t *l)
{
    wire_close(&l->socket);
    wire_close(&l->wake);
    wire_close(&l->waker);
    wire_stop(&l->wire);
    stream_blocks_destroy(&l->blocks);
    stream_welcome_free(&l->welcome);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->why);
    free(l->err_words);
    free(l);
}

err_t stream_link_open(const stream_link_config_t *config, stream_link_t **out)
{
    pthread_condattr_t attributes;
    stream_link_t *l = MEM_NEW(stream_link_t, 1);
    *out = NULL;
    l->config = *config;
    l->self = who_we_are();
    l->blocks = stream_blocks_create(config->kept_bytes);
    l->welcome.beat_ms = DEFAULT_BEAT_MS;
    l->began = log_clock();
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    err_t err = link_connect(l);
    if (err == OK)
        err = start_thread(l);
    if (err != OK) {
        link_free(l);
        return err;
    }
    *out = l;
    return OK;
}

// Under the lock: whether there is something to do.
static stream_event_t next(stream_link_t *l, stream_task_t *task, stream_welcome_t *welcome,
                           err_t *err)
{
    if (l->over) {
        *err = l->err;
        if (l->err_words != NULL)
            err_set_text(l->err_words);
        return STREAM_OVER;
    }
    if (l->state == PREPARING && !l->told) {
        l->told = true;
        *task = (stream_task_t){.model = l->model};
        *welcome = l->welcome;
        welcome->study = mem_copy_text(l->welcome.study);
        welcome->model = mem_copy_text(l->welcome.model);
        return STREAM_MODEL;
    }
    if (l->leases == 0)
        return STREAM_NOTHING;
    *task = l->lease[0];
    memmove(l->lease, l->lease + 1, (size_t)(--l->leases) * sizeof *l->lease);
    l->busy = true;
    return STREAM_LEASED;
}

stream_event_t stream_link_wait(stream_link_t *l, int timeout_ms, stream_task_t *task,
                                stream_welcome_t *welcome, err_t *err)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&l->lock);
    stream_event_t event = next(l, task, welcome, err);
    while (event == STREAM_NOTHING &&
           pthread_cond_timedwait(&l->changed, &l->lock, &until) != ETIMEDOUT)
        event = next(l, task, welcome, err);
    pthread_mutex_unlock(&l->lock);
    return event;
}

void stream_link_ready(stream_link_t *l, int model, const char *fingerprint, double grace)
{
    pthread_mutex_lock(&l->lock);
    l->grace = grace;
    if (model == l->model)
        snprintf(l->fingerprint, sizeof l->fingerprint, "%s", fingerprint);
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

bool stream_link_wants(stream_link_t *l, int model)
{
    pthread_mutex_lock(&l->lock);
    bool wants = !l->over && model == l->model;
    pthread_mutex_unlock(&l->lock);
    return wants;
}

void stream_link_put(stream_link_t *l, int model, const stream_rows_t *rows)
{
    pthread_mutex_lock(&l->lock);
    bool wanted = !l->over && model == l->model;
    if (wanted)
        stream_blocks_put(l->blocks, rows);
    pthread_mutex_unlock(&l->lock);
    if (!wanted)
        free((char *)rows->data);
    wake(l);
}

void stream_link_finish(stream_link_t *l)
{
    pthread_mutex_lock(&l->lock);
    l->busy = false;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

void stream_link_note(stream_link_t *l, const stream_beat_t *so_far, double row_seconds,
                      bool drawing)
{
    pthread_mutex_lock(&l->lock);
    l->so_far = *so_far;
    l->row_seconds = row_seconds;
    l->drawing = drawing;
    pthread_mutex_unlock(&l->lock);
}

void stream_link_close(stream_link_t **link, const char *why)
{
    stream_link_t *l = *link;
    if (l == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    l->why = mem_copy_text(why);
    pthread_mutex_unlock(&l->lock);
    wake(l);
    pthread_join(l->thread, NULL);
    link_free(l);
    *link = NULL;
}
