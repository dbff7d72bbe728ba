// SPDX-License-Identifier: Apache-2.0
// The data sets of h5.h.
#include "storage/h5.h"

#include "cluster/mem.h"
#include "storage/h5_inside.h"

#include <stdlib.h>
#include <string.h>

static hid_t space_of(const h5_shape_t *shape)
{
    hsize_t dims[H5_MAX_DIMS];
    if (shape->n_dims == 0)
        return H5Screate(H5S_SCALAR);
    for (int d = 0; d < shape->n_dims; d++)
        dims[d] = (hsize_t)shape->dims[d];
    return H5Screate_simple(shape->n_dims, dims, NULL);
}

// Bytes are put together by their place in the number before deflate sees them: exponents are alike.
static void set_filters(hid_t list, int deflate)
{
    if (deflate == 0)
        return;
    H5Pset_shuffle(list);
    H5Pset_deflate(list, (unsigned)deflate);
}

static hid_t dataset_list(hid_t type, const h5_shape_t *shape)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(list, false);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    if (H5Tis_variable_str(type) <= 0) // HDF5 refuses to make texts of free length unfilled
        H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    if (shape->chunk_rows > 0 && h5_shape_values(shape) > 0) {
        hsize_t chunk[H5_MAX_DIMS];
        for (int d = 0; d < shape->n_dims; d++)
            chunk[d] = (hsize_t)shape->dims[d];
        chunk[0] = (hsize_t)shape->chunk_rows;
        H5Pset_chunk(list, shape->n_dims, chunk);
        set_filters(list, shape->deflate);
    }
    return list;
}

// Makes a data set with the groups on its way.
hid_t h5_dataset_make(hid_t parent, const char *path, hid_t type, const h5_shape_t *shape)
{
    char *copy = mem_copy_text(path), *name;
    hid_t dataset = H5_NONE, group = h5_group_walk(parent, copy, 1, &name);
    if (group >= 0) {
        hid_t space = space_of(shape), list = dataset_list(type, shape);
        dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
        hid_t kept = h5_stack_keep(dataset < 0);
        H5Pclose(list);
        H5Sclose(space);
        H5Gclose(group);
        h5_stack_restore(kept);
    }
    free(copy);
    return dataset;
}

err_t h5_dataset_create(h5_id_t parent, const char *path, const h5_shape_t *shape, h5_id_t *out)
{
    CHECK(shape->n_dims >= 0 && shape->n_dims <= H5_MAX_DIMS, "%s: %d dimensions", path,
          shape->n_dims);
    CHECK(shape->n_dims > 0 || shape->chunk_rows == 0, "%s: a single value has no chunks", path);
    h5_lock();
    *out = h5_dataset_make(parent, path, h5_memory_type(shape->type), shape);
    err_t err = *out < 0 ? h5_stack_fail(ERR_IO, parent, path) : OK;
    h5_unlock();
    return err;
}

err_t h5_dataset_open(h5_id_t parent, const char *path, h5_id_t *out)
{
    err_t err = OK;
    *out = H5_NONE;
    h5_lock();
    if (!h5_path_exists(parent, path)) {
        char name[H5_NAME_CAP];
        h5_name_of(parent, name, sizeof name);
        err = err_fail(ERR_MISSING, "%s: there is no data set \"%s\"", name, path);
    } else {
        *out = H5Dopen2(parent, path, H5P_DEFAULT);
        if (*out < 0)
            err = h5_stack_fail(ERR_FORMAT, parent, path);
    }
    h5_unlock();
    return err;
}

static err_t shape_read(hid_t dataset, h5_shape_t *shape)
{
    hsize_t dims[H5S_MAX_RANK];
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset),
          list = H5Dget_create_plist(dataset);
    bool known = h5_type_from_file(type, &shape->type);
    shape->n_dims = H5Sget_simple_extent_dims(space, dims, NULL);
    known = known && shape->n_dims >= 0 && shape->n_dims <= H5_MAX_DIMS;
    for (int d = 0; known && d < shape->n_dims; d++)
        shape->dims[d] = (int64_t)dims[d];
    shape->chunk_rows = 0;
    if (known && H5Pget_layout(list) == H5D_CHUNKED && H5Pget_chunk(list, H5S_MAX_RANK, dims) > 0)
        shape->chunk_rows = (int64_t)dims[0];
    H5Pclose(list);
    H5Tclose(type);
    H5Sclose(space);
    if (known)
        return OK;
    char name[H5_NAME_CAP];
    h5_name_of(dataset, name, sizeof name);
    return err_fail(ERR_FORMAT, "%s: not an array of numbers with at most %d dimensions", name,
                    H5_MAX_DIMS);
}

err_t h5_dataset_shape(h5_id_t dataset, h5_shape_t *shape)
{
    h5_lock();
    err_t err = shape_read(dataset, shape);
    h5_unlock();
    return err;
}

int64_t h5_dataset_place(h5_id_t dataset)
{
    h5_lock();
    hid_t list = H5Dget_create_plist(dataset);
    bool whole = H5Pget_layout(list) == H5D_CONTIGUOUS;
    H5Pclose(list);
    haddr_t place = whole ? H5Dget_offset(dataset) : HADDR_UNDEF;
    H5Eclear2(H5E_DEFAULT);
    h5_unlock();
    return place == HADDR_UNDEF ? -1 : (int64_t)place;
}

