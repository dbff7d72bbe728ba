// SPDX-License-Identifier: Apache-2.0
#include "storage/shard.h"

#include "cluster/mem.h"
#include "storage/catalog.h"
#include "storage/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

struct shard {
    h5_id_t file;
    int64_t number, rows;
    char *path;                                          // for messages
    const schema_t *schema;                              // the card's
    h5_id_t index, status;                               // data sets
    h5_id_t *parameters, *design, *length, *observables; // (P) (D) (O) (O)
};

char *shard_name(int64_t shard)
{
    return mem_format("shards/%07" PRId64 ".h5", shard);
}

char *shard_costs_name(int64_t shard)
{
    return mem_format("costs/%07" PRId64 ".h5", shard);
}

int64_t shard_rows(const shard_t *shard)
{
    return shard->rows;
}

/* ---- opened and checked ---- */

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

// Opens a data set and checks its shape: rows of the shard, then `dims`.
static err_t take(const shard_t *s, const char *folder, const char *name, int n_dims,
                  const int64_t *dims, h5_id_t *out)
{
    char *path = mem_format("%s/%s", folder, name);
    h5_shape_t shape;
    err_t err;
    TRY_TO(done, h5_dataset_open(s->file, path, out));
    TRY_TO(done, h5_dataset_shape(*out, &shape));
    bool fits = shape.n_dims == n_dims + 1 && shape.dims[0] == s->rows;
    for (int d = 0; fits && d < n_dims; d++)
        fits = shape.dims[d + 1] == dims[d];
    if (!fits)
        err = err_fail(ERR_FORMAT, "%s: /%s does not have %" PRId64 " rows of the model's shape",
                       s->path, path, s->rows);
done:
    free(path);
    return err;
}

static err_t count_rows(shard_t *s, int64_t most)
{
    h5_shape_t shape;
    TRY(h5_dataset_open(s->file, "row/index", &s->index));
    TRY(h5_dataset_shape(s->index, &shape));
    s->rows = shape.n_dims == 1 ? shape.dims[0] : 0;
    if (s->rows < 1 || s->rows > most)
        return err_fail(ERR_FORMAT, "%s: %" PRId64 " rows, expected 1 to %" PRId64, s->path,
                        s->rows, most);
    return OK;
}

static err_t take_all(shard_t *s)
{
    const schema_t *m = s->schema;
    TRY(take(s, "row", "status", 0, NULL, &s->status));
    for (int p = 0; p < m->n_parameters; p++)
        TRY(take(s, "parameters", m->parameters[p].name, 0, NULL, &s->parameters[p]));
    for (int d = 0; d < m->n_design; d++)
        TRY(take(s, "design", m->design[d].name, 0, NULL, &s->design[d]));
    for (int o = 0; o < m->n_observables; o++) {
        const schema_observable_t *seen = &m->observables[o];
        TRY(take(s, "length", seen->name, 0, NULL, &s->length[o]));
        TRY(take(s, "observables", seen->name, seen->n_dims, seen->dims, &s->observables[o]));
    }
    return OK;
}

static h5_id_t *none_of(int n)
{
    h5_id_t *ids = MEM_NEW(h5_id_t, n);
    for (int i = 0; i < n; i++)
        ids[i] = H5_NONE;
    return ids;
}

err_t shard_open(const char *folder, const bank_card_t *card, int64_t number, shard_t **out)
{
    const schema_t *m = &card->schema;
    shard_t *s = MEM_NEW(shard_t, 1);
    char *name = shard_name(number);
    err_t err;
    *s = (shard_t){
        .file = H5_NONE, .number = number, .schema = m, .index = H5_NONE, .status = H5_NONE};
    s->path = mem_format("%s/%s", folder, name);
    s->parameters = none_of(m->n_parameters);
    s->design = none_of(m->n_design);
    s->length = none_of(m->n_observables);
    s->observables = none_of(m->n_observables);
    TRY_TO(done, h5_open(s->path, &s->file));
    TRY_TO(done, check_place(s, card));
    TRY_TO(done, count_rows(s, card->shard_rows));
    TRY_TO(done, take_all(s));
done:
    if (err_is(err, ERR_MISSING) && s->file != H5_NONE) // something inside is missing
        err = -(err_t)ERR_FORMAT;
    if (err != OK)
        shard_close(&s);
    *out = s;
    free(name);
    return err;
}

