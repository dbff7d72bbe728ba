/* SPDX-License-Identifier: Apache-2.0
 *
 * The ops: one constructor for each, with its formula, and the row of the op table that every op fills. Rows of a result are
 * those of its (first) input unless it is said otherwise. B sets, n_i elements of set i.
 *
 * A new op is one file op_<name>.c with `const op_kind_t op_kind_<name>` and its constructor, and one word in OP_LIST;
 * the gradient check then covers it through its examples.
 */
#ifndef NN_OP_H
#define NN_OP_H

#include "nn/graph.h"
#include "nn/gradcheck.h"
#include "nn/image.h"
#include "nn/tensor.h"
#include "nn/unary.h"

// clang-format off
#define OP_LIST(X)                                                                                 \
    X(linear) X(matmul) X(add) X(sub) X(mul) X(div) X(scale) X(unary) X(concat) X(slice)           \
    X(permute) X(reshape) X(expand) X(segment_mean) X(segment_sum) X(segment_max)                  \
    X(window) X(gru) X(lstm) X(position) X(append_token) X(last_row)                               \
    X(segment_moments) X(attention) X(rms_norm) X(layer_norm) X(dropout) X(row_sum) X(total)       \
    X(mean) X(softmax) X(gaussian) X(stop) X(affine) X(spline) X(whiten) X(unary_slope)            \
    X(norm_tangent) X(film) X(transport) X(ordered) X(pinball) X(group_norm_tangent)               \
    X(attention_tangent)                                                                           \
    X(conv2d) X(pool2d) X(upsample2d) X(crop2d) X(group_norm) X(unit_mean)          \
    X(gated) X(add_gated)
// clang-format on

/* Does backward read the values (not the gradients) of inputs (or of the first input) and result? What it skips may share
 * memory sooner. */
enum { BACKWARD_SKIPS_INPUTS = 1, BACKWARD_SKIPS_RESULT = 2, BACKWARD_SKIPS_FIRST = 4 };

struct op_kind {
    const char *name;
    int skips;                              // BACKWARD_SKIPS_*
    void (*check)(graph_t *g, tensor_t *t); // CHECKs t->in and t->attr; sets rows_class, per, cols,
                                            // keep_floats, scratch_floats
    void (*forward)(tensor_t *t);           // fills t->value (and t->keep unless NULL)
    /* t->grad -> gradients of t->in, through grad_add, grad_put; may change t->grad, but no value and not t->keep. NULL: no
     * gradient flows. */
    void (*backward)(tensor_t *t);
    double (*flops)(const tensor_t *t,
                    bool backward); // of this pass; NULL: one for each entry of the result
    /* Builds a small case on c's graph, out of inputs from gradcheck_input (gradcheck.h), and returns the op's result;
     * NULL when there are no more variants. Variant 0 must exist. */
    tensor_t *(*example)(gradcheck_t *c, int variant);
    /* Records the tangent of t, given those of its inputs (NULL: zero; not all are), and returns it (NULL: zero). It may
     * read t and its inputs. NULL: not known. See tangent.h. */
    tensor_t *(*tangent)(graph_t *g, tensor_t *t, tensor_t *const *in);
};

/* Every op, ending with NULL (op_table.c). */
extern const op_kind_t *const op_table[];

/* act(x W + b): x (R, n), W weights (n, m), b weights (1, m) or NULL -> (R, m). */
tensor_t *op_linear(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, unary_t activation);
/* a b: a (R, n), b a ROWS_ONE tensor (n, m) -> (R, m). As op_linear, for a b that is itself computed. */
tensor_t *op_matmul(graph_t *g, tensor_t *a, tensor_t *b);

/* a o b by entries. b has a's shape, or is spread over it: a single row (ROWS_ONE, 1 x cols), a single column (a's rows,
 * 1), or a single number (ROWS_ONE, 1 x 1). A bias is op_add with a row, a gate op_mul with a number. */
tensor_t *op_add(graph_t *g, tensor_t *a, tensor_t *b);
tensor_t *op_sub(graph_t *g, tensor_t *a, tensor_t *b);
tensor_t *op_mul(graph_t *g, tensor_t *a, tensor_t *b);
tensor_t *op_div(graph_t *g, tensor_t *a, tensor_t *b);
/* factor * a + shift */
tensor_t *op_scale(graph_t *g, tensor_t *a, double factor, double shift);
tensor_t *op_unary(graph_t *g, tensor_t *a, unary_t kind);
/* silu(a) o b, both of one shape: the gate of a feed-forward network (Shazeer 2020). */
tensor_t *op_gated(graph_t *g, tensor_t *a, tensor_t *b);
/* x + number * y: x and y of one shape, number (ROWS_ONE, 1 x 1). */
tensor_t *op_add_gated(graph_t *g, tensor_t *x, tensor_t *y, tensor_t *number);

/* Columns side by side; 1 to OP_MAX_INPUTS tensors of the same rows. */
tensor_t *op_concat(graph_t *g, int n, tensor_t *const *parts);
tensor_t *op_concat2(graph_t *g, tensor_t *a, tensor_t *b);
tensor_t *op_slice(graph_t *g, tensor_t *a, int64_t first_col, int64_t cols);
/* out[:, j] = a[:, order[j]]; order (1, cols) holds whole numbers, a permutation, read at each pass (fixed weights).
 * The inverse: out[:, order[j]] = a[:, j]. */
