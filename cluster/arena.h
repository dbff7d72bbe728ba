/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is freed together: a bump allocator in blocks. Each piece is cleared and 64-byte aligned.
 */
#ifndef CLUSTER_ARENA_H
#define CLUSTER_ARENA_H

#include <stddef.h>

typedef struct arena arena_t;

arena_t *arena_create(void);
void arena_destroy(arena_t **arena); // NULL is fine
void *arena_alloc(arena_t *arena, size_t count, size_t size);
char *arena_copy_text(arena_t *arena, const char *text); // NULL gives NULL
char *arena_format(arena_t *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t arena_bytes(const arena_t *arena); // handed out so far

#define ARENA_NEW(arena, type, count) ((type *)arena_alloc((arena), (size_t)(count), sizeof(type)))

#endif
