// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/amortizer.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = 3, D = 1, LONGEST = 12, SETS = 7, DRAWS = 5 };

static const double lower[P] = {-INFINITY, 0.5, -1.0}, upper[P] = {INFINITY, INFINITY, 3.0};

// Two observables: a set of single numbers and a set of pairs.
typedef struct {
    amortizer_config_t config;
    amortizer_observable_t observables[2];
    amortizer_t *a;
    amortizer_work_t *train, *loss, *evaluate;
    double parameters[SETS * P], design[SETS * D];
    int32_t length[SETS * 2];
    float y0[SETS * LONGEST], y1[SETS * LONGEST * 2];
    const float *fields[2];
    batch_t batch;
} case_t;

static void fill(case_t *c)
{
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        c->parameters[i * P] = rng_normal(&rng);
        c->parameters[i * P + 1] = 0.5 + rng_exponential(&rng);
        c->parameters[i * P + 2] = -1.0 + 4.0 * rng_uniform(&rng);
        c->design[i] = 3.0 + 2.0 * i;
        c->length[2 * i] = i == 2 ? 0 : 3 + i;
        c->length[2 * i + 1] = LONGEST - i;
    }
    rng_fill_normal_f32(&rng, SETS * LONGEST, c->y0);
    rng_fill_normal_f32(&rng, SETS * LONGEST * 2, c->y1);
}

static void scale(case_t *c)
{
    double mean[] = {0.3, 0.1, -0.2}, sd[] = {0.9, 1.1, 0.7};
    double *means[] = {(double[]){0.1}, (double[]){0.2, -0.1}};
    double *sds[] = {(double[]){1.2}, (double[]){0.8, 1.1}};
    scaling_t s = {mean, sd, (double[]){9.0}, (double[]){4.0}, means, sds};
    amortizer_set_scaling(c->a, &s);
}

static case_t *make(void (*change)(amortizer_config_t *))
{
    case_t *c = MEM_NEW(case_t, 1);
    c->observables[0] =
        (amortizer_observable_t){.kind = OBSERVABLE_SET, .max_length = LONGEST, .features = 1};
    c->observables[1] =
        (amortizer_observable_t){.kind = OBSERVABLE_SET, .max_length = LONGEST, .features = 2};
    c->config.n_parameters = P;
    c->config.n_observables = 2;
    c->config.n_design = D;
    c->config.lower = lower;
    c->config.upper = upper;
    c->config.observables = c->observables;
    amortizer_config_default(&c->config, INFERENCE_COUPLING_FLOW, SIZE_BASE, false);
    for (int o = 0; o < 2; o++) {
        c->observables[o].summary.depth = 1;
        c->observables[o].summary.quantiles = true;
        c->observables[o].summary.summary_dim = 4;
        c->observables[o].summary.embed_dim = c->observables[o].summary.width = 8;
    }
    c->config.inference.flow.width = 8;
    if (change)
        change(&c->config);
    assert_int_equal(amortizer_create(&c->config, 3, &c->a), OK);
    fill(c);
    scale(c);
    c->fields[0] = c->y0;
    c->fields[1] = c->y1;
    c->batch = (batch_t){SETS, c->parameters, c->design, c->length, c->fields};
    amortizer_calibrate(c->a, &c->batch);
    weights_perturb(amortizer_params(c->a), 4, 0.03);
    c->train = amortizer_work_create(c->a, WORK_TRAIN, SETS, 0);
    c->loss = amortizer_work_create(c->a, WORK_LOSS, SETS, 0);
    c->evaluate = amortizer_work_create(c->a, WORK_EVALUATE, 1, 4);
    return c;
}

static void end(case_t **c)
{
    amortizer_work_destroy(&(*c)->train);
    amortizer_work_destroy(&(*c)->loss);
    amortizer_work_destroy(&(*c)->evaluate);
    amortizer_destroy(&(*c)->a);
    free(*c);
    *c = NULL;
}

static double training_loss(case_t *c, float *gradient)
{
    rng_t noise = rng_at(5, RNG_CHECK, 0);
    return amortizer_loss(c->train, &c->batch, 0.5, &noise, gradient);
}

static double loss(void *user)
{
    case_t *c = user;
    rng_t noise = rng_at(5, RNG_CHECK, 0);
    return amortizer_loss(c->loss, &c->batch, 0.5, &noise, NULL);
}

// The loss of seven data sets is about 50, so differences over steps of 1e-3 are sure to about 2e-2.
static void test_gradients_agree_with_differences(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    params_t *params = amortizer_params(c->a);
    float *gradient = MEM_NEW(float, params_size(params));
    training_loss(c, gradient);
    weights_check_gradient(params, loss, c, gradient, 1e-3, 3e-2);
    free(gradient);
    end(&c);
}

