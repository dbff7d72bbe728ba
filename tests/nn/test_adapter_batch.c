// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/nn/made_adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 3 };

/* Three data sets of the model; lengths of y and z are 6, 2 and 0. Element e of set i of y is (10 i + e, 1 + e). */
typedef struct {
    float y[SETS * 12], z[SETS * 6], v[SETS * 3], u[SETS * 2], image[SETS * 4], series[SETS * 4];
    double design[SETS * MODEL_DESIGN];
    int32_t length[SETS * MODEL_OBSERVABLES];
    const float *fields[MODEL_OBSERVABLES];
} data_t;

static void fill_set(data_t *d, int i)
{
    static const int32_t lengths[SETS] = {6, 2, 0};
    const int32_t length[] = {lengths[i], lengths[i], 3, 2, 2, 4};
    memcpy(d->length + i * MODEL_OBSERVABLES, length, sizeof length);
    for (int e = 0; e < lengths[i]; e++) {
        d->y[i * 12 + 2 * e] = (float)(10 * i + e);
        d->y[i * 12 + 2 * e + 1] = (float)(1 + e);
        d->z[i * 6 + e] = (float)(e % 3);
    }
    for (int k = 0; k < 4; k++) {
        d->image[i * 4 + k] = (float)(k + 1);
        d->series[i * 4 + k] = (float)(i - k);
    }
    for (int k = 0; k < 3; k++)
        d->v[i * 3 + k] = (float)(k + 1);
    for (int k = 0; k < 2; k++)
        d->u[i * 2 + k] = (float)(-k);
    d->design[i * MODEL_DESIGN + N] = lengths[i];
    d->design[i * MODEL_DESIGN + GROUP] = i;
    d->design[i * MODEL_DESIGN + AGE] = 20.0 + i;
}

static batch_t data_batch(data_t *d)
{
    memset(d, 0, sizeof *d);
    for (int i = 0; i < SETS; i++)
        fill_set(d, i);
    d->fields[Y] = d->y;
    d->fields[Z] = d->z;
    d->fields[V] = d->v;
    d->fields[U] = d->u;
    d->fields[IMAGE] = d->image;
    d->fields[SERIES] = d->series;
    return (batch_t){.n = SETS, .design = d->design, .length = d->length, .observables = d->fields};
}

typedef struct {
    adapter_t *a;
    adapter_work_t *work;
    data_t data;
    batch_t in, out;
    rng_t noise;
} play_t;

static void play(play_t *p, const char *list, adapter_mode_t mode)
{
    p->a = made_adapter(list);
    p->work = adapter_work_create(p->a, SETS);
    p->in = data_batch(&p->data);
    p->noise = rng_at(5, RNG_CHECK, 0);
    p->out = adapter_batch(p->work, &p->in, mode, &p->noise);
}

static void play_end(play_t *p)
{
    adapter_work_destroy(&p->work);
    adapter_destroy(&p->a);
}

static void assert_values(const float *got, int n, const float *expected)
{
    for (int k = 0; k < n; k++)
        if (!(fabsf(got[k] - expected[k]) < 1e-6f))
            fail_msg("value %d: %g, expected %g", k, (double)got[k], (double)expected[k]);
}

static void test_nothing_is_copied_without_need(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- simplex: [w1, w2, w3]\n- standardize: {y: false}\n- noise: {y: {}}\n",
         ADAPTER_EVALUATION);
    assert_ptr_equal(p.out.observables[Y], p.data.y);
    assert_ptr_equal(p.out.length, p.data.length);
    assert_ptr_equal(p.out.design, p.data.design);
    play_end(&p);
    play(&p, "- log: [v]\n", ADAPTER_TRAINING);
    assert_ptr_equal(p.out.observables[Y], p.data.y);
    assert_ptr_not_equal(p.out.observables[V], p.data.v);
    play_end(&p);
}

