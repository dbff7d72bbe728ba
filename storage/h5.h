/* SPDX-License-Identifier: Apache-2.0
 *
 * HDF5, and the only files that call it (h5*.c). Every function here takes one process-wide lock (a reader thread may work beside
 * the main thread), HDF5's error stack becomes the text of an err_t, and every id that is made inside is closed inside.
 *
 * Files are made so that equal content gives equal bytes: no object times, space allocated when a data set is made,
 * nothing filled in, links in order of creation, the format of HDF5 1.10 (h5py, xarray and netCDF read it). HDF5's file
 * locking is off: a file is written beside and renamed, never opened for writing again.
 *
 * An id stands for a file, a group or a data set. Paths are relative to it ("parameters/mu"); groups on the way are made.
 * Memory is row-major; "rows" are the first dimension.
 */
#ifndef STORAGE_H5_H
#define STORAGE_H5_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t h5_id_t;
#define H5_NONE ((h5_id_t)-1) // where ids start; h5_close passes over it

typedef enum {
    H5_TYPE_F32,
    H5_TYPE_F64,
    H5_TYPE_I32,
    H5_TYPE_I64,
    H5_TYPE_U8,
    H5_TYPE_U64
} h5_type_t;

enum { H5_MAX_DIMS = 8 };

typedef struct {
    h5_type_t type;
    int n_dims;                // 0: a single value
    int64_t dims[H5_MAX_DIMS]; // 0 is allowed
    int64_t chunk_rows;        // rows of a chunk; 0: contiguous
    int deflate;               // of chunks: 0 none, 1 (fast) to 9 (small)
} h5_shape_t;

size_t h5_type_bytes(h5_type_t type);
int64_t h5_shape_values(const h5_shape_t *shape); // product of dims
h5_shape_t h5_vector(h5_type_t type, int64_t n);  // contiguous, 1-d

/* ---- files and groups ---- */

/* Makes a file; one of that name is overwritten. ERR_IO. Not collective. */
err_t h5_create(const char *path, h5_id_t *out) ERR_MUST_CHECK;
/* Opens for reading, with the POSIX driver. ERR_MISSING: no such file; ERR_IO: not readable; ERR_FORMAT: not HDF5, or
 * truncated. Not collective. */
err_t h5_open(const char *path, h5_id_t *out) ERR_MUST_CHECK;
/* Opens a group, made where it is missing and the file is being written; ERR_MISSING otherwise. */
err_t h5_group(h5_id_t parent, const char *path, h5_id_t *out) ERR_MUST_CHECK;
/* Hands what was written to the operating system. ERR_IO. */
err_t h5_flush(h5_id_t file) ERR_MUST_CHECK;
/* Closes a file (with whatever is still open in it), group or data set and sets the id to H5_NONE, also when it fails:
 * ERR_IO when a last write failed. */
err_t h5_close(h5_id_t *id) ERR_MUST_CHECK;
/* The same where an error is being handled or nothing was written: a failure is dropped. */
void h5_drop(h5_id_t *id);
/* Gives up a file whose writing failed: what HDF5 still holds of it goes nowhere, so that closing its ids succeeds. They
 * stay open. H5_NONE is fine. Not collective. */
void h5_divert(h5_id_t file);
/* Whether closing a file failed. HDF5 keeps such a file half open and crashes on it when it ends (at MPI_Finalize or exit):
 * the program should then leave by _exit. */
bool h5_stuck(void);

bool h5_has(h5_id_t parent, const char *path); // false also where a group on the way is missing
/* The names in a group ("." for the id itself), in order of creation (by name in files that do not keep it). Free each
 * and the array, or use h5_free_texts. */
err_t h5_names(h5_id_t parent, const char *group, int64_t *n, char ***names) ERR_MUST_CHECK;
void h5_free_texts(int64_t n, char ***texts);

/* ---- data sets ---- */

err_t h5_dataset_create(h5_id_t parent, const char *path, const h5_shape_t *shape,
                        h5_id_t *out) ERR_MUST_CHECK;
