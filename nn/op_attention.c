// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/attention_kernel.h"
#include "nn/tangent.h"

#include <math.h>
#include <string.h>

/* in: q, k, v; attr.i[0]: heads. The weights of each head, (queries, width of keys), are kept for backward while they are not
 * larger than what the layers around hold for each query, else backward computes them again, block by block. */
enum { QUERY, KEY, VALUE };

#define BLOCK_ROWS    64 // queries whose weights are at work at once
#define CLOSE_ROWS    32 // lines of one address modulo 512 bytes that the cache holds
#define KEPT_MULTIPLE 8  // weights kept for each column of q

/* Does a query see the keys of its own unit of the class (an image's pixels), not all keys of its set? */
static bool within_units(const tensor_t *q, const tensor_t *k)
{
    return q->rows_class == k->rows_class && k->per > 1;
}

static int64_t most_keys(const graph_t *g, const tensor_t *t)
{
    const tensor_t *k = t->in[KEY];
    return k->per * (within_units(t->in[QUERY], k) ? 1 : graph_max_length(g, k->rows_class));
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t scratch_floats(int64_t n, int64_t E, int64_t V)
{
    int64_t wide = attention_row(n), cols = attention_row(E) + attention_row(V);
    return (size_t)((E + V) * wide + n * cols + BLOCK_ROWS * (2 * wide + cols));
}

static void check_attention(graph_t *g, tensor_t *t)
{
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY], *v = t->in[VALUE];
    int64_t heads = t->attr.i[0];
    CHECK(q->rows_class >= ROWS_SETS, "attention: queries of class %d", q->rows_class);
    CHECK(k->rows_class >= ROWS_SETS && tensor_same_rows(k, v),
          "attention: keys of class %d, values of class %d", k->rows_class, v->rows_class);
    CHECK(heads > 0 && q->cols == k->cols && q->cols % heads == 0 && v->cols % heads == 0,
          "attention: %ld heads over %ld, %ld, %ld columns", (long)heads, (long)q->cols,
          (long)k->cols, (long)v->cols);
    tensor_shape_as(t, q, v->cols);
    int64_t n = most_keys(g, t), kept = heads * attention_row(n);
    t->scratch_floats = scratch_floats(n, q->cols / heads, v->cols / heads);
    if (kept <= KEPT_MULTIPLE * q->cols)
        t->keep_floats = (size_t)(graph_capacity(g, q->rows_class) * q->per * kept);
}

/* Queries [first_q, first_q + m) see keys [first_k, first_k + n). */
typedef struct {
    int64_t first_q, m, first_k, n;
} group_t;

static int64_t count_groups(const tensor_t *t)
{
    const tensor_t *q = t->in[QUERY];
    return within_units(q, t->in[KEY]) ? q->rows / q->per : graph_sets(t->graph);
}

static group_t group_at(const tensor_t *t, int64_t i)
{
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY];
    if (within_units(q, k))
        return (group_t){i * q->per, q->per, i * k->per, k->per};
    const int64_t *of_q = graph_offsets(t->graph, q->rows_class);
    const int64_t *of_k = graph_offsets(t->graph, k->rows_class);
    return (group_t){of_q[i] * q->per, (of_q[i + 1] - of_q[i]) * q->per, of_k[i] * k->per,
                     (of_k[i + 1] - of_k[i]) * k->per};
}

/* One head of one group: m queries, n keys; E and V columns a head. at_*: first entries; *_row: between rows. */
typedef struct {
    int64_t m, n, E, V, row, q_row, v_row;
    int64_t at_q, at_k, at_v, at_out;
    float *kept;          // (m, row) or NULL
    float *keys, *values; // transposed: (E, row), (V, row)
    float *wide_keys,
        *wide_values;                // (n, rows of E and V): see right_side
    float *wide_queries, *wide_outs; // (BLOCK_ROWS, rows of E and V)
    float *weight, *slope;           // (BLOCK_ROWS, row)
} head_t;

static void place_scratch(head_t *h, float *scratch)
{
    int64_t E = attention_row(h->E), V = attention_row(h->V);
    h->keys = scratch;
    h->values = h->keys + h->E * h->row;
    h->wide_keys = h->values + h->V * h->row;
    h->wide_values = h->wide_keys + h->n * E;
    h->wide_queries = h->wide_values + h->n * V;
    h->wide_outs = h->wide_queries + BLOCK_ROWS * E;
    h->weight = h->wide_outs + BLOCK_ROWS * V;
    h->slope = h->weight + BLOCK_ROWS * h->row;
}