static void test_columns_are_transformed(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- log: [v, age]\n- sqrt: [image]\n- constrain: {series: [-5, 5]}\n",
         ADAPTER_EVALUATION);
    assert_values(p.out.observables[V] + 3, 3, (float[]){0.0f, logf(2.0f), logf(3.0f)});
    assert_values(p.out.observables[IMAGE] + 4, 4, (float[]){1.0f, sqrtf(2.0f), sqrtf(3.0f), 2.0f});
    assert_values(p.out.observables[SERIES] + 4, 2, (float[]){logf(6.0f / 4.0f), 0.0f});
    assert_true(p.out.design[MODEL_DESIGN + AGE] == log(21.0));
    assert_true(p.out.design[MODEL_DESIGN + GROUP] == 1.0);
    play_end(&p);
}

static void test_one_hot(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- one_hot: {group: 3, z: 3, y: {column: 0, levels: 12}}\n", ADAPTER_EVALUATION);
    assert_int_equal(adapter_after(p.a)->observables[Z].features, 3);
    assert_int_equal(adapter_after(p.a)->observables[Y].features, 13);
    assert_values(p.out.observables[Z] + 18, 6, (float[]){1, 0, 0, 0, 1, 0}); // 0, 1
    const float *y = p.out.observables[Y] + 6 * 13;                           // (10, 1), (11, 2)
    assert_true(y[10] == 1.0f && y[9] == 0.0f && y[12] == 1.0f);
    assert_true(y[13 + 11] == 1.0f && y[13 + 12] == 2.0f);
    assert_int_equal(adapter_after(p.a)->n_design, 5);
    const double *design = p.out.design + 2 * 5; // n 0, group 2, age 22
    assert_true(design[0] == 0 && design[1] == 0 && design[2] == 0 && design[3] == 1 &&
                design[4] == 22);
    play_end(&p);
}

static void test_nan_to_mask(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- log: [y]\n- nan_to_mask: [y]\n", ADAPTER_EVALUATION);
    p.data.y[2] = NAN;
    p.data.y[1] = NAN;
    p.data.y[0] = 4.0f;
    p.out = adapter_batch(p.work, &p.in, ADAPTER_EVALUATION, NULL);
    assert_int_equal(adapter_after(p.a)->observables[Y].features, 4);
    assert_values(p.out.observables[Y], 8, (float[]){logf(4), 1, 0, 0, 0, 0, logf(2), 1});
    assert_true(adapter_masks_nan(p.a, Y));
    assert_false(adapter_masks_nan(p.a, Z));
    play_end(&p);
}

static void test_a_dropped_observable_may_hold_nan(void **state)
{
    (void)state;
    play_t p;
    char why[ADAPTER_WHY];
    play(&p, "- drop: [z, group]\n", ADAPTER_EVALUATION);
    p.data.z[0] = NAN;
    assert_false(adapter_masks_nan(p.a, Z));
    assert_true(adapter_reads(p.a, &p.in, 0, why));
    assert_int_equal(adapter_after(p.a)->n_observables, MODEL_OBSERVABLES - 1);
    assert_ptr_equal(p.out.observables[1], p.data.v);
    assert_int_equal(p.out.length[(MODEL_OBSERVABLES - 1) + 0], 2);
    assert_true(p.out.design[2 + 1] == 21.0);
    play_end(&p);
}

static void test_concatenate(void **state)
{
    (void)state;
    play_t p;
    play(&p,
         "- log: [v]\n- concatenate: {of: [z, y], into: zy}\n"
         "- concatenate: {of: [v, u], into: vu}\n",
         ADAPTER_EVALUATION);
    const adapter_shape_t *after = adapter_after(p.a);
    assert_int_equal(after->n_observables, 4);
    assert_string_equal(after->observables[0].name, "zy");
    assert_int_equal(after->observables[0].features, 3);
    assert_int_equal(after->observables[0].length, 6);
    assert_string_equal(after->observables[1].name, "vu");
    assert_int_equal(after->observables[1].features, 5);
    assert_values(p.out.observables[0] + 18, 6, (float[]){0, 10, 1, 1, 11, 2});
    assert_values(p.out.observables[1], 5, (float[]){0, logf(2), logf(3), 0, -1});
    assert_int_equal(p.out.length[0], 6);
    assert_int_equal(p.out.length[4], 2);
    assert_int_equal(p.out.length[8], 0);
    play_end(&p);
}

