// SPDX-License-Identifier: Apache-2.0
#include "workers/reasons.h"

#include "cluster/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void reasons_free(reasons_t *r)
{
    for (int i = 0; i < r->n; i++) {
        free(r->kinds[i].pattern);
        free(r->kinds[i].example);
    }
    free(r->kinds);
    *r = (reasons_t){0};
}

static bool number_goes_on(const char *at)
{
    return isdigit((unsigned char)at[0]) || (at[0] == '.' && isdigit((unsigned char)at[1])) ||
           (strchr("eE", at[0]) != NULL && at[0] != '\0' &&
            (isdigit((unsigned char)at[1]) ||
             (strchr("+-", at[1]) != NULL && isdigit((unsigned char)at[2]))));
}

// Every number becomes one '#', with its sign.
static char *pattern_of(const char *text)
{
    char *pattern = mem_alloc(strlen(text) + 1, 1), *to = pattern;
    for (const char *at = text; *at != '\0';) {
        bool sign = *at == '-' && isdigit((unsigned char)at[1]);
        if (!sign && !isdigit((unsigned char)*at)) {
            *to++ = *at++;
            continue;
        }
        *to++ = '#';
        at += sign;
        while (number_goes_on(at))
            at += isdigit((unsigned char)*at) || *at == '.' ? 1 : 2;
    }
    *to = '\0';
    return pattern;
}

static reason_t *find(const reasons_t *r, const char *pattern)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->kinds[i].pattern, pattern) == 0)
            return &r->kinds[i];
    return NULL;
}

static void count_known(reason_t *kind, int64_t row, const char *reason, int64_t count)
{
    kind->count += count;
    if (row >= kind->row)
        return;
    free(kind->example);
    kind->example = mem_copy_text(reason);
    kind->row = row;
}

void reasons_add(reasons_t *r, int64_t row, const char *reason, int64_t count)
{
    char *pattern = pattern_of(reason);
    reason_t *known = find(r, pattern);
    if (known != NULL)
        count_known(known, row, reason, count);
    else if (r->n == REASONS_MOST)
        r->others += count;
    else {
        r->kinds = MEM_GROW(r->kinds, reason_t, r->n + 1);
        r->kinds[r->n++] = (reason_t){pattern, mem_copy_text(reason), row, count};
        return;
    }
    free(pattern);
}

static int by_count(const void *a, const void *b)
{
    const reason_t *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

void reasons_sort(reasons_t *r)
{
    if (r->n > 0)
        qsort(r->kinds, (size_t)r->n, sizeof *r->kinds, by_count);
}
