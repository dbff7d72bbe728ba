// SPDX-License-Identifier: Apache-2.0
//
// Training steps and draws of whole networks. Initial weights and random data do: the time is the same.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/bench.h"
#include "coordinator/study.h"
#include "coordinator/trainer.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 512, SLICE = 16, SETS = 8, DRAWS = 1000, SET_LENGTH = 50, SIDE = 28 };

typedef struct {
    const char *step, *draws; // names of the rows; draws NULL: not measured
    const char *network;      // of the study; NULL: of the default study of b's simulator
    int slices;               // of a batch; 0: four a rank
    bool images;              // parameters and data are images; else sets and two parameters
} case_t;

#define PEER_SET "summary: {type: set_transformer, architecture: bayesflow, summary_dim: 4}"
static const case_t cases[] = {
    {.step = "training step, default networks (ddm)", .draws = "draws, default networks (ddm)"},
    {.step = "training step, set transformer + flow matching, batch 32, 50x1",
     .draws = "draws, flow matching, 5 x 256",
     .network = "{" PEER_SET ", inference: {type: flow_matching, architecture: bayesflow}}",
     .slices = 2},
    {.step = "training step, set transformer + coupling flow, batch 32, 50x1",
     .draws = "draws, coupling flow, affine, 6 x 128",
     .network = "{" PEER_SET ", inference: {type: coupling_flow, architecture: bayesflow, "
                "transform: affine}}",
     .slices = 2},
    {.step = "training step, diffusion with a unet of 32, 64, 128, batch 32, 28x28",
     .network = "{inference: {type: diffusion, subnet: unet, image_height: 28, image_width: 28, "
                "image_channels: 1, stage_width: [32, 64, 128], stage_attention: [0, 0, 0]}}",
     .slices = 2,
     .images = true}};

typedef struct {
    bench_t *b;
    const case_t *of;
    const rows_t *rows;
    amortizer_t *amortizer;
} subject_t;

/* Free parameters and one observable; what schema_free frees. */
static schema_t make_schema(int parameters, schema_observable_t observable)
{
    schema_t s = {.name = mem_copy_text("bench"), .version = mem_copy_text("1")};
    s.description = mem_copy_text("");
    s.n_parameters = parameters;
    s.parameters = MEM_NEW(schema_parameter_t, parameters);
    for (int j = 0; j < parameters; j++)
        s.parameters[j] = (schema_parameter_t){
            .name = mem_format("theta%d", j), .lower = -INFINITY, .upper = INFINITY};
    s.n_observables = 1;
    s.observables = MEM_NEW(schema_observable_t, 1);
    s.observables[0] = observable;
    s.observables[0].name = mem_copy_text("y");
    s.observables[0].length_design = -1;
    s.observables[0].lower = -INFINITY;
    s.observables[0].upper = INFINITY;
    s.design = MEM_NEW(schema_design_t, 1);
    return s;
}

static schema_t schema_of(const case_t *c)
{
    schema_observable_t set = {.kind = KIND_SET, .n_dims = 2, .dims = {SET_LENGTH, 1}};
    schema_observable_t image = {.kind = KIND_IMAGE, .n_dims = 3, .dims = {SIDE, SIDE, 1}};
    return c->images ? make_schema(SIDE * SIDE, image) : make_schema(2, set);
}

static rows_t random_rows(const schema_t *schema)
{
    const schema_observable_t *o = &schema->observables[0];
    rows_t rows = rows_create(schema, ROWS);
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    rng_fill_normal(&rng, (size_t)(ROWS * schema->n_parameters), rows.parameters);
    rng_fill_normal_f32(&rng, (size_t)(ROWS * schema_size(o)), rows.observables[0]);
    for (int i = 0; i < ROWS; i++)
        rows.length[i] = (int32_t)o->dims[0];
    rows.n = ROWS;
    return rows;
}

typedef struct {
    trainer_t *trainer;
    rows_t part;
    int64_t steps;
    double flops;
} stepper_t;

static void one_step(const subject_t *s, stepper_t *x)
{
    double loss, norm;
    for (int k = 0; k < trainer_slice_count(x->trainer); k++) {
        int64_t first = (x->steps * trainer_slice_count(x->trainer) + k) * SLICE;
        first %= s->rows->n - SLICE;
        for (int64_t i = 0; i < SLICE; i++)
            rows_copy(s->rows, first + i, &x->part, i);
        x->part.n = SLICE;
        trainer_add(x->trainer, x->steps, k, &x->part);
        x->flops += trainer_flops(x->trainer);
    }
    if (trainer_finish_step(x->trainer, x->steps++, &loss, &norm) != OK)
        err_clear();
}