static void test_a_subset_is_drawn_without_replacement(void **state)
{
    (void)state;
    enum { PASSES = 6000, KEEP = 2 };
    play_t p;
    int seen[6] = {0}, pairs[6][6] = {{0}};
    play(&p, "- subsample: {y: 2}\n", ADAPTER_TRAINING);
    assert_int_equal(adapter_after(p.a)->observables[Y].length, KEEP);
    for (int t = 0; t < PASSES; t++) {
        p.out = adapter_batch(p.work, &p.in, ADAPTER_TRAINING, &p.noise);
        assert_int_equal(p.out.length[0], KEEP);
        int first = (int)p.out.observables[Y][0], second = (int)p.out.observables[Y][2];
        assert_true(first != second);
        seen[first]++;
        seen[second]++;
        pairs[first][second]++;
    }
    // binomial, share 1/3 and 1/30: five standard deviations
    for (int e = 0; e < 6; e++) {
        assert_true(fabs(seen[e] - PASSES / 3.0) < 5.0 * sqrt(PASSES * (1.0 / 3) * (2.0 / 3)));
        for (int f = 0; f < 6; f++)
            assert_true(e == f || fabs(pairs[e][f] - PASSES / 30.0) <
                                      5.0 * sqrt(PASSES * (1.0 / 30) * (29.0 / 30)));
    }
    play_end(&p);
}

static void test_subsets_of_one_length_take_the_same_elements(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- subsample: {y: 0.5, z: 0.5}\n", ADAPTER_TRAINING);
    assert_int_equal(p.out.length[Y], 3);
    assert_int_equal(p.out.length[MODEL_OBSERVABLES + Y], 1);
    assert_int_equal(p.out.length[2 * MODEL_OBSERVABLES + Y], 0);
    for (int e = 0; e < 3; e++)
        assert_true((int)p.out.observables[Y][2 * e] % 3 == (int)p.out.observables[Z][e]);
    play_end(&p);
}

static void test_the_subset_of_evaluation_is_fixed(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- subsample: {y: 3}\n", ADAPTER_EVALUATION);
    float first[6];
    memcpy(first, p.out.observables[Y], sizeof first);
    batch_t alone = p.in;
    alone.n = 1;
    p.out = adapter_batch(p.work, &alone, ADAPTER_EVALUATION, NULL);
    assert_values(p.out.observables[Y], 6, first);
    assert_int_equal(p.out.length[Y], 3);
    play_end(&p);
}

// Half of the values x + Normal * spike, half x + Cauchy * slab, in standard deviations.
static void test_noise_has_its_distribution(void **state)
{
    (void)state;
    enum { PASSES = 2000, VALUES = 12 * PASSES };
    play_t p;
    double sd[13] = {2.0, 4.0}, *const sds[] = {sd, sd, sd, sd, sd, sd};
    int below_spike = 0, below_slab = 0, above = 0;
    play(&p, "- noise: {y: {spike: 0.01, slab: 10}}\n", ADAPTER_TRAINING);
    adapter_set_noise_scale(p.a, (const double *const *)sds);
    for (int t = 0; t < PASSES; t++) {
        p.out = adapter_batch(p.work, &p.in, ADAPTER_TRAINING, &p.noise);
        for (int k = 0; k < 12; k++) {
            double size = (double)(p.out.observables[Y][k] - p.data.y[k]) / sd[k % 2];
            below_spike += fabs(size) < 0.01;
            below_slab += fabs(size) < 10.0;
            assert_true(fabs(size) < 1.001 * ADAPTER_MOST_NOISE);
            above += size > 0.0;
        }
    }
    // |Normal| < 1: 0.6827; |Cauchy| < 1: 1/2; |Cauchy| < 1e-3: 2 / pi of that
    double spike = 0.5 * 0.682689 + 0.5 * 2.0 / M_PI * 1e-3, slab = 0.5 + 0.5 * 0.5;
    double five = 5.0 * 0.5 / sqrt(VALUES);
    assert_true(fabs((double)below_spike / VALUES - spike) < five);
    assert_true(fabs((double)below_slab / VALUES - slab) < five);
    assert_true(fabs((double)above / VALUES - 0.5) < five);
    play_end(&p);
}

