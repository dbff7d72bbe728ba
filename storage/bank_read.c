// SPDX-License-Identifier: Apache-2.0
#include "storage/bank.h"

#include "cluster/mem.h"
#include "storage/bank_inside.h"
#include "storage/costs.h"
#include "storage/shard_fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int64_t gapless(const bank_t *bank)
{
    int64_t rows = 0;
    for (int i = 0; i < bank->catalog.n; i++) {
        const bank_shard_t *shard = &bank->catalog.shards[i];
        if (shard->first_row != rows)
            break;
        rows += shard->rows;
    }
    return rows;
}

static void close_shards(bank_t *bank)
{
    for (int i = 0; i < BANK_OPEN_SHARDS; i++)
        shard_close(&bank->open[i].shard);
}

err_t bank_refresh(bank_t *bank)
{
    catalog_t fresh;
    TRY(catalog_read(bank->folder, &fresh));
    err_t err = bank_check_places(bank, &fresh);
    if (err != OK) {
        catalog_free(&fresh);
        return err;
    }
    pthread_mutex_lock(&bank->mutex);
    close_shards(bank); // they may have been superseded
    catalog_free(&bank->catalog);
    bank->catalog = fresh;
    bank->rows = gapless(bank);
    pthread_mutex_unlock(&bank->mutex);
    return OK;
}

err_t bank_open(const char *folder, bank_t **out)
{
    bank_t *bank = MEM_NEW(bank_t, 1);
    err_t err;
    pthread_mutex_init(&bank->mutex, NULL);
    bank->folder = mem_copy_text(folder);
    TRY_TO(done, bank_card_read(folder, &bank->card));
    TRY_TO(done, bank_refresh(bank));
done:
    if (err != OK)
        bank_close(&bank);
    *out = bank;
    return err;
}

err_t bank_open_if_there(const char *folder, bank_t **out)
{
    err_t err = bank_open(folder, out);
    if (!err_is(err, ERR_MISSING))
        return err;
    err_clear();
    return OK;
}

void bank_close(bank_t **bank)
{
    bank_t *b = *bank;
    if (b == NULL)
        return;
    close_shards(b);
    catalog_free(&b->catalog);
    bank_card_free(&b->card);
    pthread_mutex_destroy(&b->mutex);
    free(b->folder);
    free(b);
    *bank = NULL;
}

/* ---- what it says ---- */

const schema_t *bank_schema(const bank_t *bank)
{
    return &bank->card.schema;
}

const char *bank_fingerprint(const bank_t *bank)
{
    return bank->card.fingerprint;
}

uint64_t bank_seed(const bank_t *bank)
{
    return bank->card.seed;
}

int64_t bank_shard_rows(const bank_t *bank)
{
    return bank->card.shard_rows;
}

int64_t bank_rows(const bank_t *bank)
{
    return bank->rows;
}

int bank_shard_count(const bank_t *bank)
{
    return bank->catalog.n;
}

const bank_shard_t *bank_shard(const bank_t *bank, int i)
{
    CHECK(i >= 0 && i < bank->catalog.n, "shard %d of %d", i, bank->catalog.n);
    return &bank->catalog.shards[i];
}

const char *bank_text(const bank_t *bank)
{
    return bank->card.text;
}

const char *bank_origin(const bank_t *bank)
{
    return bank->card.origin;
}

bank_info_t bank_info(const bank_t *bank)
{
    bank_info_t info = {.shards = bank->catalog.n};
    for (int i = 0; i < bank->catalog.n; i++) {
        const bank_shard_t *shard = &bank->catalog.shards[i];
        info.rows += shard->rows;
        info.bytes += shard->bytes;
        info.seconds += shard->seconds;
        for (int s = 0; s < ROW_STATUS_COUNT; s++)
            info.by_status[s] += shard->by_status[s];
    }
    return info;
}

/* ---- rows ---- */

static err_t open_version(const bank_t *bank, const bank_shard_t *entry, shard_t **out)
{
    bank_shard_t newer;
    err_t err = shard_open(bank->folder, &bank->card, entry, out);
    if (!err_is(err, ERR_FORMAT) || !bank_find_newer(bank, entry, &newer))
        return err;
    err_clear();
    err = open_version(bank, &newer, out);
    bank_shard_free(&newer);
    return err;
}

// Its place among the open ones, or that of the one which was not used for longest. HDF5 needs much memory for a file, so
// there is one place for all compressed shards.
static open_shard_t *place_of(bank_t *bank, const bank_shard_t *entry)
{
    open_shard_t *oldest = &bank->open[0];
    if (entry->n_layout == 0)
        return oldest;
    oldest++;
    for (int i = 1; i < BANK_OPEN_SHARDS; i++) {
        if (bank->open[i].shard != NULL && bank->open[i].number == entry->shard)
            return &bank->open[i];
        if (bank->open[i].used < oldest->used)
            oldest = &bank->open[i];
    }
    return oldest;
}

