// SPDX-License-Identifier: Apache-2.0
// Trains one amortizer in one process, straight from a built-in simulator, and tells validation loss against seconds: the
// tool by which the defaults of amortizer_config_default were chosen.
//
//     train_probe MODEL ROWS EPOCHS [KEY=NUMBER ...]      keys: see `settings` below
//
// With people=FILE (id, then signed values, one data set a line) it prints posterior means and sds of each line at the end.
#include "cluster/err.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "nn/adamw.h"
#include "nn/amortizer.h"
#include "workers/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALIDATION = 2000, SLICE = 16 };

typedef struct {
    const char *model, *people, *dump;
    int64_t rows, epochs, batch, seed;
    double rate, decay, clip, average, subset, floor, warmup, calibrate;
    amortizer_config_t net;
    summary_config_t summary; // of every observable
} probe_t;

static void must(err_t err)
{
    if (err != OK) {
        fprintf(stderr, "%s\n", err_text());
        exit(err_exit_code(err));
    }
}

static bool set_int(const char *arg, const char *key, int *to)
{
    size_t n = strlen(key);
    if (strncmp(arg, key, n) != 0 || arg[n] != '=')
        return false;
    *to = atoi(arg + n + 1);
    return true;
}

static bool set_real(const char *arg, const char *key, double *to)
{
    size_t n = strlen(key);
    if (strncmp(arg, key, n) != 0 || arg[n] != '=')
        return false;
    *to = atof(arg + n + 1);
    return true;
}

static bool set_flag(const char *arg, const char *key, bool *to)
{
    int value = *to;
    bool found = set_int(arg, key, &value);
    *to = value != 0;
    return found;
}

static bool set_text(const char *arg, const char *key, const char **to)
{
    size_t n = strlen(key);
    if (strncmp(arg, key, n) != 0 || arg[n] != '=')
        return false;
    *to = arg + n + 1;
    return true;
}

static void setting(probe_t *p, const char *arg)
{
    amortizer_config_t *c = &p->net;
    int transform = c->inference.flow.transform, batch = (int)p->batch, seed = (int)p->seed;
    bool found =
        set_int(arg, "batch", &batch) || set_int(arg, "seed", &seed) ||
        set_real(arg, "rate", &p->rate) || set_real(arg, "decay", &p->decay) ||
        set_real(arg, "clip", &p->clip) || set_real(arg, "average", &p->average) ||
        set_real(arg, "subset", &p->subset) || set_real(arg, "floor", &p->floor) ||
        set_real(arg, "warmup", &p->warmup) || set_real(arg, "calibrate", &p->calibrate) ||
        set_text(arg, "people", &p->people) || set_text(arg, "dump", &p->dump) ||
        set_int(arg, "summary_dim", &p->summary.summary_dim) ||
        set_int(arg, "embed_dim", &p->summary.embed_dim) ||
        set_int(arg, "depth", &p->summary.depth) || set_int(arg, "width", &p->summary.width) ||
        set_int(arg, "n_hidden", &p->summary.n_hidden) ||
        set_flag(arg, "elements", &p->summary.elements) ||
        set_flag(arg, "moments", &p->summary.moments) ||
        set_flag(arg, "quantiles", &p->summary.quantiles) ||
        set_real(arg, "dropout", &p->summary.dropout) || set_int(arg, "transform", &transform) ||
        set_int(arg, "layers", &c->inference.flow.depth) ||
        set_int(arg, "flow_width", &c->inference.flow.width) ||
        set_int(arg, "flow_hidden", &c->inference.flow.n_hidden) ||
        set_int(arg, "bins", &c->inference.flow.bins) ||
        set_real(arg, "half", &c->inference.flow.half_width) ||
        set_flag(arg, "whiten", &c->inference.flow.whiten);
    if (!found) {
        fprintf(stderr, "unknown setting %s\n", arg);
        exit(2);
    }
    c->inference.flow.transform = (flow_transform_t)transform;
    p->batch = batch;
    p->seed = seed;
}

static rows_t simulate(const probe_t *p, simulator_t *s)
{
    rows_t rows = rows_create(simulator_schema(s), p->rows + VALIDATION);
    for (int64_t i = 0; i < rows.capacity; i++)
        must(simulator_row(s, (uint64_t)p->seed, RNG_BANK, i, &rows, i));
    rows.n = rows.capacity;
    return rows;
}

