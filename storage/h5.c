// SPDX-License-Identifier: Apache-2.0
#include "storage/h5.h"

#include "cluster/mem.h"
#include "storage/h5_inside.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(hid_t) == sizeof(h5_id_t), "an HDF5 id fits h5_id_t");

static pthread_mutex_t h5_mutex = PTHREAD_MUTEX_INITIALIZER;

void h5_lock(void)
{
    pthread_mutex_lock(&h5_mutex);
    H5dont_atexit(); // before HDF5's first start: its clean-up crashes on a file whose last write failed
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Eclear2(H5E_DEFAULT);
}

void h5_unlock(void)
{
    pthread_mutex_unlock(&h5_mutex);
}

/* ---- errors ---- */

enum { WORDS_CAP = 512 };

typedef struct {
    char outer[WORDS_CAP], inner[WORDS_CAP];
} h5_words_t;

static herr_t words_take(unsigned depth, const H5E_error2_t *error, void *user)
{
    h5_words_t *words = user;
    char *target = depth == 0 ? words->outer : words->inner;
    static const char system_begins[] = "error message = '"; // among time, descriptor, sizes
    const char *text = error->desc ? error->desc : "", *system = strstr(text, system_begins);
    int n = (int)strcspn(text, ":");
    if (system == NULL) {
        snprintf(target, WORDS_CAP, "%s", text);
        return 0;
    }
    system += sizeof system_begins - 1;
    snprintf(target, WORDS_CAP, "%.*s: %.*s", n, text, (int)strcspn(system, "'"), system);
    return 0;
}

void h5_name_of(hid_t id, char *out, size_t cap)
{
    char file[WORDS_CAP] = "", object[WORDS_CAP] = "";
    if (id > 0 && H5Fget_name(id, file, sizeof file) < 0)
        file[0] = '\0';
    if (id > 0 && H5Iget_type(id) != H5I_FILE && H5Iget_name(id, object, sizeof object) < 0)
        object[0] = '\0';
    snprintf(out, cap, "%s%s%s", file, object[0] ? ": " : "", object);
}

// Turns HDF5's error stack into an err_t: "file: object: path: what failed: why".
err_t h5_stack_fail(err_code_t code, hid_t id, const char *path)
{
    h5_words_t words = {"", ""};
    char name[H5_NAME_CAP];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, words_take, &words);
    h5_name_of(id, name, sizeof name);
    H5Eclear2(H5E_DEFAULT);
    return err_fail(code, "%s%s%s: HDF5: %s%s%s", name, name[0] && path[0] ? ": " : "", path,
                    words.outer, words.inner[0] ? ": " : "", words.inner);
}

hid_t h5_stack_keep(bool failed)
{
    return failed ? H5Eget_current_stack() : H5I_INVALID_HID;
}

void h5_stack_restore(hid_t kept)
{
    if (kept >= 0)
        H5Eset_current_stack(kept);
}

/* ---- types and shapes ---- */

hid_t h5_memory_type(h5_type_t type)
{
    switch (type) {
    case H5_TYPE_F32:
        return H5T_NATIVE_FLOAT;
    case H5_TYPE_F64:
        return H5T_NATIVE_DOUBLE;
    case H5_TYPE_I32:
        return H5T_NATIVE_INT32;
    case H5_TYPE_I64:
        return H5T_NATIVE_INT64;
    case H5_TYPE_U8:
        return H5T_NATIVE_UINT8;
    case H5_TYPE_U64:
        return H5T_NATIVE_UINT64;
    }
    die(__FILE__, __LINE__, "data type %d is unknown", (int)type);
}

size_t h5_type_bytes(h5_type_t type)
{
    static const size_t bytes[] = {[H5_TYPE_F32] = 4, [H5_TYPE_F64] = 8, [H5_TYPE_I32] = 4,
                                   [H5_TYPE_I64] = 8, [H5_TYPE_U8] = 1,  [H5_TYPE_U64] = 8};
    return bytes[type];
}

int64_t h5_shape_values(const h5_shape_t *shape)
{
    int64_t values = 1;
    for (int d = 0; d < shape->n_dims; d++)
        values *= shape->dims[d];
    return values;
}

h5_shape_t h5_vector(h5_type_t type, int64_t n)
{
    return (h5_shape_t){.type = type, .n_dims = 1, .dims = {n}};
}

bool h5_type_from_file(hid_t type, h5_type_t *out)
{
    size_t bytes = H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_FLOAT) {
        *out = bytes <= 4 ? H5_TYPE_F32 : H5_TYPE_F64;
        return bytes <= 8;
    }
    bool is_signed = class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
    if (is_signed || bytes < 8)
        *out = bytes < 4 || (is_signed && bytes == 4) ? H5_TYPE_I32 : H5_TYPE_I64;
    else
        *out = H5_TYPE_U64;
    if (!is_signed && bytes == 1)
        *out = H5_TYPE_U8;
    return class == H5T_INTEGER && bytes <= 8;
}

/* ---- files and groups ---- */

static hid_t access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    H5Pset_file_locking(list, false, true);
    return list;
}

static hid_t file_create(const char *path, hid_t access)
{
    hid_t list = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(list, false); // the root group's
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, list, access), kept = h5_stack_keep(file < 0);
    H5Pclose(list);
    h5_stack_restore(kept);
    return file;
}

