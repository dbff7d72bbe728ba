/* SPDX-License-Identifier: Apache-2.0
 *
 * A text that grows as it is written.
 */
#ifndef WORKERS_WORDS_H
#define WORKERS_WORDS_H

#include <stddef.h>

typedef struct {
    char *text; // the caller frees it; NULL before the first word
    size_t used, room;
} words_t; // begins as zeros

void words_add(words_t *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
