// SPDX-License-Identifier: Apache-2.0
//
// Rank 0: hub (a thread) -> ring -> bank and chunks. A chunk is broadcast, so that all ranks see the same rows.
#include "coordinator/feed.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/provenance.h"
#include "cluster/stop.h"
#include "coordinator/feed_bank.h"
#include "coordinator/hub.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BEAT_MS = 2000, LOOK_MS = 50, FAILURE_ROWS = 100 };

static const double stall_seconds = 60; // of waiting for rows, until people are told

struct feed {
    const par_t *par;
    const study_t *study;
    const schema_t *schema;
    int64_t end, chunk_rows;
    bool arrival;
    used_rows_t used;
    char *packed; // (chunk_rows, rows_bytes)
    bool failed;
    // rank 0
    provenance_machine_t machine; // of the hub
    feed_bank_t *bank;
    row_ring_t *ring;
    hub_t *hub;
    int64_t *picked;        // (chunk_rows)
    feed_worker_t *workers; // of the latest report
    int64_t seen;           // rows that were there when somebody last looked,
    double seen_at;         // and when
};

/* ---- opened ---- */

static row_ring_t *make_ring(const feed_t *f, const feed_config_t *c)
{
    row_ring_plan_t plan = {.schema = f->schema,
                            .first = c->first,
                            .end = c->end,
                            .capacity = c->look_ahead + feed_bank_room(f->bank),
                            .shard_rows = f->study->bank.shard_rows,
                            .arrival = c->arrival,
                            .used = &f->used};
    return row_ring_create(&plan);
}

static err_t start_hub(feed_t *f, const feed_config_t *c)
{
    f->machine = provenance_machine();
    hub_config_t config = {.endpoint = c->endpoint,
                           .keys = c->keys,
                           .hub_key = c->hub_key,
                           .study = f->study->name,
                           .text = f->study->text,
                           .schema = f->schema,
                           .seed = (uint64_t)f->study->bank.seed,
                           .cpu = f->machine.cpu,
                           .libm = f->machine.libm,
                           .first = c->first,
                           .end = c->end,
                           .capacity = c->look_ahead + feed_bank_room(f->bank),
                           .ring = f->ring,
                           .beat_ms = c->beat_ms > 0 ? c->beat_ms : BEAT_MS};
    return hub_open(&config, &f->hub);
}

static err_t lead_open(feed_t *f, const feed_config_t *c)
{
    TRY(feed_bank_open(f->study, f->schema, c->first, c->end, &f->bank));
    f->ring = make_ring(f, c);
    f->picked = MEM_NEW(int64_t, c->chunk_rows);
    TRY(start_hub(f, c));
    feed_bank_attach(f->bank, f->ring, f->hub, c->look_ahead);
    f->seen_at = log_clock();
    return feed_bank_move(f->bank);
}

err_t feed_open(const par_t *par, const feed_config_t *c, feed_t **out)
{
    CHECK(c->first <= c->position && c->position <= c->end && c->chunk_rows >= 1 &&
              c->look_ahead >= c->chunk_rows,
          "rows %ld to %ld from %ld on, in chunks of %ld, %ld ahead", (long)c->first, (long)c->end,
          (long)c->position, (long)c->chunk_rows, (long)c->look_ahead);
    feed_t *f = MEM_NEW(feed_t, 1);
    *f = (feed_t){.par = par, .study = c->study, .schema = c->schema, .end = c->end};
    f->chunk_rows = c->chunk_rows;
    f->arrival = c->arrival;
    f->used = used_rows_create(c->position, c->n_consumed, c->consumed);
    f->packed = mem_alloc((size_t)c->chunk_rows, rows_bytes(c->schema));
    *out = f;
    err_t err = par_agree(par, par->rank == 0 ? lead_open(f, c) : OK);
    f->failed = err != OK;
    if (err != OK)
        feed_close(out);
    return err;
}

const char *feed_endpoint(const feed_t *f)
{
    return f->hub != NULL ? hub_endpoint(f->hub) : NULL;
}

