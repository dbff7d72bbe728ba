// SPDX-License-Identifier: Apache-2.0
//
// What a training leaves behind: the amortizer's file with all that inference needs beside the weights, and the report.
#include "cluster/mem.h"
#include "coordinator/doubt.h"
#include "coordinator/study_advice.h"
#include "coordinator/study_report.h"
#include "coordinator/training.h"

#include <stdlib.h>
#include <string.h>

static void fit_distance(trained_t *trained, const rows_t *validation)
{
    int width = amortizer_summary_width(trained->amortizer);
    int64_t n = validation->n, block = 32;
    float *summaries = MEM_NEW(float, n *width);
    const float **fields = MEM_NEW(const float *, validation->schema->n_observables);
    amortizer_work_t *work = amortizer_work_create(trained->amortizer, WORK_EVALUATE, block, block);
    for (int64_t i = 0; i < n; i += block) {
        batch_t batch = batch_of_rows(validation, i, i + block < n ? i + block : n, fields);
        amortizer_summaries(work, &batch, summaries + i * width);
    }
    distance_free(&trained->distance);
    trained->distance = distance_fit(n, width, summaries);
    amortizer_work_destroy(&work);
    free(fields);
    free(summaries);
}

void training_fit(trained_t *trained, const rows_t *validation)
{
    fit_distance(trained, validation);
    prior_reach_free(&trained->reach);
    trained->reach =
        doubt_reach(&trained->schema, amortizer_adapter(trained->amortizer), validation);
}

static void keep_history(training_t *t)
{
    int64_t n = t->history.n;
    t->trained.epochs = n;
    t->trained.training_loss = MEM_NEW(double, n);
    t->trained.validation_losses = MEM_NEW(double, n);
    memcpy(t->trained.training_loss, t->history.column[HISTORY_TRAINING],
           (size_t)n * sizeof(double));
    memcpy(t->trained.validation_losses, t->history.column[HISTORY_VALIDATION],
           (size_t)n * sizeof(double));
}

static err_t report(const training_t *t)
{
    const job_t *job = t->job;
    advice_list_t advice = study_advice(&job->study, &t->trained, NULL, NULL, NULL);
    const study_report_t what = {.par = job->par,
                                 .folder = job->folder,
                                 .study = &job->study,
                                 .trained = &t->trained,
                                 .bank = t->bank,
                                 .advice = &advice};
    err_t err = study_report(&what);
    advice_free(&advice);
    return err;
}

static void keep_held_out(training_t *t)
{
    int64_t n;
    const int64_t *rows = shuffle_held_out(t->shuffle, &n);
    t->trained.n_held_out = n;
    t->trained.held_out = MEM_NEW(int64_t, n + 1);
    memcpy(t->trained.held_out, rows, (size_t)n * sizeof *rows);
}

err_t training_finish(training_t *t, const char *path)
{
    params_t *params = amortizer_params(t->trained.amortizer);
    memcpy(params_value(params), t->best, (size_t)params_size(params) * sizeof(float));
    t->trained.validation_loss = t->history.column[HISTORY_VALIDATION][t->history.best];
    t->trained.training_seconds = t->seconds;
    t->trained.training_rows = shuffle_usable(t->shuffle);
    keep_history(t);
    keep_held_out(t);
    err_t mine = OK;
    if (t->job->par->rank == 0) {
        training_fit(&t->trained, &t->validation);
        mine = trained_save(&t->trained, path);
        if (mine == OK)
            mine = report(t);
    }
    return par_agree(t->job->par, mine);
}
