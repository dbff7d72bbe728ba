// SPDX-License-Identifier: Apache-2.0
#include "workers/table_csv.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "cluster/yaml.h"
#include "workers/csv.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

/* The table as it grows: an open-addressed hash from id to data set, and where each column stands in the file. */
typedef struct {
    const table_csv_t *config;
    csv_t *csv;
    int n_fields, id; // of the header
    int *column;      // all value columns, observable after observable
    int *sign;        // [O] -1: none
    int *design;      // [D]
    table_t *table;
    int64_t *capacity; // (table->n) elements that a data set has room for
    int64_t n_slots;   // a power of two
    int64_t *slot;     // (n_slots) data set, -1: free
} reading_t;

/* ---- the header ---- */

/* Names that differ in case and spaces alone. */
static bool same_word(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (isspace((unsigned char)*a))
            a++;
        while (isspace((unsigned char)*b))
            b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (*a == '\0')
            return true;
    }
}

/* The column that was meant, or NULL. */
static const char *near_column(const reading_t *r, const char *name)
{
    int n = csv_fields(r->csv);
    const char **names = MEM_NEW(const char *, n + 1), *found = NULL;
    for (int i = 0; i < n; i++) {
        names[i] = csv_field(r->csv, i);
        if (found == NULL && same_word(names[i], name))
            found = names[i];
    }
    if (found == NULL)
        found = yaml_nearest(name, n, names);
    free(names);
    return found;
}

/* What to do about a header without the column; the caller frees it. */
static char *header_cure(const reading_t *r, const char *name)
{
    const char *first = csv_field(r->csv, 0), *near = near_column(r, name);
    double number;
    if (csv_fields(r->csv) == 1 && strpbrk(first, ";\t") != NULL)
        return mem_format("; it is separated by %s: separate by commas, and write numbers with a "
                          "point (1.5)",
                          strchr(first, ';') ? "semicolons" : "tabs");
    if (near != NULL)
        return mem_format("; did you mean \"%s\"? Names must agree in every letter and space",
                          near);
    for (int i = 0; i < csv_fields(r->csv); i++)
        if (yaml_parse_real(csv_field(r->csv, i), &number))
            return mem_copy_text("; the first line must name the columns");
    return mem_copy_text("; infer.id and infer.columns of the study name those to read");
}

static err_t no_column(const reading_t *r, const char *name)
{
    text_t list = text_create();
    for (int i = 0; i < csv_fields(r->csv); i++)
        text_add_item(&list, csv_field(r->csv, i));
    char *cure = header_cure(r, name);
    err_t err = err_fail(ERR_FORMAT, "%s: there is no column \"%s\"; the columns are: %.300s%s",
                         csv_path(r->csv), name, list.data, cure);
    free(cure);
    text_free(&list);
    return err;
}

static err_t find_column(const reading_t *r, const char *name, int *out)
{
    *out = -1;
    for (int i = 0; i < csv_fields(r->csv); i++) {
        if (strcmp(csv_field(r->csv, i), name) != 0)
            continue;
        if (*out >= 0)
            return err_fail(ERR_FORMAT,
                            "%s: columns %d and %d are both called \"%s\": rename one of them",
                            csv_path(r->csv), *out + 1, i + 1, name);
        *out = i;
    }
    return *out >= 0 ? OK : no_column(r, name);
}

static err_t read_header(reading_t *r)
{
    bool more;
    int at = 0;
    TRY(csv_next(r->csv, &more));
    if (!more)
        return err_fail(ERR_FORMAT, "%s: the file is empty, expected a header", csv_path(r->csv));
    r->n_fields = csv_fields(r->csv);
    TRY(find_column(r, r->config->id, &r->id));
    for (int o = 0; o < r->config->n_observables; o++) {
        const table_columns_t *columns = &r->config->observables[o];
        for (int f = 0; f < columns->n_columns; f++)
            TRY(find_column(r, columns->columns[f], &r->column[at++]));
        r->sign[o] = -1;
        if (columns->sign)
            TRY(find_column(r, columns->sign, &r->sign[o]));
    }
    for (int d = 0; d < r->config->n_design; d++)
        TRY(find_column(r, r->config->design[d], &r->design[d]));
    return OK;
}

/* ---- data sets by id ---- */

static int64_t find_slot(const reading_t *r, const char *id)
{
    int64_t mask = r->n_slots - 1, k = (int64_t)(XXH3_64bits(id, strlen(id)) & (uint64_t)mask);
    while (r->slot[k] >= 0 && strcmp(r->table->sets[r->slot[k]].id, id) != 0)
        k = (k + 1) & mask;
    return k;
}

