/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that does not fail: each call dies with the size asked for when there is none left. Free with free().
 */
#ifndef CLUSTER_MEM_H
#define CLUSTER_MEM_H

#include <stddef.h>

void *mem_alloc(size_t count, size_t size); // not cleared; 64-byte aligned; count * size is checked
void *mem_zero(size_t count, size_t size);  // cleared; 64-byte aligned
void *mem_resize(void *old, size_t count, size_t size); // as realloc; alignment of malloc
char *mem_copy_text(const char *text);                  // NULL gives NULL
char *mem_format(const char *format, ...)
    __attribute__((format(printf, 1, 2))); // the caller frees it

/* One array of `count` values of `type`. */
#define MEM_NEW(type, count)       ((type *)mem_zero((size_t)(count), sizeof(type)))
#define MEM_GROW(old, type, count) ((type *)mem_resize((old), (size_t)(count), sizeof(type)))

#endif
