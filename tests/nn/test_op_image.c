// SPDX-License-Identifier: Apache-2.0
/* What the ops of images compute, against their formulas (op.h) written out in float64. */
#include "nn/op.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    int64_t units, height, width, size, in, out;
} shape_t;

/* One tile or many, one panel or several, fewer channels than a tile has columns, images beyond what is at work at once, with and without Winograd's
 * transforms. */
static const shape_t shapes[] = {{3, 4, 5, 3, 2, 3},     {1, 1, 1, 3, 1, 1},
                                 {2, 7, 7, 3, 16, 32},   {5, 13, 10, 3, 48, 32},
                                 {40, 12, 9, 3, 16, 17}, {2, 30, 33, 5, 3, 18}};

static void fill(tensor_t *t, rng_t *r)
{
    for (int64_t i = 0; i < tensor_size(t); i++)
        t->value[i] = (float)(2 * rng_uniform(r) - 1);
}

static graph_t *new_graph(graph_mode_t mode, int64_t units)
{
    return graph_create(mode, NULL, &(graph_limits_t){.sets = units});
}

static void begin(graph_t *g, tensor_t *result, int64_t units)
{
    graph_keep(g, result);
    graph_seal(g, graph_mode(g) == GRAPH_TRAIN ? op_total(g, result) : NULL);
    graph_begin(g, &(graph_batch_t){.sets = units});
}

/* The place of pixel (y, x) of a unit in `x`, or -1 outside of the image. */
static int64_t pixel(const shape_t *s, int64_t unit, int64_t y, int64_t x)
{
    if (y < 0 || y >= s->height || x < 0 || x >= s->width)
        return -1;
    return (unit * s->height + y) * s->width + x;
}

static double convolved(const shape_t *s, int64_t row, int64_t col, const tensor_t *x,
                        const tensor_t *w, const tensor_t *b)
{
    int64_t pixels = s->height * s->width, unit = row / pixels, half = s->size / 2;
    double sum = b->value[col];
    for (int64_t k = 0; k < s->size * s->size; k++) {
        int64_t at = pixel(s, unit, row % pixels / s->width + k / s->size - half,
                           row % s->width + k % s->size - half);
        for (int64_t c = 0; c < s->in && at >= 0; c++)
            sum +=
                (double)x->value[at * s->in + c] * (double)w->value[(k * s->in + c) * s->out + col];
    }
    return sum;
}

/* d (sum of all results o weight) / d weights[k, c, col] */
static double by_weight(const shape_t *s, int64_t k, int64_t c, int64_t col, const tensor_t *x,
                        const tensor_t *slope)
{
    double sum = 0;
    for (int64_t row = 0; row < slope->rows; row++) {
        int64_t pixels = s->height * s->width, half = s->size / 2;
        int64_t at = pixel(s, row / pixels, row % pixels / s->width + k / s->size - half,
                           row % s->width + k % s->size - half);
        if (at >= 0)
            sum += (double)x->value[at * s->in + c] * (double)slope->value[row * s->out + col];
    }
    return sum;
}

/* float32 sums of n terms of at most 1: their rounding is below sqrt(n) 2^-24 times a few. */
static void assert_sum(double got, double expected, int64_t n)
{
    if (!(fabs(got - expected) <= 1e-6 * sqrt((double)n) * 4))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static void check_shape(const shape_t *s)
{
    graph_t *g = new_graph(GRAPH_TRAIN, s->units);
    rng_t r = rng_at(1, RNG_CHECK, 0);
    tensor_t *x = graph_input(g, ROWS_SETS, s->height * s->width, s->in);
    tensor_t *w = graph_want_grad(g, graph_input(g, ROWS_ONE, s->size * s->size * s->in, s->out));
    tensor_t *b = graph_input(g, ROWS_ONE, 1, s->out);
    tensor_t *slope = graph_input(g, ROWS_SETS, s->height * s->width, s->out);
    image_t image = {s->height, s->width};
    tensor_t *y = graph_keep(g, op_conv2d(g, x, w, b, image, s->size, UNARY_IDENTITY));
    begin(g, op_mul(g, y, slope), s->units);
    tensor_t *in[] = {x, w, b, slope};
    for (int k = 0; k < 4; k++)
        fill(in[k], &r);
    graph_forward(g);
    for (int64_t i = 0; i < tensor_size(y); i += 7)
        assert_sum(y->value[i], convolved(s, i / s->out, i % s->out, x, w, b), w->rows);
    graph_backward(g, NULL);
    for (int64_t i = 0; i < tensor_size(w); i += 101) {
        int64_t row = i / s->out;
        assert_sum(w->grad[i], by_weight(s, row / s->in, row % s->in, i % s->out, x, slope),
                   y->rows);
    }
    graph_destroy(&g);
}

static void test_a_convolution_is_a_sum_over_the_window(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        check_shape(&shapes[k]);
}

/* A unit's numbers do not depend on those around it, bit for bit. */
static void test_images_do_not_see_each_other(void **state)
{
    (void)state;
    enum { UNITS = 5, PIXELS = 49, IN = 3, OUT = 8 };
    graph_t *g = new_graph(GRAPH_FORWARD, UNITS);
    rng_t r = rng_at(2, RNG_CHECK, 0);
    tensor_t *x = graph_input(g, ROWS_SETS, PIXELS, IN), *w = graph_input(g, ROWS_ONE, 9 * IN, OUT);
    tensor_t *y = op_conv2d(g, x, w, NULL, (image_t){7, 7}, 3, UNARY_SILU);
    float before[PIXELS * OUT];
    begin(g, y, UNITS);
    fill(x, &r);
    fill(w, &r);
    graph_forward(g);
    memcpy(before, y->value + 2 * PIXELS * OUT, sizeof before);
    for (int64_t i = 0; i < tensor_size(x); i++)
        if (i / (PIXELS * IN) != 2)
            x->value[i] = 9;
    graph_forward(g);
    assert_memory_equal(before, y->value + 2 * PIXELS * OUT, sizeof before);
    graph_destroy(&g);
}

static void test_pooling_counts_zeros_beyond_an_odd_edge(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD, 1);
    tensor_t *x = graph_input(g, ROWS_SETS, 9, 1), *y = op_pool2d(g, x, (image_t){3, 3});
    begin(g, y, 1);
    for (int i = 0; i < 9; i++)
        x->value[i] = (float)(i + 1);
    graph_forward(g);
    static const float expected[] = {3.0f, 2.25f, 3.75f, 2.25f}; // (1+2+4+5)/4, (3+6)/4, ...
    assert_int_equal(y->rows, 4);
    assert_memory_equal(y->value, expected, sizeof expected);
    graph_destroy(&g);
}