static void shapes(probe_t *p, const schema_t *schema)
{
    amortizer_config_t *c = &p->net;
    double *lower = MEM_NEW(double, schema->n_parameters),
           *upper = MEM_NEW(double, schema->n_parameters);
    for (int j = 0; j < schema->n_parameters; j++) {
        lower[j] = schema->parameters[j].lower;
        upper[j] = schema->parameters[j].upper;
    }
    c->n_parameters = schema->n_parameters;
    c->n_observables = schema->n_observables;
    c->n_design = schema->n_design;
    c->lower = lower;
    c->upper = upper;
    c->observables = MEM_NEW(amortizer_observable_t, schema->n_observables);
    for (int o = 0; o < schema->n_observables; o++)
        c->observables[o] =
            (amortizer_observable_t){.kind = (observable_kind_t)schema->observables[o].kind,
                                     .max_length = schema->observables[o].dims[0],
                                     .features = schema_stride(&schema->observables[o]),
                                     .summary = p->summary};
}

typedef struct {
    double n, sum, squares;
} running_t;

static void count(running_t *r, double x)
{
    r->n += 1.0;
    r->sum += x;
    r->squares += x * x;
}

static void finish(int64_t n, const running_t *r, double *mean, double *sd)
{
    for (int64_t j = 0; j < n; j++) {
        mean[j] = r[j].sum / r[j].n;
        sd[j] = sqrt(fmax(r[j].squares / r[j].n - mean[j] * mean[j], 0.0));
    }
}

// Of the one-set models this probe is for.
static void scale(amortizer_t *a, const rows_t *rows)
{
    const amortizer_config_t *c = amortizer_config(a);
    int64_t np = c->n_parameters, nd = c->n_design, nf = c->observables[0].features;
    running_t *p = MEM_NEW(running_t, np), *d = MEM_NEW(running_t, nd), *f = MEM_NEW(running_t, nf);
    double *u = MEM_NEW(double, np), *out = MEM_NEW(double, 2 * (np + nd + nf));
    for (int64_t i = VALIDATION; i < rows->n; i++) {
        adapter_free(amortizer_adapter(a), rows->parameters + i * np, u, NULL);
        for (int64_t j = 0; j < np; j++)
            count(&p[j], u[j]);
        for (int64_t j = 0; j < nd; j++)
            count(&d[j], rows->design[i * nd + j]);
        const float *y = rows->observables[0] + i * c->observables[0].max_length * nf;
        for (int64_t k = 0; k < rows->length[i] * nf; k++)
            count(&f[k % nf], (double)y[k]);
    }
    scaling_t s = {out,
                   out + np,
                   out + 2 * np,
                   out + 2 * np + nd,
                   (double *[]){out + 2 * (np + nd)},
                   (double *[]){out + 2 * (np + nd) + nf}};
    finish(np, p, s.parameter_mean, s.parameter_sd);
    finish(nd, d, s.design_mean, s.design_sd);
    finish(nf, f, s.observable_mean[0], s.observable_sd[0]);
    amortizer_set_scaling(a, &s);
}

// SLICE rows of an order, each perhaps cut to a random subset of its elements.
typedef struct {
    int64_t np, nd, size;
    double *parameters, *design;
    int32_t length[SLICE];
    float *y;
    const float *fields[1];
} slice_t;

static slice_t slice_make(const schema_t *schema)
{
    slice_t s = {.np = schema->n_parameters, .nd = schema->n_design};
    s.size = schema_size(&schema->observables[0]);
    s.parameters = MEM_NEW(double, SLICE *s.np);
    s.design = MEM_NEW(double, SLICE *s.nd);
    s.y = MEM_NEW(float, SLICE *s.size);
    return s;
}

static void cut(slice_t *s, int64_t i, int64_t shortest, rng_t *rng)
{
    float *y = s->y + i * s->size;
    int64_t n = s->length[i], keep = rng_integer(rng, shortest, n);
    for (int64_t k = 0; k < keep; k++) {
        int64_t other = rng_integer(rng, k, n - 1);
        float value = y[k];
        y[k] = y[other];
        y[other] = value;
    }
    s->length[i] = (int32_t)keep;
    s->design[i * s->nd] = (double)keep;
}