/* The best of some windows: another process on this machine spoils the others. */
static void measure_step(const subject_t *s)
{
    bench_t *b = s->b;
    int slices = s->of->slices > 0 ? s->of->slices : 4 * b->par->size;
    trainer_config_t config = {.slices = slices,
                               .slice_rows = SLICE,
                               .seed = 1,
                               .adamw = adamw_config_default(),
                               .schedule = {.peak = 1e-4, .total = 1 << 20}};
    stepper_t x = {trainer_create(b->par, &config, s->rows->schema, s->amortizer),
                   rows_create(s->rows->schema, SLICE), 0, 0};
    double rate = 0, gflops = 0;
    one_step(s, &x);
    for (int w = 0; w < BENCH_WINDOWS; w++) {
        int64_t before = x.steps;
        x.flops = 0;
        par_barrier(b->par);
        double start = log_clock(), now = start;
        for (; !par_any(b->par, now - start > BENCH_WINDOW_SECONDS); now = log_clock())
            one_step(s, &x);
        double some = bench_all_ranks(b->par, x.flops / (now - start) / 1e9);
        if (some > gflops) {
            gflops = some;
            rate = (double)(x.steps - before) / (now - start);
        }
    }
    int working = b->par->size < slices ? b->par->size : slices;
    bench_add(b, (bench_row_t){s->of->step, rate * slices * SLICE, "rows/s", gflops,
                               b->gemm * working / b->par->size, "GF/s"});
    rows_destroy(&x.part);
    trainer_destroy(&x.trainer);
}

static double draw_sets(const subject_t *s, amortizer_work_t *work, int64_t sets, double *out)
{
    const float *fields[8];
    rng_t rng[SETS];
    int64_t first = sets % (s->rows->n - SETS);
    for (int i = 0; i < SETS; i++)
        rng[i] = rng_at(1, RNG_CHECK, (uint64_t)(sets + i));
    batch_t batch = batch_of_rows(s->rows, first, first + SETS, fields);
    amortizer_sample(work, &batch, DRAWS, rng, out, NULL);
    return amortizer_work_flops(work);
}

static void measure_draws(const subject_t *s)
{
    bench_t *b = s->b;
    amortizer_work_t *work = amortizer_work_create(s->amortizer, WORK_EVALUATE, SETS, DRAWS);
    double *out = MEM_NEW(double, (int64_t)SETS *DRAWS * s->rows->schema->n_parameters);
    double rate = 0, gflops = 0;
    for (int w = 0; w < BENCH_WINDOWS; w++) {
        int64_t sets = 0;
        par_barrier(b->par);
        double start = log_clock(), flops = 0, now = start;
        for (; now - start < BENCH_WINDOW_SECONDS; sets += SETS, now = log_clock())
            flops += draw_sets(s, work, sets, out);
        double some = bench_all_ranks(b->par, flops / (now - start) / 1e9);
        double drawn = bench_all_ranks(b->par, (double)(sets * DRAWS) / (now - start));
        gflops = some > gflops ? some : gflops;
        rate = drawn > rate ? drawn : rate;
    }
    bench_add(b, (bench_row_t){s->of->draws, rate, "draws/s", gflops, b->gemm, "GF/s"});
    free(out);
    amortizer_work_destroy(&work);
}

static err_t measure_case(bench_t *b, const case_t *c, const rows_t *rows)
{
    study_t study;
    amortizer_config_t config;
    subject_t s = {.b = b, .of = c, .rows = rows};
    char *text = mem_format("study: bench\nmodel: {builtin: ddm}\nnetwork: %s\n",
                            c->network ? c->network : "{}");
    err_t err = par_agree(b->par, study_parse(text, "bench", &study));
    free(text);
    TRY(err);
    err = study_network(&study, rows->schema, &config);
    if (err == OK)
        err = amortizer_create(&config, 1, &s.amortizer);
    err = par_agree(b->par, err);
    if (err == OK) {
        measure_step(&s);
        if (c->draws != NULL)
            measure_draws(&s);
    }
    amortizer_destroy(&s.amortizer);
    study_free(&study);
    return err;
}

static err_t measure_on_random_rows(bench_t *b, const case_t *c)
{
    schema_t schema = schema_of(c);
    rows_t rows = random_rows(&schema);
    err_t err = measure_case(b, c, &rows);
    rows_destroy(&rows);
    schema_free(&schema);
    return err;
}

err_t bench_networks(bench_t *b)
{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        TRY(cases[k].network != NULL ? measure_on_random_rows(b, &cases[k])
                                     : measure_case(b, &cases[k], &b->rows));
    return OK;
}
