// SPDX-License-Identifier: Apache-2.0
#include "workers/campaign.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "workers/draw_ranks.h"
#include "workers/failures.h"
#include "workers/kept_rows.h"
#include "workers/lender.h"
#include "workers/recheck.h"
#include "workers/seal_groups.h"
#include "workers/work.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { FAILURE_ROWS = 100, SEAL_SHARDS = 64 };

static const size_t default_memory = (size_t)256 << 20;
static const double look_seconds = 0.05;   // of work between two looks at the journal
static const double recheck_seconds = 0.1; // a dearer row is not simulated again unasked

typedef struct {
    const par_t *par;
    simulator_t *simulator;
    const campaign_plan_t *plan;
    bank_writer_t *writer;
    lender_t *lender;
    seal_groups_t groups;
    work_t work;
    kept_rows_t kept;
    failures_t *failures;
    double row_seconds;      // lately
    bool rechecked;          // the first row, or there was none that was cheap
    bool failing;            // too many rows failed
    err_t failure;           // of this rank
    char *why;               // its text
    double drawing, keeping; // seconds
    progress_t progress;
    campaign_report_t *report;
} campaign_t;

campaign_plan_t campaign_plan_default(void)
{
    return (campaign_plan_t){.journal_seconds = 1, .failure_limit = 0.5};
}

/* ---- simulating ---- */

static bool is_failure(row_status_t status)
{
    return status != ROW_DONE && status != ROW_REJECTED;
}

static int64_t count_new(campaign_t *c, int64_t from)
{
    int64_t failures = 0;
    const rows_t *rows = &c->kept.rows;
    for (int64_t i = from; i < rows->n; i++) {
        c->report->by_status[rows->status[i]]++;
        failures += is_failure(rows->status[i]);
    }
    failures_add_rows(c->failures, rows, from, rows->n);
    return failures;
}

static err_t secure(campaign_t *c, int64_t from)
{
    double start = log_clock();
    err_t err = kept_rows_secure(&c->kept, from, c->plan->journal_seconds, c->writer);
    c->keeping += log_clock() - start;
    return err;
}

// The first row of a rank once more: a simulator with a memory of its own gives another.
static err_t recheck_first(campaign_t *c)
{
    if (c->rechecked || c->kept.rows.n == 0)
        return OK;
    c->rechecked = true;
    return c->kept.rows.seconds[0] > recheck_seconds
               ? OK
               : recheck_row(c->simulator, c->plan->seed, &c->kept.rows, 0);
}

// Rows between two looks at the journal.
static int64_t rows_of_step(const campaign_t *c, int64_t left)
{
    double fit = fmin(look_seconds, c->plan->journal_seconds) / fmax(c->row_seconds, 1e-9);
    return fit < 1 ? 1 : fit < (double)left ? (int64_t)fit : left;
}

// Rows [row, row + n), or the first of them where a stop is asked for.
static err_t simulate_step(campaign_t *c, int64_t row, int64_t n, lender_ask_t *ask)
{
    rows_t *rows = &c->kept.rows;
    int64_t from = rows->n, done = 0;
    double start = log_clock();
    err_t err = simulator_rows(c->simulator, c->plan->seed, RNG_BANK, row, n, rows, from, &done);
    double seconds = log_clock() - start;
    rows->n += done;
    ask->done += done;
    ask->seconds += seconds;
    ask->failures += count_new(c, from);
    if (done > 0)
        c->row_seconds = seconds / (double)done;
    TRY(err);
    TRY(recheck_first(c));
    return secure(c, from);
}

static err_t simulate_lease(campaign_t *c, range_t lease, lender_ask_t *ask)
{
    kept_rows_reserve(&c->kept, lease.end - lease.begin);
    c->row_seconds = c->row_seconds > 0 ? c->row_seconds : INFINITY;
    for (int64_t at = lease.begin; at < lease.end && !stop_requested();
         at = lease.begin + ask->done) {
        range_t rows = work_rows(&c->work, at, lease.end);
        TRY(simulate_step(c, rows.begin, rows_of_step(c, rows.end - rows.begin), ask));
    }
    return OK;
}

// Keeps the first failure of this rank, and goes on to the last meeting.
static void note_failure(campaign_t *c, err_t err)
{
    if (err == OK || c->failure != OK)
        return;
    c->failure = err;
    c->why = mem_copy_text(err_text());
}

