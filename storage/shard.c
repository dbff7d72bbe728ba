// SPDX-License-Identifier: Apache-2.0
// With a layout the numbers are read where the catalog says they lie; HDF5 is asked where there is none.
#include "storage/shard.h"

#include "cluster/mem.h"
#include "storage/catalog.h"
#include "storage/costs.h"
#include "storage/h5.h"
#include "storage/shard_fields.h"
#include "storage/shard_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct shard {
    int64_t number, rows;
    char *path;             // for messages
    const schema_t *schema; // the card's
    int n_fields;
    int fd;           // -1: through HDF5
    int64_t *layout;  // (n_fields) with fd
    h5_id_t file;     // H5_NONE: not through HDF5
    h5_id_t *dataset; // (n_fields)
};

char *shard_name(int64_t shard)
{
    return mem_format("shards/%07" PRId64 ".h5", shard);
}

char *shard_rewriting_mark(const char *folder, int64_t shard)
{
    return mem_format("%s/shards/%07" PRId64 ".h5.rewriting", folder, shard);
}

int64_t shard_rows(const shard_t *shard)
{
    return shard->rows;
}

static shard_t *shard_create(const char *folder, const schema_t *schema, int64_t number)
{
    shard_t *s = MEM_NEW(shard_t, 1);
    char *name = shard_name(number);
    *s = (shard_t){.number = number,
                   .schema = schema,
                   .n_fields = shard_field_count(schema),
                   .fd = -1,
                   .file = H5_NONE};
    s->path = mem_format("%s/%s", folder, name);
    s->dataset = MEM_NEW(h5_id_t, s->n_fields);
    for (int k = 0; k < s->n_fields; k++)
        s->dataset[k] = H5_NONE;
    free(name);
    return s;
}

void shard_close(shard_t **shard)
{
    shard_t *s = *shard;
    if (s == NULL)
        return;
    h5_drop(&s->file); // with the data sets
    if (s->fd >= 0)
        close(s->fd);
    free(s->dataset);
    free(s->layout);
    free(s->path);
    free(s);
    *shard = NULL;
}

/* ---- checked through HDF5 ---- */

static err_t differs(const shard_t *s, const char *what, uint64_t got, uint64_t expected)
{
    return err_fail(ERR_MISMATCH, "%s: %s %" PRIu64 ", this bank has %" PRIu64, s->path, what, got,
                    expected);
}

static err_t check_model(const shard_t *s, const bank_card_t *card)
{
    char *fingerprint = NULL, *text = NULL, *difference = NULL;
    schema_t schema = {0};
    err_t err;
    TRY_TO(done, h5_get_text(s->file, "fingerprint", &fingerprint));
    TRY_TO(done, h5_get_text(s->file, "model", &text));
    TRY_TO(done, schema_parse(text, s->path, &schema));
    difference = schema_difference(&schema, &card->schema);
    if (difference != NULL || strcmp(fingerprint, card->fingerprint) != 0)
        err = err_fail(ERR_MISMATCH, "%s: it holds another model than this bank: %s", s->path,
                       difference ? difference : fingerprint);
done:
    if (err_is(err, ERR_USAGE) || err_is(err, ERR_MISSING))
        err = -(err_t)ERR_FORMAT;
    schema_free(&schema);
    free(difference);
    free(text);
    free(fingerprint);
    return err;
}

static err_t check_place(const shard_t *s, const bank_card_t *card)
{
    int64_t format, number, rows;
    uint64_t seed;
    TRY(h5_get_integer(s->file, "format", &format));
    if (format > BANK_FORMAT)
        return err_fail(ERR_FORMAT, "%s: format %" PRId64 ", this infermill (%s) reads up to %d",
                        s->path, format, INFERMILL_VERSION, BANK_FORMAT);
    TRY(check_model(s, card));
    TRY(h5_get_unsigned(s->file, "seed", &seed));
    TRY(h5_get_integer(s->file, "shard", &number));
    TRY(h5_get_integer(s->file, "shard_rows", &rows));
    if (seed != card->seed)
        return differs(s, "seed", seed, card->seed);
    if (rows != card->shard_rows)
        return differs(s, "shard_rows", (uint64_t)rows, (uint64_t)card->shard_rows);
    if (number != s->number)
        return differs(s, "shard number", (uint64_t)number, (uint64_t)s->number);
    return OK;
}