/* (rows, cols) as the right side of a product: in place, or copied to `room` where its rows are no whole vectors, or many
 * and in few places of the cache. */
static strided_t right_side(int64_t rows, int64_t cols, const float *x, int64_t row, float *room)
{
    strided_t in_place = {x, row, 1};
    if (cols % ATTENTION_LANES == 0 && (rows <= CLOSE_ROWS || row % 128 != 0))
        return in_place;
    attention_pack(rows, cols, in_place, room);
    return (strided_t){room, attention_row(cols), 1};
}

/* The weights of queries [first, first + rows): softmax(q k' / sqrt(E)). */
static void weigh(const tensor_t *t, const head_t *h, int64_t first, int64_t rows, float *weight)
{
    strided_t q = {t->in[QUERY]->value + h->at_q + first * h->q_row, h->q_row, 1};
    attention_product(rows, attention_width(h->n), h->E, q, (strided_t){h->keys, h->row, 1}, false,
                      weight, h->row);
    attention_softmax(rows, h->n, 1.0f / sqrtf((float)h->E), weight);
}

static void pack_keys(const tensor_t *t, const head_t *h)
{
    strided_t k = {t->in[KEY]->value + h->at_k, 1, h->q_row};
    attention_pack(h->E, h->n, k, h->keys);
}

static void head_forward(tensor_t *t, const head_t *h)
{
    pack_keys(t, h);
    strided_t v = right_side(h->n, h->V, t->in[VALUE]->value + h->at_v, h->v_row, h->wide_values);
    for (int64_t r = 0; r < h->m; r += BLOCK_ROWS) {
        int64_t rows = smaller(BLOCK_ROWS, h->m - r);
        float *weight = h->kept ? h->kept + r * h->row : h->weight;
        weigh(t, h, r, rows, weight);
        attention_product(rows, h->V, h->n, (strided_t){weight, h->row, 1}, v, false,
                          t->value + h->at_out + r * h->v_row, h->v_row);
    }
}

/* What queries [first, first + rows) with these weights add to the gradients. */
static void rows_backward(tensor_t *t, const head_t *h, int64_t first, int64_t rows,
                          const float *weight)
{
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY], *v = t->in[VALUE];
    const float *out = t->grad + h->at_out + first * h->v_row;
    const float *query = q->value + h->at_q + first * h->q_row;
    strided_t w = {weight, h->row, 1}, d = {h->slope, h->row, 1};
    if (v->grad)
        attention_product(h->n, h->V, rows, strided_transpose(w),
                          right_side(rows, h->V, out, h->v_row, h->wide_outs), true,
                          v->grad + h->at_v, h->v_row);
    attention_product(rows, attention_width(h->n), h->V, (strided_t){out, h->v_row, 1},
                      (strided_t){h->values, h->row, 1}, false, h->slope, h->row);
    attention_slope(rows, h->n, 1.0f / sqrtf((float)h->E), weight, h->slope);
    if (q->grad)
        attention_product(rows, h->E, h->n, d,
                          right_side(h->n, h->E, k->value + h->at_k, h->q_row, h->wide_keys), true,
                          q->grad + h->at_q + first * h->q_row, h->q_row);
    if (k->grad)
        attention_product(h->n, h->E, rows, strided_transpose(d),
                          right_side(rows, h->E, query, h->q_row, h->wide_queries), true,
                          k->grad + h->at_k, h->q_row);
}

static void head_backward(tensor_t *t, const head_t *h)
{
    strided_t v = {t->in[VALUE]->value + h->at_v, 1, h->v_row};
    attention_pack(h->V, h->n, v, h->values);
    if (!h->kept)
        pack_keys(t, h);
    for (int64_t r = 0; r < h->m; r += BLOCK_ROWS) {
        int64_t rows = smaller(BLOCK_ROWS, h->m - r);
        const float *weight = h->kept ? h->kept + r * h->row : h->weight;
        if (!h->kept)
            weigh(t, h, r, rows, h->weight);
        rows_backward(t, h, r, rows, weight);
    }
}

static void each_head(tensor_t *t, void (*work)(tensor_t *t, const head_t *h))
{
    int64_t heads = t->attr.i[0], q_row = t->in[QUERY]->cols, v_row = t->cols;
    float *kept = t->keep;
    for (int64_t i = 0; i < count_groups(t); i++) {
        group_t s = group_at(t, i);
        head_t h = {.m = s.m, .n = s.n, .E = q_row / heads, .V = v_row / heads};
        h.row = attention_row(h.n);
        h.q_row = q_row;
        h.v_row = v_row;
        for (int64_t a = 0; a < heads && h.m > 0 && h.n > 0; a++) {
            h.at_q = s.first_q * q_row + a * h.E;
            h.at_k = s.first_k * q_row + a * h.E;
            h.at_v = s.first_k * v_row + a * h.V;
            h.at_out = s.first_q * v_row + a * h.V;
            h.kept = kept;
            place_scratch(&h, graph_scratch(t->graph));
            work(t, &h);
            kept += kept ? h.m * h.row : 0;
        }
    }
}

