// SPDX-License-Identifier: Apache-2.0
#include "storage/named_arrays.h"

#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define CONTENTS "contents"

typedef enum { ITEM_F32, ITEM_F64, ITEM_I64, ITEM_U8, ITEM_TEXT, ITEM_TYPES } item_type_t;

static const char *const type_names[ITEM_TYPES] = {"f32", "f64", "i64", "u8", "text"};
static const h5_type_t type_h5[ITEM_TYPES] = {H5_TYPE_F32, H5_TYPE_F64, H5_TYPE_I64, H5_TYPE_U8,
                                              H5_TYPE_U8};

typedef struct {
    char *name;
    item_type_t type;
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS]; // of a text: its bytes
    uint64_t hash;
} item_t;

static h5_shape_t item_shape(const item_t *item)
{
    h5_shape_t shape = {.type = type_h5[item->type], .n_dims = item->n_dims};
    for (int d = 0; d < item->n_dims; d++)
        shape.dims[d] = item->dims[d];
    return shape;
}

static size_t item_bytes(const item_t *item)
{
    h5_shape_t shape = item_shape(item);
    return (size_t)h5_shape_values(&shape) * h5_type_bytes(shape.type);
}

/* "f32 64x32" */
static char *item_words(const item_t *item)
{
    char dims[ARRAYS_MAX_DIMS * 21 + 1] = "-";
    int used = 0;
    for (int d = 0; d < item->n_dims; d++)
        used += snprintf(dims + used, sizeof dims - (size_t)used, "%s%" PRId64, d ? "x" : "",
                         item->dims[d]);
    return mem_format("%s %s", type_names[item->type], dims);
}

static void hash_text(uint64_t hash, char out[ARRAYS_HASH_CAP])
{
    snprintf(out, ARRAYS_HASH_CAP, "%016" PRIx64, hash);
}

void weights_hash(size_t n, const float *weights, char out[ARRAYS_HASH_CAP])
{
    hash_text(XXH3_64bits(weights, n * sizeof *weights), out);
}

/* ---- writing ---- */
struct arrays_writer {
    char *path, *part;
    h5_id_t file;
    int n_lines;
    char **lines;
};

err_t arrays_writer_open(const char *path, const char *format, int64_t version,
                         arrays_writer_t **out)
{
    arrays_writer_t *w = MEM_NEW(arrays_writer_t, 1);
    w->path = mem_copy_text(path);
    w->part = mem_format("%s.part", path);
    w->file = H5_NONE;
    err_t err;
    TRY_TO(done, h5_create(w->part, &w->file));
    TRY_TO(done, h5_set_text(w->file, "format", format));
    TRY_TO(done, h5_set_integer(w->file, "format_version", version));
    TRY_TO(done, h5_set_text(w->file, "software", "infermill " INFERMILL_VERSION));
done:
    if (err != OK)
        arrays_abandon(&w);
    *out = w;
    return err;
}

static bool name_is_good(const char *name)
{
    bool after_slash = true;
    for (const char *c = name; *c; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '_' || *c == '-' ||
                    (*c == '.' && !after_slash);
        if (!word && (*c != '/' || after_slash))
            return false;
        after_slash = *c == '/';
    }
    return !after_slash && strcmp(name, CONTENTS) != 0;
}

static void add_line(arrays_writer_t *w, const item_t *item)
{
    char hash[ARRAYS_HASH_CAP];
    hash_text(item->hash, hash);
    char *words = item_words(item);
    w->lines = MEM_GROW(w->lines, char *, w->n_lines + 1);
    w->lines[w->n_lines++] = mem_format("%s %s %s", item->name, words, hash);
    free(words);
}