static void test_upsampling_repeats_and_cropping_keeps_the_first(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD, 2);
    tensor_t *x = graph_input(g, ROWS_SETS, 2, 1);
    tensor_t *up = graph_keep(g, op_upsample2d(g, x, (image_t){1, 2}));
    tensor_t *y = op_crop2d(g, up, (image_t){2, 4}, (image_t){2, 3});
    assert_ptr_equal(op_crop2d(g, x, (image_t){1, 2}, (image_t){1, 2}), x);
    begin(g, y, 2);
    memcpy(x->value, (float[]){1, 2, 3, 4}, 4 * sizeof(float));
    graph_forward(g);
    static const float doubled[] = {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4};
    static const float cropped[] = {1, 1, 2, 1, 1, 2, 3, 3, 4, 3, 3, 4};
    assert_memory_equal(up->value, doubled, sizeof doubled);
    assert_memory_equal(y->value, cropped, sizeof cropped);
    graph_destroy(&g);
}

enum { UNITS = 3, PER = 35, COLS = 12, GROUPS = 4 };

static void moments(const tensor_t *x, int64_t unit, int64_t group, double *mean, double *variance)
{
    double sum = 0, square = 0, n = PER * (COLS / GROUPS);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t r = unit * PER; r < (unit + 1) * PER; r++)
            for (int64_t c = group * (COLS / GROUPS); c < (group + 1) * (COLS / GROUPS); c++) {
                double v = x->value[r * COLS + c];
                sum += pass == 0 ? v : 0;
                square += pass == 1 ? (v - sum / n) * (v - sum / n) : 0;
            }
    *mean = sum / n;
    *variance = square / n;
}

static void test_group_norm_takes_moments_over_pixels_and_columns_of_a_group(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD, UNITS);
    rng_t r = rng_at(3, RNG_CHECK, 0);
    tensor_t *in[] = {graph_input(g, ROWS_SETS, PER, COLS), graph_input(g, ROWS_ONE, 1, COLS),
                      graph_input(g, ROWS_ONE, 1, COLS), graph_input(g, ROWS_SETS, 1, COLS)};
    tensor_t *y = op_group_norm(g, in[0], GROUPS, in[1], in[2], in[3], 1e-3, UNARY_TANH);
    begin(g, y, UNITS);
    for (int k = 0; k < 4; k++)
        fill(in[k], &r);
    graph_forward(g);
    for (int64_t i = 0; i < tensor_size(y); i++) {
        int64_t row = i / COLS, c = i % COLS;
        double mean, variance;
        moments(in[0], row / PER, c / (COLS / GROUPS), &mean, &variance);
        double z = ((double)in[0]->value[i] - mean) / sqrt(variance + 1e-3);
        double u = z * (double)in[1]->value[c] + (double)in[2]->value[c] +
                   (double)in[3]->value[row / PER * COLS + c];
        assert_true(fabs((double)y->value[i] - tanh(u)) < 1e-5); // float32 of unit size
    }
    graph_destroy(&g);
}

static void test_unit_mean_is_over_the_rows_of_a_unit(void **state)
{
    (void)state;
    graph_t *g = new_graph(GRAPH_FORWARD, 2);
    tensor_t *x = graph_input(g, ROWS_SETS, 2, 2), *y = op_unit_mean(g, x);
    begin(g, y, 2);
    memcpy(x->value, (float[]){1, 2, 3, 4, 5, 6, 7, 8}, 8 * sizeof(float));
    graph_forward(g);
    static const float expected[] = {2, 3, 6, 7};
    assert_int_equal(y->rows, 2);
    assert_memory_equal(y->value, expected, sizeof expected);
    graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_convolution_is_a_sum_over_the_window),
        cmocka_unit_test(test_images_do_not_see_each_other),
        cmocka_unit_test(test_pooling_counts_zeros_beyond_an_odd_edge),
        cmocka_unit_test(test_upsampling_repeats_and_cropping_keeps_the_first),
        cmocka_unit_test(test_group_norm_takes_moments_over_pixels_and_columns_of_a_group),
        cmocka_unit_test(test_unit_mean_is_over_the_rows_of_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