/* ---- what rank 0 does between two chunks ---- */

static bool is_failure(row_status_t status)
{
    return status != ROW_DONE && status != ROW_REJECTED;
}

/* ", such as row 1204 (y[3] is nan)", of one that is in the ring; "" where none is. The caller frees it. */
static char *a_failed_row(feed_t *f)
{
    char *words = NULL;
    hub_lock(f->hub);
    const rows_t *rows = row_ring_rows(f->ring);
    for (int64_t row = row_ring_low(f->ring); row_ring_has_place(f->ring, row) && words == NULL;
         row++) {
        int64_t at = row_ring_place(f->ring, row);
        if (row_ring_has(f->ring, row) && is_failure((row_status_t)rows->status[at]))
            words = mem_format(", such as row %" PRId64 " (%s)", row,
                               rows->reason[at] ? rows->reason[at] : "no reason was told");
    }
    hub_unlock(f->hub);
    return words ? words : mem_copy_text("");
}

// The share may lie above the limit by chance: it is passed when it lies 3 standard errors above it.
static err_t check_failures(feed_t *f)
{
    feed_worker_t *workers;
    double limit = f->study->bank.failure_limit;
    int64_t rows = 0, failed = 0;
    hub_lock(f->hub);
    feed_report_t r = hub_report(f->hub, &workers);
    hub_unlock(f->hub);
    free(workers);
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        rows += r.by_status[s];
        failed += is_failure((row_status_t)s) ? r.by_status[s] : 0;
    }
    double most = limit * (double)rows + 3 * sqrt(limit * (1 - limit) * (double)rows);
    if (rows < FAILURE_ROWS || (double)failed <= most)
        return OK;
    char *row = a_failed_row(f);
    err_t err = err_fail(ERR_SIMULATOR,
                         "%" PRId64 " of %" PRId64
                         " fresh rows failed, more than the share of %g that bank.failure_limit "
                         "allows%s: mend the simulator and give it a new version, or narrow the "
                         "prior",
                         failed, rows, limit, row);
    free(row);
    return err;
}

static void watch_stall(feed_t *f)
{
    feed_worker_t *workers;
    double now = log_clock();
    hub_lock(f->hub);
    feed_report_t r = hub_report(f->hub, &workers);
    hub_unlock(f->hub);
    free(workers);
    if (r.rows != f->seen || r.rows == r.total) {
        f->seen = r.rows;
        f->seen_at = now;
    } else if (now - f->seen_at > stall_seconds) {
        f->seen_at = now;
        log_warning("refine: no row came for %.0f s; %d workers are there (`infermill worker "
                    "--connect %s`)",
                    stall_seconds, r.n_workers, feed_endpoint(f));
    }
}

static err_t keep_going(feed_t *f)
{
    TRY(check_failures(f));
    TRY(feed_bank_keep(f->bank, false));
    TRY(feed_bank_move(f->bank));
    if (feed_bank_whole(f->bank)) {
        hub_lock(f->hub);
        if (row_ring_whole(f->ring))
            hub_over(f->hub);
        hub_unlock(f->hub);
    }
    return OK;
}

// Rows of the next chunk; 0: it is not there. The lock is held.
static int64_t chunk_there(const feed_t *f)
{
    int64_t ready = row_ring_ready(f->ring);
    if (ready >= f->chunk_rows)
        return f->chunk_rows;
    return row_ring_whole(f->ring) || (f->arrival && feed_bank_full(f->bank)) ? ready : 0;
}

static err_t wait_for_chunk(feed_t *f, int timeout_ms, int64_t *n)
{
    double until = log_clock() + 1e-3 * timeout_ms;
    for (*n = 0;;) {
        TRY(keep_going(f));
        double left = until - log_clock();
        hub_lock(f->hub);
        *n = chunk_there(f);
        bool wait = *n == 0 && left > 0 && !stop_requested() && f->used.position < f->end;
        if (wait)
            hub_wait(f->hub, 1e3 * left < LOOK_MS ? (int)(1e3 * left) + 1 : LOOK_MS);
        hub_unlock(f->hub);
        if (!wait)
            return OK;
        watch_stall(f);
    }
}

