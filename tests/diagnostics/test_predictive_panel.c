// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/figure_predictive.h"
#include "diagnostics/figure_predictive_images.h"
#include "diagnostics/predictive_panel.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPLICATES = 41, LENGTH = 25 };

/* Replicate i has the values i, i + 1, ...; the observed data set `observed` everywhere. */
typedef struct {
    predictive_field_t field;
    int64_t n[REPLICATES + 1];
    float x[REPLICATES + 1][LENGTH];
    const float *at[REPLICATES + 1];
    predictive_set_t set[REPLICATES + 1];
} world_t;

static void world_fill(world_t *w, predictive_kind_t kind, float observed)
{
    w->field = (predictive_field_t){"y", kind, LENGTH, 1};
    for (int i = 0; i <= REPLICATES; i++) {
        for (int k = 0; k < LENGTH; k++)
            w->x[i][k] = i == 0 ? observed : (float)(i - 1 + k);
        w->n[i] = LENGTH;
        w->at[i] = w->x[i];
        w->set[i] = (predictive_set_t){&w->n[i], &w->at[i]};
    }
}

static predictive_panel_t world_panel(const world_t *w)
{
    return predictive_panel(1, &w->field, 0, &w->set[0], REPLICATES, w->set + 1);
}

static void series_have_quantiles_at_each_time(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SERIES, 7);
    w.x[0][3] = NAN;
    w.n[REPLICATES] = 20; // the last replicate is shorter
    predictive_panel_t p = world_panel(&w);
    assert_int_equal(p.n, LENGTH);
    for (int k = 0; k < 20; k++) { // values k .. k + 40
        assert_true(p.at[k] == k + 1 && p.quantile[PANEL_Q05][k] == k + 2);
        assert_true(p.quantile[PANEL_Q50][k] == k + 20 && p.quantile[PANEL_Q95][k] == k + 38);
    }
    assert_true(p.quantile[PANEL_Q50][24] == 24 + 19.5);
    assert_true(p.observed[0] == 7 && isnan(p.observed[3]));
    predictive_panel_free(&p);
}

static void sets_are_counted_in_bins(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SET, -100);
    predictive_panel_t p = world_panel(&w);
    double observed = 0;
    for (int b = 0; b < p.n; b++)
        observed += p.observed[b];
    assert_true(p.n == 10 && p.at[0] == -100 && p.at[10] > 60);
    assert_true(observed == LENGTH && p.observed[0] == LENGTH);
    assert_true(p.quantile[PANEL_Q95][0] == 0);
    // all 25 values of a replicate lie in 0 .. 64: those bins hold them together
    double middle = 0;
    for (int b = 0; b < p.n; b++)
        middle += p.quantile[PANEL_Q50][b];
    assert_true(middle > 15 && middle < 35);
    predictive_panel_free(&p);
}

static void constant_and_empty_sets_have_bins(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_SET, 2);
    for (int i = 1; i <= REPLICATES; i++)
        for (int k = 0; k < LENGTH; k++)
            w.x[i][k] = 2;
    predictive_panel_t p = world_panel(&w);
    assert_true(p.at[0] == 1.5 && p.at[p.n] == 2.5);
    predictive_panel_free(&p);
    for (int i = 0; i <= REPLICATES; i++)
        w.n[i] = 0;
    p = world_panel(&w);
    assert_true(p.n == 10 && p.at[0] < p.at[10] && p.observed[0] == 0);
    predictive_panel_free(&p);
}

static void vectors_of_unlike_sizes_are_scaled(void **state)
{
    (void)state;
    world_t w;
    world_fill(&w, PREDICTIVE_VECTOR, 20);
    predictive_panel_t p = world_panel(&w);
    assert_false(p.scaled);
    predictive_panel_free(&p);
    for (int i = 0; i <= REPLICATES; i++)
        w.x[i][4] *= 1e6f;
    p = world_panel(&w);
    assert_true(p.scaled);
    for (int k = 0; k < LENGTH; k++) {
        assert_true(fabs(p.quantile[PANEL_Q95][k] - 1) < 1e-9 && p.quantile[PANEL_Q50][k] == 0);
        double expected = (20.0 - (k + 20)) / 18;
        assert_true(fabs(p.observed[k] - expected) < 1e-9);
    }
    predictive_panel_free(&p);
}

