// SPDX-License-Identifier: Apache-2.0
#include "workers/stream_rows.h"

#include "cluster/mem.h"
#include "workers/row.h"
#include "workers/stream.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "packed rows travel as they lie in memory");

enum {
    BLOCK_BYTES =
        1 << 18, // passes a link of 9 KB/s before the connection is given up (wire.h: silence_ms)
    MOST_BYTES = 1 << 30,
    PLACE_BYTES = sizeof(uint32_t),
    LENGTH_BYTES = sizeof(uint16_t),
    REASON_HEAD = PLACE_BYTES + LENGTH_BYTES
};

err_t stream_block_bytes(const schema_t *schema, uint32_t *out)
{
    size_t one = rows_bytes(schema) + STREAM_REASON_MOST;
    if (one > MOST_BYTES)
        return err_fail(ERR_USAGE, "model %s: a row has %zu bytes, expected at most %d to send it",
                        schema->name, one, MOST_BYTES);
    *out = one > BLOCK_BYTES ? (uint32_t)one : BLOCK_BYTES;
    return OK;
}

/* ---- writing ---- */

static size_t reason_bytes(const char *reason)
{
    return reason != NULL ? REASON_HEAD + strlen(reason) : 0;
}

size_t stream_row_bytes(const rows_t *rows, int64_t at)
{
    return rows_bytes(rows->schema) + reason_bytes(rows->reason[at]);
}

// Its bytes that are no UTF-8, or end the line, are replaced one by one.
static char *put_reason(char *to, uint32_t place, const char *reason)
{
    char words[ROW_REASON_CAP];
    uint16_t length = (uint16_t)strlen(reason);
    memcpy(to, &place, PLACE_BYTES);
    memcpy(to + PLACE_BYTES, &length, LENGTH_BYTES);
    memcpy(to + REASON_HEAD, row_words(reason, length, sizeof words, words), length);
    return to + REASON_HEAD + length;
}

stream_rows_t stream_pack_rows(uint64_t run, const rows_t *rows, int64_t begin, int64_t end)
{
    stream_rows_t r = {.run = run, .first = rows->index[begin], .count = (uint32_t)(end - begin)};
    CHECK(begin < end && end - begin <= UINT32_MAX, "rows [%" PRId64 ", %" PRId64 ") to pack",
          begin, end);
    for (int64_t i = begin; i < end; i++)
        r.n += stream_row_bytes(rows, i);
    char *data = mem_alloc(r.n, 1), *to = data;
    for (int64_t i = begin; i < end; i++, to += rows_bytes(rows->schema))
        rows_pack(rows, i, to);
    r.reason_at = (size_t)(to - data);
    for (int64_t i = begin; i < end; i++)
        if (rows->reason[i] != NULL)
            to = put_reason(to, (uint32_t)(i - begin), rows->reason[i]);
    r.data = data;
    r.hash = XXH3_64bits(data, r.n);
    return r;
}

message_t stream_rows_head(const stream_rows_t *r)
{
    message_t head;
    message_start(&head, STREAM_ROWS);
    message_put_i64(&head, (int64_t)r->run);
    message_put_i64(&head, r->first);
    message_put_u32(&head, r->count);
    message_put_i64(&head, (int64_t)r->hash);
    return head;
}

/* ---- reading ---- */

err_t stream_read_rows(message_t *head, size_t n, const void *data, stream_rows_t *out)
{
    stream_rows_t r = {.n = n, .data = data};
    if (message_type(head) != STREAM_ROWS)
        return err_fail(ERR_FORMAT, "message %s: expected ROWS", stream_name(message_type(head)));
    r.run = (uint64_t)message_get_i64(head);
    r.first = message_get_i64(head);
    r.count = message_get_u32(head);
    r.hash = (uint64_t)message_get_i64(head);
    TRY(message_done(head));
    if (r.run == 0 || r.first < 0 || r.count == 0 || r.first > INT64_MAX - (int64_t)r.count)
        return err_fail(ERR_FORMAT, "ROWS: run %" PRIu64 ", %u rows from row %" PRId64, r.run,
                        r.count, r.first);
    *out = r;
    return OK;
}

// The reason at byte `at` of the data.
typedef struct {
    uint32_t place;
    uint16_t length;
    const char *text;
} reason_view_t;

static reason_view_t reason_view(const stream_rows_t *r, size_t at)
{
    reason_view_t v = {.text = r->data + at + REASON_HEAD};
    memcpy(&v.place, r->data + at, PLACE_BYTES);
    memcpy(&v.length, r->data + at + PLACE_BYTES, LENGTH_BYTES);
    return v;
}

