// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/text.h"
#include "cluster/yaml.h"
#include "storage/schema_array.h"
#include "workers/csv.h"
#include "workers/import_inside.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum {
    CSV_OTHER,
    CSV_PARAMETER,
    CSV_DESIGN,
    CSV_OBSERVABLE,
    CSV_LENGTH,
    CSV_STATUS,
    CSV_SECONDS,
    CSV_REASON
} target_kind_t;

// What a column is.
typedef struct {
    target_kind_t kind;
    int item;        // parameter, design variable, observable
    int64_t element; // of an observable: its place in a row
} target_t;

typedef struct {
    csv_t *csv;
    int n_columns;
    target_t *columns; // (n_columns)
    char **names;      // (n_columns)
    int64_t next;      // row that comes next
} csv_source_t;

/* ---- what a column's name means ---- */

// The name behind "group." where it says this group, the name itself where that is clear, else NULL.
static const char *within(const schema_t *schema, const char *name, const char *group)
{
    size_t n = strlen(group);
    if (strncmp(name, group, n) == 0 && (name[n] == '.' || name[n] == '/'))
        return name + n + 1;
    return import_name_is_unique(schema, name) ? name : NULL;
}

// Indices behind an observable's name: ".3", ".3.1", "[3]", "[3,1]", "[3][1]". -1: this is no list of indices.
static int indices_of(const char *text, int64_t indices[SCHEMA_MAX_DIMS])
{
    int n = 0;
    while (*text != '\0') {
        if (strchr(".[,", *text) == NULL || !isdigit((unsigned char)text[1]) ||
            n == SCHEMA_MAX_DIMS)
            return -1;
        char *end;
        indices[n++] = strtoll(text + 1, &end, 10);
        text = end + (*end == ']');
    }
    return n;
}

// Whether these indices name one element; sizes of 1 at the end need none.
static bool element_of(int n_dims, const int64_t *dims, int n, const int64_t *indices, int64_t *out)
{
    *out = 0;
    if (n > n_dims)
        return false;
    for (int d = 0; d < n_dims; d++) {
        int64_t index = d < n ? indices[d] : 0;
        if (index < 0 || index >= dims[d] || (d >= n && dims[d] > 1))
            return false;
        *out = *out * dims[d] + index;
    }
    return true;
}

// The value of a parameter that is an array, or -1.
static int array_value(const schema_t *m, const char *name)
{
    schema_variable_t v;
    for (int p = 0; p < m->n_parameters; p += v.n) {
        v = schema_variable_at(m, p);
        size_t length = strlen(v.name);
        int64_t indices[SCHEMA_MAX_DIMS], element;
        const char *bare = strncmp(name, "parameters.", 11) == 0 ? name + 11 : name;
        if (v.n_dims == 0 || strncmp(bare, v.name, length) != 0 ||
            (bare == name && !import_name_is_unique(m, v.name)))
            continue;
        int n = indices_of(bare + length, indices);
        if (n >= 0 && element_of(v.n_dims, v.dims, n, indices, &element))
            return p + (int)element;
    }
    return -1;
}

static err_t observable_target(const import_source_t *s, const char *name, target_t *out)
{
    const schema_t *m = s->schema;
    for (int k = 0; k < m->n_observables; k++) {
        const schema_observable_t *o = &m->observables[k];
        size_t length = strlen(o->name);
        const char *bare = strncmp(name, "observables.", 12) == 0 ? name + 12 : name;
        int64_t indices[SCHEMA_MAX_DIMS];
        if (strncmp(bare, o->name, length) != 0 ||
            (bare == name && !import_name_is_unique(m, o->name)))
            continue;
        int n = indices_of(bare + length, indices);
        if (n < 0)
            continue;
        if (!element_of(o->n_dims, o->dims, n, indices, &out->element))
            return err_fail(ERR_FORMAT,
                            "%s: column %s is no element of %s (%d dims, the first %ld)", s->name,
                            name, o->name, o->n_dims, (long)o->dims[0]);
        out->kind = CSV_OBSERVABLE;
        out->item = k;
        return OK;
    }
    return OK;
}

static bool settled(target_t *out, target_kind_t kind, int item)
{
    if (item < 0)
        return false;
    *out = (target_t){.kind = kind, .item = item};
    return true;
}

