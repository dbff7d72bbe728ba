// SPDX-License-Identifier: Apache-2.0
//
// The loop of refinement: a chunk of fresh rows is awaited, judged, trained on; rounds end with a validation and a checkpoint.
#include "coordinator/refine.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/refine_workers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 200 };
static const double CHECKPOINT_SECONDS = 300; // within a round that takes long

typedef struct {
    refinement_t *r;
    feed_t *feed;
    refine_workers_t *workers;     // local ones, on rank 0; NULL: none are started
    double started, saved, waited; // clock; clock; seconds of this start
    double fresh, norm;            // of the latest chunk, of the latest step
    progress_t progress;
} loop_t;

static const par_t *par_of(const loop_t *loop)
{
    return loop->r->job->par;
}

static double seconds_of(const loop_t *loop)
{
    return loop->r->seconds + log_clock() - loop->started;
}

static double waiting_of(const loop_t *loop)
{
    double all = seconds_of(loop);
    return all > 0 ? (loop->r->waited + loop->waited) / all : 0;
}

static int64_t round_of(const refinement_t *r)
{
    return r->history.n;
}

/* ---- the feed ---- */

static err_t open_feed(loop_t *loop, const refine_request_t *request)
{
    refinement_t *r = loop->r;
    const study_t *study = &r->job->study;
    const feed_config_t config = {.endpoint = request->listen,
                                  .keys = request->keys,
                                  .hub_key = request->hub_key,
                                  .study = study,
                                  .schema = r->job->schema,
                                  .first = study->bank.rows,
                                  .end = study->bank.rows + study->refine.rows,
                                  .look_ahead = study->refine.look_ahead_rows,
                                  .chunk_rows = r->plan.chunk_rows,
                                  .arrival = study->refine.order == ORDER_ARRIVAL,
                                  .position = r->position,
                                  .n_consumed = r->n_consumed,
                                  .consumed = r->consumed};
    TRY(feed_open(par_of(loop), &config, &loop->feed));
    err_t mine = OK;
    if (par_of(loop)->rank == 0 && request->local_workers > 0)
        mine = refine_workers_start(r->job, feed_endpoint(loop->feed), request->local_workers,
                                    &loop->workers);
    return par_agree(par_of(loop), mine);
}

/* For the report, and for those who ask the hub. ERR_FAILED on rank 0 where nobody is left to simulate. */
static err_t tell(loop_t *loop)
{
    refinement_t *r = loop->r;
    const feed_trainer_t now = {.round = round_of(r),
                                .rounds = r->plan.rounds,
                                .fresh_loss = loop->fresh,
                                .waiting = waiting_of(loop)};
    feed_note(loop->feed, &now);
    if (par_of(loop)->rank != 0)
        return OK;
    feed_report_t fed = feed_report(loop->feed);
    if (fed.n_workers > r->fed.workers)
        r->fed.workers = fed.n_workers;
    if (isfinite(fed.waiting)) // else they have gone, and what they did last stays
        r->fed.waiting = fed.waiting;
    if (fed.rows_per_second > r->fed.rows_per_second)
        r->fed.rows_per_second = fed.rows_per_second;
    r->fed.bytes_most = (int64_t)fed.bytes_most;
    r->fed.twice = fed.twice;
    return loop->workers != NULL && fed.rows < fed.total ? refine_workers_check(loop->workers) : OK;
}

static void show(loop_t *loop)
{
    const refinement_t *r = loop->r;
    char note[160], fresh[32] = "", waiting[32] = "";
    if (par_of(loop)->rank != 0)
        return;
    if (isfinite(loop->fresh))
        snprintf(fresh, sizeof fresh, "fresh loss %.4f, ", loop->fresh);
    if (isfinite(r->fed.waiting))
        snprintf(waiting, sizeof waiting, " wait %.0f %%", 100 * r->fed.waiting);
    snprintf(note, sizeof note, "%strainer waits %.0f %%, %" PRId64 " workers%s", fresh,
             100 * waiting_of(loop), r->fed.workers, waiting);
    int64_t done = r->n_chunks * r->plan.chunk_rows;
    progress_show(&loop->progress, done < r->plan.rows ? done : r->plan.rows, note);
}

