// SPDX-License-Identifier: Apache-2.0
#include "nn/gradcheck.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/tangent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP       0x1p-6
#define GRID       0x1p-10 // inputs lie on this grid, so that moving one by STEP is exact in float32
#define SETS       5
#define MOST       9 // elements, or draws, of one set
#define MAX_INPUTS 16

typedef enum { FILL_UNIFORM, FILL_APART, FILL_CONSTANT } fill_t;

typedef struct {
    tensor_t *t;
    fill_t fill;
    double low, high, gap;
    const double *values;
} input_t;

struct gradcheck {
    graph_t *graph;
    rng_t rng;
    int n;
    input_t input[MAX_INPUTS];
    int64_t elements[SETS + 1], draws[SETS + 1];
};

graph_t *gradcheck_graph(gradcheck_t *c)
{
    return c->graph;
}

int64_t gradcheck_shape(gradcheck_t *c, int64_t low, int64_t high)
{
    return rng_integer(&c->rng, low, high);
}

static tensor_t *add_input(gradcheck_t *c, tensor_t *t, input_t input)
{
    CHECK(c->n < MAX_INPUTS, "an example of more than %d inputs", MAX_INPUTS);
    input.t = t;
    c->input[c->n++] = input;
    return t;
}

static tensor_t *variable(gradcheck_t *c, int rows_class, int64_t per, int64_t cols)
{
    return graph_want_grad(c->graph, graph_input(c->graph, rows_class, per, cols));
}

tensor_t *gradcheck_input(gradcheck_t *c, int rows_class, int64_t per, int64_t cols, double low,
                          double high)
{
    return add_input(c, variable(c, rows_class, per, cols),
                     (input_t){.fill = FILL_UNIFORM, .low = low, .high = high});
}

tensor_t *gradcheck_input_apart(gradcheck_t *c, int rows_class, int64_t per, int64_t cols,
                                double gap)
{
    return add_input(c, variable(c, rows_class, per, cols),
                     (input_t){.fill = FILL_APART, .gap = gap});
}

tensor_t *gradcheck_constant(gradcheck_t *c, int64_t cols, const double *values)
{
    return add_input(c, graph_input(c->graph, ROWS_ONE, 1, cols),
                     (input_t){.fill = FILL_CONSTANT, .values = values});
}

static float on_grid(double x)
{
    return (float)(nearbyint(x / GRID) * GRID);
}

static void fill_apart(gradcheck_t *c, tensor_t *t, double gap)
{
    int64_t n = tensor_size(t), *order = MEM_NEW(int64_t, n > 0 ? n : 1);
    for (int64_t i = 0; i < n; i++)
        order[i] = i - n / 2;
    rng_shuffle(&c->rng, (size_t)n, order);
    for (int64_t i = 0; i < n; i++)
        t->value[i] = on_grid(((double)order[i] + 0.5) * gap);
    free(order);
}

static void fill_input(gradcheck_t *c, const input_t *input)
{
    tensor_t *t = input->t;
    switch (input->fill) {
    case FILL_UNIFORM:
        for (int64_t i = 0; i < tensor_size(t); i++)
            t->value[i] = on_grid(input->low + (input->high - input->low) * rng_uniform(&c->rng));
        break;
    case FILL_APART:
        fill_apart(c, t, input->gap);
        break;
    case FILL_CONSTANT:
        for (int64_t i = 0; i < tensor_size(t); i++)
            t->value[i] = (float)input->values[i];
        break;
    }
}

/* Lengths 0, 1, MOST and random ones, in random order. */
static void draw_offsets(rng_t *r, int64_t offsets[SETS + 1])
{
    int64_t length[SETS] = {0, 1, MOST};
    for (int i = 3; i < SETS; i++)
        length[i] = rng_integer(r, 0, MOST);
    rng_shuffle(r, SETS, length);
    offsets[0] = 0;
    for (int i = 0; i < SETS; i++)
        offsets[i + 1] = offsets[i] + length[i];
}

static double weighted(const tensor_t *weight, const tensor_t *result)
{
    double sum = 0;
    for (int64_t i = 0; i < tensor_size(result); i++)
        sum += (double)weight->value[i] * (double)result->value[i];
    return sum;
}

typedef struct {
    const tensor_t *weight, *result;
    double worst;
    int64_t compared;
} compare_t;