// Opens a data set and checks its shape; the first one tells how many rows there are.
static err_t take(shard_t *s, int k, int64_t most)
{
    shard_field_t field = shard_field(s->schema, k);
    char *path = mem_format("%s/%s", field.group, field.name);
    h5_shape_t shape;
    err_t err;
    TRY_TO(done, h5_dataset_open(s->file, path, &s->dataset[k]));
    TRY_TO(done, h5_dataset_shape(s->dataset[k], &shape));
    if (k == 0)
        s->rows = shape.n_dims == 1 ? shape.dims[0] : 0;
    bool fits = shape.n_dims == field.n_dims + 1 && shape.dims[0] == s->rows;
    for (int d = 0; fits && d < field.n_dims; d++)
        fits = shape.dims[d + 1] == field.dims[d];
    if (s->rows < 1 || s->rows > most)
        err = err_fail(ERR_FORMAT, "%s: %" PRId64 " rows, expected 1 to %" PRId64, s->path, s->rows,
                       most);
    else if (!fits)
        err = err_fail(ERR_FORMAT, "%s: /%s does not have %" PRId64 " rows of the model's shape",
                       s->path, path, s->rows);
done:
    free(path);
    return err;
}

static err_t open_hdf5(shard_t *s, const bank_card_t *card)
{
    TRY(h5_open(s->path, &s->file));
    err_t err = check_place(s, card);
    for (int k = 0; k < s->n_fields && err == OK; k++)
        err = take(s, k, card->shard_rows);
    return err_is(err, ERR_MISSING) ? -(err_t)ERR_FORMAT : err; // something inside is missing
}

/* ---- checked by the catalog ---- */

static err_t open_listed(shard_t *s, const bank_shard_t *entry)
{
    struct stat info;
    uint64_t hash;
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s", s->path);
    if (fstat(s->fd, &info) != 0)
        return err_errno(ERR_IO, "%s", s->path);
    if (info.st_size != entry->bytes)
        return err_fail(ERR_FORMAT, "%s: %" PRId64 " bytes, the catalog has %" PRId64, s->path,
                        (int64_t)info.st_size, entry->bytes);
    if (entry->n_layout == 0)
        return OK;
    TRY(shard_layout_hash_open(s->fd, s->path, entry->bytes, s->schema, entry, &hash));
    if (hash != entry->file_hash)
        return err_fail(ERR_FORMAT,
                        "%s: what is not numbers has checksum %016" PRIx64
                        ", the catalog has %016" PRIx64 ": damaged, or another shard",
                        s->path, hash, entry->file_hash);
    s->rows = entry->rows;
    s->layout = MEM_NEW(int64_t, s->n_fields);
    memcpy(s->layout, entry->layout, (size_t)s->n_fields * sizeof *s->layout);
    return OK;
}

static err_t check_rows_listed(const shard_t *s, const bank_shard_t *entry)
{
    if (s->rows == entry->rows)
        return OK;
    return err_fail(ERR_FORMAT, "%s: %" PRId64 " rows, the catalog has %" PRId64, s->path, s->rows,
                    entry->rows);
}

err_t shard_open(const char *folder, const bank_card_t *card, const bank_shard_t *entry,
                 shard_t **out)
{
    shard_t *s = shard_create(folder, &card->schema, entry->shard);
    err_t err = open_listed(s, entry);
    if (err == OK && s->layout == NULL) {
        close(s->fd);
        s->fd = -1;
        err = open_hdf5(s, card);
    }
    if (err == OK)
        err = check_rows_listed(s, entry);
    if (err != OK)
        shard_close(&s);
    *out = s;
    return err;
}

err_t shard_open_unlisted(const char *folder, const bank_card_t *card, int64_t number,
                          shard_t **out)
{
    shard_t *s = shard_create(folder, &card->schema, number);
    err_t err = open_hdf5(s, card);
    if (err != OK)
        shard_close(&s);
    *out = s;
    return err;
}

/* ---- read ---- */

static err_t read_field(const shard_t *s, int k, int64_t begin, int64_t n, void *out)
{
    shard_field_t field = shard_field(s->schema, k);
    if (s->layout == NULL)
        return h5_read_rows(s->dataset[k], begin, n, field.type, out);
    if (begin + n > s->rows)
        return err_fail(ERR_FORMAT,
                        "%s: rows %" PRId64 " to %" PRId64 " asked for, it has %" PRId64, s->path,
                        begin, begin + n, s->rows);
    int64_t offset = s->layout[k] + begin * (int64_t)field.row_bytes;
    return file_read_at(s->fd, s->path, offset, (size_t)n * field.row_bytes, out);
}

static err_t read_column(const shard_t *s, int k, int64_t begin, int64_t n, rows_t *rows,
                         int64_t at, void *buffer)
{
    size_t bytes = shard_field(s->schema, k).row_bytes;
    shard_column_t column = shard_column(rows, at, k);
    if (column.stride == bytes)
        return read_field(s, k, begin, n, column.first);
    TRY(read_field(s, k, begin, n, buffer));
    shard_column_put(&column, n, bytes, buffer);
    return OK;
}