static void test_training_and_evaluation_see_the_same_loss(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    float *gradient = MEM_NEW(float, params_size(amortizer_params(c->a)));
    double trained = training_loss(c, gradient), evaluated = loss(c);
    assert_true(fabs(trained - evaluated) < 1e-4 * fabs(evaluated));
    free(gradient);
    end(&c);
}

static void some_dropout(amortizer_config_t *config)
{
    config->observables[0].summary.dropout = 0.3;
    config->inference.flow.dropout = 0.3;
}

static void test_dropout_follows_the_noise(void **state)
{
    (void)state;
    case_t *c = make(some_dropout);
    float *gradient = MEM_NEW(float, params_size(amortizer_params(c->a)));
    rng_t noise = rng_at(6, RNG_CHECK, 0);
    double first = training_loss(c, gradient), again = training_loss(c, gradient);
    double other = amortizer_loss(c->train, &c->batch, 0.5, &noise, gradient);
    assert_true(first == again);
    assert_true(first != other);
    free(gradient);
    end(&c);
}

static void test_log_density_is_on_the_users_scale(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double log_q[SETS], sum = 0.0, u[P];
    amortizer_log_density(c->evaluate, &c->batch, log_q);
    for (int i = 0; i < SETS; i++) {
        double log_jacobian;
        adapter_free(amortizer_adapter(c->a), c->parameters + i * P, u, &log_jacobian);
        sum += log_q[i] - log_jacobian + log(0.9) + log(1.1) +
               log(0.7); // back to the standardised scale
    }
    assert_true(fabs(sum + loss(c)) < 1e-4 * fabs(sum));
    end(&c);
}

static void test_outside_the_support_the_density_is_zero(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double log_q[SETS];
    c->parameters[1] = 0.5;
    c->parameters[P + 2] = 3.5;
    c->parameters[2 * P] = NAN;
    amortizer_log_density(c->evaluate, &c->batch, log_q);
    assert_true(log_q[0] == -INFINITY && log_q[1] == -INFINITY && log_q[2] == -INFINITY);
    assert_true(isfinite(log_q[3]));
    end(&c);
}

static void sample(case_t *c, const batch_t *batch, int64_t draws, uint64_t first, double *out,
                   double *log_q)
{
    rng_t rng[SETS];
    for (int64_t i = 0; i < batch->n; i++)
        rng[i] = rng_at(8, RNG_INFER, first + (uint64_t)i);
    amortizer_sample(c->evaluate, batch, draws, rng, out, log_q);
}

static batch_t rest_of(const case_t *c, int first, const float *fields[2])
{
    fields[0] = c->y0 + first * LONGEST;
    fields[1] = c->y1 + first * LONGEST * 2;
    return (batch_t){SETS - first, c->parameters + first * P, c->design + first,
                     c->length + 2 * first, fields};
}

static void test_draws_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double all[SETS * DRAWS * P], some[SETS * DRAWS * P];
    const float *fields[2];
    sample(c, &c->batch, DRAWS, 0, all, NULL);
    for (int first = 1; first < SETS; first++) {
        batch_t rest = rest_of(c, first, fields);
        sample(c, &rest, DRAWS, (uint64_t)first, some, NULL);
        assert_memory_equal(some, all + first * DRAWS * P,
                            (size_t)((SETS - first) * DRAWS * P) * sizeof(double));
    }
    end(&c);
}

static void test_summaries_and_densities_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    int width = amortizer_summary_width(c->a);
    float all[SETS * 8], some[SETS * 8];
    double log_q[SETS], some_q[SETS];
    const float *fields[2];
    batch_t rest = rest_of(c, 3, fields);
    assert_int_equal(width, 8);
    amortizer_summaries(c->evaluate, &c->batch, all);
    amortizer_summaries(c->evaluate, &rest, some);
    assert_memory_equal(some, all + 3 * width, (size_t)((SETS - 3) * width) * sizeof(float));
    amortizer_log_density(c->evaluate, &c->batch, log_q);
    amortizer_log_density(c->evaluate, &rest, some_q);
    assert_memory_equal(some_q, log_q + 3, (SETS - 3) * sizeof(double));
    end(&c);
}

