// SPDX-License-Identifier: Apache-2.0
// Files are PNGs of the right size with their text chunks, and show ink; ticks and layout are checked by number.
#include "diagnostics/figures.h"
#include "diagnostics/plot.h"
#include "diagnostics/sample_stats.h"
#include "diagnostics/markup.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <png.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const stamp_t STAMP = {"études", "9f3c21ab", "A title"};
static const char PATH[] = "figure_test.png", SVG[] = "figure_test.svg";

typedef struct {
    digest_t digest;
    metrics_t metrics;
    double *draws, *truth;
    const char **names;
} data_t;

static data_t data_create(int64_t n, int64_t s, int d)
{
    data_t x = {.draws = MEM_NEW(double, n *s *d),
                .truth = MEM_NEW(double, n *d),
                .names = MEM_NEW(const char *, d)};
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int64_t i = 0; i < n * d; i++)
        x.truth[i] = rng_normal(&r);
    for (int64_t i = 0; i < n * s * d; i++)
        x.draws[i] = 0.8 * x.truth[i / (s * d) * d + i % d] + 0.5 * rng_normal(&r);
    for (int k = 0; k < d; k++)
        x.names[k] =
            k % 2 ? "a name that is far too long to stand over a panel of this figure" : "\xff β";
    assert_int_equal(digest_of_draws(n, s, d, x.draws, x.truth, &x.digest), OK);
    x.metrics = metrics_compute(&x.digest, 0.95);
    return x;
}

static samples_t samples_of(const data_t *x)
{
    return (samples_t){&x->digest, x->names};
}

static void data_free(data_t *x)
{
    digest_free(&x->digest);
    metrics_free(&x->metrics);
    free(x->draws);
    free(x->truth);
    free(x->names);
}

typedef struct {
    png_image image;
    unsigned char *rgb;
} picture_t;

static picture_t picture_read(void)
{
    picture_t p = {.image = {.version = PNG_IMAGE_VERSION}};
    assert_true(png_image_begin_read_from_file(&p.image, PATH));
    p.image.format = PNG_FORMAT_RGB;
    p.rgb = mem_alloc(PNG_IMAGE_SIZE(p.image), 1);
    assert_true(png_image_finish_read(&p.image, NULL, p.rgb, 0, NULL));
    return p;
}

/* Share of pixels of one colour, each channel within 2. */
static double picture_share(const picture_t *p, int red, int green, int blue)
{
    size_t pixels = (size_t)p->image.width * p->image.height, hits = 0;
    for (size_t i = 0; i < pixels; i++) {
        const unsigned char *c = p->rgb + 3 * i;
        hits += abs(c[0] - red) <= 2 && abs(c[1] - green) <= 2 && abs(c[2] - blue) <= 2;
    }
    return (double)hits / (double)pixels;
}

/* A picture is there, mostly white, and its edge is white all around: nothing is cut off. */
static void check_picture(void)
{
    picture_t p = picture_read();
    assert_true(p.image.width >= 600 && p.image.width <= 2800 && p.image.height >= 400);
    double white = picture_share(&p, 255, 255, 255);
    assert_true(white > 0.3 && white < 0.999);
    for (size_t y = 0; y < p.image.height; y++) {
        const unsigned char *row = p.rgb + 3 * y * p.image.width;
        const unsigned char *right = row + 3 * (p.image.width - 1);
        assert_true(row[0] == 255 && row[1] == 255 && row[2] == 255);
        assert_true(right[0] == 255 && right[1] == 255 && right[2] == 255);
    }
    free(p.rgb);
    assert_int_equal(access(SVG, R_OK), 0);
    unlink(PATH);
    unlink(SVG);
}

static void every_figure_stands_for_any_number_of_parameters(void **state)
{
    (void)state;
    static const int dims[] = {1, 2, 5, 30};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        data_t x = data_create(20, 9, dims[i]);
        samples_t samples = samples_of(&x);
        assert_int_equal(figure_recovery(PATH, &STAMP, &samples, &x.metrics), OK);
        check_picture();
        assert_int_equal(figure_calibration(PATH, &STAMP, &samples, &x.metrics), OK);
        check_picture();
        assert_int_equal(figure_coverage(PATH, &STAMP, &samples, &x.metrics), OK);
        check_picture();
        assert_int_equal(figure_rank_histogram(PATH, &STAMP, &samples), OK);
        check_picture();
        assert_int_equal(figure_contraction(PATH, &STAMP, &samples, &x.metrics), OK);
        check_picture();
        data_free(&x);
    }
}

static void pairs_stand_with_and_without_truth(void **state)
{
    (void)state;
    data_t x = data_create(3, 400, 3);
    assert_int_equal(figure_pairs(PATH, &STAMP, 400, 3, x.draws, NULL, x.names), OK);
    picture_t p = picture_read();
    assert_true(picture_share(&p, 213, 94, 0) == 0); // vermilion is for truths
    free(p.rgb);
    check_picture();
    assert_int_equal(figure_pairs(PATH, &STAMP, 400, 3, x.draws, x.truth, x.names), OK);
    p = picture_read();
    assert_true(picture_share(&p, 213, 94, 0) > 0);
    free(p.rgb);
    check_picture();
    data_free(&x);
}

