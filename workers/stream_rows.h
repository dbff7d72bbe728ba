/* SPDX-License-Identifier: Apache-2.0
 *
 * ROWS, the message that carries simulated rows (stream.h). Its data:
 *
 *     count packed rows (rows_pack), first, first + 1 ...
 *     for each row that has a reason, ascending:  place u32 (0 to count - 1), bytes u16, text (UTF-8, one line)
 *
 * `hash` is the xxh3 of all of it. Numbers are little-endian, as the machines of both ends are.
 *
 * Reading goes in three steps: stream_read_rows looks at the head, from which the hub knows whose rows they are;
 * stream_check_rows looks at every byte of the data; stream_unpack_row then takes rows out one by one.
 */
#ifndef WORKERS_STREAM_ROWS_H
#define WORKERS_STREAM_ROWS_H

#include "cluster/err.h"
#include "cluster/message.h"
#include "storage/rows.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t run;
    int64_t first; // row of the bank
    uint32_t count;
    uint64_t hash;
    size_t n; // bytes of data
    const char *data;
    size_t reason_at; // where the next reason stands, for stream_unpack_row
} stream_rows_t;

enum { STREAM_REASON_MOST = 6 + ROW_REASON_CAP - 1 }; // bytes of data that a reason takes

/* Bytes of a block for this model: about 256 KiB, and at least one row with its reason. ERR_USAGE for rows that are larger
 * than a message may be (1 GiB). */
err_t stream_block_bytes(const schema_t *schema, uint32_t *out) ERR_MUST_CHECK;

/* ---- writing ---- */

/* Bytes of data that row `at` takes with its reason. */
size_t stream_row_bytes(const rows_t *rows, int64_t at);
/* Rows [begin, end), whose indices follow each other, as data of malloc: the caller frees it (or gives it to a socket). */
stream_rows_t stream_pack_rows(uint64_t run, const rows_t *rows, int64_t begin, int64_t end);
message_t stream_rows_head(const stream_rows_t *packed);

/* ---- reading ---- */

/* The head: ERR_FORMAT where it makes no sense. `out` borrows the data. */
err_t stream_read_rows(message_t *head, size_t n, const void *data,
                       stream_rows_t *out) ERR_MUST_CHECK;
/* The data. ERR_FORMAT unless the rows lie in [begin, end), the data is no longer than block_bytes and as long as it says,
 * its checksum fits, reasons are whole, and each row is as a simulator leaves it (row_check). `scratch` has room for one row
 * of the study's model. */
err_t stream_check_rows(const stream_rows_t *packed, int64_t begin, int64_t end, size_t block_bytes,
                        rows_t *scratch) ERR_MUST_CHECK;
/* Row `k` of a checked message to rows[at], with its reason. In ascending order of k; some may be left out. */
void stream_unpack_row(stream_rows_t *packed, uint32_t k, rows_t *rows, int64_t at);

#endif
