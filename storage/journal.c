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

struct journal {
    const bank_card_t *card; // borrowed
    char *folder, *path;
    int fd; // -1: not made yet
    int64_t bytes;
    int64_t n, cap;
    int64_t *row; // (n) that are in it
};

char *journal_header(const bank_card_t *card)
{
    return mem_format("infermill journal 1 %s %" PRIu64 "\n", card->fingerprint, card->seed);
}

journal_t *journal_create(const char *folder, const bank_card_t *card, const char *run, int rank)
{
    journal_t *j = MEM_NEW(journal_t, 1);
    *j = (journal_t){.card = card, .folder = mem_format("%s/journal", folder), .fd = -1};
    j->path = mem_format("%s/%s-%d", j->folder, run, rank);
    return j;
}

void journal_close(journal_t **journal)
{
    journal_t *j = *journal;
    if (j == NULL)
        return;
    if (j->fd >= 0) {
        close(j->fd);
        if (j->n == 0)
            unlink(j->path);
    }
    free(j->row);
    free(j->path);
    free(j->folder);
    free(j);
    *journal = NULL;
}

/* ---- appended ---- */

// All or nothing: what was written of a failed piece is cut off again.
static err_t append(journal_t *j, size_t bytes, const char *text)
{
    err_t err = sync_write_at(j->fd, j->path, j->bytes, bytes, text);
    if (err != OK)
        return ftruncate(j->fd, (off_t)j->bytes) == 0
                   ? err
                   : err_context(err, "%s: a torn record stays", j->path);
    if (fdatasync(j->fd) != 0)
        return err_errno(ERR_IO, "%s: sync", j->path);
    j->bytes += (int64_t)bytes;
    return OK;
}

static err_t begin_file(journal_t *j)
{
    TRY(sync_make_folder(j->folder));
    j->fd = open(j->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return err_errno(ERR_IO, "%s", j->path);
    TRY(sync_folder_of(j->path));
    char *header = journal_header(j->card);
    err_t err = append(j, strlen(header), header);
    free(header);
    return err;
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

static void note_rows(journal_t *j, const rows_t *rows, int64_t begin, int64_t end)
{
    if (j->n + end - begin > j->cap) {
        j->cap = 2 * (j->n + end - begin);
        j->row = MEM_GROW(j->row, int64_t, j->cap);
    }
    for (int64_t i = begin; i < end; i++)
        j->row[j->n++] = rows->index[i];
}

err_t journal_append(journal_t *j, const rows_t *rows, int64_t begin, int64_t end)
{
    size_t bytes = 0;
    if (begin == end)
        return OK;
    if (j->fd < 0)
        TRY(begin_file(j));
    for (int64_t i = begin; i < end; i++)
        bytes += record_bytes(rows, i);
    char *text = mem_alloc(bytes, 1), *to = text;
    for (int64_t i = begin; i < end; i++)
        to = put_record(to, rows, i);
    err_t err = append(j, bytes, text);
    free(text);
    if (err == OK)
        note_rows(j, rows, begin, end);
    return err;
}

static bool is_among(int64_t shard, int n, const int64_t *shards)
{
    for (int i = 0; i < n; i++)
        if (shards[i] == shard)
            return true;
    return false;
}

err_t journal_sealed(journal_t *j, int n_shards, const int64_t *shards)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < j->n; i++)
        if (!is_among(j->row[i] / j->card->shard_rows, n_shards, shards))
            j->row[kept++] = j->row[i];
    bool emptied = kept == 0 && j->n > 0;
    j->n = kept;
    if (!emptied)
        return OK;
    char *header = journal_header(j->card);
    j->bytes = (int64_t)strlen(header);
    free(header);
    if (ftruncate(j->fd, (off_t)j->bytes) != 0)
        return err_errno(ERR_IO, "%s: can not be emptied", j->path);
    return OK;
}
