// SPDX-License-Identifier: Apache-2.0
#include "workers/npy.h"

#include "cluster/mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are read as they lie in the file, which is little-endian"
#endif

typedef enum { NPY_F4, NPY_F8, NPY_I4, NPY_I8, NPY_U1, NPY_TYPES } npy_type_t;

static const struct {
    const char *name;
    npy_type_t type;
    size_t bytes;
} types[] = {{"<f4", NPY_F4, 4}, {"<f8", NPY_F8, 8}, {"<i4", NPY_I4, 4},
             {"<i8", NPY_I8, 8}, {"|u1", NPY_U1, 1}, {"|b1", NPY_U1, 1}};

struct npy {
    char *path;
    FILE *file;
    int64_t begin; // of the numbers
    npy_type_t type;
    size_t bytes; // of one number
    int n_dims;
    int64_t dims[NPY_MAX_DIMS];
};

/* ---- the header, a dictionary as Python prints it ---- */

typedef struct {
    const npy_t *npy;
    const char *at;
} reading_t;

static err_t bad_header(const reading_t *r, const char *expected)
{
    return err_fail(ERR_FORMAT, "%s: NPY header: got \"%.20s\", expected %s", r->npy->path, r->at,
                    expected);
}

static void skip_spaces(reading_t *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
}

