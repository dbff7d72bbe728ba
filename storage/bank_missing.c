// SPDX-License-Identifier: Apache-2.0
// What a bank lacks of a plan: rank 0 looks at the catalog, at files the catalog does not settle, and at the journals.
#include "storage/bank_writer.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/shard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ranges ---- */

void ranges_add(ranges_t *r, int64_t begin, int64_t end)
{
    if (begin >= end)
        return;
    if (r->n == r->cap) {
        r->cap = 2 * r->cap + 16;
        r->at = MEM_GROW(r->at, range_t, r->cap);
    }
    r->at[r->n++] = (range_t){begin, end};
}

bool ranges_have(const ranges_t *r, int64_t row)
{
    int64_t low = 0, high = r->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (r->at[middle].end <= row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->n && r->at[low].begin <= row;
}

/* ---- sealed shards ---- */

// Whether the catalog's entry tells what lies there: a rewritten shard may have been renamed without its line.
static bool entry_stands(const bank_writer_t *w, const bank_shard_t *entry, const char *path,
                         const char *mark)
{
    struct stat info;
    range_t wanted = bank_writer_range(w, entry->shard);
    return stat(path, &info) == 0 && info.st_size == entry->bytes && access(mark, F_OK) != 0 &&
           entry->rows <= w->card.shard_rows && entry->rows <= INT64_MAX - wanted.begin;
}

// The sealed version of a shard after its file was looked at; *found is empty where there is none.
static err_t survey(bank_writer_t *w, const bank_shard_t *entry, int64_t shard, bank_shard_t *found)
{
    err_t err = shard_survey(w->folder, &w->card, shard, w->run, found);
    if (err == OK) {
        char *line = catalog_line(found);
        err = entry != NULL && bank_shard_same(entry, found)
                  ? OK
                  : catalog_append(w->folder, strlen(line), line);
        free(line);
        return err;
    }
    *found = (bank_shard_t){0};
    if (err_is(err, ERR_MISSING)) {
        err_clear();
        return OK;
    }
    if (err_is(err, ERR_FORMAT) && entry == NULL) {
        log_warning("shard %" PRId64 " was not finished and is made anew (%s)", shard, err_text());
        err_clear();
        return OK;
    }
    return err_context(err,
                       "shard %" PRId64
                       " is damaged; `infermill bank verify` says more, and without its file its "
                       "rows are simulated again",
                       shard);
}

static int64_t may_change(const bank_shard_t *entry)
{
    int64_t n = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        n += row_status_may_change((row_status_t)s) ? entry->by_status[s] : 0;
    return n;
}

static err_t add_retried(bank_writer_t *w, const bank_shard_t *entry, int64_t end)
{
    shard_t *open = NULL;
    int64_t first = entry->first_row;
    uint8_t *status = MEM_NEW(uint8_t, entry->rows);
    err_t err = shard_open(w->folder, &w->card, entry, &open);
    if (err == OK)
        err = shard_read_status(open, 0, entry->rows, status);
    for (int64_t i = 0, n; err == OK && first + i < end; i += n + 1) {
        for (n = 0; first + i + n < end && row_status_may_change(status[i + n]);)
            n++;
        ranges_add(&w->lacking, first + i, first + i + n);
    }
    shard_close(&open);
    free(status);
    return err;
}

static err_t look_at_entry(bank_writer_t *w, const bank_shard_t *entry)
{
    range_t wanted = bank_writer_range(w, entry->shard);
    int64_t sealed = wanted.begin + entry->rows;
    int64_t end = sealed < wanted.end ? sealed : wanted.end;
    if (w->retry && may_change(entry) > 0)
        TRY(add_retried(w, entry, end));
    ranges_add(&w->lacking, end, wanted.end);
    return OK;
}

static err_t look_at_shard(bank_writer_t *w, const catalog_t *catalog, int64_t shard)
{
    const bank_shard_t *entry = catalog_find(catalog, shard);
    char *name = shard_name(shard), *path = mem_format("%s/%s", w->folder, name);
    char *mark = shard_rewriting_mark(w->folder, shard);
    bank_shard_t found = {0};
    err_t err = OK;
    if (entry != NULL && entry_stands(w, entry, path, mark)) {
        err = look_at_entry(w, entry);
    } else {
        err = survey(w, entry, shard, &found);
        range_t wanted = bank_writer_range(w, shard);
        if (err == OK && found.rows > 0)
            err = look_at_entry(w, &found);
        else if (err == OK)
            ranges_add(&w->lacking, wanted.begin, wanted.end);
        if (err == OK)
            unlink(mark);
    }
    bank_shard_free(&found);
    free(mark);
    free(path);
    free(name);
    return err;
}

err_t writer_find_lacking(bank_writer_t *w, const catalog_t *catalog)
{
    int64_t shards = (w->rows + w->card.shard_rows - 1) / w->card.shard_rows;
    for (int64_t k = 0; k < shards; k++)
        TRY(look_at_shard(w, catalog, k));
    return OK;
}

/* ---- journals ---- */

// Of the rows in journals those that are wanted.
static void keep_lacking(const bank_writer_t *w, journal_list_t *list)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < list->n; i++) {
        const journal_entry_t *e = &list->entry[i];
        if (ranges_have(&w->lacking, e->row) &&
            !(w->retry && row_status_may_change((row_status_t)e->status)))
            list->entry[kept++] = *e;
    }
    list->n = kept;
}