static void loss_stands_for_short_and_broken_histories(void **state)
{
    (void)state;
    const double train[] = {3, 2, NAN, 1, 1.5}, valid[] = {3, 2.5, INFINITY, 1.5, 2};
    for (int64_t n = 0; n <= 5; n++) {
        assert_int_equal(figure_loss(PATH, &STAMP, n, train, valid), OK);
        check_picture();
    }
    const double nothing[] = {NAN, NAN};
    assert_int_equal(figure_loss(PATH, &STAMP, 2, nothing, nothing), OK);
    check_picture();
}

static void refinement_stands_for_any_number_of_rounds(void **state)
{
    (void)state;
    const double fresh[] = {3, 2.6, NAN}, offline[] = {3, 3.1, 2.9}, valid[] = {2.9, 2.8, 2.7};
    for (int64_t n = 0; n <= 3; n++) {
        const refine_losses_t losses = {n, n > 1 ? 1 : n - 1, fresh, offline, valid};
        assert_int_equal(figure_refine(PATH, &STAMP, &losses), OK);
        check_picture();
    }
}

static void distances_stand_for_any_number_of_data_sets(void **state)
{
    (void)state;
    enum { MANY = 100000, SIMULATED = 300 };
    static const int64_t sizes[] = {0, 1, 14, 60, 61, MANY};
    double reference[SIMULATED], *observed = MEM_NEW(double, MANY);
    rng_t r = rng_at(4, RNG_CHECK, 0);
    for (int i = 0; i < SIMULATED; i++)
        reference[i] = sqrt(2 * rng_gamma(&r, 4));
    for (int i = 0; i < MANY; i++)
        observed[i] = i % 9 == 8 ? NAN : sqrt(2 * rng_gamma(&r, 4));
    stats_sort(SIMULATED, reference);
    distances_t x = {SIMULATED, 0, reference, observed, reference[SIMULATED - 15]};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        x.n = sizes[i];
        assert_int_equal(figure_distance(PATH, &STAMP, &x), OK);
        check_picture();
    }
    observed[0] = 1e6; // far away: marked in vermilion
    x.n = 1;
    assert_int_equal(figure_distance(PATH, &STAMP, &x), OK);
    picture_t p = picture_read();
    assert_true(picture_share(&p, 213, 94, 0) > 0 || picture_share(&p, 215, 102, 13) > 0);
    free(p.rgb);
    check_picture();
    x.threshold = INFINITY;
    assert_int_equal(figure_distance(PATH, &STAMP, &x), OK);
    check_picture();
    free(observed);
}

/* Means around k, all the same sds where k is 0; two data sets alone where k is 1. */
static void populations_stand_for_any_number_of_parameters(void **state)
{
    (void)state;
    enum { MOST = 8 };
    static const char *const names[MOST] = {"v1", "v2", "a", "t", "s_v", "s_z", "s_t", "noise"};
    for (int d = 1; d <= MOST; d += 7) {
        histogram_t means[MOST], sds[MOST];
        double low[MOST], high[MOST];
        for (int k = 0; k < d; k++) {
            means[k] = histogram_create();
            sds[k] = histogram_create();
            low[k] = k - 3;
            high[k] = k == 2 ? (double)NAN : k + 3;
            for (int i = 0; i < (k == 1 ? 2 : 500); i++) {
                histogram_add(&means[k], k + sin(i * 1.7) * (1 + i % 3));
                histogram_add(&sds[k], k == 0 ? 0.5 : 0.1 + 0.01 * (i % 17));
            }
        }
        const population_t x = {d, names, means, sds, low, high};
        assert_int_equal(figure_population(PATH, &STAMP, &x), OK);
        check_picture();
        for (int k = 0; k < d; k++) {
            histogram_free(&means[k]);
            histogram_free(&sds[k]);
        }
    }
}

/* 30 groups, one of them with a long name, one with one data set, one with none; and one group alone. */
static void groups_stand_for_any_number_of_them(void **state)
{
    (void)state;
    enum { MOST = 30, D = 8 };
    static const char *const names[D] = {"v1", "v2", "a", "t", "s_v", "s_z", "s_t", "noise"};
    const char *groups[MOST];
    for (int i = 0; i < MOST; i++)
        groups[i] =
            i == 4 ? "a group whose name is far too long for the room that it has" : "group";
    for (int n = 1; n <= MOST; n += MOST - 1)
        for (int d = 1; d <= D; d += D - 1) {
            group_means_t g = group_means_create(n, groups, d);
            for (int i = 0; i < 500; i++) {
                double x[D];
                for (int k = 0; k < d; k++)
                    x[k] = k * 10 + sin(i * 1.3 + k);
                if (i % n != 7 && (i % n != 8 || i < n))
                    group_means_add(&g, i % n, x);
            }
            assert_int_equal(figure_groups(PATH, &STAMP, "country", names, &g), OK);
            check_picture();
            group_means_free(&g);
        }
}