static err_t lead_next(feed_t *f, int timeout_ms, rows_t *rows)
{
    int64_t n;
    rows->n = 0;
    TRY(wait_for_chunk(f, timeout_ms, &n));
    hub_lock(f->hub);
    row_ring_use(f->ring, n, f->picked);
    hub_unlock(f->hub);
    for (int64_t i = 0; i < n; i++)
        rows_append(row_ring_rows(f->ring), row_ring_place(f->ring, f->picked[i]), rows);
    return n > 0 ? feed_bank_move(f->bank) : OK;
}

/* ---- chunks on all ranks ---- */

static void share_chunk(feed_t *f, rows_t *rows)
{
    size_t bytes = rows_bytes(f->schema);
    par_broadcast(f->par, 0, sizeof rows->n, &rows->n);
    if (f->par->size == 1)
        return;
    for (int64_t i = 0; f->par->rank == 0 && i < rows->n; i++)
        rows_pack(rows, i, f->packed + (size_t)i * bytes);
    par_broadcast(f->par, 0, (size_t)rows->n * bytes, f->packed);
    for (int64_t i = 0; f->par->rank != 0 && i < rows->n; i++)
        rows_unpack(f->packed + (size_t)i * bytes, rows, i);
}

err_t feed_next(feed_t *f, int timeout_ms, rows_t *rows, bool *got)
{
    CHECK(rows->capacity >= f->chunk_rows, "a chunk of %ld rows into %ld", (long)f->chunk_rows,
          (long)rows->capacity);
    *got = false;
    err_t err = f->par->rank == 0 ? lead_next(f, timeout_ms, rows) : OK;
    par_await(f->par, 0);
    err = par_agree(f->par, err);
    f->failed = f->failed || err != OK;
    TRY(err);
    share_chunk(f, rows);
    *got = rows->n > 0;
    used_rows_add(&f->used, rows->n, rows->index);
    return OK;
}

bool feed_over(const feed_t *f)
{
    return f->used.position == f->end;
}

err_t feed_keep(feed_t *f)
{
    err_t err = par_agree(f->par, f->par->rank == 0 ? feed_bank_keep(f->bank, true) : OK);
    f->failed = f->failed || err != OK;
    return err;
}

int64_t feed_position(const feed_t *f, int64_t *n, const int64_t **consumed)
{
    *n = f->used.n;
    *consumed = f->used.beyond;
    return f->used.position;
}

/* ---- told ---- */

feed_report_t feed_report(feed_t *f)
{
    free(f->workers);
    hub_lock(f->hub);
    feed_report_t report = hub_report(f->hub, &f->workers);
    hub_unlock(f->hub);
    return report;
}

void feed_note(feed_t *f, const feed_trainer_t *trainer)
{
    if (f->hub == NULL)
        return;
    hub_lock(f->hub);
    hub_note(f->hub, trainer);
    hub_unlock(f->hub);
}

/* ---- closed ---- */

static void lead_close(feed_t *f)
{
    bool done = false;
    if (!f->failed && feed_bank_keep(f->bank, true) != OK)
        log_warning("refine: fresh rows were not kept: %s", err_text());
    else if (!f->failed)
        done = row_ring_whole(f->ring) && feed_bank_whole(f->bank);
    hub_close(&f->hub, done);
    if (feed_bank_close(&f->bank) != OK)
        log_warning("refine: %s", err_text());
    row_ring_destroy(&f->ring);
}

void feed_close(feed_t **feed)
{
    feed_t *f = *feed;
    if (f == NULL)
        return;
    char *text = mem_copy_text(err_text()); // what closes a feed may be told after it
    if (f->par->rank == 0)
        lead_close(f);
    par_barrier(f->par);
    err_set_text(text);
    used_rows_destroy(&f->used);
    free(f->packed);
    free(f->picked);
    free(f->workers);
    free(text);
    free(f);
    *feed = NULL;
}
