// SPDX-License-Identifier: Apache-2.0
#include "nn/graph.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/graph_plan.h"
#include "nn/op.h"

#include <stdlib.h>
#include <string.h>

/* A class of rows made from another: of n rows ceil(n / stride) + extra. */
typedef struct {
    int from;
    int64_t stride, extra;
    int64_t *offsets; // (limits.sets + 1), of this pass
} derived_t;

struct graph {
    graph_mode_t mode;
    params_t *params;
    graph_limits_t limits;
    int n, room;
    tensor_t **node; // (n), in the order of recording
    tensor_t **leaf; // [params_count]: the tensor of each weight, or NULL
    int *last_back;  // [params_count]: the node that adds to its gradient last, or -1
    tensor_t *loss;  // NULL in a forward graph
    bool sealed;
    float *memory, *scratch;
    size_t bytes;
    int64_t count[ROWS_CLASSES];          // of this pass
    const int64_t *offsets[ROWS_CLASSES]; // (sets + 1), of this pass
    int64_t *each, *equal;                // (limits.sets + 1): 0, 1, 2 ...; equal shares of draws
    int n_derived;
    derived_t derived[GRAPH_MAX_DERIVED];
    uint64_t noise;
};

graph_t *graph_create(graph_mode_t mode, params_t *params, const graph_limits_t *limits)
{
    CHECK(limits->sets > 0, "a graph for %ld data sets", (long)limits->sets);
    graph_t *g = MEM_NEW(graph_t, 1);
    g->mode = mode;
    g->params = params;
    g->limits = *limits;
    if (params != NULL) {
        g->leaf = MEM_NEW(tensor_t *, params_count(params) + 1);
        g->last_back = MEM_NEW(int, params_count(params) + 1);
    }
    g->each = MEM_NEW(int64_t, limits->sets + 1);
    g->equal = MEM_NEW(int64_t, limits->sets + 1);
    for (int64_t i = 0; i <= limits->sets; i++)
        g->each[i] = i;
    return g;
}

void graph_destroy(graph_t **g)
{
    if (*g == NULL)
        return;
    for (int i = 0; i < (*g)->n; i++)
        free((*g)->node[i]);
    free((*g)->node);
    free((*g)->leaf);
    free((*g)->last_back);
    for (int k = 0; k < (*g)->n_derived; k++)
        free((*g)->derived[k].offsets);
    free((*g)->each);
    free((*g)->equal);
    free((*g)->memory);
    free(*g);
    *g = NULL;
}

int graph_derive(graph_t *g, int rows_class, int64_t stride, int64_t extra)
{
    CHECK(!g->sealed, "graph_derive on a sealed graph");
    CHECK(rows_class >= ROWS_ELEMENTS && rows_class < ROWS_CLASSES &&
              graph_capacity(g, rows_class) > 0,
          "rows derived from class %d", rows_class);
    CHECK(stride > 0 && extra >= 0, "derived rows: stride %ld, extra %ld", (long)stride,
          (long)extra);
    if (stride == 1 && extra == 0)
        return rows_class;
    for (int k = 0; k < g->n_derived; k++)
        if (g->derived[k].from == rows_class && g->derived[k].stride == stride &&
            g->derived[k].extra == extra)
            return ROWS_DERIVED + k;
    CHECK(g->n_derived < GRAPH_MAX_DERIVED, "more than %d derived classes of rows",
          GRAPH_MAX_DERIVED);
    g->derived[g->n_derived] =
        (derived_t){rows_class, stride, extra, MEM_NEW(int64_t, g->limits.sets + 1)};
    return ROWS_DERIVED + g->n_derived++;
}

static tensor_t *append(graph_t *g)
{
    CHECK(!g->sealed, "recording on a sealed graph");
    if (g->n == g->room) {
        g->room = g->room == 0 ? 128 : 2 * g->room;
        g->node = MEM_GROW(g->node, tensor_t *, g->room);
    }
    tensor_t *t = MEM_NEW(tensor_t, 1);
    t->graph = g;
    t->id = g->n;
    t->param = -1;
    t->stage = GRAPH_STAGES - 1;
    g->node[g->n++] = t;
    return t;
}

