// SPDX-License-Identifier: Apache-2.0
// Opening a bank for writing: rank 0 looks at the folder and puts it in order, then tells the others what is open.
#include "storage/bank_writer.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/shard.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- rank 0 puts the folder in order ---- */

static err_t make_folders(const char *folder)
{
    static const char *const names[] = {"shards", "costs"};
    TRY(sync_make_folder(folder));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = mem_format("%s/%s", folder, names[i]);
        err_t err = sync_make_folder(path);
        free(path);
        TRY(err);
    }
    return OK;
}

static void remove_parts(const bank_writer_t *w)
{
    static const char *const names[] = {"", "/shards", "/costs"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = mem_format("%s%s", w->folder, names[i]);
        sync_remove_parts(path, w->run);
        free(path);
    }
}

static err_t check_card(const bank_writer_t *w, const bank_card_t *there)
{
    char *difference = schema_difference(&there->schema, &w->card.schema);
    err_t err = OK;
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s: the bank holds another model than this study: %s",
                       w->folder, difference);
    else if (there->seed != w->card.seed)
        err = err_fail(ERR_MISMATCH,
                       "%s: the bank was begun with seed %" PRIu64 ", this study says %" PRIu64,
                       w->folder, there->seed, w->card.seed);
    else if (there->shard_rows != w->card.shard_rows)
        err =
            err_fail(ERR_MISMATCH,
                     "%s: the bank was begun with shard_rows %" PRId64 ", this study says %" PRId64,
                     w->folder, there->shard_rows, w->card.shard_rows);
    free(difference);
    return err;
}

// bank.yaml: there and fitting, or made.
static err_t settle_card(const bank_writer_t *w, const char *study)
{
    bank_card_t there;
    err_t err = bank_card_read(w->folder, &there);
    if (err_is(err, ERR_MISSING))
        return bank_card_write(w->folder, &w->card, study);
    TRY(err);
    err = check_card(w, &there);
    bank_card_free(&there);
    return err;
}

static int64_t rows_wanted(const bank_writer_t *w, int64_t shard)
{
    range_t range = bank_writer_range(w, shard);
    return range.end - range.begin;
}

// Whether the catalog's entry tells what lies there: a rewritten shard may have been renamed without its line.
static bool entry_stands(const bank_writer_t *w, const bank_shard_t *entry, const char *path,
                         int64_t shard)
{
    struct stat info;
    return entry != NULL && stat(path, &info) == 0 && info.st_size == entry->bytes &&
           entry->rows >= rows_wanted(w, shard);
}

// Rows of a shard that are sealed, after its file was looked at where the catalog does not settle it.
static err_t sealed_rows_of(bank_writer_t *w, const catalog_t *catalog, int64_t shard,
                            int64_t *rows)
{
    const bank_shard_t *entry = catalog_find(catalog, shard);
    char *name = shard_name(shard), *path = mem_format("%s/%s", w->folder, name);
    bool stands = entry_stands(w, entry, path, shard);
    free(path);
    free(name);
    *rows = stands ? entry->rows : 0;
    if (stands)
        return OK;
    bank_shard_t found;
    err_t err = shard_survey(w->folder, &w->card, shard, w->run, &found);
    if (err_is(err, ERR_MISSING))
        return OK;
    if (err_is(err, ERR_FORMAT) && entry == NULL) {
        log_warning("shard %" PRId64 " was not finished and is made anew (%s)", shard, err_text());
        return OK;
    }
    if (err != OK)
        return err_context(err,
                           "shard %" PRId64
                           " is damaged; `infermill bank verify` says more, and without its file "
                           "its rows are simulated again",
                           shard);
    *rows = found.rows;
    bool same = entry != NULL && entry->file_hash == found.file_hash && entry->rows == found.rows;
    err = same ? OK : catalog_append(w->folder, &found);
    bank_shard_free(&found);
    return err;
}

static err_t list_open(bank_writer_t *w, const catalog_t *catalog)
{
    int64_t shards = (w->rows + w->card.shard_rows - 1) / w->card.shard_rows;
    w->open = MEM_NEW(open_shard_t, shards);
    for (int64_t k = 0; k < shards; k++) {
        int64_t sealed, wanted = rows_wanted(w, k), first = k * w->card.shard_rows;
        TRY(sealed_rows_of(w, catalog, k, &sealed));
        w->sealed_rows += sealed < wanted ? sealed : wanted;
        if (sealed < wanted)
            w->open[w->n_open++] = (open_shard_t){k, first + sealed};
    }
    return OK;
}

static err_t settle_catalog(bank_writer_t *w)
{
    catalog_t catalog;
    err_t err;
    TRY(catalog_read(w->folder, &catalog));
    if (catalog.torn)
        log_warning("%s/catalog.jsonl: its last line is torn and is dropped", w->folder);
    TRY_TO(done, catalog_repair(w->folder, &catalog));
    TRY_TO(done, list_open(w, &catalog));
done:
    catalog_free(&catalog);
    return err;
}

