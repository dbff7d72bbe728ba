/* SPDX-License-Identifier: Apache-2.0
 *
 * Distinct texts, numbered in order of appearance.
 */
#ifndef STORAGE_TEXT_INDEX_H
#define STORAGE_TEXT_INDEX_H

#include <stdint.h>

typedef struct {
    int64_t n;
    char **texts; // (n)
    int64_t n_slots;
    int64_t *slots; // (n_slots) text, -1: free
} text_index_t;     // begins as zeros

int64_t text_index_put(text_index_t *t, const char *text); // its number
void text_index_free(text_index_t *t);

#endif