static void test_density_of_a_draw_is_the_one_reported_with_it(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double draws[SETS * DRAWS * P], log_q[SETS * DRAWS], again[SETS];
    sample(c, &c->batch, DRAWS, 0, draws, log_q);
    for (int k = 0; k < DRAWS; k++) {
        for (int i = 0; i < SETS; i++)
            memcpy(c->parameters + i * P, draws + (i * DRAWS + k) * P, P * sizeof(double));
        amortizer_log_density(c->evaluate, &c->batch, again);
        for (int i = 0; i < SETS; i++)
            assert_true(fabs(again[i] - log_q[i * DRAWS + k]) < 1e-3 * (1.0 + fabs(again[i])));
    }
    end(&c);
}

static void test_draws_stay_inside_the_support(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double draws[SETS * 200 * P];
    double mean[P] = {0.0, -700.0, 60.0},
           sd[P] = {1.0, 30.0, 30.0}; // where rounding reaches the bounds
    double *means[] = {(double[]){0.0}, (double[]){0.0, 0.0}},
           *sds[] = {(double[]){1.0}, (double[]){1.0, 1.0}};
    amortizer_set_scaling(c->a,
                          &(scaling_t){mean, sd, (double[]){0.0}, (double[]){1.0}, means, sds});
    sample(c, &c->batch, 200, 0, draws, NULL);
    for (int k = 0; k < SETS * 200; k++) {
        assert_true(draws[k * P + 1] > 0.5 && isfinite(draws[k * P + 1]));
        assert_true(draws[k * P + 2] > -1.0 && draws[k * P + 2] < 3.0);
    }
    end(&c);
}

// A flow of sd 5 or so, of whose draws some 5 % fall further than 10 sd of the prior at first.
static void test_draws_far_from_the_prior_are_made_anew(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double draws[SETS * 200 * P];
    params_t *params = amortizer_params(c->a);
    float *scale = params_tensor(params, params_find(params, "inference/layer0/scale"));
    for (int j = 0; j < P; j++)
        scale[j] = 0.2f;
    sample(c, &c->batch, 200, 0, draws, NULL);
    int wide = 0;
    for (int k = 0; k < SETS * 200; k++) {
        assert_true(fabs(draws[k * P]) <= 10.0);
        wide += fabs(draws[k * P]) > 5.0;
    }
    assert_true(wide > SETS * 10);
    end(&c);
}

static void test_padding_is_not_looked_at(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double before[SETS], after[SETS];
    amortizer_log_density(c->evaluate, &c->batch, before);
    for (int i = 0; i < SETS; i++) {
        for (int k = c->length[2 * i]; k < LONGEST; k++)
            c->y0[i * LONGEST + k] = NAN;
        for (int k = 2 * c->length[2 * i + 1]; k < 2 * LONGEST; k++)
            c->y1[i * LONGEST * 2 + k] = 1e30f;
    }
    amortizer_log_density(c->evaluate, &c->batch, after);
    assert_memory_equal(before, after, sizeof before);
    end(&c);
}

// Means over elements in another order of additions: float32 rounding.
static void test_the_order_of_elements_does_not_matter(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double before[SETS], after[SETS];
    amortizer_log_density(c->evaluate, &c->batch, before);
    for (int i = 0; i < SETS; i++)
        for (int k = 0; k < c->length[2 * i] / 2; k++) {
            float *a = &c->y0[i * LONGEST + k], *b = &c->y0[i * LONGEST + c->length[2 * i] - 1 - k],
                  x = *a;
            *a = *b;
            *b = x;
        }
    amortizer_log_density(c->evaluate, &c->batch, after);
    for (int i = 0; i < SETS; i++)
        assert_true(fabs(after[i] - before[i]) < 1e-4 * (1.0 + fabs(before[i])));
    end(&c);
}

static void one_parameter(amortizer_config_t *config)
{
    config->n_parameters = 1;
    config->lower = lower + 2;
    config->upper = upper + 2;
}

// One parameter in (-1, 3): the density on a grid, its integral, and the largest distance of its distribution function from
// that of 20,000 draws. Kolmogorov: above 1.95 / sqrt(n) = 0.0138 with probability 0.001; the seed is fixed.
static void test_density_integrates_to_one_and_agrees_with_draws(void **state)
{
    (void)state;
    enum { GRID = 4000, MANY = 20000 };
    case_t *c = make(one_parameter);
    double *draws = MEM_NEW(double, MANY), *below = MEM_NEW(double, GRID + 1), integral = 0.0,
           worst = 0.0;
    batch_t one = c->batch;
    one.n = 1;
    sample(c, &one, MANY, 0, draws, NULL);
    for (int k = 0; k < MANY; k++)
        below[(int)((draws[k] + 1.0) * GRID / 4.0) + 1] += 1.0 / MANY;
    for (int k = 0; k < GRID; k++) {
        double at = -1.0 + 4.0 * (k + 0.5) / GRID, log_q;
        one.parameters = &at;
        amortizer_log_density(c->evaluate, &one, &log_q);
        integral += exp(log_q) * 4.0 / GRID;
        below[k + 1] += below[k];
        worst = fmax(worst, fabs(below[k + 1] - integral));
    }
    assert_true(fabs(integral - 1.0) < 2e-3);
    assert_true(worst < 0.0138);
    free(below);
    free(draws);
    end(&c);
}

