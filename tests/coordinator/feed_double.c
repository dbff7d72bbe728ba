// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/feed_double.h"

#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/feed.h"

#include <stdlib.h>
#include <string.h>

feed_double_t feed_double;

struct feed {
    feed_config_t config;
    simulator_t *simulator;
    int64_t *order; // (end - first) rows in the order in which they come
    int64_t handed, chunks, calls;
    int64_t *consumed;
};

typedef struct {
    int64_t row;
    double first; // parameter
} placed_t;

static int by_parameter(const void *left, const void *right)
{
    double a = ((const placed_t *)left)->first, b = ((const placed_t *)right)->first;
    return (a > b) - (a < b);
}

static err_t simulate(feed_t *f, int64_t row, rows_t *rows, int64_t at)
{
    feed_double.simulated++;
    return simulator_row(f->simulator, (uint64_t)f->config.study->bank.seed, RNG_BANK, row, rows,
                         at);
}

static err_t sort(feed_t *f, int64_t n)
{
    placed_t *all = MEM_NEW(placed_t, n);
    rows_t one = rows_create(f->config.schema, 1);
    err_t err = OK;
    for (int64_t i = 0; i < n && err == OK; i++) {
        err = simulate(f, f->order[i], &one, 0);
        all[i] = (placed_t){f->order[i], one.parameters[0]};
    }
    qsort(all, (size_t)n, sizeof *all, by_parameter);
    for (int64_t i = 0; i < n; i++)
        f->order[i] = all[i].row;
    rows_destroy(&one);
    free(all);
    return err;
}

err_t feed_open(const par_t *par, const feed_config_t *config, feed_t **out)
{
    (void)par;
    feed_t *f = MEM_NEW(feed_t, 1);
    int64_t n = config->end - config->first;
    f->config = *config;
    f->order = MEM_NEW(int64_t, n);
    f->consumed = MEM_NEW(int64_t, n);
    for (int64_t i = 0; i < n; i++)
        f->order[i] = config->first + i;
    f->handed = config->position - config->first + config->n_consumed;
    *out = f;
    TRY(study_simulator(config->study, &f->simulator));
    return feed_double.sorted ? sort(f, n) : OK;
}

const char *feed_endpoint(const feed_t *feed)
{
    return feed->config.endpoint;
}

err_t feed_next(feed_t *f, int timeout_ms, rows_t *rows, bool *got)
{
    (void)timeout_ms;
    int64_t left = f->config.end - f->config.first - f->handed;
    *got = !feed_double.late || f->calls++ % 2 == 1;
    if (!*got)
        return OK;
    rows->n = left < f->config.chunk_rows ? left : f->config.chunk_rows;
    for (int64_t i = 0; i < rows->n; i++)
        TRY(simulate(f, f->order[f->handed + i], rows, i));
    f->handed += rows->n;
    if (++f->chunks == feed_double.stop_after)
        stop_request();
    return f->chunks == feed_double.break_after ? err_fail(ERR_IO, "the disk is full") : OK;
}

bool feed_over(const feed_t *f)
{
    return f->handed == f->config.end - f->config.first;
}

err_t feed_keep(feed_t *f)
{
    (void)f;
    return OK;
}

/* In order all that were handed out lie before the position, else it stays at the beginning. */
int64_t feed_position(const feed_t *f, int64_t *n, const int64_t **consumed)
{
    *consumed = f->consumed;
    *n = 0;
    if (!f->config.arrival)
        return f->config.first + f->handed;
    memcpy(f->consumed, f->order, (size_t)f->handed * sizeof *f->order);
    *n = f->handed;
    return f->config.first;
}

feed_report_t feed_report(feed_t *f)
{
    return (feed_report_t){.rows = f->handed, .total = f->config.end - f->config.first};
}

void feed_note(feed_t *feed, const feed_trainer_t *trainer)
{
    (void)feed;
    (void)trainer;
}

void feed_close(feed_t **feed)
{
    feed_t *f = *feed;
    if (f == NULL)
        return;
    simulator_close(&f->simulator);
    free(f->order);
    free(f->consumed);
    free(f);
    *feed = NULL;
}
