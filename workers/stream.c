// SPDX-License-Identifier: Apache-2.0
#include "workers/stream.h"

#include "cluster/mem.h"
#include "workers/row.h"
#include "workers/stream_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST_BEAT_MS = 10, LONGEST_BEAT_MS = 3600000 };

const char *stream_name(uint8_t type)
{
    static const char *const names[] = {"HELLO", "READY",   "ASK",   "ROWS", "BEAT",
                                        "BYE",   "WELCOME", "LEASE", "KEPT", "DONE",
                                        "WHO",   "REFUSED", "STATUS"};
    return type >= STREAM_HELLO && type <= STREAM_STATUS ? names[type - STREAM_HELLO] : "unknown";
}

/* ---- what all have in common ---- */

static stream_message_t start(stream_type_t type)
{
    stream_message_t m = {.n = 0};
    message_start(&m.head, (uint8_t)type);
    return m;
}

// An empty text is no data at all.
static void give_text(stream_message_t *m, const char *text)
{
    m->n = strlen(text);
    m->data = m->n > 0 ? mem_copy_text(text) : NULL;
}

static void give_words(stream_message_t *m, const char *text)
{
    char words[STREAM_WORDS_CAP];
    give_text(m, row_words(text, strlen(text), sizeof words, words));
}

static err_t expect(const message_t *head, stream_type_t type, size_t n, size_t least, size_t most)
{
    if (message_type(head) != (uint8_t)type)
        return err_fail(ERR_FORMAT, "message %s: expected %s", stream_name(message_type(head)),
                        stream_name((uint8_t)type));
    if (n < least || n > most)
        return err_fail(ERR_FORMAT, "%s: %zu bytes of data, expected %zu to %zu",
                        stream_name((uint8_t)type), n, least, most);
    return OK;
}

// The head is at its end, and the run is one.
static err_t head_done(const message_t *head, uint64_t run)
{
    TRY(message_done(head));
    if (run == 0)
        return err_fail(ERR_FORMAT, "%s: run 0", stream_name(message_type(head)));
    return OK;
}

static uint64_t get_u64(message_t *head)
{
    return (uint64_t)message_get_i64(head);
}

static void put_u64(message_t *head, uint64_t value)
{
    message_put_i64(head, (int64_t)value);
}

static bool is_seconds(double value)
{
    return value >= 0 && isfinite(value);
}

static err_t check_range(const message_t *head, int64_t begin, int64_t end)
{
    if (begin < 0 || begin >= end)
        return err_fail(ERR_FORMAT, "%s: rows [%" PRId64 ", %" PRId64 ")",
                        stream_name(message_type(head)), begin, end);
    return OK;
}

static err_t read_words(const message_t *head, size_t n, const char *text, size_t cap, char *out)
{
    const char *name = stream_name(message_type(head));
    if (n >= cap)
        return err_fail(ERR_FORMAT, "%s: a text of %zu bytes, expected at most %zu", name, n,
                        cap - 1);
    row_words(text, n, cap, out);
    if (strlen(out) != n || (n > 0 && memcmp(out, text, n) != 0))
        return err_fail(ERR_FORMAT, "%s: its text is not one line of UTF-8", name);
    return OK;
}

static char *copy_bytes(const char *from, size_t n)
{
    char *text = mem_alloc(n + 1, 1);
    memcpy(text, from, n);
    text[n] = '\0';
    return text;
}

/* ---- worker to hub ---- */

stream_message_t stream_write_hello(const stream_hello_t *hello)
{
    char host[sizeof hello->host], cpu[sizeof hello->cpu], libm[sizeof hello->libm],
        software[sizeof hello->software];
    stream_message_t m = start(STREAM_HELLO);
    message_put_u32(&m.head, STREAM_PROTOCOL);
    message_put_i64(&m.head, hello->pid);
    m.data =
        mem_format("%s\n%s\n%s\n%s", row_words(hello->host, strlen(hello->host), sizeof host, host),
                   row_words(hello->cpu, strlen(hello->cpu), sizeof cpu, cpu),
                   row_words(hello->libm, strlen(hello->libm), sizeof libm, libm),
                   row_words(hello->software, strlen(hello->software), sizeof software, software));
    m.n = strlen(m.data);
    return m;
}

