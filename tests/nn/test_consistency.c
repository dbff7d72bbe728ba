// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/consistency.h"
#include "nn/few_step.h"
#include "tests/nn/toy.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const inference_kind_t *const kind = &inference_kind_consistency;

static inference_config_t small_config(int width)
{
    inference_config_t c;
    memset(&c, 0, sizeof c);
    c.type = INFERENCE_CONSISTENCY;
    kind->fill(SIZE_SMALL, &c);
    c.net.width = width;
    c.net.depth = 2;
    return c;
}

/* 10 levels, then twice as many after each part of training of 1 / (log2 15 + 1) = 0.2038, capped at 150. */
static void test_levels_grow_with_progress(void **state)
{
    (void)state;
    assert_int_equal(consistency_levels(10, 150, 0), 11);
    assert_int_equal(consistency_levels(10, 150, 0.203), 11);
    assert_int_equal(consistency_levels(10, 150, 0.204), 21);
    assert_int_equal(consistency_levels(10, 150, 0.41), 41);
    assert_int_equal(consistency_levels(10, 150, 0.81), 81);
    assert_int_equal(consistency_levels(10, 150, 0.82), 151);
    assert_int_equal(consistency_levels(10, 150, 1), 151);
    assert_int_equal(consistency_levels(10, 10, 0.5), 11);
}

static void test_times_run_from_the_least_to_the_most(void **state)
{
    (void)state;
    assert_true(fabs(consistency_time(1, 11) - 1e-3) < 1e-12);
    assert_true(fabs(consistency_time(11, 11) - 80) < 1e-9);
    double root = (pow(1e-3, 1.0 / 7) + pow(80, 1.0 / 7)) / 2;
    assert_true(fabs(consistency_time(6, 11) - pow(root, 7)) < 1e-9);
}

enum { SETS = 5, D = 2 };
enum { NOISE_Z, NOISE_LEVELS, LEVEL_COLS = 4, LEVELS_COLS = 9 };

/* The network F of a toy in a graph of its own. */
typedef struct {
    toy_t toy;
    time_net_t *net;
    graph_t *graph;
    tensor_t *x, *time, *condition, *F;
    double target[SETS * D]; // f of the lower level, held fixed
} loss_t;

static void borrow_network(loss_t *l, const inference_config_t *config)
{
    const inference_shape_t shape = {.parameters = D, .conditions = D};
    const time_net_config_t net = inference_net(&shape, config);
    params_t *copy = params_create();
    l->net = time_net_make(copy, "inference", &net);
    params_destroy(&copy); // ids are those of the toy's params, where the network comes first
    graph_t *g = l->graph =
        graph_create(GRAPH_FORWARD, l->toy.params, &(graph_limits_t){.sets = SETS, .draws = SETS});
    l->time = graph_input(g, ROWS_SETS, 1, 1);
    l->condition = graph_input(g, ROWS_SETS, 1, D);
    l->x = graph_input(g, ROWS_DRAWS, 1, D);
    l->F = graph_keep(g, time_net_record(l->net, g, l->x, l->time, l->condition, NULL));
    graph_seal(g, NULL);
}

/* f(x, t) with the condition that stands there; x (SETS, D) is changed, t (SETS). */
static void apply(loss_t *l, const double *t, double *x)
{
    const double e = 1e-3;
    for (int i = 0; i < SETS * D; i++)
        l->x->value[i] = (float)x[i];
    for (int i = 0; i < SETS; i++)
        l->time->value[i] = (float)(t[i] / 80);
    graph_forward(l->graph);
    for (int i = 0; i < SETS * D; i++) {
        double at = t[i / D], since = at - e;
        x[i] = x[i] / (since * since + 1) + since / sqrt(1 + at * at) * (double)l->F->value[i];
    }
}

