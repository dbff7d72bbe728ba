/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are whole or not there: written beside as `<path>.part`, then synced, renamed, and the folder synced.
 */
#ifndef STORAGE_SEALED_FILE_H
#define STORAGE_SEALED_FILE_H

#include "cluster/err.h"

/* "<path>.part"; the caller frees it. */
char *sealed_part(const char *path);
/* The closed file `<path>.part` becomes `path`, on disk when this returns. ERR_IO, and the part is removed. Not
 * collective. */
err_t sealed_rename(const char *path) ERR_MUST_CHECK;
/* Removes `<path>.part` where there is one. */
void sealed_remove_part(const char *path);

#endif
