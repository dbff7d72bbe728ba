// SPDX-License-Identifier: Apache-2.0
// Every step is agreed on before the next: a rank whose call failed would leave the others waiting in theirs.
#define H5_WITH_MPI
#include "storage/shard_write.h"

#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/sync.h"

#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

// What decides the last bits of exp, log and sin: the architecture, the vector extensions the C library looks at, and
// the library itself.
shard_origin_t shard_origin(const schema_t *schema)
{
    shard_origin_t origin = {.model = schema_text(schema)};
    struct utsname machine = {0};
    uname(&machine);
    const char *extensions = "";
#if defined(__x86_64__)
    extensions = __builtin_cpu_supports("fma") ? " avx2 fma" : "";
#endif
    snprintf(origin.cpu, sizeof origin.cpu, "%.40s%s", machine.machine, extensions);
    snprintf(origin.libm, sizeof origin.libm, "glibc %s", gnu_get_libc_version());
    return origin;
}

typedef struct {
    const par_t *group;
    h5_id_t file;
    int64_t rows, first; // of the shard; this rank's first row in it
    const portion_t *portion;
} sheet_t;

// Bytes of the file: whole chunks of every data set, and what HDF5 itself needs.
static int64_t file_bytes(const schema_t *schema, const shard_origin_t *origin, int64_t rows)
{
    enum { METADATA = 64 * 1024, PER_DATASET = 4 * 1024 };
    int64_t chunk = rows < BANK_CHUNK_ROWS ? rows : BANK_CHUNK_ROWS;
    int64_t whole = (rows + chunk - 1) / chunk * chunk;
    int64_t datasets = 2 + schema->n_parameters + schema->n_design + 2 * schema->n_observables;
    return whole * (int64_t)rows_bytes(schema) + METADATA + PER_DATASET * datasets +
           2 * (int64_t)strlen(origin->model);
}

static err_t set_attributes(h5_id_t file, const bank_card_t *card, const shard_origin_t *origin,
                            int64_t number)
{
    TRY(h5_set_integer(file, "format", BANK_FORMAT));
    TRY(h5_set_text(file, "model", origin->model));
    TRY(h5_set_text(file, "fingerprint", card->fingerprint));
    TRY(h5_set_unsigned(file, "seed", card->seed));
    TRY(h5_set_integer(file, "shard", number));
    TRY(h5_set_integer(file, "shard_rows", card->shard_rows));
    TRY(h5_set_text(file, "software", "infermill " INFERMILL_VERSION));
    TRY(h5_set_text(file, "cpu", origin->cpu));
    TRY(h5_set_text(file, "libm", origin->libm));
    return OK;
}

// One data set: made, each rank's rows written, closed.
static err_t put(const sheet_t *sheet, const char *folder, const char *name, h5_type_t type,
                 int n_dims, const int64_t *dims, const void *data)
{
    h5_shape_t shape = {.type = type, .n_dims = n_dims + 1, .dims = {sheet->rows}};
    shape.chunk_rows = sheet->rows < BANK_CHUNK_ROWS ? sheet->rows : BANK_CHUNK_ROWS;
    for (int d = 0; d < n_dims; d++)
        shape.dims[d + 1] = dims[d];
    char *path = mem_format("%s/%s", folder, name);
    h5_id_t dataset = H5_NONE;
    err_t err = par_agree(sheet->group, h5_dataset_create(sheet->file, path, &shape, &dataset));
    if (err == OK)
        err = par_agree(sheet->group, h5_write_rows(dataset, sheet->first, sheet->portion->rows.n,
                                                    type, data, H5_COLLECTIVE));
    h5_drop(&dataset);
    free(path);
    return err;
}

static err_t put_columns(const sheet_t *sheet, const char *folder, const char *name, int column,
                         int width, const double *rows)
{
    int64_t n = sheet->portion->rows.n;
    double *values = MEM_NEW(double, n);
    for (int64_t i = 0; i < n; i++)
        values[i] = rows[i * width + column];
    err_t err = put(sheet, folder, name, H5_TYPE_F64, 0, NULL, values);
    free(values);
    return err;
}

static err_t put_length(const sheet_t *sheet, const char *name, int column, int width)
{
    int64_t n = sheet->portion->rows.n;
    int32_t *values = MEM_NEW(int32_t, n);
    for (int64_t i = 0; i < n; i++)
        values[i] = sheet->portion->rows.length[i * width + column];
    err_t err = put(sheet, "length", name, H5_TYPE_I32, 0, NULL, values);
    free(values);
    return err;
}

static err_t put_rows(const sheet_t *sheet, const schema_t *m)
{
    const rows_t *rows = &sheet->portion->rows;
    for (int p = 0; p < m->n_parameters; p++)
        TRY(put_columns(sheet, "parameters", m->parameters[p].name, p, m->n_parameters,
                        rows->parameters));
    for (int o = 0; o < m->n_observables; o++) {
        const schema_observable_t *seen = &m->observables[o];
        TRY(put(sheet, "observables", seen->name, H5_TYPE_F32, seen->n_dims, seen->dims,
                rows->observables[o]));
        TRY(put_length(sheet, seen->name, o, m->n_observables));
    }
    for (int d = 0; d < m->n_design; d++)
        TRY(put_columns(sheet, "design", m->design[d].name, d, m->n_design, rows->design));
    TRY(put(sheet, "row", "index", H5_TYPE_I64, 0, NULL, rows->index));
    TRY(put(sheet, "row", "status", H5_TYPE_U8, 0, NULL, rows->status));
    return OK;
}

// Proves that there is room, makes the file, keeps the room for it.
static err_t begin_file(const par_t *group, const char *path, int64_t bytes, h5_id_t *file)
{
    err_t err = group->rank == 0 ? sync_reserve(path, bytes) : OK;
    TRY(par_agree(group, err));
    TRY(par_agree(group, h5_create_mpi(group->comm, path, file)));
    err = group->rank == 0 ? sync_reserve_quietly(path, bytes) : OK;
    return par_agree(group, err);
}

err_t shard_write(const par_t *group, const char *path, const bank_card_t *card,
                  const shard_origin_t *origin, int64_t number, int64_t rows,
                  const portion_t *portion)
{
    sheet_t sheet = {group, H5_NONE, rows, portion->range.begin - number * card->shard_rows,
                     portion};
    err_t err;
    TRY_TO(done, begin_file(group, path, file_bytes(&card->schema, origin, rows), &sheet.file));
    TRY_TO(done, par_agree(group, set_attributes(sheet.file, card, origin, number)));
    TRY_TO(done, put_rows(&sheet, &card->schema));
    TRY_TO(done, par_agree(group, h5_flush(sheet.file)));
    TRY_TO(done, par_agree(group, h5_close(&sheet.file)));
done:
    h5_drop(&sheet.file);
    if (err != OK && group->rank == 0)
        unlink(path);
    return err;
}
