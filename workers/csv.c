// SPDX-License-Identifier: Apache-2.0
#include "workers/csv.h"

#include "cluster/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct csv {
    char *path;
    FILE *file;
    int64_t line;   // being read
    int64_t begins; // line of this record
    char *text;     // (CSV_RECORD_CAP) fields one after another, each with its final 0
    int used;
    int n, room;
    int *start; // (n) of each field in text
};

/* ---- opening: what is no CSV is told by its first bytes ---- */

static const struct {
    const char *bytes, *is, *cure;
} strangers[] = {
    {"PK\x03\x04", "a workbook (xlsx, ods) or another zip", "save the sheet as CSV"},
    {"\xD0\xCF\x11\xE0", "an old Excel workbook", "save the sheet as CSV"},
    {"\xFF\xFE", "text in UTF-16", "save it as CSV in UTF-8"},
    {"\xFE\xFF", "text in UTF-16", "save it as CSV in UTF-8"},
    {"\x89HDF", "an HDF5 file", "give it a name that ends in .h5"},
    {"\x93NUMPY", "a NumPy array", "write it as HDF5 or CSV"},
    {"\x1F\x8B", "compressed (gzip)", "gunzip it first"},
    {"<!DOCTYPE", "a web page", "get the file itself"},
    {"<html", "a web page", "get the file itself"},
};

static err_t check_kind(const char *path, FILE *file)
{
    struct stat status;
    char first[16] = "";
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
        return err_fail(ERR_IO, "%s: it is a folder, expected a CSV file", path);
    size_t n = fread(first, 1, sizeof first - 1, file);
    rewind(file);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        size_t m = strlen(strangers[i].bytes);
        if (n >= m && memcmp(first, strangers[i].bytes, m) == 0)
            return err_fail(ERR_FORMAT, "%s: it is %s, expected a CSV file: %s", path,
                            strangers[i].is, strangers[i].cure);
    }
    return OK;
}

static void skip_mark(FILE *file)
{
    static const int mark[] = {0xEF, 0xBB, 0xBF};
    int k = 0;
    while (k < 3 && getc(file) == mark[k])
        k++;
    if (k < 3)
        rewind(file);
}

err_t csv_open(const char *path, csv_t **out)
{
    FILE *file = fopen(path, "rb");
    *out = NULL;
    if (!file)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: can not be read", path);
    err_t err = check_kind(path, file);
    if (err != OK) {
        fclose(file);
        return err;
    }
    skip_mark(file);
    csv_t *csv = MEM_NEW(csv_t, 1);
    csv->path = mem_copy_text(path);
    csv->file = file;
    csv->line = 1;
    csv->text = mem_alloc(CSV_RECORD_CAP, 1);
    *out = csv;
    return OK;
}

void csv_close(csv_t **csv)
{
    if (!*csv)
        return;
    fclose((*csv)->file);
    free((*csv)->path);
    free((*csv)->text);
    free((*csv)->start);
    free(*csv);
    *csv = NULL;
}

int csv_fields(const csv_t *csv)
{
    return csv->n;
}

const char *csv_field(const csv_t *csv, int i)
{
    CHECK(i >= 0 && i < csv->n, "field %d of %d", i, csv->n);
    return csv->text + csv->start[i];
}

int64_t csv_line(const csv_t *csv)
{
    return csv->begins;
}

const char *csv_path(const csv_t *csv)
{
    return csv->path;
}

int64_t csv_bytes(const csv_t *csv)
{
    struct stat status;
    return fstat(fileno(csv->file), &status) == 0 ? (int64_t)status.st_size : 0;
}

int64_t csv_bytes_read(const csv_t *csv)
{
    return (int64_t)ftello(csv->file);
}

static err_t put(csv_t *csv, int c)
{
    if (csv->used == CSV_RECORD_CAP)
        return err_fail(ERR_FORMAT, "%s:%ld: a line of more than %d bytes", csv->path,
                        (long)csv->begins, CSV_RECORD_CAP);
    csv->text[csv->used++] = (char)c;
    return OK;
}

static void begin_field(csv_t *csv)
{
    if (csv->n == csv->room) {
        csv->room = 2 * csv->room + 16;
        csv->start = MEM_GROW(csv->start, int, csv->room);
    }
    csv->start[csv->n++] = csv->used;
}

/* The next byte, with CRLF as LF, lines counted. */
static err_t next_byte(csv_t *csv, int *c)
{
    *c = getc_unlocked(csv->file);
    if (*c == '\r') {
        int after = getc_unlocked(csv->file);
        if (after == '\n')
            *c = '\n';
        else if (after != EOF)
            ungetc(after, csv->file);
    }
    if (*c == '\0')
        return err_fail(ERR_FORMAT, "%s:%ld: a zero byte: this is not a text file", csv->path,
                        (long)csv->line);
    if (*c == EOF && ferror(csv->file))
        return err_errno(ERR_IO, "%s: reading", csv->path);
    csv->line += *c == '\n';
    return OK;
}

/* After an opening quote: up to the closing one; `*c` is the byte after it. */
static err_t quoted_field(csv_t *csv, int *c)
{
    int64_t opened = csv->line;
    for (;;) {
        TRY(next_byte(csv, c));
        if (*c == EOF)
            return err_fail(ERR_FORMAT, "%s:%ld: a quote is not closed", csv->path, (long)opened);
        if (*c == '"') {
            TRY(next_byte(csv, c));
            if (*c != '"')
                break;
        }
        TRY(put(csv, *c));
    }
    if (*c != ',' && *c != '\n' && *c != EOF)
        return err_fail(ERR_FORMAT, "%s:%ld: text after a closing quote", csv->path,
                        (long)csv->line);
    return OK;
}

/* One field and the byte that ends it: a comma, a line end or EOF. */
static err_t read_field(csv_t *csv, int *c)
{
    begin_field(csv);
    TRY(next_byte(csv, c));
    if (*c == '"')
        TRY(quoted_field(csv, c));
    else
        for (; *c != ',' && *c != '\n' && *c != EOF;) {
            TRY(put(csv, *c));
            TRY(next_byte(csv, c));
        }
    return put(csv, '\0');
}

static bool record_is_empty(const csv_t *csv)
{
    return csv->n == 1 && csv->used == 1;
}

err_t csv_next(csv_t *csv, bool *more)
{
    int c = '\n';
    do {
        csv->n = csv->used = 0;
        csv->begins = csv->line;
        do {
            TRY(read_field(csv, &c));
        } while (c == ',');
    } while (record_is_empty(csv) && c != EOF);
    *more = !record_is_empty(csv);
    return OK;
}