typedef struct {
    hid_t memory, file; // spaces of one hyperslab of rows
} h5_slab_t;

static err_t slab_select(hid_t dataset, int64_t first, int64_t n, h5_slab_t *slab)
{
    hsize_t dims[H5S_MAX_RANK] = {0}, start[H5S_MAX_RANK] = {0};
    slab->file = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_dims(slab->file, dims, NULL);
    CHECK(first >= 0 && n >= 0 && rank <= H5S_MAX_RANK, "rows %ld + %ld", (long)first, (long)n);
    if (rank < 1 || (hsize_t)(first + n) > dims[0]) {
        char name[H5_NAME_CAP];
        h5_name_of(dataset, name, sizeof name);
        H5Sclose(slab->file);
        return err_fail(ERR_FORMAT, "%s: rows %ld to %ld asked for, it has %ld", name, (long)first,
                        (long)(first + n), rank < 1 ? 0L : (long)dims[0]);
    }
    dims[0] = (hsize_t)n;
    start[0] = (hsize_t)first;
    slab->memory = H5Screate_simple(rank, dims, NULL);
    if (n > 0) {
        H5Sselect_hyperslab(slab->file, H5S_SELECT_SET, start, NULL, dims, NULL);
    } else {
        H5Sselect_none(slab->file);
        H5Sselect_none(slab->memory);
    }
    return OK;
}

static void slab_close(h5_slab_t *slab)
{
    H5Sclose(slab->memory);
    H5Sclose(slab->file);
}

err_t h5_rows_write(hid_t dataset, int64_t first, int64_t n, hid_t type, const void *data)
{
    h5_slab_t slab;
    TRY(slab_select(dataset, first, n, &slab));
    herr_t done = n > 0 ? H5Dwrite(dataset, type, slab.memory, slab.file, H5P_DEFAULT, data) : 0;
    hid_t kept = h5_stack_keep(done < 0);
    slab_close(&slab);
    h5_stack_restore(kept);
    return done < 0 ? h5_stack_fail(ERR_IO, dataset, "") : OK;
}

err_t h5_write_rows(h5_id_t dataset, int64_t first, int64_t n, h5_type_t type, const void *data)
{
    h5_lock();
    err_t err = h5_rows_write(dataset, first, n, h5_memory_type(type), data);
    h5_unlock();
    return err;
}

static err_t rows_read(hid_t dataset, int64_t first, int64_t n, h5_type_t type, void *data)
{
    h5_slab_t slab;
    TRY(slab_select(dataset, first, n, &slab));
    herr_t done =
        n > 0 ? H5Dread(dataset, h5_memory_type(type), slab.memory, slab.file, H5P_DEFAULT, data)
              : 0;
    hid_t kept = h5_stack_keep(done < 0);
    slab_close(&slab);
    h5_stack_restore(kept);
    return done < 0 ? h5_stack_fail(ERR_FORMAT, dataset, "") : OK;
}

err_t h5_read_rows(h5_id_t dataset, int64_t first, int64_t n, h5_type_t type, void *data)
{
    h5_lock();
    err_t err = rows_read(dataset, first, n, type, data);
    h5_unlock();
    return err;
}

err_t h5_write_all(hid_t parent, const char *path, hid_t type, const h5_shape_t *shape,
                   const void *data)
{
    hid_t dataset = h5_dataset_make(parent, path, type, shape);
    if (dataset < 0)
        return h5_stack_fail(ERR_IO, parent, path);
    err_t err = OK;
    if (h5_shape_values(shape) > 0 &&
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        err = h5_stack_fail(ERR_IO, dataset, "");
    H5Dclose(dataset);
    return err;
}

err_t h5_write(h5_id_t parent, const char *path, const h5_shape_t *shape, const void *data)
{
    h5_lock();
    err_t err = h5_write_all(parent, path, h5_memory_type(shape->type), shape, data);
    h5_unlock();
    return err;
}

static void dims_text(const h5_shape_t *shape, char *out, size_t cap)
{
    size_t used = (size_t)snprintf(out, cap, "(");
    for (int d = 0; d < shape->n_dims && used < cap; d++)
        used +=
            (size_t)snprintf(out + used, cap - used, "%s%ld", d ? ", " : "", (long)shape->dims[d]);
    if (used < cap)
        snprintf(out + used, cap - used, ")");
}

err_t h5_read(h5_id_t parent, const char *path, const h5_shape_t *shape, void *data)
{
    h5_id_t dataset = H5_NONE;
    h5_shape_t got = {0};
    char got_dims[256], want_dims[256];
    err_t err;
    TRY_TO(done, h5_dataset_open(parent, path, &dataset));
    TRY_TO(done, h5_dataset_shape(dataset, &got));
    size_t bytes = (size_t)shape->n_dims * sizeof shape->dims[0];
    if (got.n_dims != shape->n_dims || memcmp(got.dims, shape->dims, bytes) != 0) {
        dims_text(&got, got_dims, sizeof got_dims);
        dims_text(shape, want_dims, sizeof want_dims);
        err = err_fail(ERR_FORMAT, "data set \"%s\": dims %s, expected %s", path, got_dims,
                       want_dims);
        goto done;
    }
    h5_lock();
    if (h5_shape_values(shape) > 0 &&
        H5Dread(dataset, h5_memory_type(shape->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        err = h5_stack_fail(ERR_FORMAT, dataset, "");
    h5_unlock();
done:
    h5_drop(&dataset);
    return err;
}
