// SPDX-License-Identifier: Apache-2.0
/* Step t works on all sets with more than t elements. Sets are sorted by length, the longest first, so those are the first
 * ones at every step; "packed" rows lie step after step, and in a step in this order:
 *
 *     set 0   x x x x x        step 0: packed rows 0 1 2    start = 0 3 5 7 8 9
 *     set 1   x x x            step 1:             3 4
 *     set 2   x                ...
 *
 * keep: state before each packed row (rows, states H) | gates (rows, gates H) | extra (rows, H). In a forward graph one step's
 * rows of each take their place in the scratch, where a state is written over the one before.
 * In backward the scratch holds the gradients by all a, packed. */
#include "nn/recurrent.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <string.h>

enum { X, WEIGHT, BIAS };

typedef struct {
    int64_t sets, steps, H, gates, states; // sets that are not empty
    const int64_t *offsets;                // of the elements, by set
    int32_t *set;                          // (sets): the longest first
    int32_t *start;                        // (steps + 2): first packed row of a step
    float *before, *gate, *extra;          // see above
    float *slope;                          // (sets, states H)
    float *ended;                          // (states H): state of a set that ends with this step
    float *da;                             // backward: gradients by a, packed (elements, gates H)
    float *dx;                             // (gates H)
    bool packed;                           // one row for each element, else for each set
} walk_t;

static int64_t order_floats(const graph_t *g, int rows_class)
{
    return graph_capacity(g, ROWS_SETS) + 2 * (graph_max_length(g, rows_class) + 2);
}

void recurrent_check(const recurrent_cell_t *cell, graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[X], *w = t->in[WEIGHT];
    int64_t H = w->per, sets = graph_capacity(g, ROWS_SETS), block = cell->gates + cell->states;
    CHECK(x->rows_class >= ROWS_ELEMENTS && x->per == 1, "%s: over %ld rows of class %d",
          t->kind->name, (long)x->per, x->rows_class);
    CHECK(w->rows_class == ROWS_ONE && w->cols == cell->gates * H && x->cols == w->cols,
          "%s: %ld columns, weights %ld x %ld", t->kind->name, (long)x->cols, (long)w->per,
          (long)w->cols);
    if (t->n_in > BIAS)
        CHECK(t->in[BIAS]->rows_class == ROWS_ONE && t->in[BIAS]->per == 1 &&
                  t->in[BIAS]->cols == w->cols,
              "%s: bias %ld x %ld", t->kind->name, (long)t->in[BIAS]->per, (long)t->in[BIAS]->cols);
    if (t->attr.i[0] & RECURRENT_ALL)
        tensor_shape_as(t, x, H);
    else
        tensor_shape(t, ROWS_SETS, 1, H);
    t->keep_floats = (size_t)(graph_capacity(g, x->rows_class) * (block + 1) * H);
    int64_t rows = graph_mode(g) != GRAPH_FORWARD ? graph_capacity(g, x->rows_class) : 0;
    t->scratch_floats =
        (size_t)(order_floats(g, x->rows_class) +
                 ((sets + 1) * (block + 1 + cell->states) + rows * cell->gates) * H);
}

static int64_t length_of(const walk_t *w, int64_t i)
{
    return w->offsets[i + 1] - w->offsets[i];
}

/* Counting sort; sets of one length keep their order. place[n]: where the next set of length n goes, at first the number of
 * longer sets, which is also the number of those that run at step n. */
static void sort_sets(walk_t *w, int64_t sets, int32_t *place)
{
    for (int64_t i = 0; i < sets; i++)
        w->steps = length_of(w, i) > w->steps ? length_of(w, i) : w->steps;
    memset(place, 0, (size_t)(w->steps + 1) * sizeof *place);
    for (int64_t i = 0; i < sets; i++)
        if (length_of(w, i) > 0)
            place[length_of(w, i) - 1]++;
    for (int64_t n = w->steps - 1; n >= 0; n--)
        place[n] += place[n + 1];
    w->sets = place[0];
    w->start[0] = 0;
    for (int64_t n = 0; n < w->steps; n++)
        w->start[n + 1] = w->start[n] + place[n];
    w->start[w->steps + 1] = w->start[w->steps];
    for (int64_t i = 0; i < sets; i++)
        if (length_of(w, i) > 0)
            w->set[place[length_of(w, i)]++] = (int32_t)i;
}

