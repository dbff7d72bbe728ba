// SPDX-License-Identifier: Apache-2.0
#include "coordinator/trainer.h"

#include "cluster/mem.h"
#include "coordinator/exchange.h"
#include "coordinator/subset.h"
#include "nn/vec.h"

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
    int *mine;  // slices of this rank
    float *raw; // (params_size) weights put aside by trainer_use_average
    exchange_t *exchange;
    bool last; // the slice at work is this rank's last
    int *open,
        *total; // (buckets): weight tensors in it whose gradient is not final yet; all that can be
    double **loss;   // [slices] -> one of `numbers`
    double *numbers; // (slices + buckets) of this step: losses, then sums of squares
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

// Buckets that a weight tensor lies in: [begin, end).
static range_t buckets_of(const trainer_t *t, int id)
{
    const param_t *p = params_at(amortizer_params(t->amortizer), id);
    range_t first = exchange_bucket(t->exchange, 0);
    int64_t size = first.end - first.begin;
    return (range_t){p->offset / size, (p->offset + p->rows * p->cols - 1) / size + 1};
}

static void count_tensors(trainer_t *t)
{
    params_t *params = amortizer_params(t->amortizer);
    t->open = MEM_NEW(int, exchange_buckets(t->exchange) + 1);
    t->total = MEM_NEW(int, exchange_buckets(t->exchange) + 1);
    for (int id = 0; id < params_count(params); id++) {
        range_t in = buckets_of(t, id);
        for (int64_t b = in.begin; b < in.end && params_at(params, id)->trainable; b++)
            t->total[b]++;
    }
}

// In the last slice of a rank: buckets that are full go on their way while earlier layers still go backward.
static void gradient_is_final(void *trainer, int id)
{
    trainer_t *t = trainer;
    range_t in = buckets_of(t, id);
    for (int64_t b = in.begin; b < in.end && t->last; b++)
        if (--t->open[b] == 0)
            exchange_ready(t->exchange, (int)b);
    if (t->last)
        exchange_progress(t->exchange);
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
    t->raw = MEM_NEW(float, n);
    t->exchange = exchange_create(par, config->slices, (int64_t)n, 0);
    t->loss = MEM_NEW(double *, config->slices);
    t->numbers = MEM_NEW(double, config->slices + exchange_buckets(t->exchange));
    count_tensors(t);
    amortizer_watch(t->train, gradient_is_final, t);
    return t;
}

void trainer_destroy(trainer_t **trainer)
{
    trainer_t *t = *trainer;
    if (t == NULL)
        return;
    exchange_destroy(&t->exchange);
    free(t->mine);
    free(t->open);
    free(t->total);
    free(t->loss);
    free(t->numbers);
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

static double progress_at(const trainer_config_t *c, int64_t step)
{
    if (c->refining)
        return 1;
    return c->schedule.total > 0 ? fmin(1.0, (double)step / (double)c->schedule.total) : 0.0;
}

void trainer_add(trainer_t *t, int64_t step, int k, const rows_t *rows)
{
    uint64_t place = (uint64_t)step * (uint64_t)t->config.slices + (uint64_t)t->mine[k];
    rng_t noise = rng_at(t->config.seed, t->config.refining ? RNG_REFINE : RNG_TRAIN, place);
    const rows_t *used = rows;
    if (t->config.subsets > 0) {
        subset_rows(rows, t->config.subsets, &noise, &t->cut);
        used = &t->cut;
    }
    batch_t batch = batch_of_rows(used, 0, used->n, t->fields);
    t->last = k == t->n_mine - 1;
    memcpy(t->open, t->total, (size_t)exchange_buckets(t->exchange) * sizeof *t->open);
    t->numbers[t->mine[k]] = amortizer_loss(t->train, &batch, progress_at(&t->config, step), &noise,
                                            exchange_array(t->exchange, k));
}

// Along the tree of par.h, which every rank walks alone: all have all numbers.
static double sum_of_losses(trainer_t *t)
{
    const par_t alone = par_alone();
    double sum = 0;
    for (int i = 0; i < t->config.slices; i++)
        t->loss[i] = &t->numbers[i];
    par_tree_sum_f64(&alone, t->config.slices, 1, t->loss, &sum);
    return sum;
}

// The mean loss, and the norm of the mean gradient: the same on every rank, since each number has one rank that knows it and
// all others add zero.
static void agree_on_numbers(trainer_t *t, double rows, double *loss, double *norm)
{
    int slices = t->config.slices, buckets = exchange_buckets(t->exchange);
    double *squares = t->numbers + slices, sum = 0;
    for (int b = 0; b < buckets; b++) {
        range_t floats = exchange_bucket(t->exchange, b);
        if (exchange_owns(t->exchange, b))
            squares[b] =
                vec_sum_squares_f64(floats.end - floats.begin, exchange_sum(t->exchange, b));
    }
    TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, t->numbers, slices + buckets, MPI_DOUBLE, MPI_SUM,
                          t->par->comm));
    for (int b = 0; b < buckets; b++)
        sum += squares[b];
    *loss = sum_of_losses(t) / rows;
    *norm = sqrt(sum) / rows;
    memset(t->numbers, 0, (size_t)(slices + buckets) * sizeof *t->numbers);
}

