/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a message of the stream and writes anew what was read: a message that is accepted comes back byte for byte, so
 * nothing of it was passed over. For its tests and its fuzzer.
 */
#ifndef TESTS_WORKERS_STREAM_ECHO_H
#define TESTS_WORKERS_STREAM_ECHO_H

#include "storage/rows.h"
#include "workers/stream.h"

#include <stdbool.h>

enum { ECHO_BEGIN = 100, ECHO_END = 1000000, ECHO_BLOCK = 1 << 20 }; // limits of ROWS

/* What is wrong with the message, or OK and `out`, whose data the caller frees. */
err_t stream_echo(message_t *head, size_t n, const void *data, const schema_t *schema,
                  stream_message_t *out);
/* Takes bytes as a head of at most `head_bytes` and data; an error must have words, an accepted message must come back.
 * False: what came back differs. */
bool stream_echoes(size_t head_bytes, const void *head, size_t n, const void *data,
                   const schema_t *schema, bool *accepted);

#endif