void shard_close(shard_t **shard)
{
    shard_t *s = *shard;
    if (s == NULL)
        return;
    h5_drop(&s->file); // with the data sets
    free(s->parameters);
    free(s->design);
    free(s->length);
    free(s->observables);
    free(s->path);
    free(s);
    *shard = NULL;
}

/* ---- read ---- */

// Columns of a row-major (n, width) array, each from a data set of its own.
static err_t read_columns(const h5_id_t *datasets, int width, int64_t begin, int64_t n, double *out)
{
    double *column = MEM_NEW(double, n);
    err_t err = OK;
    for (int c = 0; c < width && err == OK; c++) {
        err = h5_read_rows(datasets[c], begin, n, H5_TYPE_F64, column);
        for (int64_t i = 0; i < n; i++)
            out[i * width + c] = column[i];
    }
    free(column);
    return err;
}

static err_t read_lengths(const h5_id_t *datasets, int width, int64_t begin, int64_t n,
                          int32_t *out)
{
    int32_t *column = MEM_NEW(int32_t, n);
    err_t err = OK;
    for (int c = 0; c < width && err == OK; c++) {
        err = h5_read_rows(datasets[c], begin, n, H5_TYPE_I32, column);
        for (int64_t i = 0; i < n; i++)
            out[i * width + c] = column[i];
    }
    free(column);
    return err;
}

static err_t read_fields(shard_t *s, int64_t begin, int64_t n, rows_t *rows, int64_t at)
{
    const schema_t *m = s->schema;
    TRY(h5_read_rows(s->index, begin, n, H5_TYPE_I64, rows->index + at));
    TRY(h5_read_rows(s->status, begin, n, H5_TYPE_U8, rows->status + at));
    TRY(read_columns(s->parameters, m->n_parameters, begin, n,
                     rows->parameters + at * m->n_parameters));
    TRY(read_columns(s->design, m->n_design, begin, n, rows->design + at * m->n_design));
    TRY(read_lengths(s->length, m->n_observables, begin, n, rows->length + at * m->n_observables));
    for (int o = 0; o < m->n_observables; o++)
        TRY(h5_read_rows(s->observables[o], begin, n, H5_TYPE_F32,
                         rows->observables[o] + at * schema_size(&m->observables[o])));
    memset(rows->seconds + at, 0, (size_t)n * sizeof rows->seconds[0]);
    return OK;
}

err_t shard_read(shard_t *s, int64_t begin, int64_t end, rows_t *rows, int64_t at)
{
    CHECK(begin <= end && at + end - begin <= rows->capacity,
          "rows [%" PRId64 ", %" PRId64 ") to %" PRId64 " of %" PRId64, begin, end, at,
          rows->capacity);
    err_t err = read_fields(s, begin, end - begin, rows, at);
    return err == OK ? OK
                     : err_context(err, "shard %" PRId64 ", its rows %" PRId64 " to %" PRId64,
                                   s->number, begin, end - 1);
}

err_t shard_read_status(shard_t *s, int64_t begin, int64_t end, uint8_t *status)
{
    return h5_read_rows(s->status, begin, end - begin, H5_TYPE_U8, status);
}

/* ---- surveyed ---- */

err_t shard_file_hash(const char *path, uint64_t *hash, int64_t *bytes)
{
    enum { PIECE = 1 << 20 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s", path);
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL && XXH3_64bits_reset(state) == XXH_OK, "no memory for a checksum");
    char *piece = mem_alloc(PIECE, 1);
    ssize_t got;
    for (*bytes = 0; (got = read(fd, piece, PIECE)) > 0; *bytes += got)
        XXH3_64bits_update(state, piece, (size_t)got);
    err_t err = got < 0 ? err_errno(ERR_IO, "%s", path) : OK;
    *hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    free(piece);
    close(fd);
    return err;
}

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

static double sum_seconds(const char *folder, int64_t number, int64_t n)
{
    double *seconds = MEM_NEW(double, n), sum = 0;
    char *hosts = mem_zero((size_t)n, SHARD_HOST_BYTES);
    if (shard_costs_read(folder, number, 0, n, seconds, hosts) != OK)
        err_clear(); // measured for information; a bank without it is whole
    for (int64_t i = 0; i < n; i++)
        sum += seconds[i];
    free(hosts);
    free(seconds);
    return sum;
}