/* ---- the checkpoint ---- */

static err_t save(loop_t *loop)
{
    refinement_t *r = loop->r;
    int64_t n;
    const int64_t *consumed;
    TRY(feed_keep(loop->feed));
    r->position = feed_position(loop->feed, &n, &consumed);
    r->consumed = MEM_GROW(r->consumed, int64_t, n + 1);
    if (n > 0)
        memcpy(r->consumed, consumed, (size_t)n * sizeof *consumed);
    r->n_consumed = n;
    loop->saved = log_clock();
    return refine_checkpoint_save(r, seconds_of(loop), r->waited + loop->waited);
}

static err_t stop(loop_t *loop)
{
    const refinement_t *r = loop->r;
    TRY(save(loop));
    return err_fail(ERR_STOPPED,
                    "stopped on request in round %" PRId64 " of %" PRId64 ", chunk %" PRId64
                    " of %" PRId64 "; saved: the same command goes on from there",
                    round_of(r) + 1, r->plan.rounds, r->n_chunks, r->plan.chunks);
}

/* ---- a chunk ---- */

static err_t await_chunk(loop_t *loop)
{
    bool got = false;
    double began = log_clock();
    while (!got) {
        if (par_any(par_of(loop), stop_requested()))
            return stop(loop);
        TRY(feed_next(loop->feed, WAIT_MS, &loop->r->chunk, &got));
        if (got)
            break;
        loop->waited += log_clock() - began;
        began = log_clock();
        TRY(par_agree(par_of(loop), tell(loop)));
        show(loop);
    }
    loop->waited += log_clock() - began;
    return OK;
}

/* Rows that are not done are kept in the bank, and left out of training. */
static void keep_done(rows_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->status[i] == ROW_DONE) {
            if (i != n)
                rows_copy(rows, i, rows, n);
            n++;
        }
    rows->n = n;
}

static void add_block(refine_sums_t *s, double rows, double fresh, double offline)
{
    double gain = offline - fresh;
    s->fresh += fresh;
    s->offline += offline;
    s->squares += gain * gain;
    s->products += gain * rows;
    s->counts += rows * rows;
}

/* Under the averaged weights, and under the offline ones. */
static void judge(loop_t *loop)
{
    refinement_t *r = loop->r;
    params_t *params = amortizer_params(r->trained.amortizer);
    int blocks = trainer_blocks(&r->chunk);
    double *fresh = MEM_NEW(double, blocks + 1), *offline = MEM_NEW(double, blocks + 1), sum = 0;
    trainer_use_average(r->trainer);
    trainer_block_losses(r->trainer, &r->chunk, fresh);
    memcpy(params_value(params), r->offline, (size_t)params_size(params) * sizeof(float));
    trainer_block_losses(r->trainer, &r->chunk, offline);
    trainer_use_raw(r->trainer);
    for (int b = 0; b < blocks; b++) {
        int64_t left = r->chunk.n - b * trainer_block_rows();
        int64_t rows = left < trainer_block_rows() ? left : trainer_block_rows();
        add_block(&r->sums, (double)rows, fresh[b], offline[b]);
        sum += fresh[b];
    }
    r->sums.rows += r->chunk.n;
    if (r->chunk.n > 0)
        loop->fresh = sum / (double)r->chunk.n;
    free(fresh);
    free(offline);
}

/* Of the mean gain of the round's rows: blocks are independent, whatever their size. */
static double gain_error(const refine_sums_t *s)
{
    double mean = (s->offline - s->fresh) / (double)s->rows;
    double squares = s->squares - 2 * mean * s->products + mean * mean * s->counts;
    return sqrt(fmax(0, squares)) / (double)s->rows;
}

