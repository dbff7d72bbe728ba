/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorded graph: an append-only tape. Ops (op.h) append to it, graph_seal() plans and takes all memory, then each
 * pass is graph_begin, filling the inputs, graph_forward, and in a training graph graph_backward. A pass allocates
 * nothing, and the same inputs give the same bits. Buffers are shared by tensors whose lives do not overlap. Weights are read in
 * place from the params_t, which must outlive the graph. One graph is used by one thread at a time.
 *
 *     graph_t *g = graph_create(GRAPH_TRAIN, params, &limits);
 *     tensor_t *x = graph_input(g, ROWS_ELEMENTS, 1, 3);
 *     tensor_t *h = op_linear(g, x, graph_param(g, w), graph_param(g, b), UNARY_SILU);
 *     tensor_t *loss = op_total(g, op_segment_mean(g, h));
 *     graph_seal(g, loss);
 *     graph_begin(g, &batch); fill x->value (x->rows, 3); graph_forward(g); graph_backward(g, gradient);
 */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "nn/params.h"
#include "nn/tensor.h"

/* GRAPH_SLOPE: gradients by inputs that want them, none by weights; graph_backward may be called several times after one
 * graph_forward, each time with other numbers in inputs that no op but the last product reads: with
 * loss = op_total(op_mul(y, seed)) each call gives another row of dy / dx, at the cost of a backward pass. */
typedef enum { GRAPH_FORWARD, GRAPH_TRAIN, GRAPH_SLOPE } graph_mode_t;

/* The largest batch a graph is planned for. */
typedef struct {
    int64_t sets, draws;
    int64_t elements[GRAPH_MAX_GROUPS]; // of all data sets together; 0: the group is not used
    int64_t length[GRAPH_MAX_GROUPS];   // of one data set
} graph_limits_t;

/* The batch of one pass. Offsets: data set i has rows [offsets[i], offsets[i + 1]), offsets[0] is 0; a data set may
 * have none. Arrays are borrowed until the next graph_begin. */
typedef struct {
    int64_t sets, draws;
    const int64_t *draw_offsets;              // (sets + 1); NULL: draws / sets for each
    const int64_t *offsets[GRAPH_MAX_GROUPS]; // (sets + 1)
    uint64_t noise;                           // what dropout is a function of
} graph_batch_t;

graph_t *graph_create(graph_mode_t mode, params_t *params,
                      const graph_limits_t *limits); // params may be NULL
void graph_destroy(graph_t **g);

/* Recording. Tensors belong to the graph. */
/* A class of rows of which a data set has ceil(n / stride) + extra, where it has n of `rows_class`, a class of elements or
 * itself derived. It is good for all that a class of elements is good for. The same arguments give the same class;
 * stride 1 with extra 0 is `rows_class`. At most GRAPH_MAX_DERIVED others. */
int graph_derive(graph_t *g, int rows_class, int64_t stride, int64_t extra);
tensor_t *graph_input(graph_t *g, int rows_class, int64_t per, int64_t cols);
tensor_t *graph_param(graph_t *g,
                      int id); // ROWS_ONE, per = rows of the weights; one tensor for each id
/* Marks a tensor whose value is read after graph_forward; returns it. */
tensor_t *graph_keep(graph_t *g, tensor_t *t);
/* Asks for the gradient by an input, readable as t->grad after graph_backward; returns it. */
tensor_t *graph_want_grad(graph_t *g, tensor_t *input);
/* An input that changes less often than others: 0, 1 ... GRAPH_STAGES - 1, where inputs begin; returns it. Before ops read
 * it. A result is of the latest stage of its inputs (weights: 0), and of the last where it has rows of draws or elements. */
tensor_t *graph_stage(graph_t *g, tensor_t *input, int stage);
/* `loss` is 1 x 1; NULL in a forward graph (where at least one tensor must be kept). */
void graph_seal(graph_t *g, tensor_t *loss);

/* One pass. */
void graph_begin(graph_t *g, const graph_batch_t *batch);
void graph_forward(graph_t *g);
/* Computes results of `stage` and later; the earlier ones stand as the last passes left them, which must have had as many
 * data sets. Not in a training graph. */
void graph_forward_from(graph_t *g, int stage);
/* Gradient of the loss by every weight: overwrites `gradient` (params_size floats, laid out as the params; NULL only
 * without params and in a slope graph). */
void graph_backward(graph_t *g, float *gradient);
/* The same, with word of each trainable weight tensor as soon as its gradient is final, once a tensor: `id` in the params.
 * Fixed weights and the floats between tensors are final (zero) from the start. */
typedef void graph_watch_t(void *user, int id);
void graph_backward_watched(graph_t *g, float *gradient, graph_watch_t *watch, void *user);

graph_mode_t graph_mode(const graph_t *g);
size_t graph_bytes(const graph_t *g); // planned memory
/* Of a pass with the present batch, backward included where there is one; a multiply and an add are two. */
double graph_flops(const graph_t *g);
double graph_forward_flops(const graph_t *g, int stage); // of graph_forward_from
double graph_backward_flops(const graph_t *g);

/* For ops. */
int64_t graph_capacity(const graph_t *g, int rows_class);   // most units of a class
int64_t graph_max_length(const graph_t *g, int rows_class); // most units of a class in one data set
size_t graph_full_floats(const graph_t *g, const tensor_t *t); // entries of t at full capacity
int64_t graph_sets(const graph_t *g);                          // in this pass
const int64_t *graph_offsets(const graph_t *g,
                             int rows_class); // (sets + 1), for SETS, DRAWS and ELEMENTS
uint64_t graph_noise(const graph_t *g);
float *graph_scratch(const graph_t *g); // the largest scratch_floats of all nodes
/* Appends a node; calls kind->check, which must set its shape. */
tensor_t *graph_record(graph_t *g, const op_kind_t *kind, int n_in, tensor_t *const *in,
                       const op_attr_t *attr);

/* Where a backward function puts its contribution to the gradient of an input; NULL where none is wanted.
 * grad_add: the buffer holds what others left (zeros at first): add to it.
 * grad_put: *add says whether to add to the buffer or to write over what stands there. */
float *grad_add(tensor_t *t);
float *grad_put(tensor_t *t, bool *add);

#endif