static void test_noise_leaves_masks_alone(void **state)
{
    (void)state;
    play_t p;
    play(&p, "- one_hot: {z: 3}\n- nan_to_mask: [y]\n- noise: {y: {}, z: {}}\n", ADAPTER_TRAINING);
    p.data.y[0] = NAN;
    p.out = adapter_batch(p.work, &p.in, ADAPTER_TRAINING, &p.noise);
    assert_values(p.out.observables[Z] + 18, 6, (float[]){1, 0, 0, 0, 1, 0});
    const float *y = p.out.observables[Y];
    assert_true(y[0] == 0.0f && y[1] == 0.0f && y[3] == 1.0f && y[2] != 1.0f);
    play_end(&p);
}

static void test_the_same_stream_gives_the_same_noise(void **state)
{
    (void)state;
    play_t p, q;
    const char *list = "- subsample: {y: 4}\n- noise: {y: {}}\n";
    play(&p, list, ADAPTER_TRAINING);
    play(&q, list, ADAPTER_TRAINING);
    assert_memory_equal(p.out.observables[Y], q.out.observables[Y], 8 * sizeof(float));
    play_end(&q);
    play_end(&p);
}

static void test_what_can_not_go_through_is_told(void **state)
{
    (void)state;
    play_t p;
    char why[ADAPTER_WHY];
    play(&p, "- log: [y]\n- one_hot: {z: 3, group: 3}\n- constrain: {v: [0, 9]}\n- sqrt: [image]\n",
         ADAPTER_EVALUATION);
    assert_false(adapter_reads(p.a, &p.in, 0, why));
    assert_string_equal(why, "y[0] = 0, expected a number above 0 (log)");
    assert_true(isinf(p.out.observables[Y][0]));
    assert_true(adapter_reads(p.a, &p.in, 1, why));
    assert_true(adapter_reads(p.a, &p.in, 2, why)); // empty
    p.data.z[6 + 1] = 3.0f;
    assert_false(adapter_reads(p.a, &p.in, 1, why));
    assert_string_equal(why, "z[1] = 3, expected a whole number of the levels (one_hot)");
    p.data.z[6 + 1] = 1.0f;
    p.data.v[3 + 2] = 9.0f;
    assert_false(adapter_reads(p.a, &p.in, 1, why));
    assert_string_equal(why, "v[2] = 9, expected a number inside the bounds (constrain)");
    p.data.v[3 + 2] = 1.0f;
    p.data.image[4] = -1.0f;
    assert_false(adapter_reads(p.a, &p.in, 1, why));
    assert_string_equal(why, "image[0] = -1, expected a number from 0 (sqrt)");
    p.data.image[4] = NAN;
    assert_false(adapter_reads(p.a, &p.in, 1, why));
    p.data.image[4] = 0.0f;
    p.data.design[MODEL_DESIGN + GROUP] = 0.5;
    assert_false(adapter_reads(p.a, &p.in, 1, why));
    assert_string_equal(why, "group = 0.5, expected a whole number of the levels (one_hot)");
    play_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_copied_without_need),
        cmocka_unit_test(test_columns_are_transformed),
        cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_nan_to_mask),
        cmocka_unit_test(test_a_dropped_observable_may_hold_nan),
        cmocka_unit_test(test_concatenate),
        cmocka_unit_test(test_a_subset_is_drawn_without_replacement),
        cmocka_unit_test(test_subsets_of_one_length_take_the_same_elements),
        cmocka_unit_test(test_the_subset_of_evaluation_is_fixed),
        cmocka_unit_test(test_noise_has_its_distribution),
        cmocka_unit_test(test_noise_leaves_masks_alone),
        cmocka_unit_test(test_the_same_stream_gives_the_same_noise),
        cmocka_unit_test(test_what_can_not_go_through_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
