// SPDX-License-Identifier: Apache-2.0
#include "workers/words.h"

#include "cluster/mem.h"

#include <stdarg.h>
#include <stdio.h>

void words_add(words_t *w, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t length = (size_t)vsnprintf(NULL, 0, format, args);
    if (w->used + length + 1 > w->room) {
        w->room = 2 * (w->used + length + 1);
        w->text = MEM_GROW(w->text, char, w->room);
    }
    vsnprintf(w->text + w->used, length + 1, format, again);
    w->used += length;
    va_end(again);
    va_end(args);
}