static err_t find_target(const import_source_t *s, const char *name, target_t *out)
{
    static const struct {
        const char *name;
        target_kind_t kind;
    } fixed[] = {
        {"row.status", CSV_STATUS}, {"row.seconds", CSV_SECONDS}, {"row.reason", CSV_REASON}};
    const schema_t *m = s->schema;
    *out = (target_t){.kind = CSV_OTHER};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(name, fixed[i].name) == 0) {
            out->kind = fixed[i].kind;
            return OK;
        }
    const char *bare = within(m, name, "parameters");
    if (bare != NULL && settled(out, CSV_PARAMETER, schema_find_parameter(m, bare)))
        return OK;
    if (settled(out, CSV_PARAMETER, array_value(m, name)))
        return OK;
    bare = within(m, name, "design");
    if (bare != NULL && settled(out, CSV_DESIGN, schema_find_design(m, bare)))
        return OK;
    bare = strncmp(name, "length.", 7) == 0 ? name + 7 : NULL;
    if (bare != NULL && settled(out, CSV_LENGTH, schema_find_observable(m, bare)))
        return OK;
    return observable_target(s, name, out);
}

/* ---- the header ---- */

static bool has(const csv_source_t *c, target_kind_t kind, int item, int64_t element)
{
    for (int i = 0; i < c->n_columns; i++)
        if (c->columns[i].kind == kind && c->columns[i].item == item &&
            c->columns[i].element == element)
            return true;
    return false;
}

static err_t missing(const import_source_t *s, const csv_source_t *c, const char *name)
{
    text_t list = text_create();
    for (int i = 0; i < c->n_columns && list.length < 300; i++)
        text_add_item(&list, c->names[i]);
    err_t err = err_fail(ERR_FORMAT, "%s: there is no column for %s; the columns are: %.300s",
                         s->name, name, list.data);
    text_free(&list);
    return err;
}

// Elements of an observable that the file has, all values of each.
static err_t check_elements(import_source_t *s, const csv_source_t *c, int k)
{
    const schema_observable_t *o = &s->schema->observables[k];
    int64_t stride = schema_stride(o), size = schema_size(o), n = 0, after = 0;
    while (n < size && has(c, CSV_OBSERVABLE, k, n))
        n++;
    for (int64_t i = n; i < size; i++)
        after += has(c, CSV_OBSERVABLE, k, i);
    if (n == size || (o->length_design >= 0 && after == 0 && n % stride == 0 && n > 0)) {
        s->elements[k] = n / stride;
        return OK;
    }
    char *name = mem_format(o->dims[0] > 1 ? "%s.%" PRId64 : "%s", o->name, n / stride);
    err_t err = missing(s, c, name);
    free(name);
    return err;
}

static err_t check_columns(import_source_t *s, const csv_source_t *c)
{
    const schema_t *m = s->schema;
    for (int i = 0; i < c->n_columns; i++)
        for (int k = 0; k < i && c->columns[i].kind != CSV_OTHER; k++)
            if (memcmp(&c->columns[i], &c->columns[k], sizeof c->columns[i]) == 0)
                return err_fail(ERR_FORMAT, "%s: columns %s and %s say the same", s->name,
                                c->names[k], c->names[i]);
    for (int p = 0; p < m->n_parameters; p++)
        if (!has(c, CSV_PARAMETER, p, 0))
            return missing(s, c, m->parameters[p].name);
    for (int k = 0; k < m->n_observables; k++)
        TRY(check_elements(s, c, k));
    for (int d = 0; d < m->n_design; d++) {
        bool told = has(c, CSV_DESIGN, d, 0);
        for (int k = 0; k < m->n_observables; k++)
            told = told || (m->observables[k].length_design == d && has(c, CSV_LENGTH, k, 0));
        if (!told)
            return missing(s, c, m->design[d].name);
    }
    return OK;
}

static err_t read_header(import_source_t *s, csv_source_t *c)
{
    bool more;
    TRY(csv_next(c->csv, &more));
    if (!more)
        return err_fail(ERR_FORMAT, "%s: the file is empty, expected a header", s->name);
    int n = csv_fields(c->csv);
    c->columns = MEM_NEW(target_t, n);
    c->names = MEM_NEW(char *, n);
    for (int i = 0; i < n; i++) {
        c->names[i] = mem_copy_text(csv_field(c->csv, i));
        c->n_columns = i + 1;
        TRY(find_target(s, c->names[i], &c->columns[i]));
    }
    return check_columns(s, c);
}

/* ---- rows ---- */

static err_t next_record(import_source_t *s, csv_source_t *c, bool *more)
{
    TRY(csv_next(c->csv, more));
    if (*more && csv_fields(c->csv) != c->n_columns)
        return err_fail(ERR_FORMAT, "%s:%" PRId64 ": %d fields, the header has %d", s->name,
                        csv_line(c->csv), csv_fields(c->csv), c->n_columns);
    c->next += *more;
    return OK;
}

