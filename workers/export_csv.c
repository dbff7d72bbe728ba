// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/text.h"
#include "workers/csv.h"
#include "workers/export_inside.h"
#include "workers/import_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    FILE *file;
} csv_export_t;

/* ---- numbers and texts ---- */

// The shortest digits that read back as the same number.
static void put_number(FILE *file, double x, bool narrow)
{
    char text[40];
    if (!isfinite(x)) {
        fputs(isnan(x) ? "nan" : (x < 0 ? "-inf" : "inf"), file);
        return;
    }
    for (int digits = narrow ? 7 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double back = strtod(text, NULL);
        if (narrow ? (float)back == (float)x : back == x)
            break;
    }
    fputs(text, file);
}

static void put_text(FILE *file, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

/* ---- the header ---- */

// ",name", with its group before it where that is needed.
static void put_name(FILE *file, bool unique, const char *group, const char *name)
{
    char *full = mem_format("%s%s%s", unique ? "" : group, unique ? "" : ".", name);
    putc(',', file);
    put_text(file, full);
    free(full);
}

// y, y.3, y.3.1: without the indices of sizes of 1 at the end.
static void put_element(FILE *file, const schema_t *m, const schema_observable_t *o,
                        int64_t element)
{
    int64_t index[SCHEMA_MAX_DIMS];
    int used = o->n_dims;
    for (int d = o->n_dims; d-- > 0; element /= o->dims[d])
        index[d] = element % o->dims[d];
    while (used > 0 && o->dims[used - 1] == 1)
        used--;
    text_t name = text_create();
    text_add(&name, "%s", o->name);
    for (int d = 0; d < used; d++)
        text_add(&name, ".%" PRId64, index[d]);
    put_name(file, import_name_is_unique(m, o->name), "observables", name.data);
    text_free(&name);
}

static void put_header(FILE *file, const schema_t *m)
{
    fputs("row.index,row.status,row.seconds,row.reason", file);
    for (int p = 0; p < m->n_parameters; p++) {
        const schema_parameter_t *value = &m->parameters[p];
        put_name(file, import_name_is_unique(m, value->array ? value->array : value->name),
                 "parameters", value->name);
    }
    for (int d = 0; d < m->n_design; d++)
        put_name(file, import_name_is_unique(m, m->design[d].name), "design", m->design[d].name);
    for (int k = 0; k < m->n_observables; k++)
        for (int64_t i = 0; i < schema_size(&m->observables[k]); i++)
            put_element(file, m, &m->observables[k], i);
    putc('\n', file);
}

/* ---- rows ---- */

static void put_row(FILE *file, const schema_t *m, const rows_t *rows, int64_t at)
{
    fprintf(file, "%" PRId64 ",%s,", rows->index[at],
            row_status_name((row_status_t)rows->status[at]));
    put_number(file, rows->seconds[at], false);
    putc(',', file);
    put_text(file, rows->reason[at] ? rows->reason[at] : "");
    for (int p = 0; p < m->n_parameters; p++) {
        putc(',', file);
        put_number(file, rows->parameters[at * m->n_parameters + p], false);
    }
    for (int d = 0; d < m->n_design; d++) {
        putc(',', file);
        put_number(file, rows->design[at * m->n_design + d], false);
    }
    for (int k = 0; k < m->n_observables; k++) {
        int64_t size = schema_size(&m->observables[k]);
        int64_t used = rows->length[at * m->n_observables + k] * schema_stride(&m->observables[k]);
        for (int64_t i = 0; i < size; i++) {
            putc(',', file);
            if (i < used)
                put_number(file, (double)rows->observables[k][at * size + i], true);
        }
    }
    putc('\n', file);
}

static err_t check(const export_t *e, FILE *file)
{
    return ferror(file) == 0 ? OK : err_errno(ERR_IO, "%s", e->part);
}

// A line must fit into what csv.h reads.
static err_t check_width(const export_t *e, const schema_t *m)
{
    enum { NUMBER_BYTES = 26, REST = 4096 };
    int64_t numbers = m->n_parameters + m->n_design;
    for (int k = 0; k < m->n_observables; k++)
        numbers += schema_size(&m->observables[k]);
    if (numbers * NUMBER_BYTES + REST <= CSV_RECORD_CAP)
        return OK;
    return err_fail(ERR_USAGE, "%s: %" PRId64 " numbers a row are too many for CSV; use .h5",
                    e->folder, numbers);
}

static err_t begin(export_t *e)
{
    csv_export_t *x = MEM_NEW(csv_export_t, 1);
    e->state = x;
    TRY(check_width(e, bank_schema(e->bank)));
    x->file = fopen(e->part, "wbe");
    if (x->file == NULL)
        return err_errno(ERR_IO, "%s: can not be written", e->part);
    put_header(x->file, bank_schema(e->bank));
    return check(e, x->file);
}

static err_t add(export_t *e, int64_t first, const rows_t *rows)
{
    csv_export_t *x = e->state;
    (void)first;
    for (int64_t i = 0; i < rows->n; i++)
        put_row(x->file, rows->schema, rows, i);
    return check(e, x->file);
}

static err_t end(export_t *e)
{
    csv_export_t *x = e->state;
    FILE *file = x->file;
    x->file = NULL;
    return fclose(file) == 0 ? OK : err_errno(ERR_IO, "%s", e->part);
}

static void drop(export_t *e)
{
    csv_export_t *x = e->state;
    if (x != NULL && x->file != NULL)
        fclose(x->file);
    free(x);
}

const export_kind_t export_csv = {begin, add, end, drop};