err_t writer_find_recovered(bank_writer_t *w)
{
    TRY(journal_list(w->folder, &w->card, w->run, &w->recovered));
    keep_lacking(w, &w->recovered);
    journal_remove_unused(w->folder, &w->recovered);
    return OK;
}

/* ---- told to all ---- */

static void share_ranges(const par_t *par, ranges_t *r)
{
    par_broadcast(par, 0, sizeof r->n, &r->n);
    if (par->rank != 0)
        r->at = MEM_NEW(range_t, r->n);
    par_broadcast(par, 0, (size_t)r->n * sizeof *r->at, r->at);
}

static void share_recovered(const par_t *par, journal_list_t *list)
{
    par_broadcast(par, 0, sizeof list->n, &list->n);
    par_broadcast(par, 0, sizeof list->n_files, &list->n_files);
    if (par->rank != 0) {
        list->entry = MEM_NEW(journal_entry_t, list->n);
        list->file = MEM_NEW(char *, list->n_files);
    }
    par_broadcast(par, 0, (size_t)list->n * sizeof *list->entry, list->entry);
    for (int f = 0; f < list->n_files; f++) {
        char *name = par_broadcast_text(par, 0, list->file[f]);
        free(list->file[f]);
        list->file[f] = name;
    }
}

// The lacking ranges without the rows of journals.
static void find_missing(bank_writer_t *w)
{
    for (int64_t k = 0; k < w->lacking.n; k++) {
        range_t r = w->lacking.at[k];
        int64_t begin = r.begin;
        for (int64_t i = journal_find(&w->recovered, r.begin);
             i < w->recovered.n && w->recovered.entry[i].row < r.end; i++) {
            ranges_add(&w->missing, begin, w->recovered.entry[i].row);
            begin = w->recovered.entry[i].row + 1;
        }
        ranges_add(&w->missing, begin, r.end);
        w->lacking_rows += r.end - r.begin;
    }
    w->recovered_rows = w->recovered.n;
}

static void find_open(bank_writer_t *w)
{
    w->open = MEM_NEW(int64_t, w->lacking.n);
    for (int64_t k = 0; k < w->lacking.n; k++) {
        int64_t shard = w->lacking.at[k].begin / w->card.shard_rows;
        if (w->n_open == 0 || w->open[w->n_open - 1] != shard)
            w->open[w->n_open++] = shard;
    }
}

void writer_share_lacking(bank_writer_t *w)
{
    share_ranges(w->par, &w->lacking);
    share_recovered(w->par, &w->recovered);
    find_missing(w);
    find_open(w);
}
