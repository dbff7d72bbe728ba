// SPDX-License-Identifier: Apache-2.0
#include "storage/reader.h"

#include "cluster/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_AHEAD = 8 }; // of a slice, on their way from the disk

/* One block of the bank, the last one read. */
typedef struct {
    int64_t number; // -1: none
    rows_t rows;
} block_t;

/* One slice of this rank. The thread fills batch[produced % READER_AHEAD]; the caller has batch[lent % ...]. */
typedef struct {
    int slice;
    int64_t epoch, step;
    shuffle_cursor_t *cursor; // NULL until the epoch is begun
    rows_t window;
    block_t block;
    rows_t batch[READER_AHEAD];
    int64_t produced; // batches that are ready or were used
    int64_t taken;    // batches handed out
    bool lent;        // the last of them is still borrowed
} lane_t;

struct reader {
    bank_t *bank;
    const shuffle_t *shuffle;
    int n;
    lane_t *lanes;
    pthread_t thread;
    pthread_mutex_t lock; // over produced, taken, lent, stop, err
    pthread_cond_t ready, room;
    bool running, stop;
    err_t err;
    char *text; // of err
};

/* ---- rows out of blocks ---- */

static block_t block_create(bank_t *bank, const shuffle_t *shuffle)
{
    return (block_t){.number = -1,
                     .rows = rows_create(bank_schema(bank), shuffle_config(shuffle)->block_rows)};
}

static err_t block_read(bank_t *bank, const shuffle_config_t *config, int64_t number,
                        block_t *block)
{
    int64_t begin = number * config->block_rows, end = begin + config->block_rows;
    block->number = -1;
    TRY(bank_read(bank, begin, end < config->rows ? end : config->rows, &block->rows));
    block->number = number;
    return OK;
}

err_t reader_gather(bank_t *bank, const shuffle_t *shuffle, int64_t n, const int64_t *rows,
                    rows_t *out)
{
    const shuffle_config_t *config = shuffle_config(shuffle);
    block_t block = block_create(bank, shuffle);
    err_t err = OK;
    CHECK(n <= out->capacity, "%ld rows into room for %ld", (long)n, (long)out->capacity);
    for (int64_t i = 0; i < n; i++) {
        int64_t number = rows[i] / config->block_rows;
        if (number != block.number)
            TRY_TO(done, block_read(bank, config, number, &block));
        rows_copy(&block.rows, rows[i] % config->block_rows, out, i);
    }
    out->n = n;
done:
    rows_destroy(&block.rows);
    return err;
}

/* ---- the thread ---- */

static bool stopping(reader_t *r)
{
    pthread_mutex_lock(&r->lock);
    bool stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    return stop;
}

static err_t bring(reader_t *r, lane_t *lane, int64_t row, int64_t place)
{
    const shuffle_config_t *config = shuffle_config(r->shuffle);
    int64_t number = row / config->block_rows;
    if (number != lane->block.number) {
        if (stopping(r))
            return err_fail(ERR_STOPPED, "the reader was told to stop");
        TRY(block_read(r->bank, config, number, &lane->block));
    }
    rows_copy(&lane->block.rows, row % config->block_rows, &lane->window, place);
    return OK;
}

// Blocks are read far from each other: the disk is told of them some time before.
static void read_soon(reader_t *r, const lane_t *lane, int64_t ahead)
{
    const shuffle_config_t *config = shuffle_config(r->shuffle);
    int64_t number = shuffle_cursor_ahead(lane->cursor, ahead);
    int64_t begin = number * config->block_rows, end = begin + config->block_rows;
    if (number >= 0)
        bank_read_soon(r->bank, begin, end < config->rows ? end : config->rows);
}

typedef struct {
    int64_t row, place;
} placed_t;

static int compare_placed(const void *a, const void *b)
{
    int64_t x = ((const placed_t *)a)->row, y = ((const placed_t *)b)->row;
    return (x > y) - (x < y);
}

/* A cursor that starts in the middle of an epoch has rows in its window: they are read block by block. */
static err_t fill_window(reader_t *r, lane_t *lane)
{
    int64_t n = shuffle_cursor_filled(lane->cursor);
    placed_t *held = MEM_NEW(placed_t, n + 1);
    for (int64_t k = 0; k < n; k++)
        shuffle_cursor_at(lane->cursor, k, &held[k].row, &held[k].place);
    qsort(held, (size_t)n, sizeof *held, compare_placed);
    err_t err = OK;
    for (int64_t k = 0; k < n && err == OK; k++)
        err = bring(r, lane, held[k].row, held[k].place);
    free(held);
    return err;
}

static err_t begin_or_go_on(reader_t *r, lane_t *lane)
{
    if (lane->step == shuffle_steps(r->shuffle)) {
        shuffle_cursor_destroy(&lane->cursor);
        lane->epoch++;
        lane->step = 0;
    }
    if (lane->cursor)
        return OK;
    lane->cursor = shuffle_cursor_create(r->shuffle, lane->epoch, lane->slice, lane->step);
    for (int64_t ahead = 0; ahead < BLOCKS_AHEAD; ahead++)
        read_soon(r, lane, ahead);
    return fill_window(r, lane);
}

static err_t fill_batch(reader_t *r, lane_t *lane)
{
    rows_t *batch = &lane->batch[lane->produced % READER_AHEAD];
    int64_t row, place, block_rows = shuffle_config(r->shuffle)->block_rows;
    TRY(begin_or_go_on(r, lane));
    for (batch->n = 0; batch->n < batch->capacity; batch->n++) {
        while (shuffle_cursor_take(lane->cursor, &row, &place)) {
            if (row / block_rows != lane->block.number)
                read_soon(r, lane, BLOCKS_AHEAD);
            TRY(bring(r, lane, row, place));
        }
        shuffle_cursor_pick(lane->cursor, &row, &place);
        rows_copy(&lane->window, place, batch, batch->n);
    }
    lane->step++;
    return OK;
}

