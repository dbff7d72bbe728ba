// SPDX-License-Identifier: Apache-2.0
#include "nn/graph.h"

#include "nn/op.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  24
#define LAYERS 4

/* A set network with residual layers, normalisation and pooling, over weights of its own. */
typedef struct {
    params_t *params;
    int first, weight[LAYERS], bias[LAYERS], scale, unused;
} net_t;

typedef struct {
    graph_t *g;
    tensor_t *x, *pooled;
} run_t;

static net_t net_create(void)
{
    static const char *const weight[] = {"w0", "w1", "w2", "w3"};
    static const char *const bias[] = {"b0", "b1", "b2", "b3"};
    net_t n = {.params = params_create()};
    n.first = params_add(n.params, "first", 2, WIDTH, INIT_HE_NORMAL, 1);
    for (int i = 0; i < LAYERS; i++) {
        n.weight[i] = params_add(n.params, weight[i], WIDTH, WIDTH, INIT_HE_NORMAL, 0.5);
        n.bias[i] = params_add(n.params, bias[i], 1, WIDTH, INIT_NORMAL, 0.1);
    }
    n.scale = params_add(n.params, "scale", 1, WIDTH, INIT_ONE, 1);
    n.unused = params_add(n.params, "unused", 3, 3, INIT_ONE, 1);
    params_seal(n.params, 11);
    return n;
}

static run_t run_create(const net_t *n, graph_mode_t mode, int64_t sets, int64_t elements)
{
    graph_limits_t limits = {.sets = sets, .elements = {elements}, .length = {elements}};
    run_t r = {.g = graph_create(mode, n->params, &limits)};
    r.x = graph_input(r.g, ROWS_ELEMENTS, 1, 2);
    tensor_t *h = op_linear(r.g, r.x, graph_param(r.g, n->first), NULL, UNARY_SILU);
    for (int i = 0; i < LAYERS; i++) {
        tensor_t *u = op_linear(r.g, h, graph_param(r.g, n->weight[i]),
                                graph_param(r.g, n->bias[i]), UNARY_MISH);
        h = op_rms_norm(r.g, op_add(r.g, h, u), graph_param(r.g, n->scale), 1e-6);
    }
    r.pooled = graph_keep(r.g, op_segment_mean(r.g, h));
    graph_seal(r.g, mode == GRAPH_TRAIN ? op_total(r.g, op_gaussian(r.g, r.pooled)) : NULL);
    return r;
}

static void run_forward(const run_t *r, int64_t sets, const int64_t *offsets)
{
    graph_batch_t batch = {.sets = sets, .offsets = {offsets}};
    graph_begin(r->g, &batch);
    for (int64_t i = 0; i < tensor_size(r->x); i++)
        r->x->value[i] = (float)((i * 37) % 101) / 50 - 1;
    graph_forward(r->g);
}

static const int64_t some_sets[] = {0, 5, 5, 6, 40};

static void forward_graph_equals_training_graph(void **state)
{
    (void)state;
    net_t n = net_create();
    run_t a = run_create(&n, GRAPH_TRAIN, 4, 40), b = run_create(&n, GRAPH_FORWARD, 4, 40);
    run_forward(&a, 4, some_sets);
    run_forward(&b, 4, some_sets);
    assert_memory_equal(a.pooled->value, b.pooled->value, 4 * WIDTH * sizeof(float));
    assert_true(graph_bytes(b.g) < graph_bytes(a.g));
    graph_destroy(&a.g);
    graph_destroy(&b.g);
    params_destroy(&n.params);
}

/* Memory for a chain without backward is that of a few layers, not of all. */
static void forward_graph_shares_memory(void **state)
{
    (void)state;
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_FORWARD, 4, 4000);
    assert_true(graph_bytes(r.g) < 5 * 4000 * WIDTH * sizeof(float));
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

