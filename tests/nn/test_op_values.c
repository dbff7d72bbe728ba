// SPDX-License-Identifier: Apache-2.0
/* What each op computes, against its formula (op.h) written out in float64. The gradient check knows only that backward
 * fits forward. Bounds of 1e-5: float32 sums of a few dozen terms of unit size. */
#include "nn/op.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define SETS     4
#define ELEMENTS 23
static const int64_t element_offsets[SETS + 1] = {0, 1, 1, 20, ELEMENTS};
static const int64_t draw_offsets[SETS + 1] = {0, 2, 5, 5, 6};

static graph_t *new_graph(graph_mode_t mode)
{
    graph_limits_t limits = {.sets = SETS, .draws = 6, .elements = {ELEMENTS}, .length = {19}};
    return graph_create(mode, NULL, &limits);
}

/* Seals, fills every input with the same pseudo-random numbers in (-1, 1), and runs. */
static void run(graph_t *g, tensor_t *result, int n, tensor_t *const *input)
{
    graph_batch_t batch = {.sets = SETS,
                           .draws = 6,
                           .draw_offsets = draw_offsets,
                           .offsets = {element_offsets},
                           .noise = 99};
    graph_keep(g, result);
    graph_seal(g, graph_mode(g) == GRAPH_TRAIN ? op_total(g, result) : NULL);
    graph_begin(g, &batch);
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < tensor_size(input[k]); i++)
            input[k]->value[i] = (float)(2 * rng_uniform(&r) - 1);
    graph_forward(g);
}

static double at(const tensor_t *t, int64_t row, int64_t col)
{
    return t->value[row * t->cols + col];
}

static void assert_close(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-5))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static void linear_is_x_w_plus_b(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *in[] = {graph_input(g, ROWS_ELEMENTS, 1, 7), graph_input(g, ROWS_ONE, 7, 5),
                      graph_input(g, ROWS_ONE, 1, 5)};
    tensor_t *y = op_linear(g, in[0], in[1], in[2], UNARY_TANH);
    run(g, y, 3, in);
    for (int64_t r = 0; r < ELEMENTS; r++)
        for (int64_t c = 0; c < 5; c++) {
            double sum = at(in[2], 0, c);
            for (int64_t k = 0; k < 7; k++)
                sum += at(in[0], r, k) * at(in[1], k, c);
            assert_close(at(y, r, c), tanh(sum));
        }
    graph_destroy(&g);
}

static void binary_ops_spread_their_second_operand(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *a = graph_input(g, ROWS_ELEMENTS, 1, 700), *row = graph_input(g, ROWS_ONE, 1, 700);
    tensor_t *column = graph_input(g, ROWS_ELEMENTS, 1, 1), *one = graph_input(g, ROWS_ONE, 1, 1);
    tensor_t *in[] = {a, row, column, one};
    tensor_t *y = op_sub(g, op_add(g, op_mul(g, a, row), column), one);
    run(g, y, 4, in);
    for (int64_t r = 0; r < ELEMENTS; r++)
        for (int64_t c = 0; c < 700; c++)
            assert_close(at(y, r, c),
                         at(a, r, c) * at(row, 0, c) + at(column, r, 0) - at(one, 0, 0));
    graph_destroy(&g);
}

static void rows_wider_than_a_block_are_spread_too(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *in[] = {graph_input(g, ROWS_SETS, 1, 2500), graph_input(g, ROWS_SETS, 1, 1),
                      graph_input(g, ROWS_ONE, 1, 2500)};
    tensor_t *y = op_add(g, op_mul(g, in[0], in[1]), in[2]);
    run(g, y, 3, in);
    for (int64_t r = 0; r < SETS; r++)
        for (int64_t c = 0; c < 2500; c++)
            assert_close(at(y, r, c), at(in[0], r, c) * at(in[1], r, 0) + at(in[2], 0, c));
    graph_destroy(&g);
}

