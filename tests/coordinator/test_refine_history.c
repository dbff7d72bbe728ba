// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static void add(refine_history_t *h, double gain, double error)
{
    const double row[REFINE_COLUMNS] = {[REFINE_FRESH] = 2 - gain,
                                        [REFINE_OFFLINE] = 2,
                                        [REFINE_ERROR] = error,
                                        [REFINE_ROWS] = 100};
    refine_history_add(h, row);
}

/* The latest round whose gain is below the largest by no more than the standard error of the difference: 0.141. */
static void the_latest_that_is_as_good_is_kept(void **state)
{
    (void)state;
    static const struct {
        double gain;
        int64_t best;
    } rounds[] = {{0.00, 0}, {-0.5, 0}, {0.50, 2}, {0.37, 3},
                  {0.35, 3}, {0.41, 5}, {0.60, 6}, {0.45, 6}};
    refine_history_t h = {.best = -1};
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        add(&h, rounds[i].gain, 0.1);
        assert_int_equal(h.best, rounds[i].best);
    }
    assert_true(fabs(refine_history_gain(&h, 6) - 0.6) < 1e-12);
    refine_history_free(&h);
    assert_int_equal(h.best, -1);
}

static void without_an_error_it_is_the_largest_gain(void **state)
{
    (void)state;
    refine_history_t h = {.best = -1};
    add(&h, 0.2, 0);
    add(&h, 0.1, 0);
    assert_int_equal(h.best, 0);
    add(&h, 0.3, 0);
    assert_int_equal(h.best, 2);
    refine_history_free(&h);
}

static void a_history_survives_its_file(void **state)
{
    (void)state;
    static const char path[] = "test_refine_history.h5";
    refine_history_t h = {.best = -1}, back = {.best = -1};
    arrays_writer_t *w = NULL;
    arrays_t *a = NULL;
    add(&h, 0.2, 0.01);
    add(&h, 0.1, 0.01);
    assert_int_equal(arrays_writer_open(path, "test", 1, &w), OK);
    assert_int_equal(refine_history_put(&h, w), OK);
    assert_int_equal(arrays_finish(&w), OK);
    assert_int_equal(arrays_open(path, "test", 1, &a), OK);
    assert_int_equal(refine_history_get(&back, a), OK);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.best, 0);
    for (int c = 0; c < REFINE_COLUMNS; c++)
        assert_memory_equal(h.column[c], back.column[c], 2 * sizeof(double));
    arrays_close(&a);
    unlink(path);
    refine_history_free(&h);
    refine_history_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_that_is_as_good_is_kept),
        cmocka_unit_test(without_an_error_it_is_the_largest_gain),
        cmocka_unit_test(a_history_survives_its_file),
    };
    return cmocka_run_group_tests_name("refine_history", tests, NULL, NULL);
}
