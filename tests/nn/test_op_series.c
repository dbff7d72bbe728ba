// SPDX-License-Identifier: Apache-2.0
/* The ops over series, against their formulas (op.h) written out in float64. Bounds of 1e-5: float32 sums of a few dozen
 * terms of unit size, over up to eleven steps. */
#include "nn/op.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define SETS     6
#define ELEMENTS 25
#define H        3
static const int64_t offsets[SETS + 1] = {0, 3, 3, 4, 15, 18, 25};

static graph_t *new_graph(graph_mode_t mode)
{
    graph_limits_t limits = {.sets = SETS, .elements = {ELEMENTS}, .length = {11}};
    return graph_create(mode, NULL, &limits);
}

/* Seals, fills every input with the same pseudo-random numbers in (-1, 1), and runs. */
static void run(graph_t *g, tensor_t *result, int n, tensor_t *const *input)
{
    graph_batch_t batch = {.sets = SETS, .offsets = {offsets}};
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

static void check_window(int64_t kernel, int64_t stride)
{
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *a = graph_input(g, ROWS_ELEMENTS, 1, 2);
    tensor_t *y = op_window(g, a, kernel, stride);
    run(g, y, 1, &a);
    int64_t row = 0;
    for (int64_t i = 0; i < SETS; i++) {
        int64_t n = offsets[i + 1] - offsets[i], rows = (n + stride - 1) / stride;
        int64_t all = (rows - 1) * stride + kernel - n, left = all > 0 ? all / 2 : 0;
        for (int64_t j = 0; j < rows; j++, row++)
            for (int64_t k = 0; k < kernel; k++)
                for (int64_t c = 0; c < 2; c++) {
                    int64_t e = j * stride - left + k;
                    bool inside = e >= 0 && e < n;
                    assert_true(at(y, row, k * 2 + c) == (inside ? at(a, offsets[i] + e, c) : 0));
                }
    }
    assert_int_equal(y->rows, row);
    graph_destroy(&g);
}

static void windows_hold_their_elements_and_zeros(void **state)
{
    (void)state;
    check_window(3, 1);
    check_window(4, 4);
    check_window(4, 1);
    check_window(2, 3);
    check_window(7, 2);
}

static double sigma(double x)
{
    return 1 / (1 + exp(-x));
}

/* sum_j h_j U_jc */
static double product(const double *h, const tensor_t *u, int64_t c)
{
    double sum = 0;
    for (int64_t j = 0; j < H; j++)
        sum += h[j] * at(u, j, c);
    return sum;
}

static void gru_step(const tensor_t *const *in, int64_t row, double *state)
{
    const tensor_t *x = in[0], *u = in[1], *b = in[2];
    double next[H];
    for (int64_t j = 0; j < H; j++) {
        double z = sigma(at(x, row, j) + product(state, u, j) + at(b, 0, j));
        double r = sigma(at(x, row, H + j) + product(state, u, H + j) + at(b, 0, H + j));
        double c =
            tanh(at(x, row, 2 * H + j) + r * (product(state, u, 2 * H + j) + at(b, 0, 2 * H + j)));
        next[j] = z * state[j] + (1 - z) * c;
    }
    memcpy(state, next, sizeof next);
}

static void lstm_step(const tensor_t *const *in, int64_t row, double *state)
{
    const tensor_t *x = in[0], *u = in[1];
    double next[2 * H];
    for (int64_t j = 0; j < H; j++) {
        double a[4];
        for (int64_t q = 0; q < 4; q++)
            a[q] = at(x, row, q * H + j) + product(state, u, q * H + j);
        next[H + j] = sigma(a[1]) * state[H + j] + sigma(a[0]) * tanh(a[2]);
        next[j] = sigma(a[3]) * tanh(next[H + j]);
    }
    memcpy(state, next, sizeof next);
}

static void check_states(const tensor_t *y, const tensor_t *const *in, int flags,
                         void (*step)(const tensor_t *const *in, int64_t row, double *state))
{
    for (int64_t i = 0; i < SETS; i++) {
        double state[2 * H] = {0};
        int64_t n = offsets[i + 1] - offsets[i];
        for (int64_t t = 0; t < n; t++) {
            int64_t row = flags & RECURRENT_REVERSED ? offsets[i + 1] - 1 - t : offsets[i] + t;
            step(in, row, state);
            for (int64_t j = 0; j < H && (flags & RECURRENT_ALL); j++)
                assert_close(at(y, row, j), state[j]);
        }
        for (int64_t j = 0; j < H && !(flags & RECURRENT_ALL); j++)
            assert_close(at(y, i, j), state[j]);
    }
}

static void check_recurrent(bool gru, graph_mode_t mode, int flags)
{
    graph_t *g = new_graph(mode);
    int64_t n = (gru ? 3 : 4) * H;
    tensor_t *in[] = {graph_input(g, ROWS_ELEMENTS, 1, n), graph_input(g, ROWS_ONE, H, n),
                      graph_input(g, ROWS_ONE, 1, n)};
    if (mode == GRAPH_TRAIN)
        graph_want_grad(g, in[0]);
    tensor_t *y = gru ? op_gru(g, in[0], in[1], in[2], flags) : op_lstm(g, in[0], in[1], flags);
    run(g, y, 3, in);
    check_states(y, (const tensor_t *const *)in, flags, gru ? gru_step : lstm_step);
    graph_destroy(&g);
}

static void gru_is_its_recurrence(void **state)
{
    (void)state;
    for (int flags = 0; flags <= (RECURRENT_REVERSED | RECURRENT_ALL); flags++) {
        check_recurrent(true, GRAPH_FORWARD, flags);
        check_recurrent(true, GRAPH_TRAIN, flags);
    }
}

static void lstm_is_its_recurrence(void **state)
{
    (void)state;
    for (int flags = 0; flags <= (RECURRENT_REVERSED | RECURRENT_ALL); flags++) {
        check_recurrent(false, GRAPH_FORWARD, flags);
        check_recurrent(false, GRAPH_TRAIN, flags);
    }
}

/* What forward left is not changed: further backward passes find the same. */
static void backward_may_run_again(void **state)
{
    (void)state;
    for (int gru = 0; gru < 2; gru++) {
        graph_t *g = new_graph(GRAPH_TRAIN);
        int64_t n = (gru ? 3 : 4) * H;
        float first[ELEMENTS * 4 * H];
        tensor_t *in[] = {graph_want_grad(g, graph_input(g, ROWS_ELEMENTS, 1, n)),
                          graph_input(g, ROWS_ONE, H, n), graph_input(g, ROWS_ONE, 1, n)};
        tensor_t *y = gru ? op_gru(g, in[0], in[1], in[2], 0) : op_lstm(g, in[0], in[1], 0);
        run(g, y, 3, in);
        graph_backward(g, NULL);
        size_t bytes = (size_t)tensor_size(in[0]) * sizeof(float);
        memcpy(first, in[0]->grad, bytes);
        graph_backward(g, NULL);
        assert_memory_equal(in[0]->grad, first, bytes);
        graph_destroy(&g);
    }
}

/* Of n steps n - 1 have a product: the first begins from zero. */
static void only_steps_with_a_state_before_are_counted(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *x = graph_input(g, ROWS_ELEMENTS, 1, 3 * H), *u = graph_input(g, ROWS_ONE, H, 3 * H);
    graph_keep(g, op_gru(g, x, u, graph_input(g, ROWS_ONE, 1, 3 * H), 0));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = SETS, .offsets = {offsets}});
    assert_true(graph_flops(g) == (ELEMENTS - 5) * 2.0 * H * 3 * H + ELEMENTS * 14.0 * H);
    graph_destroy(&g);
}