static void test_design_matters(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    double before[SETS], after[SETS];
    amortizer_log_density(c->evaluate, &c->batch, before);
    c->design[3] += 5.0;
    amortizer_log_density(c->evaluate, &c->batch, after);
    for (int i = 0; i < SETS; i++)
        assert_int_equal(before[i] == after[i], i != 3);
    end(&c);
}

static void test_initial_weights_are_a_function_of_the_seed(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    amortizer_t *a[3];
    size_t bytes = (size_t)params_size(amortizer_params(c->a)) * sizeof(float);
    for (int k = 0; k < 3; k++)
        assert_int_equal(amortizer_create(&c->config, k == 2 ? 8 : 7, &a[k]), OK);
    assert_memory_equal(params_value(amortizer_params(a[0])), params_value(amortizer_params(a[1])),
                        bytes);
    assert_memory_not_equal(params_value(amortizer_params(a[0])),
                            params_value(amortizer_params(a[2])), bytes);
    for (int k = 0; k < 3; k++)
        amortizer_destroy(&a[k]);
    end(&c);
}

static void peers(amortizer_config_t *config)
{
    amortizer_config_default(config, INFERENCE_COUPLING_FLOW, SIZE_BASE, true);
}

static void test_the_peers_architecture_is_a_setting(void **state)
{
    (void)state;
    case_t *c = make(peers);
    float *gradient = MEM_NEW(float, params_size(amortizer_params(c->a)));
    assert_true(isfinite(training_loss(c, gradient)));
    assert_true(params_find(amortizer_params(c->a), "summary0/pooling/seeds") >= 0);
    assert_int_equal(params_find(amortizer_params(c->a), "inference/whiten/out/weight"), -1);
    free(gradient);
    end(&c);
}

static void test_nothing_is_hidden_when_weights_break(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    params_t *params = amortizer_params(c->a);
    double log_q[SETS];
    params_tensor(params, params_find(params, "summary0/out/bias"))[0] = NAN;
    amortizer_log_density(c->evaluate, &c->batch, log_q);
    assert_true(isnan(log_q[0]));
    assert_true(isnan(loss(c)));
    end(&c);
}

static void test_memory_and_work_are_told(void **state)
{
    (void)state;
    case_t *c = make(NULL);
    float *gradient = MEM_NEW(float, params_size(amortizer_params(c->a)));
    training_loss(c, gradient);
    assert_true(amortizer_work_bytes(c->train) > 0 && amortizer_work_flops(c->train) > 0.0);
    double log_q[SETS];
    amortizer_log_density(c->evaluate, &c->batch, log_q);
    assert_true(amortizer_work_bytes(c->evaluate) > 0 && amortizer_work_flops(c->evaluate) > 0.0);
    free(gradient);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_agree_with_differences),
        cmocka_unit_test(test_training_and_evaluation_see_the_same_loss),
        cmocka_unit_test(test_dropout_follows_the_noise),
        cmocka_unit_test(test_log_density_is_on_the_users_scale),
        cmocka_unit_test(test_outside_the_support_the_density_is_zero),
        cmocka_unit_test(test_draws_do_not_depend_on_the_batch),
        cmocka_unit_test(test_summaries_and_densities_do_not_depend_on_the_batch),
        cmocka_unit_test(test_density_of_a_draw_is_the_one_reported_with_it),
        cmocka_unit_test(test_draws_stay_inside_the_support),
        cmocka_unit_test(test_draws_far_from_the_prior_are_made_anew),
        cmocka_unit_test(test_padding_is_not_looked_at),
        cmocka_unit_test(test_the_order_of_elements_does_not_matter),
        cmocka_unit_test(test_density_integrates_to_one_and_agrees_with_draws),
        cmocka_unit_test(test_design_matters),
        cmocka_unit_test(test_initial_weights_are_a_function_of_the_seed),
        cmocka_unit_test(test_the_peers_architecture_is_a_setting),
        cmocka_unit_test(test_nothing_is_hidden_when_weights_break),
        cmocka_unit_test(test_memory_and_work_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