static void forward_attention(tensor_t *t)
{
    memset(t->value, 0, (size_t)tensor_size(t) * sizeof *t->value); // for queries without keys
    each_head(t, head_forward);
}

static void backward_attention(tensor_t *t)
{
    for (int k = 0; k < t->n_in; k++)
        grad_add(t->in[k]); // zeros where all sets are empty
    each_head(t, head_backward);
}

static double flops_attention(const tensor_t *t, bool backward)
{
    double pairs = 0;
    for (int64_t i = 0; i < count_groups(t); i++) {
        group_t s = group_at(t, i);
        pairs += (double)s.m * (double)s.n;
    }
    double scores = 2 * pairs * (double)t->in[QUERY]->cols, values = 2 * pairs * (double)t->cols;
    return backward ? 2 * scores + 2 * values : scores + values;
}

/* Which rows see which: the seeds of a set its elements, elements each other, draws the elements; the pixels of a draw's
 * image each other, those of a set's likewise, elements a few keys of their set; and keys for which nothing is kept, among
 * them of more queries than a block has. The last three are the most for E, V and heads. */
static const struct {
    int queries, keys;
    int64_t of_q, of_k; // rows a unit
    int64_t E, V, heads;
} cases[] = {
    {ROWS_SETS, ROWS_ELEMENTS, 4, 1, 4, 4, 3},  {ROWS_ELEMENTS, ROWS_ELEMENTS, 1, 1, 4, 20, 1},
    {ROWS_DRAWS, ROWS_ELEMENTS, 1, 1, 4, 4, 3}, {ROWS_DRAWS, ROWS_DRAWS, 4, 5, 3, 9, 2},
    {ROWS_SETS, ROWS_SETS, 3, 9, 8, 3, 1},      {ROWS_ELEMENTS, ROWS_SETS, 1, 4, 18, 1, 1},
    {ROWS_DRAWS, ROWS_ELEMENTS, 2, 3, 3, 3, 1}, {ROWS_SETS, ROWS_SETS, 2, 26, 1, 3, 2},
    {ROWS_SETS, ROWS_SETS, 66, 9, 1, 1, 1}};
enum { CASES = sizeof cases / sizeof *cases };

static tensor_t *example_attention(gradcheck_t *c, int variant)
{
    if (variant >= CASES)
        return NULL;
    int64_t of_q = cases[variant].of_q, of_k = cases[variant].of_k;
    int heads = (int)gradcheck_shape(c, 1, cases[variant].heads);
    int64_t E = heads * gradcheck_shape(c, cases[variant].E / 2 + 1, cases[variant].E);
    int64_t V = heads * gradcheck_shape(c, cases[variant].V / 2 + 1, cases[variant].V);
    tensor_t *q = gradcheck_input(c, cases[variant].queries, of_q, E, -1, 1);
    tensor_t *k = gradcheck_input(c, cases[variant].keys, of_k, E, -1, 1);
    tensor_t *v = gradcheck_input(c, cases[variant].keys, of_k, V, -1, 1);
    return op_attention(gradcheck_graph(c), q, k, v, heads);
}

static tensor_t *tangent_attention(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    tensor_t *both[OP_MAX_INPUTS];
    for (int k = QUERY; k <= VALUE; k++) {
        both[k] = t->in[k];
        both[k + VALUE + 1] = tangent_or_zero(g, t->in[k], in[k]);
    }
    return op_attention_tangent(g, both, (int)t->attr.i[0]);
}

const op_kind_t op_kind_attention = {.name = "attention",
                                     .skips = BACKWARD_SKIPS_RESULT,
                                     .check = check_attention,
                                     .forward = forward_attention,
                                     .backward = backward_attention,
                                     .flops = flops_attention,
                                     .example = example_attention,
                                     .tangent = tangent_attention};

tensor_t *op_attention(graph_t *g, tensor_t *q, tensor_t *k, tensor_t *v, int heads)
{
    op_attr_t attr = {.i = {heads}};
    return graph_record(g, &op_kind_attention, 3, (tensor_t *[]){q, k, v}, &attr);
}