static void shape_ops_move_entries(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *a = graph_input(g, ROWS_SETS, 1, 3), *b = graph_input(g, ROWS_SETS, 1, 2);
    tensor_t *order = graph_input(g, ROWS_ONE, 1, 5), *in[] = {a, b};
    tensor_t *joined = graph_keep(g, op_concat2(g, a, b));
    tensor_t *part = graph_keep(g, op_slice(g, joined, 2, 2));
    tensor_t *moved = graph_keep(g, op_permute(g, joined, order, false));
    tensor_t *back = op_permute(g, moved, order, true);
    graph_batch_t batch = {
        .sets = SETS, .draws = 6, .draw_offsets = draw_offsets, .offsets = {element_offsets}};
    graph_keep(g, back);
    graph_seal(g, NULL);
    graph_begin(g, &batch);
    static const float numbers[] = {3, 0, 4, 1, 2};
    for (int k = 0; k < 5; k++)
        order->value[k] = numbers[k];
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < tensor_size(in[k]); i++)
            in[k]->value[i] = (float)(i + 100 * k);
    graph_forward(g);
    for (int64_t r = 0; r < SETS; r++)
        for (int64_t c = 0; c < 5; c++) {
            double expected = c < 3 ? at(a, r, c) : at(b, r, c - 3);
            assert_true(at(joined, r, c) == expected && at(back, r, c) == expected);
            assert_true(at(moved, r, c) == at(joined, r, (int64_t)numbers[c]));
            if (c >= 2 && c < 4)
                assert_true(at(part, r, c - 2) == expected);
        }
    graph_destroy(&g);
}

static void expand_repeats_the_row_of_the_set(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *in[] = {graph_input(g, ROWS_SETS, 1, 3), graph_input(g, ROWS_ONE, 2, 3)};
    tensor_t *elements = graph_keep(g, op_expand(g, in[0], ROWS_ELEMENTS));
    tensor_t *draws = graph_keep(g, op_expand(g, in[0], ROWS_DRAWS));
    tensor_t *seeds = op_expand(g, in[1], ROWS_SETS);
    run(g, seeds, 2, in);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t c = 0; c < 3; c++) {
            for (int64_t r = element_offsets[i]; r < element_offsets[i + 1]; r++)
                assert_true(at(elements, r, c) == at(in[0], i, c));
            for (int64_t r = draw_offsets[i]; r < draw_offsets[i + 1]; r++)
                assert_true(at(draws, r, c) == at(in[0], i, c));
            for (int64_t j = 0; j < 2; j++)
                assert_true(at(seeds, 2 * i + j, c) == at(in[1], j, c));
        }
    graph_destroy(&g);
}

typedef struct {
    double sum, square, most, n;
} column_t;

static column_t column_of(const tensor_t *x, int64_t set, int64_t col)
{
    column_t m = {0, 0, -INFINITY, (double)(element_offsets[set + 1] - element_offsets[set])};
    for (int64_t r = element_offsets[set]; r < element_offsets[set + 1]; r++) {
        m.sum += at(x, r, col);
        m.most = fmax(m.most, at(x, r, col));
    }
    for (int64_t r = element_offsets[set]; r < element_offsets[set + 1]; r++)
        m.square += pow(at(x, r, col) - m.sum / m.n, 2);
    return m;
}

static void segments_are_reduced_and_empty_ones_are_zero(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *x = graph_input(g, ROWS_ELEMENTS, 1, 4);
    tensor_t *sum = graph_keep(g, op_segment_sum(g, x)),
             *mean = graph_keep(g, op_segment_mean(g, x));
    tensor_t *max = graph_keep(g, op_segment_max(g, x));
    tensor_t *moments = op_segment_moments(g, x, 1e-3);
    run(g, moments, 1, &x);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t c = 0; c < 4; c++) {
            column_t m = column_of(x, i, c);
            assert_close(at(sum, i, c), m.sum);
            assert_close(at(mean, i, c), m.n > 0 ? m.sum / m.n : 0);
            assert_close(at(max, i, c), m.n > 0 ? m.most : 0);
            assert_close(at(moments, i, c), m.n > 0 ? m.sum / m.n : 0);
            assert_close(at(moments, i, 4 + c), m.n > 0 ? 0.5 * log(m.square / m.n + 1e-3) : 0);
        }
    graph_destroy(&g);
}

static double score(tensor_t *const *in, int heads, int64_t row, int64_t key, int64_t head)
{
    int64_t E = in[0]->cols / heads;
    double sum = 0;
    for (int64_t e = head * E; e < (head + 1) * E; e++)
        sum += at(in[0], row, e) * at(in[1], key, e);
    return sum / sqrt((double)E);
}