tensor_t *graph_input(graph_t *g, int rows_class, int64_t per, int64_t cols)
{
    CHECK(rows_class >= 0 && rows_class < ROWS_CLASSES, "class of rows %d", rows_class);
    CHECK(per > 0 && cols > 0, "an input of %ld x %ld", (long)per, (long)cols);
    CHECK(graph_capacity(g, rows_class) > 0, "class of rows %d has no limit", rows_class);
    tensor_t *t = append(g);
    tensor_shape(t, rows_class, per, cols);
    return t;
}

tensor_t *graph_param(graph_t *g, int id)
{
    const param_t *p = params_at(g->params, id);
    if (g->leaf[id] != NULL)
        return g->leaf[id];
    tensor_t *t = append(g);
    tensor_shape(t, ROWS_ONE, p->rows, p->cols);
    t->param = id;
    t->stage = 0;
    t->wants_grad = p->trainable && g->mode == GRAPH_TRAIN;
    return g->leaf[id] = t;
}

tensor_t *graph_keep(graph_t *g, tensor_t *t)
{
    CHECK(!g->sealed, "graph_keep on a sealed graph");
    t->kept = true;
    return t;
}

tensor_t *graph_stage(graph_t *g, tensor_t *input, int stage)
{
    CHECK(stage >= 0 && stage < GRAPH_STAGES, "stage %d", stage);
    CHECK(input->kind == NULL && input->id == g->n - 1, "graph_stage of no new input");
    input->stage = stage;
    return input;
}

tensor_t *graph_want_grad(graph_t *g, tensor_t *input)
{
    CHECK(!g->sealed && g->mode != GRAPH_FORWARD, "graph_want_grad on a sealed or forward graph");
    CHECK(input->kind == NULL && input->param < 0, "graph_want_grad of no input");
    input->wants_grad = true;
    return input;
}

static int stage_of(const tensor_t *t)
{
    int stage = t->rows_class == ROWS_ONE || t->rows_class == ROWS_SETS ? 0 : GRAPH_STAGES - 1;
    for (int k = 0; k < t->n_in; k++)
        stage = t->in[k]->stage > stage ? t->in[k]->stage : stage;
    return stage;
}

tensor_t *graph_record(graph_t *g, const op_kind_t *kind, int n_in, tensor_t *const *in,
                       const op_attr_t *attr)
{
    CHECK(n_in > 0 && n_in <= OP_MAX_INPUTS, "%s: %d inputs", kind->name, n_in);
    for (int k = 0; k < n_in; k++)
        CHECK(in[k]->graph == g, "%s: input %d is of another graph", kind->name, k);
    tensor_t *t = append(g);
    t->kind = kind;
    t->n_in = n_in;
    memcpy(t->in, in, (size_t)n_in * sizeof *in);
    if (attr != NULL)
        t->attr = *attr;
    kind->check(g, t);
    CHECK(t->per > 0 && t->cols > 0, "%s: a result of %ld x %ld", kind->name, (long)t->per,
          (long)t->cols);
    t->stage = stage_of(t);
    return t;
}

static void find_wants(graph_t *g)
{
    for (int i = 0; i < g->n; i++) {
        tensor_t *t = g->node[i];
        for (int k = 0; k < t->n_in && g->mode != GRAPH_FORWARD; k++)
            t->wants_grad |= t->in[k]->wants_grad && t->kind->backward != NULL;
    }
}

/* What the loss does not depend on, or only through ops that let no gradient flow, needs none. */
static void forget_wants(graph_t *g)
{
    bool *reached = MEM_NEW(bool, g->n);
    reached[g->loss->id] = true;
    for (int i = g->n - 1; i >= 0; i--) {
        tensor_t *t = g->node[i];
        if (t->kind == NULL)
            continue;
        for (int k = 0; k < t->n_in; k++)
            reached[t->in[k]->id] |= reached[i] && t->kind->backward != NULL;
        t->wants_grad &= reached[i];
    }
    free(reached);
}