static lender_ask_t work_on(campaign_t *c, range_t lease)
{
    lender_ask_t ask = {0};
    note_failure(c, simulate_lease(c, lease, &ask));
    c->drawing += ask.seconds;
    c->report->rows += ask.done;
    ask.room = kept_rows_room(&c->kept);
    ask.failed = c->failure != OK;
    ask.stop = stop_requested();
    return ask;
}

/* ---- sealing ---- */

static int compare_shards(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t *shards_of(const campaign_t *c, const lender_answer_t *a, int *n)
{
    *n = 0;
    for (int i = 0; i < a->n_runs; i++)
        *n += a->run[i].count;
    int64_t *shards = MEM_NEW(int64_t, *n);
    int at = 0;
    for (int i = 0; i < a->n_runs; i++)
        for (int k = 0; k < a->run[i].count; k++)
            shards[at++] = c->work.shard[a->run[i].first + k];
    qsort(shards, (size_t)*n, sizeof *shards, compare_shards);
    return shards;
}

static err_t seal_some(campaign_t *c, const par_t *ranks, int n, const int64_t *shards)
{
    TRY(bank_seal(c->writer, ranks, n, shards, &c->kept.rows));
    kept_rows_drop(&c->kept, c->plan->shard_rows, n, shards);
    c->report->shards += ranks->rank == 0 ? n : 0;
    return OK;
}

// Collective over the ranks that were called.
static err_t seal(campaign_t *c, const lender_answer_t *a)
{
    int n;
    double start = log_clock();
    const par_t *ranks = a->all ? c->par : &c->groups.mine;
    int64_t *shards = shards_of(c, a, &n);
    err_t err = OK;
    for (int at = 0; at < n && err == OK; at += SEAL_SHARDS)
        err = seal_some(c, ranks, n - at < SEAL_SHARDS ? n - at : SEAL_SHARDS, shards + at);
    free(shards);
    c->keeping += log_clock() - start;
    return err;
}

/* ---- the loop ---- */

static lender_answer_t borrow(campaign_t *c, const lender_ask_t *ask)
{
    lender_answer_t answer = lender_borrow(c->lender, ask);
    if (c->par->rank == 0)
        progress_show(&c->progress, c->progress.first + answer.done, NULL);
    return answer;
}

static void fill(campaign_t *c)
{
    lender_ask_t ask = {.room = kept_rows_room(&c->kept), .stop = stop_requested()};
    for (;;) {
        lender_answer_t answer = borrow(c, &ask);
        if (answer.kind == LENDER_LEND) {
            ask = work_on(c, (range_t){answer.begin, answer.end});
            continue;
        }
        c->failing = answer.failing;
        note_failure(c, seal(c, &answer));
        if (answer.last)
            return;
        ask = (lender_ask_t){
            .room = kept_rows_room(&c->kept), .failed = c->failure != OK, .stop = stop_requested()};
    }
}

static err_t fill_with_lender(campaign_t *c)
{
    lender_config_t config = {.plan = lender_plan_default(c->par->size, c->work.n, c->work.end),
                              .stop_grace = c->plan->stop_grace,
                              .abandon = c->plan->abandon,
                              .user = c->plan->user};
    config.plan.groups = c->groups.n;
    config.plan.group = c->groups.of;
    config.plan.failure_limit = c->plan->failure_limit;
    config.plan.failure_rows = FAILURE_ROWS;
    TRY(lender_open(c->par, &config, &c->lender));
    fill(c);
    par_barrier(c->par);
    lender_close(&c->lender);
    return OK;
}

/* ---- the end ---- */

// Rank 0 takes in what the others collected, one after the other.
static err_t pool_failures(campaign_t *c)
{
    void *bytes;
    err_t err = OK;
    for (int r = 1; r < c->par->size; r++) {
        int64_t size = 0;
        if (c->par->rank == r) {
            size = (int64_t)failures_pack(c->failures, &bytes);
            TRY_MPI(MPI_Send(&size, 1, MPI_INT64_T, 0, 0, c->par->comm));
            TRY_MPI(MPI_Send(bytes, par_count(size), MPI_BYTE, 0, 0, c->par->comm));
            free(bytes);
        } else if (c->par->rank == 0) {
            TRY_MPI(MPI_Recv(&size, 1, MPI_INT64_T, r, 0, c->par->comm, MPI_STATUS_IGNORE));
            bytes = mem_alloc((size_t)size, 1);
            TRY_MPI(
                MPI_Recv(bytes, par_count(size), MPI_BYTE, r, 0, c->par->comm, MPI_STATUS_IGNORE));
            err = err == OK ? failures_merge(c->failures, (size_t)size, bytes) : err;
            free(bytes);
        }
    }
    return par_agree(c->par, err);
}

static err_t too_many_failures(campaign_t *c)
{
    int64_t rows = par_sum_i64(c->par, c->report->rows), failed = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        failed += is_failure((row_status_t)s) ? par_sum_i64(c->par, c->report->by_status[s]) : 0;
    TRY(pool_failures(c));
    if (c->par->rank == 0) {
        char *text = failures_text(c->failures);
        log_error("simulate: too many rows fail\n%s", text);
        free(text);
    }
    return err_fail(ERR_SIMULATOR,
                    "%" PRId64 " of %" PRId64 " simulated rows failed, more than the share of %g "
                    "that bank.failure_limit allows; the table above says where and why",
                    failed, rows, c->plan->failure_limit);
}

// After the last meeting: why it was the last.
static err_t verdict(campaign_t *c)
{
    if (c->failure != OK)
        err_set_text(c->why);
    TRY(par_agree(c->par, c->failure));
    if (c->failing)
        return too_many_failures(c);
    int64_t sealed = par_sum_i64(c->par, c->report->shards),
            journaled = par_sum_i64(c->par, c->kept.journaled);
    if (sealed == c->work.n)
        return OK;
    return err_fail(ERR_STOPPED,
                    "stopped on request: %" PRId64 " of %d open shards sealed, %" PRId64
                    " more rows in journals; the same command goes on",
                    sealed, c->work.n, journaled);
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
    r->shards = par_sum_i64(c->par, r->shards);
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        r->by_status[s] = par_sum_i64(c->par, r->by_status[s]);
    r->seconds = par_max_f64(c->par, log_clock() - start);
    double all = r->seconds * c->par->size;
    r->seal_share = sum_f64(c->par, c->keeping) / all;
    r->idle_share = 1 - r->seal_share - sum_f64(c->par, c->drawing) / all;
}

static void set_up(campaign_t *c)
{
    const campaign_plan_t *plan = c->plan;
    const schema_t *schema = simulator_schema(c->simulator);
    size_t memory = plan->memory > 0 ? plan->memory : default_memory;
    c->kept = kept_rows_create(schema, memory, plan->shard_rows);
    c->failures = failures_create(schema, FAILURES_CAPACITY);
    c->work = work_create(c->writer);
    c->groups = seal_groups_create(c->par, plan->group_ranks > 0 ? plan->group_ranks
                                                                 : CAMPAIGN_GROUP_RANKS);
    c->report->groups = c->groups.n;
    c->report->recovered = bank_writer_recovered_rows(c->writer);
    c->progress = progress_start("simulate", "rows", plan->rows - c->work.positions, plan->rows);
    if (c->par->rank == 0 && c->report->recovered > 0)
        log_info("simulate: %" PRId64 " rows found in journals", c->report->recovered);
}

static void tear_down(campaign_t *c)
{
    seal_groups_destroy(&c->groups);
    kept_rows_destroy(&c->kept);
    failures_destroy(&c->failures);
    work_destroy(&c->work);
    free(c->why);
}

static err_t campaign_fill(campaign_t *c)
{
    double start = log_clock();
    set_up(c);
    if (c->par->rank == 0 && c->work.positions > 0)
        recheck_sealed(c->simulator, c->plan->folder, recheck_seconds);
    err_t err = c->work.n > 0 ? fill_with_lender(c) : OK;
    if (err == OK)
        err = verdict(c);
    report_finish(c, start);
    if (c->par->rank == 0)
        progress_end(&c->progress, c->progress.first + c->report->rows, NULL);
    tear_down(c);
    return err;
}

// On the ranks that lead a draw.
static err_t campaign_lead(const par_t *par, void *user)
{
    campaign_t c = *(campaign_t *)user;
    const campaign_plan_t *plan = c.plan;
    bank_plan_t bank = {.folder = plan->folder,
                        .schema = simulator_schema(c.simulator),
                        .seed = plan->seed,
                        .rows = plan->rows,
                        .shard_rows = plan->shard_rows,
                        .study = plan->study,
                        .retry = plan->retry,
                        .compress = plan->compress};
    c.par = par;
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

err_t campaign_run(const par_t *par, simulator_t *simulator, const campaign_plan_t *plan,
                   campaign_report_t *out)
{
    campaign_t c = {.simulator = simulator, .plan = plan, .report = out};
    *out = (campaign_report_t){0};
    err_t err = draw_ranks_lead(par, simulator, campaign_lead, &c);
    par_broadcast(par, 0, sizeof *out, out);
    return err;
}
