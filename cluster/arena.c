// SPDX-License-Identifier: Apache-2.0
#include "cluster/arena.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

/* A block lies in front of its pieces, in the same memory. */
typedef struct block {
    struct block *next;
    size_t size, used; // bytes behind this header
} block_t;

_Static_assert(sizeof(block_t) <= ALIGNMENT, "the header of a block takes one alignment unit");

struct arena {
    block_t *blocks; // the newest first
    size_t next_size, handed_out;
};

arena_t *arena_create(void)
{
    arena_t *arena = MEM_NEW(arena_t, 1);
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void arena_destroy(arena_t **arena)
{
    if (*arena == NULL)
        return;
    for (block_t *block = (*arena)->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(*arena);
    *arena = NULL;
}

static void arena_grow(arena_t *arena, size_t bytes)
{
    size_t size = bytes > arena->next_size ? bytes : arena->next_size;
    block_t *block = mem_zero(1, ALIGNMENT + size);
    *block = (block_t){.next = arena->blocks, .size = size};
    arena->blocks = block;
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
}

void *arena_alloc(arena_t *arena, size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / 4 / size, "arena: %zu items of %zu bytes are too many",
          count, size);
    size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0)
        bytes = ALIGNMENT;
    if (arena->blocks == NULL || arena->blocks->size - arena->blocks->used < bytes)
        arena_grow(arena, bytes);
    block_t *block = arena->blocks;
    void *piece = (char *)block + ALIGNMENT + block->used;
    block->used += bytes;
    arena->handed_out += count * size;
    return piece;
}

char *arena_copy_text(arena_t *arena, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t bytes = strlen(text) + 1;
    return memcpy(arena_alloc(arena, bytes, 1), text, bytes);
}

char *arena_format(arena_t *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    CHECK(length >= 0, "text format \"%s\" is wrong", format);
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

size_t arena_bytes(const arena_t *arena)
{
    return arena->handed_out;
}
