// SPDX-License-Identifier: Apache-2.0
// Names, texts, attributes and dimension scales of HDF5 files.
#include "cluster/mem.h"
#include "storage/h5_inside.h"

#include <hdf5_hl.h>

#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

typedef struct {
    int64_t n;
    char **names;
} h5_list_t;

static herr_t list_take(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    h5_list_t *list = user;
    (void)group;
    (void)info;
    list->names = MEM_GROW(list->names, char *, list->n + 1);
    list->names[list->n++] = mem_copy_text(name);
    return 0;
}

err_t h5_names(h5_id_t parent, const char *group, int64_t *n, char ***names)
{
    h5_list_t list = {0, NULL};
    err_t err = OK;
    h5_lock();
    hid_t at = H5Gopen2(parent, group, H5P_DEFAULT);
    if (at < 0 || (H5Literate(at, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, list_take, &list) < 0 &&
                   H5Literate(at, H5_INDEX_NAME, H5_ITER_INC, NULL, list_take, &list) < 0))
        err = h5_stack_fail(at < 0 ? ERR_MISSING : ERR_FORMAT, parent, group);
    if (at >= 0)
        H5Gclose(at);
    h5_unlock();
    *n = list.n;
    *names = list.names;
    return err;
}

void h5_free_texts(int64_t n, char ***texts)
{
    for (int64_t i = 0; *texts != NULL && i < n; i++)
        free((*texts)[i]);
    free(*texts);
    *texts = NULL;
}

/* ---- texts ---- */

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

err_t h5_write_texts(h5_id_t parent, const char *path, int64_t n, const char *const *texts)
{
    h5_shape_t shape = h5_vector(H5_TYPE_U8, n);
    h5_lock();
    hid_t type = text_type();
    err_t err = h5_write_all(parent, path, type, &shape, texts);
    H5Tclose(type);
    h5_unlock();
    return err;
}

err_t h5_texts_create(h5_id_t parent, const char *path, int64_t n, h5_id_t *out)
{
    h5_shape_t shape = h5_vector(H5_TYPE_U8, n);
    h5_lock();
    hid_t type = text_type();
    *out = h5_dataset_make(parent, path, type, &shape);
    err_t err = *out < 0 ? h5_stack_fail(ERR_IO, parent, path) : OK;
    H5Tclose(type);
    h5_unlock();
    return err;
}

err_t h5_write_text_rows(h5_id_t dataset, int64_t first, int64_t n, const char *const *texts)
{
    h5_lock();
    hid_t type = text_type();
    err_t err = h5_rows_write(dataset, first, n, type, texts);
    H5Tclose(type);
    h5_unlock();
    return err;
}

// Strings as they lie in memory after a read: pointers (free length) or fields of `bytes` (fixed length).
static void texts_copy(int64_t n, bool is_free, size_t bytes, const void *raw, char **texts)
{
    for (int64_t i = 0; i < n; i++) {
        if (is_free) {
            const char *text = ((char *const *)raw)[i];
            texts[i] = mem_copy_text(text ? text : "");
        } else {
            texts[i] = mem_zero(bytes + 1, 1);
            memcpy(texts[i], (const char *)raw + (size_t)i * bytes, bytes);
        }
    }
}

typedef herr_t (*h5_reader_t)(hid_t from, hid_t type, void *raw);

static herr_t dataset_raw(hid_t from, hid_t type, void *raw)
{
    return H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw);
}

static herr_t attribute_raw(hid_t from, hid_t type, void *raw)
{
    return H5Aread(from, type, raw);
}

// Reads n strings of a data set or an attribute. -1: HDF5 failed; -2: not strings.
static int texts_read(hid_t from, hid_t type, hid_t space, int64_t n, h5_reader_t reader,
                      char **texts)
{
    if (H5Tget_class(type) != H5T_STRING)
        return -2;
    bool is_free = H5Tis_variable_str(type) > 0;
    size_t bytes = is_free ? sizeof(char *) : H5Tget_size(type);
    void *raw = mem_zero((size_t)n + 1, bytes);
    herr_t done = n > 0 ? reader(from, type, raw) : 0;
    if (done >= 0)
        texts_copy(n, is_free, bytes, raw, texts);
    if (done >= 0 && is_free && n > 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    free(raw);
    return done < 0 ? -1 : 0;
}

static err_t not_texts(int code, hid_t id, const char *path)
{
    char name[H5_NAME_CAP];
    if (code == -1)
        return h5_stack_fail(ERR_FORMAT, id, path);
    h5_name_of(id, name, sizeof name);
    return err_fail(ERR_FORMAT, "%s: \"%s\" does not hold text", name, path);
}

err_t h5_read_texts(h5_id_t parent, const char *path, int64_t *n, char ***texts)
{
    h5_id_t dataset;
    *n = 0;
    *texts = NULL;
    TRY(h5_dataset_open(parent, path, &dataset));
    h5_lock();
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int64_t count = (int64_t)H5Sget_simple_extent_npoints(space);
    char **found = MEM_NEW(char *, count + 1);
    int code = texts_read(dataset, type, space, count, dataset_raw, found);
    err_t err = code < 0 ? not_texts(code, parent, path) : OK;
    H5Sclose(space);
    H5Tclose(type);
    h5_unlock();
    h5_drop(&dataset);
    if (err != OK) {
        h5_free_texts(count, &found);
        return err;
    }
    *n = count;
    *texts = found;
    return OK;
}

/* ---- dimension scales ---- */

err_t h5_make_scale(h5_id_t dataset, const char *name)
{
    h5_lock();
    err_t err = H5DSset_scale(dataset, name) < 0 ? h5_stack_fail(ERR_IO, dataset, name) : OK;
    h5_unlock();
    return err;
}

err_t h5_attach_scale(h5_id_t dataset, int dim, h5_id_t scale)
{
    CHECK(dim >= 0, "dimension %d", dim);
    h5_lock();
    err_t err = H5DSattach_scale(dataset, scale, (unsigned)dim) < 0
                    ? h5_stack_fail(ERR_IO, dataset, "")
                    : OK;
    h5_unlock();
    return err;
}

/* ---- attributes ---- */

static err_t attribute_set(hid_t object, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    err_t err = OK;
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0)
        err = h5_stack_fail(ERR_IO, object, name);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return err;
}