static err_t settle(bank_writer_t *w, const bank_plan_t *plan)
{
    double watch = plan->lock_watch > 0 ? plan->lock_watch : LOCK_WATCH_SECONDS;
    TRY(make_folders(w->folder));
    TRY(lock_take(w->folder, w->run, watch, &w->lock));
    remove_parts(w);
    TRY(settle_card(w, plan->study));
    return settle_catalog(w);
}

/* ---- all ranks ---- */

static err_t check_plan(const bank_plan_t *plan)
{
    if (plan->rows < 1 || plan->shard_rows < 1)
        return err_fail(ERR_USAGE,
                        "%s: rows %" PRId64 " and shard_rows %" PRId64 ", expected at least 1 each",
                        plan->folder, plan->rows, plan->shard_rows);
    int64_t chunk = plan->shard_rows < BANK_CHUNK_ROWS ? plan->shard_rows : BANK_CHUNK_ROWS;
    for (int o = 0; o < plan->schema->n_observables; o++)
        if (schema_size(&plan->schema->observables[o]) * 4 * chunk > INT32_MAX)
            return err_fail(ERR_USAGE,
                            "%s: observable %s is too large: %" PRId64 " rows of it pass 2 GiB",
                            plan->folder, plan->schema->observables[o].name, chunk);
    return schema_check(plan->schema, plan->folder);
}

static void share_open(bank_writer_t *w)
{
    par_broadcast(w->par, 0, sizeof w->run, w->run);
    par_broadcast(w->par, 0, sizeof w->n_open, &w->n_open);
    par_broadcast(w->par, 0, sizeof w->sealed_rows, &w->sealed_rows);
    if (w->par->rank != 0)
        w->open = MEM_NEW(open_shard_t, w->n_open);
    par_broadcast(w->par, 0, (size_t)w->n_open * sizeof w->open[0], w->open);
}

static bank_writer_t *writer_create(const par_t *par, const bank_plan_t *plan)
{
    bank_writer_t *w = MEM_NEW(bank_writer_t, 1);
    *w = (bank_writer_t){.par = par, .folder = mem_copy_text(plan->folder), .rows = plan->rows};
    w->card = (bank_card_t){.schema = schema_copy(plan->schema),
                            .fingerprint = schema_fingerprint(plan->schema),
                            .seed = plan->seed,
                            .shard_rows = plan->shard_rows};
    w->origin = shard_origin(plan->schema);
    lock_new_run(w->run);
    return w;
}

static void writer_free(bank_writer_t **writer)
{
    bank_writer_t *w = *writer;
    lock_release(&w->lock);
    bank_card_free(&w->card);
    free(w->origin.model);
    free(w->open);
    free(w->folder);
    free(w);
    *writer = NULL;
}

err_t bank_writer_open(const par_t *par, const bank_plan_t *plan, bank_writer_t **out)
{
    *out = NULL;
    TRY(par_agree(par, check_plan(plan)));
    bank_writer_t *w = writer_create(par, plan);
    err_t err = par_agree(par, par->rank == 0 ? settle(w, plan) : OK);
    if (err != OK) {
        writer_free(&w);
        return err_frame(err, __FILE__, __LINE__);
    }
    share_open(w);
    *out = w;
    return OK;
}

err_t bank_writer_close(bank_writer_t **writer)
{
    if (*writer == NULL)
        return OK;
    const par_t *par = (*writer)->par;
    par_barrier(par); // nobody still seals when the lock goes
    writer_free(writer);
    par_barrier(par); // and it is gone when any rank returns
    return OK;
}

/* ---- what is open ---- */

int64_t bank_writer_open_shards(const bank_writer_t *writer)
{
    return writer->n_open;
}

int64_t bank_writer_open_shard(const bank_writer_t *writer, int64_t k)
{
    CHECK(k >= 0 && k < writer->n_open, "open shard %" PRId64 " of %" PRId64, k, writer->n_open);
    return writer->open[k].shard;
}

range_t bank_writer_range(const bank_writer_t *writer, int64_t shard)
{
    int64_t begin = shard * writer->card.shard_rows, end = begin + writer->card.shard_rows;
    CHECK(shard >= 0 && begin < writer->rows, "shard %" PRId64 " of a plan of %" PRId64 " rows",
          shard, writer->rows);
    return (range_t){begin, end < writer->rows ? end : writer->rows};
}

const open_shard_t *bank_writer_find(const bank_writer_t *writer, int64_t shard)
{
    int64_t low = 0, high = writer->n_open;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (writer->open[middle].shard < shard)
            low = middle + 1;
        else
            high = middle;
    }
    return low < writer->n_open && writer->open[low].shard == shard ? &writer->open[low] : NULL;
}

range_t bank_writer_kept(const bank_writer_t *writer, int64_t shard)
{
    const open_shard_t *open = bank_writer_find(writer, shard);
    int64_t first = shard * writer->card.shard_rows;
    return (range_t){first, open != NULL ? open->kept_end : first};
}

int64_t bank_writer_sealed_rows(const bank_writer_t *writer)
{
    return writer->sealed_rows;
}

const char *bank_writer_run(const bank_writer_t *writer)
{
    return writer->run;
}

err_t bank_writer_beat(bank_writer_t *writer)
{
    return lock_check(writer->folder, writer->run);
}
