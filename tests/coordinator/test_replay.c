// SPDX-License-Identifier: Apache-2.0
#include "coordinator/replay.h"

#include "cluster/mem.h"
#include "tests/cluster/fit.h"
#include "workers/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { SLICES = 4, PLACES = 60, CHUNK = 120, STEP_ROWS = 6, USES = 3, CHUNKS = 5 };
static const int all_slices[SLICES] = {0, 1, 2, 3};

typedef struct {
    simulator_t *simulator;
} setup_t;

static replay_config_t settings(const setup_t *s, int n, const int *mine)
{
    return (replay_config_t){.schema = simulator_schema(s->simulator),
                             .slices = SLICES,
                             .n = n,
                             .mine = mine,
                             .places = PLACES,
                             .uses = USES,
                             .step_rows = STEP_ROWS,
                             .seed = 11};
}

/* Rows [first, first + n), told apart by index and by their first parameter. */
static rows_t chunk_of(const setup_t *s, int64_t first, int64_t n)
{
    const schema_t *schema = simulator_schema(s->simulator);
    rows_t rows = rows_create(schema, n + 1);
    for (int64_t i = 0; i < n; i++) {
        rows.index[i] = first + i;
        rows.status[i] = ROW_DONE;
        rows.parameters[i * schema->n_parameters] = (double)(first + i);
        rows.observables[0][i * schema_size(&schema->observables[0])] = (float)(first + i);
    }
    rows.n = n;
    return rows;
}

static void take(const setup_t *s, replay_t *replay, int64_t number, int64_t n)
{
    replay_config_t c = settings(s, SLICES, all_slices);
    rows_t rows = chunk_of(s, number * CHUNK, n);
    assert_int_equal(replay_take(replay, &rows, number, number * CHUNK, replay_steps(&c, CHUNK)),
                     OK);
    rows_destroy(&rows);
}

/* Indices that slice k is trained on in the running chunk. */
static int64_t *used(replay_t *replay, const schema_t *schema, int k, int64_t steps)
{
    rows_t step = rows_create(schema, STEP_ROWS);
    int64_t *out = MEM_NEW(int64_t, steps * STEP_ROWS);
    for (int64_t i = 0; i < steps; i++) {
        step.n = 0;
        replay_next(replay, k, &step);
        assert_int_equal(step.n, STEP_ROWS);
        memcpy(out + i * STEP_ROWS, step.index, STEP_ROWS * sizeof *out);
    }
    rows_destroy(&step);
    return out;
}

static void steps_use_each_row_so_often(void **state)
{
    replay_config_t c = settings(*state, SLICES, all_slices);
    assert_int_equal(replay_steps(&c, CHUNK), 15); // 3 uses of 30 rows, 6 a step
    assert_int_equal(replay_steps(&c, CHUNK + 1), 16);
    assert_int_equal(replay_steps(&c, 1), 1);
}

/* In each chunk a slice has all of its new rows, and of others only those of its ring. */
static void new_rows_are_used_and_old_ones_are_of_the_ring(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *replay = replay_create(&c);
    int64_t steps = replay_steps(&c, CHUNK);
    for (int64_t number = 0; number < CHUNKS; number++) {
        take(s, replay, number, CHUNK);
        for (int k = 0; k < SLICES; k++) {
            int64_t *index = used(replay, c.schema, k, steps);
            int times[(CHUNKS + 1) * CHUNK] = {0};
            for (int64_t i = 0; i < steps * STEP_ROWS; i++) {
                assert_int_equal(index[i] % SLICES, k);
                assert_in_range(index[i], 0, (number + 1) * CHUNK - 1);
                assert_true(index[i] >= (number + 1) * CHUNK - SLICES * PLACES);
                times[index[i]]++;
            }
            for (int64_t i = number * CHUNK + k; i < (number + 1) * CHUNK; i += SLICES)
                assert_true(times[i] >= 1);
            free(index);
        }
    }
    replay_destroy(&replay);
}

/* A chunk that has as many slots as new rows uses each once, in an order that is not theirs. */
static void one_use_is_exactly_one(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    c.uses = 1;
    replay_t *replay = replay_create(&c);
    for (int64_t number = 0; number < 2; number++) {
        rows_t rows = chunk_of(s, number * CHUNK, CHUNK);
        int64_t steps = replay_steps(&c, CHUNK), moved = 0;
        assert_int_equal(steps * STEP_ROWS, CHUNK / SLICES);
        assert_int_equal(replay_take(replay, &rows, number, number * CHUNK, steps), OK);
        for (int k = 0; k < SLICES; k++) {
            int64_t *index = used(replay, c.schema, k, steps);
            int times[2 * CHUNK] = {0};
            for (int64_t i = 0; i < steps * STEP_ROWS; i++) {
                times[index[i]]++;
                moved += index[i] != number * CHUNK + i * SLICES + k;
            }
            for (int64_t i = number * CHUNK + k; i < (number + 1) * CHUNK; i += SLICES)
                assert_int_equal(times[i], 1);
            free(index);
        }
        assert_true(moved > CHUNK / 2);
        rows_destroy(&rows);
    }
    replay_figures_t f = replay_figures(replay);
    assert_int_equal(f.used, 2 * CHUNK);
    assert_int_equal(f.most_uses, 1);
    replay_destroy(&replay);
}

