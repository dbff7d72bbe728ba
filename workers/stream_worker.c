// SPDX-License-Identifier: Apache-2.0
#include "workers/stream_worker.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "cluster/stop.h"
#include "workers/recheck.h"
#include "workers/stream_link.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 100, BLOCK_BYTES = 1 << 20 };

static const size_t kept_bytes = (size_t)64 << 20;
static const double look_seconds = 0.05;   // of work between two looks at the rest
static const double block_seconds = 0.2;   // that a finished row waits for others before it is sent
static const double recheck_seconds = 0.1; // a dearer row is not simulated again
static const double rate_memory = 0.5;     // of the estimate before, in that of a row's seconds

typedef struct {
    const stream_worker_config_t *config;
    stream_worker_report_t *report;
    stream_link_t *link;
    int model; // number of the study that simulator and rows are of; 0: none yet
    simulator_t *simulator;
    uint64_t seed;
    size_t row_bytes, block_bytes;
    rows_t rows;        // finished, not handed over
    double oldest;      // when the first of them was finished
    double row_seconds; // 0: not known
    bool rechecked;
    double began; // when the first hub was there; 0: not yet
} worker_t;

/* ---- the study ---- */

static err_t differ(const stream_welcome_t *w, const schema_t *hub, const schema_t *mine)
{
    char *theirs = schema_fingerprint(hub), *ours = schema_fingerprint(mine),
         *what = schema_difference(hub, mine);
    err_t err = OK;
    if (strcmp(theirs, ours) != 0)
        err = err_fail(ERR_MISMATCH, "the hub's model is %s, the simulator here is %s: %s", theirs,
                       ours, what != NULL ? what : "they differ");
    else if (w->row_bytes != rows_bytes(mine))
        err = err_fail(ERR_MISMATCH, "the hub's rows have %u bytes, here they have %zu",
                       w->row_bytes, rows_bytes(mine));
    free(theirs);
    free(ours);
    free(what);
    return err;
}

static err_t check_model(const stream_welcome_t *w, const schema_t *mine)
{
    schema_t hub;
    TRY(schema_parse(w->model, "the hub's model", &hub));
    err_t err = differ(w, &hub, mine);
    schema_free(&hub);
    return err;
}

static void forget_study(worker_t *w)
{
    rows_destroy(&w->rows);
    simulator_close(&w->simulator);
    w->model = 0;
}

static void set_up(worker_t *w, int model, const stream_welcome_t *welcome)
{
    const schema_t *schema = simulator_schema(w->simulator);
    w->model = model;
    w->seed = welcome->seed;
    w->row_bytes = welcome->row_bytes;
    w->block_bytes = welcome->block_bytes < BLOCK_BYTES + w->row_bytes ? welcome->block_bytes
                                                                       : BLOCK_BYTES + w->row_bytes;
    w->rows = rows_create(schema, (int64_t)(w->block_bytes / w->row_bytes));
    w->row_seconds = 0;
    w->rechecked = false;
    w->began = w->began > 0 ? w->began : log_clock();
}

static err_t take_study(worker_t *w, int model, const stream_welcome_t *welcome)
{
    double grace = 0;
    forget_study(w);
    TRY(w->config->prepare(w->config->user, welcome, &w->simulator, &grace));
    TRY(check_model(welcome, simulator_schema(w->simulator)));
    TRY(simulator_has_prior(w->simulator));
    set_up(w, model, welcome);
    char *fingerprint = schema_fingerprint(simulator_schema(w->simulator));
    stream_link_ready(w->link, model, fingerprint, grace);
    free(fingerprint);
    return OK;
}

/* ---- rows ---- */

static void note(worker_t *w, bool drawing)
{
    const stream_worker_report_t *r = w->report;
    stream_beat_t so_far = {.rows = r->rows, .simulating = r->simulating, .waiting = r->waiting};
    stream_link_note(w->link, &so_far, w->row_seconds, drawing);
}

// Rows [from, ...) that fit one block together.
static int64_t fit_block(const worker_t *w, int64_t from)
{
    int64_t to = from;
    size_t bytes = 0;
    while (to < w->rows.n && (bytes += stream_row_bytes(&w->rows, to)) <= w->block_bytes)
        to++;
    return to;
}

static void hand_over(worker_t *w)
{
    for (int64_t from = 0; from < w->rows.n;) {
        int64_t to = fit_block(w, from);
        stream_rows_t packed = stream_pack_rows(0, &w->rows, from, to);
        stream_link_put(w->link, w->model, &packed);
        from = to;
    }
    w->rows.n = 0;
}

static err_t recheck_first(worker_t *w)
{
    if (w->rechecked || w->rows.n == 0)
        return OK;
    w->rechecked = true;
    return w->rows.seconds[0] > recheck_seconds ? OK
                                                : recheck_row(w->simulator, w->seed, &w->rows, 0);
}

