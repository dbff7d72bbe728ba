/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to a server of posteriors and its answers, as JSON texts of one line each:
 *
 *     {"id": "p17", "observables": {"rt": [0.52, -0.61, null]}, "design": {"noise": 2}, "draws": 100, "seed": 0}
 *
 * asks for the posterior of one data set. Values of an observable are nested as its dims say, or one flat row-major list; null
 * is a missing value. Design variables that are a number of elements are counted (where they are given too they must agree).
 * id (a text or a number) comes back as it was; `draws` of those that were made come back (default 0); another seed gives
 * other draws. What the amortizer's adapter drops may be left out. {"about": true} asks what is served.
 *
 *     {"id": "p17", "verdict": {"accepted": true, "reason": "", "n": 3, "distance": 1.2, "p_value": 0.4, ...},
 *      "summary": {"mu": {"mean": 0.1, "sd": 1, "median": 0.1, "q025": -2, "q975": 2}}, "draws": {"mu": [0.3, ...]},
 *      "weights": "9f..."}
 *     {"id": "p17", "error": "observables: rt is missing"}
 *     {"id": "p17", "busy": true, "retry_ms": 50}
 *
 * Many may be asked at once, but answers are to be read: of a client that leaves more than 1,000 unread those beyond are lost.
 *
 * The summary is of all draws that were made. A data set that the amortizer was not trained for has a verdict, with the
 * reason, and no posterior. Of a parameter that is an array each number becomes a flat list.
 */
#ifndef WORKERS_QUESTION_H
#define WORKERS_QUESTION_H

#include "storage/posterior_file.h"
#include "storage/rows.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct json_t json_t;     // jansson
typedef struct adapter adapter_t; // nn/adapter.h

enum { QUESTION_WHY = 240 };

typedef struct {
    json_t *id; // owned; NULL: none
    bool about;
    int64_t draws;
    char problem[QUESTION_WHY]; // what is wrong with the values, for the verdict; "": nothing
} question_t;

/* Reads a question into rows[at]: design, lengths, observables; its index, from which the draws are made, is a hash of all
 * that and of the seed. False: `why` (QUESTION_WHY) tells what can not be answered at all; `out` is filled in as far as it
 * was read. Free it in any case. */
bool question_read(const char *text, size_t length, const schema_t *schema,
                   const adapter_t *adapter, rows_t *rows, int64_t at, question_t *out,
                   char why[QUESTION_WHY]);
void question_free(question_t *q);
/* Bytes that a question about this model can need, generously, so that one that is too long by far is told so. */
size_t question_limit(const schema_t *schema);

/* What is the same in all answers; borrowed. */
typedef struct {
    const schema_t *inferred; // with the parameters alone that are inferred
    const char *weights;      // hash
    const char *unverified;   // why there is no passed gate; NULL: there is one
    int64_t draws;            // that are made for each
} answers_t;

/* The caller frees the texts. draws (answers->draws, P). */
char *answer_posterior(const answers_t *answers, const question_t *q, const double *draws,
                       const posterior_verdict_t *verdict);
char *answer_error(const question_t *q, const char *why);
char *answer_busy(const question_t *q, int retry_ms);
/* The model's declaration, and what is inferred how. */
char *answer_about(const answers_t *answers, const question_t *q, const schema_t *schema,
                   const char *study, const char *gate);

#endif