static bool take(reading_t *r, const char *word)
{
    skip_spaces(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

static err_t read_descr(reading_t *r, npy_t *npy)
{
    char name[32];
    skip_spaces(r);
    char quote = *r->at;
    const char *end = quote == '\'' || quote == '"' ? strchr(r->at + 1, quote) : NULL;
    if (end == NULL)
        return err_fail(ERR_FORMAT, "%s: holds records or objects (%.40s), expected numbers",
                        npy->path, r->at);
    snprintf(name, sizeof name, "%.*s", (int)(end - r->at - 1), r->at + 1);
    r->at = end + 1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            npy->type = types[i].type;
            npy->bytes = types[i].bytes;
            return OK;
        }
    return err_fail(ERR_FORMAT,
                    "%s: holds numbers of type %s, expected <f4, <f8, <i4, <i8, |u1 or |b1",
                    npy->path, name);
}

static err_t read_order(reading_t *r)
{
    if (take(r, "False"))
        return OK;
    if (take(r, "True"))
        return err_fail(ERR_FORMAT,
                        "%s: in Fortran order, expected C order (numpy.ascontiguousarray)",
                        r->npy->path);
    return bad_header(r, "False");
}

static err_t read_shape(reading_t *r, npy_t *npy)
{
    if (!take(r, "("))
        return bad_header(r, "a shape");
    while (!take(r, ")")) {
        skip_spaces(r);
        char *end;
        errno = 0;
        long long size = isdigit((unsigned char)*r->at) ? strtoll(r->at, &end, 10) : -1;
        if (size < 0 || errno != 0 || npy->n_dims == NPY_MAX_DIMS)
            return bad_header(r, "at most 8 sizes");
        npy->dims[npy->n_dims++] = size;
        r->at = end;
        if (!take(r, ",") && *r->at != ')')
            return bad_header(r, "a comma");
    }
    return OK;
}

static err_t parse_header(npy_t *npy, const char *text)
{
    reading_t r = {npy, text};
    int found = 0;
    if (!take(&r, "{"))
        return bad_header(&r, "a dictionary");
    while (!take(&r, "}")) {
        if (take(&r, "'descr':"))
            TRY(read_descr(&r, npy));
        else if (take(&r, "'fortran_order':"))
            TRY(read_order(&r));
        else if (take(&r, "'shape':"))
            TRY(read_shape(&r, npy));
        else
            return bad_header(&r, "descr, fortran_order or shape");
        found++;
        if (!take(&r, ",") && *r.at != '}')
            return bad_header(&r, "a comma");
    }
    return found == 3 ? OK : err_fail(ERR_FORMAT, "%s: NPY header: it is not whole", npy->path);
}

static err_t read_header(npy_t *npy)
{
    enum { PREFIX = 12, MOST = 1 << 20 };
    unsigned char prefix[PREFIX] = {0};
    size_t got = fread(prefix, 1, PREFIX, npy->file);
    if (got < PREFIX || memcmp(prefix, "\x93NUMPY", 6) != 0)
        return err_fail(ERR_FORMAT, "%s: not an NPY file", npy->path);
    if (prefix[6] < 1 || prefix[6] > 3)
        return err_fail(ERR_FORMAT, "%s: NPY version %d, expected 1 to 3", npy->path, prefix[6]);
    int64_t length = prefix[8] | prefix[9] << 8;
    npy->begin = 10;
    if (prefix[6] > 1) {
        length |= (int64_t)prefix[10] << 16 | (int64_t)prefix[11] << 24;
        npy->begin = PREFIX;
    }
    if (length > MOST || fseeko(npy->file, npy->begin, SEEK_SET) != 0)
        return err_fail(ERR_FORMAT, "%s: an NPY header of %" PRId64 " bytes", npy->path, length);
    npy->begin += length;
    char *text = MEM_NEW(char, length + 1);
    err_t err = OK;
    if (fread(text, 1, (size_t)length, npy->file) != (size_t)length)
        err = err_fail(ERR_FORMAT, "%s: ends inside its header", npy->path);
    if (err == OK)
        err = parse_header(npy, text);
    free(text);
    return err;
}

static err_t check_size(const npy_t *npy)
{
    struct stat info;
    int64_t expected = (int64_t)npy->bytes;
    for (int d = 0; d < npy->n_dims; d++)
        if (__builtin_mul_overflow(expected, npy->dims[d], &expected))
            return err_fail(ERR_FORMAT, "%s: a shape beyond any file", npy->path);
    if (fstat(fileno(npy->file), &info) != 0)
        return err_errno(ERR_IO, "%s", npy->path);
    if (info.st_size - npy->begin != expected)
        return err_fail(ERR_FORMAT,
                        "%s: %" PRId64 " bytes of numbers, expected %" PRId64 " by its shape",
                        npy->path, (int64_t)info.st_size - npy->begin, expected);
    return OK;
}

err_t npy_open(const char *path, npy_t **out)
{
    FILE *file = fopen(path, "rbe");
    *out = NULL;
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: can not be read", path);
    npy_t *npy = MEM_NEW(npy_t, 1);
    err_t err;
    npy->path = mem_copy_text(path);
    npy->file = file;
    TRY_TO(done, read_header(npy));
    TRY_TO(done, check_size(npy));
done:
    if (err != OK)
        npy_close(&npy);
    *out = npy;
    return err;
}

void npy_close(npy_t **npy)
{
    if (*npy == NULL)
        return;
    fclose((*npy)->file);
    free((*npy)->path);
    free(*npy);
    *npy = NULL;
}

int npy_dims(const npy_t *npy, int64_t dims[NPY_MAX_DIMS])
{
    memcpy(dims, npy->dims, sizeof npy->dims);
    return npy->n_dims;
}

/* ---- the numbers ---- */

static double number_at(npy_type_t type, const char *at)
{
    union {
        float f4;
        double f8;
        int32_t i4;
        int64_t i8;
    } u;
    switch (type) {
    case NPY_F4:
        memcpy(&u.f4, at, sizeof u.f4);
        return (double)u.f4;
    case NPY_F8:
        memcpy(&u.f8, at, sizeof u.f8);
        return u.f8;
    case NPY_I4:
        memcpy(&u.i4, at, sizeof u.i4);
        return u.i4;
    case NPY_I8:
        memcpy(&u.i8, at, sizeof u.i8);
        return (double)u.i8;
    case NPY_U1:
        return (double)*(const unsigned char *)at;
    case NPY_TYPES:
        break;
    }
    CHECK(false, "type %d", (int)type);
    return 0;
}

// Calls for pieces of a fixed size; where `narrow` is set `out` holds floats.
static err_t read_numbers(npy_t *npy, int64_t first, int64_t n, bool narrow, void *out)
{
    enum { PIECE = 8192 };
    char piece[PIECE];
    int64_t row = 1, most = PIECE / (int64_t)npy->bytes;
    for (int d = 1; d < npy->n_dims; d++)
        row *= npy->dims[d];
    CHECK(npy->n_dims > 0 && first >= 0 && first + n <= npy->dims[0],
          "%s: rows [%" PRId64 ", %" PRId64 ")", npy->path, first, first + n);
    if (fseeko(npy->file, npy->begin + first * row * (int64_t)npy->bytes, SEEK_SET) != 0)
        return err_errno(ERR_IO, "%s", npy->path);
    for (int64_t done = 0; done < n * row;) {
        int64_t count = n * row - done < most ? n * row - done : most;
        if (fread(piece, npy->bytes, (size_t)count, npy->file) != (size_t)count)
            return err_fail(ERR_IO, "%s: rows %" PRId64 " to %" PRId64 " can not be read",
                            npy->path, first, first + n - 1);
        for (int64_t i = 0; i < count; i++) {
            double x = number_at(npy->type, piece + (size_t)i * npy->bytes);
            if (narrow)
                ((float *)out)[done + i] = (float)x;
            else
                ((double *)out)[done + i] = x;
        }
        done += count;
    }
    return OK;
}

err_t npy_read_f64(npy_t *npy, int64_t first, int64_t n, double *out)
{
    return read_numbers(npy, first, n, false, out);
}

err_t npy_read_f32(npy_t *npy, int64_t first, int64_t n, float *out)
{
    return read_numbers(npy, first, n, true, out);
}
