// SPDX-License-Identifier: Apache-2.0
// The first rank makes the file; of a shard without compression it makes the structure, with room for all rows, and then
// each rank writes its own rows at their place. HDF5 is asked by one process alone, since a write that fails inside a
// collective call of it, above all inside the closing of a file, leaves the other ranks waiting for ever. (MPI-IO would
// also sync each file alone.)
#include "storage/shard_write.h"

#include "cluster/mem.h"
#include "cluster/provenance.h"
#include "storage/h5.h"
#include "storage/schema_array.h"
#include "storage/shard_fields.h"
#include "storage/shard_layout.h"
#include "storage/sync.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

shard_origin_t shard_origin(const schema_t *schema)
{
    shard_origin_t origin = {.model = schema_text(schema)};
    provenance_machine_t machine = provenance_machine();
    memcpy(origin.cpu, machine.cpu, sizeof origin.cpu);
    memcpy(origin.libm, machine.libm, sizeof origin.libm);
    return origin;
}

typedef struct {
    const shard_sheet_t *sheet;
    const portion_t *portion;
    const schema_t *schema;
    h5_id_t file;
    h5_id_t *dataset; // (fields)
    int fields;
} writing_t;

// Bytes of the file: whole chunks of every data set, and what HDF5 itself needs.
static int64_t file_bytes(const shard_sheet_t *sheet)
{
    enum { METADATA = 64 * 1024, PER_DATASET = 4 * 1024 };
    const schema_t *schema = &sheet->card->schema;
    int64_t rows = sheet->rows, chunk = rows < BANK_CHUNK_ROWS ? rows : BANK_CHUNK_ROWS;
    int64_t whole = sheet->compress == 0 ? rows : (rows + chunk - 1) / chunk * chunk;
    return whole * (int64_t)shard_row_bytes(schema) + METADATA +
           PER_DATASET * shard_field_count(schema) + 2 * (int64_t)strlen(sheet->origin->model);
}

static err_t set_words(const writing_t *w)
{
    static const char about[] =
        "Simulated rows of an infermill bank. /parameters/<name> and /design/<name>: one number a "
        "row; /observables/<name>: (row, dims), zero beyond /length/<name>; /row/index: number of "
        "the row in the bank; /row/status: see status_names. `model` declares all fields (YAML).";
    static const char arrays[] = " Parameters with dims are arrays: (row, dims).";
    const bank_card_t *card = w->sheet->card;
    char *statuses = row_status_words();
    char *words = mem_format("%s%s", about, schema_has_arrays(w->schema) ? arrays : "");
    err_t err = h5_set_text(w->file, "description", words);
    free(words);
    if (err == OK)
        err = h5_set_text(w->file, "status_names", statuses);
    if (err == OK && card->origin != NULL)
        err = h5_set_text(w->file, "origin",
                          "imported or merged: bank.yaml beside the shards tells from where");
    free(statuses);
    return err;
}

static err_t set_attributes(const writing_t *w)
{
    const bank_card_t *card = w->sheet->card;
    const shard_origin_t *origin = w->sheet->origin;
    TRY(h5_set_integer(w->file, "format", BANK_FORMAT));
    TRY(h5_set_text(w->file, "model", origin->model));
    TRY(h5_set_text(w->file, "fingerprint", card->fingerprint));
    TRY(h5_set_unsigned(w->file, "seed", card->seed));
    TRY(h5_set_integer(w->file, "shard", w->sheet->number));
    TRY(h5_set_integer(w->file, "shard_rows", card->shard_rows));
    TRY(h5_set_text(w->file, "software", "infermill " INFERMILL_VERSION));
    TRY(h5_set_text(w->file, "cpu", origin->cpu));
    TRY(h5_set_text(w->file, "libm", origin->libm));
    return set_words(w);
}

static err_t make_dataset(writing_t *w, int k)
{
    shard_field_t field = shard_field(w->schema, k);
    int64_t rows = w->sheet->rows;
    h5_shape_t shape = {.type = field.type, .n_dims = field.n_dims + 1, .dims = {rows}};
    for (int d = 0; d < field.n_dims; d++)
        shape.dims[d + 1] = field.dims[d];
    if (w->sheet->compress > 0) {
        shape.chunk_rows = rows < BANK_CHUNK_ROWS ? rows : BANK_CHUNK_ROWS;
        shape.deflate = w->sheet->compress;
    }
    char *path = mem_format("%s/%s", field.group, field.name);
    err_t err = h5_dataset_create(w->file, path, &shape, &w->dataset[k]);
    if (err == OK && field.unit != NULL)
        err = h5_set_text(w->dataset[k], "unit", field.unit);
    free(path);
    return err;
}

static err_t make_datasets(writing_t *w)
{
    for (int k = 0; k < w->fields; k++)
        TRY(make_dataset(w, k));
    return OK;
}