/* f(theta + t z, t) at the lower or the upper level of each data set. */
static void map_level(loss_t *l, int upper, double *t, double *f)
{
    const inference_noise_t *noise = &l->toy.noise;
    graph_begin(l->graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
    memcpy(l->condition->value, l->toy.condition->value, SETS * D * sizeof(float));
    for (int i = 0; i < SETS; i++)
        t[i] = (double)noise->in[NOISE_LEVELS]->value[i * LEVELS_COLS + upper * LEVEL_COLS];
    for (int i = 0; i < SETS * D; i++)
        f[i] = (double)l->toy.theta->value[i] + t[i / D] * (double)noise->in[NOISE_Z]->value[i];
    apply(l, t, f);
}

static loss_t make_loss(void)
{
    loss_t l;
    double t[SETS];
    memset(&l, 0, sizeof l);
    inference_config_t config = small_config(9);
    config.net.fourier_scale = 3;
    l.toy = toy_make(kind, &config, D, SETS, 1);
    weights_perturb(l.toy.params, 2, 0.1);
    borrow_network(&l, &config);
    toy_fill(&l.toy, 0, 0);
    map_level(&l, 0, t, l.target);
    return l;
}

static void end_loss(loss_t *l)
{
    graph_destroy(&l->graph);
    time_net_destroy(&l->net);
    toy_end(&l->toy);
}

/* With the target held fixed. */
static double written_loss(void *user)
{
    loss_t *l = user;
    double low[SETS], high[SETS], f[SETS * D], sum = 0, k = 0.00054 * sqrt(D);
    for (int i = 0; i < SETS; i++)
        low[i] = (double)l->toy.noise.in[NOISE_LEVELS]->value[i * LEVELS_COLS];
    map_level(l, 1, high, f);
    for (int i = 0; i < SETS * D; i++) {
        double off = l->target[i] - f[i];
        sum += (sqrt(off * off + k * k) - k) / (high[i / D] - low[i / D]) / (SETS * D);
    }
    return sum;
}

/* 1e-3: times of 80 and the differences of levels near e = 0.001 are rounded to float32. */
static void test_the_loss_is_its_formula(void **state)
{
    (void)state;
    loss_t l = make_loss();
    double got = toy_loss(&l.toy), expected = written_loss(&l);
    assert_true(expected > 0 && fabs(got - expected) < 1e-3 * expected);
    end_loss(&l);
}

static void test_the_gradient_takes_the_target_as_fixed(void **state)
{
    (void)state;
    loss_t l = make_loss();
    toy_loss(&l.toy);
    graph_backward(l.toy.graph, l.toy.gradient);
    weights_check_gradient(l.toy.params, written_loss, &l, l.toy.gradient, 0x1p-8, 3e-3);
    end_loss(&l);
}

/* Levels are neighbours of the grid, drawn as often as the header says: 5000 draws of p have a standard deviation of at most
 * sqrt(p / 5000). */
static void test_levels_are_drawn_by_their_weights(void **state)
{
    enum { N = 5000, LEVELS = 11 };
    (void)state;
    inference_config_t config = small_config(4);
    toy_t t = toy_make(kind, &config, 1, N, 1);
    toy_fill(&t, 0, 0);
    double weight[LEVELS], sum = 0, count[LEVELS] = {0};
    for (int i = 1; i < LEVELS; i++) {
        double a = (log(consistency_time(i, LEVELS)) + 1.1) / (2 * sqrt(2));
        double b = (log(consistency_time(i + 1, LEVELS)) + 1.1) / (2 * sqrt(2));
        sum += weight[i] = erf(b) - erf(a);
    }
    for (int r = 0; r < N; r++) {
        const float *row = t.noise.in[NOISE_LEVELS]->value + r * LEVELS_COLS;
        int found = 0;
        for (int i = 1; i < LEVELS; i++)
            if (fabs((double)row[0] / consistency_time(i, LEVELS) - 1) < 1e-6)
                found = i;
        assert_true(found > 0);
        assert_true(fabs((double)row[LEVEL_COLS] / consistency_time(found + 1, LEVELS) - 1) < 1e-6);
        count[found]++;
    }
    for (int i = 1; i < LEVELS; i++)
        assert_true(fabs(count[i] / N - weight[i] / sum) < 4.5 * sqrt(weight[i] / sum / N) + 1e-9);
    toy_end(&t);
}

/* By the header's formula with the same noise. */
static void test_draws_are_the_steps_of_the_formula(void **state)
{
    (void)state;
    loss_t l = make_loss();
    const float condition[D] = {0.5f, -1};
    float theta[SETS * D], twice[SETS * D];
    double x[SETS * D] = {0}, t[SETS];
    rng_t rng = rng_at(3, RNG_CHECK, 0), again = rng, copy = rng;
    void *eval = kind->eval_create(l.toy.net, l.toy.params);
    kind->eval_condition(eval, condition, NULL);
    kind->eval_draw(eval, SETS, &rng, theta, NULL);
    graph_begin(l.graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
    for (int i = 0; i < SETS * D; i++)
        l.condition->value[i] = condition[i % D];
    for (int i = 11; i > 1; i--) {
        for (int k = 0; k < SETS; k++)
            t[k] = consistency_time(i, 11);
        for (int k = 0; k < SETS * D; k++)
            x[k] = i == 11 ? 80 * rng_normal(&copy)
                           : x[k] + sqrt(t[0] * t[0] - 1e-6) * rng_normal(&copy);
        apply(&l, t, x);
    }
    for (int i = 0; i < SETS * D; i++)
        assert_true(fabs((double)theta[i] - x[i]) < 1e-4 * (1 + fabs(x[i])));
    kind->eval_draw(eval, SETS, &again, twice, NULL);
    assert_memory_equal(theta, twice, sizeof theta);
    assert_true(kind->eval_flops(eval) > 0 && kind->eval_bytes(eval) > 0);
    kind->eval_destroy(eval);
    end_loss(&l);
}

static void test_settings_out_of_range_are_named(void **state)
{
    (void)state;
    const inference_shape_t shape = {.parameters = 2, .conditions = 2};
    inference_config_t c = small_config(8);
    assert_int_equal(kind->check(&shape, &c), OK);
    c.consistency.end_levels = 9;
    assert_true(err_is(kind->check(&shape, &c), ERR_USAGE));
    assert_non_null(strstr(err_text(), "inference.end_levels: got 9"));
    c = small_config(8);
    c.net.time_embed = 31;
    assert_true(err_is(kind->check(&shape, &c), ERR_USAGE));
}

/* The sampling error of 4000 draws is 0.007; what is left is the network's. The bounds are 0.15, a third of the posterior's
 * standard deviation: a model that ignored the condition would be off by 0.8 in the mean, or by 0.55 in the deviation. */
static void test_training_finds_the_posterior(void **state)
{
    (void)state;
    inference_config_t c = small_config(32);
    toy_t t = toy_make(kind, &c, 2, 64, 1);
    toy_train(&t, 1200, 3e-3);
    const float condition[2] = {1, -0.5f};
    double mean[2], sd[2];
    toy_draws(&t, condition, 4000, mean, sd);
    for (int j = 0; j < 2; j++) {
        assert_true(fabs(mean[j] - TOY_SLOPE * (double)condition[j]) < 0.15);
        assert_true(fabs(sd[j] - TOY_SD) < 0.15);
    }
    toy_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_grow_with_progress),
        cmocka_unit_test(test_times_run_from_the_least_to_the_most),
        cmocka_unit_test(test_the_loss_is_its_formula),
        cmocka_unit_test(test_the_gradient_takes_the_target_as_fixed),
        cmocka_unit_test(test_levels_are_drawn_by_their_weights),
        cmocka_unit_test(test_draws_are_the_steps_of_the_formula),
        cmocka_unit_test(test_settings_out_of_range_are_named),
        cmocka_unit_test(test_training_finds_the_posterior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
