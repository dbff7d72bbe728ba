// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "storage/schema_array.h"
#include "workers/failures_inside.h"
#include "cluster/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_REGIONS = 7, TEXT_REASONS = 9 }; // lines; with headings, counts and NaN at most 20
static const double stands_out = 4;          // standard errors

static void say_counts(text_t *w, const failures_t *f)
{
    int64_t rows = failures_rows(f), failed = rows - failures_count(f, ROW_DONE);
    text_add(w, "%" PRId64 " of %" PRId64 " rows are not done (%.3g %%)", failed, rows,
             100 * failures_share(f));
    for (int s = ROW_DONE + 1, first = 1; s < ROW_STATUS_COUNT; s++)
        if (f->by_status[s].n > 0) {
            text_add(w, "%s %s %" PRId64, first ? ":" : ",", row_status_name((row_status_t)s),
                     f->by_status[s].n);
            first = 0;
        }
    text_add(w, "\n");
}

/* ---- regions ---- */

static int by_contrast(const void *a, const void *b)
{
    const failures_cell_t *x = a, *y = b;
    if (x->contrast != y->contrast)
        return x->contrast > y->contrast ? -1 : 1;
    return x->parameter != y->parameter ? x->parameter - y->parameter : x->bin - y->bin;
}

static void say_region(text_t *w, const failures_t *f, const failures_cell_t *c)
{
    char range[96];
    const char *name = f->schema->parameters[c->parameter].name;
    if (isinf(c->above) && isinf(c->to))
        snprintf(range, sizeof range, "of any value");
    else if (isinf(c->above))
        snprintf(range, sizeof range, "up to %.4g", c->to);
    else if (isinf(c->to))
        snprintf(range, sizeof range, "above %.4g", c->above);
    else
        snprintf(range, sizeof range, "in (%.4g, %.4g]", c->above, c->to);
    text_add(w, "  %-9s %5.1f %% +- %.1f %%  of rows with %s %s (%.3g %% of all)\n",
             row_status_name(c->status), 100 * c->share, 100 * c->error, name, range,
             100 * (c->share - c->contrast * c->error));
}

static void say_regions(text_t *w, failures_t *f)
{
    failures_cell_t *cells;
    int64_t n = failures_cells(f, &cells), shown = 0;
    qsort(cells, (size_t)n, sizeof *cells, by_contrast);
    while (shown < n && shown < TEXT_REGIONS && cells[shown].contrast >= stands_out)
        shown++;
    if (shown == 0)
        text_add(w,
                 "no region fails more than the whole: every fifth of every parameter is within %g "
                 "standard errors of it\n",
                 stands_out);
    else
        text_add(w, "where (share of the rows in a fifth of a parameter, standard error), the most "
                    "striking first:\n");
    for (int64_t i = 0; i < shown; i++)
        say_region(w, f, &cells[i]);
    free(cells);
}

// Rows of a status where a parameter is no number; of an array the value that most often is none.
static int64_t rows_without(const failures_t *f, const schema_variable_t *v, row_status_t status)
{
    int64_t most = 0;
    for (int k = 0; k < v->n; k++) {
        int64_t n = failures_nan(f, v->first + k, status);
        most = n > most ? n : most;
    }
    return most;
}

static void say_nan(text_t *w, const failures_t *f)
{
    const char *before = "without a number: ";
    schema_variable_t v;
    for (int p = 0; p < f->schema->n_parameters; p += v.n) {
        int64_t n = 0;
        v = schema_variable_at(f->schema, p);
        for (int s = 0; s < ROW_STATUS_COUNT; s++)
            n += rows_without(f, &v, (row_status_t)s);
        if (n > 0) {
            text_add(w, "%s%s in %" PRId64 " rows", before, v.name, n);
            before = ", ";
        }
    }
    if (before[0] == ',')
        text_add(w, "\n");
}

/* ---- reasons ---- */

typedef struct {
    row_status_t status;
    const reason_t *kind;
} given_t;

static int by_rows(const void *a, const void *b)
{
    const given_t *x = a, *y = b;
    if (x->kind->count != y->kind->count)
        return x->kind->count > y->kind->count ? -1 : 1;
    return x->status != y->status ? (int)x->status - (int)y->status
                                  : (x->kind->row < y->kind->row ? -1 : 1);
}