static void find_last_back(graph_t *g)
{
    for (int id = 0; g->params != NULL && id < params_count(g->params); id++)
        g->last_back[id] = -1;
    for (int i = g->n - 1; i >= 0; i--)
        for (int k = 0; k < g->node[i]->n_in; k++)
            if (g->node[i]->wants_grad && g->node[i]->in[k]->param >= 0)
                g->last_back[g->node[i]->in[k]->param] = i;
}

void graph_seal(graph_t *g, tensor_t *loss)
{
    CHECK(!g->sealed, "graph_seal called twice");
    CHECK((loss != NULL) == (g->mode != GRAPH_FORWARD), "all graphs but a forward one have a loss");
    if (loss != NULL) {
        CHECK(loss->rows_class == ROWS_ONE && loss->per == 1 && loss->cols == 1,
              "the loss is %ld x %ld of class %d", (long)loss->per, (long)loss->cols,
              loss->rows_class);
        loss->kept = true;
    }
    g->loss = loss;
    find_wants(g);
    if (loss != NULL)
        forget_wants(g);
    find_last_back(g);
    g->memory = graph_plan(g, g->n, g->node, &g->scratch, &g->bytes);
    for (int i = 0; i < g->n; i++)
        if (g->node[i]->param >= 0)
            g->node[i]->value = params_tensor(g->params, g->node[i]->param);
    g->sealed = true;
}

static void begin_class(graph_t *g, int rows_class, const int64_t *offsets)
{
    int64_t sets = g->count[ROWS_SETS];
    CHECK(offsets[0] == 0, "offsets begin with %ld", (long)offsets[0]);
    for (int64_t i = 0; i < sets; i++) {
        int64_t n = offsets[i + 1] - offsets[i];
        CHECK(n >= 0 && n <= graph_max_length(g, rows_class),
              "data set %ld: %ld rows of class %d, limit %ld", (long)i, (long)n, rows_class,
              (long)graph_max_length(g, rows_class));
    }
    CHECK(offsets[sets] <= graph_capacity(g, rows_class), "%ld rows of class %d, limit %ld",
          (long)offsets[sets], rows_class, (long)graph_capacity(g, rows_class));
    g->offsets[rows_class] = offsets;
    g->count[rows_class] = offsets[sets];
}

static int64_t derived_length(const derived_t *d, int64_t n)
{
    return (n + d->stride - 1) / d->stride + d->extra;
}

/* A class is derived from earlier ones only, so theirs have begun. */
static void begin_derived(graph_t *g, int k)
{
    const derived_t *d = &g->derived[k];
    const int64_t *from = g->offsets[d->from];
    for (int64_t i = 0; i < g->count[ROWS_SETS]; i++)
        d->offsets[i + 1] = d->offsets[i] + derived_length(d, from[i + 1] - from[i]);
    begin_class(g, ROWS_DERIVED + k, d->offsets);
}

static const int64_t *equal_draws(graph_t *g, const graph_batch_t *batch)
{
    CHECK(batch->sets == 0 || batch->draws % batch->sets == 0, "%ld draws for %ld data sets",
          (long)batch->draws, (long)batch->sets);
    for (int64_t i = 0; i <= batch->sets; i++)
        g->equal[i] = batch->sets == 0 ? 0 : i * (batch->draws / batch->sets);
    return g->equal;
}

void graph_begin(graph_t *g, const graph_batch_t *batch)
{
    CHECK(g->sealed, "graph_begin before graph_seal");
    CHECK(batch->sets >= 0 && batch->sets <= g->limits.sets, "%ld data sets, limit %ld",
          (long)batch->sets, (long)g->limits.sets);
    g->noise = batch->noise;
    g->count[ROWS_ONE] = 1;
    g->count[ROWS_SETS] = batch->sets;
    g->offsets[ROWS_SETS] = g->each;
    if (g->limits.draws > 0)
        begin_class(g, ROWS_DRAWS,
                    batch->draw_offsets != NULL ? batch->draw_offsets : equal_draws(g, batch));
    for (int k = 0; k < GRAPH_MAX_GROUPS; k++)
        if (g->limits.elements[k] > 0) {
            CHECK(batch->offsets[k] != NULL, "no offsets for observable %d", k);
            begin_class(g, ROWS_ELEMENTS + k, batch->offsets[k]);
        }
    for (int k = 0; k < g->n_derived; k++)
        begin_derived(g, k);
    for (int i = 0; i < g->n; i++)
        g->node[i]->rows = g->count[g->node[i]->rows_class] * g->node[i]->per;
}

