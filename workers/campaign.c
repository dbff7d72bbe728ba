// SPDX-License-Identifier: Apache-2.0
//
// The lender deals positions: the rows that the bank lacks, shard after shard, counted from 0. Leases come in ascending
// order, so the rows a rank keeps are sorted by shard, and a shard's part of them is one slice.
#include "workers/campaign.h"

#define BANK_WRITE
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "storage/bank.h"
#include "workers/lender.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WAIT_MS = 1000, FIRST_ROWS = 64 };

static const size_t default_memory = (size_t)256 << 20;

typedef struct {
    int n, sealed;        // open shards; those that had their turn
    int64_t *id;          // (n)
    int64_t *end;         // (n) position where it ends
    int64_t n_ranges;     // of missing rows
    const range_t *range; // (n_ranges) of the writer
    int64_t *range_end;   // (n_ranges) position where it ends
    int64_t positions;
} work_t;

typedef struct {
    const par_t *par;
    simulator_t *simulator;
    const campaign_plan_t *plan;
    bank_writer_t *writer;
    lender_t *lender;
    work_t work;
    rows_t rows;             // simulated, not sealed
    int64_t most_rows;       // that may be kept
    range_t undone;          // positions this rank borrowed and did not simulate
    err_t failure;           // of this rank
    double drawing, sealing; // seconds
    progress_t progress;
    campaign_report_t *report;
} campaign_t;

/* ---- what there is to do ---- */

static work_t work_create(const bank_writer_t *writer)
{
    int64_t n = bank_writer_open_shards(writer), r = 0;
    work_t w = {.n = par_count(n)};
    w.n_ranges = bank_writer_missing(writer, &w.range);
    w.id = MEM_NEW(int64_t, n);
    w.end = MEM_NEW(int64_t, n);
    w.range_end = MEM_NEW(int64_t, w.n_ranges);
    for (int k = 0; k < w.n; k++) {
        w.id[k] = bank_writer_open_shard(writer, k);
        int64_t end_row = bank_writer_range(writer, w.id[k]).end;
        for (; r < w.n_ranges && w.range[r].begin < end_row; r++)
            w.range_end[r] = w.positions += w.range[r].end - w.range[r].begin;
        w.end[k] = w.positions;
    }
    return w;
}

static void work_destroy(work_t *w)
{
    free(w->id);
    free(w->end);
    free(w->range_end);
}

static int64_t work_begin(const work_t *w, int shard)
{
    return shard == 0 ? 0 : w->end[shard - 1];
}

// Row of a position that is not before range `*r`, which is moved on to the position's own.
static int64_t work_row(const work_t *w, int64_t position, int64_t *r)
{
    while (w->range_end[*r] <= position)
        ++*r;
    return w->range[*r].end - (w->range_end[*r] - position);
}

/* ---- simulating ---- */

static void make_room(campaign_t *c, int64_t n)
{
    if (n <= c->rows.capacity)
        return;
    int64_t capacity = 2 * c->rows.capacity;
    capacity = capacity > n ? capacity : n;
    rows_t larger = rows_create(simulator_schema(c->simulator), capacity);
    for (; larger.n < c->rows.n; larger.n++)
        rows_copy(&c->rows, larger.n, &larger, larger.n);
    rows_destroy(&c->rows);
    c->rows = larger;
}

static err_t simulate_lease(campaign_t *c, range_t lease, int64_t *position)
{
    int64_t range = 0;
    make_room(c, c->rows.n + lease.end - lease.begin);
    for (*position = lease.begin; *position < lease.end && !stop_requested(); ++*position) {
        int64_t row = work_row(&c->work, *position, &range);
        TRY(simulator_row(c->simulator, c->plan->seed, RNG_BANK, row, &c->rows, c->rows.n));
        c->report->by_status[c->rows.status[c->rows.n]]++;
        c->rows.n++;
    }
    return OK;
}

static lender_ask_t work_on(campaign_t *c, range_t lease)
{
    int64_t position = lease.begin;
    double start = log_clock();
    c->failure = simulate_lease(c, lease, &position);
    double seconds = log_clock() - start;
    c->undone = (range_t){position, lease.end};
    c->drawing += seconds;
    c->report->rows += position - lease.begin;
    return (lender_ask_t){.done = position - lease.begin,
                          .seconds = seconds,
                          .room = c->most_rows - c->rows.n,
                          .failed = c->failure != OK,
                          .stop = stop_requested()};
}

/* ---- sealing ---- */

static err_t seal_shard(campaign_t *c, int k)
{
    range_t lost = c->undone;
    bool holed =
        lost.begin < lost.end && lost.begin < c->work.end[k] && lost.end > work_begin(&c->work, k);
    if (par_any(c->par, holed))
        return OK;
    err_t err = bank_seal(c->writer, c->par, 1, &c->work.id[k], &c->rows);
    c->report->shards += err == OK;
    return err;
}

static void drop_rows(campaign_t *c, int64_t end_row)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < c->rows.n; i++)
        if (c->rows.index[i] >= end_row)
            rows_copy(&c->rows, i, &c->rows, kept++);
    c->rows.n = kept;
}