static err_t read_lines(const message_t *head, size_t n, const char *text, stream_hello_t *out)
{
    char *const line[] = {out->host, out->cpu, out->libm, out->software};
    const size_t cap[] = {sizeof out->host, sizeof out->cpu, sizeof out->libm,
                          sizeof out->software};
    enum { LINES = sizeof line / sizeof *line };
    for (int i = 0; i < LINES; i++) {
        const char *feed = memchr(text, '\n', n);
        if ((feed == NULL) != (i == LINES - 1))
            return err_fail(ERR_FORMAT, "HELLO: expected %d lines of text", LINES);
        size_t length = feed == NULL ? n : (size_t)(feed - text);
        TRY(read_words(head, length, text, cap[i], line[i]));
        text += length + (feed != NULL);
        n -= length + (feed != NULL);
    }
    return OK;
}

static err_t check_protocol(const message_t *head, uint32_t protocol)
{
    if (!head->short_of && protocol != STREAM_PROTOCOL)
        return err_fail(ERR_MISMATCH,
                        "%s: protocol %u, expected %d: worker and hub are of different versions of "
                        "infermill",
                        stream_name(message_type(head)), protocol, STREAM_PROTOCOL);
    return OK;
}

err_t stream_read_hello(message_t *head, size_t n, const void *data, stream_hello_t *out)
{
    TRY(expect(head, STREAM_HELLO, n, 3, STREAM_HELLO_MOST));
    TRY(check_protocol(head, message_get_u32(head)));
    out->pid = message_get_i64(head);
    TRY(message_done(head));
    return read_lines(head, n, data, out);
}

stream_message_t stream_write_ready(const stream_ready_t *ready)
{
    stream_message_t m = start(STREAM_READY);
    put_u64(&m.head, ready->run);
    give_words(&m, ready->fingerprint);
    return m;
}

err_t stream_read_ready(message_t *head, size_t n, const void *data, stream_ready_t *out)
{
    TRY(expect(head, STREAM_READY, n, 1, STREAM_WORDS_CAP - 1));
    out->run = get_u64(head);
    TRY(head_done(head, out->run));
    return read_words(head, n, data, sizeof out->fingerprint, out->fingerprint);
}

stream_message_t stream_write_ask(const stream_ask_t *ask)
{
    stream_message_t m = start(STREAM_ASK);
    put_u64(&m.head, ask->run);
    message_put_i64(&m.head, ask->number);
    message_put_i64(&m.head, ask->rows);
    message_put_f64(&m.head, ask->row_seconds);
    return m;
}

err_t stream_read_ask(message_t *head, size_t n, const void *data, stream_ask_t *out)
{
    (void)data;
    TRY(expect(head, STREAM_ASK, n, 0, 0));
    out->run = get_u64(head);
    out->number = message_get_i64(head);
    out->rows = message_get_i64(head);
    out->row_seconds = message_get_f64(head);
    TRY(head_done(head, out->run));
    if (out->number < 1 || out->rows < 1 || !is_seconds(out->row_seconds))
        return err_fail(ERR_FORMAT,
                        "ASK: number %" PRId64 ", %" PRId64
                        " rows of %g s, expected a number and rows of at least 1",
                        out->number, out->rows, out->row_seconds);
    return OK;
}

stream_message_t stream_write_beat(const stream_beat_t *beat)
{
    stream_message_t m = start(STREAM_BEAT);
    put_u64(&m.head, beat->run);
    message_put_i64(&m.head, beat->rows);
    message_put_f64(&m.head, beat->simulating);
    message_put_f64(&m.head, beat->waiting);
    return m;
}