/* One entry of one head over keys [begin, end), by the formula. */
static double attended(tensor_t *const *in, int heads, int64_t begin, int64_t end, int64_t row,
                       int64_t col)
{
    int64_t head = col / (in[2]->cols / heads);
    double most = -INFINITY, total = 0, sum = 0;
    for (int64_t k = begin; k < end; k++)
        most = fmax(most, score(in, heads, row, k, head));
    for (int64_t k = begin; k < end; k++) {
        double weight = exp(score(in, heads, row, k, head) - most);
        total += weight;
        sum += weight * at(in[2], k, col);
    }
    return total > 0 ? sum / total : 0;
}

static const int64_t *offsets_of(int rows_class)
{
    static const int64_t each[SETS + 1] = {0, 1, 2, 3, 4};
    return rows_class == ROWS_SETS    ? each
           : rows_class == ROWS_DRAWS ? draw_offsets
                                      : element_offsets;
}

typedef struct {
    int queries, keys;
    int64_t of_q, of_k; // rows a unit
    int heads;
    int64_t E, V; // of a head
} attention_t;

static void check_attention(const attention_t *c)
{
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *in[] = {graph_input(g, c->queries, c->of_q, c->heads * c->E),
                      graph_input(g, c->keys, c->of_k, c->heads * c->E),
                      graph_input(g, c->keys, c->of_k, c->heads * c->V)};
    tensor_t *y = op_attention(g, in[0], in[1], in[2], c->heads);
    bool units = c->queries == c->keys && c->of_k > 1;
    const int64_t *of_q = offsets_of(c->queries), *of_k = offsets_of(c->keys);
    run(g, y, 3, in);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t row = of_q[i] * c->of_q; row < of_q[i + 1] * c->of_q; row++) {
            int64_t unit = row / c->of_q;
            int64_t begin = (units ? unit : of_k[i]) * c->of_k;
            int64_t end = (units ? unit + 1 : of_k[i + 1]) * c->of_k;
            for (int64_t col = 0; col < y->cols; col++)
                assert_close(at(y, row, col), attended(in, c->heads, begin, end, row, col));
        }
    graph_destroy(&g);
}

static void attention_weighs_what_a_query_sees(void **state)
{
    (void)state;
    static const attention_t cases[] = {
        {ROWS_SETS, ROWS_ELEMENTS, 3, 1, 2, 3, 2},
        {ROWS_ELEMENTS, ROWS_ELEMENTS, 1, 1, 4, 16, 16},
        {ROWS_DRAWS, ROWS_ELEMENTS, 1, 1, 1, 8, 12},
        {ROWS_ELEMENTS, ROWS_SETS, 1, 5, 2, 24, 8},
        {ROWS_DRAWS, ROWS_DRAWS, 2, 7, 3, 5, 1},
        {ROWS_SETS, ROWS_SETS, 70, 40, 1, 40, 17},
        {ROWS_ELEMENTS, ROWS_DRAWS, 2, 3, 2, 17, 9},
        {ROWS_SETS, ROWS_SETS, 1, 1, 2, 4, 4},
        {ROWS_DRAWS, ROWS_DRAWS, 1, 1, 2, 4, 4},
        {ROWS_DRAWS, ROWS_DRAWS, 3, 128, 2, 4, 64},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        check_attention(&cases[k]);
}

/* Scores of some hundreds: their exponentials are out of range; rounded to 2^-15, so weights are sure to 1e-4. */
static void attention_of_large_scores_is_finite(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *x = graph_input(g, ROWS_ELEMENTS, 1, 2);
    tensor_t *in[] = {graph_keep(g, op_scale(g, x, 700, 0)), x, x};
    tensor_t *y = op_attention(g, in[0], x, x, 1);
    run(g, y, 1, &x);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t r = element_offsets[i]; r < element_offsets[i + 1]; r++)
            for (int64_t c = 0; c < 2; c++) {
                double expected = attended(in, 1, element_offsets[i], element_offsets[i + 1], r, c);
                assert_true(fabs(at(y, r, c) - expected) < 2e-4);
            }
    graph_destroy(&g);
}

