// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"

#include "cluster/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static size_t mem_bytes(size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / 2 / size, "memory: %zu items of %zu bytes are too many",
          count, size);
    return count * size;
}

void *mem_alloc(size_t count, size_t size)
{
    size_t bytes = mem_bytes(count, size);
    size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    CHECK(memory != NULL, "out of memory: %zu bytes asked for", bytes);
    return memory;
}

void *mem_zero(size_t count, size_t size)
{
    void *memory = mem_alloc(count, size);
    memset(memory, 0, count * size);
    return memory;
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes = mem_bytes(count, size);
    void *memory = realloc(old, bytes ? bytes : 1);
    CHECK(memory != NULL, "out of memory: %zu bytes asked for", bytes);
    return memory;
}

char *mem_copy_text(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_alloc(bytes, 1), text, bytes);
}

char *mem_format(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    CHECK(length >= 0, "text format \"%s\" is wrong", format);
    char *text = mem_alloc((size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
