// SPDX-License-Identifier: Apache-2.0
#include "storage/journal.h"

#include "cluster/mem.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* One file. */
typedef struct {
    char *path;
    int fd;
    int64_t bytes;
    int64_t n, cap;
    int64_t *row; // (n) that are in it and not sealed
} part_t;

struct journal {
    const bank_card_t *card; // borrowed
    char *folder, *name;     // of the first file
    int64_t most;            // bytes, beyond which another file is begun
    int64_t begun;           // files so far
    int n;
    part_t *part; // (n) the last one is appended to
};

char *journal_header(const bank_card_t *card)
{
    return mem_format("infermill journal 1 %s %" PRIu64 "\n", card->fingerprint, card->seed);
}

journal_t *journal_create(const char *folder, const bank_card_t *card, const char *run, int rank,
                          int64_t most)
{
    journal_t *j = MEM_NEW(journal_t, 1);
    *j = (journal_t){.card = card, .folder = mem_format("%s/journal", folder), .most = most};
    j->name = mem_format("%s/%s-%d", j->folder, run, rank);
    return j;
}

static void part_close(part_t *part)
{
    close(part->fd);
    if (part->n == 0)
        unlink(part->path);
    free(part->row);
    free(part->path);
}

void journal_close(journal_t **journal)
{
    journal_t *j = *journal;
    if (j == NULL)
        return;
    for (int k = 0; k < j->n; k++)
        part_close(&j->part[k]);
    free(j->part);
    free(j->name);
    free(j->folder);
    free(j);
    *journal = NULL;
}

/* ---- appended ---- */

// All or nothing: what was written of a failed piece is cut off again.
static err_t append(part_t *part, size_t bytes, const char *text)
{
    err_t err = sync_write_at(part->fd, part->path, part->bytes, bytes, text);
    if (err != OK)
        return ftruncate(part->fd, (off_t)part->bytes) == 0
                   ? err
                   : err_context(err, "%s: a torn record stays", part->path);
    if (fdatasync(part->fd) != 0)
        return err_errno(ERR_IO, "%s: sync", part->path);
    part->bytes += (int64_t)bytes;
    return OK;
}

/* Where it fails nothing is left, not even the path. */
static err_t part_begin(const journal_t *j, part_t *part)
{
    err_t made = sync_make_folder(j->folder);
    if (made != OK) {
        free(part->path);
        return made;
    }
    part->fd = open(part->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (part->fd < 0) {
        err_t failed = err_errno(ERR_IO, "%s", part->path);
        free(part->path);
        return failed;
    }
    err_t err = sync_folder_of(part->path);
    char *header = journal_header(j->card);
    if (err == OK)
        err = append(part, strlen(header), header);
    free(header);
    if (err != OK)
        part_close(part);
    return err;
}

// The file to append to: another one where the last is long.
static err_t part_for(journal_t *j, part_t **out)
{
    bool more = j->n == 0 || j->part[j->n - 1].bytes > j->most;
    if (more) {
        part_t part = {.path = j->begun == 0 ? mem_copy_text(j->name)
                                             : mem_format("%s.%" PRId64, j->name, j->begun)};
        TRY(part_begin(j, &part));
        j->begun++;
        j->part = MEM_GROW(j->part, part_t, j->n + 1);
        j->part[j->n++] = part;
    }
    *out = &j->part[j->n - 1];
    return OK;
}

static size_t record_bytes(const rows_t *rows, int64_t at)
{
    const char *reason = rows->reason[at];
    return sizeof(uint32_t) + sizeof(int64_t) + rows_bytes(rows->schema) +
           (reason != NULL ? strlen(reason) : 0) + sizeof(uint64_t);
}

static char *put(char *to, const void *value, size_t bytes)
{
    memcpy(to, value, bytes);
    return to + bytes;
}

static char *put_record(char *to, const rows_t *rows, int64_t at)
{
    const char *reason = rows->reason[at] != NULL ? rows->reason[at] : "";
    size_t row_bytes = rows_bytes(rows->schema);
    uint32_t bytes = (uint32_t)(record_bytes(rows, at) - sizeof(uint32_t) - sizeof(uint64_t));
    to = put(to, &bytes, sizeof bytes);
    char *body = to;
    to = put(to, &rows->index[at], sizeof rows->index[at]);
    rows_pack(rows, at, to);
    to = put(to + row_bytes, reason, strlen(reason));
    uint64_t hash = XXH3_64bits(body, bytes);
    return put(to, &hash, sizeof hash);
}

static void note_rows(part_t *part, const rows_t *rows, int64_t begin, int64_t end)
{
    if (part->n + end - begin > part->cap) {
        part->cap = 2 * (part->n + end - begin);
        part->row = MEM_GROW(part->row, int64_t, part->cap);
    }
    for (int64_t i = begin; i < end; i++)
        part->row[part->n++] = rows->index[i];
}

err_t journal_append(journal_t *j, const rows_t *rows, int64_t begin, int64_t end)
{
    size_t bytes = 0;
    part_t *part = NULL;
    if (begin == end)
        return OK;
    TRY(part_for(j, &part));
    for (int64_t i = begin; i < end; i++)
        bytes += record_bytes(rows, i);
    char *text = mem_alloc(bytes, 1), *to = text;
    for (int64_t i = begin; i < end; i++)
        to = put_record(to, rows, i);
    err_t err = append(part, bytes, text);
    free(text);
    if (err == OK)
        note_rows(part, rows, begin, end);
    return err;
}

/* ---- sealed ---- */

static bool is_among(int64_t shard, int n, const int64_t *shards)
{
    for (int i = 0; i < n; i++)
        if (shards[i] == shard)
            return true;
    return false;
}

static void part_sealed(part_t *part, int64_t shard_rows, int n_shards, const int64_t *shards)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < part->n; i++)
        if (!is_among(part->row[i] / shard_rows, n_shards, shards))
            part->row[kept++] = part->row[i];
    part->n = kept;
}

static err_t part_empty(const journal_t *j, part_t *part)
{
    char *header = journal_header(j->card);
    int64_t bytes = (int64_t)strlen(header);
    free(header);
    if (part->bytes == bytes)
        return OK;
    part->bytes = bytes;
    return ftruncate(part->fd, (off_t)bytes) == 0
               ? OK
               : err_errno(ERR_IO, "%s: can not be emptied", part->path);
}

err_t journal_sealed(journal_t *j, int n_shards, const int64_t *shards)
{
    int kept = 0;
    for (int k = 0; k < j->n; k++) {
        part_t *part = &j->part[k];
        part_sealed(part, j->card->shard_rows, n_shards, shards);
        if (part->n == 0 && k < j->n - 1)
            part_close(part);
        else
            j->part[kept++] = *part;
    }
    j->n = kept;
    return kept > 0 && j->part[kept - 1].n == 0 ? part_empty(j, &j->part[kept - 1]) : OK;
}
