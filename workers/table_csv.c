// SPDX-License-Identifier: Apache-2.0
#include "workers/table_csv.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
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
    int group;        // -1: none
    table_t *table;
    const table_sink_t *sink; // NULL: values are counted alone
    int64_t *seen;            // of a second pass: (table->n, O) elements so far, and ...
    uint64_t *seen_hash;      // ... the hash over them; NULL: the table counts
    float *element;           // one, of any observable
    int64_t n_slots;          // a power of two
    int64_t *slot;            // (n_slots) data set, -1: free
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
    r->group = -1;
    return r->config->group != NULL ? find_column(r, r->config->group, &r->group) : OK;
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

static err_t changed(const reading_t *r)
{
    return err_fail(ERR_MISMATCH, "%s: it was changed while it was read: try again",
                    csv_path(r->csv));
}

static err_t set_of(reading_t *r, const char *id, int64_t *out)
{
    int64_t k = find_slot(r, id);
    *out = r->slot[k];
    if (*out >= 0)
        return OK;
    if (r->seen != NULL)
        return changed(r);
    *out = r->slot[k] = table_add(r->table, id);
    if (2 * r->table->n > r->n_slots)
        rehash(r, 2 * r->n_slots);
    return OK;
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
    if (s->problem || r->seen)
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

/* One more element of observable o is in r->element. */
static err_t take_element(const reading_t *r, int o, int64_t set)
{
    table_set_t *s = &r->table->sets[set];
    int64_t at = set * r->table->n_observables + o, features = r->table->features[o];
    int64_t *n = r->seen ? &r->seen[at] : &s->n[o];
    uint64_t *hash = r->seen ? &r->seen_hash[at] : &s->hash[o];
    if (r->seen && *n == s->n[o])
        return changed(r);
    if (r->sink)
        TRY(r->sink->take(r->sink->to, set, o, *n, 1, r->element));
    *hash = table_hash(*hash, features, r->element);
    ++*n;
    return OK;
}

static err_t read_element(const reading_t *r, int o, const int *column, int64_t set)
{
    const table_columns_t *columns = &r->config->observables[o];
    table_set_t *s = &r->table->sets[set];
    double sign;
    TRY(read_sign(r, o, s, &sign));
    for (int f = 0; f < columns->n_columns; f++) {
        double value;
        TRY(parse_number(r, column[f], columns->columns[f], &value));
        judge(r, s, columns->columns[f], columns->missing, (float)value);
        if (columns->sign && value < 0)
            note(r, s, "%s is negative", columns->columns[f]);
        r->element[f] = (float)(sign * value);
    }
    return take_element(r, o, set);
}

static err_t read_design(const reading_t *r, int d, table_set_t *s)
{
    const char *name = r->config->design[d];
    double value;
    TRY(parse_number(r, r->design[d], name, &value));
    if (r->seen != NULL)
        return OK;
    if (!isfinite(value))
        note(r, s, isnan(value) ? "%s is NaN or empty" : "%s is infinite", name);
    else if (s->n[0] > 0 && value != s->design[d])
        note(r, s, "%s is a design variable, one number a data set, but differs", name);
    s->design[d] = value;
    return OK;
}

/* The first row of a data set says its group. */
static err_t read_group(const reading_t *r, table_set_t *s)
{
    const char *name = csv_field(r->csv, r->group);
    const char *before = s->group >= 0 ? r->table->groups[s->group] : "";
    if (s->n[0] > 0) {
        if (strcmp(name, before) != 0)
            note(r, s, "%s sorts data sets into groups, one each, but differs", r->config->group);
        return OK;
    }
    s->group = table_group(r->table, name);
    if (s->group < 0 && name[0] != '\0')
        return err_fail(ERR_FORMAT,
                        "%s:%" PRId64 ": %s: \"%.60s\" is the group after %d others, expected at "
                        "most so many: infer.group names a column of few values",
                        csv_path(r->csv), csv_line(r->csv), r->config->group, name,
                        TABLE_MOST_GROUPS);
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
    int64_t set;
    TRY(set_of(r, id, &set));
    const int *column = r->column;
    for (int d = 0; d < r->config->n_design; d++)
        TRY(read_design(r, d, &r->table->sets[set]));
    if (r->group >= 0 && r->seen == NULL)
        TRY(read_group(r, &r->table->sets[set]));
    for (int o = 0; o < r->config->n_observables; o++) {
        TRY(read_element(r, o, column, set));
        column += r->config->observables[o].n_columns;
    }
    return OK;
}

enum { MEGA = 1000000 };

static err_t read_records(reading_t *r, progress_t *progress)
{
    enum { LOOK = 1 << 16 };
    bool more = true;
    for (int64_t n = 1; more; n++) {
        TRY(csv_next(r->csv, &more));
        if (more)
            TRY(read_record(r));
        if (n % LOOK != 0)
            continue;
        if (stop_requested())
            return err_fail(ERR_STOPPED, "%s: stopped on request while it was read",
                            csv_path(r->csv));
        progress_show(progress, csv_bytes_read(r->csv) / MEGA, NULL);
    }
    return OK;
}

static err_t read_all(reading_t *r)
{
    TRY(read_header(r));
    progress_t progress =
        progress_start(r->seen ? "pack" : "read", "MB", 0, csv_bytes(r->csv) / MEGA);
    TRY(read_records(r, &progress));
    if (r->table->n == 0)
        return err_fail(ERR_FORMAT, "%s: a header and no rows", csv_path(r->csv));
    return OK;
}

static err_t read_file(const char *path, const table_csv_t *config, reading_t *r)
{
    int n_columns = 0, widest = 0;
    for (int o = 0; o < config->n_observables; o++) {
        n_columns += config->observables[o].n_columns;
        if (config->observables[o].n_columns > widest)
            widest = config->observables[o].n_columns;
    }
    r->config = config;
    r->column = MEM_NEW(int, n_columns + 1);
    r->sign = MEM_NEW(int, config->n_observables);
    r->design = MEM_NEW(int, config->n_design + 1);
    r->element = MEM_NEW(float, widest + 1);
    rehash(r, r->n_slots);
    err_t err;
    TRY_TO(done, csv_open(path, &r->csv));
    TRY_TO(done, read_all(r));
done:
    csv_close(&r->csv);
    free(r->column);
    free(r->sign);
    free(r->design);
    free(r->element);
    free(r->slot);
    return err;
}

err_t table_read_csv(const char *path, const table_csv_t *config, const table_sink_t *sink,
                     table_t *out)
{
    CHECK(config->n_observables > 0, "no observables to read");
    reading_t r = {.table = out, .sink = sink, .n_slots = 64};
    *out = table_create(config->n_observables, config->n_design);
    for (int o = 0; o < config->n_observables; o++)
        out->features[o] = config->observables[o].n_columns;
    err_t err = read_file(path, config, &r);
    if (err != OK)
        table_free(out);
    return err;
}

/* Everything that the first pass counted came again. */
static err_t all_seen(const char *path, const reading_t *r)
{
    int O = r->table->n_observables;
    for (int64_t i = 0; i < r->table->n; i++)
        for (int o = 0; o < O; o++)
            if (r->seen[i * O + o] != r->table->sets[i].n[o] ||
                r->seen_hash[i * O + o] != r->table->sets[i].hash[o])
                return err_fail(ERR_MISMATCH, "%s: it was changed while it was read: try again",
                                path);
    return OK;
}

err_t table_again_csv(const char *path, const table_csv_t *config, const table_sink_t *sink,
                      table_t *table)
{
    int64_t counts = table->n * table->n_observables;
    reading_t r = {.table = table,
                   .sink = sink,
                   .seen = MEM_NEW(int64_t, counts),
                   .seen_hash = MEM_NEW(uint64_t, counts),
                   .n_slots = 64};
    while (r.n_slots < 2 * table->n)
        r.n_slots *= 2;
    err_t err = read_file(path, config, &r);
    if (err == OK)
        err = all_seen(path, &r);
    free(r.seen);
    free(r.seen_hash);
    return err;
}