// Seals the shards whose positions were all lent; those that a rank left undone stay open for another run.
static err_t seal_complete(campaign_t *c, int64_t lent)
{
    double start = log_clock();
    err_t err = OK;
    work_t *w = &c->work;
    for (; err == OK && w->sealed < w->n && w->end[w->sealed] <= lent; w->sealed++)
        err = seal_shard(c, w->sealed);
    if (w->sealed > 0)
        drop_rows(c, bank_writer_range(c->writer, w->id[w->sealed - 1]).end);
    c->sealing += log_clock() - start;
    return err;
}

/* ---- the loop ---- */

static lender_answer_t borrow(campaign_t *c, const lender_ask_t *ask)
{
    lender_answer_t answer;
    lender_ask(c->lender, ask);
    while (!lender_wait(c->lender, WAIT_MS, &answer))
        continue;
    if (c->par->rank == 0)
        progress_show(&c->progress, c->progress.first + answer.done, NULL);
    return answer;
}

static err_t fill(campaign_t *c)
{
    lender_ask_t ask = {.room = c->most_rows, .stop = stop_requested()};
    for (;;) {
        lender_answer_t answer = borrow(c, &ask);
        if (answer.kind == LENDER_LEND) {
            ask = work_on(c, (range_t){answer.begin, answer.end});
            continue;
        }
        TRY(seal_complete(c, answer.end));
        if (answer.last)
            return OK;
        ask = (lender_ask_t){.room = c->most_rows - c->rows.n, .stop = stop_requested()};
    }
}

static err_t fill_with_lender(campaign_t *c)
{
    lender_config_t config = {.plan = lender_plan_default(c->par->size, c->work.n, c->work.end),
                              .stop_grace = c->plan->stop_grace,
                              .abandon = c->plan->abandon,
                              .user = c->plan->user};
    TRY(lender_open(c->par, &config, &c->lender));
    err_t err = fill(c);
    par_barrier(c->par);
    lender_close(&c->lender);
    return err;
}

// After the last meeting: why it was the last.
static err_t verdict(campaign_t *c)
{
    TRY(par_agree(c->par, c->failure));
    int64_t sealed = par_sum_i64(c->par, c->par->rank == 0 ? c->report->shards : 0);
    if (sealed == c->work.n)
        return OK;
    return err_fail(ERR_STOPPED,
                    "stopped on request: %" PRId64
                    " of %d open shards sealed; the same command goes on",
                    sealed, c->work.n);
}

static double sum_f64(const par_t *par, double mine)
{
    double sum;
    TRY_MPI(MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, par->comm));
    return sum;
}

static void report_finish(campaign_t *c, double start)
{
    campaign_report_t *r = c->report;
    r->rows = par_sum_i64(c->par, r->rows);
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        r->by_status[s] = par_sum_i64(c->par, r->by_status[s]);
    r->seconds = par_max_f64(c->par, log_clock() - start);
    double all = r->seconds * c->par->size;
    r->seal_share = sum_f64(c->par, c->sealing) / all;
    r->idle_share = 1 - r->seal_share - sum_f64(c->par, c->drawing) / all;
}

static void set_up(campaign_t *c)
{
    const schema_t *schema = simulator_schema(c->simulator);
    size_t memory = c->plan->memory > 0 ? c->plan->memory : default_memory;
    int64_t fit = (int64_t)(memory / rows_bytes(schema)), two = 2 * c->plan->shard_rows;
    c->most_rows = fit > two ? fit : two;
    c->rows = rows_create(schema, FIRST_ROWS);
    c->work = work_create(c->writer);
    c->progress =
        progress_start("simulate", "rows", c->plan->rows - c->work.positions, c->plan->rows);
}

static err_t campaign_fill(campaign_t *c)
{
    double start = log_clock();
    set_up(c);
    err_t err = c->work.n > 0 ? fill_with_lender(c) : OK;
    if (err == OK)
        err = verdict(c);
    report_finish(c, start);
    if (c->par->rank == 0)
        progress_end(&c->progress, c->progress.first + c->report->rows, NULL);
    rows_destroy(&c->rows);
    work_destroy(&c->work);
    return err;
}

err_t campaign_run(const par_t *par, simulator_t *simulator, const campaign_plan_t *plan,
                   campaign_report_t *out)
{
    bank_plan_t bank = {.folder = plan->folder,
                        .schema = simulator_schema(simulator),
                        .seed = plan->seed,
                        .rows = plan->rows,
                        .shard_rows = plan->shard_rows,
                        .study = plan->study};
    campaign_t c = {.par = par, .simulator = simulator, .plan = plan, .report = out};
    *out = (campaign_report_t){0};
    TRY(bank_writer_open(par, &bank, &c.writer));
    err_t err = campaign_fill(&c);
    if (err == OK)
        return bank_writer_close(&c.writer);
    char *text = mem_copy_text(err_text());
    if (bank_writer_close(&c.writer) != OK)
        log_warning("%s", err_text());
    err_set_text(text);
    free(text);
    return err;
}
