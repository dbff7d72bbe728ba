// SPDX-License-Identifier: Apache-2.0
// One number and an array of five: two values right, one that never varies, one shifted, one right again.
#include "diagnostics/arrays.h"
#include "diagnostics/gate_array.h"
#include "diagnostics/figure_images.h"
#include "diagnostics/markup.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { N = 400, S = 40, D = 6, CONSTANT = 3, SHIFTED = 4 };
static const array_group_t groups[] = {{"mu", 0, 1, false}, {"image", 1, 5, true}};
static const char *const names[] = {"mu", "image"};

typedef struct {
    digest_t digest;
    metrics_t all;
} world_t;

/* Posterior N(m, 1) of a truth from it; the shifted one lies 1 too high. */
static int set_up(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    double *draws = MEM_NEW(double, N *S *D), *truth = MEM_NEW(double, N *D);
    rng_t r = rng_at(5, RNG_CHECK, 0);
    for (int i = 0; i < N; i++)
        for (int p = 0; p < D; p++) {
            double mean = p == CONSTANT ? 0 : 3 * rng_normal(&r);
            truth[i * D + p] = p == CONSTANT ? 0 : mean + rng_normal(&r);
            for (int s = 0; s < S; s++)
                draws[(i * S + s) * D + p] = mean + rng_normal(&r) + (p == SHIFTED ? 1 : 0);
        }
    *state = w;
    err_t err = digest_of_draws(N, S, D, draws, truth, &w->digest);
    w->all = metrics_compute(&w->digest, 0.95);
    free(truth);
    free(draws);
    return err;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    metrics_free(&w->all);
    digest_free(&w->digest);
    free(w);
    return 0;
}

static void an_array_is_one_line_of_medians(void **state)
{
    const world_t *w = *state;
    array_metrics_t of[2];
    metrics_t m = arrays_metrics(&w->all, &w->digest, 2, groups, 0.10, of);
    const parameter_metrics_t *p = w->all.parameter;
    assert_int_equal(m.d, 2);
    assert_true(m.parameter[0].calibration_error == p[0].calibration_error);
    assert_int_equal(of[0].values, 0);
    assert_int_equal(of[1].values, 5);
    assert_int_equal(of[1].constant, 1);
    // of the four that vary, the median lies between the second and the third
    double e[4] = {p[1].calibration_error, p[2].calibration_error, p[4].calibration_error,
                   p[5].calibration_error};
    double low = 0, high = 0;
    for (int k = 0; k < 4; k++) {
        int below = 0;
        for (int j = 0; j < 4; j++)
            below += e[j] < e[k];
        low = below == 1 ? e[k] : low;
        high = below == 2 ? e[k] : high;
    }
    assert_true(fabs(m.parameter[1].calibration_error - (low + high) / 2) < 1e-15);
    assert_true(of[1].worst_calibration_error == p[SHIFTED].calibration_error);
    assert_true(of[1].worst_ecdf_deviation == p[SHIFTED].ecdf_deviation);
    /* A posterior that lies one sd too high has its truth at or below quantile z with probability Phi(Phi^-1(z) - 1):
     * it is at most 0.38 off; with 400 data sets the sampling error is below 0.05. */
    assert_true(of[1].worst_ecdf_deviation > 0.33 && of[1].worst_ecdf_deviation < 0.44);
    assert_true(of[1].share_fair == 0.75 && of[1].share_inside == 0.75);
    metrics_free(&m);
    m = arrays_metrics(&w->all, &w->digest, 2, groups, 0.5, of);
    assert_true(of[1].share_inside == 1 && of[1].share_fair == 0.75);
    metrics_free(&m);
}

static void pictures_show_from_the_best_to_the_worst(void **state)
{
    const world_t *w = *state;
    int which[D], n = arrays_shown(&w->all, &w->digest, 2, groups, which);
    const int expected[] = {0, 1, 2, 4, 5}; // the constant one is not shown
    assert_int_equal(n, 5);
    assert_memory_equal(which, expected, sizeof expected);
    digest_t few = arrays_digest(&w->digest, n, which);
    metrics_t m = arrays_pick(&w->all, n, which);
    assert_int_equal(few.d, 5);
    for (int64_t i = 0; i < N; i++)
        for (int k = 0; k < n; k++)
            assert_memory_equal(&few.value[i * n + k], &w->digest.value[i * D + which[k]],
                                sizeof(digest_value_t));
    assert_true(m.parameter[3].ecdf_deviation == w->all.parameter[SHIFTED].ecdf_deviation);
    metrics_free(&m);
    digest_free(&few);
}

static gate_record_t judge(const world_t *w)
{
    array_metrics_t of[2];
    gate_limits_t limits = gate_limits_default();
    metrics_t m = arrays_metrics(&w->all, &w->digest, 2, groups, 0.10, of);
    gate_subject_t subject = {.study = "pictures", .weights = "9f", .bank = "b", .arrays = of};
    gate_record_t r = gate_judge(&m, names, &limits, &subject);
    metrics_free(&m);
    return r;
}

