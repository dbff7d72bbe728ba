// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "workers/stream_link_inside.h"

#include <inttypes.h>
#include <string.h>

enum {
    BURST = 64, // messages between two looks at the rest
    BAD_LOGGED = 5
};

/* ---- WELCOME ---- */

static bool same_study(const stream_welcome_t *a, const stream_welcome_t *b)
{
    return a->run != 0 && a->seed == b->seed && a->row_bytes == b->row_bytes &&
           a->block_bytes == b->block_bytes && strcmp(a->study, b->study) == 0 &&
           strcmp(a->model, b->model) == 0;
}

static void greet(stream_link_t *l, const stream_welcome_t *w, bool same)
{
    if (l->welcome.run == 0)
        log_info("worker: connected to the hub at %s", l->config.endpoint);
    else if (w->run != l->welcome.run)
        log_info("worker: the hub at %s was started anew%s", l->config.endpoint,
                 same ? "; rows that it may not have are sent again" : ", with another study");
    else
        log_info("worker: the hub at %s is back", l->config.endpoint);
}

static void take_welcome(stream_link_t *l, stream_welcome_t *w)
{
    if (l->state != SEEKING) { // a HELLO was told twice
        stream_welcome_free(w);
        return;
    }
    bool same = same_study(&l->welcome, w);
    greet(l, w, same);
    if (!same || w->run != l->welcome.run)
        l->leases = 0;
    if (!same) {
        stream_blocks_clear(l->blocks);
        l->model++;
        l->told = false;
        l->fingerprint[0] = '\0';
        l->row_seconds = 0;
    }
    stream_welcome_free(&l->welcome);
    l->welcome = *w;
    l->state = PREPARING;
    pthread_cond_signal(&l->changed);
}

/* ---- all messages ---- */

static err_t on_welcome(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    stream_welcome_t w;
    err_t err = stream_read_welcome(head, data->n, data->bytes, &w);
    if (err_is(err, ERR_MISMATCH)) {
        link_end(l, err);
        return OK;
    }
    TRY(err);
    take_welcome(l, &w);
    return OK;
}

static err_t on_lease(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    stream_lease_t lease;
    TRY(stream_read_lease(head, data->n, data->bytes, &lease));
    if (lease.run != l->welcome.run || l->state != WORKING || !l->open ||
        lease.number != l->number || l->leases == STREAM_LEASES)
        return OK; // an answer to an earlier telling
    if (lease.end - lease.begin > l->asked_rows)
        return err_fail(ERR_FORMAT, "LEASE: %" PRId64 " rows, expected at most %" PRId64,
                        lease.end - lease.begin, l->asked_rows);
    l->open = false;
    l->lease[l->leases++] = (stream_task_t){l->model, lease.begin, lease.end};
    pthread_cond_signal(&l->changed);
    return OK;
}

static err_t on_kept(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    stream_kept_t kept;
    TRY(stream_read_kept(head, data->n, data->bytes, &kept));
    if (kept.run == l->welcome.run)
        stream_blocks_kept(l->blocks, kept.begin, kept.end);
    return OK;
}

static err_t on_run(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    uint64_t run;
    TRY(stream_read_run(head, data->n, data->bytes, &run));
    if (message_type(head) == STREAM_WHO) {
        if (l->state != SEEKING)
            link_seek(l, log_clock());
    } else if (run == l->welcome.run) {
        link_end(l, OK);
        link_say_bye(l); // the hub waits for it; the last draw may take long
    }
    return OK;
}

static err_t on_refused(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    char why[STREAM_WORDS_CAP];
    TRY(stream_read_refused(head, data->n, data->bytes, why));
    link_end(l, err_fail(ERR_MISMATCH, "the hub at %s refuses this worker: %s", l->config.endpoint,
                         why));
    return OK;
}

static err_t on_message(stream_link_t *l, message_t *head, const wire_data_t *data)
{
    switch (message_type(head)) {
    case STREAM_WELCOME:
        return on_welcome(l, head, data);
    case STREAM_LEASE:
        return on_lease(l, head, data);
    case STREAM_KEPT:
        return on_kept(l, head, data);
    case STREAM_DONE:
    case STREAM_WHO:
        return on_run(l, head, data);
    case STREAM_REFUSED:
        return on_refused(l, head, data);
    case STREAM_BEAT: // it lives, which is all
        return OK;
    default:
        return err_fail(ERR_FORMAT, "message %s: none that a hub says",
                        stream_name(message_type(head)));
    }
}

void link_hear(stream_link_t *l)
{
    message_t head;
    wire_data_t data;
    for (int i = 0; i < BURST && !l->over; i++) {
        wire_got_t got = wire_receive_data(l->socket, 0, NULL, &head, &data);
        if (got == WIRE_NOTHING)
            return;
        err_t err = got == WIRE_MESSAGE ? on_message(l, &head, &data) : -ERR_FORMAT;
        if (got == WIRE_MESSAGE)
            wire_data_free(&data);
        if (err == OK)
            l->heard = log_clock();
        else if (l->bad++ < BAD_LOGGED)
            log_warning("worker: from the hub at %s: %s", l->config.endpoint, err_text());
    }
}