static void say_reasons(text_t *w, failures_t *f)
{
    given_t given[ROW_STATUS_COUNT * FAILURES_REASONS];
    int n = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        reasons_t *r = &f->by_status[s].reasons;
        reasons_sort(r);
        for (int i = 0; i < r->n && i < FAILURES_REASONS; i++)
            given[n++] = (given_t){(row_status_t)s, &r->kinds[i]};
    }
    if (n == 0)
        return;
    qsort(given, (size_t)n, sizeof *given, by_rows);
    text_add(w, "why (rows, and what the first of them said):\n");
    for (int i = 0; i < n && i < TEXT_REASONS; i++)
        text_add(w, "  %-9s %8" PRId64 "  %s\n", row_status_name(given[i].status),
                 given[i].kind->count, given[i].kind->example);
}

char *failures_text(failures_t *f)
{
    text_t w = text_create();
    say_counts(&w, f);
    if (failures_share(f) > 0)
        say_regions(&w, f);
    say_nan(&w, f);
    say_reasons(&w, f);
    return w.data;
}

/* ---- JSON ---- */

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *counts_json(const failures_t *f)
{
    json_t *all = json_object();
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++)
        json_object_set_new(all, row_status_name((row_status_t)s), json_integer(f->by_status[s].n));
    return all;
}

static json_t *regions_json(failures_t *f)
{
    failures_cell_t *cells;
    json_t *all = json_array();
    int64_t n = failures_cells(f, &cells);
    for (int64_t i = 0; i < n; i++) {
        const failures_cell_t *c = &cells[i];
        json_array_append_new(all, json_pack("{s:s,s:s,s:i,s:o,s:o,s:f,s:f,s:f,s:f}", "parameter",
                                             f->schema->parameters[c->parameter].name, "status",
                                             row_status_name(c->status), "bin", c->bin, "above",
                                             real(c->above), "to", real(c->to), "rows", c->rows,
                                             "share", c->share, "standard_error", c->error,
                                             "contrast", c->contrast));
    }
    free(cells);
    return all;
}

static json_t *nan_json(const failures_t *f)
{
    json_t *all = json_object();
    schema_variable_t v;
    for (int p = 0; p < f->schema->n_parameters; p += v.n) {
        json_t *one = json_object();
        v = schema_variable_at(f->schema, p);
        for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++) {
            int64_t n = rows_without(f, &v, (row_status_t)s);
            if (n > 0)
                json_object_set_new(one, row_status_name((row_status_t)s), json_integer(n));
        }
        if (json_object_size(one) > 0)
            json_object_set(all, v.name, one);
        json_decref(one);
    }
    return all;
}

// Text of a simulator may be no UTF-8, which JSON has to be.
static json_t *text_json(const char *text)
{
    json_t *string = json_string(text);
    if (string != NULL)
        return string;
    char *ascii = mem_copy_text(text);
    for (char *at = ascii; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    string = json_string(ascii);
    free(ascii);
    return string;
}

static json_t *reasons_json(failures_t *f)
{
    json_t *all = json_object();
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++) {
        reasons_t *r = &f->by_status[s].reasons;
        json_t *list = json_array();
        reasons_sort(r);
        for (int i = 0; i < r->n && i < FAILURES_REASONS; i++)
            json_array_append_new(list, json_pack("{s:o,s:I,s:I}", "reason",
                                                  text_json(r->kinds[i].example), "rows",
                                                  (json_int_t)r->kinds[i].count, "first_row",
                                                  (json_int_t)r->kinds[i].row));
        if (r->n > 0)
            json_object_set(all, row_status_name((row_status_t)s), list);
        json_decref(list);
    }
    return all;
}

static const double levels[] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
enum { N_LEVELS = sizeof levels / sizeof *levels };

static json_t *quantiles_json(failures_t *f, row_status_t status)
{
    double values[N_LEVELS];
    json_t *list = json_array();
    failures_seconds(f, status, N_LEVELS, levels, values);
    for (int i = 0; i < N_LEVELS; i++)
        json_array_append_new(list, real(values[i]));
    return list;
}

static json_t *seconds_json(failures_t *f)
{
    json_t *all = json_object(), *list = json_array();
    for (int i = 0; i < N_LEVELS; i++)
        json_array_append_new(list, json_real(levels[i]));
    json_object_set_new(all, "levels", list);
    json_object_set_new(all, "all", quantiles_json(f, ROW_MISSING));
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++)
        if (f->by_status[s].n > 0)
            json_object_set_new(all, row_status_name((row_status_t)s),
                                quantiles_json(f, (row_status_t)s));
    return all;
}

json_t *failures_json(failures_t *f)
{
    return json_pack("{s:I,s:f,s:o,s:o,s:o,s:o,s:o}", "rows", (json_int_t)failures_rows(f),
                     "failed_share", failures_share(f), "status", counts_json(f), "regions",
                     regions_json(f), "nan_parameters", nan_json(f), "reasons", reasons_json(f),
                     "seconds", seconds_json(f));
}