static void positions_count_from_zero(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *a = graph_input(g, ROWS_ELEMENTS, 1, 2), *y = op_position(g, a);
    run(g, y, 1, &a);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t r = offsets[i]; r < offsets[i + 1]; r++)
            assert_true(at(y, r, 0) == (double)(r - offsets[i]));
    graph_destroy(&g);
}

static void a_token_ends_each_series(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *in[] = {graph_input(g, ROWS_ELEMENTS, 1, 2), graph_input(g, ROWS_ONE, 1, 2)};
    tensor_t *y = op_append_token(g, in[0], in[1]);
    tensor_t *last = graph_keep(g, op_last_row(g, y));
    run(g, y, 2, in);
    assert_int_equal(y->rows, ELEMENTS + SETS);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t c = 0; c < 2; c++) {
            for (int64_t r = offsets[i]; r < offsets[i + 1]; r++)
                assert_true(at(y, r + i, c) == at(in[0], r, c));
            assert_true(at(y, offsets[i + 1] + i, c) == at(in[1], 0, c));
            assert_true(at(last, i, c) == at(in[1], 0, c));
        }
    graph_destroy(&g);
}

static void the_last_row_of_an_empty_set_is_zero(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD);
    tensor_t *a = graph_input(g, ROWS_ELEMENTS, 1, 2), *y = op_last_row(g, a);
    run(g, y, 1, &a);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t c = 0; c < 2; c++)
            assert_true(at(y, i, c) == (i == 1 ? 0 : at(a, offsets[i + 1] - 1, c)));
    graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_their_elements_and_zeros),
        cmocka_unit_test(gru_is_its_recurrence),
        cmocka_unit_test(lstm_is_its_recurrence),
        cmocka_unit_test(backward_may_run_again),
        cmocka_unit_test(only_steps_with_a_state_before_are_counted),
        cmocka_unit_test(positions_count_from_zero),
        cmocka_unit_test(a_token_ends_each_series),
        cmocka_unit_test(the_last_row_of_an_empty_set_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