// Of fixed length: it lies in the object's header, which has a checksum. HDF5's heap for texts of free length has none,
// and a flipped byte in it crashes the reader.
err_t h5_set_text(h5_id_t object, const char *name, const char *text)
{
    h5_lock();
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    err_t err = attribute_set(object, name, type, text);
    H5Tclose(type);
    h5_unlock();
    return err;
}

static err_t number_set(h5_id_t object, const char *name, h5_type_t type, const void *value)
{
    h5_lock();
    err_t err = attribute_set(object, name, h5_memory_type(type), value);
    h5_unlock();
    return err;
}

err_t h5_set_integer(h5_id_t object, const char *name, int64_t value)
{
    return number_set(object, name, H5_TYPE_I64, &value);
}

err_t h5_set_unsigned(h5_id_t object, const char *name, uint64_t value)
{
    return number_set(object, name, H5_TYPE_U64, &value);
}

err_t h5_set_real(h5_id_t object, const char *name, double value)
{
    return number_set(object, name, H5_TYPE_F64, &value);
}

bool h5_has_attribute(h5_id_t object, const char *name)
{
    h5_lock();
    bool found = H5Aexists(object, name) > 0;
    h5_unlock();
    return found;
}

static err_t attribute_open(hid_t object, const char *name, hid_t *out)
{
    *out = H5_NONE;
    if (H5Aexists(object, name) <= 0) {
        char where[H5_NAME_CAP];
        h5_name_of(object, where, sizeof where);
        return err_fail(ERR_MISSING, "%s: there is no attribute \"%s\"", where, name);
    }
    *out = H5Aopen(object, name, H5P_DEFAULT);
    return *out < 0 ? h5_stack_fail(ERR_FORMAT, object, name) : OK;
}

static err_t text_get(hid_t object, const char *name, char **text)
{
    hid_t attribute;
    TRY(attribute_open(object, name, &attribute));
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    int code = H5Sget_simple_extent_npoints(space) == 1
                   ? texts_read(attribute, type, space, 1, attribute_raw, text)
                   : -2;
    err_t err = code < 0 ? not_texts(code, object, name) : OK;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return err;
}

err_t h5_get_text(h5_id_t object, const char *name, char **text)
{
    *text = NULL;
    h5_lock();
    err_t err = text_get(object, name, text);
    h5_unlock();
    return err;
}

static err_t number_read(hid_t object, const char *name, h5_type_t type, void *value)
{
    hid_t attribute;
    h5_type_t found;
    TRY(attribute_open(object, name, &attribute));
    hid_t file_type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    err_t err = OK;
    if (H5Sget_simple_extent_npoints(space) != 1 || !h5_type_from_file(file_type, &found))
        err = err_fail(ERR_FORMAT, "attribute \"%s\" is not a number", name);
    else if (H5Aread(attribute, h5_memory_type(type), value) < 0)
        err = h5_stack_fail(ERR_FORMAT, object, name);
    H5Sclose(space);
    H5Tclose(file_type);
    H5Aclose(attribute);
    return err;
}

static err_t number_get(h5_id_t object, const char *name, h5_type_t type, void *value)
{
    h5_lock();
    err_t err = number_read(object, name, type, value);
    h5_unlock();
    return err;
}

err_t h5_get_integer(h5_id_t object, const char *name, int64_t *value)
{
    return number_get(object, name, H5_TYPE_I64, value);
}

err_t h5_get_unsigned(h5_id_t object, const char *name, uint64_t *value)
{
    return number_get(object, name, H5_TYPE_U64, value);
}

err_t h5_get_real(h5_id_t object, const char *name, double *value)
{
    return number_get(object, name, H5_TYPE_F64, value);
}
