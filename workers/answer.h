/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command simulator says, read from its lines of JSON. The text comes from somebody's script: nothing in it is
 * trusted. Not JSON, wrong shapes, missing or unknown keys make a reason in words, never more.
 *
 *     {"parameters": {"beta": 0.4}, "design": {"n": 3}, "observables": {"y": [1.5, 2, null]}}
 *     {"error": "why"}      ROW_ERROR         {"rejected": "why"}  ROW_REJECTED        {"stop": "why"}  ends the campaign
 *
 * The three words may have parameters and design beside them, which the row then keeps. `index` may be repeated, and is then
 * compared. null is a number that is not finite, and so are NaN, Infinity and -Infinity, which are no JSON but what many
 * programs write. Values of an observable are nested as its dims say, or one flat row-major list; a single one may stand
 * alone. Where parameters and design were given they may be left out, and must be the given ones where they are not.
 */
#ifndef WORKERS_ANSWER_H
#define WORKERS_ANSWER_H

#include "storage/rows.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    row_status_t status;
    bool stop;   // the simulator asks to end the campaign
    bool broken; // no JSON, or a list of another length: whoever said this is out of step
    char reason[ROW_REASON_CAP];
} answer_t;

/* Reads one answer into rows[at]: parameters, design, lengths, observables, status and reason; `index`
 * is set already. given: the parameters and design stand in the row. */
void answer_read(const char *text, size_t length, bool given, rows_t *rows, int64_t at,
                 answer_t *out);
/* A list of n answers, into rows[at ...] and out[0 ...]. When the list itself makes no sense all are `broken`. */
void answer_read_list(const char *text, size_t length, bool given, rows_t *rows, int64_t at, int n,
                      answer_t *out);
/* Bytes that an answer of this declaration can need, generously. */
size_t answer_limit(const schema_t *schema);

enum { DESCRIPTION_LIMIT = 1 << 20 }; // bytes

/* Reads the answer to {"describe": true}:
 *     {"name": "sir", "version": "1", "description": "...", "batch": false,
 *      "parameters":  [{"name": "beta", "lower": 0, "upper": null, "unit": "1/day"}, ...],
 *      "observables": [{"name": "y", "kind": "set", "dims": ["n", 1], "lower": 0, "unit": "people"}, ...],
 *      "design":      [{"name": "n", "lower": 20, "upper": 200, "integer": true}]}
 * Bounds left out or null are infinite (those of the design are needed). In dims a design variable may stand for the first
 * size; it is a whole number then. ERR_FORMAT with `where` and the key; the caller frees *out. */
err_t description_read(const char *text, size_t length, const char *where, schema_t *out,
                       bool *batch) ERR_MUST_CHECK;

#endif