static void learn(worker_t *w, double seconds, int64_t done)
{
    double now = seconds / (double)done;
    w->row_seconds =
        w->row_seconds > 0 ? rate_memory * w->row_seconds + (1 - rate_memory) * now : now;
}

// As many rows as the time to the next look allows, the first alone.
static int64_t rows_of_step(const worker_t *w, int64_t left)
{
    int64_t room = w->rows.capacity - w->rows.n, most = left < room ? left : room;
    double fit = w->row_seconds > 0 ? look_seconds / w->row_seconds : 1;
    return fit < 1 ? 1 : fit < (double)most ? (int64_t)fit : most;
}

// Rows [row, row + n), or the first *done of them where a stop is asked for.
static err_t simulate_step(worker_t *w, int64_t row, int64_t n, int64_t *done)
{
    double start = log_clock();
    note(w, true);
    err_t err = simulator_rows(w->simulator, w->seed, RNG_BANK, row, n, &w->rows, w->rows.n, done);
    double now = log_clock();
    w->oldest = w->rows.n == 0 ? now : w->oldest;
    w->rows.n += *done;
    w->report->rows += *done;
    w->report->simulating += now - start;
    if (*done > 0)
        learn(w, now - start, *done);
    note(w, false);
    TRY(err);
    err = recheck_first(w);
    w->rows.n = err == OK ? w->rows.n : 0; // none of them can be believed
    return err;
}

static bool is_due(const worker_t *w)
{
    return w->rows.n == w->rows.capacity || log_clock() - w->oldest > block_seconds;
}

// Rows that are finished go out also where one fails, or a stop is asked for. A lease of which the hub wants nothing more is
// left.
static err_t simulate_lease(worker_t *w, const stream_task_t *task)
{
    err_t err = OK;
    int64_t done = 0;
    for (int64_t row = task->begin; err == OK && row < task->end && !stop_requested() &&
                                    stream_link_wants(w->link, task->model);
         row += done) {
        err = simulate_step(w, row, rows_of_step(w, task->end - row), &done);
        if (err == OK && is_due(w))
            hand_over(w);
    }
    hand_over(w);
    stream_link_finish(w->link);
    return err;
}

/* ---- the loop ---- */

static err_t stopped(const worker_t *w)
{
    return err_fail(ERR_STOPPED, "stopped on request after %" PRId64 " rows", w->report->rows);
}

// *over: the work has ended, with the result that is returned.
static err_t step(worker_t *w, bool *over)
{
    stream_task_t task;
    stream_welcome_t welcome;
    err_t err = OK;
    double start = log_clock();
    stream_event_t event = stream_link_wait(w->link, WAIT_MS, &task, &welcome, &err);
    if (w->began > 0)
        w->report->waiting += log_clock() - start;
    switch (event) {
    case STREAM_NOTHING:
        if (w->model > 0)
            note(w, false);
        return OK;
    case STREAM_MODEL:
        err = take_study(w, task.model, &welcome);
        stream_welcome_free(&welcome);
        return err;
    case STREAM_LEASED:
        CHECK(task.model == w->model, "rows of study %d for the simulator of study %d", task.model,
              w->model);
        return simulate_lease(w, &task);
    case STREAM_OVER:
        *over = true;
        return err;
    }
    return OK;
}

static err_t work(worker_t *w)
{
    bool over = false;
    err_t err = OK;
    while (err == OK && !over && !stop_requested())
        err = step(w, &over);
    return err == OK && !over ? stopped(w) : err;
}

static void finish(worker_t *w, err_t err)
{
    stream_worker_report_t *r = w->report;
    char *why = err == OK || err_is(err, ERR_STOPPED) ? NULL : mem_copy_text(err_text()),
         *text = mem_copy_text(err_text());
    stream_link_close(&w->link, why);
    forget_study(w);
    r->seconds = w->began > 0 ? log_clock() - w->began : 0;
    if (w->began > 0)
        log_info("worker: %" PRId64 " rows, %.3g rows/s, waiting %.1f %% of the time", r->rows,
                 (double)r->rows / fmax(r->seconds, 1e-9),
                 100 * r->waiting / fmax(r->seconds, 1e-9));
    if (err != OK)
        err_set_text(text);
    free(text);
    free(why);
}

err_t stream_worker_run(const stream_worker_config_t *config, stream_worker_report_t *out)
{
    *out = (stream_worker_report_t){0};
    worker_t w = {.config = config, .report = out};
    stream_link_config_t link = {.endpoint = config->endpoint,
                                 .keys = config->keys,
                                 .hub_key = config->hub_key,
                                 .patience = config->patience,
                                 .kept_bytes = kept_bytes,
                                 .abandon = config->abandon,
                                 .user = config->user};
    TRY(stream_link_open(&link, &w.link));
    err_t err = work(&w);
    finish(&w, err);
    return err;
}