static bool runs_from(const tensor_t *t, int stage)
{
    return t->kind != NULL && t->stage >= stage;
}

void graph_forward_from(graph_t *g, int stage)
{
    CHECK(stage == 0 || g->mode != GRAPH_TRAIN, "part of a pass of a training graph");
    for (int i = 0; i < g->n; i++)
        if (runs_from(g->node[i], stage))
            g->node[i]->kind->forward(g->node[i]);
}

void graph_forward(graph_t *g)
{
    graph_forward_from(g, 0);
}

/* Floats of the block from the end of tensor `id` to the next one. */
static size_t floats_between(const params_t *p, int id)
{
    const param_t *t = params_at(p, id);
    int64_t next = id + 1 < params_count(p) ? params_at(p, id + 1)->offset : params_size(p);
    return (size_t)(next - t->offset - t->rows * t->cols);
}

static void clear_weight(const params_t *p, int id, float *gradient)
{
    const param_t *t = params_at(p, id);
    memset(gradient + t->offset, 0, (size_t)(t->rows * t->cols) * sizeof *gradient);
}

/* Zeros where no op will put anything: what ops put needs none first. */
static void begin_weights(graph_t *g, float *gradient)
{
    for (int id = 0; id < params_count(g->params); id++) {
        const param_t *p = params_at(g->params, id);
        if (!p->trainable)
            clear_weight(g->params, id, gradient);
        memset(gradient + p->offset + p->rows * p->cols, 0,
               floats_between(g->params, id) * sizeof *gradient);
    }
}

static void begin_gradients(graph_t *g, float *gradient)
{
    if (gradient != NULL)
        begin_weights(g, gradient);
    for (int i = 0; i < g->n; i++) {
        tensor_t *t = g->node[i];
        t->grad_begun = false;
        if (t->param >= 0 && t->wants_grad) {
            CHECK(gradient != NULL, "no place for the gradient of the weights");
            t->grad = gradient + params_at(g->params, t->param)->offset;
        }
    }
}

/* The weights whose gradients are final after the backward of node i. */
static void tell_final(const graph_t *g, int i, graph_watch_t *watch, void *user)
{
    const tensor_t *t = g->node[i];
    for (int k = 0; k < t->n_in; k++) {
        int id = t->in[k]->param;
        bool again = false;
        for (int j = 0; j < k; j++)
            again |= t->in[j] == t->in[k];
        if (id >= 0 && !again && t->in[k]->grad_begun && g->last_back[id] == i)
            watch(user, id);
    }
}

/* Weights that no gradient reached. */
static void end_weights(const graph_t *g, float *gradient, graph_watch_t *watch, void *user)
{
    for (int id = 0; id < params_count(g->params); id++) {
        const tensor_t *leaf = g->leaf[id];
        if (!params_at(g->params, id)->trainable || (leaf != NULL && leaf->grad_begun))
            continue;
        clear_weight(g->params, id, gradient);
        if (watch != NULL)
            watch(user, id);
    }
}

static void backward_nodes(graph_t *g, graph_watch_t *watch, void *user)
{
    grad_add(g->loss)[0] = 1;
    for (int i = g->n - 1; i >= 0; i--) {
        tensor_t *t = g->node[i];
        if (t->kind != NULL && t->grad_begun)
            t->kind->backward(t);
        else if (t->kind == NULL && t->param < 0)
            grad_add(t); // an input that the loss does not depend on: zeros
        if (t->kind != NULL && watch != NULL)
            tell_final(g, i, watch, user);
    }
}

