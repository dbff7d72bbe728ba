// SPDX-License-Identifier: Apache-2.0
/* Winograd's transforms against the sums that they stand for, in float64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/winograd.h"

#include <math.h>
#include <stdlib.h>

/* A single pixel, odd and even sides, several panels, more tiles than are at work at once. */
static const winograd_t cases[] = {
    {1, {1, 1}, 16, 16}, {3, {5, 4}, 16, 48}, {2, {2, 7}, 64, 32}, {9, {12, 10}, 32, 16}};
enum { CASES = sizeof cases / sizeof *cases };

static float *draw(rng_t *r, int64_t n)
{
    float *x = MEM_NEW(float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2 * rng_uniform(r) - 1);
    return x;
}

/* The pixel of tap k around pixel `row` of all images, or -1 outside. */
static int64_t neighbour(const winograd_t *w, int64_t row, int64_t k)
{
    int64_t width = w->image.width, pixels = image_pixels(w->image);
    int64_t y = row % pixels / width + k / 3 - 1, x = row % width + k % 3 - 1;
    if (y < 0 || y >= w->image.height || x < 0 || x >= width)
        return -1;
    return row / pixels * pixels + y * width + x;
}

static double convolved(const winograd_t *w, const float *x, const float *weight, bool turned,
                        int64_t row, int64_t col)
{
    double sum = 0;
    for (int64_t k = 0; k < 9; k++) {
        int64_t at = neighbour(w, row, k);
        for (int64_t c = 0; c < w->in && at >= 0; c++)
            sum += (double)x[at * w->in + c] *
                   (double)(turned ? weight[((8 - k) * w->out + col) * w->in + c]
                                   : weight[(k * w->in + c) * w->out + col]);
    }
    return sum;
}

static double by_weight(const winograd_t *w, const float *x, const float *dy, int64_t k, int64_t c,
                        int64_t col)
{
    double sum = 0;
    for (int64_t row = 0; row < w->units * image_pixels(w->image); row++) {
        int64_t at = neighbour(w, row, k);
        if (at >= 0)
            sum += (double)x[at * w->in + c] * (double)dy[row * w->out + col];
    }
    return sum;
}

/* Of n terms of at most 1; the transforms' larger intermediate numbers cost a few bits. */
static void assert_sum(double got, double expected, int64_t n)
{
    if (!(fabs(got - expected) <= 1e-6 * sqrt((double)n) * 4))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

typedef struct {
    int64_t rows;
    float *x, *weight, *begin, *y, *first, *scratch;
} data_t;

static data_t make(const winograd_t *w)
{
    rng_t r = rng_at(4, RNG_CHECK, 0);
    data_t d = {.rows = w->units * image_pixels(w->image)};
    d.x = draw(&r, d.rows * w->in);
    d.weight = draw(&r, 9 * w->in * w->out);
    d.begin = draw(&r, w->out);
    d.y = draw(&r, d.rows * w->out);
    d.first = MEM_NEW(float, d.rows * w->out);
    for (int64_t i = 0; i < d.rows * w->out; i++)
        d.first[i] = d.y[i];
    d.scratch = MEM_NEW(float, winograd_floats(w->in, w->out));
    return d;
}

static void end(data_t *d)
{
    free(d->x);
    free(d->weight);
    free(d->begin);
    free(d->y);
    free(d->first);
    free(d->scratch);
}

static void check_convolution(const winograd_t *w, bool turned, bool add)
{
    data_t d = make(w);
    winograd_convolve(w, d.x, d.weight, turned, add ? NULL : d.begin, add, d.y, d.scratch);
    for (int64_t i = 0; i < d.rows * w->out; i += 5) {
        double first = (double)(add ? d.first[i] : d.begin[i % w->out]);
        double sum = convolved(w, d.x, d.weight, turned, i / w->out, i % w->out);
        assert_sum(d.y[i], first + sum, 9 * w->in);
    }
    end(&d);
}

static void test_a_convolution_is_a_sum_over_the_window(void **state)
{
    (void)state;
    for (int k = 0; k < CASES; k++) {
        check_convolution(&cases[k], false, false);
        check_convolution(&cases[k], false, true);
    }
}

static void test_turned_it_leads_back(void **state)
{
    (void)state;
    for (int k = 0; k < CASES; k++) {
        check_convolution(&cases[k], true, false);
        check_convolution(&cases[k], true, true);
    }
}

static void check_weights(const winograd_t *w, bool add)
{
    data_t d = make(w);
    float *dw = MEM_NEW(float, 9 * w->in * w->out);
    for (int64_t i = 0; i < 9 * w->in * w->out; i++)
        dw[i] = 0.5f;
    winograd_weights(w, d.x, d.y, add, dw, d.scratch);
    for (int64_t i = 0; i < 9 * w->in * w->out; i += 31) {
        int64_t row = i / w->out;
        double sum = by_weight(w, d.x, d.y, row / w->in, row % w->in, i % w->out);
        assert_sum(dw[i], (add ? 0.5 : 0) + sum, d.rows);
    }
    free(dw);
    end(&d);
}

static void test_the_weights_gradient_is_a_sum_over_pixels(void **state)
{
    (void)state;
    for (int k = 0; k < CASES; k++) {
        check_weights(&cases[k], false);
        check_weights(&cases[k], true);
    }
}

static void test_whole_panels_fit(void **state)
{
    (void)state;
    assert_true(winograd_fits(16, WINOGRAD_MOST));
    assert_false(winograd_fits(8, 16));
    assert_false(winograd_fits(16, 17));
    assert_false(winograd_fits(WINOGRAD_MOST + WINOGRAD_CHANNELS, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_convolution_is_a_sum_over_the_window),
        cmocka_unit_test(test_turned_it_leads_back),
        cmocka_unit_test(test_the_weights_gradient_is_a_sum_over_pixels),
        cmocka_unit_test(test_whole_panels_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