static void same_inputs_give_the_same_bits(void **state)
{
    (void)state;
    static const int64_t other_sets[] = {0, 3, 9};
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_TRAIN, 4, 40);
    size_t bytes = (size_t)params_size(n.params) * sizeof(float);
    float *first = malloc(bytes), *second = malloc(bytes);
    run_forward(&r, 4, some_sets);
    graph_backward(r.g, first);
    run_forward(&r, 2, other_sets); // leaves other numbers in every buffer
    memset(second, 0x7f, bytes);
    graph_backward(r.g, second);
    assert_memory_not_equal(first, second, bytes);
    run_forward(&r, 4, some_sets);
    graph_backward(r.g, second);
    assert_memory_equal(first, second, bytes);
    free(first);
    free(second);
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

typedef struct {
    const params_t *params;
    const float *gradient;
    float *seen; // each tensor as it was when it was told of
    int told[2 * LAYERS + 3];
} watched_t;

static void see(void *user, int id)
{
    watched_t *w = user;
    const param_t *p = params_at(w->params, id);
    w->told[id]++;
    memcpy(w->seen + p->offset, w->gradient + p->offset,
           (size_t)(p->rows * p->cols) * sizeof(float));
}

/* The scale is used by every layer and is final after the first; a weight that is not used counts too. */
static void gradients_are_final_when_told(void **state)
{
    (void)state;
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_TRAIN, 4, 40);
    size_t floats = (size_t)params_size(n.params), bytes = floats * sizeof(float);
    float *plain = malloc(bytes), *watched = malloc(bytes), *seen = calloc(floats, sizeof(float));
    watched_t w = {.params = n.params, .gradient = watched, .seen = seen};
    run_forward(&r, 4, some_sets);
    graph_backward(r.g, plain);
    memset(watched, 0x7f, bytes);
    run_forward(&r, 4, some_sets);
    graph_backward_watched(r.g, watched, see, &w);
    for (int id = 0; id < params_count(n.params); id++)
        assert_int_equal(w.told[id], 1);
    assert_memory_equal(plain, watched, bytes);
    assert_memory_equal(plain, seen, bytes);
    free(plain);
    free(watched);
    free(seen);
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

static void gradient_is_written_whole(void **state)
{
    (void)state;
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_TRAIN, 4, 40);
    int64_t size = params_size(n.params);
    float *gradient = malloc((size_t)size * sizeof(float));
    memset(gradient, 0xff, (size_t)size * sizeof(float)); // NaNs
    run_forward(&r, 4, some_sets);
    graph_backward(r.g, gradient);
    for (int64_t i = 0; i < size; i++)
        assert_true(!isnan(gradient[i]));
    const param_t *unused = params_at(n.params, n.unused);
    for (int64_t i = 0; i < 9; i++)
        assert_true(gradient[unused->offset + i] == 0);
    assert_true(gradient[params_at(n.params, n.bias[0])->offset] != 0);
    free(gradient);
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

/* The gradient by one weight of an early layer, through all buffers shared since, against differences of the loss in
 * float64: the loss is -1/2 sum of squares of the pooled values, up to a constant. */
static double loss_at(const run_t *r, float *weight, double by)
{
    float old = *weight;
    double sum = 0;
    *weight = (float)(old + by);
    run_forward(r, 4, some_sets);
    *weight = old;
    for (int64_t i = 0; i < 4 * WIDTH; i++)
        sum -= 0.5 * (double)r->pooled->value[i] * r->pooled->value[i];
    return sum;
}

static void gradient_of_a_whole_network_equals_differences(void **state)
{
    (void)state;
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_TRAIN, 4, 40);
    float *gradient = malloc((size_t)params_size(n.params) * sizeof(float));
    run_forward(&r, 4, some_sets);
    graph_backward(r.g, gradient);
    const int ids[] = {n.first, n.weight[0], n.weight[2], n.bias[1], n.scale};
    for (int k = 0; k < 5; k++)
        for (int64_t i = 0; i < 20; i += 3) {
            float *w = params_tensor(n.params, ids[k]) + i;
            double h = 1.0 / 256, near = loss_at(&r, w, h) - loss_at(&r, w, -h);
            double far = loss_at(&r, w, 2 * h) - loss_at(&r, w, -2 * h);
            double expected = (8 * near - far) / (12 * h);
            double got = gradient[params_at(n.params, ids[k])->offset + i];
            /* rounding: 2^-24 of a loss near 30, over h: some 1e-3 */
            assert_true(fabs(got - expected) < 2e-3 * (1 + fabs(expected)));
        }
    free(gradient);
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