static batch_t slice_fill(slice_t *s, const probe_t *p, const rows_t *rows, const int64_t *order,
                          rng_t *rng)
{
    int64_t shortest = (int64_t)rows->schema->design[0].lower;
    for (int64_t i = 0; i < SLICE; i++) {
        int64_t r = order[i];
        memcpy(s->parameters + i * s->np, rows->parameters + r * s->np,
               (size_t)s->np * sizeof(double));
        memcpy(s->design + i * s->nd, rows->design + r * s->nd, (size_t)s->nd * sizeof(double));
        memcpy(s->y + i * s->size, rows->observables[0] + r * s->size,
               (size_t)s->size * sizeof(float));
        s->length[i] = rows->length[r];
        if (rng_uniform(rng) < p->subset)
            cut(s, i, shortest, rng);
    }
    s->fields[0] = s->y;
    return (batch_t){SLICE, s->parameters, s->design, s->length, s->fields};
}

static double validate(amortizer_t *a, amortizer_work_t *w, adamw_t *o, const rows_t *rows,
                       bool average)
{
    params_t *params = amortizer_params(a);
    size_t bytes = (size_t)params_size(params) * sizeof(float);
    float *raw = mem_alloc(bytes, 1);
    memcpy(raw, params_value(params), bytes);
    if (average)
        memcpy(params_value(params), adamw_average(o), bytes);
    batch_t batch = {VALIDATION, rows->parameters, rows->design, rows->length,
                     (const float *const *)rows->observables};
    rng_t noise = rng_at(1, RNG_VALIDATE, 0);
    double loss = amortizer_loss(w, &batch, 1.0, &noise, NULL) / VALIDATION;
    memcpy(params_value(params), raw, bytes);
    free(raw);
    return loss;
}

// Of this process: what other programs take does not count.
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void train(const probe_t *p, amortizer_t *a, const rows_t *rows)
{
    amortizer_work_t *w = amortizer_work_create(a, WORK_TRAIN, SLICE, 0);
    amortizer_work_t *e = amortizer_work_create(a, WORK_LOSS, VALIDATION, 0);
    adamw_config_t oc = adamw_config_default();
    oc.weight_decay = p->decay;
    oc.clip_norm = p->clip;
    oc.average_decay = p->average;
    params_t *params = amortizer_params(a);
    adamw_t *o = adamw_create(params, &oc);
    int64_t n = rows->n - VALIDATION, steps = n / p->batch, size = params_size(params);
    schedule_t schedule = {p->rate, p->floor, (int64_t)(p->warmup * (double)(steps * p->epochs)),
                           steps * p->epochs};
    float *gradient = MEM_NEW(float, size), *sum = MEM_NEW(float, size);
    int64_t *order = MEM_NEW(int64_t, n);
    slice_t slice = slice_make(rows->schema);
    double seconds = 0.0, flops = 0.0;
    printf("weights %ld, memory of training %.1f MB\n", (long)params_weights(params),
           (double)amortizer_work_bytes(w) / 1e6);
    for (int64_t epoch = 0, step = 0; epoch < p->epochs; epoch++) {
        double begin = cpu_seconds(), loss = 0.0;
        rng_t rng = rng_at((uint64_t)p->seed, RNG_SHUFFLE, (uint64_t)epoch);
        for (int64_t i = 0; i < n; i++)
            order[i] = VALIDATION + i;
        rng_shuffle(&rng, (size_t)n, order);
        for (int64_t s = 0; s < steps; s++, step++) {
            memset(sum, 0, (size_t)size * sizeof *sum);
            for (int64_t k = 0; k < p->batch / SLICE; k++) {
                batch_t b = slice_fill(&slice, p, rows, order + s * p->batch + k * SLICE, &rng);
                loss += amortizer_loss(w, &b, (double)step / (double)(steps * p->epochs), &rng,
                                       gradient);
                flops += amortizer_work_flops(w);
                for (int64_t i = 0; i < size; i++)
                    sum[i] += gradient[i] / (float)p->batch;
            }
            adamw_step(o, schedule_rate(&schedule, step), sum);
        }
        seconds += cpu_seconds() - begin;
        if ((epoch + 1) % 5 == 0 || epoch + 1 == p->epochs)
            printf("epoch %ld: %.1f s, %.1f us a set, %.1f GF/s, train %.4f, validation %.4f\n",
                   (long)epoch + 1, seconds, 1e6 * seconds / (double)(step * p->batch),
                   flops / seconds / 1e9, loss / (double)(steps * p->batch),
                   validate(a, e, o, rows, true));
        fflush(stdout);
    }
    memcpy(params_value(params), adamw_average(o), (size_t)size * sizeof(float));
}

