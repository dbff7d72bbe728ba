/* SPDX-License-Identifier: Apache-2.0
 *
 * Short texts of rows on their way between ranks: for each rank a list of (row, text).
 */
#ifndef STORAGE_EXCHANGE_TEXT_H
#define STORAGE_EXCHANGE_TEXT_H

#include "cluster/par.h"

typedef struct {
    int n; // lists begun
    int64_t *first;
    int64_t used, cap;
    char *bytes; // row i64, text with its 0, and so on
} texts_t;

texts_t texts_create(void);
void texts_destroy(texts_t *texts);
void texts_begin(texts_t *texts); // the next rank's list
void texts_add(texts_t *texts, int64_t row, const char *text);
/* Each rank's list r goes to rank r. The answer holds all that came, in one list; texts_destroy is the caller's.
 * Collective. */
texts_t texts_travel(const par_t *par, const texts_t *out);
/* The next text (borrowed) and its row; *at is NULL before the first. NULL: that was all. */
const char *texts_next(const texts_t *texts, const char **at, int64_t *row);

#endif