static bool parse_number(const char *text, double *out)
{
    while (isspace((unsigned char)*text))
        text++;
    if (*text == '\0' || strcmp(text, "NA") == 0) {
        *out = NAN;
        return true;
    }
    char *end;
    *out = strtod(text, &end);
    while (isspace((unsigned char)*end))
        end++;
    return end != text && *end == '\0';
}

static err_t read_number(const import_source_t *s, const csv_source_t *c, int column, double *out)
{
    const char *text = csv_field(c->csv, column);
    if (parse_number(text, out))
        return OK;
    return err_fail(ERR_FORMAT,
                    "%s:%" PRId64 ": row %" PRId64 ": %s: got \"%.40s\", expected a number",
                    s->name, csv_line(c->csv), c->next - 1, c->names[column], text);
}

static err_t read_status(const import_source_t *s, const csv_source_t *c, int column, uint8_t *out)
{
    const char *text = csv_field(c->csv, column);
    *out = (uint8_t)import_status(text);
    if (*out != ROW_STATUS_COUNT)
        return OK;
    return err_fail(ERR_FORMAT,
                    "%s:%" PRId64 ": row %" PRId64
                    ": %s: got \"%.40s\", expected a status (done, rejected ...)",
                    s->name, csv_line(c->csv), c->next - 1, c->names[column], text);
}

static err_t read_length(const import_source_t *s, const csv_source_t *c, int column, int32_t *out)
{
    double x;
    TRY(read_number(s, c, column, &x));
    if (!(x >= 0 && x <= INT32_MAX && x == floor(x)))
        return err_fail(ERR_FORMAT, "%s:%" PRId64 ": %s: got %g, expected a number of elements",
                        s->name, csv_line(c->csv), c->names[column], x);
    *out = (int32_t)x;
    return OK;
}

static err_t read_field(const import_source_t *s, const csv_source_t *c, int column, rows_t *rows,
                        int64_t at)
{
    const schema_t *m = s->schema;
    target_t t = c->columns[column];
    double x = 0;
    switch (t.kind) {
    case CSV_OTHER:
        return OK;
    case CSV_STATUS:
        return read_status(s, c, column, &rows->status[at]);
    case CSV_REASON:
        rows_set_reason(rows, at, csv_field(c->csv, column));
        return OK;
    case CSV_LENGTH:
        return read_length(s, c, column, &rows->length[at * m->n_observables + t.item]);
    case CSV_SECONDS:
        return read_number(s, c, column, &rows->seconds[at]);
    case CSV_PARAMETER:
        return read_number(s, c, column, &rows->parameters[at * m->n_parameters + t.item]);
    case CSV_DESIGN:
        return read_number(s, c, column, &rows->design[at * m->n_design + t.item]);
    case CSV_OBSERVABLE:
        TRY(read_number(s, c, column, &x));
        rows->observables[t.item][at * schema_size(&m->observables[t.item]) + t.element] = (float)x;
        return OK;
    }
    return OK;
}

// To row `begin`, from the start of the file where it was passed.
static err_t go_to(import_source_t *s, csv_source_t *c, int64_t begin)
{
    bool more = true;
    if (c->next > begin) {
        char *path = mem_copy_text(csv_path(c->csv));
        csv_close(&c->csv);
        err_t err = csv_open(path, &c->csv);
        free(path);
        TRY(err);
        TRY(csv_next(c->csv, &more)); // the header
        c->next = 0;
    }
    while (c->next < begin && more)
        TRY(next_record(s, c, &more));
    return OK;
}

static err_t read_rows(import_source_t *s, int64_t begin, int64_t n, rows_t *rows, int64_t at)
{
    csv_source_t *c = s->state;
    bool more;
    TRY(go_to(s, c, begin));
    for (int64_t i = 0; i < n; i++) {
        TRY(next_record(s, c, &more));
        if (!more)
            return err_fail(ERR_FORMAT, "%s: ends after %" PRId64 " rows, it had %" PRId64, s->name,
                            c->next, s->rows);
        for (int column = 0; column < c->n_columns; column++)
            TRY(read_field(s, c, column, rows, at + i));
    }
    return OK;
}

static void close_csv(import_source_t *s)
{
    csv_source_t *c = s->state;
    csv_close(&c->csv);
    for (int i = 0; i < c->n_columns; i++)
        free(c->names[i]);
    free(c->names);
    free(c->columns);
    free(c);
    s->state = NULL;
}

err_t import_open_csv(import_source_t *s, const char *path)
{
    csv_source_t *c = MEM_NEW(csv_source_t, 1);
    bool more = true;
    s->state = c;
    s->read = read_rows;
    s->close = close_csv;
    TRY(csv_open(path, &c->csv));
    TRY(read_header(s, c));
    while (more)
        TRY(next_record(s, c, &more));
    s->rows = c->next;
    return OK;
}