static bool has_room(const lane_t *lane)
{
    return lane->produced - lane->taken + lane->lent < READER_AHEAD;
}

/* The slice that is furthest behind of those with room; NULL when told to stop. */
static lane_t *next_lane(reader_t *r)
{
    lane_t *lane = NULL;
    pthread_mutex_lock(&r->lock);
    while (!r->stop && !lane) {
        for (int k = 0; k < r->n; k++)
            if (has_room(&r->lanes[k]) && (!lane || r->lanes[k].produced < lane->produced))
                lane = &r->lanes[k];
        if (!lane)
            pthread_cond_wait(&r->room, &r->lock);
    }
    if (r->stop)
        lane = NULL;
    pthread_mutex_unlock(&r->lock);
    return lane;
}

static void publish(reader_t *r, lane_t *lane, err_t err)
{
    pthread_mutex_lock(&r->lock);
    r->err = err;
    if (err == OK)
        lane->produced++;
    else
        r->text = mem_copy_text(err_text());
    pthread_cond_signal(&r->ready);
    pthread_mutex_unlock(&r->lock);
}

static void *read_ahead(void *reader)
{
    reader_t *r = reader;
    err_t err = OK;
    for (lane_t *lane = next_lane(r); lane && err == OK; lane = err == OK ? next_lane(r) : NULL) {
        err = fill_batch(r, lane);
        publish(r, lane, err);
    }
    return NULL;
}

/* Signals are for the main thread. */
static err_t start_thread(reader_t *r)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&r->thread, NULL, read_ahead, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->running = code == 0;
    return code == 0 ? OK
                     : err_fail(ERR_FAILED, "the reader's thread could not be started: %s",
                                strerror(code));
}

/* ---- the caller's side ---- */

static void lane_create(reader_t *r, lane_t *lane, int slice, int64_t epoch, int64_t step)
{
    const schema_t *schema = bank_schema(r->bank);
    shuffle_cursor_t *c = shuffle_cursor_create(r->shuffle, epoch, slice, 0);
    *lane = (lane_t){
        .slice = slice, .epoch = epoch, .step = step, .block = block_create(r->bank, r->shuffle)};
    lane->window = rows_create(schema, shuffle_cursor_places(c));
    for (int i = 0; i < READER_AHEAD; i++)
        lane->batch[i] = rows_create(schema, shuffle_config(r->shuffle)->slice_rows);
    shuffle_cursor_destroy(&c);
}

err_t reader_create(bank_t *bank, const shuffle_t *shuffle, int n, const int *slices, int64_t epoch,
                    int64_t step, reader_t **out)
{
    reader_t *r = MEM_NEW(reader_t, 1);
    r->bank = bank;
    r->shuffle = shuffle;
    r->n = n;
    r->lanes = MEM_NEW(lane_t, n + 1);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->ready, NULL);
    pthread_cond_init(&r->room, NULL);
    for (int k = 0; k < n; k++)
        lane_create(r, &r->lanes[k], slices[k], epoch, step);
    err_t err = n > 0 ? start_thread(r) : OK;
    if (err != OK)
        reader_destroy(&r);
    *out = r;
    return err;
}

static void give_back(reader_t *r, lane_t *lane)
{
    if (lane->lent)
        pthread_cond_signal(&r->room);
    lane->lent = false;
}

static err_t failed(const reader_t *r)
{
    err_set_text(r->text);
    return err_frame(r->err, __FILE__, __LINE__);
}

err_t reader_next(reader_t *r, int k, const rows_t **rows)
{
    CHECK(k >= 0 && k < r->n, "slice %d of %d", k, r->n);
    lane_t *lane = &r->lanes[k];
    *rows = NULL;
    pthread_mutex_lock(&r->lock);
    give_back(r, lane);
    while (r->err == OK && lane->taken == lane->produced)
        pthread_cond_wait(&r->ready, &r->lock);
    err_t err = lane->taken < lane->produced ? OK : failed(r);
    if (err == OK) {
        *rows = &lane->batch[lane->taken % READER_AHEAD];
        lane->taken++;
        lane->lent = true;
    }
    pthread_mutex_unlock(&r->lock);
    return err;
}

static void stop_thread(reader_t *r)
{
    if (!r->running)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->room);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
}

void reader_destroy(reader_t **reader)
{
    reader_t *r = *reader;
    if (!r)
        return;
    stop_thread(r);
    for (int k = 0; k < r->n; k++) {
        lane_t *lane = &r->lanes[k];
        shuffle_cursor_destroy(&lane->cursor);
        rows_destroy(&lane->window);
        rows_destroy(&lane->block.rows);
        for (int i = 0; i < READER_AHEAD; i++)
            rows_destroy(&lane->batch[i]);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->ready);
    pthread_cond_destroy(&r->room);
    free(r->text);
    free(r->lanes);
    free(r);
    *reader = NULL;
}

size_t reader_bytes(const reader_t *r)
{
    int64_t rows = 0;
    for (int k = 0; k < r->n; k++) {
        rows += r->lanes[k].window.capacity + r->lanes[k].block.rows.capacity;
        rows += READER_AHEAD * r->lanes[k].batch[0].capacity;
    }
    return (size_t)rows * rows_bytes(bank_schema(r->bank));
}
