/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that grows as it is written.
 */
#ifndef CLUSTER_TEXT_H
#define CLUSTER_TEXT_H

#include <stddef.h>

typedef struct {
    char *data; // always ends in '\0'; whoever keeps it frees it
    size_t length, capacity;
} text_t;

text_t text_create(void);
void text_free(text_t *t);
void text_add(text_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An item of a list: ", " comes before it where the text is not empty. */
void text_add_item(text_t *t, const char *item);
void text_add_bytes(text_t *t, size_t n, const void *bytes);

#endif