err_t stream_read_beat(message_t *head, size_t n, const void *data, stream_beat_t *out)
{
    (void)data;
    TRY(expect(head, STREAM_BEAT, n, 0, 0));
    out->run = get_u64(head);
    out->rows = message_get_i64(head);
    out->simulating = message_get_f64(head);
    out->waiting = message_get_f64(head);
    TRY(head_done(head, out->run));
    if (out->rows < 0 || !is_seconds(out->simulating) || !is_seconds(out->waiting))
        return err_fail(ERR_FORMAT,
                        "BEAT: %" PRId64 " rows, %g s simulating, %g s waiting, expected none of "
                        "them negative",
                        out->rows, out->simulating, out->waiting);
    return OK;
}

stream_message_t stream_write_bye(const stream_bye_t *bye)
{
    stream_message_t m = start(STREAM_BYE);
    put_u64(&m.head, bye->run);
    give_words(&m, bye->why);
    return m;
}

err_t stream_read_bye(message_t *head, size_t n, const void *data, stream_bye_t *out)
{
    TRY(expect(head, STREAM_BYE, n, 0, STREAM_WORDS_CAP - 1));
    out->run = get_u64(head);
    TRY(head_done(head, out->run));
    return read_words(head, n, data, sizeof out->why, out->why);
}

/* ---- hub to worker ---- */

stream_message_t stream_write_welcome(const stream_welcome_t *welcome)
{
    stream_message_t m = start(STREAM_WELCOME);
    message_put_u32(&m.head, STREAM_PROTOCOL);
    put_u64(&m.head, welcome->run);
    put_u64(&m.head, welcome->seed);
    message_put_u32(&m.head, welcome->beat_ms);
    message_put_u32(&m.head, welcome->row_bytes);
    message_put_u32(&m.head, welcome->block_bytes);
    message_put_u32(&m.head, (uint32_t)strlen(welcome->study));
    m.data = mem_format("%s%s", welcome->study, welcome->model);
    m.n = strlen(m.data);
    CHECK(m.n <= STREAM_TEXT_MOST, "a study and a model of %zu bytes", m.n);
    return m;
}

static err_t check_welcome(const stream_welcome_t *w, uint32_t study_bytes, size_t n,
                           const void *data)
{
    if (w->beat_ms < SHORTEST_BEAT_MS || w->beat_ms > LONGEST_BEAT_MS)
        return err_fail(ERR_FORMAT, "WELCOME: a beat of %u ms, expected %d to %d", w->beat_ms,
                        SHORTEST_BEAT_MS, LONGEST_BEAT_MS);
    if (w->row_bytes == 0 || w->block_bytes < (uint64_t)w->row_bytes + STREAM_REASON_MOST)
        return err_fail(ERR_FORMAT,
                        "WELCOME: blocks of %u bytes for rows of %u, expected room for one and its "
                        "reason",
                        w->block_bytes, w->row_bytes);
    if (study_bytes == 0 || study_bytes >= n)
        return err_fail(ERR_FORMAT, "WELCOME: a study of %u bytes in %zu of data", study_bytes, n);
    if (memchr(data, '\0', n) != NULL)
        return err_fail(ERR_FORMAT, "WELCOME: a NUL byte in its texts");
    return OK;
}

err_t stream_read_welcome(message_t *head, size_t n, const void *data, stream_welcome_t *out)
{
    stream_welcome_t w = {0};
    TRY(expect(head, STREAM_WELCOME, n, 2, STREAM_TEXT_MOST));
    TRY(check_protocol(head, message_get_u32(head)));
    w.run = get_u64(head);
    w.seed = get_u64(head);
    w.beat_ms = message_get_u32(head);
    w.row_bytes = message_get_u32(head);
    w.block_bytes = message_get_u32(head);
    uint32_t study_bytes = message_get_u32(head);
    TRY(head_done(head, w.run));
    TRY(check_welcome(&w, study_bytes, n, data));
    w.study = copy_bytes(data, study_bytes);
    w.model = copy_bytes((const char *)data + study_bytes, n - study_bytes);
    *out = w;
    return OK;
}

