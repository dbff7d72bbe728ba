/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of the recorded graph: a row-major float32 matrix, and how it is made. The number of rows is symbolic, so that
 * one recorded graph serves batches of any size up to the limits it was planned for:
 *
 *     rows = count(class) * per
 *     ROWS_ONE       1                            weights, seeds, the loss
 *     ROWS_SETS      data sets of the batch       summaries, design
 *     ROWS_DRAWS     draws (parameter vectors)    those of data set i are contiguous; in training one each
 *     ROWS_ELEMENTS  elements of all data sets    one after another without padding; + k: of observable k
 *     ROWS_DERIVED   as many as follow from the elements: a coarser series, tokens (graph_derive)
 *
 * Row r * per + j of a tensor is its j-th row for unit r of the class.
 */
#ifndef NN_TENSOR_H
#define NN_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_MAX_GROUPS  8  // observables with elements of their own
#define GRAPH_MAX_DERIVED 32 // classes of rows made by graph_derive
#define GRAPH_STAGES      3  // see graph_stage
#define OP_MAX_INPUTS     8

enum {
    ROWS_ONE,
    ROWS_SETS,
    ROWS_DRAWS,
    ROWS_ELEMENTS,
    ROWS_DERIVED = ROWS_ELEMENTS + GRAPH_MAX_GROUPS,
    ROWS_CLASSES = ROWS_DERIVED + GRAPH_MAX_DERIVED
};

/* The constants of one op: what each means stands at its constructor. */
typedef struct {
    int64_t i[6];
    double f[4];
} op_attr_t;

typedef struct graph graph_t;
typedef struct op_kind op_kind_t;
typedef struct tensor tensor_t;

/* Owned by its graph. Outside op_*.c and graph.c only rows_class, per, cols, rows, value and grad are of interest. */
struct tensor {
    int rows_class;
    int64_t per, cols;
    int64_t rows; // in this pass: set by graph_begin
    float *
        value; // (rows, cols); from graph_seal on. Valid after graph_forward for inputs and kept tensors
    float *
        grad; // (rows, cols); NULL where no gradient flows. Valid after graph_backward for inputs only

    const op_kind_t *kind; // NULL: input or weights
    graph_t *graph;
    int id; // place in the order of recording
    int n_in;
    tensor_t *in[OP_MAX_INPUTS];
    op_attr_t attr;
    int param;          // id in params, or -1
    int stage;          // 0 .. GRAPH_STAGES - 1: of graph_forward_from
    bool wants_grad;    // depends on weights, or on an input that wants its gradient
    bool kept;          // value outlives its last use
    bool grad_begun;    // some contribution has been written in this backward pass
    size_t keep_floats; // set by check: floats (at full capacity) that forward leaves for backward
    size_t
        scratch_floats; // set by check: floats (at full capacity) of `graph_scratch` used within one call
    float *keep;        // NULL in a forward-only graph, and where no gradient flows
};

/* Entries in this pass. */
static inline int64_t tensor_size(const tensor_t *t)
{
    return t->rows * t->cols;
}

static inline bool tensor_same_rows(const tensor_t *a, const tensor_t *b)
{
    return a->rows_class == b->rows_class && a->per == b->per;
}

/* For check: rows of a, cols of its own. */
static inline void tensor_shape_as(tensor_t *t, const tensor_t *a, int64_t cols)
{
    t->rows_class = a->rows_class;
    t->per = a->per;
    t->cols = cols;
}

static inline void tensor_shape(tensor_t *t, int rows_class, int64_t per, int64_t cols)
{
    t->rows_class = rows_class;
    t->per = per;
    t->cols = cols;
}

#endif
