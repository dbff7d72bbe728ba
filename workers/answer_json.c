// SPDX-License-Identifier: Apache-2.0
#include "workers/answer_json.h"

#include "cluster/mem.h"
#include "workers/row.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const odd[] = {"NaN", "-Infinity", "Infinity"};
enum { N_ODD = sizeof odd / sizeof *odd };

static size_t odd_at(const char *text, size_t left)
{
    for (int i = 0; i < N_ODD; i++) {
        size_t n = strlen(odd[i]);
        if (n <= left && memcmp(text, odd[i], n) == 0)
            return n;
    }
    return 0;
}

// The text with null for each NaN and Infinity outside of strings; NULL where there is none. The caller frees it.
static char *without_odd(const char *text, size_t length, size_t *n)
{
    char *out = mem_alloc(length / 3 * 4 + 4, 1); // NaN, three bytes, becomes four
    bool quoted = false, found = false;
    *n = 0;
    for (size_t i = 0; i < length;) {
        size_t skip = quoted ? 0 : odd_at(text + i, length - i);
        if (skip > 0) {
            memcpy(out + *n, "null", 4);
            *n += 4;
            i += skip;
            found = true;
            continue;
        }
        if (text[i] == '"')
            quoted = !quoted;
        if (quoted && text[i] == '\\' && i + 1 < length)
            out[(*n)++] = text[i++];
        out[(*n)++] = text[i++];
    }
    if (found)
        return out;
    free(out);
    return NULL;
}

json_t *answer_json(const char *text, size_t length, char *why, size_t cap)
{
    static const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
    json_error_t error;
    json_t *value = json_loadb(text, length, flags, &error);
    if (value == NULL) {
        size_t n = 0;
        char *cleaned = without_odd(text, length, &n);
        if (cleaned != NULL)
            value = json_loadb(cleaned, n, flags, &error);
        free(cleaned);
    }
    char begin[64], cause[96];
    if (value == NULL)
        snprintf(why, cap, "no JSON: %s, at byte %d of %zu: %s",
                 row_words(error.text, strlen(error.text), sizeof cause, cause), error.position,
                 length, row_words(text, length, sizeof begin, begin));
    return value;
}

const char *answer_json_kind(const json_t *value)
{
    if (value == NULL)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something";
}
