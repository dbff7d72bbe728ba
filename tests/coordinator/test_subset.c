// SPDX-License-Identifier: Apache-2.0
#include "coordinator/subset.h"
#include "workers/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

enum { N = 400 };

static rows_t simulated(simulator_t *s)
{
    rows_t rows = rows_create(simulator_schema(s), N);
    for (int64_t i = 0; i < N; i++)
        assert_int_equal(simulator_row(s, 5, RNG_CHECK, i, &rows, i), OK);
    rows.n = N;
    return rows;
}

static int count(const float *values, int n, float value)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += values[i] == value;
    return found;
}

/* Of the rows about `share` are cut; what is left are elements of the row, each once; length and design agree. */
static void a_share_of_rows_is_cut_to_subsets(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    assert_int_equal(simulator_load_builtin("location_scale", &s), OK);
    rows_t rows = simulated(s), out = rows_create(simulator_schema(s), N);
    rng_t rng = rng_at(1, RNG_CHECK, 1);
    subset_rows(&rows, 0.5, &rng, &out);
    int cut = 0;
    int64_t size = schema_size(&rows.schema->observables[0]);
    for (int64_t i = 0; i < N; i++) {
        cut += out.length[i] < rows.length[i];
        assert_int_equal(out.length[i], (int)out.design[i]);
        assert_true(out.design[i] >= rows.schema->design[0].lower);
        assert_true(out.parameters[2 * i] == rows.parameters[2 * i]);
        for (int k = 0; k < out.length[i]; k++) {
            float value = out.observables[0][i * size + k];
            assert_true(count(out.observables[0] + i * size, out.length[i], value) <=
                        count(rows.observables[0] + i * size, rows.length[i], value));
        }
    }
    // Half of 400 rows, less those whose random size is their own (about 1 in 90): sd 10, five of them
    assert_true(fabs(cut - 0.5 * N * 89 / 90) < 50);
    rows_destroy(&rows);
    rows_destroy(&out);
    simulator_close(&s);
}

static void a_share_of_nothing_copies(void **state)
{
    (void)state;
    simulator_t *s = NULL;
    assert_int_equal(simulator_load_builtin("location_scale", &s), OK);
    rows_t rows = simulated(s), out = rows_create(simulator_schema(s), N);
    rng_t rng = rng_at(1, RNG_CHECK, 1);
    subset_rows(&rows, 0, &rng, &out);
    size_t bytes = (size_t)(N * schema_size(&rows.schema->observables[0])) * sizeof(float);
    assert_memory_equal(rows.observables[0], out.observables[0], bytes);
    rows_destroy(&rows);
    rows_destroy(&out);
    simulator_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_rows_is_cut_to_subsets),
        cmocka_unit_test(a_share_of_nothing_copies),
    };
    return cmocka_run_group_tests_name("subset", tests, NULL, NULL);
}
