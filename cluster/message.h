/* SPDX-License-Identifier: Apache-2.0
 *
 * Small messages between processes: typed, versioned, checked for length. All numbers are little-endian.
 *
 *     bytes 0-1  "IM"          3    type, the meaning of which belongs to the protocol
 *           2    version       4-7  bytes of payload that follow
 *
 * Writing: message_start, then put what the type is made of. Reading: message_parse, then get the same in the same order,
 * then message_done, which alone says whether everything was there; until then missing values read as zero.
 */
#ifndef CLUSTER_MESSAGE_H
#define CLUSTER_MESSAGE_H

#include "cluster/err.h"

#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_CAP = 512, MESSAGE_HEAD = 8, MESSAGE_VERSION = 1 };

typedef struct {
    uint8_t bytes[MESSAGE_CAP];
    size_t n, at;  // bytes in it; next to be read
    bool short_of; // something was read beyond the end
} message_t;

void message_start(message_t *m, uint8_t type);
/* A message that grows beyond MESSAGE_CAP is a bug: it dies. */
void message_put_u8(message_t *m, uint8_t value);
void message_put_u32(message_t *m, uint32_t value);
void message_put_i64(message_t *m, int64_t value);
void message_put_f64(message_t *m, double value);

/* ERR_FORMAT: too short or long, not ours, or of another version (got and expected are told). */
err_t message_parse(size_t n, const void *bytes, message_t *out) ERR_MUST_CHECK;
uint8_t message_type(const message_t *m);
uint8_t message_get_u8(message_t *m);
uint32_t message_get_u32(message_t *m);
int64_t message_get_i64(message_t *m);
double message_get_f64(message_t *m);
/* ERR_FORMAT where more was read than there was, or less. */
err_t message_done(const message_t *m) ERR_MUST_CHECK;

#endif