// This rank's rows of one data set: the first, counted from the shard's, and their numbers without gaps. `buffer` has room
// for the widest field.
static const void *column_data(const writing_t *w, int k, void *buffer, int64_t *first)
{
    const rows_t *rows = &w->portion->rows;
    shard_field_t field = shard_field(w->schema, k);
    shard_column_t column = shard_column(rows, 0, k);
    *first = w->portion->chunks.begin * BANK_CHUNK_ROWS;
    *first = *first < w->sheet->rows ? *first : w->sheet->rows;
    if (column.stride == field.row_bytes)
        return column.first;
    shard_column_get(&column, rows->n, field.row_bytes, buffer);
    return buffer;
}

static err_t put_column(const writing_t *w, int k, void *buffer)
{
    int64_t first;
    const void *data = column_data(w, k, buffer, &first);
    return h5_write_rows(w->dataset[k], first, w->portion->rows.n, shard_field(w->schema, k).type,
                         data);
}

static err_t put_columns(const writing_t *w)
{
    char *buffer = mem_alloc((size_t)w->portion->rows.n + 1, shard_widest_bytes(w->schema));
    err_t err = OK;
    for (int k = 0; k < w->fields && err == OK; k++)
        err = put_column(w, k, buffer);
    free(buffer);
    return err;
}

// The same without HDF5, at the places of the layout.
static err_t put_rows(const writing_t *w, const char *path, const bank_shard_t *entry)
{
    char *buffer = mem_alloc((size_t)w->portion->rows.n + 1, shard_widest_bytes(w->schema));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    err_t err = fd < 0 ? err_errno(ERR_IO, "%s", path) : OK;
    for (int k = 0; k < w->fields && err == OK; k++) {
        int64_t first, bytes = (int64_t)shard_field(w->schema, k).row_bytes;
        const void *data = column_data(w, k, buffer, &first);
        err = sync_write_at(fd, path, entry->layout[k] + first * bytes,
                            (size_t)(w->portion->rows.n * bytes), data);
    }
    if (fd >= 0 && close(fd) != 0 && err == OK)
        err = err_errno(ERR_IO, "%s: close", path);
    free(buffer);
    return err;
}

static void note_layout(const writing_t *w, bank_shard_t *entry)
{
    entry->n_layout = w->fields;
    entry->layout = MEM_NEW(int64_t, w->fields);
    for (int k = 0; k < entry->n_layout; k++) {
        entry->layout[k] = h5_dataset_place(w->dataset[k]);
        CHECK(entry->layout[k] > 0, "a contiguous data set has no place in its file");
    }
}

// Proves that there is room, makes the file, keeps the room for it.
static err_t begin_file(writing_t *w, const char *path)
{
    int64_t bytes = file_bytes(w->sheet);
    TRY(sync_reserve(path, bytes));
    TRY(h5_create(path, &w->file));
    return sync_reserve_quietly(path, bytes);
}

// All of the file but the rows of a shard without compression.
static err_t write_file(writing_t *w, const char *path, bank_shard_t *entry)
{
    TRY(begin_file(w, path));
    TRY(set_attributes(w));
    TRY(make_datasets(w));
    if (w->sheet->compress > 0)
        TRY(put_columns(w));
    else
        note_layout(w, entry);
    for (int k = 0; k < w->fields; k++)
        h5_drop(&w->dataset[k]);
    TRY(h5_flush(w->file));
    return h5_close(&w->file);
}

static err_t make_file(writing_t *w, const char *path, bank_shard_t *entry)
{
    w->dataset = MEM_NEW(h5_id_t, w->fields);
    for (int k = 0; k < w->fields; k++)
        w->dataset[k] = H5_NONE;
    err_t err = write_file(w, path, entry);
    if (err != OK)
        h5_divert(w->file);
    h5_drop(&w->file);
    free(w->dataset);
    return err;
}

static err_t write_shard(const par_t *part, writing_t *w, const char *path, bank_shard_t *entry)
{
    TRY(par_agree(part, part->rank == 0 ? make_file(w, path, entry) : OK));
    if (w->sheet->compress > 0)
        return OK;
    if (part->rank != 0) {
        entry->n_layout = w->fields;
        entry->layout = MEM_NEW(int64_t, w->fields);
    }
    par_broadcast(part, 0, (size_t)w->fields * sizeof *entry->layout, entry->layout);
    return par_agree(part, put_rows(w, path, entry));
}

err_t shard_write(const par_t *part, const char *path, const shard_sheet_t *sheet,
                  const portion_t *portion, bank_shard_t *entry)
{
    const schema_t *schema = &sheet->card->schema;
    writing_t w = {sheet, portion, schema, H5_NONE, NULL, shard_field_count(schema)};
    err_t err = write_shard(part, &w, path, entry);
    if (err == OK && part->rank == 0)
        err = sync_trim(path);
    if (err == OK && part->rank == 0)
        sync_begin(path);
    if (err == OK && part->rank == 0)
        err = shard_layout_hash(path, schema, entry, &entry->file_hash, &entry->bytes);
    err = par_agree(part, err);
    if (err != OK && part->rank == 0)
        unlink(path);
    return err;
}