static void note(compare_t *m, double analytic, double difference)
{
    double error = fabs(analytic - difference) / (1 + fabs(analytic) + fabs(difference));
    if (!(error <= m->worst)) // a NaN is kept
        m->worst = error;
    m->compared++;
}

static double moved(gradcheck_t *c, const compare_t *m, float *entry, double by)
{
    float old = *entry;
    *entry = (float)(old + by);
    graph_forward(c->graph);
    *entry = old;
    return weighted(m->weight, m->result);
}

static void compare_entry(gradcheck_t *c, compare_t *m, float *entry, double analytic)
{
    double near = moved(c, m, entry, STEP) - moved(c, m, entry, -STEP);
    double far = moved(c, m, entry, 2 * STEP) - moved(c, m, entry, -2 * STEP);
    note(m, analytic, (8 * near - far) / (12 * STEP));
}

static void compare_input(gradcheck_t *c, compare_t *m, tensor_t *t, const float *analytic)
{
    for (int64_t i = 0; i < tensor_size(t); i++)
        compare_entry(c, m, t->value + i, analytic[i]);
}

/* Gradients are copied before the first forward pass that follows: its buffers may lie where they lie. */
static void compare_all(gradcheck_t *c, compare_t *m)
{
    float *analytic[MAX_INPUTS];
    for (int k = 0; k < c->n; k++) {
        size_t n = (size_t)tensor_size(c->input[k].t);
        analytic[k] = MEM_NEW(float, n + 1);
        if (c->input[k].t->grad != NULL)
            memcpy(analytic[k], c->input[k].t->grad, n * sizeof(float));
    }
    for (int k = 0; k < c->n; k++) {
        if (c->input[k].t->grad != NULL)
            compare_input(c, m, c->input[k].t, analytic[k]);
        free(analytic[k]);
    }
}

static void poison(tensor_t *t)
{
    for (int64_t i = 0; i < tensor_size(t); i++)
        t->value[i] = NAN;
}

/* Does the op say that it does not read this input's value? Of values in the middle of the graph the memory may
 * already hold something else, so only inputs of the graph are taken. */
static bool is_unread(const tensor_t *result, int k)
{
    int skips = BACKWARD_SKIPS_INPUTS | (k == 0 ? BACKWARD_SKIPS_FIRST : 0);
    return (result->kind->skips & skips) && result->in[k]->kind == NULL;
}

/* Backward with NaNs in all values that the op says it does not read; a NaN gradient is the worst of errors. */
static void backward_poisoned(gradcheck_t *c, tensor_t *result)
{
    float *saved[OP_MAX_INPUTS];
    if (result->kind->skips & BACKWARD_SKIPS_RESULT)
        poison(result);
    for (int k = 0; k < result->n_in; k++) {
        size_t bytes = (size_t)tensor_size(result->in[k]) * sizeof(float);
        saved[k] = memcpy(mem_alloc(bytes + 1, 1), result->in[k]->value, bytes);
    }
    for (int k = 0; k < result->n_in; k++)
        if (is_unread(result, k))
            poison(result->in[k]);
    graph_backward(c->graph, NULL);
    for (int k = 0; k < result->n_in; k++) {
        if (is_unread(result, k))
            memcpy(result->in[k]->value, saved[k],
                   (size_t)tensor_size(result->in[k]) * sizeof(float));
        free(saved[k]);
    }
}

static void begin_batch(gradcheck_t *c)
{
    graph_batch_t batch = {.sets = SETS,
                           .draws = c->draws[SETS],
                           .draw_offsets = c->draws,
                           .offsets = {c->elements},
                           .noise = 1};
    graph_begin(c->graph, &batch);
    for (int k = 0; k < c->n; k++)
        fill_input(c, &c->input[k]);
}

static void run_batch(gradcheck_t *c, tensor_t *result, tensor_t *weight)
{
    begin_batch(c);
    for (int64_t i = 0; i < tensor_size(weight); i++)
        weight->value[i] = on_grid(2 * rng_uniform(&c->rng) - 1);
    graph_forward(c->graph);
    backward_poisoned(c, result);
}

static gradcheck_t begin_check(int variant, uint64_t seed)
{
    gradcheck_t c = {.rng = rng_at(seed, RNG_CHECK, (uint64_t)variant)};
    draw_offsets(&c.rng, c.elements);
    draw_offsets(&c.rng, c.draws);
    graph_limits_t limits = {
        .sets = SETS, .draws = SETS * MOST, .elements = {SETS * MOST}, .length = {MOST}};
    c.graph = graph_create(GRAPH_TRAIN, NULL, &limits);
    return c;
}

