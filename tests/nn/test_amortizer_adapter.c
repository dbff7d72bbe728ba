// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/amortizer.h"
#include "tests/nn/made_adapter.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, DRAWS = 40 };

static const char list[] = "- drop: [image, series, u, mu, b, group]\n"
                           "- simplex: [w1, w2, w3]\n"
                           "- covariance: {of: [s11, s21, s22]}\n"
                           "- correlation: {of: [r21, r31, r32]}\n"
                           "- log: [sigma, age]\n"
                           "- nan_to_mask: [y]\n"
                           "- one_hot: {z: 3}\n"
                           "- subsample: {z: 3}\n"
                           "- standardize: {a: false, v: false, age: false}\n"
                           "- noise: {y: {}}\n";

// The small model of made_adapter.h with an amortizer behind that list.
typedef struct {
    arena_t *arena;
    amortizer_config_t config;
    amortizer_t *a;
    amortizer_work_t *train, *evaluate;
    double parameters[SETS * MODEL_PARAMETERS], design[SETS * MODEL_DESIGN];
    int32_t length[SETS * MODEL_OBSERVABLES];
    float y[SETS * 12], z[SETS * 6], v[SETS * 3], u[SETS * 2], image[SETS * 4], series[SETS * 4];
    const float *fields[MODEL_OBSERVABLES];
    batch_t batch;
} case_t;

static void fill(case_t *c)
{
    rng_t rng = rng_at(6, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, SETS * 12, c->y);
    c->y[3] = NAN;
    for (int k = 0; k < SETS * 6; k++)
        c->z[k] = (float)rng_below(&rng, 3);
    rng_fill_normal_f32(&rng, SETS * 3, c->v);
    for (int i = 0; i < SETS; i++) {
        const int32_t length[] = {6 - 2 * i, 6 - 2 * i, 3, 2, 2, 4};
        memcpy(c->length + i * MODEL_OBSERVABLES, length, sizeof length);
        memcpy(c->parameters + i * MODEL_PARAMETERS, model_parameters, sizeof model_parameters);
        c->design[i * MODEL_DESIGN + N] = 6 - 2 * i;
        c->design[i * MODEL_DESIGN + AGE] = 30.0 + i;
    }
    const float *fields[] = {c->y, c->z, c->v, c->u, c->image, c->series};
    memcpy(c->fields, fields, sizeof fields);
    c->batch = (batch_t){SETS, c->parameters, c->design, c->length, c->fields};
}

// Every mean 0.5 and every deviation 0.4.
static void scale(case_t *c)
{
    double half[32], some[32], *halves[] = {half, half, half}, *somes[] = {some, some, some};
    for (int k = 0; k < 32; k++) {
        half[k] = 0.5;
        some[k] = 0.4;
    }
    scaling_t s = {half, some, half, some, halves, somes};
    amortizer_set_scaling(c->a, &s);
}

static case_t *make(void)
{
    case_t *c = MEM_NEW(case_t, 1);
    adapter_t *adapter = made_adapter(list);
    c->arena = arena_create();
    amortizer_config_adapt(&c->config, adapter, c->arena);
    amortizer_config_default(&c->config, INFERENCE_COUPLING_FLOW, SIZE_SMALL, false);
    for (int o = 0; o < c->config.n_observables; o++)
        c->config.observables[o].summary.quantiles =
            c->config.observables[o].kind == OBSERVABLE_SET;
    assert_int_equal(amortizer_create(&c->config, 3, &c->a), OK);
    amortizer_set_adapter(c->a, &adapter);
    fill(c);
    scale(c);
    amortizer_calibrate(c->a, &c->batch);
    weights_perturb(amortizer_params(c->a), 4, 0.01);
    c->train = amortizer_work_create(c->a, WORK_TRAIN, SETS, 0);
    c->evaluate = amortizer_work_create(c->a, WORK_EVALUATE, 1, DRAWS);
    return c;
}

static void end(case_t *c)
{
    amortizer_work_destroy(&c->train);
    amortizer_work_destroy(&c->evaluate);
    amortizer_destroy(&c->a);
    arena_destroy(&c->arena);
    free(c);
}

static void sample(case_t *c, const batch_t *batch, uint64_t first, double *out, double *log_q)
{
    rng_t rng[SETS];
    for (int64_t i = 0; i < batch->n; i++)
        rng[i] = rng_at(8, RNG_CHECK, first + (uint64_t)i);
    amortizer_sample(c->evaluate, batch, DRAWS, rng, out, log_q);
}