err_t h5_create(const char *path, h5_id_t *out)
{
    h5_lock();
    hid_t access = access_list();
    *out = file_create(path, access);
    hid_t kept = h5_stack_keep(*out < 0);
    H5Pclose(access);
    h5_stack_restore(kept);
    err_t err = *out < 0 ? h5_stack_fail(ERR_IO, H5_NONE, path) : OK;
    h5_unlock();
    return err;
}

err_t h5_open(const char *path, h5_id_t *out)
{
    *out = H5_NONE;
    if (access(path, R_OK) != 0)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s", path);
    h5_lock();
    hid_t list = access_list();
    *out = H5Fopen(path, H5F_ACC_RDONLY, list);
    hid_t kept = h5_stack_keep(*out < 0);
    H5Pclose(list);
    h5_stack_restore(kept);
    err_t err = *out < 0 ? h5_stack_fail(ERR_FORMAT, H5_NONE, path) : OK;
    h5_unlock();
    return err;
}

static bool link_exists(hid_t parent, const char *name)
{
    return H5Lexists(parent, name, H5P_DEFAULT) > 0;
}

static hid_t group_step(hid_t parent, const char *name)
{
    if (link_exists(parent, name))
        return H5Gopen2(parent, name, H5P_DEFAULT);
    hid_t list = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(list, false);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, list, H5P_DEFAULT);
    hid_t kept = h5_stack_keep(group < 0);
    H5Pclose(list);
    h5_stack_restore(kept);
    return group;
}

hid_t h5_group_walk(hid_t parent, char *path, int keep, char **rest)
{
    hid_t at = H5Gopen2(parent, ".", H5P_DEFAULT);
    char *step = path;
    for (char *slash = strchr(step, '/'); at >= 0 && (slash || (!keep && step[0]));
         slash = strchr(step, '/')) {
        size_t length = slash ? (size_t)(slash - step) : strlen(step);
        char *next = step + length + (slash != NULL);
        step[length] = '\0';
        hid_t below = length && strcmp(step, ".") != 0 ? group_step(at, step)
                                                       : H5Gopen2(at, ".", H5P_DEFAULT);
        hid_t kept = h5_stack_keep(below < 0);
        H5Gclose(at);
        h5_stack_restore(kept);
        at = below;
        step = next;
    }
    *rest = step;
    return at;
}

static bool can_write(hid_t id)
{
    unsigned intent = H5F_ACC_RDONLY;
    hid_t file = H5Iget_file_id(id);
    bool known = file >= 0 && H5Fget_intent(file, &intent) >= 0;
    H5Fclose(file);
    return known && (intent & H5F_ACC_RDWR);
}

bool h5_path_exists(hid_t parent, const char *path)
{
    char *copy = mem_copy_text(path);
    bool found = true;
    for (char *at = copy; found && at != NULL;) {
        at = strchr(at, '/');
        if (at != NULL)
            *at = '\0';
        found = copy[0] == '\0' || strcmp(copy, ".") == 0 || link_exists(parent, copy);
        if (at != NULL)
            *at++ = '/';
    }
    free(copy);
    return found;
}

err_t h5_group(h5_id_t parent, const char *path, h5_id_t *out)
{
    err_t err = OK;
    *out = H5_NONE;
    h5_lock();
    if (!can_write(parent) && !h5_path_exists(parent, path)) {
        char name[H5_NAME_CAP];
        h5_name_of(parent, name, sizeof name);
        err = err_fail(ERR_MISSING, "%s: there is no group \"%s\"", name, path);
    } else {
        char *copy = mem_copy_text(path), *rest;
        *out = h5_group_walk(parent, copy, 0, &rest);
        free(copy);
        if (*out < 0)
            err = h5_stack_fail(ERR_FORMAT, parent, path);
    }
    h5_unlock();
    return err;
}

err_t h5_flush(h5_id_t file)
{
    h5_lock();
    err_t err = H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? h5_stack_fail(ERR_IO, file, "") : OK;
    h5_unlock();
    return err;
}

static atomic_bool stuck;

bool h5_stuck(void)
{
    return atomic_load(&stuck);
}

static herr_t close_file(hid_t id)
{
    herr_t closed = H5Fclose(id);
    if (closed < 0)
        atomic_store(&stuck, true);
    return closed;
}

static herr_t close_any(hid_t id)
{
    switch (H5Iget_type(id)) {
    case H5I_FILE:
        return close_file(id);
    case H5I_GROUP:
        return H5Gclose(id);
    case H5I_DATASET:
        return H5Dclose(id);
    default:
        return 0; // its file was closed before it
    }
}

err_t h5_close(h5_id_t *id)
{
    if (*id < 0)
        return OK;
    char name[H5_NAME_CAP];
    h5_lock();
    h5_name_of(*id, name, sizeof name);
    err_t err = close_any(*id) < 0 ? h5_stack_fail(ERR_IO, H5_NONE, name) : OK;
    *id = H5_NONE;
    h5_unlock();
    return err;
}

void h5_drop(h5_id_t *id)
{
    if (*id < 0)
        return;
    h5_lock();
    close_any(*id);
    h5_unlock();
    *id = H5_NONE;
}

bool h5_has(h5_id_t parent, const char *path)
{
    h5_lock();
    bool found = h5_path_exists(parent, path);
    h5_unlock();
    return found;
}