/* The draws beside the new rows are uniform over the ring of 60: chi-square over 200 chunks of one slice, seed fixed. Each
 * chunk has 90 slots, 30 of them new rows and 60 drawn; by place of the ring relative to the newest row. */
static void draws_from_the_ring_are_uniform(void **state)
{
    enum { ROUNDS = 200 };
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *replay = replay_create(&c);
    int64_t steps = replay_steps(&c, CHUNK);
    double count[PLACES] = {0}, probability[PLACES];
    for (int64_t number = 0; number < ROUNDS + 2; number++) {
        take(s, replay, number, CHUNK);
        int64_t *index = used(replay, c.schema, 0, steps);
        for (int64_t i = 0; i < steps * STEP_ROWS && number >= 2; i++)
            count[((number + 1) * CHUNK - SLICES - index[i]) / SLICES]++;
        free(index);
    }
    for (int i = 0; i < PLACES; i++) {
        probability[i] = 1.0 / PLACES;
        count[i] -= i < CHUNK / SLICES ? ROUNDS : 0; // the one certain use of a new row
    }
    double p = fit_chi_square(PLACES, count, probability, 60.0 * ROUNDS);
    assert_true(p > 0.001);
    replay_destroy(&replay);
}

static void figures_count_uses_and_ages(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *replay = replay_create(&c);
    int64_t steps = replay_steps(&c, CHUNK), uses = 0, age_sum = 0, age_most = 0;
    int times[CHUNKS * CHUNK] = {0}, most = 0;
    for (int64_t number = 0; number < CHUNKS; number++) {
        take(s, replay, number, CHUNK);
        for (int k = 0; k < SLICES; k++) {
            int64_t *index = used(replay, c.schema, k, steps);
            for (int64_t i = 0; i < steps * STEP_ROWS; i++) {
                int64_t age = (number + 1) * CHUNK - 1 - index[i];
                uses++;
                age_sum += age;
                age_most = age > age_most ? age : age_most;
                most = ++times[index[i]] > most ? times[index[i]] : most;
            }
            free(index);
        }
    }
    int64_t once = 0, gone = (CHUNKS * CHUNK) - SLICES * PLACES;
    for (int64_t i = 0; i < gone; i++)
        once += times[i] == 1;
    replay_figures_t f = replay_figures(replay);
    assert_int_equal(f.taken, CHUNKS * CHUNK);
    assert_int_equal(f.held, SLICES * PLACES);
    assert_int_equal(f.used, uses);
    assert_int_equal(f.most_uses, most);
    assert_int_equal(f.evicted, gone);
    assert_int_equal(f.once, once);
    assert_int_equal(f.age_sum, age_sum);
    assert_int_equal(f.age_most, age_most);
    replay_destroy(&replay);
}

/* Two ranks with two slices each see what one rank with four sees. */
static void a_slice_does_not_depend_on_who_has_it(void **state)
{
    const setup_t *s = *state;
    static const int low[2] = {0, 1}, high[2] = {2, 3};
    replay_config_t c = settings(s, SLICES, all_slices), a = settings(s, 2, low),
                    b = settings(s, 2, high);
    replay_t *one = replay_create(&c), *first = replay_create(&a), *second = replay_create(&b);
    int64_t steps = replay_steps(&c, CHUNK);
    for (int64_t number = 0; number < CHUNKS; number++) {
        int64_t n = number == 3 ? CHUNK - 7 : CHUNK;
        take(s, one, number, n);
        take(s, first, number, n);
        take(s, second, number, n);
        for (int k = 0; k < SLICES; k++) {
            int64_t *x = used(one, c.schema, k, steps),
                    *y = used(k < 2 ? first : second, c.schema, k % 2, steps);
            assert_memory_equal(x, y, (size_t)(steps * STEP_ROWS) * sizeof *x);
            free(x);
            free(y);
        }
    }
    replay_destroy(&one);
    replay_destroy(&first);
    replay_destroy(&second);
}

