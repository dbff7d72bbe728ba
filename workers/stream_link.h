/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's end of the stream: a thread that owns the socket to the hub. It says who we are and goes on saying it until
 * there is a hub, beats, asks for leases (two are held at most, so that there is always a next one), sends finished rows,
 * and sends those that are not durable again when it finds the hub anew. The simulating thread holds the handle.
 */
#ifndef WORKERS_STREAM_LINK_H
#define WORKERS_STREAM_LINK_H

#include "cluster/err.h"
#include "cluster/wire.h"
#include "workers/stream.h"
#include "workers/stream_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAM_LEASES = 2 }; // that are held at most

typedef struct stream_link stream_link_t; // opaque

typedef struct {
    const char *endpoint;
    const wire_keys_t *keys; // NULL: not encrypted
    const char *hub_key;     // public key of the hub; NULL where keys is
    double patience;         // seconds without a hub after which it is given up; INFINITY: never
    size_t kept_bytes;       // of sent rows that are not durable, at most
    /* Called once on the link's thread when a draw still runs this long after a request to stop (stream_link_grace); should
     * end the program. NULL: the draw is waited for. */
    void (*abandon)(void *user);
    void *user;
} stream_link_config_t;

typedef enum {
    STREAM_NOTHING, // came in time
    STREAM_MODEL,   // of another study than before: a simulator is wanted
    STREAM_LEASED,  // rows to simulate
    STREAM_OVER     // no more work, or an error
} stream_event_t;

typedef struct {
    int model; // number of the study it is of, from 1
    int64_t begin, end;
} stream_task_t;

/* Starts the thread; all signals are left to the other threads. Texts are borrowed until stream_link_close. ERR_USAGE for an
 * endpoint that makes no sense or may not be reached without keys. */
err_t stream_link_open(const stream_link_config_t *config, stream_link_t **out) ERR_MUST_CHECK;

/* What is to be done next; waits up to timeout_ms. STREAM_MODEL: *welcome is copied, to be freed, and task->model tells its
 * number; stream_link_ready follows. STREAM_LEASED: *task. STREAM_OVER: *err (OK: the hub has no more work) and its text. */
stream_event_t stream_link_wait(stream_link_t *link, int timeout_ms, stream_task_t *task,
                                stream_welcome_t *welcome, err_t *err);
/* There is a simulator of this fingerprint for study number `model`; a draw may take `grace` seconds after a stop. */
void stream_link_ready(stream_link_t *link, int model, const char *fingerprint, double grace);
/* Whether rows of this study are still wanted: false after the hub's last word, or when it has another study. */
bool stream_link_wants(stream_link_t *link, int model);
/* Finished rows of study `model`, to be sent; takes the data over. */
void stream_link_put(stream_link_t *link, int model, const stream_rows_t *rows);
/* The task that was given out last is finished, all its rows were put. */
void stream_link_finish(stream_link_t *link);
/* What this worker has done so far, for beats and asks; `drawing`: a call of the simulator begins or has ended. */
void stream_link_note(stream_link_t *link, const stream_beat_t *so_far, double row_seconds,
                      bool drawing);

/* Says good-bye and why (NULL: it was asked to), sends what can be sent at once, and ends the thread. */
void stream_link_close(stream_link_t **link, const char *why);

#endif
