// SPDX-License-Identifier: Apache-2.0
// The ledger of inference: how many real data sets, accepted, unusual, refused and why; and the posteriors, of all or of
// those that a reader wants to see first.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    INFERENCES_WIDE = 5,   // parameters that fit beside each other
    INFERENCES_ALL = 100,  // so many data sets are all shown
    INFERENCES_SHOWN = 50, // of more: the first and the most unusual, each
    INFERENCES_REASONS = 10,
    INFERENCES_LINES = 200 // of many parameters; the page has so many, report.json has them all
};

/* ---- why data sets were refused ---- */

typedef struct {
    char *masked; // the words with a # for each number
    const char *words;
    int64_t at; // the first data set it was said of
    int64_t data_sets;
} refusal_t;

static char *refusal_mask(const char *words)
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

static int refusal_by_words(const void *a, const void *b)
{
    const refusal_t *x = a, *y = b;
    int order = strcmp(x->masked, y->masked);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int refusal_by_count(const void *a, const void *b)
{
    const refusal_t *x = a, *y = b;
    if (x->data_sets != y->data_sets)
        return x->data_sets < y->data_sets ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Equal words but for their numbers are one reason. Returns how many there are. */
static int64_t refusals_join(int64_t n, refusal_t *at)
{
    int64_t kinds = 0;
    qsort(at, (size_t)n, sizeof *at, refusal_by_words);
    for (int64_t i = 0; i < n; i++) {
        if (kinds > 0 && strcmp(at[kinds - 1].masked, at[i].masked) == 0) {
            at[kinds - 1].data_sets++;
            free(at[i].masked);
        } else {
            at[kinds++] = at[i];
        }
    }
    qsort(at, (size_t)kinds, sizeof *at, refusal_by_count);
    return kinds;
}

static json_t *refusals_json(const report_inferred_t *x, int64_t refused)
{
    refusal_t *at = MEM_NEW(refusal_t, refused + 1);
    int64_t n = 0;
    for (int64_t i = 0; i < x->n; i++)
        if (x->refused[i])
            at[n++] = (refusal_t){refusal_mask(x->verdicts[i]), x->verdicts[i], i, 1};
    n = refusals_join(n, at);
    json_t *list = json_array();
    for (int64_t k = 0; k < n; k++) {
        json_t *object = json_object();
        json_object_set_new(object, "data_sets", json_integer(at[k].data_sets));
        json_object_set_new(object, "first", json_string(x->ids[at[k].at]));
        json_object_set_new(object, "why", json_string(at[k].words));
        if (k < INFERENCES_REASONS)
            json_array_append_new(list, object);
        else
            json_decref(object);
        free(at[k].masked);
    }
    free(at);
    return list;
}

/* ---- the posteriors ---- */

static json_t *inferences_set(const report_inferred_t *x, int64_t i)
{
    json_t *object = json_object(), *parameters = json_object();
    for (int k = 0; k < x->d; k++) {
        int64_t j = i * x->d + k;
        json_t *posterior = json_object();
        json_object_set_new(posterior, "mean", json_number_or_null(x->mean[j]));
        json_object_set_new(posterior, "sd", json_number_or_null(x->sd[j]));
        json_object_set_new(posterior, "low", json_number_or_null(x->low[j]));
        json_object_set_new(posterior, "high", json_number_or_null(x->high[j]));
        json_object_set_new(parameters, x->names[k], posterior);
    }
    json_object_set_new(object, "id", json_string(x->ids[i]));
    json_object_set_new(object, "verdict", json_string(x->verdicts[i]));
    json_object_set_new(object, "p", json_number_or_null(x->p[i]));
    json_object_set_new(object, "parameters", parameters);
    return object;
}

typedef struct {
    double p;
    int64_t at;
} unusual_t;

static int unusual_order(const void *a, const void *b)
{
    const unusual_t *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static json_t *inferences_first(const report_inferred_t *x)
{
    json_t *list = json_array();
    int64_t shown = x->n <= INFERENCES_ALL ? x->n : INFERENCES_SHOWN;
    for (int64_t i = 0; i < shown; i++)
        json_array_append_new(list, inferences_set(x, i));
    return list;
}

static json_t *inferences_unusual(const report_inferred_t *x)
{
    json_t *list = json_array();
    unusual_t *at = MEM_NEW(unusual_t, x->n + 1);
    int64_t n = 0;
    for (int64_t i = 0; i < x->n; i++)
        if (!x->refused[i] && x->p[i] < x->unusual)
            at[n++] = (unusual_t){x->p[i], i};
    qsort(at, (size_t)n, sizeof *at, unusual_order);
    for (int64_t k = 0; k < n && k < INFERENCES_SHOWN && x->n > INFERENCES_ALL; k++)
        json_array_append_new(list, inferences_set(x, at[k].at));
    free(at);
    return list;
}

static json_t *inferences_json(const report_t *r)
{
    const report_inferred_t *x = r->inferred;
    if (x == NULL || x->n == 0)
        return NULL;
    int64_t refused = 0, unusual = 0;
    for (int64_t i = 0; i < x->n; i++) {
        refused += x->refused[i];
        unusual += !x->refused[i] && x->p[i] < x->unusual;
    }
    json_t *object = json_object();
    json_object_set_new(object, "data", json_string(x->data ? x->data : ""));
    json_object_set_new(object, "posterior", json_string(x->posterior ? x->posterior : ""));
    json_object_set_new(object, "draws", json_integer(x->draws));
    json_object_set_new(object, "seed", json_integer(x->seed));
    json_object_set_new(object, "data_sets", json_integer(x->n));
    json_object_set_new(object, "accepted", json_integer(x->n - refused));
    json_object_set_new(object, "unusual", json_integer(unusual));
    json_object_set_new(object, "unusual_below", json_number_or_null(x->unusual));
    json_object_set_new(object, "refused", json_integer(refused));
    json_object_set_new(object, "refusals", refusals_json(x, refused));
    json_object_set_new(object, "first", inferences_first(x));
    json_object_set_new(object, "most_unusual", inferences_unusual(x));
    if (x->pairs_picture != NULL)
        json_object_set_new(object, "pairs", json_string(x->pairs_picture));
    return object;
}

/* ---- the page ---- */

/* "1.250 ± 0.100 (1.050 to 1.450)" */
static void inferences_cell(const json_t *posterior, page_t *page)
{
    double mean = json_number(posterior, "mean");
    if (isnan(mean)) {
        page_cell(page, "none");
        return;
    }
    char *words = mem_format("%s ± %s", page_number(mean).text,
                             page_number(json_number(posterior, "sd")).text);
    char *interval = mem_format("(%s to %s)", page_number(json_number(posterior, "low")).text,
                                page_number(json_number(posterior, "high")).text);
    page_cell_pair(page, words, interval);
    free(interval);
    free(words);
}

/* A row a data set. */
static void inferences_wide(json_t *sets, int d, const char *const *names, page_t *page)
{
    page_column_t columns[INFERENCES_WIDE + 2] = {{"Data set", false}};
    for (int k = 0; k < d; k++)
        columns[k + 1] = (page_column_t){names[k], true};
    columns[d + 1] = (page_column_t){"Verdict", false};
    page_table(page, d + 2, columns);
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *set = json_array_get(sets, i);
        page_cell(page, json_text(set, "id"));
        for (int k = 0; k < d; k++)
            inferences_cell(json_object_get(json_object_get(set, "parameters"), names[k]), page);
        page_cell(page, json_text(set, "verdict"));
    }
    page_table_end(page);
}

/* A row a data set and parameter: for many parameters. Of three data sets at least. */
static void inferences_long(json_t *sets, int d, const char *const *names, page_t *page)
{
    static const page_column_t columns[] = {
        {"Data set", false}, {"Parameter", false}, {"Posterior", true}, {"Verdict", false}};
    size_t all = json_array_size(sets), most = (size_t)(INFERENCES_LINES / d);
    most = most < 3 ? 3 : most;
    page_table(page, 4, columns);
    for (size_t i = 0; i < all && i < most; i++)
        for (int k = 0; k < d; k++) {
            const json_t *set = json_array_get(sets, i);
            page_cell(page, json_text(set, "id"));
            page_cell(page, names[k]);
            inferences_cell(json_object_get(json_object_get(set, "parameters"), names[k]), page);
            page_cell(page, k == 0 ? json_text(set, "verdict") : "");
        }
    page_table_end(page);
    if (all > most) {
        char *words = mem_format("And %s more, which are in report.json.",
                                 page_count((int64_t)(all - most)).text);
        page_note(page, words);
        free(words);
    }
}

static void inferences_table(json_t *sets, page_t *page)
{
    json_t *parameters = json_object_get(json_array_get(sets, 0), "parameters"), *value;
    const char **names = MEM_NEW(const char *, json_object_size(parameters) + 1), *name;
    int d = 0;
    json_object_foreach(parameters, name, value) names[d++] = name;
    if (d <= INFERENCES_WIDE)
        inferences_wide(sets, d, names, page);
    else
        inferences_long(sets, d, names, page);
    free(names);
}

static void inferences_ledger(const json_t *self, page_t *page)
{
    char *words = mem_format(
        "%s data sets%s%s: %s have a posterior, %s of them unusual for this model (p < %g); %s "
        "were refused.",
        page_count(json_whole(self, "data_sets")).text, json_text(self, "data")[0] ? " of " : "",
        json_text(self, "data"), page_count(json_whole(self, "accepted")).text,
        page_count(json_whole(self, "unusual")).text, json_number(self, "unusual_below"),
        page_count(json_whole(self, "refused")).text);
    page_paragraph(page, words);
    free(words);
}

static void inferences_refusals(json_t *refusals, page_t *page)
{
    static const page_column_t columns[] = {
        {"Why there is no posterior", false}, {"Data sets", true}, {"The first", false}};
    if (json_array_size(refusals) == 0)
        return;
    page_table(page, 3, columns);
    for (size_t i = 0; i < json_array_size(refusals); i++) {
        const json_t *refusal = json_array_get(refusals, i);
        page_cell(page, json_text(refusal, "why"));
        page_cell(page, page_count(json_whole(refusal, "data_sets")).text);
        page_cell(page, json_text(refusal, "first"));
    }
    page_table_end(page);
}

static void inferences_page(const json_t *self, page_t *page)
{
    json_t *first = json_object_get(self, "first"),
           *unusual = json_object_get(self, "most_unusual");
    inferences_ledger(self, page);
    inferences_refusals(json_object_get(self, "refusals"), page);
    if (json_array_size(unusual) > 0) {
        page_subheading(page, "The most unusual");
        inferences_table(unusual, page);
    }
    if (json_array_size(unusual) > 0 || json_whole(self, "data_sets") > INFERENCES_ALL)
        page_subheading(page, "The first");
    inferences_table(first, page);
    char *words = mem_format("Posterior mean ± standard deviation, and central 95 %% interval; all "
                             "are in %s.",
                             json_text(self, "posterior"));
    page_note(page, words);
    free(words);
    const char *pairs = json_text(self, "pairs");
    if (pairs[0] != '\0')
        page_picture(page, pairs, "A posterior", report_reading(pairs),
                     "Draws of the posterior of one real data set, each parameter against each.");
}

const report_section_t report_inferences = {.name = "inference",
                                            .heading = "Real data sets",
                                            .kept = true,
                                            .json = inferences_json,
                                            .page = inferences_page};