static void constant_parameters_are_drawn(void **state)
{
    (void)state;
    double draws[24], truth[6];
    for (int i = 0; i < 24; i++)
        draws[i] = 7;
    for (int i = 0; i < 6; i++)
        truth[i] = 7;
    const char *const names[1] = {"constant"};
    digest_t digest;
    assert_int_equal(digest_of_draws(6, 4, 1, draws, truth, &digest), OK);
    samples_t samples = {&digest, names};
    metrics_t metrics = metrics_compute(&digest, 0.95);
    assert_int_equal(figure_recovery(PATH, &STAMP, &samples, &metrics), OK);
    check_picture();
    assert_int_equal(figure_contraction(PATH, &STAMP, &samples, &metrics), OK);
    check_picture();
    metrics_free(&metrics);
    digest_free(&digest);
}

static const void *find(const text_t *in, size_t n, const void *bytes)
{
    return memmem(in->data, in->length, bytes, n);
}

static void chunks_say_where_a_picture_comes_from(void **state)
{
    (void)state;
    const double loss[] = {2, 1};
    text_t png;
    assert_int_equal(figure_loss(PATH, &STAMP, 2, loss, loss), OK);
    assert_int_equal(file_read(PATH, &png), OK);
    assert_non_null(find(&png, 23, "tEXtSoftware\0infermill "));
    assert_non_null(find(&png, 20,
                         "tEXtWeights\0"
                         "9f3c21ab"));
    assert_non_null(find(&png, 17, "tEXtTitle\0A title"));
    assert_non_null(find(&png, 21, "iTXtStudy\0\0\0\0\0\xc3\xa9tudes"));
    assert_non_null(find(&png, 8, "pHYs\0\0\x1d\x87")); // 7559 pixels a metre: 192 dots an inch
    text_free(&png);
    check_picture();
}

static void a_folder_that_is_not_there_is_an_io_error(void **state)
{
    (void)state;
    const double loss[] = {2, 1};
    assert_true(err_is(figure_loss("no/such/folder/loss.png", &STAMP, 2, loss, loss), ERR_IO));
    assert_non_null(strstr(err_text(), "no/such/folder/loss.png"));
}

static void ticks_are_round_and_few(void **state)
{
    (void)state;
    ticks_t t = plot_ticks(-0.13, 1.02, 6);
    assert_int_equal(t.n, 6);
    assert_string_equal(t.label[0], "0");
    assert_string_equal(t.label[1], "0.2");
    assert_string_equal(t.label[5], "1.0");
    t = plot_ticks(-250000, 250000, 5);
    assert_string_equal(t.label[0], "−2e5");
    t = plot_ticks(0.00001, 0.00003, 5);
    assert_true(t.n >= 2 && strstr(t.label[0], "e-5") != NULL);
    assert_int_equal(plot_ticks(1, 1, 5).n, 0);
    assert_int_equal(plot_ticks(0, INFINITY, 5).n, 0);
}

static void ticks_of_any_range_lie_inside_it(void **state)
{
    (void)state;
    rng_t r = rng_at(3, RNG_CHECK, 0);
    for (int i = 0; i < 2000; i++) {
        double low = rng_normal(&r) * pow(10, 8 * rng_normal(&r)),
               span = exp(fabs(10 * rng_normal(&r))) * (1e-6 + fabs(low));
        int most = (int)rng_integer(&r, 2, 9);
        ticks_t t = plot_ticks(low, low + span, most);
        assert_true(t.n >= 1 && t.n <= most);
        for (int k = 0; k < t.n; k++) {
            assert_true(t.at[k] >= low - 1e-6 * span && t.at[k] <= low + span + 1e-6 * span);
            assert_true(k == 0 || strcmp(t.label[k], t.label[k - 1]) != 0);
        }
    }
}

static void long_names_end_in_an_ellipsis(void **state)
{
    (void)state;
    const type_t type = {10, 0, INK_TEXT, ALIGN_LEFT};
    canvas_t *c = canvas_create(100, 100);
    char *fit = canvas_text_fit(c, type, 60, "ββββββββββββββββββββ"),
         *same = canvas_text_fit(c, type, 60, "β");
    assert_string_equal(same, "β");
    assert_true(canvas_text_width(c, type, fit) <= 60);
    assert_string_equal(fit + strlen(fit) - 3, "…");
    free(fit);
    free(same);
    canvas_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_stands_for_any_number_of_parameters),
        cmocka_unit_test(pairs_stand_with_and_without_truth),
        cmocka_unit_test(loss_stands_for_short_and_broken_histories),
        cmocka_unit_test(refinement_stands_for_any_number_of_rounds),
        cmocka_unit_test(distances_stand_for_any_number_of_data_sets),
        cmocka_unit_test(populations_stand_for_any_number_of_parameters),
        cmocka_unit_test(groups_stand_for_any_number_of_them),
        cmocka_unit_test(constant_parameters_are_drawn),
        cmocka_unit_test(chunks_say_where_a_picture_comes_from),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_io_error),
        cmocka_unit_test(ticks_are_round_and_few),
        cmocka_unit_test(ticks_of_any_range_lie_inside_it),
        cmocka_unit_test(long_names_end_in_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