// The first fields of shard_fields.h.
static err_t read_fields(shard_t *s, int n_fields, int64_t begin, int64_t end, rows_t *rows,
                         int64_t at)
{
    int64_t n = end - begin;
    CHECK(n >= 0 && at + n <= rows->capacity,
          "rows [%" PRId64 ", %" PRId64 ") to %" PRId64 " of %" PRId64, begin, end, at,
          rows->capacity);
    char *buffer = mem_alloc((size_t)n + 1, shard_widest_bytes(s->schema));
    err_t err = OK;
    for (int k = 0; k < n_fields && err == OK; k++)
        err = read_column(s, k, begin, n, rows, at, buffer);
    free(buffer);
    memset(rows->seconds + at, 0, (size_t)n * sizeof rows->seconds[0]);
    for (int64_t i = at; i < at + n; i++)
        rows_set_reason(rows, i, NULL);
    return err == OK ? OK
                     : err_context(err, "shard %" PRId64 ", its rows %" PRId64 " to %" PRId64,
                                   s->number, begin, end - 1);
}

err_t shard_read(shard_t *s, int64_t begin, int64_t end, rows_t *rows, int64_t at)
{
    return read_fields(s, s->n_fields, begin, end, rows, at);
}

err_t shard_read_head(shard_t *s, int64_t begin, int64_t end, rows_t *rows, int64_t at)
{
    return read_fields(s, shard_head_count(s->schema), begin, end, rows, at);
}

void shard_read_soon(const shard_t *s, int64_t begin, int64_t end)
{
    for (int k = 0; s->layout != NULL && k < s->n_fields; k++) {
        int64_t bytes = (int64_t)shard_field(s->schema, k).row_bytes;
        posix_fadvise(s->fd, s->layout[k] + begin * bytes, (end - begin) * bytes,
                      POSIX_FADV_WILLNEED);
    }
}

err_t shard_read_status(shard_t *s, int64_t begin, int64_t end, uint8_t *status)
{
    const int status_field = 1; // of shard_fields.h
    return read_field(s, status_field, begin, end - begin, status);
}

/* ---- surveyed ---- */

static err_t check_rows(const rows_t *rows, int64_t n, int64_t first, const char *path)
{
    for (int64_t i = 0; i < n; i++) {
        if (rows->index[i] != first + i)
            return err_fail(ERR_FORMAT, "%s: row %" PRId64 " stands where row %" PRId64 " belongs",
                            path, rows->index[i], first + i);
        if (rows->status[i] == ROW_MISSING || rows->status[i] >= ROW_STATUS_COUNT)
            return err_fail(ERR_FORMAT, "%s: row %" PRId64 " has status %d", path, first + i,
                            rows->status[i]);
    }
    return OK;
}

static err_t survey_chunks(shard_t *s, bank_shard_t *out)
{
    rows_t rows = rows_create(s->schema, BANK_CHUNK_ROWS);
    err_t err = OK;
    for (int c = 0; c < out->n_chunks && err == OK; c++) {
        int64_t begin = (int64_t)c * BANK_CHUNK_ROWS, end = begin + BANK_CHUNK_ROWS;
        end = end < s->rows ? end : s->rows;
        TRY_TO(done, shard_read(s, begin, end, &rows, 0));
        TRY_TO(done, check_rows(&rows, end - begin, out->first_row + begin, s->path));
        out->chunk_hash[c] = rows_hash(&rows, 0, end - begin);
        for (int64_t i = 0; i < end - begin; i++)
            out->by_status[rows.status[i]]++;
    }
done:
    rows_destroy(&rows);
    return err;
}

static void survey_layout(const shard_t *s, bank_shard_t *out)
{
    out->n_layout = s->n_fields;
    out->layout = MEM_NEW(int64_t, s->n_fields);
    for (int k = 0; k < s->n_fields && out->n_layout > 0; k++) {
        out->layout[k] = h5_dataset_place(s->dataset[k]);
        if (out->layout[k] < 0)
            out->n_layout = 0;
    }
}

static double sum_seconds(const char *folder, int64_t number, int64_t n)
{
    double *seconds = MEM_NEW(double, n), sum = 0;
    if (costs_read(folder, number, 0, n, seconds, NULL, NULL) != OK)
        err_clear(); // measured for information; a bank without it is whole
    for (int64_t i = 0; i < n; i++)
        sum += seconds[i];
    free(seconds);
    return sum;
}

err_t shard_survey(const char *folder, const bank_card_t *card, int64_t number, const char *run,
                   bank_shard_t *out)
{
    shard_t *s = NULL;
    err_t err;
    *out = (bank_shard_t){.shard = number, .first_row = number * card->shard_rows};
    TRY_TO(done, shard_open_unlisted(folder, card, number, &s));
    out->rows = s->rows;
    out->n_chunks = (int)((s->rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS);
    out->chunk_hash = MEM_NEW(uint64_t, out->n_chunks);
    out->file = shard_name(number);
    out->run = mem_copy_text(run);
    survey_layout(s, out);
    TRY_TO(done, survey_chunks(s, out));
    TRY_TO(done, shard_layout_hash(s->path, s->schema, out, &out->file_hash, &out->bytes));
    out->seconds = sum_seconds(folder, number, s->rows);
done:
    shard_close(&s);
    if (err != OK)
        bank_shard_free(out);
    return err;
}