// One line a data set: id n y_1 ... y_n.
static void show_people(const probe_t *p, amortizer_t *a)
{
    enum { DRAWS = 4000 };
    const amortizer_config_t *c = amortizer_config(a);
    amortizer_work_t *w = amortizer_work_create(a, WORK_EVALUATE, 1, 500);
    FILE *in = fopen(p->people, "r");
    float *y = MEM_NEW(float, c->observables[0].max_length);
    double *draws = MEM_NEW(double, DRAWS * c->n_parameters);
    int id, n;
    while (in && fscanf(in, "%d %d", &id, &n) == 2) {
        for (int k = 0; k < n; k++)
            if (fscanf(in, "%f", &y[k]) != 1)
                exit(1);
        double design = n;
        int32_t length = n;
        batch_t b = {1, NULL, &design, &length, (const float *const[]){y}};
        rng_t rng = rng_at(1, RNG_INFER, (uint64_t)id);
        amortizer_sample(w, &b, DRAWS, &rng, draws, NULL);
        printf("person %d", id);
        for (int j = 0; j < c->n_parameters; j++) {
            running_t r = {0};
            double mean, sd;
            for (int k = 0; k < DRAWS; k++)
                count(&r, draws[k * c->n_parameters + j]);
            finish(1, &r, &mean, &sd);
            printf(" %.6f %.6f", mean, sd);
        }
        puts("");
    }
}

// ln q of the validation rows on the user's scale, and the rows themselves, for a comparison elsewhere.
static void dump(const probe_t *p, amortizer_t *a, const rows_t *rows)
{
    FILE *out = fopen(p->dump, "wb");
    double *log_q = MEM_NEW(double, VALIDATION);
    amortizer_work_t *w = amortizer_work_create(a, WORK_EVALUATE, 1, 1);
    batch_t batch = {VALIDATION, rows->parameters, rows->design, rows->length,
                     (const float *const *)rows->observables};
    amortizer_log_density(w, &batch, log_q);
    fwrite(log_q, sizeof(double), VALIDATION, out);
    fwrite(rows->parameters, sizeof(double), (size_t)(VALIDATION * rows->schema->n_parameters),
           out);
    fwrite(rows->length, sizeof(int32_t), VALIDATION, out);
    fwrite(rows->observables[0], sizeof(float),
           (size_t)(VALIDATION * schema_size(&rows->schema->observables[0])), out);
    fclose(out);
}

int main(int argc, char **argv)
{
    probe_t p = {.batch = 128,
                 .seed = 1,
                 .rate = 2e-3,
                 .decay = 1e-4,
                 .clip = 5,
                 .average = 0.999,
                 .warmup = 0.03,
                 .calibrate = 8192};
    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL ROWS EPOCHS [KEY=NUMBER ...]\n", argv[0]);
        return 2;
    }
    p.model = argv[1];
    p.rows = atol(argv[2]);
    p.epochs = atol(argv[3]);
    amortizer_config_inference(&p.net, INFERENCE_COUPLING_FLOW, SIZE_BASE, false);
    summary_config_default(SUMMARY_DEEP_SET, SIZE_BASE, &p.summary);
    p.net.members = 1;
    for (int k = 4; k < argc; k++)
        setting(&p, argv[k]);
    simulator_t *s;
    amortizer_t *a;
    must(simulator_load_builtin(p.model, &s));
    double begin = log_clock();
    rows_t rows = simulate(&p, s);
    printf("simulated %ld rows in %.1f s\n", (long)rows.n, log_clock() - begin);
    shapes(&p, simulator_schema(s));
    must(amortizer_create(&p.net, (uint64_t)p.seed, &a));
    scale(a, &rows);
    if (p.calibrate > 0) {
        double at = log_clock();
        batch_t some = {p.calibrate < (double)rows.n ? (int64_t)p.calibrate : rows.n, NULL,
                        rows.design, rows.length, (const float *const *)rows.observables};
        amortizer_calibrate(a, &some);
        printf("calibrated in %.2f s\n", log_clock() - at);
    }
    train(&p, a, &rows);
    if (p.people)
        show_people(&p, a);
    if (p.dump)
        dump(&p, a, &rows);
    return 0;
}