static void a_batch_may_be_empty(void **state)
{
    (void)state;
    static const int64_t no_elements[] = {0, 0, 0};
    net_t n = net_create();
    run_t r = run_create(&n, GRAPH_TRAIN, 4, 40);
    float *gradient = malloc((size_t)params_size(n.params) * sizeof(float));
    for (int64_t sets = 0; sets <= 2; sets += 2) {
        run_forward(&r, sets, no_elements);
        graph_backward(r.g, gradient);
        assert_true(gradient[params_at(n.params, n.weight[0])->offset] == 0);
    }
    assert_true(r.pooled->value[0] == 0);
    free(gradient);
    graph_destroy(&r.g);
    params_destroy(&n.params);
}

static void nothing_flows_through_stop(void **state)
{
    (void)state;
    graph_limits_t limits = {.sets = 2};
    graph_batch_t batch = {.sets = 2};
    graph_t *g = graph_create(GRAPH_TRAIN, NULL, &limits);
    tensor_t *x = graph_want_grad(g, graph_input(g, ROWS_SETS, 1, 1));
    tensor_t *y = graph_want_grad(g, graph_input(g, ROWS_SETS, 1, 1));
    tensor_t *z = op_add(g, op_mul(g, x, op_stop(g, x)), op_stop(g, y));
    graph_seal(g, op_total(g, z));
    graph_begin(g, &batch);
    x->value[0] = 3;
    x->value[1] = -2;
    y->value[0] = y->value[1] = 5;
    graph_forward(g);
    graph_backward(g, NULL);
    assert_true(x->grad[0] == 3 && x->grad[1] == -2); // of x c with c = x: c alone
    assert_true(y->grad[0] == 0 && y->grad[1] == 0);
    graph_destroy(&g);
}

static void derived_rows_follow_the_elements(void **state)
{
    (void)state;
    static const int64_t sets[] = {0, 0, 1, 5, 13};
    static const int64_t coarse[] = {0, 0, 1, 2, 4}, tokens[] = {0, 1, 3, 5, 8};
    graph_limits_t limits = {.sets = 4, .elements = {30}, .length = {9}};
    graph_t *g = graph_create(GRAPH_FORWARD, NULL, &limits);
    int a = graph_derive(g, ROWS_ELEMENTS, 4, 0), b = graph_derive(g, a, 1, 1);
    assert_int_equal(graph_derive(g, ROWS_ELEMENTS, 1, 0), ROWS_ELEMENTS);
    assert_int_equal(graph_derive(g, ROWS_ELEMENTS, 4, 0), a);
    assert_int_not_equal(graph_derive(g, ROWS_ELEMENTS, 4, 1), a);
    assert_int_not_equal(a, b);
    assert_int_equal(graph_max_length(g, a), 3);
    assert_int_equal(graph_max_length(g, b), 4);
    assert_int_equal(graph_capacity(g, a), 10); // 30 = 9 + 9 + 9 + 3 would make 10
    assert_int_equal(graph_capacity(g, b), 14);
    tensor_t *x = graph_input(g, b, 1, 1);
    tensor_t *sum = graph_keep(g, op_segment_sum(g, x));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = 4, .offsets = {sets}});
    assert_memory_equal(graph_offsets(g, a), coarse, sizeof coarse);
    assert_memory_equal(graph_offsets(g, b), tokens, sizeof tokens);
    assert_int_equal(x->rows, 8);
    for (int64_t i = 0; i < x->rows; i++)
        x->value[i] = (float)i;
    graph_forward(g);
    assert_true(sum->value[0] == 0 && sum->value[1] == 3 && sum->value[2] == 7 &&
                sum->value[3] == 18);
    graph_destroy(&g);
}