tensor_t *op_permute(graph_t *g, tensor_t *a, tensor_t *order, bool inverse);
/* The same numbers in memory order with `per` rows a unit: (class * p, c) -> (class * per, c * p / per). */
tensor_t *op_reshape(graph_t *g, tensor_t *a, int64_t per);
/* Rows repeated: a ROWS_ONE tensor of p rows -> p rows for each unit of any class; a ROWS_SETS tensor with one row a
 * set -> each element or draw of that set gets it. */
tensor_t *op_expand(graph_t *g, tensor_t *a, int rows_class);

/* u (1 + gamma) + beta, or u + beta where gamma is NULL: u (R, c) of any class but ROWS_ONE; gamma, beta (ROWS_SETS, c), those of
 * a data set for all of its rows. (FiLM, Perez et al. 2018) */
tensor_t *op_film(graph_t *g, tensor_t *u, tensor_t *gamma, tensor_t *beta);

/* Over the elements (or draws) of each set: a (elements, c) -> (sets, c). Of an empty set: zeros. */
tensor_t *op_segment_mean(graph_t *g, tensor_t *a);
tensor_t *op_segment_sum(graph_t *g, tensor_t *a);
tensor_t *op_segment_max(graph_t *g, tensor_t *a);
/* a (elements, c) -> (sets, 2c): means, then 1/2 ln(variance + epsilon), the variance with 1 / n_i. */
tensor_t *op_segment_moments(graph_t *g, tensor_t *a, double epsilon);
/* Attention: q (class * s, E), k (class' * p, E), v as k (class' * p, V), both classes ROWS_SETS or finer; E and V divisible by
 * `heads`. For each head: softmax(q k' / sqrt(E / heads)) v, heads side by side -> (rows of q, V). (Vaswani et al. 2017)
 * A query sees
 *     where q and k are of one class and p > 1   the p keys of its own unit (the pixels of its image)
 *     else                                       all keys of its set: its elements, its draws, or with class' = ROWS_SETS its p keys
 * and one that sees none gets zeros. */
tensor_t *op_attention(graph_t *g, tensor_t *q, tensor_t *k, tensor_t *v, int heads);

/* Windows over the time of each series: a (elements, c) -> (graph_derive(stride, 0), kernel * c), row j of a series of n being
 * its elements j stride - p, ..., j stride - p + kernel - 1 side by side, zeros beyond its ends, with
 * p = max((ceil(n / stride) - 1) stride + kernel - n, 0) / 2 rounded down. A linear map of it is a convolution with "same" padding. */
tensor_t *op_window(graph_t *g, tensor_t *a, int64_t kernel, int64_t stride);
/* Recurrent layers over each series, h_0 = 0. x: what a linear map (with bias) makes of the inputs, for all steps at once. Result:
 * h after the last step, (ROWS_SETS, H), of an empty series zeros; or with RECURRENT_ALL h at each element (elements, H). */
enum { RECURRENT_REVERSED = 1, RECURRENT_ALL = 2 }; // reversed: from the last element to the first
/* x (elements, 3H), U weights (H, 3H), b weights (1, 3H), each in blocks z, r, c (Cho et al. 2014, with the reset gate after the
 * product): z = sigma(x_z + h U_z + b_z), r = sigma(x_r + h U_r + b_r), c = tanh(x_c + r (h U_c + b_c)), h = z h + (1 - z) c */
tensor_t *op_gru(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, int flags);
/* x (elements, 4H), U weights (H, 4H) in blocks i, f, g, o (Hochreiter and Schmidhuber 1997; Gers et al. 2000), a = x + h U:
 * s = sigma(a_f) s + sigma(a_i) tanh(a_g), h = sigma(a_o) tanh(s); s_0 = 0 */
tensor_t *op_lstm(graph_t *g, tensor_t *x, tensor_t *weight, int flags);
/* 0, 1, ..., n_i - 1 for the elements of each set: a (elements, c) -> (elements, 1). a's values are not read. */
tensor_t *op_position(graph_t *g, tensor_t *a);
/* One row more at the end of each set: a (elements, c), token (ROWS_ONE, 1 x c) -> (graph_derive(1, 1), c). */
tensor_t *op_append_token(graph_t *g, tensor_t *a, tensor_t *token);
/* The last row of each set, of an empty one zeros: a (elements, c) -> (ROWS_SETS, c). */
tensor_t *op_last_row(graph_t *g, tensor_t *a);

/* x / sqrt(mean_j x_j^2 + epsilon) * scale; scale weights (1, c), or NULL. */
tensor_t *op_rms_norm(graph_t *g, tensor_t *x, tensor_t *scale, double epsilon);
/* (x - mean) / sqrt(variance + epsilon) * scale + shift; both weights (1, c), or both NULL. */
tensor_t *op_layer_norm(graph_t *g, tensor_t *x, tensor_t *scale, tensor_t *shift, double epsilon);
/* Each entry is zero with probability `rate`, else divided by 1 - rate: a function of (graph_batch_t.noise, place of the op in the
 * graph, place of the entry). With rate 0, and in graphs that are not for training, x itself. */