void graph_backward_watched(graph_t *g, float *gradient, graph_watch_t *watch, void *user)
{
    CHECK(g->mode != GRAPH_FORWARD, "graph_backward on a forward graph");
    begin_gradients(g, gradient);
    if (g->loss->wants_grad)
        backward_nodes(g, watch, user);
    if (gradient != NULL)
        end_weights(g, gradient, watch, user);
}

void graph_backward(graph_t *g, float *gradient)
{
    graph_backward_watched(g, gradient, NULL, NULL);
}

float *grad_add(tensor_t *t)
{
    if (t->grad == NULL)
        return NULL;
    if (!t->grad_begun)
        memset(t->grad, 0, (size_t)tensor_size(t) * sizeof *t->grad);
    t->grad_begun = true;
    return t->grad;
}

float *grad_put(tensor_t *t, bool *add)
{
    *add = t->grad_begun;
    if (t->grad != NULL)
        t->grad_begun = true;
    return t->grad;
}

graph_mode_t graph_mode(const graph_t *g)
{
    return g->mode;
}

size_t graph_bytes(const graph_t *g)
{
    return g->bytes;
}

static double op_flops(const tensor_t *t, bool backward)
{
    return t->kind->flops != NULL ? t->kind->flops(t, backward) : (double)tensor_size(t);
}

double graph_forward_flops(const graph_t *g, int stage)
{
    double sum = 0;
    for (int i = 0; i < g->n; i++)
        if (runs_from(g->node[i], stage))
            sum += op_flops(g->node[i], false);
    return sum;
}

double graph_backward_flops(const graph_t *g)
{
    double sum = 0;
    for (int i = 0; i < g->n; i++)
        if (g->node[i]->kind != NULL && g->node[i]->wants_grad)
            sum += op_flops(g->node[i], true);
    return sum;
}

double graph_flops(const graph_t *g)
{
    return graph_forward_flops(g, 0) + graph_backward_flops(g);
}

/* The sum of ceil(n_i / stride) is largest where each n_i is one more than a multiple; it is never above that of n_i. */
static int64_t derived_capacity(const graph_t *g, const derived_t *d)
{
    int64_t sets = g->limits.sets, most = graph_capacity(g, d->from);
    int64_t spread = (most + sets * (d->stride - 1)) / d->stride;
    return (spread < most ? spread : most) + sets * d->extra;
}

int64_t graph_capacity(const graph_t *g, int rows_class)
{
    if (rows_class >= ROWS_DERIVED)
        return rows_class < ROWS_DERIVED + g->n_derived
                   ? derived_capacity(g, &g->derived[rows_class - ROWS_DERIVED])
                   : 0;
    switch (rows_class) {
    case ROWS_ONE:
        return 1;
    case ROWS_SETS:
        return g->limits.sets;
    case ROWS_DRAWS:
        return g->limits.draws;
    default:
        return g->limits.elements[rows_class - ROWS_ELEMENTS];
    }
}

int64_t graph_max_length(const graph_t *g, int rows_class)
{
    if (rows_class >= ROWS_DERIVED) {
        const derived_t *d = &g->derived[rows_class - ROWS_DERIVED];
        return derived_length(d, graph_max_length(g, d->from));
    }
    switch (rows_class) {
    case ROWS_ONE:
    case ROWS_SETS:
        return 1;
    case ROWS_DRAWS:
        return g->limits.draws;
    default:
        return g->limits.length[rows_class - ROWS_ELEMENTS];
    }
}

size_t graph_full_floats(const graph_t *g, const tensor_t *t)
{
    return (size_t)(graph_capacity(g, t->rows_class) * t->per * t->cols);
}

int64_t graph_sets(const graph_t *g)
{
    return g->count[ROWS_SETS];
}

const int64_t *graph_offsets(const graph_t *g, int rows_class)
{
    CHECK(g->offsets[rows_class] != NULL, "class of rows %d has no offsets", rows_class);
    return g->offsets[rows_class];
}

uint64_t graph_noise(const graph_t *g)
{
    return g->noise;
}

float *graph_scratch(const graph_t *g)
{
    return g->scratch;
}