/* ERR_MISSING: no such data set. */
err_t h5_dataset_open(h5_id_t parent, const char *path, h5_id_t *out) ERR_MUST_CHECK;
/* ERR_FORMAT for a type or a number of dimensions this module does not know. Integers and floats of other widths are
 * reported as the narrowest type here that holds them. */
err_t h5_dataset_shape(h5_id_t dataset, h5_shape_t *shape) ERR_MUST_CHECK;

/* Where the numbers of a contiguous data set begin in its file, in bytes: they lie there in rows, as its type says. -1 for
 * other layouts. */
int64_t h5_dataset_place(h5_id_t dataset);

/* Rows [first, first + n) of a data set, n = 0 allowed; `data` holds values of `type` (converted where the file's type
 * is another one). ERR_IO. */
err_t h5_write_rows(h5_id_t dataset, int64_t first, int64_t n, h5_type_t type,
                    const void *data) ERR_MUST_CHECK;
/* ERR_FORMAT: rows beyond the end, unreadable data. */
err_t h5_read_rows(h5_id_t dataset, int64_t first, int64_t n, h5_type_t type,
                   void *data) ERR_MUST_CHECK;

/* Makes, writes and closes a data set. */
err_t h5_write(h5_id_t parent, const char *path, const h5_shape_t *shape,
               const void *data) ERR_MUST_CHECK;
/* Reads all of a data set as `shape->type`. ERR_FORMAT with got and expected where its dims are not those of `shape`. */
err_t h5_read(h5_id_t parent, const char *path, const h5_shape_t *shape, void *data) ERR_MUST_CHECK;

/* A list of texts as a 1-d data set of strings. */
err_t h5_write_texts(h5_id_t parent, const char *path, int64_t n,
                     const char *const *texts) ERR_MUST_CHECK;
/* The same list made empty, to be written in pieces: texts [first, first + n). */
err_t h5_texts_create(h5_id_t parent, const char *path, int64_t n, h5_id_t *out) ERR_MUST_CHECK;
err_t h5_write_text_rows(h5_id_t dataset, int64_t first, int64_t n,
                         const char *const *texts) ERR_MUST_CHECK;
/* Strings of fixed or free length; free with h5_free_texts. */
err_t h5_read_texts(h5_id_t parent, const char *path, int64_t *n, char ***texts) ERR_MUST_CHECK;

/* Makes a 1-d data set a dimension scale (netCDF's coordinate) named `name`, and attaches it to dimension `dim` of
 * another data set. Both are ids of open data sets. */
err_t h5_make_scale(h5_id_t dataset, const char *name) ERR_MUST_CHECK;
err_t h5_attach_scale(h5_id_t dataset, int dim, h5_id_t scale) ERR_MUST_CHECK;

/* ---- attributes of a file (its root), group or data set ---- */

err_t h5_set_text(h5_id_t object, const char *name, const char *text) ERR_MUST_CHECK;
err_t h5_set_integer(h5_id_t object, const char *name, int64_t value) ERR_MUST_CHECK;
err_t h5_set_unsigned(h5_id_t object, const char *name, uint64_t value) ERR_MUST_CHECK;
err_t h5_set_real(h5_id_t object, const char *name, double value) ERR_MUST_CHECK;
bool h5_has_attribute(h5_id_t object, const char *name);
/* ERR_MISSING: no such attribute; ERR_FORMAT: of another kind. The text is the caller's to free. */
err_t h5_get_text(h5_id_t object, const char *name, char **text) ERR_MUST_CHECK;
err_t h5_get_integer(h5_id_t object, const char *name, int64_t *value) ERR_MUST_CHECK;
err_t h5_get_unsigned(h5_id_t object, const char *name, uint64_t *value) ERR_MUST_CHECK;
err_t h5_get_real(h5_id_t object, const char *name, double *value) ERR_MUST_CHECK;

#endif