static void rehash(reading_t *r, int64_t n_slots)
{
    free(r->slot);
    r->n_slots = n_slots;
    r->slot = MEM_NEW(int64_t, n_slots);
    for (int64_t k = 0; k < n_slots; k++)
        r->slot[k] = -1;
    for (int64_t i = 0; i < r->table->n; i++)
        r->slot[find_slot(r, r->table->sets[i].id)] = i;
}

static int64_t add_set(reading_t *r, const char *id)
{
    table_t *t = r->table;
    if ((t->n & (t->n - 1)) == 0) { // a power of two: room for as many again
        int64_t room = t->n ? 2 * t->n : 1;
        t->sets = MEM_GROW(t->sets, table_set_t, room);
        r->capacity = MEM_GROW(r->capacity, int64_t, room);
    }
    t->sets[t->n] = (table_set_t){.id = mem_copy_text(id),
                                  .n = MEM_NEW(int64_t, t->n_observables + 1),
                                  .values = MEM_NEW(float *, t->n_observables + 1),
                                  .design = MEM_NEW(double, t->n_design + 1)};
    r->capacity[t->n] = 0;
    return t->n++;
}

static int64_t set_of(reading_t *r, const char *id)
{
    int64_t k = find_slot(r, id);
    if (r->slot[k] >= 0)
        return r->slot[k];
    int64_t set = r->slot[k] = add_set(r, id);
    if (2 * r->table->n > r->n_slots)
        rehash(r, 2 * r->n_slots);
    return set;
}

static void make_room(reading_t *r, int64_t set)
{
    table_set_t *s = &r->table->sets[set];
    int64_t elements = s->n[0];
    if (elements < r->capacity[set])
        return;
    r->capacity[set] = 2 * r->capacity[set] + 64;
    s->lines = MEM_GROW(s->lines, int64_t, r->capacity[set]);
    for (int o = 0; o < r->table->n_observables; o++)
        s->values[o] = MEM_GROW(s->values[o], float, r->capacity[set] * r->table->features[o]);
}

/* ---- values ---- */

static err_t parse_number(const reading_t *r, int column, const char *name, double *out)
{
    const char *text = csv_field(r->csv, column);
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    *out = NAN;
    if (length == 0 || (length == 2 && strncmp(text, "NA", 2) == 0))
        return OK;
    char *end;
    *out = strtod(text, &end);
    if (end == text + length && !memchr(text, 'x', length) && !memchr(text, 'X', length))
        return OK;
    return err_fail(ERR_FORMAT, "%s:%" PRId64 ": %s: got \"%.60s\", expected a number%s",
                    csv_path(r->csv), csv_line(r->csv), name, text,
                    strchr(text, ',') ? " with a point: 1.5, not 1,5"
                                      : ", or nothing or NA where it is missing");
}

static void note(const reading_t *r, table_set_t *s, const char *format, const char *name)
{
    if (s->problem)
        return;
    char *what = mem_format(format, name);
    s->problem = mem_format("%s in line %" PRId64, what, csv_line(r->csv));
    free(what);
}

static void judge(const reading_t *r, table_set_t *s, const char *name, bool missing, float value)
{
    if (isnan(value) && !missing)
        note(r, s, "%s is NaN or empty", name);
    else if (isinf(value))
        note(r, s, "%s is infinite", name);
}

static err_t read_sign(const reading_t *r, int o, table_set_t *s, double *sign)
{
    const char *name = r->config->observables[o].sign;
    *sign = 1;
    if (!name)
        return OK;
    TRY(parse_number(r, r->sign[o], name, sign));
    if (isnan(*sign) || *sign == 0)
        note(r, s, isnan(*sign) ? "%s is NaN or empty" : "%s is 0", name);
    *sign = isnan(*sign) ? NAN : *sign > 0 ? 1 : *sign < 0 ? -1 : NAN;
    return OK;
}

static err_t read_element(const reading_t *r, int o, const int *column, table_set_t *s)
{
    const table_columns_t *columns = &r->config->observables[o];
    double sign;
    TRY(read_sign(r, o, s, &sign));
    for (int f = 0; f < columns->n_columns; f++) {
        double value;
        TRY(parse_number(r, column[f], columns->columns[f], &value));
        judge(r, s, columns->columns[f], columns->missing, (float)value);
        if (columns->sign && value < 0)
            note(r, s, "%s is negative", columns->columns[f]);
        s->values[o][s->n[o] * columns->n_columns + f] = (float)(sign * value);
    }
    s->n[o]++;
    return OK;
}