static void a_state_goes_on_as_if_nothing_had_happened(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *a = replay_create(&c), *b = replay_create(&c);
    int64_t steps = replay_steps(&c, CHUNK);
    for (int64_t number = 0; number < CHUNKS; number++) {
        take(s, a, number, CHUNK);
        for (int k = 0; k < SLICES; k++)
            free(used(a, c.schema, k, steps));
    }
    for (int k = 0; k < SLICES; k++) {
        size_t n = replay_bytes(a, k);
        void *bytes = mem_alloc(n, 1), *again = mem_alloc(n, 1);
        replay_to_bytes(a, k, bytes);
        assert_int_equal(replay_from_bytes(b, k, n, bytes), OK);
        replay_to_bytes(b, k, again);
        assert_memory_equal(bytes, again, n);
        free(again);
        free(bytes);
    }
    take(s, a, CHUNKS, CHUNK);
    take(s, b, CHUNKS, CHUNK);
    for (int k = 0; k < SLICES; k++) {
        int64_t *x = used(a, c.schema, k, steps), *y = used(b, c.schema, k, steps);
        assert_memory_equal(x, y, (size_t)(steps * STEP_ROWS) * sizeof *x);
        free(x);
        free(y);
    }
    replay_figures_t x = replay_figures(a), y = replay_figures(b);
    assert_memory_equal(&x, &y, sizeof x);
    replay_destroy(&a);
    replay_destroy(&b);
}

static void broken_states_are_refused(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *a = replay_create(&c);
    take(s, a, 0, CHUNK);
    size_t n = replay_bytes(a, 0);
    int64_t *bytes = mem_alloc(n, 1);
    replay_to_bytes(a, 0, bytes);
    assert_true(err_is(replay_from_bytes(a, 0, 10, bytes), ERR_FORMAT));
    assert_string_equal(err_text(), "reservoir: 10 bytes, expected 64 or more");
    assert_true(err_is(replay_from_bytes(a, 0, n - 8, bytes), ERR_FORMAT));
    bytes[0] = 7;
    assert_true(err_is(replay_from_bytes(a, 0, n, bytes), ERR_FORMAT));
    assert_string_equal(err_text(), "reservoir: 30 rows held, expected 7");
    bytes[0] = -1;
    assert_true(err_is(replay_from_bytes(a, 0, n, bytes), ERR_FORMAT));
    assert_string_equal(err_text(), "reservoir: number 0 is -1");
    free(bytes);
    replay_destroy(&a);
}

static void parameters_are_those_of_the_ring(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *replay = replay_create(&c);
    int width = c.schema->n_parameters;
    for (int64_t number = 0; number < CHUNKS; number++)
        take(s, replay, number, CHUNK);
    assert_int_equal(replay_held(replay, 1), PLACES);
    double *parameters = MEM_NEW(double, PLACES *width), sum = 0, expected = 0;
    replay_parameters(replay, 1, parameters);
    for (int i = 0; i < PLACES; i++) {
        sum += parameters[i * width];
        expected += CHUNKS * CHUNK - 3 - 4 * i; // rows of slice 1, from the newest
    }
    assert_true(sum == expected);
    free(parameters);
    replay_destroy(&replay);
}

static void a_first_chunk_without_rows_is_told(void **state)
{
    const setup_t *s = *state;
    replay_config_t c = settings(s, SLICES, all_slices);
    replay_t *replay = replay_create(&c);
    rows_t rows = chunk_of(s, 0, SLICES - 1), none = chunk_of(s, 0, 0);
    assert_true(err_is(replay_take(replay, &rows, 0, 0, 15), ERR_FORMAT));
    assert_string_equal(err_text(),
                        "of the first fresh rows only 3 are done, fewer than a batch has slices "
                        "(4): the simulator refuses nearly all parameters; set refine.chunk_rows "
                        "larger");
    take(s, replay, 0, CHUNK);
    assert_int_equal(replay_take(replay, &none, 1, CHUNK, 15), OK); // then there are older ones
    free(used(replay, c.schema, 2, 15));
    rows_destroy(&rows);
    rows_destroy(&none);
    replay_destroy(&replay);
}

int main(void)
{
    setup_t setup = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(steps_use_each_row_so_often, &setup),
        cmocka_unit_test_prestate(new_rows_are_used_and_old_ones_are_of_the_ring, &setup),
        cmocka_unit_test_prestate(one_use_is_exactly_one, &setup),
        cmocka_unit_test_prestate(draws_from_the_ring_are_uniform, &setup),
        cmocka_unit_test_prestate(figures_count_uses_and_ages, &setup),
        cmocka_unit_test_prestate(a_slice_does_not_depend_on_who_has_it, &setup),
        cmocka_unit_test_prestate(a_state_goes_on_as_if_nothing_had_happened, &setup),
        cmocka_unit_test_prestate(broken_states_are_refused, &setup),
        cmocka_unit_test_prestate(parameters_are_those_of_the_ring, &setup),
        cmocka_unit_test_prestate(a_first_chunk_without_rows_is_told, &setup),
    };
    if (simulator_load_builtin("location_scale", &setup.simulator) != OK)
        return 1;
    int failed = cmocka_run_group_tests_name("replay", tests, NULL, NULL);
    simulator_close(&setup.simulator);
    return failed;
}
