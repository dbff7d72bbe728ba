/* SPDX-License-Identifier: Apache-2.0
 *
 * What h5.c and h5_text.c share. For these two files alone: whoever calls HDF5 holds the lock.
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
hid_t h5_memory_type(h5_type_t type);
/* False for a type that h5_type_t does not know. */
bool h5_type_from_file(hid_t type, h5_type_t *out);
/* Makes and writes a data set. The lock is held. */
err_t h5_write_all(hid_t parent, const char *path, hid_t type, const h5_shape_t *shape,
                   const void *data);

#endif
