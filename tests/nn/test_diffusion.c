// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/diffusion.h"

#include "nn/noise_schedule.h"
#include "tests/nn/inference_case.h"
#include "tests/sanitized.h"

#include <math.h>
#include <string.h>

static const struct {
    noise_schedule_t schedule;
    prediction_t prediction;
} kinds[] = {
    {SCHEDULE_COSINE, PREDICT_VELOCITY}, {SCHEDULE_COSINE, PREDICT_NOISE},
    {SCHEDULE_COSINE, PREDICT_F},        {SCHEDULE_EDM, PREDICT_VELOCITY},
    {SCHEDULE_EDM, PREDICT_NOISE},       {SCHEDULE_EDM, PREDICT_F},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static inference_config_t config_of(int k, solver_t solver, double tolerance)
{
    inference_config_t config = inference_case_config(INFERENCE_DIFFUSION);
    config.diffusion.schedule = kinds[k].schedule;
    config.diffusion.prediction = kinds[k].prediction;
    config.solver = solver;
    config.atol = config.rtol = tolerance;
    return config;
}

// The solver is sure to about its tolerance. A random network that predicts noise gives scores as large as 1 / sigma next to the
// data, and so no density that a grid could hold.
static void the_density_integrates_to_one(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].prediction == PREDICT_NOISE)
            continue;
        inference_config_t config = config_of(k, SOLVER_TSIT5, 1e-5);
        inference_case_t one = inference_case_make(&config, 1, 0.1);
        double sum = inference_case_integral(&one, 24.0, 800);
        if (!(fabs(sum - 1.0) < 2e-3))
            fail_msg("kind %d, one dimension: %g", k, sum);
        inference_case_end(&one);
    }
    inference_config_t config = config_of(0, SOLVER_TSIT5, 1e-4);
    inference_case_t two = inference_case_make(&config, 2, 0.1);
    double sum = inference_case_integral(&two, 20.0, 60);
    if (!(fabs(sum - 1.0) < 1e-2))
        fail_msg("two dimensions: %g", sum);
    inference_case_end(&two);
}

static void draws_of_the_ode_follow_the_density(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].prediction == PREDICT_NOISE)
            continue;
        inference_config_t config = config_of(k, SOLVER_TSIT5, 1e-4);
        inference_case_t c = inference_case_make(&config, 1, 0.1);
        double distance = inference_case_distance(&c, 24.0, 800, 4000);
        if (!(distance < 1.95 / sqrt(4000.0)))
            fail_msg("kind %d: distance %g", k, distance);
        inference_case_end(&c);
    }
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        inference_config_t config = config_of(k, SOLVER_TSIT5, 1e-3);
        inference_case_t c = inference_case_make(&config, 3, 0.1);
        inference_case_check_gradient(&c, 5e-3, 3e-3);
        inference_case_end(&c);
    }
}

static void draws_depend_on_their_data_set_and_random_state_alone(void **state)
{
    (void)state;
    static const solver_t solvers[] = {SOLVER_EULER, SOLVER_RK4, SOLVER_TSIT5, SOLVER_TWO_STEP};
    for (int k = 0; k < 4; k++) {
        inference_config_t config = config_of(0, solvers[k], 1e-2);
        config.steps = k < 2 ? 10 : 1000;
        inference_case_t c = inference_case_make(&config, 2, 0.1);
        inference_case_check_draws(&c, 200);
        inference_case_end(&c);
    }
}

/* A network whose result is zero has the score -x / r^2 in velocity and f: that of standard normal parameters, since alpha^2 + sigma^2
 * is their variance at any time. All draws are then standard normal and all densities known. */
static void zero_weights(inference_case_t *c)
{
    memset(params_value(c->params), 0, (size_t)params_size(c->params) * sizeof(float));
    c->kind->eval_destroy(c->eval);
    c->eval = c->kind->eval_create(c->net, c->params);
    inference_case_condition(c, 0);
}

static void check_standard_normal(int64_t n, const float *theta)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double)theta[k];
        squares += (double)theta[k] * (double)theta[k];
    }
    assert_true(fabs(sum / (double)n) < 5.0 / sqrt((double)n));
    if (!(fabs(squares / (double)n - 1.0) < 5.0 * sqrt(2.0 / (double)n) + 0.01))
        fail_msg("mean square %g", squares / (double)n);
}

static void a_network_of_zeros_gives_a_standard_normal(void **state)
{
    (void)state;
    enum { N = 4000, D = 2 };
    static const solver_t solvers[] = {SOLVER_TSIT5, SOLVER_TWO_STEP};
    static float theta[N * D];
    static double density[N];
    for (int k = 0; k < 2 * KINDS; k++) {
        solver_t solver = solvers[k % 2];
        if (kinds[k / 2].prediction == PREDICT_NOISE)
            continue;
        inference_config_t config = config_of(k / 2, solver, solver == SOLVER_TSIT5 ? 1e-4 : 0.02);
        inference_case_t c = inference_case_make(&config, D, 0.0);
        rng_t rng = rng_at(4, RNG_CHECK, (uint64_t)k);
        zero_weights(&c);
        c.kind->eval_draw(c.eval, N, &rng, theta, NULL);
        check_standard_normal(N * D, theta);
        c.kind->eval_density(c.eval, 100, theta, density);
        for (int i = 0; i < 100; i++) {
            double truth = -log(2.0 * M_PI);
            for (int j = 0; j < D; j++)
                truth -= 0.5 * (double)theta[i * D + j] * (double)theta[i * D + j];
            if (!(fabs(density[i] - truth) < 5e-3 * (1.0 + fabs(truth))))
                fail_msg("case %d: log density %g, expected %g", k, density[i], truth);
        }
        inference_case_end(&c);
    }
}

