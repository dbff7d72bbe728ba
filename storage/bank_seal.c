// SPDX-License-Identifier: Apache-2.0
// Shards become part of the bank together, in this order; a crash between two steps leaves each whole or not there:
//   shard.part and costs.part of all written -> all synced -> is the lock still ours? -> costs, then shards renamed
//   -> folders synced -> catalog lines appended and synced together.
// A shard that takes the place of an older version of itself is marked while the catalog does not know it yet.
#include "storage/bank_writer.h"

#include "cluster/mem.h"
#include "storage/bank_gather.h"
#include "storage/costs.h"
#include "storage/exchange_text.h"
#include "storage/shard.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One shard whose file this rank answers for.
typedef struct {
    bank_shard_t entry;
    char *path, *part, *costs_path, *costs_part;
    bool rewrites;
} sealed_t;

typedef struct {
    bank_writer_t *writer;
    const par_t *group;
    const rows_t *mine;
    shard_origin_t origin; // of the group's first rank, where machines differ
    portion_t portion;     // of the wave at work
    int n, cap;
    sealed_t *sealed; // (n) that this rank answers for
} meeting_t;

/* ---- one shard ---- */

static sealed_t sealed_create(const bank_writer_t *w, int64_t shard)
{
    range_t whole = bank_writer_range(w, shard);
    sealed_t s = {.entry = {.shard = shard, .first_row = whole.begin}};
    char *costs = costs_name(shard);
    s.entry.rows = whole.end - whole.begin;
    s.entry.n_chunks = (int)((s.entry.rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS);
    s.entry.chunk_hash = MEM_NEW(uint64_t, s.entry.n_chunks);
    s.entry.file = shard_name(shard);
    s.entry.run = mem_copy_text(w->run);
    s.path = mem_format("%s/%s", w->folder, s.entry.file);
    s.part = mem_format("%s.part-%s", s.path, w->run);
    s.costs_path = mem_format("%s/%s", w->folder, costs);
    s.costs_part = mem_format("%s.part-%s", s.costs_path, w->run);
    s.rewrites = access(s.path, F_OK) == 0;
    free(costs);
    return s;
}

static void sealed_destroy(sealed_t *s)
{
    bank_shard_free(&s->entry);
    free(s->path);
    free(s->part);
    free(s->costs_path);
    free(s->costs_part);
}

static err_t write_costs(const par_t *part, const portion_t *portion, sealed_t *s)
{
    bool root = part->rank == 0;
    int64_t n = s->entry.rows;
    double *seconds = root ? MEM_NEW(double, n) : NULL;
    char *hosts = root ? mem_zero((size_t)n, COSTS_HOST_BYTES) : NULL;
    char **reasons = root ? MEM_NEW(char *, n) : NULL;
    exchange_costs(part, portion, seconds, hosts, reasons);
    err_t err = root ? costs_write(s->costs_part, n, seconds, hosts, reasons) : OK;
    for (int64_t i = 0; root && i < n; i++) {
        s->entry.seconds += seconds[i];
        free(reasons[i]);
    }
    free(reasons);
    free(hosts);
    free(seconds);
    return par_agree(part, err);
}

static err_t write_files(const meeting_t *m, const par_t *part, sealed_t *s)
{
    shard_sheet_t sheet = {&m->writer->card, &m->origin, s->entry.shard, s->entry.rows,
                           m->writer->compress};
    exchange_checks(part, &m->portion, &s->entry);
    TRY(write_costs(part, &m->portion, s));
    return shard_write(part, s->part, &sheet, &m->portion, &s->entry);
}

// The rank of a part that answers for its shard keeps it; the others have done their share.
static void keep_sealed(meeting_t *m, const par_t *part, sealed_t *s)
{
    if (part->rank != 0) {
        sealed_destroy(s);
        return;
    }
    if (m->n == m->cap) {
        m->cap = 2 * m->cap + 4;
        m->sealed = MEM_GROW(m->sealed, sealed_t, m->cap);
    }
    m->sealed[m->n++] = *s;
}

/* ---- a wave of shards ---- */

static err_t store_wave(meeting_t *m, const wave_t *wave, const int64_t *shards)
{
    int k = wave_shard(wave, m->group->rank);
    range_t ranks = wave_ranks(wave, k);
    bool alone = wave->n == m->group->size;
    CHECK(!alone || ranks.end - ranks.begin == 1, "a shard for each rank");
    par_t part = alone ? par_alone() : par_split(m->group, k);
    sealed_t s = sealed_create(m->writer, shards[k]);
    err_t err = write_files(m, &part, &s);
    keep_sealed(m, &part, &s);
    if (!alone)
        par_release(&part);
    return par_agree(m->group, err);
}

static err_t seal_wave(meeting_t *m, int n, const int64_t *shards)
{
    range_t *whole = MEM_NEW(range_t, n);
    for (int k = 0; k < n; k++)
        whole[k] = bank_writer_range(m->writer, shards[k]);
    wave_t wave = {m->group, n, whole, m->writer->compress > 0};
    portion_begin(&m->portion, &wave, &m->writer->card.schema);
    err_t err;
    TRY_TO(done, par_agree(m->group, gather_kept(m->writer, &m->portion)));
    TRY_TO(done, exchange_rows(&wave, m->mine, &m->portion));
    TRY_TO(done, par_agree(m->group, portion_check(&m->portion)));
    TRY_TO(done, store_wave(m, &wave, shards));
done:
    free(whole);
    return err;
}

static err_t write_all(meeting_t *m, int n, const int64_t *shards)
{
    int ranks = m->group->size;
    for (int at = 0; at < n; at += ranks)
        TRY(seal_wave(m, n - at < ranks ? n - at : ranks, shards + at));
    return OK;
}

/* ---- they become part of the bank ---- */

static err_t sync_all(const meeting_t *m)
{
    for (int i = 0; i < m->n; i++) {
        TRY(sync_file(m->sealed[i].costs_part));
        TRY(sync_file(m->sealed[i].part));
    }
    return OK;
}

static err_t make_mark(const bank_writer_t *w, int64_t shard)
{
    char *mark = shard_rewriting_mark(w->folder, shard);
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    err_t err = fd < 0 ? err_errno(ERR_IO, "%s", mark) : sync_folder_of(mark);
    if (fd >= 0)
        close(fd);
    free(mark);
    return err;
}

static err_t rename_to(const char *from, const char *to)
{
    return rename(from, to) == 0 ? OK : err_errno(ERR_IO, "%s: can not become %s", from, to);
}

static err_t rename_all(const meeting_t *m)
{
    for (int i = 0; i < m->n; i++) {
        const sealed_t *s = &m->sealed[i];
        if (s->rewrites)
            TRY(make_mark(m->writer, s->entry.shard));
        TRY(rename_to(s->costs_part, s->costs_path));
        TRY(rename_to(s->part, s->path));
    }
    if (m->n == 0)
        return OK;
    TRY(sync_folder_of(m->sealed[0].costs_path));
    return sync_folder_of(m->sealed[0].path);
}

static err_t append_lines(const meeting_t *m, const texts_t *lines)
{
    size_t bytes = 0;
    int64_t shard;
    char *all = mem_alloc((size_t)lines->used + 1, 1);
    for (const char *line, *at = NULL; (line = texts_next(lines, &at, &shard)) != NULL;) {
        memcpy(all + bytes, line, strlen(line));
        bytes += strlen(line);
    }
    err_t err = catalog_append(m->writer->folder, bytes, all);
    free(all);
    return err;
}

// Every rank's lines come to the first, which enters them.
static err_t enter_all(const meeting_t *m)
{
    texts_t mine = texts_create();
    for (int r = 0; r < m->group->size; r++) {
        texts_begin(&mine);
        for (int i = 0; r == 0 && i < m->n; i++) {
            char *line = catalog_line(&m->sealed[i].entry);
            texts_add(&mine, m->sealed[i].entry.shard, line);
            free(line);
        }
    }
    texts_t all = texts_travel(m->group, &mine);
    err_t err = m->group->rank == 0 ? append_lines(m, &all) : OK;
    texts_destroy(&all);
    texts_destroy(&mine);
    return par_agree(m->group, err);
}

static void remove_marks(const meeting_t *m)
{
    for (int i = 0; i < m->n; i++) {
        char *mark = shard_rewriting_mark(m->writer->folder, m->sealed[i].entry.shard);
        if (m->sealed[i].rewrites)
            unlink(mark);
        free(mark);
    }
}

static err_t publish(const meeting_t *m)
{
    TRY(par_agree(m->group, sync_all(m)));
    err_t err = m->group->rank == 0 ? bank_writer_beat(m->writer) : OK;
    TRY(par_agree(m->group, err));
    TRY(par_agree(m->group, rename_all(m)));
    TRY(enter_all(m));
    remove_marks(m);
    return OK;
}

static void remove_parts_of(const meeting_t *m)
{
    for (int i = 0; i < m->n; i++) {
        unlink(m->sealed[i].part);
        unlink(m->sealed[i].costs_part);
    }
}

static void meeting_end(meeting_t *m, err_t err)
{
    if (err != OK)
        remove_parts_of(m);
    for (int i = 0; i < m->n; i++)
        sealed_destroy(&m->sealed[i]);
    free(m->sealed);
    portion_destroy(&m->portion);
}

err_t bank_seal(bank_writer_t *writer, const par_t *group, int n_shards, const int64_t *shards,
                const rows_t *mine)
{
    meeting_t m = {.writer = writer, .group = group, .mine = mine, .origin = writer->origin};
    par_broadcast(group, 0, sizeof m.origin.cpu, m.origin.cpu);
    par_broadcast(group, 0, sizeof m.origin.libm, m.origin.libm);
    err_t err = write_all(&m, n_shards, shards);
    if (err == OK)
        err = publish(&m);
    meeting_end(&m, err);
    if (err == OK)
        err = par_agree(group, journal_sealed(writer->journal, n_shards, shards));
    return err == OK ? OK : err_frame(err, __FILE__, __LINE__);
}