static err_t put(arrays_writer_t *w, const char *name, item_type_t type, int n_dims,
                 const int64_t *dims, const void *data)
{
    CHECK(name_is_good(name), "\"%s\" is no name of an array", name);
    CHECK(n_dims >= 0 && n_dims <= ARRAYS_MAX_DIMS, "%s: %d dimensions", name, n_dims);
    char *copy = mem_copy_text(name);
    item_t item = {.name = copy, .type = type, .n_dims = n_dims};
    for (int d = 0; d < n_dims; d++)
        item.dims[d] = dims[d];
    item.hash = XXH3_64bits(data, item_bytes(&item));
    h5_shape_t shape = item_shape(&item);
    err_t err;
    if (type == ITEM_TEXT)
        TRY_TO(done, h5_write_texts(w->file, name, 1, (const char *const[]){data}));
    else
        TRY_TO(done, h5_write(w->file, name, &shape, data));
    add_line(w, &item);
done:
    free(copy);
    return err;
}

err_t arrays_put_f32(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const float *data)
{
    CHECK(n_dims > 0, "%s: an array has dimensions", name);
    return put(w, name, ITEM_F32, n_dims, dims, data);
}

err_t arrays_put_f64(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const double *data)
{
    CHECK(n_dims > 0, "%s: an array has dimensions", name);
    return put(w, name, ITEM_F64, n_dims, dims, data);
}

err_t arrays_put_i64(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const int64_t *data)
{
    CHECK(n_dims > 0, "%s: an array has dimensions", name);
    return put(w, name, ITEM_I64, n_dims, dims, data);
}

err_t arrays_put_u8(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                    const uint8_t *data)
{
    CHECK(n_dims > 0, "%s: an array has dimensions", name);
    return put(w, name, ITEM_U8, n_dims, dims, data);
}

err_t arrays_put_text(arrays_writer_t *w, const char *name, const char *text)
{
    return put(w, name, ITEM_TEXT, 1, (const int64_t[]){(int64_t)strlen(text)}, text);
}

err_t arrays_put_integer(arrays_writer_t *w, const char *name, int64_t value)
{
    return put(w, name, ITEM_I64, 0, NULL, &value);
}

err_t arrays_put_real(arrays_writer_t *w, const char *name, double value)
{
    return put(w, name, ITEM_F64, 0, NULL, &value);
}

/* Lines hashed with their newline, so that no two lists look alike. */
static uint64_t hash_lines(int64_t n, char *const *lines)
{
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL, "no memory for a hash");
    XXH3_64bits_reset(state);
    for (int64_t i = 0; i < n; i++) {
        XXH3_64bits_update(state, lines[i], strlen(lines[i]));
        XXH3_64bits_update(state, "\n", 1);
    }
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static err_t write_contents(arrays_writer_t *w)
{
    char hash[ARRAYS_HASH_CAP];
    hash_text(hash_lines(w->n_lines, w->lines), hash);
    TRY(h5_write_texts(w->file, CONTENTS, w->n_lines, (const char *const *)w->lines));
    TRY(h5_set_text(w->file, "contents_hash", hash));
    TRY(h5_flush(w->file));
    return h5_close(&w->file);
}

static void free_writer(arrays_writer_t **w)
{
    h5_drop(&(*w)->file);
    h5_free_texts((*w)->n_lines, &(*w)->lines);
    free((*w)->path);
    free((*w)->part);
    free(*w);
    *w = NULL;
}

err_t arrays_finish(arrays_writer_t **writer)
{
    err_t err;
    TRY_TO(failed, write_contents(*writer));
    TRY_TO(failed, sync_rename((*writer)->part, (*writer)->path));
    free_writer(writer);
    return OK;
failed:
    arrays_abandon(writer);
    return err;
}

void arrays_abandon(arrays_writer_t **w)
{
    if (!*w)
        return;
    h5_divert((*w)->file);
    unlink((*w)->part);
    free_writer(w);
}

/* ---- reading ---- */
struct arrays {
    char *path;
    h5_id_t file;
    int64_t version;
    int n;
    item_t *items;
};