/* Sets of single elements make as many coarse rows as elements: the largest number that a capacity must hold. */
static void derived_rows_hold_the_worst_batch(void **state)
{
    (void)state;
    static const int64_t ones[] = {0, 1, 2, 3}, uneven[] = {0, 5, 10, 12};
    graph_limits_t limits = {.sets = 3, .elements = {12}, .length = {5}};
    graph_t *g = graph_create(GRAPH_FORWARD, NULL, &limits);
    tensor_t *x = graph_keep(g, graph_input(g, graph_derive(g, ROWS_ELEMENTS, 4, 0), 1, 1));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = 3, .offsets = {ones}});
    assert_int_equal(x->rows, 3);
    graph_begin(g, &(graph_batch_t){.sets = 3, .offsets = {uneven}});
    assert_int_equal(x->rows, 5);
    assert_true(x->rows <= graph_capacity(g, x->rows_class));
    graph_destroy(&g);
}

static void flops_are_counted(void **state)
{
    (void)state;
    net_t n = net_create();
    graph_limits_t limits = {.sets = 8};
    graph_batch_t batch = {.sets = 5};
    graph_t *g = graph_create(GRAPH_FORWARD, n.params, &limits);
    tensor_t *x = graph_input(g, ROWS_SETS, 1, WIDTH);
    graph_keep(
        g, op_linear(g, x, graph_param(g, n.weight[0]), graph_param(g, n.bias[0]), UNARY_IDENTITY));
    graph_seal(g, NULL);
    graph_begin(g, &batch);
    assert_true(graph_flops(g) == 5.0 * WIDTH * (2 * WIDTH + 1));
    graph_destroy(&g);
    params_destroy(&n.params);
}

/* y = W tanh(layers of x), and seed' y. */
typedef struct {
    graph_t *g;
    tensor_t *x, *seed;
} jacobian_t;

static jacobian_t jacobian_create(const net_t *n, graph_mode_t mode)
{
    graph_limits_t limits = {.sets = 5};
    jacobian_t j = {.g = graph_create(mode, n->params, &limits)};
    j.x = graph_want_grad(j.g, graph_input(j.g, ROWS_SETS, 1, WIDTH));
    j.seed = graph_input(j.g, ROWS_SETS, 1, WIDTH);
    tensor_t *h = j.x;
    for (int i = 0; i < LAYERS; i++) {
        tensor_t *u = op_linear(j.g, h, graph_param(j.g, n->weight[i]), NULL, UNARY_MISH);
        h = op_rms_norm(j.g, op_add(j.g, h, u), graph_param(j.g, n->scale), 1e-6);
    }
    graph_seal(j.g, op_total(j.g, op_mul(j.g, h, j.seed)));
    graph_begin(j.g, &(graph_batch_t){.sets = 5});
    for (int64_t i = 0; i < tensor_size(j.x); i++)
        j.x->value[i] = (float)((i * 37) % 101) / 50 - 1;
    return j;
}

static void seed_column(const jacobian_t *j, int column)
{
    for (int64_t i = 0; i < tensor_size(j->seed); i++)
        j->seed->value[i] = i % WIDTH == column;
}

static void a_slope_graph_goes_back_many_times_after_one_forward_pass(void **state)
{
    (void)state;
    net_t n = net_create();
    jacobian_t train = jacobian_create(&n, GRAPH_TRAIN), slope = jacobian_create(&n, GRAPH_SLOPE);
    float *gradient = malloc((size_t)params_size(n.params) * sizeof(float));
    graph_forward(slope.g);
    for (int column = 0; column < WIDTH; column += 5) {
        seed_column(&train, column);
        graph_forward(train.g);
        graph_backward(train.g, gradient);
        seed_column(&slope, column);
        graph_backward(slope.g, NULL);
        assert_memory_equal(train.x->grad, slope.x->grad, 5 * WIDTH * sizeof(float));
    }
    assert_true(graph_backward_flops(slope.g) < 0.6 * graph_backward_flops(train.g));
    free(gradient);
    graph_destroy(&train.g);
    graph_destroy(&slope.g);
    params_destroy(&n.params);
}

/* Inputs of each stage; what is recorded first is of a late stage, so that its memory could be taken by an early one. */
typedef struct {
    graph_t *g;
    tensor_t *seldom, *often, *x, *out;
} staged_t;

static tensor_t *layer_of(graph_t *g, const net_t *n, int i, tensor_t *x)
{
    return op_linear(g, x, graph_param(g, n->weight[i]), graph_param(g, n->bias[i]), UNARY_MISH);
}

