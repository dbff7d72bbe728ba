// SPDX-License-Identifier: Apache-2.0
//
// What a refinement begins with.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/refine.h"
#include "coordinator/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The bank's share of a batch; without one the shuffle tells the validation rows alone. */
static err_t open_bank(refinement_t *r)
{
    int64_t rows = r->plan.bank_rows > 0 ? r->plan.bank_rows : 1;
    TRY(training_bank(r->job, r->job->study.bank.path, &r->bank));
    TRY(training_order(r->job, r->bank, rows, &r->shuffle));
    return training_validation(r->job, r->bank, r->shuffle, amortizer_adapter(r->trained.amortizer),
                               &r->validation);
}

static void keep_offline(refinement_t *r)
{
    params_t *params = amortizer_params(r->trained.amortizer);
    size_t n = (size_t)params_size(params);
    r->offline = MEM_NEW(float, n);
    r->best = MEM_NEW(float, n);
    memcpy(r->offline, params_value(params), n * sizeof(float));
    memcpy(r->best, params_value(params), n * sizeof(float));
}

static void make_trainer(refinement_t *r)
{
    const study_t *study = &r->job->study;
    trainer_config_t config = training_config(study, study->refine.learning_rate, r->plan.steps);
    config.seed = (uint64_t)study->refine.seed;
    config.refining = true;
    r->trainer = trainer_create(r->job->par, &config, r->job->schema, r->trained.amortizer);
}

static void make_replay(refinement_t *r)
{
    replay_config_t config = r->plan.replay;
    int n = trainer_slice_count(r->trainer);
    int *mine = MEM_NEW(int, n + 1);
    for (int k = 0; k < n; k++)
        mine[k] = trainer_slice(r->trainer, k);
    config.schema = r->job->schema;
    config.n = n;
    config.mine = mine;
    r->replay = replay_create(&config);
    free(mine);
}

err_t refine_start(refinement_t *r, trained_t *trained)
{
    training_take_blas_buffer();
    r->plan = refine_plan(&r->job->study);
    r->trained = *trained;
    memset(trained, 0, sizeof *trained);
    r->settings = study_refining_text(&r->job->study);
    r->history.best = -1;
    r->fed.waiting = NAN;
    r->position = r->job->study.bank.rows;
    keep_offline(r);
    TRY(par_agree(r->job->par, open_bank(r)));
    make_trainer(r);
    make_replay(r);
    r->chunk = rows_create(r->job->schema, r->plan.chunk_rows);
    r->batch = rows_create(r->job->schema, r->plan.slice_rows);
    return OK;
}

void refine_free(refinement_t *r)
{
    reader_destroy(&r->reader);
    replay_destroy(&r->replay);
    trainer_destroy(&r->trainer);
    rows_destroy(&r->chunk);
    rows_destroy(&r->batch);
    rows_destroy(&r->validation);
    shuffle_destroy(&r->shuffle);
    bank_close(&r->bank);
    refine_history_free(&r->history);
    trained_free(&r->trained);
    free(r->offline);
    free(r->best);
    free(r->consumed);
    free(r->settings);
}