tensor_t *op_dropout(graph_t *g, tensor_t *x, double rate);

/* Images (image.h): a unit is one image, its rows are the pixels, row by row, its columns the channels. */
/* act(b + x * W): convolution with zeros around the image, as large as x; size odd, at most 7; W (size * size * n, m), row
 * (dy * size + dx) * n + c for channel c of the pixel at (dy - size / 2, dx - size / 2). x (R, n) -> (R, m). */
tensor_t *op_conv2d(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, image_t image,
                    int64_t size, unary_t activation);
/* Means over 2 x 2 pixels, zeros beyond an odd edge counted: -> image_half(image). */
tensor_t *op_pool2d(graph_t *g, tensor_t *a, image_t image);
/* Each pixel four times -> image_double(image). */
tensor_t *op_upsample2d(graph_t *g, tensor_t *a, image_t image);
/* The first rows and columns of the image -> to. */
tensor_t *op_crop2d(graph_t *g, tensor_t *a, image_t image, image_t to);
/* act((x - mean) / sqrt(variance + epsilon) * scale + shift + added), mean and variance over all rows of a unit and the
 * columns of a group, of which there are `groups` of equal width; scale, shift weights (1, c); added (class, c): one row
 * a unit. shift and added may be NULL. (Wu & He 2018) */
tensor_t *op_group_norm(graph_t *g, tensor_t *x, int64_t groups, tensor_t *scale, tensor_t *shift,
                        tensor_t *added, double epsilon, unary_t activation);
/* Mean over the rows of each unit: (class * p, c) -> (class, c). */
tensor_t *op_unit_mean(graph_t *g, tensor_t *a);

tensor_t *op_row_sum(graph_t *g, tensor_t *a); // (R, c) -> (R, 1)
tensor_t *op_total(graph_t *g, tensor_t *a);   // sum of all entries -> ROWS_ONE, 1 x 1
tensor_t *op_mean(graph_t *g, tensor_t *a);    // mean of all entries -> ROWS_ONE, 1 x 1; of none: 0
tensor_t *op_softmax(graph_t *g, tensor_t *a); // over the columns of each row
/* Log density of a standard normal: -1/2 sum_j z_j^2 - c/2 ln(2 pi): (R, c) -> (R, 1). */
tensor_t *op_gaussian(graph_t *g, tensor_t *z);
tensor_t *op_stop(graph_t *g, tensor_t *a); // a, through which no gradient and no tangent flows

/* Minibatch optimal transport: row i of the result is a row z_j of the noise, j drawn by the uniform number of row i out of row i
 * of the plan (transport.h) between theta (ROWS_DRAWS, d) and z (ROWS_DRAWS, d); reg 0.1, at most 100 steps, to 1e-5. uniform
 * (ROWS_DRAWS, 1). With a condition (ROWS_SETS, c; NULL: none) of which at most 0.01 of all pairs gain. theta and condition
 * stay in place, so each is trained on once; a noise row may be taken by several or none. (BayesFlow has each noise row draw
 * its theta and condition, so there data may repeat or be left out.) No gradient flows. At most 4096 rows. */
tensor_t *op_transport(graph_t *g, tensor_t *theta, tensor_t *z, tensor_t *uniform,
                       tensor_t *condition);

/* Numbers that rise from level to level: raw (R, q d), columns k d .. (k + 1) d of level k; step (1, q), fixed. y_a = step_a + raw_a at
 * the anchor a; above it y_k = y_k-1 + step_k softplus(raw_k + ln(e - 1)), below it y_k = y_k+1 - step_k softplus(..). */
tensor_t *op_ordered(graph_t *g, tensor_t *raw, tensor_t *step, int anchor);
/* Pinball loss of quantiles (R, q d), laid out as above, at the levels tau (1, q), fixed: the mean over k and j of
 * (y_kj - x_j) (1[y_kj > x_j] - tau_k), x (R, d) -> (R, 1). (Koenker and Bassett 1978) */
tensor_t *op_pinball(graph_t *g, tensor_t *quantiles, tensor_t *x, tensor_t *level);

/* For tangents; no gradient flows through them. f'(a) of op_unary's f. */
tensor_t *op_unary_slope(graph_t *g, tensor_t *a, unary_t kind);
/* The tangent of op_layer_norm (centred) or op_rms_norm without weights, at x along `along`. */
tensor_t *op_norm_tangent(graph_t *g, tensor_t *x, tensor_t *along, bool centred, double epsilon);
/* The same of op_group_norm without shift and activation, and with scales of one. */
tensor_t *op_group_norm_tangent(graph_t *g, tensor_t *x, tensor_t *along, int64_t groups,
                                double epsilon);
/* That of op_attention at (q, k, v) along (dq, dk, dv): in holds these six. */
tensor_t *op_attention_tangent(graph_t *g, tensor_t *const in[6], int heads);

#endif
