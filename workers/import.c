// SPDX-License-Identifier: Apache-2.0
#include "workers/import.h"

#include "cluster/mem.h"
#include "storage/given_file.h"
#include "workers/import_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct import {
    const schema_t *schema;
    int n;
    import_source_t *sources; // (n)
    int64_t rows;
};

void import_close(import_t **import)
{
    import_t *m = *import;
    if (m == NULL)
        return;
    for (int i = 0; i < m->n; i++) {
        import_source_t *s = &m->sources[i];
        if (s->state != NULL)
            s->close(s);
        origin_part_free(&s->origin);
        free(s->elements);
        free(s->name);
    }
    free(m->sources);
    free(m);
    *import = NULL;
}

/* ---- opened ---- */

static import_source_t *add_source(import_t *m, const char *name)
{
    const schema_t *schema = m->schema;
    import_source_t *s = &m->sources[m->n++];
    *s = (import_source_t){.schema = schema, .name = mem_copy_text(name)};
    s->elements = MEM_NEW(int64_t, schema->n_observables);
    for (int o = 0; o < schema->n_observables; o++)
        s->elements[o] = schema->observables[o].dims[0];
    return s;
}

static bool ends_in(const char *file, const char *ending)
{
    size_t n = strlen(file), k = strlen(ending);
    return n > k && strcmp(file + n - k, ending) == 0;
}

static err_t hash_file(const char *path, uint64_t *hash, int64_t *bytes)
{
    enum { PIECE = 1 << 20 };
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: can not be read", path);
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL && XXH3_64bits_reset(state) == XXH_OK, "no memory for a checksum");
    char *piece = mem_alloc(PIECE, 1);
    size_t got;
    *bytes = 0;
    while ((got = fread(piece, 1, PIECE, file)) > 0) {
        XXH3_64bits_update(state, piece, got);
        *bytes += (int64_t)got;
    }
    err_t err = ferror(file) ? err_errno(ERR_IO, "%s: reading", path) : OK;
    *hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    free(piece);
    fclose(file);
    return err;
}

static err_t note_file(import_source_t *s, const char *name, const char *path)
{
    origin_part_t *part = &s->origin;
    origin_file_t file = {0};
    TRY(given_file_check(path));
    TRY(hash_file(path, &file.hash, &file.bytes));
    file.name = mem_copy_text(name);
    part->files = MEM_GROW(part->files, origin_file_t, part->n_files + 1);
    part->files[part->n_files++] = file;
    return OK;
}

static err_t open_one(import_t *m, const char *path)
{
    import_source_t *s = add_source(m, path);
    TRY(note_file(s, path, path));
    if (ends_in(path, ".csv"))
        return import_open_csv(s, path);
    if (ends_in(path, ".h5") || ends_in(path, ".hdf5"))
        return import_open_hdf5(s, path);
    return err_fail(ERR_USAGE, "%s: its name ends in none of .h5, .hdf5, .csv, .npy", path);
}

static err_t open_npy(import_t *m, int n, const char *const *pairs)
{
    import_source_t *s = add_source(m, pairs[0]);
    for (int i = 0; i < n; i++) {
        const char *equal = strchr(pairs[i], '=');
        if (equal == NULL)
            return err_fail(ERR_USAGE, "%s: whose numbers are these? expected name=%s", pairs[i],
                            pairs[i]);
        TRY(note_file(s, pairs[i], equal + 1));
    }
    return import_open_npy(s, n, pairs);
}

// NPY files stand where the first of them does.
static err_t open_all(import_t *m, int n, const char *const *files)
{
    const char **pairs = MEM_NEW(const char *, n);
    int n_pairs = 0;
    err_t err = OK;
    for (int i = 0; i < n; i++)
        if (ends_in(files[i], ".npy"))
            pairs[n_pairs++] = files[i];
    for (int i = 0; i < n && err == OK; i++) {
        if (!ends_in(files[i], ".npy"))
            err = open_one(m, files[i]);
        else if (files[i] == pairs[0])
            err = open_npy(m, n_pairs, pairs);
    }
    free(pairs);
    return err;
}

static err_t count_rows(import_t *m)
{
    for (int i = 0; i < m->n; i++) {
        import_source_t *s = &m->sources[i];
        if (s->rows < 1)
            return err_fail(ERR_FORMAT, "%s: 0 rows, expected at least 1", s->name);
        s->origin.begin = m->rows;
        m->rows += s->rows;
        s->origin.end = m->rows;
    }
    return OK;
}

err_t import_open(const schema_t *schema, int n_files, const char *const *files, import_t **out)
{
    import_t *m = MEM_NEW(import_t, 1);
    err_t err;
    m->schema = schema;
    m->sources = MEM_NEW(import_source_t, n_files);
    TRY_TO(done, open_all(m, n_files, files));
    TRY_TO(done, count_rows(m));
done:
    if (err != OK)
        import_close(&m);
    *out = m;
    return err;
}

int64_t import_rows(const import_t *import)
{
    return import->rows;
}

origin_t import_origin(const import_t *import)
{
    origin_t all = {0};
    for (int i = 0; i < import->n; i++) {
        origin_part_t part = origin_part_copy(&import->sources[i].origin);
        part.fingerprint = schema_fingerprint(import->schema);
        origin_sign(&part);
        origin_add(&all, part);
    }
    return all;
}

/* ---- read ---- */

static void clear_row(const schema_t *m, rows_t *rows, int64_t at)
{
    rows->status[at] = ROW_MISSING;
    rows->seconds[at] = 0;
    rows_set_reason(rows, at, NULL);
    for (int d = 0; d < m->n_design; d++)
        rows->design[at * m->n_design + d] = NAN;
    for (int o = 0; o < m->n_observables; o++) {
        rows->length[at * m->n_observables + o] = -1;
        memset(rows->observables[o] + at * schema_size(&m->observables[o]), 0,
               (size_t)schema_size(&m->observables[o]) * sizeof(float));
    }
}

// Rows [begin, end) of all, as far as they lie in one source.
static err_t read_part(import_source_t *s, int64_t begin, int64_t end, rows_t *rows)
{
    int64_t first = begin - s->origin.begin, n = end - begin, at = rows->n;
    for (int64_t i = 0; i < n; i++) {
        clear_row(s->schema, rows, at + i);
        rows->index[at + i] = begin + i;
    }
    TRY(s->read(s, first, n, rows, at));
    for (int64_t i = 0; i < n; i++)
        TRY(import_settle(s, first + i, rows, at + i));
    rows->n += n;
    return OK;
}

err_t import_read(import_t *m, int64_t begin, int64_t n, rows_t *rows)
{
    CHECK(begin >= 0 && begin + n <= m->rows && n <= rows->capacity,
          "rows [%" PRId64 ", %" PRId64 ") of %" PRId64, begin, begin + n, m->rows);
    rows->n = 0;
    for (int i = 0; i < m->n && rows->n < n; i++) {
        import_source_t *s = &m->sources[i];
        int64_t at = begin + rows->n;
        if (at < s->origin.end)
            TRY(read_part(s, at, begin + n < s->origin.end ? begin + n : s->origin.end, rows));
    }
    return OK;
}
