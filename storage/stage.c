// SPDX-License-Identifier: Apache-2.0
#include "storage/stage.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/catalog.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_BYTES = 1 << 20 };

struct stage {
    char *folder, *use;
    int fd; // of `use`
    bool reused;
};

/* ---- the lock ---- */

// The file may be removed between being opened and being locked; then it is another one.
static bool still_there(const stage_t *s)
{
    struct stat mine, there;
    return fstat(s->fd, &mine) == 0 && stat(s->use, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static int lock(const stage_t *s, int how)
{
    int failed;
    while ((failed = flock(s->fd, how)) != 0 && errno == EINTR)
        continue;
    return failed;
}

static err_t take(stage_t *s)
{
    for (;;) {
        s->fd = open(s->use, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (s->fd < 0 || lock(s, LOCK_EX) != 0)
            return err_errno(ERR_IO, "%s", s->use);
        if (still_there(s))
            return OK;
        close(s->fd);
    }
}

/* ---- the copy ---- */

static bool same_shards(const bank_t *bank, const bank_t *copy)
{
    bool same = bank_shard_count(bank) == bank_shard_count(copy);
    for (int i = 0; i < bank_shard_count(bank) && same; i++)
        same = bank_shard_same(bank_shard(bank, i), bank_shard(copy, i));
    return same;
}

static err_t look(const stage_t *s, const bank_t *bank)
{
    bank_t *copy = NULL;
    TRY(bank_open(s->folder, &copy));
    err_t err = same_shards(bank, copy) ? bank_verify(copy, NULL, NULL)
                                        : err_fail(ERR_MISMATCH, "%s: of other shards", s->folder);
    bank_close(&copy);
    return err;
}

static err_t copy_bytes(int from, const char *source, int to, const char *target)
{
    char *piece = mem_alloc(PIECE_BYTES, 1);
    err_t err = OK;
    ssize_t got;
    while ((got = read(from, piece, PIECE_BYTES)) != 0 && err == OK)
        err = got > 0          ? sync_write(to, target, (size_t)got, piece)
              : errno != EINTR ? err_errno(ERR_IO, "%s", source)
                               : OK;
    free(piece);
    return err;
}

static err_t copy_file(const char *source, const char *target)
{
    int from = open(source, O_RDONLY | O_CLOEXEC), to = -1;
    if (from < 0)
        return err_errno(ERR_IO, "%s", source);
    to = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    err_t err = to < 0 ? err_errno(ERR_IO, "%s", target) : copy_bytes(from, source, to, target);
    if (to >= 0 && close(to) != 0 && err == OK)
        err = err_errno(ERR_IO, "%s", target);
    close(from);
    return err;
}

static err_t reserve_all(const stage_t *s, const bank_t *bank)
{
    err_t err = OK;
    for (int i = 0; i < bank_shard_count(bank) && err == OK; i++) {
        char *path = mem_format("%s/%s", s->folder, bank_shard(bank, i)->file);
        err = sync_reserve(path, bank_shard(bank, i)->bytes);
        free(path);
    }
    return err;
}

static err_t copy_shard(const stage_t *s, const char *folder, const bank_shard_t *shard)
{
    char *source = mem_format("%s/%s", folder, shard->file),
         *target = mem_format("%s/%s", s->folder, shard->file);
    err_t err = copy_file(source, target);
    if (err == OK)
        err = sync_trim(target);
    free(source);
    free(target);
    return err;
}

static err_t write_catalog(const stage_t *s, const bank_t *bank)
{
    err_t err = OK;
    for (int i = 0; i < bank_shard_count(bank) && err == OK; i++) {
        char *line = catalog_line(bank_shard(bank, i));
        err = catalog_append(s->folder, strlen(line), line);
        free(line);
    }
    return err;
}

static err_t copy_all(const stage_t *s, const bank_t *bank, const char *folder)
{
    char *shards = mem_format("%s/shards", s->folder),
         *card = mem_format("%s/bank.yaml", s->folder);
    err_t err;
    TRY_TO(done, sync_remove_folder(s->folder));
    TRY_TO(done, sync_make_folder(shards));
    TRY_TO(done, reserve_all(s, bank));
    for (int i = 0; i < bank_shard_count(bank); i++)
        TRY_TO(done, copy_shard(s, folder, bank_shard(bank, i)));
    TRY_TO(done, write_catalog(s, bank));
    TRY_TO(done, sync_replace(card, bank_text(bank)));
done:
    free(shards);
    free(card);
    return err;
}

// Removes the copy and lets go; the text of an error stays.
static void clear_away(stage_t *s)
{
    char *why = mem_copy_text(err_text());
    if (sync_remove_folder(s->folder) != OK)
        log_warning("%s", err_text());
    unlink(s->use);
    err_set_text(why);
    free(why);
}

static err_t make(stage_t *s, const bank_t *bank, const char *folder)
{
    TRY(take(s));
    bool there = access(s->folder, F_OK) == 0;
    s->reused = there && look(s, bank) == OK;
    if (there && !s->reused)
        log_info("%s: the copy is not whole (%s), it is made anew", s->folder, err_text());
    err_clear();
    err_t err = s->reused ? OK : copy_all(s, bank, folder);
    if (err == OK && !s->reused)
        err = err_context(look(s, bank), "%s: copied to a node", folder);
    if (err != OK)
        clear_away(s);
    else if (lock(s, LOCK_SH) != 0)
        err = err_errno(ERR_IO, "%s", s->use);
    return err;
}

err_t stage_open(const bank_t *bank, const char *folder, const char *to, stage_t **out)
{
    const char *text = bank_text(bank);
    uint64_t hash = XXH3_64bits(text, strlen(text));
    stage_t *s = MEM_NEW(stage_t, 1);
    *s = (stage_t){.folder = mem_format("%s/infermill-bank-%016" PRIx64, to, hash),
                   .use = mem_format("%s/infermill-bank-%016" PRIx64 ".use", to, hash),
                   .fd = -1};
    err_t err = sync_make_folder(to);
    if (err == OK)
        err = make(s, bank, folder);
    if (err != OK)
        stage_close(&s, true);
    *out = s;
    return err;
}

const char *stage_folder(const stage_t *stage)
{
    return stage->folder;
}

bool stage_reused(const stage_t *stage)
{
    return stage->reused;
}

void stage_close(stage_t **stage, bool keep)
{
    stage_t *s = *stage;
    if (s == NULL)
        return;
    if (s->fd >= 0 && !keep && lock(s, LOCK_EX | LOCK_NB) == 0)
        clear_away(s);
    if (s->fd >= 0)
        close(s->fd);
    free(s->folder);
    free(s->use);
    free(s);
    *stage = NULL;
}
