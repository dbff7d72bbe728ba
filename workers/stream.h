/* SPDX-License-Identifier: Apache-2.0
 *
 * What hub and streaming workers say to each other: one head (cluster/message.h) and, where told, one frame of data. Pure:
 * no sockets, no clocks. Rows have a file of their own, stream_rows.h.
 *
 *   worker -> hub   HELLO    protocol u32, pid i64          data: "host\ncpu\nlibm\nsoftware"
 *                   READY    run u64                        data: fingerprint of the worker's own simulator
 *                   ASK      run u64, number i64, rows i64, row_seconds f64
 *                   ROWS     run u64, first i64, count u32, hash u64      data: see stream_rows.h
 *                   BEAT     run u64, rows i64, simulating f64, waiting f64
 *                   BYE      run u64                        data: why, or none
 *                   (the hub answers each BEAT by the same head, so that a worker hears whether it lives)
 *   hub -> worker   WELCOME  protocol u32, run u64, seed u64, beat_ms u32, row_bytes u32, block_bytes u32, study_bytes u32
 *                                                           data: the study's text, then the model's declaration
 *                   LEASE    run u64, number i64, begin i64, end i64
 *                   KEPT     run u64, begin i64, end i64
 *                   DONE     run u64
 *                   WHO      run u64
 *                   REFUSED                                 data: why
 *   anyone -> hub   STATUS                                  hub -> anyone  STATUS   data: JSON
 *
 * `run` is a number that a hub draws when it starts, never 0: what belongs to another run is known by it. A message is
 * written by stream_write_X and read by stream_read_X, which looks at everything: ERR_FORMAT says what is wrong, got and
 * expected. ERR_MISMATCH: the peer is of another protocol, and should be told so (REFUSED).
 */
#ifndef WORKERS_STREAM_H
#define WORKERS_STREAM_H

#include "cluster/err.h"
#include "cluster/message.h"

#include <stddef.h>
#include <stdint.h>

enum { STREAM_PROTOCOL = 1 };

typedef enum {
    STREAM_HELLO = 32,
    STREAM_READY,
    STREAM_ASK,
    STREAM_ROWS,
    STREAM_BEAT,
    STREAM_BYE,
    STREAM_WELCOME,
    STREAM_LEASE,
    STREAM_KEPT,
    STREAM_DONE,
    STREAM_WHO,
    STREAM_REFUSED,
    STREAM_STATUS
} stream_type_t;

/* Bytes of data, at most. */
enum {
    STREAM_HELLO_MOST = 512,
    STREAM_TEXT_MOST = 8 << 20, // of WELCOME
    STREAM_JSON_MOST = 16 << 20,
    STREAM_WORDS_CAP = 1024, // of a reason, a fingerprint, with its 0
};

typedef struct {
    message_t head;
    size_t n;   // bytes of data; 0: none
    char *data; // of malloc, for free(); NULL: none
} stream_message_t;

const char *stream_name(uint8_t type); // "HELLO"; "unknown"

/* Who a worker is. A text in a message (but STATUS and WELCOME) is one line of UTF-8: the writer replaces other bytes and cuts
 * what is too long, the reader refuses them. */
typedef struct {
    int64_t pid;
    char host[128], cpu[64], libm[64], software[64];
} stream_hello_t;
stream_message_t stream_write_hello(const stream_hello_t *hello);
err_t stream_read_hello(message_t *head, size_t n, const void *data,
                        stream_hello_t *out) ERR_MUST_CHECK;

/* What is to be simulated: rows of (seed, RNG_BANK) of the model. A worker that has heard nothing of the hub for three beats
 * takes the connection for lost; it says BEAT once a beat itself. */
typedef struct {
    uint64_t run, seed;
    uint32_t beat_ms;     // 10 to 3,600,000
    uint32_t row_bytes;   // of one packed row
    uint32_t block_bytes; // of the data of one ROWS, at most; a row and its reason fit
    char *study,
        *model; // texts (YAML) of the study file and of the declaration (schema_text); free by stream_welcome_free
} stream_welcome_t;
stream_message_t stream_write_welcome(const stream_welcome_t *welcome);
err_t stream_read_welcome(message_t *head, size_t n, const void *data,
                          stream_welcome_t *out) ERR_MUST_CHECK;
void stream_welcome_free(stream_welcome_t *welcome);

/* The worker has a simulator for this study. */
typedef struct {
    uint64_t run;
    char fingerprint[STREAM_WORDS_CAP];
} stream_ready_t;
stream_message_t stream_write_ready(const stream_ready_t *ready);
err_t stream_read_ready(message_t *head, size_t n, const void *data,
                        stream_ready_t *out) ERR_MUST_CHECK;

/* Asks for a lease. Numbered by the worker from 1; an ask stays open until its lease comes, and may be told again: the same
 * number gets the same answer. */
typedef struct {
    uint64_t run;
    int64_t number, rows; // how many it will take at most, >= 1
    double row_seconds;   // that a row takes, about; 0: not known
} stream_ask_t;
stream_message_t stream_write_ask(const stream_ask_t *ask);
err_t stream_read_ask(message_t *head, size_t n, const void *data,
                      stream_ask_t *out) ERR_MUST_CHECK;

/* Rows [begin, end) are the worker's to simulate; 0 <= begin < end. */
typedef struct {
    uint64_t run;
    int64_t number, begin, end; // of the ask
} stream_lease_t;
stream_message_t stream_write_lease(const stream_lease_t *lease);
err_t stream_read_lease(message_t *head, size_t n, const void *data,
                        stream_lease_t *out) ERR_MUST_CHECK;

/* Rows [begin, end) are durable at the hub: the worker may forget them. */
typedef struct {
    uint64_t run;
    int64_t begin, end;
} stream_kept_t;
stream_message_t stream_write_kept(const stream_kept_t *kept);
err_t stream_read_kept(message_t *head, size_t n, const void *data,
                       stream_kept_t *out) ERR_MUST_CHECK;

/* The worker lives; the hub answers by the same. Since the worker was started: rows simulated, seconds spent simulating and spent without work. */
typedef struct {
    uint64_t run;
    int64_t rows;
    double simulating, waiting;
} stream_beat_t;
stream_message_t stream_write_beat(const stream_beat_t *beat);
err_t stream_read_beat(message_t *head, size_t n, const void *data,
                       stream_beat_t *out) ERR_MUST_CHECK;

/* The worker ends: asked to (why is empty), or because of an error. */
typedef struct {
    uint64_t run;
    char why[STREAM_WORDS_CAP];
} stream_bye_t;
stream_message_t stream_write_bye(const stream_bye_t *bye);
err_t stream_read_bye(message_t *head, size_t n, const void *data,
                      stream_bye_t *out) ERR_MUST_CHECK;

/* STREAM_DONE: no more work, the worker ends. STREAM_WHO: the hub does not know this peer, which should say HELLO again. */
stream_message_t stream_write_run(stream_type_t type, uint64_t run);
err_t stream_read_run(message_t *head, size_t n, const void *data, uint64_t *run) ERR_MUST_CHECK;

/* The hub will not have this worker. */
stream_message_t stream_write_refused(const char *why);
err_t stream_read_refused(message_t *head, size_t n, const void *data,
                          char why[STREAM_WORDS_CAP]) ERR_MUST_CHECK;

/* The question (json NULL), or its answer. What is read is the caller's to free, NULL for a question. That it is JSON is
 * not looked at. */
stream_message_t stream_write_status(const char *json);
err_t stream_read_status(message_t *head, size_t n, const void *data, char **json) ERR_MUST_CHECK;

#endif
