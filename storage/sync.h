/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that survive a crash: synced, replaced whole by a rename, with their folder synced too. A file on its way is
 * called "<name>.part-<tag>". Nothing here is collective.
 */
#ifndef STORAGE_SYNC_H
#define STORAGE_SYNC_H

#include "cluster/err.h"

#include <stddef.h>
#include <stdint.h>

/* Makes a folder and those above it; fine when it is there. ERR_IO. */
err_t sync_make_folder(const char *path) ERR_MUST_CHECK;
/* Lets the disk begin with what was written of a file, while others are being written: a sync is short then. */
void sync_begin(const char *path);
/* fsync of a file, of the folder a path lies in. ERR_IO. */
err_t sync_file(const char *path) ERR_MUST_CHECK;
err_t sync_folder_of(const char *path) ERR_MUST_CHECK;
/* Syncs `from`, renames it to `to`, syncs the folder. ERR_IO. */
err_t sync_rename(const char *from, const char *to) ERR_MUST_CHECK;
/* Writes text beside and renames it to `path`; on failure nothing of it stays. ERR_IO. */
err_t sync_replace(const char *path, const char *text) ERR_MUST_CHECK;
/* Writes all n bytes where the open file stands, in as many writes as it takes. ERR_IO with `path`. */
err_t sync_write(int fd, const char *path, size_t n, const void *data) ERR_MUST_CHECK;
/* The same at a place of the file. */
err_t sync_write_at(int fd, const char *path, int64_t offset, size_t n,
                    const void *data) ERR_MUST_CHECK;
/* Makes sure that the disk has room for a file of `bytes` bytes and keeps it for this file (made where it is missing; its
 * content stays). Where the file system can not reserve, its free space is looked at. ERR_IO names file and bytes. */
err_t sync_reserve(const char *path, int64_t bytes) ERR_MUST_CHECK;
/* The same for a file that other code is writing: its size stays what it is. */
err_t sync_reserve_quietly(const char *path, int64_t bytes) ERR_MUST_CHECK;
/* Gives back what was reserved beyond the end of a file. ERR_IO. */
err_t sync_trim(const char *path) ERR_MUST_CHECK;
/* All of a file as text; the caller frees it. ERR_MISSING, ERR_IO. */
err_t sync_read_text(const char *path, char **text, int64_t *bytes) ERR_MUST_CHECK;
/* Removes a folder with all that is in it; fine where it is not there. Links are removed, not followed. ERR_IO. */
err_t sync_remove_folder(const char *path) ERR_MUST_CHECK;
/* Removes the files of a folder whose names hold ".part-" but not `keep`; other names stay. */
void sync_remove_parts(const char *folder, const char *keep);

#endif