static float *take(float **from, int64_t floats)
{
    float *taken = *from;
    *from += floats;
    return taken;
}

static walk_t walk_begin(const recurrent_cell_t *cell, tensor_t *t)
{
    const tensor_t *x = t->in[X];
    const graph_t *g = t->graph;
    float *scratch = graph_scratch(g), *keep = t->keep;
    int64_t most = graph_max_length(g, x->rows_class) + 2;
    walk_t w = {.H = t->cols, .gates = cell->gates, .states = cell->states};
    w.offsets = graph_offsets(g, x->rows_class);
    w.packed = keep != NULL;
    w.set = (int32_t *)(void *)take(&scratch, graph_capacity(g, ROWS_SETS));
    w.start = (int32_t *)(void *)take(&scratch, most);
    sort_sets(&w, graph_sets(g), (int32_t *)(void *)take(&scratch, most));
    w.slope = take(&scratch, w.sets * w.states * w.H);
    w.ended = take(&scratch, w.states * w.H);
    w.dx = take(&scratch, w.gates * w.H);
    w.da = take(&scratch, w.packed ? x->rows * w.gates * w.H : 0);
    float **room = w.packed ? &keep : &scratch;
    int64_t rows = w.packed ? x->rows : w.sets;
    w.before = take(room, rows * w.states * w.H);
    w.gate = take(room, rows * w.gates * w.H);
    w.extra = take(room, rows * w.H);
    return w;
}

static int64_t running(const walk_t *w, int64_t step)
{
    return w->start[step + 1] - w->start[step];
}

/* Row of the k-th running set in `before`, `gate` and `extra`. */
static int64_t packed_row(const walk_t *w, int64_t step, int64_t k)
{
    return w->packed ? w->start[step] + k : k;
}

static float *before_at(const walk_t *w, int64_t step, int64_t k)
{
    return w->before + packed_row(w, step, k) * w->states * w->H;
}

static float *gate_at(const walk_t *w, int64_t step, int64_t k)
{
    return w->gate + packed_row(w, step, k) * w->gates * w->H;
}

static float *extra_at(const walk_t *w, int64_t step, int64_t k)
{
    return w->extra + packed_row(w, step, k) * w->H;
}

/* Row of the element that the k-th running set reads. */
static int64_t element_row(const walk_t *w, const tensor_t *t, int64_t step, int64_t k)
{
    int64_t i = w->set[k];
    return t->attr.i[0] & RECURRENT_REVERSED ? w->offsets[i + 1] - 1 - step : w->offsets[i] + step;
}

/* Entry of the result, or of its gradient, that the state after this step goes to; -1: none. */
static int64_t result_at(const walk_t *w, const tensor_t *t, int64_t step, int64_t k)
{
    if (t->attr.i[0] & RECURRENT_ALL)
        return element_row(w, t, step, k) * w->H;
    return k >= running(w, step + 1) ? w->set[k] * w->H : -1;
}

/* gate = h U of all that run; at step 0 h is zero. */
static void product_forward(const walk_t *w, const tensor_t *t, int64_t step)
{
    int64_t m = running(w, step), n = w->gates * w->H, width = w->states * w->H;
    float *before = before_at(w, step, 0), *gate = gate_at(w, step, 0);
    if (step > 0) {
        vec_gemm(false, false, m, n, w->H, 1, before, width, t->in[WEIGHT]->value, n, 0, gate, n);
        return;
    }
    memset(before, 0, (size_t)(m * width) * sizeof *before);
    memset(gate, 0, (size_t)(m * n) * sizeof *gate);
}