static err_t read_design(const reading_t *r, int d, table_set_t *s)
{
    const char *name = r->config->design[d];
    double value;
    TRY(parse_number(r, r->design[d], name, &value));
    if (!isfinite(value))
        note(r, s, isnan(value) ? "%s is NaN or empty" : "%s is infinite", name);
    else if (s->n[0] > 0 && value != s->design[d])
        note(r, s, "%s is a design variable, one number a data set, but differs", name);
    s->design[d] = value;
    return OK;
}

static err_t read_record(reading_t *r)
{
    if (csv_fields(r->csv) != r->n_fields)
        return err_fail(ERR_FORMAT, "%s:%" PRId64 ": %d values, the header has %d%s",
                        csv_path(r->csv), csv_line(r->csv), csv_fields(r->csv), r->n_fields,
                        csv_fields(r->csv) > r->n_fields ? " (a decimal comma makes two of one)"
                                                         : "");
    const char *id = csv_field(r->csv, r->id);
    if (id[0] == '\0')
        return err_fail(ERR_FORMAT, "%s:%" PRId64 ": %s is empty", csv_path(r->csv),
                        csv_line(r->csv), r->config->id);
    int64_t set = set_of(r, id);
    make_room(r, set);
    table_set_t *s = &r->table->sets[set];
    s->lines[s->n[0]] = csv_line(r->csv);
    const int *column = r->column;
    for (int d = 0; d < r->config->n_design; d++)
        TRY(read_design(r, d, s));
    for (int o = 0; o < r->config->n_observables; o++) {
        TRY(read_element(r, o, column, s));
        column += r->config->observables[o].n_columns;
    }
    return OK;
}

/* ---- a data set whose rows stand twice: a file that was pasted into itself ---- */

enum { FEWEST_REPEATED = 10, FEWEST_DISTINCT = 5 };

static bool halves_agree(const table_t *t, const table_set_t *s)
{
    for (int o = 0; o < t->n_observables; o++) {
        int64_t half = s->n[o] / 2 * t->features[o];
        if (memcmp(s->values[o], s->values[o] + half, (size_t)half * sizeof(float)) != 0)
            return false;
    }
    return true;
}

/* Coins may come up the same twice; numbers that take several values do not. */
static bool has_distinct(const float *values, int64_t n)
{
    float seen[FEWEST_DISTINCT];
    int found = 0;
    for (int64_t i = 0; i < n && found < FEWEST_DISTINCT; i++) {
        bool before = false;
        for (int k = 0; k < found; k++)
            before |= seen[k] == values[i];
        if (!before)
            seen[found++] = values[i];
    }
    return found == FEWEST_DISTINCT;
}

static void find_repeats(const table_t *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        table_set_t *s = &t->sets[i];
        int64_t half = s->n[0] / 2;
        if (s->problem == NULL && s->n[0] == 2 * half && half >= FEWEST_REPEATED &&
            halves_agree(t, s) && has_distinct(s->values[0], half * t->features[0]))
            s->problem = mem_format("its rows stand twice in the file: from line %" PRId64
                                    " on the same values come again",
                                    s->lines[half]);
    }
}

static err_t read_all(reading_t *r)
{
    bool more = true;
    TRY(read_header(r));
    while (more) {
        TRY(csv_next(r->csv, &more));
        if (more)
            TRY(read_record(r));
    }
    if (r->table->n == 0)
        return err_fail(ERR_FORMAT, "%s: a header and no rows", csv_path(r->csv));
    find_repeats(r->table);
    return OK;
}

err_t table_read_csv(const char *path, const table_csv_t *config, table_t *out)
{
    CHECK(config->n_observables > 0, "no observables to read");
    reading_t r = {.config = config, .table = out};
    *out = (table_t){.n_observables = config->n_observables,
                     .n_design = config->n_design,
                     .features = MEM_NEW(int64_t, config->n_observables)};
    int n_columns = 0;
    for (int o = 0; o < config->n_observables; o++) {
        out->features[o] = config->observables[o].n_columns;
        n_columns += config->observables[o].n_columns;
    }
    r.column = MEM_NEW(int, n_columns + 1);
    r.sign = MEM_NEW(int, config->n_observables);
    r.design = MEM_NEW(int, config->n_design + 1);
    rehash(&r, 64);
    err_t err;
    TRY_TO(done, csv_open(path, &r.csv));
    TRY_TO(done, read_all(&r));
done:
    csv_close(&r.csv);
    free(r.column);
    free(r.sign);
    free(r.design);
    free(r.slot);
    free(r.capacity);
    if (err != OK)
        table_free(out);
    return err;
}
