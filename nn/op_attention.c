// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <math.h>
#include <string.h>

/* in: q, k, v; attr.i[0]: heads. Backward computes the weights again instead of keeping them: they are larger than all else. */
enum { QUERY, KEY, VALUE };

static int64_t most_queries(const graph_t *g, const tensor_t *q)
{
    return graph_max_length(g, q->rows_class) * q->per;
}

static void check_attention(graph_t *g, tensor_t *t)
{
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY], *v = t->in[VALUE];
    int64_t heads = t->attr.i[0];
    CHECK(q->rows_class >= ROWS_SETS, "attention: queries of class %d", q->rows_class);
    CHECK(k->rows_class >= ROWS_DRAWS && k->per == 1 && tensor_same_rows(k, v),
          "attention: keys of class %d, values of class %d", k->rows_class, v->rows_class);
    CHECK(heads > 0 && q->cols == k->cols && q->cols % heads == 0 && v->cols % heads == 0,
          "attention: %ld heads over %ld, %ld, %ld columns", (long)heads, (long)q->cols,
          (long)k->cols, (long)v->cols);
    tensor_shape_as(t, q, v->cols);
    t->scratch_floats = 2 * (size_t)(most_queries(g, q) * graph_max_length(g, k->rows_class));
}

/* One head of one set: m queries, n keys; E and V columns a head, rows ldq, ldv apart. */
typedef struct {
    int64_t m, n, E, V, ldq, ldv;
    int64_t at_q, at_k, at_v, at_out; // first entries
    float *weight, *slope;            // (m, n): scratch
} head_t;

/* weight = softmax(q k' / sqrt(E)) */
static void weigh(const tensor_t *t, const head_t *h)
{
    vec_gemm(false, true, h->m, h->n, h->E, 1.0f / sqrtf((float)h->E),
             t->in[QUERY]->value + h->at_q, h->ldq, t->in[KEY]->value + h->at_k, h->ldq, 0,
             h->weight, h->n);
    vec_softmax(h->m, h->n, h->weight, h->weight);
}

static void head_forward(tensor_t *t, const head_t *h)
{
    weigh(t, h);
    vec_gemm(false, false, h->m, h->V, h->n, 1, h->weight, h->n, t->in[VALUE]->value + h->at_v,
             h->ldv, 0, t->value + h->at_out, h->ldv);
}

/* slope = d loss / d (q k'): weight o (dW - sum_j weight_j dW_j) / sqrt(E), where dW = d loss / d weight */
static void score_slope(const tensor_t *t, const head_t *h)
{
    vec_gemm(false, true, h->m, h->n, h->V, 1, t->grad + h->at_out, h->ldv,
             t->in[VALUE]->value + h->at_v, h->ldv, 0, h->slope, h->n);
    for (int64_t r = 0; r < h->m; r++) {
        float *weight = h->weight + r * h->n, *slope = h->slope + r * h->n;
        vec_affine(h->n, 1, -vec_dot(h->n, weight, slope), slope, slope);
        vec_mul(h->n, weight, slope, slope);
        vec_affine(h->n, 1.0f / sqrtf((float)h->E), 0, slope, slope);
    }
}

static void head_backward(tensor_t *t, const head_t *h)
{
    float *dq = grad_add(t->in[QUERY]), *dk = grad_add(t->in[KEY]), *dv = grad_add(t->in[VALUE]);
    weigh(t, h);
    if (dv != NULL)
        vec_gemm(true, false, h->n, h->V, h->m, 1, h->weight, h->n, t->grad + h->at_out, h->ldv, 1,
                 dv + h->at_v, h->ldv);
    score_slope(t, h);
    if (dq != NULL)
        vec_gemm(false, false, h->m, h->E, h->n, 1, h->slope, h->n, t->in[KEY]->value + h->at_k,
                 h->ldq, 1, dq + h->at_q, h->ldq);
    if (dk != NULL)
        vec_gemm(true, false, h->n, h->E, h->m, 1, h->slope, h->n, t->in[QUERY]->value + h->at_q,
                 h->ldq, 1, dk + h->at_k, h->ldq);
}

static void each_head(tensor_t *t, void (*work)(tensor_t *t, const head_t *h))
{
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY];
    const int64_t *of_q = graph_offsets(t->graph, q->rows_class);
    const int64_t *of_k = graph_offsets(t->graph, k->rows_class);
    int64_t heads = t->attr.i[0], E = q->cols / heads, V = t->cols / heads;
    for (int64_t i = 0; i < graph_sets(t->graph); i++)
        for (int64_t a = 0; a < heads; a++) {
            int64_t first_q = of_q[i] * q->per, m = (of_q[i + 1] - of_q[i]) * q->per;
            int64_t n = of_k[i + 1] - of_k[i];
            head_t h = {.m = m, .n = n, .E = E, .V = V, .ldq = q->cols, .ldv = t->cols};
            h.at_q = first_q * h.ldq + a * E;
            h.at_k = of_k[i] * h.ldq + a * E;
            h.at_v = of_k[i] * h.ldv + a * V;
            h.at_out = first_q * h.ldv + a * V;
            h.weight = graph_scratch(t->graph);
            h.slope = h.weight + m * n;
            if (m > 0 && n > 0)
                work(t, &h);
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
    const tensor_t *q = t->in[QUERY], *k = t->in[KEY];
    const int64_t *of_q = graph_offsets(t->graph, q->rows_class);
    const int64_t *of_k = graph_offsets(t->graph, k->rows_class);
    double pairs = 0;
    for (int64_t i = 0; i < graph_sets(t->graph); i++)
        pairs += (double)((of_q[i + 1] - of_q[i]) * q->per) * (double)(of_k[i + 1] - of_k[i]);
    double scores = 2 * pairs * (double)q->cols, values = 2 * pairs * (double)t->cols;
    return backward ? 3 * scores + 2 * values : scores + values;
}

static tensor_t *example_attention(gradcheck_t *c, int variant)
{
    static const int of_queries[] = {ROWS_SETS, ROWS_ELEMENTS, ROWS_DRAWS};
    if (variant > 2)
        return NULL;
    int heads = (int)gradcheck_shape(c, 1, 3);
    int64_t E = heads * gradcheck_shape(c, 1, 4), V = heads * gradcheck_shape(c, 1, 4);
    int64_t per = variant == 0 ? gradcheck_shape(c, 1, 4) : 1;
    tensor_t *q = gradcheck_input(c, of_queries[variant], per, E, -1, 1);
    tensor_t *k = gradcheck_input(c, ROWS_ELEMENTS, 1, E, -1, 1);
    tensor_t *v = gradcheck_input(c, ROWS_ELEMENTS, 1, V, -1, 1);
    return op_attention(gradcheck_graph(c), q, k, v, heads);
}

const op_kind_t op_kind_attention = {.name = "attention",
                                     .skips = BACKWARD_SKIPS_RESULT,
                                     .check = check_attention,
                                     .forward = forward_attention,
                                     .backward = backward_attention,
                                     .flops = flops_attention,
                                     .example = example_attention};

tensor_t *op_attention(graph_t *g, tensor_t *q, tensor_t *k, tensor_t *v, int heads)
{
    op_attr_t attr = {.i = {heads}};
    return graph_record(g, &op_kind_attention, 3, (tensor_t *[]){q, k, v}, &attr);
}