err_t shard_survey(const char *folder, const bank_card_t *card, int64_t number, const char *run,
                   bank_shard_t *out)
{
    shard_t *s = NULL;
    err_t err;
    *out = (bank_shard_t){.shard = number, .first_row = number * card->shard_rows};
    TRY_TO(done, shard_open(folder, card, number, &s));
    out->rows = s->rows;
    out->n_chunks = (int)((s->rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS);
    out->chunk_hash = MEM_NEW(uint64_t, out->n_chunks);
    out->file = shard_name(number);
    out->run = mem_copy_text(run);
    TRY_TO(done, survey_chunks(s, out));
    TRY_TO(done, shard_file_hash(s->path, &out->file_hash, &out->bytes));
    out->seconds = sum_seconds(folder, number, s->rows);
done:
    shard_close(&s);
    if (err != OK)
        bank_shard_free(out);
    return err;
}

/* ---- costs ---- */

static err_t costs_read(const char *path, int64_t begin, int64_t n, double *seconds,
                        int32_t *host_of, int64_t *n_hosts, char ***hosts)
{
    h5_id_t file = H5_NONE, dataset = H5_NONE;
    err_t err;
    TRY_TO(done, h5_open(path, &file));
    TRY_TO(done, h5_dataset_open(file, "seconds", &dataset));
    TRY_TO(done, h5_read_rows(dataset, begin, n, H5_TYPE_F64, seconds));
    h5_drop(&dataset);
    TRY_TO(done, h5_dataset_open(file, "host_of", &dataset));
    TRY_TO(done, h5_read_rows(dataset, begin, n, H5_TYPE_I32, host_of));
    TRY_TO(done, h5_read_texts(file, "host", n_hosts, hosts));
done:
    h5_drop(&dataset);
    h5_drop(&file);
    return err;
}

err_t shard_costs_read(const char *folder, int64_t number, int64_t begin, int64_t end,
                       double *seconds, char *hosts)
{
    int64_t n = end - begin, n_names = 0;
    char *name = shard_costs_name(number), *path = mem_format("%s/%s", folder, name),
         **names = NULL;
    int32_t *host_of = MEM_NEW(int32_t, n);
    memset(hosts, 0, (size_t)n * SHARD_HOST_BYTES);
    err_t err = costs_read(path, begin, n, seconds, host_of, &n_names, &names);
    if (err != OK)
        memset(seconds, 0, (size_t)n * sizeof *seconds);
    for (int64_t i = 0; err == OK && i < n; i++)
        if (host_of[i] >= 0 && host_of[i] < n_names)
            snprintf(hosts + i * SHARD_HOST_BYTES, SHARD_HOST_BYTES, "%s", names[host_of[i]]);
    h5_free_texts(n_names, &names);
    free(host_of);
    free(path);
    free(name);
    return err_is(err, ERR_MISSING) ? OK : err;
}

// The distinct hosts (at most n, borrowed from `hosts`), and each row's.
static int64_t distinct(int64_t n, const char *hosts, const char **names, int32_t *host_of)
{
    int64_t n_names = 0;
    for (int64_t i = 0; i < n; i++) {
        const char *host = hosts + i * SHARD_HOST_BYTES;
        int64_t k = 0;
        while (k < n_names && strncmp(names[k], host, SHARD_HOST_BYTES) != 0)
            k++;
        if (k == n_names)
            names[n_names++] = host;
        host_of[i] = (int32_t)k;
    }
    return n_names;
}

err_t shard_costs_write(const char *path, int64_t n, const double *seconds, const char *hosts)
{
    const char **names = MEM_NEW(const char *, n);
    int32_t *host_of = MEM_NEW(int32_t, n);
    int64_t n_names = distinct(n, hosts, names, host_of);
    h5_shape_t f64 = h5_vector(H5_TYPE_F64, n), i32 = h5_vector(H5_TYPE_I32, n);
    h5_id_t file = H5_NONE;
    err_t err;
    TRY_TO(done, h5_create(path, &file));
    TRY_TO(done, h5_write(file, "seconds", &f64, seconds));
    TRY_TO(done, h5_write(file, "host_of", &i32, host_of));
    TRY_TO(done, h5_write_texts(file, "host", n_names, names));
    TRY_TO(done, h5_close(&file));
done:
    h5_drop(&file);
    free(host_of);
    free(names);
    return err;
}
