// SPDX-License-Identifier: Apache-2.0
#include "cluster/text.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

text_t text_create(void)
{
    text_t t = {.capacity = 256};
    t.data = MEM_GROW(NULL, char, t.capacity);
    t.data[0] = '\0';
    return t;
}

void text_free(text_t *t)
{
    free(t->data);
    *t = (text_t){0};
}

static void text_reserve(text_t *t, size_t more)
{
    if (t->length + more + 1 <= t->capacity)
        return;
    t->capacity = 2 * (t->length + more + 1);
    t->data = MEM_GROW(t->data, char, t->capacity);
}

void text_add_bytes(text_t *t, size_t n, const void *bytes)
{
    text_reserve(t, n);
    memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = '\0';
}

void text_add(text_t *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    CHECK(n >= 0, "text format \"%s\" is wrong", format);
    text_reserve(t, (size_t)n);
    vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
    t->length += (size_t)n;
    va_end(again);
    va_end(args);
}

void text_add_item(text_t *t, const char *item)
{
    text_add(t, "%s%s", t->length > 0 ? ", " : "", item);
}