static void step_share(trainer_t *t, float factor)
{
    for (int b = 0; b < exchange_buckets(t->exchange); b++) {
        range_t floats = exchange_bucket(t->exchange, b);
        if (exchange_owns(t->exchange, b))
            adamw_update(t->optimizer, floats.begin, floats.end, factor,
                         exchange_sum(t->exchange, b));
    }
    exchange_spread(t->exchange, params_value(amortizer_params(t->amortizer)));
}

err_t trainer_finish_step(trainer_t *t, int64_t step, double *loss, double *norm)
{
    int64_t rows = t->config.slices * t->config.slice_rows;
    exchange_finish(t->exchange);
    agree_on_numbers(t, (double)rows, loss, norm);
    if (!isfinite(*loss) || !isfinite(*norm))
        return err_fail(ERR_DIVERGED,
                        "step %ld: loss %g, gradient norm %g: the last good checkpoint is kept; "
                        "try a smaller %s.learning_rate or train.clip_norm",
                        (long)step, *loss, *norm, t->config.refining ? "refine" : "train");
    adamw_begin(t->optimizer, schedule_rate(&t->config.schedule, step), *norm);
    step_share(t, 1.0f / (float)rows);
    return OK;
}

void trainer_collect(trainer_t *t)
{
    exchange_spread(t->exchange, adamw_moment1(t->optimizer));
    exchange_spread(t->exchange, adamw_moment2(t->optimizer));
    exchange_spread(t->exchange, adamw_average(t->optimizer));
}

static double validate_block(trainer_t *t, const rows_t *rows, int64_t block)
{
    int64_t begin = block * VALIDATION_BLOCK;
    int64_t end = begin + VALIDATION_BLOCK < rows->n ? begin + VALIDATION_BLOCK : rows->n;
    batch_t batch = batch_of_rows(rows, begin, end, t->fields);
    rng_t noise = rng_at(t->config.seed, RNG_VALIDATE, (uint64_t)block);
    return amortizer_loss(t->evaluate, &batch, 1.0, &noise, NULL);
}

int trainer_blocks(const rows_t *rows)
{
    return (int)((rows->n + VALIDATION_BLOCK - 1) / VALIDATION_BLOCK);
}

int64_t trainer_block_rows(void)
{
    return VALIDATION_BLOCK;
}

/* Each block has one rank that knows its sum, and all others add zero. */
void trainer_block_losses(trainer_t *t, const rows_t *rows, double *sums)
{
    int blocks = trainer_blocks(rows);
    for (int b = 0; b < blocks; b++) {
        bool mine = par_tree_owner(blocks, b, t->par->size) == t->par->rank;
        sums[b] = mine ? validate_block(t, rows, b) : 0;
    }
    TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, sums, blocks, MPI_DOUBLE, MPI_SUM, t->par->comm));
}

double trainer_validate(trainer_t *t, const rows_t *rows)
{
    const par_t alone = par_alone();
    int blocks = trainer_blocks(rows);
    double *sums = MEM_NEW(double, blocks), **all = MEM_NEW(double *, blocks), total = 0;
    trainer_block_losses(t, rows, sums);
    for (int b = 0; b < blocks; b++)
        all[b] = &sums[b];
    par_tree_sum_f64(&alone, blocks, 1, all, &total);
    free(all);
    free(sums);
    return total / (double)rows->n;
}

void trainer_use_average(trainer_t *t)
{
    params_t *params = amortizer_params(t->amortizer);
    size_t bytes = (size_t)params_size(params) * sizeof(float);
    memcpy(t->raw, params_value(params), bytes);
    exchange_spread(t->exchange, adamw_average(t->optimizer));
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
