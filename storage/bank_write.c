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
    static const char *const names[] = {"shards", "costs", "journal"};
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

// The same, or with more at its end: rows imported after those that are there.
static bool origin_goes_on(const char *there, const char *plan)
{
    if (there == NULL || plan == NULL)
        return there == plan;
    return strncmp(there, plan, strlen(there)) == 0;
}

static err_t check_card(const bank_writer_t *w, const bank_card_t *there)
{
    char *difference = schema_difference(&there->schema, &w->card.schema);
    err_t err = OK;
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s: the bank holds another model than this study: %s",
                       w->folder, difference);
    else if (!origin_goes_on(there->origin, w->card.origin))
        err = err_fail(ERR_MISMATCH,
                       there->origin != NULL && w->card.origin == NULL
                           ? "%s: its rows were imported or merged; nothing is simulated into it"
                           : "%s: the bank holds rows of another origin (see its bank.yaml)",
                       w->folder);
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
    if (err == OK && there.origin != NULL && strcmp(there.origin, w->card.origin) != 0)
        err = bank_card_extend(w->folder, &there, w->card.origin);
    bank_card_free(&there);
    return err;
}

// A shard is written whole, so none may become shorter than it is.
static void cover_sealed(bank_writer_t *w, const catalog_t *catalog)
{
    for (int i = 0; w->retry && i < catalog->n; i++) {
        const bank_shard_t *entry = &catalog->shards[i];
        int64_t end = entry->first_row + entry->rows;
        w->rows = end > w->rows ? end : w->rows;
    }
}

static err_t settle_catalog(bank_writer_t *w)
{
    catalog_t catalog;
    err_t err;
    TRY(catalog_read(w->folder, &catalog));
    if (catalog.torn)
        log_warning("%s/catalog.jsonl: its last line is torn and is dropped", w->folder);
    TRY_TO(done, catalog_repair(w->folder, &catalog));
    cover_sealed(w, &catalog);
    TRY_TO(done, writer_find_lacking(w, &catalog));
    TRY_TO(done, writer_find_recovered(w));
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

static bank_writer_t *writer_create(const par_t *par, const bank_plan_t *plan)
{
    bank_writer_t *w = MEM_NEW(bank_writer_t, 1);
    *w = (bank_writer_t){.par = par, .folder = mem_copy_text(plan->folder), .rows = plan->rows};
    w->compress = plan->compress;
    w->retry = plan->retry;
    w->card = (bank_card_t){.schema = schema_copy(plan->schema),
                            .fingerprint = schema_fingerprint(plan->schema),
                            .seed = plan->seed,
                            .shard_rows = plan->shard_rows,
                            .origin = plan->origin ? mem_copy_text(plan->origin) : NULL};
    w->origin = shard_origin(plan->schema);
    lock_new_run(w->run);
    return w;
}

// Journals of earlier runs whose rows this run has sealed.
static void remove_old_journals(bank_writer_t *w)
{
    catalog_t catalog;
    int64_t kept = 0;
    if (w->recovered.n_files == 0 || catalog_read(w->folder, &catalog) != OK)
        return;
    for (int64_t i = 0; i < w->recovered.n; i++) {
        int64_t shard = w->recovered.entry[i].row / w->card.shard_rows;
        const bank_shard_t *entry = catalog_find(&catalog, shard);
        if (entry == NULL || strcmp(entry->run, w->run) != 0)
            w->recovered.entry[kept++] = w->recovered.entry[i];
    }
    w->recovered.n = kept;
    journal_remove_unused(w->folder, &w->recovered);
    catalog_free(&catalog);
}

static void writer_free(bank_writer_t **writer)
{
    bank_writer_t *w = *writer;
    journal_close(&w->journal);
    lock_release(&w->lock);
    journal_list_free(&w->recovered);
    if (w->earlier != NULL)
        catalog_free(w->earlier);
    free(w->earlier);
    bank_card_free(&w->card);
    free(w->lacking.at);
    free(w->missing.at);
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
    par_broadcast(par, 0, sizeof w->run, w->run);
    par_broadcast(par, 0, sizeof w->rows, &w->rows);
    writer_share_lacking(w);
    w->journal = journal_create(w->folder, &w->card, w->run, par->rank, JOURNAL_MOST);
    *out = w;
    return OK;
}

err_t bank_writer_close(bank_writer_t **writer)
{
    if (*writer == NULL)
        return OK;
    const par_t *par = (*writer)->par;
    par_barrier(par); // nobody still seals when the lock goes
    if (par->rank == 0)
        remove_old_journals(*writer);
    writer_free(writer);
    par_barrier(par); // and it is gone when any rank returns
    return OK;
}

/* ---- what is open ---- */

int64_t bank_writer_missing(const bank_writer_t *writer, const range_t **ranges)
{
    *ranges = writer->missing.at;
    return writer->missing.n;
}

int64_t bank_writer_open_shards(const bank_writer_t *writer)
{
    return writer->n_open;
}

int64_t bank_writer_open_shard(const bank_writer_t *writer, int64_t k)
{
    CHECK(k >= 0 && k < writer->n_open, "open shard %" PRId64 " of %" PRId64, k, writer->n_open);
    return writer->open[k];
}

range_t bank_writer_range(const bank_writer_t *writer, int64_t shard)
{
    int64_t begin = shard * writer->card.shard_rows, end = begin + writer->card.shard_rows;
    CHECK(shard >= 0 && begin < writer->rows, "shard %" PRId64 " of a plan of %" PRId64 " rows",
          shard, writer->rows);
    return (range_t){begin, end < writer->rows ? end : writer->rows};
}

int64_t bank_writer_sealed_rows(const bank_writer_t *writer)
{
    return writer->rows - writer->lacking_rows;
}

int64_t bank_writer_recovered_rows(const bank_writer_t *writer)
{
    return writer->recovered_rows;
}

const char *bank_writer_run(const bank_writer_t *writer)
{
    return writer->run;
}

err_t bank_journal(bank_writer_t *writer, const rows_t *rows, int64_t begin, int64_t end)
{
    return journal_append(writer->journal, rows, begin, end);
}

err_t bank_writer_beat(bank_writer_t *writer)
{
    return lock_check(writer->folder, writer->run);
}
