// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/stream_echo.h"

#include "cluster/mem.h"
#include "workers/stream_rows.h"

#include <stdlib.h>
#include <string.h>

// Reads a message of type X into a struct of its own, and writes it.
#define ECHO(type, write, read)                                                                    \
    do {                                                                                           \
        type value;                                                                                \
        TRY(read(head, n, data, &value));                                                          \
        *out = write(&value);                                                                      \
        return OK;                                                                                 \
    } while (0)

static err_t echo_welcome(message_t *head, size_t n, const void *data, stream_message_t *out)
{
    stream_welcome_t welcome;
    TRY(stream_read_welcome(head, n, data, &welcome));
    *out = stream_write_welcome(&welcome);
    stream_welcome_free(&welcome);
    return OK;
}

static err_t echo_run(message_t *head, size_t n, const void *data, stream_message_t *out)
{
    uint64_t run;
    TRY(stream_read_run(head, n, data, &run));
    *out = stream_write_run((stream_type_t)message_type(head), run);
    return OK;
}

static err_t echo_refused(message_t *head, size_t n, const void *data, stream_message_t *out)
{
    char why[STREAM_WORDS_CAP];
    TRY(stream_read_refused(head, n, data, why));
    *out = stream_write_refused(why);
    return OK;
}

static err_t echo_status(message_t *head, size_t n, const void *data, stream_message_t *out)
{
    char *json;
    TRY(stream_read_status(head, n, data, &json));
    *out = stream_write_status(json);
    free(json);
    return OK;
}

static err_t check_rows(const stream_rows_t *rows, const schema_t *schema)
{
    rows_t scratch = rows_create(schema, 1);
    err_t err = stream_check_rows(rows, ECHO_BEGIN, ECHO_END, ECHO_BLOCK, &scratch);
    rows_destroy(&scratch);
    return err;
}

static err_t echo_rows(message_t *head, size_t n, const void *data, const schema_t *schema,
                       stream_message_t *out)
{
    stream_rows_t in;
    TRY(stream_read_rows(head, n, data, &in));
    TRY(check_rows(&in, schema));
    rows_t rows = rows_create(schema, in.count);
    for (uint32_t k = 0; k < in.count; k++)
        stream_unpack_row(&in, k, &rows, k);
    stream_rows_t again = stream_pack_rows(in.run, &rows, 0, in.count);
    *out = (stream_message_t){stream_rows_head(&again), again.n, (char *)again.data};
    rows_destroy(&rows);
    return OK;
}

err_t stream_echo(message_t *head, size_t n, const void *data, const schema_t *schema,
                  stream_message_t *out)
{
    *out = (stream_message_t){.n = 0};
    switch (message_type(head)) {
    case STREAM_HELLO:
        ECHO(stream_hello_t, stream_write_hello, stream_read_hello);
    case STREAM_READY:
        ECHO(stream_ready_t, stream_write_ready, stream_read_ready);
    case STREAM_ASK:
        ECHO(stream_ask_t, stream_write_ask, stream_read_ask);
    case STREAM_ROWS:
        return echo_rows(head, n, data, schema, out);
    case STREAM_BEAT:
        ECHO(stream_beat_t, stream_write_beat, stream_read_beat);
    case STREAM_BYE:
        ECHO(stream_bye_t, stream_write_bye, stream_read_bye);
    case STREAM_WELCOME:
        return echo_welcome(head, n, data, out);
    case STREAM_LEASE:
        ECHO(stream_lease_t, stream_write_lease, stream_read_lease);
    case STREAM_KEPT:
        ECHO(stream_kept_t, stream_write_kept, stream_read_kept);
    case STREAM_DONE:
    case STREAM_WHO:
        return echo_run(head, n, data, out);
    case STREAM_REFUSED:
        return echo_refused(head, n, data, out);
    case STREAM_STATUS:
        return echo_status(head, n, data, out);
    default:
        return err_fail(ERR_FORMAT, "message of type %d", message_type(head));
    }
}

static err_t take(size_t head_bytes, const void *bytes, size_t n, const void *data,
                  const schema_t *schema, stream_message_t *back)
{
    message_t head;
    TRY(message_parse(head_bytes, bytes, &head));
    return stream_echo(&head, n, data, schema, back);
}

bool stream_echoes(size_t head_bytes, const void *head, size_t n, const void *data,
                   const schema_t *schema, bool *accepted)
{
    stream_message_t back = {.n = 0};
    err_t err = take(head_bytes, head, n, data, schema, &back);
    *accepted = err == OK;
    if (err != OK)
        return err_text()[0] != '\0';
    bool same = back.head.n == head_bytes && memcmp(back.head.bytes, head, head_bytes) == 0 &&
                back.n == n && (n == 0 || memcmp(back.data, data, n) == 0);
    free(back.data);
    return same;
}