bool gradcheck_run(const op_kind_t *kind, int variant, uint64_t seed, double *worst,
                   int64_t *compared)
{
    gradcheck_t c = begin_check(variant, seed);
    tensor_t *result = kind->example(&c, variant);
    if (result != NULL) {
        graph_keep(c.graph, result);
        tensor_t *weight = graph_input(c.graph, result->rows_class, result->per, result->cols);
        graph_seal(c.graph, op_total(c.graph, op_mul(c.graph, result, weight)));
        run_batch(&c, result, weight);
        compare_t m = {.weight = weight, .result = result};
        compare_all(&c, &m);
        *worst = m.worst;
        *compared = m.compared;
    }
    graph_destroy(&c.graph);
    return result != NULL;
}

/* The direction, on a grid so coarse that the moved inputs lie on GRID, and where the inputs stood. */
typedef struct {
    tensor_t *along[MAX_INPUTS]; // NULL: stands still
    float *start[MAX_INPUTS];
} direction_t;

static tensor_t *record_tangent(gradcheck_t *c, tensor_t *result, direction_t *d)
{
    tensor_t *input[MAX_INPUTS];
    for (int k = 0; k < c->n; k++) {
        tensor_t *t = input[k] = c->input[k].t;
        bool still = c->input[k].fill == FILL_CONSTANT;
        d->along[k] = still ? NULL : graph_input(c->graph, t->rows_class, t->per, t->cols);
    }
    return graph_tangent(c->graph, result, c->n, input, d->along);
}

static void choose_direction(gradcheck_t *c, direction_t *d)
{
    for (int k = 0; k < c->n; k++) {
        size_t n = (size_t)tensor_size(c->input[k].t);
        d->start[k] = MEM_NEW(float, n + 1);
        memcpy(d->start[k], c->input[k].t->value, n * sizeof(float));
        for (size_t i = 0; d->along[k] != NULL && i < n; i++)
            d->along[k]->value[i] = (float)rng_integer(&c->rng, -16, 16) / 16;
    }
}

/* Adds factor * result(inputs + by * direction) to sum. */
static void add_moved(gradcheck_t *c, const direction_t *d, const tensor_t *result, double by,
                      double factor, double *sum)
{
    for (int k = 0; k < c->n; k++)
        for (int64_t i = 0; d->along[k] != NULL && i < tensor_size(c->input[k].t); i++)
            c->input[k].t->value[i] = d->start[k][i] + (float)by * d->along[k]->value[i];
    graph_forward(c->graph);
    for (int64_t i = 0; i < tensor_size(result); i++)
        sum[i] += factor * (double)result->value[i];
}

/* tangent NULL: zero. */
static void compare_tangent(gradcheck_t *c, const tensor_t *result, const tensor_t *tangent,
                            direction_t *d, compare_t *m)
{
    int64_t n = tensor_size(result);
    double *difference = MEM_NEW(double, n + 1), *analytic = MEM_NEW(double, n + 1);
    choose_direction(c, d);
    graph_forward(c->graph);
    for (int64_t i = 0; i < n; i++)
        analytic[i] = tangent != NULL ? (double)tangent->value[i] : 0;
    for (int side = -1; side <= 1; side += 2) {
        add_moved(c, d, result, side * STEP, 8 * side / (12 * STEP), difference);
        add_moved(c, d, result, 2 * side * STEP, -side / (12 * STEP), difference);
    }
    for (int64_t i = 0; i < n; i++)
        note(m, analytic[i], difference[i]);
    free(difference);
    free(analytic);
    for (int k = 0; k < c->n; k++)
        free(d->start[k]);
}

bool gradcheck_tangent(const op_kind_t *kind, int variant, uint64_t seed, double *worst,
                       int64_t *compared)
{
    gradcheck_t c = begin_check(variant, seed);
    tensor_t *result = kind->example(&c, variant);
    if (result != NULL) {
        direction_t d = {0};
        compare_t m = {0};
        tensor_t *tangent = record_tangent(&c, graph_keep(c.graph, result), &d);
        if (tangent != NULL)
            graph_keep(c.graph, tangent);
        graph_seal(c.graph, op_total(c.graph, result));
        begin_batch(&c);
        compare_tangent(&c, result, tangent, &d, &m);
        *worst = m.worst;
        *compared = m.compared;
    }
    graph_destroy(&c.graph);
    return result != NULL;
}