static err_t check_format(arrays_t *a, const char *format, int64_t newest)
{
    char *found = NULL;
    if (!h5_has_attribute(a->file, "format") || !h5_has_attribute(a->file, "format_version"))
        return err_fail(ERR_FORMAT, "%s: an HDF5 file, but no \"%s\"", a->path, format);
    TRY(h5_get_text(a->file, "format", &found));
    bool same = strcmp(found, format) == 0;
    err_t err =
        same ? OK : err_fail(ERR_FORMAT, "%s: is \"%s\", expected \"%s\"", a->path, found, format);
    free(found);
    TRY(err);
    TRY(h5_get_integer(a->file, "format_version", &a->version));
    if (a->version > newest)
        return err_fail(ERR_FORMAT,
                        "%s: made by a newer infermill: format %" PRId64
                        ", this one reads up to %" PRId64,
                        a->path, a->version, newest);
    return OK;
}

/* Takes "64x32" or "-" apart. */
static bool parse_dims(const char *text, item_t *item)
{
    item->n_dims = 0;
    if (strcmp(text, "-") == 0)
        return true;
    for (char *end; item->n_dims < ARRAYS_MAX_DIMS; text = end + 1) {
        int64_t dim = strtoll(text, &end, 10);
        if (end == text || dim < 0)
            return false;
        item->dims[item->n_dims++] = dim;
        if (*end != 'x')
            return *end == '\0';
    }
    return false;
}

static bool parse_line(char *line, item_t *item)
{
    char *rest = NULL, *end = NULL;
    const char *name = strtok_r(line, " ", &rest), *type = strtok_r(NULL, " ", &rest);
    const char *dims = strtok_r(NULL, " ", &rest), *hash = strtok_r(NULL, " ", &rest);
    if (!hash || !parse_dims(dims, item))
        return false;
    item->hash = strtoull(hash, &end, 16);
    int t = 0;
    while (t < ITEM_TYPES && strcmp(type, type_names[t]) != 0)
        t++;
    if (t == ITEM_TYPES || *end || !name_is_good(name))
        return false;
    item->type = (item_type_t)t;
    item->name = mem_copy_text(name);
    return true;
}

static err_t check_contents(const arrays_t *a, int64_t n, char *const *lines)
{
    char want[ARRAYS_HASH_CAP], *found = NULL;
    hash_text(hash_lines(n, lines), want);
    TRY(h5_get_text(a->file, "contents_hash", &found));
    err_t err = OK;
    if (strcmp(found, want) != 0)
        err =
            err_fail(ERR_FORMAT,
                     "%s: its contents do not match their checksum: the file is damaged", a->path);
    free(found);
    return err;
}

static err_t read_contents(arrays_t *a)
{
    int64_t n;
    char **lines;
    TRY(h5_read_texts(a->file, CONTENTS, &n, &lines));
    err_t err;
    TRY_TO(done, check_contents(a, n, lines));
    a->items = MEM_NEW(item_t, n + 1);
    for (int64_t i = 0; i < n; i++, a->n++)
        if (!parse_line(lines[i], &a->items[i]))
            TRY_TO(done, err_fail(ERR_FORMAT, "%s: contents: line %ld makes no sense", a->path,
                                  (long)i + 1));
done:
    h5_free_texts(n, &lines);
    return err;
}

err_t arrays_open(const char *path, const char *format, int64_t newest_version, arrays_t **out)
{
    arrays_t *a = MEM_NEW(arrays_t, 1);
    a->path = mem_copy_text(path);
    a->file = H5_NONE;
    err_t err;
    TRY_TO(done, h5_open(path, &a->file));
    TRY_TO(done, check_format(a, format, newest_version));
    TRY_TO(done, read_contents(a));
done:
    if (err != OK)
        arrays_close(&a);
    *out = a;
    return err;
}

void arrays_close(arrays_t **arrays)
{
    arrays_t *a = *arrays;
    if (!a)
        return;
    h5_drop(&a->file);
    for (int i = 0; i < a->n; i++)
        free(a->items[i].name);
    free(a->items);
    free(a->path);
    free(a);
    *arrays = NULL;
}

int64_t arrays_version(const arrays_t *a)
{
    return a->version;
}

int arrays_count(const arrays_t *a)
{
    return a->n;
}

const char *arrays_name(const arrays_t *a, int i)
{
    return a->items[i].name;
}