static void step_forward(const recurrent_cell_t *cell, const walk_t *w, tensor_t *t, int64_t step)
{
    const tensor_t *x = t->in[X];
    const float *bias = t->n_in > BIAS ? t->in[BIAS]->value : NULL;
    product_forward(w, t, step);
    for (int64_t k = 0; k < running(w, step); k++) {
        float *after = k < running(w, step + 1) ? before_at(w, step + 1, k) : w->ended;
        int64_t at = result_at(w, t, step, k);
        cell->forward(w->H, x->value + element_row(w, t, step, k) * x->cols, bias,
                      before_at(w, step, k), gate_at(w, step, k), extra_at(w, step, k), after);
        if (at >= 0)
            memcpy(t->value + at, after, (size_t)w->H * sizeof *after);
    }
}

void recurrent_forward(const recurrent_cell_t *cell, tensor_t *t)
{
    walk_t w = walk_begin(cell, t);
    if (!(t->attr.i[0] & RECURRENT_ALL) && w.sets < t->rows) // empty sets
        memset(t->value, 0, (size_t)tensor_size(t) * sizeof *t->value);
    for (int64_t step = 0; step < w.steps; step++)
        step_forward(cell, &w, t, step);
}

/* The gradient by the state after this step of the k-th running set: from the step that follows, and from the result. */
static float *slope_after(const walk_t *w, const tensor_t *t, int64_t step, int64_t k)
{
    int64_t at = result_at(w, t, step, k), width = w->states * w->H;
    float *slope = w->slope + k * width;
    if (k >= running(w, step + 1))
        memset(slope, 0, (size_t)width * sizeof *slope);
    if (at >= 0)
        vec_add(w->H, slope, t->grad + at, slope);
    return slope;
}

static void step_backward(const recurrent_cell_t *cell, const walk_t *w, tensor_t *t, float *dx,
                          bool add, int64_t step)
{
    int64_t m = running(w, step), n = w->gates * w->H;
    float *da = w->da + w->start[step] * n;
    for (int64_t k = 0; k < m; k++) {
        float *row = dx != NULL ? dx + element_row(w, t, step, k) * n : NULL;
        float *to = row != NULL && !add ? row : w->dx;
        cell->backward(w->H, before_at(w, step, k), gate_at(w, step, k), extra_at(w, step, k),
                       slope_after(w, t, step, k), da + k * n, to);
        if (row != NULL && add)
            vec_add(n, row, to, row);
    }
    if (step > 0)
        vec_gemm(false, true, m, w->H, n, 1, da, n, t->in[WEIGHT]->value, n, 1, w->slope,
                 w->states * w->H);
}

/* dU = h' da, in one product over all steps; the bias's column sums. */
static void weights_backward(const walk_t *w, tensor_t *t)
{
    int64_t rows = w->start[w->steps], first = w->steps > 0 ? w->start[1] : 0;
    int64_t n = w->gates * w->H, width = w->states * w->H;
    bool add;
    float *out = grad_put(t->in[WEIGHT], &add);
    if (out != NULL)
        vec_gemm(true, false, w->H, n, rows - first, 1, w->before + first * width, width,
                 w->da + first * n, n, add ? 1 : 0, out, n);
    out = t->n_in > BIAS ? grad_put(t->in[BIAS], &add) : NULL;
    if (out != NULL)
        vec_col_sum(rows, n, w->da, add, out);
}

void recurrent_backward(const recurrent_cell_t *cell, tensor_t *t)
{
    walk_t w = walk_begin(cell, t);
    bool add;
    float *dx = grad_put(t->in[X], &add);
    for (int64_t step = w.steps - 1; step >= 0; step--)
        step_backward(cell, &w, t, dx, add, step);
    weights_backward(&w, t);
}

static int64_t not_empty(const tensor_t *x)
{
    const int64_t *offsets = graph_offsets(x->graph, x->rows_class);
    int64_t sets = 0;
    for (int64_t i = 0; i < graph_sets(x->graph); i++)
        sets += offsets[i + 1] > offsets[i];
    return sets;
}

double recurrent_flops(const recurrent_cell_t *cell, const tensor_t *t, double entry, bool backward)
{
    const tensor_t *x = t->in[X];
    double H = (double)t->cols, rows = (double)x->rows;
    double product = 2.0 * (rows - (double)not_empty(x)) * H * H * cell->gates;
    return (backward ? 2 : 1) * (product + entry * rows * H);
}
