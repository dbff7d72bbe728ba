// SPDX-License-Identifier: Apache-2.0
#include "coordinator/trainer.h"

#include "cluster/mem.h"
#include "coordinator/subset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALIDATION_BLOCK = 32 }; // data sets of one block, whatever the number of ranks

struct trainer {
    const par_t *par;
    trainer_config_t config;
    const schema_t *schema;
    amortizer_t *amortizer;
    adamw_t *optimizer;
    amortizer_work_t *train, *evaluate;
    rows_t cut;           // scratch of the augmentation
    const float **fields; // (O)
    int n_mine;
    int *mine;        // slices of this rank
    float **gradient; // [n_mine] -> (params_size)
    double **loss;    // [n_mine] -> (1)
    float *sum;       // (params_size)
    float *raw;       // (params_size) weights put aside by trainer_use_average
};

batch_t batch_of_rows(const rows_t *rows, int64_t begin, int64_t end, const float **fields)
{
    const schema_t *s = rows->schema;
    for (int o = 0; o < s->n_observables; o++)
        fields[o] = rows->observables[o] + begin * schema_size(&s->observables[o]);
    return (batch_t){.n = end - begin,
                     .parameters = rows->parameters + begin * s->n_parameters,
                     .design = s->n_design ? rows->design + begin * s->n_design : NULL,
                     .length = rows->length + begin * s->n_observables,
                     .observables = fields};
}

static void deal_slices(trainer_t *t)
{
    t->mine = MEM_NEW(int, t->config.slices);
    for (int s = 0; s < t->config.slices; s++)
        if (par_tree_owner(t->config.slices, s, t->par->size) == t->par->rank)
            t->mine[t->n_mine++] = s;
}

trainer_t *trainer_create(const par_t *par, const trainer_config_t *config, const schema_t *schema,
                          amortizer_t *amortizer)
{
    trainer_t *t = MEM_NEW(trainer_t, 1);
    params_t *params = amortizer_params(amortizer);
    size_t n = (size_t)params_size(params);
    *t = (trainer_t){.par = par, .config = *config, .schema = schema, .amortizer = amortizer};
    t->optimizer = adamw_create(params, &config->adamw);
    t->train = amortizer_work_create(amortizer, WORK_TRAIN, config->slice_rows, config->slice_rows);
    t->evaluate = amortizer_work_create(amortizer, WORK_LOSS, VALIDATION_BLOCK, VALIDATION_BLOCK);
    t->cut = rows_create(schema, config->slice_rows);
    t->fields = MEM_NEW(const float *, schema->n_observables);
    deal_slices(t);
    t->gradient = MEM_NEW(float *, t->n_mine + 1);
    t->loss = MEM_NEW(double *, t->n_mine + 1);
    for (int k = 0; k < t->n_mine; k++) {
        t->gradient[k] = MEM_NEW(float, n);
        t->loss[k] = MEM_NEW(double, 1);
    }
    t->sum = MEM_NEW(float, n);
    t->raw = MEM_NEW(float, n);
    return t;
}

void trainer_destroy(trainer_t **trainer)
{
    trainer_t *t = *trainer;
    if (t == NULL)
        return;
    for (int k = 0; k < t->n_mine; k++) {
        free(t->gradient[k]);
        free(t->loss[k]);
    }
    free(t->gradient);
    free(t->loss);
    free(t->mine);
    free(t->sum);
    free(t->raw);
    free(t->fields);
    rows_destroy(&t->cut);
    amortizer_work_destroy(&t->train);
    amortizer_work_destroy(&t->evaluate);
    adamw_destroy(&t->optimizer);
    free(t);
    *trainer = NULL;
}

adamw_t *trainer_optimizer(trainer_t *t)
{
    return t->optimizer;
}

int trainer_slice_count(const trainer_t *t)
{
    return t->n_mine;
}

int trainer_slice(const trainer_t *t, int k)
{
    return t->mine[k];
}