static err_t use_shard(bank_t *bank, int64_t number, shard_t **out)
{
    const bank_shard_t *entry = catalog_find(&bank->catalog, number);
    CHECK(entry != NULL, "shard %" PRId64 " below %" PRId64 " rows", number, bank->rows);
    open_shard_t *place = place_of(bank, entry);
    err_t err = OK;
    if (place->shard == NULL || place->number != number) {
        shard_close(&place->shard);
        err = open_version(bank, entry, &place->shard);
    }
    place->number = number;
    place->used = ++bank->uses;
    *out = place->shard;
    return err == OK ? OK
                     : err_context(err, "shard %" PRId64 ", rows from %" PRId64, number,
                                   number * bank->card.shard_rows);
}

typedef err_t (*piece_t)(shard_t *shard, int64_t begin, int64_t end, void *user, int64_t at);

// Calls `piece` for the part of [begin, end) that lies in each shard. Needs the lock.
static err_t walk(bank_t *bank, int64_t begin, int64_t end, piece_t piece, void *user)
{
    for (int64_t at = begin; at < end;) {
        int64_t number = at / bank->card.shard_rows, first = number * bank->card.shard_rows;
        int64_t stop = first + bank->card.shard_rows < end ? first + bank->card.shard_rows : end;
        shard_t *shard;
        TRY(use_shard(bank, number, &shard));
        if (stop - first > shard_rows(shard))
            return err_fail(ERR_FORMAT,
                            "%s: shard %" PRId64 " holds rows to %" PRId64 ", row %" PRId64
                            " is missing",
                            bank->folder, number, first + shard_rows(shard) - 1, stop - 1);
        TRY(piece(shard, at - first, stop - first, user, at - begin));
        at = stop;
    }
    return OK;
}

static err_t check_range(const bank_t *bank, int64_t begin, int64_t end)
{
    if (begin < 0 || end < begin || end > bank->rows)
        return err_fail(ERR_FORMAT,
                        "%s: rows [%" PRId64 ", %" PRId64 ") asked for, the bank has %" PRId64,
                        bank->folder, begin, end, bank->rows);
    return OK;
}

static err_t rows_piece(shard_t *shard, int64_t begin, int64_t end, void *user, int64_t at)
{
    return shard_read(shard, begin, end, user, at);
}

static err_t head_piece(shard_t *shard, int64_t begin, int64_t end, void *user, int64_t at)
{
    return shard_read_head(shard, begin, end, user, at);
}

static err_t read_with(bank_t *bank, piece_t piece, int64_t begin, int64_t end, rows_t *rows)
{
    CHECK(end - begin <= rows->capacity, "%" PRId64 " rows into room for %" PRId64, end - begin,
          rows->capacity);
    pthread_mutex_lock(&bank->mutex);
    err_t err = check_range(bank, begin, end);
    if (err == OK)
        err = walk(bank, begin, end, piece, rows);
    pthread_mutex_unlock(&bank->mutex);
    rows->n = err == OK ? end - begin : 0;
    return err;
}

err_t bank_read(bank_t *bank, int64_t begin, int64_t end, rows_t *rows)
{
    return read_with(bank, rows_piece, begin, end, rows);
}

err_t bank_read_head(bank_t *bank, int64_t begin, int64_t end, rows_t *rows)
{
    return read_with(bank, head_piece, begin, end, rows);
}

static err_t soon_piece(shard_t *shard, int64_t begin, int64_t end, void *user, int64_t at)
{
    (void)user, (void)at;
    shard_read_soon(shard, begin, end);
    return OK;
}

void bank_read_soon(bank_t *bank, int64_t begin, int64_t end)
{
    pthread_mutex_lock(&bank->mutex);
    err_t err = check_range(bank, begin, end);
    if (err == OK)
        err = walk(bank, begin, end, soon_piece, NULL);
    if (err != OK)
        err_clear();
    pthread_mutex_unlock(&bank->mutex);
}

static err_t status_piece(shard_t *shard, int64_t begin, int64_t end, void *user, int64_t at)
{
    return shard_read_status(shard, begin, end, (uint8_t *)user + at);
}

err_t bank_read_status(bank_t *bank, uint8_t *status)
{
    pthread_mutex_lock(&bank->mutex);
    err_t err = walk(bank, 0, bank->rows, status_piece, status);
    pthread_mutex_unlock(&bank->mutex);
    return err;
}

err_t bank_read_costs(bank_t *bank, int64_t begin, int64_t end, rows_t *rows)
{
    CHECK(end - begin <= rows->capacity, "%" PRId64 " rows into room for %" PRId64, end - begin,
          rows->capacity);
    TRY(check_range(bank, begin, end));
    for (int64_t at = begin; at < end;) {
        int64_t number = at / bank->card.shard_rows, first = number * bank->card.shard_rows;
        int64_t stop = first + bank->card.shard_rows < end ? first + bank->card.shard_rows : end;
        TRY(costs_read(bank->folder, number, at - first, stop - first, rows->seconds + at - begin,
                       NULL, rows->reason + at - begin));
        at = stop;
    }
    return OK;
}