static void stochastic_draws_have_a_density_too(void **state)
{
    (void)state;
    enum { N = 50, D = 2 };
    inference_config_t config = config_of(0, SOLVER_TWO_STEP, 0.02);
    inference_case_t c = inference_case_make(&config, D, 0.1);
    float theta[N * D];
    double drawn[N], density[N];
    rng_t rng = rng_at(4, RNG_CHECK, 1);
    c.kind->eval_draw(c.eval, N, &rng, theta, drawn);
    assert_true(diffusion_count(c.eval).steps > 0);
    c.kind->eval_density(c.eval, N, theta, density);
    assert_memory_equal(drawn, density, sizeof drawn);
    assert_true(c.kind->eval_flops(c.eval) > 0.0 && c.kind->eval_bytes(c.eval) > 0);
    c.kind->eval_draw(c.eval, 0, &rng, theta, NULL);
    inference_case_end(&c);
}

/* Given condition 0 the posterior is N(m, v), so x at time t is N(alpha m, s^2), s^2 = alpha^2 v + sigma^2, and its score
 * -(x - alpha m) / s^2. Root mean square of the miss of the score that is in the velocity, in units of its own size 1 / s, at points
 * around the mean. */
static double score_miss(inference_case_t *c, double t)
{
    static const double m[] = {0.8 * 0.5, 0.8 * -0.8}, v = 0.2;
    noise_at_t at = noise_at(c->config.diffusion.schedule, t);
    double s = sqrt(at.alpha * at.alpha * v + at.sigma * at.sigma), sum = 0.0;
    float x[2], dx[2];
    inference_case_condition(c, 0);
    for (int i = 0; i < 25; i++) {
        double away[] = {0.5 * (i % 5) - 1.0, 0.5 * (i / 5) - 1.0};
        for (int j = 0; j < 2; j++)
            x[j] = (float)(at.alpha * m[j] + s * away[j]);
        diffusion_velocity(c->eval, t, 1, x, dx, NULL);
        for (int j = 0; j < 2; j++) {
            double score = (at.drift * (double)x[j] - (double)dx[j]) / (0.5 * at.noise2);
            sum += pow(score * s + away[j], 2.0);
        }
    }
    return sqrt(sum / 50.0);
}

// Far from the truth would be 1 and more: a wrong sign, time or scale. Small networks, few steps: hence 0.25. Draws by predicted
// noise multiply its error by alpha / sigma = 1 / 400 of the noisy end, which is too much for so small a network.
static void training_leads_to_the_posterior(void **state)
{
    (void)state;
    skip_when_sanitized();
    for (int k = 0; k < KINDS; k++) {
        inference_config_t config = config_of(k, SOLVER_TWO_STEP, 0.02);
        inference_case_t c = inference_case_make(&config, 2, 0.0);
        inference_case_train(&c, 1000);
        double miss = inference_case_miss(&c, 2000);
        ode_count_t count = diffusion_count(c.eval);
        double score = score_miss(&c, kinds[k].schedule == SCHEDULE_EDM ? 0.4 : 0.5);
        print_message("kind %d: score %.3f, draws %.3f posterior sds, %d evaluations\n", k, score,
                      miss, count.evaluations);
        if (!(score < 0.25 && (miss < 0.25 || kinds[k].prediction == PREDICT_NOISE)))
            fail_msg("kind %d: score %g, draws %g", k, score, miss);
        inference_case_end(&c);
    }
}

static void settings_out_of_range_are_named(void **state)
{
    (void)state;
    inference_shape_t shape = {2, 3, 0};
    inference_config_t config = config_of(0, SOLVER_TWO_STEP, 0.0);
    assert_true(err_is(inference_config_check(&shape, &config), ERR_USAGE));
    assert_non_null(strstr(err_text(), "inference.atol"));
    config = config_of(0, SOLVER_TWO_STEP, 0.02);
    config.net.time_embed = 3;
    assert_true(err_is(inference_config_check(&shape, &config), ERR_USAGE));
    assert_non_null(strstr(err_text(), "inference.time_embed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_density_integrates_to_one),
        cmocka_unit_test(draws_of_the_ode_follow_the_density),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(draws_depend_on_their_data_set_and_random_state_alone),
        cmocka_unit_test(a_network_of_zeros_gives_a_standard_normal),
        cmocka_unit_test(stochastic_draws_have_a_density_too),
        cmocka_unit_test(training_leads_to_the_posterior),
        cmocka_unit_test(settings_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