static err_t check_reason(const stream_rows_t *r, size_t at, int64_t before, reason_view_t *out)
{
    char words[ROW_REASON_CAP];
    if (r->n - at < REASON_HEAD)
        return err_fail(ERR_FORMAT, "ROWS: %zu bytes behind the rows and reasons", r->n - at);
    *out = reason_view(r, at);
    if (out->place >= r->count || (int64_t)out->place <= before)
        return err_fail(ERR_FORMAT,
                        "ROWS: a reason for place %u after %" PRId64
                        ", expected ascending places below %u",
                        out->place, before, r->count);
    if (out->length == 0 || out->length >= ROW_REASON_CAP || out->length > r->n - at - REASON_HEAD)
        return err_fail(ERR_FORMAT,
                        "ROWS: a reason of %u bytes, expected 1 to %d, and %zu are left",
                        out->length, ROW_REASON_CAP - 1, r->n - at - REASON_HEAD);
    row_words(out->text, out->length, sizeof words, words);
    if (strlen(words) != out->length || memcmp(words, out->text, out->length) != 0)
        return err_fail(ERR_FORMAT, "ROWS: the reason for place %u is not one line of UTF-8",
                        out->place);
    return OK;
}

static err_t check_frame(const stream_rows_t *r, int64_t begin, int64_t end, size_t block_bytes,
                         const schema_t *schema)
{
    if (r->first < begin || r->first + (int64_t)r->count > end)
        return err_fail(ERR_FORMAT,
                        "ROWS: rows [%" PRId64 ", %" PRId64 "), expected rows of [%" PRId64
                        ", %" PRId64 ")",
                        r->first, r->first + (int64_t)r->count, begin, end);
    if (r->n > block_bytes || r->n / rows_bytes(schema) < r->count)
        return err_fail(ERR_FORMAT,
                        "ROWS: %zu bytes of data, expected %" PRIu64 " for %u rows to %zu", r->n,
                        (uint64_t)r->count * rows_bytes(schema), r->count, block_bytes);
    if (XXH3_64bits(r->data, r->n) != r->hash)
        return err_fail(ERR_FORMAT, "ROWS: rows from %" PRId64 ": the checksum does not fit",
                        r->first);
    return OK;
}

static err_t check_row(const stream_rows_t *r, uint32_t k, rows_t *scratch)
{
    char why[ROW_REASON_CAP];
    rows_unpack(r->data + k * rows_bytes(scratch->schema), scratch, 0);
    if (!row_check(scratch, 0, r->first + k, why))
        return err_fail(ERR_FORMAT, "ROWS: row %" PRId64 ": %s", r->first + k, why);
    return OK;
}

err_t stream_check_rows(const stream_rows_t *r, int64_t begin, int64_t end, size_t block_bytes,
                        rows_t *scratch)
{
    reason_view_t reason = {.length = 0};
    TRY(check_frame(r, begin, end, block_bytes, scratch->schema));
    size_t at = r->count * rows_bytes(scratch->schema);
    int64_t before = -1;
    for (uint32_t k = 0; k < r->count; k++) {
        if (at < r->n && before < (int64_t)k) {
            TRY(check_reason(r, at, before, &reason));
            before = reason.place;
            at += REASON_HEAD + (size_t)reason.length;
        }
        rows_set_reason(scratch, 0, before == (int64_t)k ? "given" : NULL);
        TRY(check_row(r, k, scratch));
    }
    if (at != r->n)
        return err_fail(ERR_FORMAT, "ROWS: %zu bytes behind the rows and reasons", r->n - at);
    return OK;
}

void stream_unpack_row(stream_rows_t *r, uint32_t k, rows_t *rows, int64_t at)
{
    size_t row_bytes = rows_bytes(rows->schema), first = r->count * row_bytes;
    char reason[ROW_REASON_CAP];
    r->reason_at = r->reason_at < first ? first : r->reason_at;
    rows_unpack(r->data + k * row_bytes, rows, at);
    while (r->reason_at < r->n && reason_view(r, r->reason_at).place < k)
        r->reason_at += REASON_HEAD + (size_t)reason_view(r, r->reason_at).length;
    reason_view_t v = {.length = 0};
    if (r->reason_at < r->n)
        v = reason_view(r, r->reason_at);
    bool mine = v.length > 0 && v.place == k;
    rows_set_reason(rows, at, mine ? row_words(v.text, v.length, sizeof reason, reason) : NULL);
}
