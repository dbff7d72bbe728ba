/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files h5*.c share. For these alone: whoever calls HDF5 holds the lock.
 */
#ifndef STORAGE_H5_INSIDE_H
#define STORAGE_H5_INSIDE_H

#include "storage/h5.h"

#include <hdf5.h>

enum { H5_NAME_CAP = 1024 };

void h5_lock(void);
void h5_unlock(void);
/* "file: /object" of an open id. */
void h5_name_of(hid_t id, char *out, size_t cap);
/* HDF5's error stack as an error: "file: object: path: what failed: why". */
err_t h5_stack_fail(err_code_t code, hid_t id, const char *path);
/* HDF5's next call clears its error stack: a failure's is kept over the closing of what was held. */
hid_t h5_stack_keep(bool failed);
void h5_stack_restore(hid_t kept);
bool h5_path_exists(hid_t parent, const char *path);
/* Opens or makes the groups of `path` up to (not with) its last `keep` steps; `*rest` points at what is left of it. */
hid_t h5_group_walk(hid_t parent, char *path, int keep, char **rest);
hid_t h5_memory_type(h5_type_t type);
/* False for a type that h5_type_t does not know. */
bool h5_type_from_file(hid_t type, h5_type_t *out);
/* Makes a data set. The lock is held. */
hid_t h5_dataset_make(hid_t parent, const char *path, hid_t type, const h5_shape_t *shape);
/* Writes rows whose values lie in memory as `type` says. The lock is held. */
err_t h5_rows_write(hid_t dataset, int64_t first, int64_t n, hid_t type, const void *data);
/* Makes and writes a data set. The lock is held. */
err_t h5_write_all(hid_t parent, const char *path, hid_t type, const h5_shape_t *shape,
                   const void *data);

#endif
