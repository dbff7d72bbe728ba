/* SPDX-License-Identifier: Apache-2.0
 *
 * One self-contained HDF5 file of named arrays, texts and numbers: what amortizer.h5 and checkpoint.h5 are. Each lies
 * under its own name, a path ("weights/summary/layer0/weight"), so h5py reads it as f[name][()]:
 *
 *   /                 attributes: format ("infermill amortizer"), format_version, software, contents_hash
 *   /<name>           array of f32, f64, i64 or u8; a number is a single value; a text is a list of one string (utf-8)
 *   /contents         one line an item, in the order written: "<name> <type> <dims> <xxh3 of its bytes>",
 *                     as in "weights/a f32 64x32 9f3c21ab77e0d154"; a number has the dims "-", a text its bytes
 *
 * It is written beside and renamed, so a killed writer leaves the old file. Reading checks the format's name and version,
 * and for each item its presence, type, shape and hash.
 */
#ifndef STORAGE_NAMED_ARRAYS_H
#define STORAGE_NAMED_ARRAYS_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARRAYS_HASH_CAP = 17, ARRAYS_MAX_DIMS = 4 };

/* ---- writing ---- */
typedef struct arrays_writer arrays_writer_t; // opaque

/* Starts `<path>.part`. ERR_IO. Not collective: one process writes. */
err_t arrays_writer_open(const char *path, const char *format, int64_t version,
                         arrays_writer_t **out) ERR_MUST_CHECK;
/* A name has letters, digits and "_.-", with single slashes between; each is used once, and none lies below another.
 * n_dims from 1 to ARRAYS_MAX_DIMS; data is row-major and not kept. ERR_IO. */
err_t arrays_put_f32(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const float *data) ERR_MUST_CHECK;
err_t arrays_put_f64(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const double *data) ERR_MUST_CHECK;
err_t arrays_put_i64(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                     const int64_t *data) ERR_MUST_CHECK;
err_t arrays_put_u8(arrays_writer_t *w, const char *name, int n_dims, const int64_t *dims,
                    const uint8_t *data) ERR_MUST_CHECK;
err_t arrays_put_text(arrays_writer_t *w, const char *name, const char *text) ERR_MUST_CHECK;
err_t arrays_put_integer(arrays_writer_t *w, const char *name, int64_t value) ERR_MUST_CHECK;
err_t arrays_put_real(arrays_writer_t *w, const char *name, double value) ERR_MUST_CHECK;
/* Closes, syncs and renames; the writer is gone after it, and where it fails so is the part. ERR_IO. */
err_t arrays_finish(arrays_writer_t **w) ERR_MUST_CHECK;
/* Gives up: the part is removed. NULL is fine. */
void arrays_abandon(arrays_writer_t **w);

/* ---- reading ---- */
typedef struct arrays arrays_t; // opaque: an open file

/* ERR_MISSING: no such file. ERR_FORMAT: torn, of another format (says which), or "made by a newer infermill: format 3,
 * this one reads up to 1". Not collective. */
err_t arrays_open(const char *path, const char *format, int64_t newest_version,
                  arrays_t **out) ERR_MUST_CHECK;
void arrays_close(arrays_t **a); // NULL is fine

int64_t arrays_version(const arrays_t *a);
int arrays_count(const arrays_t *a);
const char *arrays_name(const arrays_t *a, int i); // in the order written; valid until arrays_close
bool arrays_has(const arrays_t *a, const char *name);
/* Shape of an array; dims has room for ARRAYS_MAX_DIMS. ERR_MISSING names what is not there. */
err_t arrays_shape(const arrays_t *a, const char *name, int *n_dims, int64_t *dims) ERR_MUST_CHECK;

/* Reads an array of exactly this type and shape. ERR_MISSING: not there; ERR_FORMAT: another type or shape (got and
 * expected), or bytes that do not match their hash. */
err_t arrays_get_f32(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     float *out) ERR_MUST_CHECK;
err_t arrays_get_f64(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     double *out) ERR_MUST_CHECK;
err_t arrays_get_i64(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                     int64_t *out) ERR_MUST_CHECK;
err_t arrays_get_u8(const arrays_t *a, const char *name, int n_dims, const int64_t *dims,
                    uint8_t *out) ERR_MUST_CHECK;
err_t arrays_get_text(const arrays_t *a, const char *name,
                      char **out) ERR_MUST_CHECK; // the caller frees it
err_t arrays_get_integer(const arrays_t *a, const char *name, int64_t *out) ERR_MUST_CHECK;
err_t arrays_get_real(const arrays_t *a, const char *name, double *out) ERR_MUST_CHECK;

/* xxh3 of n floats as 16 hex digits: how weights are named in gate records and posterior files. */
void weights_hash(size_t n, const float *weights, char out[ARRAYS_HASH_CAP]);

#endif