static staged_t staged_create(const net_t *n)
{
    graph_limits_t limits = {.sets = 2, .draws = 6};
    staged_t s = {.g = graph_create(GRAPH_FORWARD, n->params, &limits)};
    s.x = graph_input(s.g, ROWS_DRAWS, 1, WIDTH);
    tensor_t *h = layer_of(s.g, n, 0, layer_of(s.g, n, 1, s.x));
    s.often = graph_stage(s.g, graph_input(s.g, ROWS_SETS, 1, WIDTH), 1);
    s.seldom = graph_stage(s.g, graph_input(s.g, ROWS_SETS, 1, WIDTH), 0);
    tensor_t *a = layer_of(s.g, n, 2, layer_of(s.g, n, 3, s.seldom));
    tensor_t *b = op_add(s.g, layer_of(s.g, n, 1, s.often), a);
    h = op_film(s.g, h, layer_of(s.g, n, 0, b), a);
    s.out = graph_keep(s.g, layer_of(s.g, n, 2, h));
    graph_seal(s.g, NULL);
    return s;
}

static void fill(tensor_t *t, int k)
{
    for (int64_t i = 0; i < tensor_size(t); i++)
        t->value[i] = (float)((i * 37 + k * 11) % 101) / 50 - 1;
}

/* A whole pass of a graph of its own over the inputs made of (seldom, often, x). */
static void assert_same_as_whole(const net_t *n, const staged_t *s, const graph_batch_t *batch,
                                 const int k[3])
{
    staged_t whole = staged_create(n);
    graph_begin(whole.g, batch);
    fill(whole.seldom, k[0]);
    fill(whole.often, k[1]);
    fill(whole.x, k[2]);
    graph_forward(whole.g);
    assert_memory_equal(whole.out->value, s->out->value,
                        (size_t)tensor_size(whole.out) * sizeof(float));
    graph_destroy(&whole.g);
}

static void later_stages_run_alone(void **state)
{
    (void)state;
    net_t n = net_create();
    staged_t s = staged_create(&n);
    graph_batch_t six = {.sets = 2, .draws = 6}, four = {.sets = 2, .draws = 4};
    graph_begin(s.g, &six);
    fill(s.seldom, 1);
    fill(s.often, 2);
    fill(s.x, 3);
    graph_forward(s.g);
    assert_same_as_whole(&n, &s, &six, (int[]){1, 2, 3});
    graph_begin(s.g, &four);
    fill(s.x, 4);
    graph_forward_from(s.g, 2);
    assert_same_as_whole(&n, &s, &four, (int[]){1, 2, 4});
    fill(s.often, 5);
    graph_forward_from(s.g, 1);
    assert_same_as_whole(&n, &s, &four, (int[]){1, 5, 4});
    graph_begin(s.g, &six);
    fill(s.x, 6);
    graph_forward_from(s.g, 2);
    assert_same_as_whole(&n, &s, &six, (int[]){1, 5, 6});
    fill(s.seldom, 7);
    graph_forward(s.g);
    assert_same_as_whole(&n, &s, &six, (int[]){7, 5, 6});
    assert_true(graph_forward_flops(s.g, 2) < graph_forward_flops(s.g, 1));
    assert_true(graph_forward_flops(s.g, 1) < graph_forward_flops(s.g, 0));
    graph_destroy(&s.g);
    params_destroy(&n.params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_graph_equals_training_graph),
        cmocka_unit_test(forward_graph_shares_memory),
        cmocka_unit_test(same_inputs_give_the_same_bits),
        cmocka_unit_test(gradients_are_final_when_told),
        cmocka_unit_test(gradient_is_written_whole),
        cmocka_unit_test(gradient_of_a_whole_network_equals_differences),
        cmocka_unit_test(a_batch_may_be_empty),
        cmocka_unit_test(nothing_flows_through_stop),
        cmocka_unit_test(derived_rows_follow_the_elements),
        cmocka_unit_test(derived_rows_hold_the_worst_batch),
        cmocka_unit_test(a_slope_graph_goes_back_many_times_after_one_forward_pass),
        cmocka_unit_test(later_stages_run_alone),
        cmocka_unit_test(flops_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