static void too_many_wrong_values_fail_though_the_median_is_right(void **state)
{
    gate_record_t r = judge(*state);
    assert_true(r.parameters[1].passed); // the median
    assert_int_equal(r.n_arrays, 1);
    assert_false(r.arrays[0].passed || r.passed);
    assert_non_null(strstr(r.reasons[0], "Parameter image: 75 % of its values have a calibration "
                                         "error of at most 0.1, at least 80 % needed"));
    char *words = gate_array_words(&r, 0);
    assert_non_null(strstr(words, "image: 5 values, of which 1 never vary and are left out"));
    assert_non_null(strstr(words, "at least fair in 75 %"));
    free(words);
    gate_free(&r);
}

static void the_record_keeps_arrays_and_their_verdict(void **state)
{
    gate_record_t r = judge(*state), back;
    char path[] = "arrays_test_XXXXXX";
    text_t text;
    close(mkstemp(path));
    assert_int_equal(gate_write(path, &r), OK);
    if (gate_read(path, &back) != OK)
        fail_msg("%s", err_text());
    assert_int_equal(back.n_arrays, 1);
    assert_string_equal(back.arrays[0].name, "image");
    assert_memory_equal(&back.arrays[0].metrics, &r.arrays[0].metrics, sizeof(array_metrics_t));
    gate_free(&back);
    r.arrays[0].passed = r.passed = true; // against its numbers
    assert_int_equal(gate_write(path, &r), OK);
    assert_int_equal(gate_read(path, &back), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "does not follow from its numbers"));
    gate_free(&r);
    r = judge(*state);
    gate_arrays_free(&r);
    r.n_arrays = 0;
    r.arrays = NULL;
    assert_int_equal(gate_write(path, &r), OK);
    assert_int_equal(file_read(path, &text), OK);
    assert_null(strstr(text.data, "arrays"));
    text_free(&text);
    gate_free(&r);
    unlink(path);
}

/* ---- pictures ---- */

static void assert_png(const char *path)
{
    unsigned char head[8] = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(head, 1, 8, file), 8);
    fclose(file);
    assert_memory_equal(head, "\x89PNG\r\n\x1a\n", 8);
}

/* A disc that moves, a little noise: 12 x 9 pixels, two channels. */
static void images_are_drawn(void **state)
{
    enum { H = 12, W = 9, C = 2, P = H * W * C, SETS = 3, DRAWS = 5 };
    (void)state;
    const char *images = getenv("IMAGES_PNG") ? getenv("IMAGES_PNG") : "images_test.png";
    const char *pixels = getenv("PIXELS_PNG") ? getenv("PIXELS_PNG") : "pixels_test.png";
    double *draws = MEM_NEW(double, SETS *DRAWS *P), *truth = MEM_NEW(double, SETS *P);
    float *seen = MEM_NEW(float, SETS *H *W);
    const float *observed[SETS];
    rng_t r = rng_at(6, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        observed[i] = seen + i * H * W;
        for (int k = 0; k < P; k++) {
            double y = k / C / W - 3.0 - 2 * i, x = k / C % W - 4.0;
            truth[i * P + k] = k < C ? 0 : y * y + x * x < 9;
            if (k % C == 0)
                seen[i * H * W + k / C] = (float)(truth[i * P + k] + 0.3 * rng_normal(&r));
            for (int s = 0; s < DRAWS; s++)
                draws[(i * DRAWS + s) * P + k] = truth[i * P + k] + 0.1 * rng_normal(&r);
        }
    }
    digest_t digest;
    assert_int_equal(digest_of_draws(SETS, DRAWS, P, draws, truth, &digest), OK);
    metrics_t metrics = metrics_compute(&digest, 0.95);
    image_target_t target = {"image", 0, H, W, C};
    image_samples_t samples = {SETS, DRAWS, draws, observed, H, W, 1};
    stamp_t stamp = {.study = "s", .weights = "w", .title = "t"};
    assert_int_equal(figure_images(images, &stamp, &target, &digest, &samples), OK);
    assert_png(images);
    samples.observed = NULL;
    samples.draws = 2;
    assert_int_equal(figure_images("few_test.png", &stamp, &target, &digest, &samples), OK);
    assert_png("few_test.png");
    assert_int_equal(figure_pixels(pixels, &stamp, &target, &digest, &metrics), OK);
    assert_png(pixels);
    unlink("few_test.png");
    unlink("few_test.svg");
    if (getenv("IMAGES_PNG") == NULL) {
        unlink("images_test.png");
        unlink("images_test.svg");
        unlink("pixels_test.png");
        unlink("pixels_test.svg");
    }
    metrics_free(&metrics);
    digest_free(&digest);
    free(seen);
    free(truth);
    free(draws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_one_line_of_medians),
        cmocka_unit_test(pictures_show_from_the_best_to_the_worst),
        cmocka_unit_test(too_many_wrong_values_fail_though_the_median_is_right),
        cmocka_unit_test(the_record_keeps_arrays_and_their_verdict),
        cmocka_unit_test(images_are_drawn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
