/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of JSON from outside, for answer.c and description.c.
 */
#ifndef WORKERS_ANSWER_JSON_H
#define WORKERS_ANSWER_JSON_H

#include <jansson.h>
#include <stddef.h>

/* A value, or NULL with `why` (cap bytes) in words. NaN, Infinity and -Infinity count as null, all numbers as reals; the
 * same key twice is refused. The caller owns the value. */
json_t *answer_json(const char *text, size_t length, char *why, size_t cap);
/* "a list", "text" ... for messages */
const char *answer_json_kind(const json_t *value);

#endif