static void each_feature_has_a_panel_and_images_none(void **state)
{
    (void)state;
    const predictive_field_t fields[] = {{"y", PREDICTIVE_SET, 5, 3},
                                         {"image", PREDICTIVE_IMAGE, 784, 1},
                                         {"wide", PREDICTIVE_SERIES, 5, 100}};
    assert_int_equal(predictive_panels(3, fields), 4);
    assert_int_equal(predictive_panels(1, fields + 1), 0);
}

static void the_figure_stands_for_any_number_of_panels(void **state)
{
    (void)state;
    static const int numbers[] = {1, 2, 6, FIGURE_PREDICTIVE_PANELS};
    static const predictive_kind_t kinds[] = {PREDICTIVE_SET, PREDICTIVE_SERIES, PREDICTIVE_VECTOR};
    const stamp_t stamp = {"a study", "9f3c21ab", "Posterior predictive check"};
    world_t w;
    for (int k = 0; k < 3; k++) {
        predictive_picture_t pictures[FIGURE_PREDICTIVE_PANELS];
        world_fill(&w, kinds[k], 20);
        for (int i = 0; i < FIGURE_PREDICTIVE_PANELS; i++)
            pictures[i] = (predictive_picture_t){"a data set whose name is far too long", "p = 1",
                                                 world_panel(&w)};
        for (int i = 0; i < 4; i++) {
            assert_int_equal(
                figure_predictive("predictive_test.png", &stamp, numbers[i], pictures, ""), OK);
            assert_int_equal(access("predictive_test.png", R_OK), 0);
            assert_int_equal(unlink("predictive_test.png"), 0);
            assert_int_equal(unlink("predictive_test.svg"), 0);
        }
        for (int i = 0; i < FIGURE_PREDICTIVE_PANELS; i++)
            predictive_panel_free(&pictures[i].panel);
    }
}

/* An image of 4 x 5, two channels: replicate i has i in one channel and i + 2 in the other: their mean is i + 1. */
static void images_have_mean_sd_and_replicates(void **state)
{
    (void)state;
    enum { ROWS = 4, COLUMNS = 5, PIXELS = ROWS * COLUMNS, SETS = 3 };
    const predictive_field_t field = {"y", PREDICTIVE_IMAGE, PIXELS, 2};
    float x[SETS + 1][PIXELS * 2];
    const float *at[SETS + 1];
    int64_t n = PIXELS;
    predictive_set_t set[SETS + 1];
    for (int i = 0; i <= SETS; i++) {
        for (int k = 0; k < 2 * PIXELS; k++)
            x[i][k] = (float)(i + 2 * (k % 2));
        at[i] = x[i];
        set[i] = (predictive_set_t){&n, &at[i]};
    }
    predictive_row_t rows[FIGURE_PREDICTIVE_ROWS];
    for (int i = 0; i < FIGURE_PREDICTIVE_ROWS; i++)
        rows[i] = predictive_row(&field, 0, ROWS, &set[0], SETS, set + 1,
                                 mem_copy_text("a name that is far too long for its place"),
                                 mem_copy_text("reproduced (p = 1)"));
    assert_true(rows[0].height == ROWS && rows[0].width == COLUMNS);
    for (int k = 0; k < PIXELS; k++) {
        const double expected[PREDICTIVE_TILES] = {1, 3, 1, 2, 3, 4};
        for (int tile = 0; tile < PREDICTIVE_TILES; tile++)
            assert_true(fabs(rows[0].tile[tile * PIXELS + k] - expected[tile]) < 1e-12);
    }
    const stamp_t stamp = {"a study", "9f3c21ab", "Posterior predictive check"};
    for (int many = 1; many <= FIGURE_PREDICTIVE_ROWS; many += FIGURE_PREDICTIVE_ROWS - 1) {
        assert_int_equal(figure_predictive_images("images_test.png", &stamp, many, rows, "a note"),
                         OK);
        assert_int_equal(unlink("images_test.png"), 0);
        assert_int_equal(unlink("images_test.svg"), 0);
    }
    for (int i = 0; i < FIGURE_PREDICTIVE_ROWS; i++)
        predictive_row_free(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_have_quantiles_at_each_time),
        cmocka_unit_test(sets_are_counted_in_bins),
        cmocka_unit_test(constant_and_empty_sets_have_bins),
        cmocka_unit_test(vectors_of_unlike_sizes_are_scaled),
        cmocka_unit_test(each_feature_has_a_panel_and_images_none),
        cmocka_unit_test(the_figure_stands_for_any_number_of_panels),
        cmocka_unit_test(images_have_mean_sd_and_replicates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