static void test_draws_are_kept_parameters_inside_the_support(void **state)
{
    (void)state;
    case_t *c = make();
    const int *which;
    int kept = adapter_kept(amortizer_adapter(c->a), &which);
    double *draws = MEM_NEW(double, SETS *DRAWS *kept), *log_q = MEM_NEW(double, SETS *DRAWS);
    assert_int_equal(kept, MODEL_PARAMETERS - 2);
    sample(c, &c->batch, 0, draws, log_q);
    for (int k = 0; k < SETS * DRAWS; k++) {
        double parameters[MODEL_PARAMETERS], again;
        for (int p = 0; p < MODEL_PARAMETERS; p++)
            parameters[p] = NAN;
        for (int r = 0; r < kept; r++)
            parameters[which[r]] = draws[k * kept + r];
        assert_true(adapter_supports(amortizer_adapter(c->a), parameters));
        batch_t one = c->batch;
        const float *fields[MODEL_OBSERVABLES] = {c->y + k / DRAWS * 12,
                                                  c->z + k / DRAWS * 6,
                                                  c->v + k / DRAWS * 3,
                                                  c->u,
                                                  c->image,
                                                  c->series};
        one.n = 1;
        one.parameters = parameters;
        one.design = c->design + k / DRAWS * MODEL_DESIGN;
        one.length = c->length + k / DRAWS * MODEL_OBSERVABLES;
        one.observables = fields;
        amortizer_log_density(c->evaluate, &one, &again);
        // single precision there and back through the flow; next to its bounds, a has lost digits
        if (fabs(parameters[A]) < 4.9)
            assert_true(fabs(again - log_q[k]) < 2e-3 * (1.0 + fabs(log_q[k])));
    }
    free(log_q);
    free(draws);
    end(c);
}

static void test_a_data_set_alone_gives_the_same(void **state)
{
    (void)state;
    case_t *c = make();
    int kept = adapter_kept(amortizer_adapter(c->a), NULL);
    double *all = MEM_NEW(double, SETS *DRAWS *kept), *alone = MEM_NEW(double, DRAWS *kept);
    const float *fields[MODEL_OBSERVABLES] = {c->y + 12, c->z + 6, c->v + 3,
                                              c->u + 2,  c->image, c->series};
    batch_t one = {1, NULL, c->design + MODEL_DESIGN, c->length + MODEL_OBSERVABLES, fields};
    sample(c, &c->batch, 0, all, NULL);
    sample(c, &one, 1, alone, NULL);
    assert_memory_equal(all + DRAWS * kept, alone, (size_t)(DRAWS * kept) * sizeof *alone);
    free(alone);
    free(all);
    end(c);
}

static void test_training_draws_its_noise_from_the_stream(void **state)
{
    (void)state;
    case_t *c = make();
    int64_t n = params_size(amortizer_params(c->a));
    float *gradient = MEM_NEW(float, n);
    double loss[3];
    for (int k = 0; k < 3; k++) {
        rng_t noise = rng_at(9, RNG_CHECK, k == 2);
        loss[k] = amortizer_loss(c->train, &c->batch, 0.5, &noise, gradient);
        assert_true(isfinite(loss[k]));
    }
    assert_true(loss[0] == loss[1] && loss[0] != loss[2]);
    for (int64_t k = 0; k < n; k++)
        assert_true(isfinite(gradient[k]));
    free(gradient);
    end(c);
}

static void test_what_is_left_out_of_the_standardisation_keeps_its_scale(void **state)
{
    (void)state;
    case_t *c = make();
    const scaling_t *s = amortizer_scaling(c->a);
    const adapter_shape_t *after = adapter_after(amortizer_adapter(c->a));
    for (int p = 0; p < after->n_parameters; p++)
        assert_true(s->parameter_sd[p] == (strcmp(after->parameters[p].name, "a") ? 0.4 : 1.0));
    assert_true(s->design_sd[0] == 0.4 && s->design_sd[1] == 1.0 && s->design_mean[1] == 0.0);
    assert_true(s->observable_sd[0][1] == 0.4 && s->observable_sd[2][1] == 1.0);
    end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_are_kept_parameters_inside_the_support),
        cmocka_unit_test(test_a_data_set_alone_gives_the_same),
        cmocka_unit_test(test_training_draws_its_noise_from_the_stream),
        cmocka_unit_test(test_what_is_left_out_of_the_standardisation_keeps_its_scale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