static void norms_have_unit_rows(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    int64_t n = 21;
    tensor_t *in[] = {graph_input(g, ROWS_SETS, 1, n), graph_input(g, ROWS_ONE, 1, n),
                      graph_input(g, ROWS_ONE, 1, n)};
    tensor_t *rms = graph_keep(g, op_rms_norm(g, in[0], in[1], 1e-2));
    tensor_t *layer = op_layer_norm(g, in[0], in[1], in[2], 1e-2);
    run(g, layer, 3, in);
    for (int64_t r = 0; r < SETS; r++) {
        double mean = 0, square = 0;
        for (int64_t c = 0; c < n; c++) {
            mean += at(in[0], r, c) / (double)n;
            square += at(in[0], r, c) * at(in[0], r, c) / (double)n;
        }
        for (int64_t c = 0; c < n; c++) {
            double x = at(in[0], r, c), scale = at(in[1], 0, c);
            assert_close(at(rms, r, c), x / sqrt(square + 1e-2) * scale);
            assert_close(at(layer, r, c),
                         (x - mean) / sqrt(square - mean * mean + 1e-2) * scale + at(in[2], 0, c));
        }
    }
    graph_destroy(&g);
}

static void reductions_follow_their_formulas(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *x = graph_input(g, ROWS_SETS, 1, 19);
    tensor_t *sum = graph_keep(g, op_row_sum(g, x)), *density = graph_keep(g, op_gaussian(g, x));
    tensor_t *total = graph_keep(g, op_total(g, x)), *mean = graph_keep(g, op_mean(g, x));
    tensor_t *soft = op_softmax(g, x);
    run(g, soft, 1, &x);
    double all = 0;
    for (int64_t r = 0; r < SETS; r++) {
        double s = 0, square = 0, exps = 0;
        for (int64_t c = 0; c < 19; c++) {
            s += at(x, r, c);
            square += at(x, r, c) * at(x, r, c);
            exps += exp(at(x, r, c));
        }
        all += s;
        assert_close(at(sum, r, 0), s);
        assert_close(at(density, r, 0), -0.5 * square - 9.5 * log(2 * acos(-1)));
        for (int64_t c = 0; c < 19; c++)
            assert_close(at(soft, r, c), exp(at(x, r, c)) / exps);
    }
    assert_close(at(total, 0, 0), all);
    assert_close(at(mean, 0, 0), all / (19 * SETS));
    graph_destroy(&g);
}

/* n = 2300 entries at rate 0.25: the share's standard error is 0.009; five of them are allowed. */
static void dropout_drops_its_rate_and_keeps_the_mean(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_TRAIN);
    tensor_t *x = graph_want_grad(g, graph_input(g, ROWS_ELEMENTS, 1, 100));
    tensor_t *y = op_dropout(g, x, 0.25), *z = graph_keep(g, op_dropout(g, x, 0.25));
    run(g, op_add(g, graph_keep(g, y), z), 1, &x);
    int dropped = 0, both = 0;
    for (int64_t i = 0; i < tensor_size(x); i++) {
        assert_true(y->value[i] == 0 || fabs(y->value[i] - x->value[i] / 0.75) < 1e-6);
        dropped += y->value[i] == 0;
        both += y->value[i] == 0 && z->value[i] == 0;
    }
    assert_true(fabs(dropped / 2300.0 - 0.25) < 5 * 0.009);
    assert_true(fabs(both / 2300.0 - 0.0625) < 5 * 0.005); // two places draw independently
    graph_destroy(&g);
}

static void dropout_is_absent_from_forward_graphs(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *x = graph_input(g, ROWS_SETS, 1, 3);
    assert_ptr_equal(op_dropout(g, x, 0.5), x);
    graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_is_x_w_plus_b),
        cmocka_unit_test(binary_ops_spread_their_second_operand),
        cmocka_unit_test(rows_wider_than_a_block_are_spread_too),
        cmocka_unit_test(shape_ops_move_entries),
        cmocka_unit_test(expand_repeats_the_row_of_the_set),
        cmocka_unit_test(segments_are_reduced_and_empty_ones_are_zero),
        cmocka_unit_test(attention_weighs_what_a_query_sees),
        cmocka_unit_test(attention_of_large_scores_is_finite),
        cmocka_unit_test(norms_have_unit_rows),
        cmocka_unit_test(reductions_follow_their_formulas),
        cmocka_unit_test(dropout_drops_its_rate_and_keeps_the_mean),
        cmocka_unit_test(dropout_is_absent_from_forward_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
