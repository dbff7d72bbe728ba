// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/table.h"

#include "cluster/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err_t read_text(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_errno(ERR_MISSING, "%s", path);
    size_t used = 0, capacity = 4096;
    char *text = MEM_GROW(NULL, char, capacity);
    for (size_t got; (got = fread(text + used, 1, capacity - used - 1, file)) > 0; used += got)
        if (capacity - used - got < 2)
            text = MEM_GROW(text, char, capacity *= 2);
    text[used] = '\0';
    int failed = ferror(file);
    fclose(file);
    *out = text;
    return failed ? err_fail(ERR_IO, "%s: reading failed", path) : OK;
}

static int64_t count(const char *text, const char *end, char what)
{
    int64_t n = 0;
    for (; text < end; text++)
        n += *text == what;
    return n;
}

// Cuts `line` at its commas into exactly `columns` cells.
static bool split(char *line, int64_t columns, const char **cell)
{
    for (int64_t i = 0; i < columns; i++) {
        cell[i] = line;
        char *comma = strchr(line, ',');
        if ((comma == NULL) != (i == columns - 1))
            return false;
        if (comma != NULL) {
            *comma = '\0';
            line = comma + 1;
        }
    }
    return true;
}

err_t table_read(const char *path, table_t *out)
{
    table_t t = {0};
    err_t err;
    char *rest = NULL;
    TRY_TO(failed, read_text(path, &t.text));
    char *line = strtok_r(t.text, "\r\n", &rest);
    if (line == NULL) {
        err = err_fail(ERR_FORMAT, "%s: is empty", path);
        goto failed;
    }
    t.columns = count(line, line + strlen(line), ',') + 1;
    t.header = MEM_NEW(const char *, t.columns);
    split(line, t.columns, t.header);
    t.cell = MEM_NEW(const char *, (count(rest, rest + strlen(rest), '\n') + 1) * t.columns);
    while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
        if (!split(line, t.columns, t.cell + t.rows * t.columns)) {
            err = err_fail(ERR_FORMAT, "%s: row %lld has not the header's %lld columns", path,
                           (long long)t.rows + 1, (long long)t.columns);
            goto failed;
        }
        t.rows++;
    }
    *out = t;
    return OK;
failed:
    table_free(&t);
    return err;
}

void table_free(table_t *table)
{
    free(table->text);
    free(table->header);
    free(table->cell);
    *table = (table_t){0};
}

err_t table_column(const table_t *table, const char *name, int64_t *out)
{
    for (int64_t i = 0; i < table->columns; i++)
        if (strcmp(table->header[i], name) == 0) {
            *out = i;
            return OK;
        }
    return err_fail(ERR_FORMAT, "there is no column \"%s\"", name);
}

err_t table_number(const table_t *table, int64_t row, int64_t column, double *out)
{
    const char *text = table->cell[row * table->columns + column];
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end != '\0')
        return err_fail(ERR_FORMAT, "row %lld, column %s: \"%s\" is not a number",
                        (long long)row + 1, table->header[column], text);
    return OK;
}