/* in: q, k, v, and their tangents. With the weights W of a head and S' = dq k' + q dk':
 *     dy = f W o (S' - sum_j W_j S'_j) v + W dv,  f = 1 / sqrt(E)
 * Scratch: that of attention, then dk transposed (E, row), and dv where a product can not read it in place. */
enum { ALONG_QUERY = VALUE + 1, ALONG_KEY, ALONG_VALUE, ALONG_INPUTS };

static void check_tangent(graph_t *g, tensor_t *t)
{
    check_attention(g, t);
    for (int k = QUERY; k <= VALUE; k++) {
        const tensor_t *a = t->in[k], *along = t->in[k + ALONG_QUERY];
        CHECK(tensor_same_rows(a, along) && a->cols == along->cols,
              "attention_tangent: input %d has another shape than its direction", k);
    }
    int64_t n = most_keys(g, t), heads = t->attr.i[0];
    int64_t E = t->in[QUERY]->cols / heads, V = t->cols / heads;
    t->keep_floats = 0;
    t->scratch_floats += (size_t)(E * attention_row(n) + n * attention_row(V));
}

static void rows_tangent(tensor_t *t, const head_t *h, int64_t first, int64_t rows,
                         strided_t along_k, strided_t v, strided_t along_v)
{
    int64_t at_q = h->at_q + first * h->q_row, width = attention_width(h->n);
    strided_t q = {t->in[QUERY]->value + at_q, h->q_row, 1};
    strided_t along_q = {t->in[ALONG_QUERY]->value + at_q, h->q_row, 1};
    strided_t keys = {h->keys, h->row, 1}, w = {h->weight, h->row, 1}, d = {h->slope, h->row, 1};
    float *out = t->value + h->at_out + first * h->v_row;
    weigh(t, h, first, rows, h->weight);
    attention_product(rows, width, h->E, along_q, keys, false, h->slope, h->row);
    attention_product(rows, width, h->E, q, along_k, true, h->slope, h->row);
    attention_slope(rows, h->n, 1.0f / sqrtf((float)h->E), h->weight, h->slope);
    attention_product(rows, h->V, h->n, d, v, false, out, h->v_row);
    attention_product(rows, h->V, h->n, w, along_v, true, out, h->v_row);
}

static void head_tangent(tensor_t *t, const head_t *h)
{
    float *along_keys = graph_scratch(t->graph) + scratch_floats(h->n, h->E, h->V);
    strided_t along_k = {t->in[ALONG_KEY]->value + h->at_k, 1, h->q_row};
    pack_keys(t, h);
    attention_pack(h->E, h->n, along_k, along_keys);
    strided_t v = right_side(h->n, h->V, t->in[VALUE]->value + h->at_v, h->v_row, h->wide_values);
    strided_t along_v = right_side(h->n, h->V, t->in[ALONG_VALUE]->value + h->at_v, h->v_row,
                                   along_keys + h->E * h->row);
    for (int64_t r = 0; r < h->m; r += BLOCK_ROWS)
        rows_tangent(t, h, r, smaller(BLOCK_ROWS, h->m - r), (strided_t){along_keys, h->row, 1}, v,
                     along_v);
}

static void forward_tangent(tensor_t *t)
{
    memset(t->value, 0, (size_t)tensor_size(t) * sizeof *t->value); // for queries without keys
    each_head(t, head_tangent);
}

static double flops_tangent(const tensor_t *t, bool backward)
{
    return 2 * flops_attention(t, backward);
}

/* As example_stop (op_unary.c): it is constant in x. */
static tensor_t *example_tangent(gradcheck_t *c, int variant)
{
    if (variant > 0)
        return NULL;
    graph_t *g = gradcheck_graph(c);
    tensor_t *x = gradcheck_input(c, ROWS_ELEMENTS, 1, 4, -1, 1), *fixed = op_scale(g, x, 0, 0.5);
    tensor_t *both[] = {fixed, fixed, fixed, fixed, fixed, fixed};
    return op_mul(g, x, op_attention_tangent(g, both, 2));
}

const op_kind_t op_kind_attention_tangent = {.name = "attention_tangent",
                                             .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                             .check = check_tangent,
                                             .forward = forward_tangent,
                                             .flops = flops_tangent,
                                             .example = example_tangent};

tensor_t *op_attention_tangent(graph_t *g, tensor_t *const in[6], int heads)
{
    op_attr_t attr = {.i = {heads}};
    return graph_record(g, &op_kind_attention_tangent, ALONG_INPUTS, in, &attr);
}