void trainer_add(trainer_t *t, int64_t step, int k, const rows_t *rows)
{
    uint64_t place = (uint64_t)step * (uint64_t)t->config.slices + (uint64_t)t->mine[k];
    rng_t noise = rng_at(t->config.seed, RNG_TRAIN, place);
    const rows_t *used = rows;
    if (t->config.subsets > 0) {
        subset_rows(rows, t->config.subsets, &noise, &t->cut);
        used = &t->cut;
    }
    batch_t batch = batch_of_rows(used, 0, used->n, t->fields);
    double progress = t->config.schedule.total > 0
                          ? fmin(1.0, (double)step / (double)t->config.schedule.total)
                          : 0.0;
    *t->loss[k] = amortizer_loss(t->train, &batch, progress, &noise, t->gradient[k]);
}

err_t trainer_finish_step(trainer_t *t, int64_t step, double *loss, double *norm)
{
    int64_t n = params_size(amortizer_params(t->amortizer));
    double total = 0;
    par_tree_sum_f64(t->par, t->config.slices, 1, t->loss, &total);
    par_tree_sum_f32(t->par, t->config.slices, (size_t)n, t->gradient, t->sum);
    int64_t rows = t->config.slices * t->config.slice_rows;
    float share = 1.0f / (float)rows;
    for (int64_t i = 0; i < n; i++)
        t->sum[i] *= share;
    *loss = total / (double)rows;
    *norm = adamw_step(t->optimizer, schedule_rate(&t->config.schedule, step), t->sum);
    if (!isfinite(*loss) || !isfinite(*norm))
        return err_fail(ERR_DIVERGED,
                        "step %ld: loss %g, gradient norm %g: the last good checkpoint is kept; "
                        "try a smaller train.learning_rate or train.clip_norm",
                        (long)step, *loss, *norm);
    return OK;
}

static double validate_block(trainer_t *t, const rows_t *rows, int64_t block)
{
    int64_t begin = block * VALIDATION_BLOCK;
    int64_t end = begin + VALIDATION_BLOCK < rows->n ? begin + VALIDATION_BLOCK : rows->n;
    batch_t batch = batch_of_rows(rows, begin, end, t->fields);
    rng_t noise = rng_at(t->config.seed, RNG_VALIDATE, (uint64_t)block);
    return amortizer_loss(t->evaluate, &batch, 1.0, &noise, NULL);
}

double trainer_validate(trainer_t *t, const rows_t *rows)
{
    int blocks = (int)((rows->n + VALIDATION_BLOCK - 1) / VALIDATION_BLOCK), k = 0;
    double *sums = MEM_NEW(double, blocks), **mine = MEM_NEW(double *, blocks);
    for (int b = 0; b < blocks; b++) {
        if (par_tree_owner(blocks, b, t->par->size) != t->par->rank)
            continue;
        sums[b] = validate_block(t, rows, b);
        mine[k++] = &sums[b];
    }
    double total = 0;
    par_tree_sum_f64(t->par, blocks, 1, mine, &total);
    free(mine);
    free(sums);
    return total / (double)rows->n;
}

void trainer_use_average(trainer_t *t)
{
    params_t *params = amortizer_params(t->amortizer);
    size_t bytes = (size_t)params_size(params) * sizeof(float);
    memcpy(t->raw, params_value(params), bytes);
    if (t->config.adamw.average_decay > 0)
        memcpy(params_value(params), adamw_average(t->optimizer), bytes);
}

void trainer_use_raw(trainer_t *t)
{
    params_t *params = amortizer_params(t->amortizer);
    memcpy(params_value(params), t->raw, (size_t)params_size(params) * sizeof(float));
}

double trainer_rate(const trainer_t *t, int64_t step)
{
    return schedule_rate(&t->config.schedule, step);
}

double trainer_flops(const trainer_t *t)
{
    return amortizer_work_flops(t->train);
}
