// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ledger.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

ledger_t ledger_create(int64_t n, int d, const char *const *names, double unusual)
{
    int64_t first = n <= LEDGER_ALL ? n : LEDGER_SHOWN;
    return (ledger_t){.n = n,
                      .d = d,
                      .names = names,
                      .unusual_below = unusual,
                      .first = MEM_NEW(ledger_entry_t, first + 1),
                      .most = MEM_NEW(ledger_entry_t, LEDGER_SHOWN + 1),
                      .refusals = MEM_NEW(ledger_refusal_t, LEDGER_REASONS + 1)};
}

/* ---- entries ---- */

static double *copy_numbers(int d, const double *numbers)
{
    double *copy = MEM_NEW(double, d + 1);
    memcpy(copy, numbers, (size_t)d * sizeof *copy);
    return copy;
}

static ledger_entry_t copy_entry(int d, const ledger_entry_t *e)
{
    ledger_entry_t copy = *e;
    copy.id = mem_copy_text(e->id);
    copy.verdict = mem_copy_text(e->verdict);
    copy.mean = copy_numbers(d, e->mean);
    copy.sd = copy_numbers(d, e->sd);
    copy.low = copy_numbers(d, e->low);
    copy.high = copy_numbers(d, e->high);
    return copy;
}

static void free_entry(ledger_entry_t *e)
{
    free((char *)e->id);
    free((char *)e->verdict);
    free((double *)e->mean);
    free((double *)e->sd);
    free((double *)e->low);
    free((double *)e->high);
}

/* In its place among the most unusual; of equals the earlier one stands first. */
static void add_unusual(ledger_t *l, const ledger_entry_t *e)
{
    int64_t at = l->n_most;
    while (at > 0 && e->p < l->most[at - 1].p)
        at--;
    if (at == LEDGER_SHOWN)
        return;
    if (l->n_most == LEDGER_SHOWN)
        free_entry(&l->most[--l->n_most]);
    memmove(l->most + at + 1, l->most + at, (size_t)(l->n_most - at) * sizeof *l->most);
    l->most[at] = copy_entry(l->d, e);
    l->n_most++;
}

/* ---- why data sets were refused ---- */

/* The words with a # for each number. */
static char *mask(const char *words)
{
    char *masked = mem_copy_text(words);
    size_t n = 0;
    for (const char *c = words; *c; c++) {
        bool digit = isdigit((unsigned char)*c) || (*c == '.' && isdigit((unsigned char)c[1]));
        if (!digit)
            masked[n++] = *c;
        else if (n == 0 || masked[n - 1] != '#')
            masked[n++] = '#';
    }
    masked[n] = '\0';
    return masked;
}

static ledger_refusal_t *find_refusal(ledger_t *l, const char *masked)
{
    for (int k = 0; k < l->n_refusals; k++)
        if (strcmp(l->refusals[k].masked, masked) == 0)
            return &l->refusals[k];
    return NULL;
}

static void add_refusal(ledger_t *l, const ledger_entry_t *e)
{
    const char *why = e->verdict;
    char *masked = mask(why);
    ledger_refusal_t *r = find_refusal(l, masked);
    if (r == NULL && l->n_refusals >= LEDGER_REASONS) {
        free(masked);
        masked = mem_copy_text(why = "other reasons");
        r = find_refusal(l, masked);
    }
    if (r == NULL) {
        r = &l->refusals[l->n_refusals++];
        *r = (ledger_refusal_t){mem_copy_text(why), masked, mem_copy_text(e->id), e->at, 0};
        masked = NULL;
    }
    r->data_sets++;
    free(masked);
}

/* ---- all of it ---- */

void ledger_add(ledger_t *l, const ledger_entry_t *e)
{
    int64_t most = l->n <= LEDGER_ALL ? l->n : LEDGER_SHOWN;
    bool unusual = !e->refused && e->p < l->unusual_below;
    CHECK(l->seen < l->n, "a ledger of %ld data sets is full", (long)l->n);
    l->seen++;
    l->refused += e->refused;
    l->accepted += !e->refused;
    l->unusual += unusual;
    if (l->n_first < most)
        l->first[l->n_first++] = copy_entry(l->d, e);
    if (unusual && l->n > LEDGER_ALL)
        add_unusual(l, e);
    if (e->refused)
        add_refusal(l, e);
}

static int by_count(const void *a, const void *b)
{
    const ledger_refusal_t *x = a, *y = b;
    if (x->data_sets != y->data_sets)
        return x->data_sets < y->data_sets ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

void ledger_finish(ledger_t *l)
{
    qsort(l->refusals, (size_t)l->n_refusals, sizeof *l->refusals, by_count);
}

void ledger_free(ledger_t *l)
{
    for (int64_t i = 0; i < l->n_first; i++)
        free_entry(&l->first[i]);
    for (int64_t i = 0; i < l->n_most; i++)
        free_entry(&l->most[i]);
    for (int k = 0; k < l->n_refusals; k++) {
        free(l->refusals[k].why);
        free(l->refusals[k].masked);
        free(l->refusals[k].first);
    }
    free(l->first);
    free(l->most);
    free(l->refusals);
    *l = (ledger_t){0};
}