static const item_t *find(const arrays_t *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->items[i].name, name) == 0)
            return &a->items[i];
    return NULL;
}

bool arrays_has(const arrays_t *a, const char *name)
{
    return find(a, name) != NULL;
}

static err_t find_or_fail(const arrays_t *a, const char *name, const item_t **out)
{
    *out = find(a, name);
    return *out ? OK : err_fail(ERR_MISSING, "%s: there is no \"%s\"", a->path, name);
}

err_t arrays_shape(const arrays_t *a, const char *name, int *n_dims, int64_t *dims)
{
    const item_t *item;
    TRY(find_or_fail(a, name, &item));
    *n_dims = item->n_dims;
    memcpy(dims, item->dims, sizeof item->dims);
    return OK;
}

static err_t check_item(const arrays_t *a, const item_t *got, const item_t *expected)
{
    size_t bytes = (size_t)expected->n_dims * sizeof expected->dims[0];
    if (got->type == expected->type && got->n_dims == expected->n_dims &&
        memcmp(got->dims, expected->dims, bytes) == 0)
        return OK;
    char *is = item_words(got), *wanted = item_words(expected);
    err_t err =
        err_fail(ERR_FORMAT, "%s: \"%s\" is %s, expected %s", a->path, got->name, is, wanted);
    free(is);
    free(wanted);
    return err;
}

static err_t check_hash(const arrays_t *a, const item_t *item, const void *data)
{
    if (XXH3_64bits(data, item_bytes(item)) == item->hash)
        return OK;
    return err_fail(ERR_FORMAT, "%s: \"%s\" does not match its checksum: the file is damaged",
                    a->path, item->name);
}

static err_t get(const arrays_t *a, const char *name, item_type_t type, int n_dims,
                 const int64_t *dims, void *out)
{
    CHECK(n_dims <= ARRAYS_MAX_DIMS, "%s: %d dimensions", name, n_dims);
    const item_t *item;
    TRY(find_or_fail(a, name, &item));
    item_t expected = {.type = type, .n_dims = n_dims};
    for (int d = 0; d < n_dims; d++)
        expected.dims[d] = dims[d];
    TRY(check_item(a, item, &expected));
    h5_shape_t shape = item_shape(item);
    TRY(h5_read(a->file, name, &shape, out));
    return check_hash(a, item, out);
}

err_t arrays_get_f32(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     float *out)
{
    return get(a, name, ITEM_F32, n_dims, dims, out);
}

err_t arrays_get_f64(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     double *out)
{
    return get(a, name, ITEM_F64, n_dims, dims, out);
}

err_t arrays_get_i64(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     int64_t *out)
{
    return get(a, name, ITEM_I64, n_dims, dims, out);
}

err_t arrays_get_u8(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                    uint8_t *out)
{
    return get(a, name, ITEM_U8, n_dims, dims, out);
}

err_t arrays_get_integer(const arrays_t *a, const char *name, int64_t *out)
{
    return get(a, name, ITEM_I64, 0, NULL, out);
}

err_t arrays_get_real(const arrays_t *a, const char *name, double *out)
{
    return get(a, name, ITEM_F64, 0, NULL, out);
}

err_t arrays_get_text(const arrays_t *a, const char *name, char **out)
{
    *out = NULL;
    const item_t *item;
    TRY(find_or_fail(a, name, &item));
    if (item->type != ITEM_TEXT)
        return err_fail(ERR_FORMAT, "%s: \"%s\" is %s, expected text", a->path, name,
                        type_names[item->type]);
    int64_t n;
    char **texts;
    TRY(h5_read_texts(a->file, name, &n, &texts));
    err_t err = OK;
    if (n != 1 || (int64_t)strlen(texts[0]) != item->dims[0])
        err = err_fail(ERR_FORMAT, "%s: \"%s\" is not the text that was written", a->path, name);
    if (err == OK)
        err = check_hash(a, item, texts[0]);
    if (err == OK) {
        *out = texts[0];
        texts[0] = NULL;
    }
    h5_free_texts(n, &texts);
    return err;
}
