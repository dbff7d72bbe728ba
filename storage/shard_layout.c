// SPDX-License-Identifier: Apache-2.0
#include "storage/shard_layout.h"

#include "cluster/mem.h"
#include "storage/shard_fields.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

err_t file_read_at(int fd, const char *path, int64_t offset, size_t n, void *out)
{
    char *to = out;
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(ERR_IO, "%s", path);
        if (got == 0)
            return err_fail(ERR_FORMAT, "%s: ends at byte %" PRId64 ", %zu more were expected",
                            path, offset, n);
        to += got;
        offset += got;
        n -= (size_t)got;
    }
    return OK;
}

typedef struct {
    int64_t begin, end; // bytes of the file
} extent_t;

static int compare_extents(const void *a, const void *b)
{
    int64_t x = ((const extent_t *)a)->begin, y = ((const extent_t *)b)->begin;
    return (x > y) - (x < y);
}

// The data sets, ascending by place, and an empty one at the end of the file.
static err_t extents_of(const char *path, int64_t bytes, const schema_t *schema,
                        const bank_shard_t *entry, extent_t *out)
{
    int n = entry->n_layout;
    for (int k = 0; k < n; k++) {
        int64_t begin = entry->layout[k];
        out[k] = (extent_t){begin, begin + entry->rows * (int64_t)shard_field(schema, k).row_bytes};
    }
    qsort(out, (size_t)n, sizeof *out, compare_extents);
    out[n] = (extent_t){bytes, bytes};
    for (int k = 0; k < n; k++)
        if (out[k].begin < 0 || out[k].end > out[k + 1].begin)
            return err_fail(ERR_FORMAT,
                            "%s: numbers at bytes %" PRId64 " to %" PRId64
                            " do not fit a file of %" PRId64,
                            path, out[k].begin, out[k].end, bytes);
    return OK;
}

static err_t hash_range(int fd, const char *path, int64_t begin, int64_t end, XXH3_state_t *state)
{
    enum { PIECE = 1 << 20 };
    int64_t most = end - begin < PIECE ? end - begin : PIECE;
    char *piece = mem_alloc((size_t)most + 1, 1);
    err_t err = OK;
    for (int64_t at = begin; at < end && err == OK; at += most) {
        size_t n = (size_t)(end - at < most ? end - at : most);
        err = file_read_at(fd, path, at, n, piece);
        if (err == OK)
            XXH3_64bits_update(state, piece, n);
    }
    free(piece);
    return err;
}

err_t shard_layout_hash_open(int fd, const char *path, int64_t bytes, const schema_t *schema,
                             const bank_shard_t *entry, uint64_t *hash)
{
    CHECK(entry->n_layout == 0 || entry->n_layout == shard_field_count(schema),
          "a layout of %d data sets", entry->n_layout);
    extent_t *extents = MEM_NEW(extent_t, entry->n_layout + 1);
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL && XXH3_64bits_reset(state) == XXH_OK, "no memory for a checksum");
    int64_t at = 0;
    err_t err = extents_of(path, bytes, schema, entry, extents);
    for (int k = 0; k <= entry->n_layout && err == OK; k++) {
        err = hash_range(fd, path, at, extents[k].begin, state);
        at = extents[k].end;
    }
    *hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    free(extents);
    return err;
}

err_t shard_layout_hash(const char *path, const schema_t *schema, const bank_shard_t *entry,
                        uint64_t *hash, int64_t *bytes)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s", path);
    err_t err = fstat(fd, &info) == 0 ? OK : err_errno(ERR_IO, "%s", path);
    *bytes = err == OK ? (int64_t)info.st_size : 0;
    if (err == OK)
        err = shard_layout_hash_open(fd, path, *bytes, schema, entry, hash);
    close(fd);
    return err;
}
