// SPDX-License-Identifier: Apache-2.0
// A shard becomes part of the bank in this order; a crash between two steps leaves it whole or not there:
//   shard.part and costs.part written and synced -> is the lock still ours? -> costs, then the shard renamed
//   -> folders synced -> catalog line appended and synced.
#include "storage/bank_writer.h"

#include "cluster/mem.h"
#include "storage/exchange.h"
#include "storage/shard.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    bank_writer_t *writer;
    const par_t *group;
    int64_t shard, rows;
    range_t whole;
    portion_t portion;
    char *name, *path, *part; // of the shard
    char *costs_path, *costs_part;
} sealing_t;

static sealing_t sealing_create(bank_writer_t *w, const par_t *group, int64_t shard)
{
    sealing_t s = {
        .writer = w, .group = group, .shard = shard, .whole = bank_writer_range(w, shard)};
    char *costs = shard_costs_name(shard);
    s.rows = s.whole.end - s.whole.begin;
    s.name = shard_name(shard);
    s.path = mem_format("%s/%s", w->folder, s.name);
    s.part = mem_format("%s.part-%s", s.path, w->run);
    s.costs_path = mem_format("%s/%s", w->folder, costs);
    s.costs_part = mem_format("%s.part-%s", s.costs_path, w->run);
    s.portion = portion_create(group, &w->card.schema, s.whole);
    free(costs);
    return s;
}

static void sealing_destroy(sealing_t *s)
{
    portion_destroy(&s->portion);
    free(s->name);
    free(s->path);
    free(s->part);
    free(s->costs_path);
    free(s->costs_part);
}

/* ---- the rows come together ---- */

// This rank's share of the rows that an earlier version of the shard holds.
static err_t read_kept(const sealing_t *s, rows_t *rows, char *hosts)
{
    range_t kept = bank_writer_kept(s->writer, s->shard);
    range_t share = par_share(kept.end - kept.begin, s->group->rank, s->group->size);
    shard_t *old = NULL;
    err_t err;
    rows->n = 0;
    if (share.begin == share.end)
        return OK;
    TRY_TO(done, shard_open(s->writer->folder, &s->writer->card, s->shard, &old));
    TRY_TO(done, shard_read(old, share.begin, share.end, rows, 0));
    TRY_TO(done, shard_costs_read(s->writer->folder, s->shard, share.begin, share.end,
                                  rows->seconds, hosts));
    rows->n = share.end - share.begin;
done:
    shard_close(&old);
    return err;
}

static err_t gather_rows(sealing_t *s, const rows_t *mine)
{
    range_t kept = bank_writer_kept(s->writer, s->shard);
    range_t share = par_share(kept.end - kept.begin, s->group->rank, s->group->size);
    rows_t old = rows_create(&s->writer->card.schema, share.end - share.begin);
    char *hosts = mem_zero((size_t)(share.end - share.begin), SHARD_HOST_BYTES);
    row_source_t sources[] = {{mine, NULL}, {&old, hosts}};
    err_t err;
    TRY_TO(done, par_agree(s->group, read_kept(s, &old, hosts)));
    TRY_TO(done, exchange_rows(s->group, s->whole, 2, sources, &s->portion));
done:
    free(hosts);
    rows_destroy(&old);
    return err;
}

/* ---- the files are written ---- */

static err_t costs_to_disk(const sealing_t *s, const double *seconds, const char *hosts)
{
    enum { SLACK = 64 * 1024 };
    TRY(sync_reserve(s->costs_part, s->rows * 12 + SLACK));
    TRY(shard_costs_write(s->costs_part, s->rows, seconds, hosts));
    return sync_file(s->costs_part);
}

static err_t write_costs(const sealing_t *s, bank_shard_t *entry)
{
    bool root = s->group->rank == 0;
    double *seconds = root ? MEM_NEW(double, s->rows) : NULL;
    char *hosts = root ? mem_zero((size_t)s->rows, SHARD_HOST_BYTES) : NULL;
    exchange_costs(s->group, &s->portion, seconds, hosts);
    for (int64_t i = 0; root && i < s->rows; i++)
        entry->seconds += seconds[i];
    err_t err = par_agree(s->group, root ? costs_to_disk(s, seconds, hosts) : OK);
    free(hosts);
    free(seconds);
    return err;
}

static err_t write_shard(const sealing_t *s, bank_shard_t *entry)
{
    shard_origin_t origin = s->writer->origin;
    par_broadcast(s->group, 0, sizeof origin.cpu,
                  origin.cpu); // the first rank's, where machines differ
    par_broadcast(s->group, 0, sizeof origin.libm, origin.libm);
    TRY(shard_write(s->group, s->part, &s->writer->card, &origin, s->shard, s->rows, &s->portion));
    if (s->group->rank == 0)
        return shard_file_hash(s->part, &entry->file_hash, &entry->bytes);
    return OK;
}

/* ---- and become part of the bank ---- */

static err_t publish(const sealing_t *s, const bank_shard_t *entry)
{
    TRY(sync_trim(s->part));
    TRY(sync_file(s->part));
    TRY(lock_check(s->writer->folder, s->writer->run));
    TRY(sync_rename(s->costs_part, s->costs_path));
    TRY(sync_rename(s->part, s->path));
    return catalog_append(s->writer->folder, entry);
}

static bank_shard_t entry_create(const sealing_t *s)
{
    bank_shard_t entry = {.shard = s->shard, .first_row = s->whole.begin, .rows = s->rows};
    entry.n_chunks = (int)((s->rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS);
    entry.chunk_hash = MEM_NEW(uint64_t, entry.n_chunks);
    entry.file = mem_copy_text(s->name);
    entry.run = mem_copy_text(s->writer->run);
    return entry;
}

static err_t seal(sealing_t *s, const rows_t *mine, bank_shard_t *entry)
{
    TRY(gather_rows(s, mine));
    exchange_checks(s->group, &s->portion, entry);
    TRY(write_costs(s, entry));
    TRY(par_agree(s->group, write_shard(s, entry)));
    return par_agree(s->group, s->group->rank == 0 ? publish(s, entry) : OK);
}

err_t bank_seal(bank_writer_t *writer, const par_t *group, int64_t shard, const rows_t *mine)
{
    CHECK(bank_writer_find(writer, shard) != NULL, "shard %" PRId64 " is not open", shard);
    sealing_t s = sealing_create(writer, group, shard);
    bank_shard_t entry = entry_create(&s);
    err_t err = seal(&s, mine, &entry);
    if (err != OK && group->rank == 0) {
        unlink(s.part);
        unlink(s.costs_part);
    }
    bank_shard_free(&entry);
    sealing_destroy(&s);
    return err == OK ? OK : err_frame(err, __FILE__, __LINE__);
}