static err_t add_slice(refinement_t *r, int k)
{
    const rows_t *bank = NULL;
    r->batch.n = 0;
    if (r->reader != NULL)
        TRY(reader_next(r->reader, k, &bank));
    for (int64_t i = 0; bank != NULL && i < bank->n; i++)
        rows_append(bank, i, &r->batch);
    replay_next(r->replay, k, &r->batch);
    trainer_add(r->trainer, r->step, k, &r->batch);
    return OK;
}

static err_t add_slices(refinement_t *r)
{
    for (int k = 0; k < trainer_slice_count(r->trainer); k++)
        TRY(add_slice(r, k));
    return OK;
}

static err_t one_step(loop_t *loop)
{
    refinement_t *r = loop->r;
    double loss = 0;
    TRY(par_agree(par_of(loop), add_slices(r)));
    TRY(err_context(trainer_finish_step(r->trainer, r->step, &loss, &loop->norm), "refine"));
    r->sums.training += loss;
    r->sums.steps++;
    r->step++;
    return OK;
}

static err_t one_chunk(loop_t *loop)
{
    refinement_t *r = loop->r;
    int64_t steps = refine_plan_steps(&r->plan, r->n_chunks);
    TRY(await_chunk(loop));
    CHECK(r->chunk.n == refine_plan_rows(&r->plan, r->n_chunks), "a chunk of %" PRId64 " rows",
          r->chunk.n);
    keep_done(&r->chunk);
    judge(loop);
    TRY(replay_take(r->replay, &r->chunk, r->n_chunks, r->rows, steps));
    r->rows += r->chunk.n;
    for (int64_t s = 0; s < steps; s++)
        TRY(one_step(loop));
    r->n_chunks++;
    TRY(par_agree(par_of(loop), tell(loop)));
    show(loop);
    return OK;
}

/* ---- a round ---- */

/* Averaged weights and their loss of the validation rows. */
static void end_weights(refinement_t *r, double row[REFINE_COLUMNS])
{
    params_t *params = amortizer_params(r->trained.amortizer);
    trainer_use_average(r->trainer);
    row[REFINE_VALIDATION] = trainer_validate(r->trainer, &r->validation);
    refine_history_add(&r->history, row);
    if (r->history.best == r->history.n - 1)
        memcpy(r->best, params_value(params), (size_t)params_size(params) * sizeof(float));
    trainer_use_raw(r->trainer);
}

static void say_round(const refinement_t *r)
{
    int64_t round = r->history.n - 1;
    double p = r->history.column[REFINE_RANK_P][round];
    char *test = isnan(p) ? mem_copy_text("") : mem_format("; rank test p = %.2g", p);
    log_info(
        "refine: round %" PRId64 " of %" PRId64
        ": fresh loss %.4f, %.4f (se %.4f) below the offline network's; validation loss %.4f%s",
        round + 1, r->plan.rounds, r->history.column[REFINE_FRESH][round],
        refine_history_gain(&r->history, round), r->history.column[REFINE_ERROR][round],
        r->history.column[REFINE_VALIDATION][round], test);
    free(test);
}

static err_t end_round(loop_t *loop)
{
    refinement_t *r = loop->r;
    double rows = (double)r->sums.rows,
           p = NAN; // in the order of their index rows follow the prior
    if (r->job->study.refine.order == ORDER_ARRIVAL)
        TRY(refine_rank_test(r, &p));
    double row[REFINE_COLUMNS] = {[REFINE_FRESH] = r->sums.fresh / rows,
                                  [REFINE_OFFLINE] = r->sums.offline / rows,
                                  [REFINE_ERROR] = gain_error(&r->sums),
                                  [REFINE_TRAINING] = r->sums.training / (double)r->sums.steps,
                                  [REFINE_RATE] = trainer_rate(r->trainer, r->step - 1),
                                  [REFINE_NORM] = loop->norm,
                                  [REFINE_RANK_P] = p,
                                  [REFINE_SECONDS] = seconds_of(loop),
                                  [REFINE_ROWS] = (double)r->rows};
    end_weights(r, row);
    r->sums = (refine_sums_t){0};
    if (!isfinite(r->history.column[REFINE_VALIDATION][r->history.n - 1]))
        return err_fail(ERR_DIVERGED,
                        "refine: round %" PRId64 ": the validation loss is not finite; the last "
                        "good checkpoint is kept; try a smaller refine.learning_rate",
                        r->history.n);
    TRY(save(loop));
    err_t mine = OK;
    if (par_of(loop)->rank == 0) {
        say_round(r);
        mine = refine_history_write(&r->history, r->job->folder, r->job->study.name);
    }
    return par_agree(par_of(loop), mine);
}

