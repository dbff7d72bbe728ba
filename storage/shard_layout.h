/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the numbers of an uncompressed shard lie in its file, and a checksum of all bytes that are not numbers: HDF5's own
 * structure, names and attributes. Nothing here is collective.
 */
#ifndef STORAGE_SHARD_LAYOUT_H
#define STORAGE_SHARD_LAYOUT_H

#include "cluster/err.h"
#include "storage/bank.h"

/* Reads exactly n bytes. ERR_IO; ERR_FORMAT where the file ends before. `path` is for messages. */
err_t file_read_at(int fd, const char *path, int64_t offset, size_t n, void *out) ERR_MUST_CHECK;

/* Size and xxh3 of the file of an entry, whose rows and layout are filled: without a layout of all its bytes.
 * ERR_FORMAT where the layout does not fit the file. ERR_IO, ERR_MISSING. */
err_t shard_layout_hash(const char *path, const schema_t *schema, const bank_shard_t *entry,
                        uint64_t *hash, int64_t *bytes) ERR_MUST_CHECK;
/* The same of an open file of a known size. */
err_t shard_layout_hash_open(int fd, const char *path, int64_t bytes, const schema_t *schema,
                             const bank_shard_t *entry, uint64_t *hash) ERR_MUST_CHECK;

#endif