void stream_welcome_free(stream_welcome_t *welcome)
{
    free(welcome->study);
    free(welcome->model);
    *welcome = (stream_welcome_t){0};
}

stream_message_t stream_write_lease(const stream_lease_t *lease)
{
    stream_message_t m = start(STREAM_LEASE);
    put_u64(&m.head, lease->run);
    message_put_i64(&m.head, lease->number);
    message_put_i64(&m.head, lease->begin);
    message_put_i64(&m.head, lease->end);
    return m;
}

err_t stream_read_lease(message_t *head, size_t n, const void *data, stream_lease_t *out)
{
    (void)data;
    TRY(expect(head, STREAM_LEASE, n, 0, 0));
    out->run = get_u64(head);
    out->number = message_get_i64(head);
    out->begin = message_get_i64(head);
    out->end = message_get_i64(head);
    TRY(head_done(head, out->run));
    if (out->number < 1)
        return err_fail(ERR_FORMAT, "LEASE: number %" PRId64 ", expected at least 1", out->number);
    return check_range(head, out->begin, out->end);
}

stream_message_t stream_write_kept(const stream_kept_t *kept)
{
    stream_message_t m = start(STREAM_KEPT);
    put_u64(&m.head, kept->run);
    message_put_i64(&m.head, kept->begin);
    message_put_i64(&m.head, kept->end);
    return m;
}

err_t stream_read_kept(message_t *head, size_t n, const void *data, stream_kept_t *out)
{
    (void)data;
    TRY(expect(head, STREAM_KEPT, n, 0, 0));
    out->run = get_u64(head);
    out->begin = message_get_i64(head);
    out->end = message_get_i64(head);
    TRY(head_done(head, out->run));
    return check_range(head, out->begin, out->end);
}

stream_message_t stream_write_run(stream_type_t type, uint64_t run)
{
    CHECK(type == STREAM_DONE || type == STREAM_WHO, "%s is more than its run",
          stream_name((uint8_t)type));
    stream_message_t m = start(type);
    put_u64(&m.head, run);
    return m;
}

err_t stream_read_run(message_t *head, size_t n, const void *data, uint64_t *run)
{
    (void)data;
    stream_type_t type = message_type(head) == STREAM_DONE ? STREAM_DONE : STREAM_WHO;
    TRY(expect(head, type, n, 0, 0));
    *run = get_u64(head);
    return head_done(head, *run);
}

stream_message_t stream_write_refused(const char *why)
{
    stream_message_t m = start(STREAM_REFUSED);
    give_words(&m, why);
    return m;
}

err_t stream_read_refused(message_t *head, size_t n, const void *data, char why[STREAM_WORDS_CAP])
{
    TRY(expect(head, STREAM_REFUSED, n, 0, STREAM_WORDS_CAP - 1));
    TRY(message_done(head));
    return read_words(head, n, data, STREAM_WORDS_CAP, why);
}

/* ---- anyone ---- */

stream_message_t stream_write_status(const char *json)
{
    stream_message_t m = start(STREAM_STATUS);
    if (json != NULL)
        give_text(&m, json);
    return m;
}

err_t stream_read_status(message_t *head, size_t n, const void *data, char **json)
{
    *json = NULL;
    TRY(expect(head, STREAM_STATUS, n, 0, STREAM_JSON_MOST));
    TRY(message_done(head));
    if (n > 0 && memchr(data, '\0', n) != NULL)
        return err_fail(ERR_FORMAT, "STATUS: a NUL byte in its text");
    *json = n > 0 ? copy_bytes(data, n) : NULL;
    return OK;
}