static err_t all_chunks(loop_t *loop)
{
    refinement_t *r = loop->r;
    while (r->n_chunks < r->plan.chunks) {
        TRY(one_chunk(loop));
        if (r->n_chunks == refine_plan_round_end(&r->plan, round_of(r)))
            TRY(end_round(loop));
        else if (par_any(par_of(loop), log_clock() - loop->saved > CHECKPOINT_SECONDS))
            TRY(save(loop));
    }
    return OK;
}

/* ---- from the beginning, or from where it was ---- */

/* Epochs go on from those of the offline training, so that the order is another one. */
static err_t open_reader(refinement_t *r)
{
    int n = trainer_slice_count(r->trainer);
    int64_t steps = shuffle_steps(r->shuffle);
    if (r->plan.bank_rows == 0)
        return OK;
    int *slices = MEM_NEW(int, n + 1);
    for (int k = 0; k < n; k++)
        slices[k] = trainer_slice(r->trainer, k);
    err_t err =
        reader_create(r->bank, r->shuffle, n, slices, r->job->study.train.epochs + r->step / steps,
                      r->step % steps, &r->reader);
    free(slices);
    return err;
}

static void say_what_starts(const loop_t *loop)
{
    const refinement_t *r = loop->r;
    const refine_plan_t *p = &r->plan;
    if (par_of(loop)->rank != 0)
        return;
    log_info("refine: %" PRId64 " fresh rows in %" PRId64 " rounds, chunks of %" PRId64 "; %" PRId64
             " steps of %" PRId64 " rows, %" PRId64 " of them from the bank; workers connect to %s",
             p->rows, p->rounds, p->chunk_rows, p->steps, p->slices * p->slice_rows,
             p->slices * p->bank_rows, feed_endpoint(loop->feed));
    if (r->n_chunks > 0)
        log_info("refine: goes on at chunk %" PRId64 " of %" PRId64, r->n_chunks + 1, p->chunks);
}

static err_t feed_and_train(loop_t *loop, const refine_request_t *request)
{
    refinement_t *r = loop->r;
    TRY(open_feed(loop, request));
    say_what_starts(loop);
    if (par_of(loop)->rank == 0)
        loop->progress =
            progress_start("refine", "rows", r->n_chunks * r->plan.chunk_rows, r->plan.rows);
    TRY(par_agree(par_of(loop), open_reader(r)));
    TRY(all_chunks(loop));
    r->seconds = seconds_of(loop);
    r->waited += loop->waited;
    if (par_of(loop)->rank == 0) {
        char note[96];
        snprintf(note, sizeof note, "round %" PRId64 " is kept, %.4f below the offline network",
                 r->history.best + 1, refine_history_gain(&r->history, r->history.best));
        progress_end(&loop->progress, r->plan.rows, note);
    }
    return OK;
}

err_t refine_rounds(refinement_t *r, const refine_request_t *request)
{
    loop_t loop = {.r = r, .started = log_clock(), .saved = log_clock(), .fresh = NAN};
    if (r->n_chunks == r->plan.chunks)
        return OK;
    err_t err = feed_and_train(&loop, request);
    feed_close(&loop.feed); // first: workers are told to end
    refine_workers_end(&loop.workers);
    return err;
}
