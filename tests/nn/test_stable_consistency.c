// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/stable_consistency.h"
#include "nn/tangent.h"
#include "tests/nn/toy.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const inference_kind_t *const kind = &inference_kind_stable_consistency;

static inference_config_t small_config(int width)
{
    inference_config_t c;
    memset(&c, 0, sizeof c);
    c.type = INFERENCE_STABLE_CONSISTENCY;
    kind->fill(SIZE_SMALL, &c);
    c.net.width = width;
    c.net.depth = 2;
    return c;
}

enum { SETS = 3, D = 2 };

/* The tangent that the loss takes, F' along (cos t sin t v, cos t sin t), and F in a graph of its own. */
typedef struct {
    params_t *params;
    time_net_t *net;
    graph_t *graph;
    tensor_t *x, *time, *condition, *by_x, *by_time, *F, *tangent;
} jvp_t;

static jvp_t make_jvp(const inference_config_t *config)
{
    jvp_t j = {.params = params_create()};
    const inference_shape_t shape = {.parameters = D, .conditions = D};
    const time_net_config_t net = inference_net(&shape, config);
    j.net = time_net_make(j.params, "net", &net);
    params_seal(j.params, 1);
    weights_perturb(j.params, 2, 0.1);
    graph_t *g = j.graph =
        graph_create(GRAPH_FORWARD, j.params, &(graph_limits_t){.sets = SETS, .draws = SETS});
    j.time = graph_input(g, ROWS_SETS, 1, 1);
    j.condition = graph_input(g, ROWS_SETS, 1, D);
    j.by_time = graph_input(g, ROWS_SETS, 1, 1);
    j.x = graph_input(g, ROWS_DRAWS, 1, D);
    j.by_x = graph_input(g, ROWS_DRAWS, 1, D);
    j.F = graph_keep(g, time_net_record(j.net, g, j.x, j.time, j.condition, NULL));
    j.tangent = graph_keep(g, graph_tangent(g, j.F, 2, (tensor_t *[]){j.x, j.time},
                                            (tensor_t *[]){j.by_x, j.by_time}));
    graph_seal(g, NULL);
    return j;
}

/* Adds factor * F(x + by * v, t + by * s) to sum (SETS, D). */
static void add_moved(jvp_t *j, double by, double factor, double *sum)
{
    static const float x[] = {0.3f, -1.1f, 0.7f, 0.2f, -0.4f, 1.6f}, time[] = {0.2f, 0.7f, 1.4f};
    static const float v[] = {0.5f, 0.25f, -0.5f, 1, 0.75f, -0.125f}, s[] = {0.25f, 0.5f, -0.25f};
    graph_begin(j->graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
    for (int i = 0; i < SETS * D; i++) {
        j->x->value[i] = x[i] + (float)by * v[i];
        j->by_x->value[i] = v[i];
        j->condition->value[i] = (float)i * 0.3f - 0.5f;
    }
    for (int i = 0; i < SETS; i++) {
        j->time->value[i] = time[i] + (float)by * s[i];
        j->by_time->value[i] = s[i];
    }
    graph_forward(j->graph);
    for (int i = 0; i < SETS * D; i++)
        sum[i] += factor * (double)j->F->value[i];
}

/* Two pixels, attention between them. */
static inference_config_t unet_config(void)
{
    inference_config_t c = small_config(9);
    c.net.subnet = SUBNET_UNET;
    c.net.height = 2;
    c.net.image_width = c.net.channels = 1;
    c.net.stages = c.net.groups = 2;
    c.net.heads = 1;
    c.net.blocks = 1;
    c.net.stage_width[0] = 4;
    c.net.stage_width[1] = 8;
    c.net.stage_attention[0] = true;
    return c;
}

/* Differences of order h^4 at h = 2^-7; float32 leaves 1e-7 / h = 2e-5 of F's size. */
static void check_tangent(const inference_config_t *config)
{
    const double h = 0x1p-7;
    double difference[SETS * D] = {0}, unused[SETS * D] = {0}, size = 0;
    jvp_t j = make_jvp(config);
    for (int side = -1; side <= 1; side += 2) {
        add_moved(&j, side * h, 8 * side / (12 * h), difference);
        add_moved(&j, 2 * side * h, -side / (12 * h), difference);
    }
    add_moved(&j, 0, 0, unused);
    for (int i = 0; i < SETS * D; i++) {
        double got = (double)j.tangent->value[i];
        size += fabs(got);
        assert_true(fabs(got - difference[i]) < 3e-4 * (1 + fabs(got)));
    }
    assert_true(size > 0.5);
    graph_destroy(&j.graph);
    time_net_destroy(&j.net);
    params_destroy(&j.params);
}

static void test_the_tangent_of_the_networks_equals_differences(void **state)
{
    const inference_config_t mlp = small_config(9), unet = unet_config();
    (void)state;
    check_tangent(&mlp);
    check_tangent(&unet);
}

/* ---- the loss, written out ---- */

typedef struct {
    toy_t toy;
    jvp_t at;            // its network at the same weights
    double g[SETS * D];  // of the loss, held fixed
    double F0[SETS * D]; // F at the weights where g was taken
} loss_t;

/* The toy's network in a graph of its own; its weights are those of the toy. */
static void borrow_network(loss_t *l, const inference_config_t *config)
{
    const inference_shape_t shape = {.parameters = D, .conditions = D};
    jvp_t *j = &l->at;
    const time_net_config_t net = inference_net(&shape, config);
    params_t *copy = params_create();
    j->net = time_net_make(copy, "inference/net", &net);
    params_destroy(&copy); // ids are those of the toy's params, where the network comes first
    graph_t *g = j->graph =
        graph_create(GRAPH_FORWARD, l->toy.params, &(graph_limits_t){.sets = SETS, .draws = SETS});
    j->time = graph_input(g, ROWS_SETS, 1, 1);
    j->condition = graph_input(g, ROWS_SETS, 1, D);
    j->by_time = graph_input(g, ROWS_SETS, 1, 1);
    j->x = graph_input(g, ROWS_DRAWS, 1, D);
    j->by_x = graph_input(g, ROWS_DRAWS, 1, D);
    j->F = graph_keep(g, time_net_record(j->net, g, j->x, j->time, j->condition, NULL));
    j->tangent = graph_keep(g, graph_tangent(g, j->F, 2, (tensor_t *[]){j->x, j->time},
                                             (tensor_t *[]){j->by_x, j->by_time}));
    graph_seal(g, NULL);
}

enum { NOISE_Z, NOISE_ANGLE };

static double angle_of(const loss_t *l, int i)
{
    return (double)l->toy.noise.in[NOISE_ANGLE]->value[i];
}

/* Runs F at (x_t, t) and its tangent. */
static void run_network(loss_t *l)
{
    jvp_t *j = &l->at;
    graph_begin(j->graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
    for (int i = 0; i < SETS * D; i++) {
        double t = angle_of(l, i / D), theta = (double)l->toy.theta->value[i];
        double z = (double)l->toy.noise.in[NOISE_Z]->value[i];
        j->x->value[i] = (float)(cos(t) * theta + sin(t) * z);
        j->by_x->value[i] = (float)(cos(t) * sin(t) * (cos(t) * z - sin(t) * theta));
        j->condition->value[i] = l->toy.condition->value[i];
    }
    for (int i = 0; i < SETS; i++) {
        j->time->value[i] = (float)angle_of(l, i);
        j->by_time->value[i] = (float)(cos(angle_of(l, i)) * sin(angle_of(l, i)));
    }
    graph_forward(j->graph);
}

static void find_direction(loss_t *l)
{
    run_network(l);
    for (int i = 0; i < SETS; i++) {
        double t = angle_of(l, i), c = cos(t), s = sin(t), length = 0;
        for (int k = i * D; k < (i + 1) * D; k++) {
            double theta = (double)l->toy.theta->value[k];
            double z = (double)l->toy.noise.in[NOISE_Z]->value[k];
            l->F0[k] = (double)l->at.F->value[k];
            l->g[k] = -c * c * (l->F0[k] - (c * z - s * theta)) -
                      (c * s * (c * theta + s * z) + (double)l->at.tangent->value[k]);
            length += l->g[k] * l->g[k];
        }
        for (int k = i * D; k < (i + 1) * D; k++)
            l->g[k] /= sqrt(length) + 0.1;
    }
}

/* w(t) of the weight network, its dropout taken away. */
static double weight_at(params_t *p, double t)
{
    const float *W = params_tensor(p, params_find(p, "inference/weight/hidden/0/dense/weight"));
    const float *b = params_tensor(p, params_find(p, "inference/weight/hidden/0/dense/bias"));
    const float *V = params_tensor(p, params_find(p, "inference/weight/out/weight"));
    double w = (double)params_tensor(p, params_find(p, "inference/weight/out/bias"))[0];
    for (int k = 0; k < 256; k++) {
        double a = (double)W[k] * t + (double)b[k];
        w += a * tanh(log1p(exp(a))) * (double)V[k];
    }
    return w;
}

/* The mean of e^w mean_d (F - F0 - g)^2 - w, with F0 and g held fixed. */
static double written_loss(void *user)
{
    loss_t *l = user;
    double sum = 0;
    run_network(l);
    for (int i = 0; i < SETS; i++) {
        double w = weight_at(l->toy.params, angle_of(l, i)), squares = 0;
        for (int k = i * D; k < (i + 1) * D; k++)
            squares += pow((double)l->at.F->value[k] - l->F0[k] - l->g[k], 2);
        sum += (exp(w) * squares / D - w) / SETS;
    }
    return sum;
}

static loss_t make_loss(double perturbed, bool weight_is_zero)
{
    loss_t l;
    memset(&l, 0, sizeof l);
    inference_config_t config = small_config(9);
    l.toy = toy_make(kind, &config, D, SETS, 1);
    weights_perturb(l.toy.params, 2, perturbed);
    float *out =
        params_tensor(l.toy.params, params_find(l.toy.params, "inference/weight/out/weight"));
    for (int k = 0; weight_is_zero && k < 256; k++)
        out[k] = 0;
    borrow_network(&l, &config);
    toy_fill(&l.toy, 0, 0);
    find_direction(&l);
    return l;
}

static void end_loss(loss_t *l)
{
    graph_destroy(&l->at.graph);
    time_net_destroy(&l->at.net);
    toy_end(&l->toy);
}

/* The weight network alone has dropout, and none shows where its last layer is zero. */
static void test_the_loss_is_its_formula(void **state)
{
    (void)state;
    loss_t l = make_loss(0.1, true);
    double got = toy_loss(&l.toy), expected = written_loss(&l);
    assert_true(fabs(got - expected) < 2e-5 * (1 + fabs(expected)));
    end_loss(&l);
}

/* Of the network: differences of the loss written out, where F0 and g stay as they were. */
static void test_the_gradient_takes_the_target_as_fixed(void **state)
{
    (void)state;
    loss_t l = make_loss(0.1, true);
    toy_loss(&l.toy);
    graph_backward(l.toy.graph, l.toy.gradient);
    weights_check_gradient_of(l.toy.params, "inference/net/", written_loss, &l, l.toy.gradient,
                              0x1p-7, 1e-3);
    end_loss(&l);
}

/* F and g do not read the weight network, and its dropout is the same in every pass over the same noise. */
static void test_the_gradient_of_the_weight_equals_differences(void **state)
{
    (void)state;
    loss_t l = make_loss(0.1, false);
    toy_loss(&l.toy);
    graph_backward(l.toy.graph, l.toy.gradient);
    weights_check_gradient_of(l.toy.params, "inference/weight/", toy_loss, &l.toy, l.toy.gradient,
                              0x1p-7, 1e-3);
    end_loss(&l);
}

/* ---- sampling ---- */

static void test_angles_fall_from_a_right_angle(void **state)
{
    (void)state;
    assert_true(fabs(stable_consistency_angle(15, 15) - M_PI / 2) < 1e-12);
    assert_true(fabs(stable_consistency_angle(1, 15) -
                     M_PI / 2 * exp(3.5 * (M_PI / 30 - M_PI / 2))) < 1e-12);
    for (int k = 2; k <= 15; k++)
        assert_true(stable_consistency_angle(k, 15) > stable_consistency_angle(k - 1, 15));
    few_step_move_t move = stable_consistency_move(0);
    assert_true(move.keep == 1 && move.noise == 0 && move.skip == 1 && move.out == 0);
}

/* Draws by the header's formula with the same noise, through F in a graph of its own. */
static void test_draws_are_the_steps_of_the_formula(void **state)
{
    (void)state;
    loss_t l = make_loss(0.1, true);
    const float condition[D] = {0.5f, -1};
    float theta[SETS * D];
    rng_t rng = rng_at(3, RNG_CHECK, 0), again = rng, copy;
    void *eval = kind->eval_create(l.toy.net, l.toy.params);
    kind->eval_condition(eval, condition, NULL);
    kind->eval_draw(eval, SETS, &rng, theta, NULL);
    double x[SETS * D] = {0};
    jvp_t *j = &l.at;
    copy = again;
    for (int step = 15; step >= 1; step--) {
        double t = M_PI / 2 * exp(3.5 * (step * M_PI / 30 - M_PI / 2));
        graph_begin(j->graph, &(graph_batch_t){.sets = SETS, .draws = SETS});
        for (int i = 0; i < SETS * D; i++) {
            x[i] = (step < 15 ? cos(t) : 0) * x[i] + sin(t) * rng_normal(&copy);
            j->x->value[i] = (float)x[i];
            j->condition->value[i] = condition[i % D];
            j->time->value[i / D] = (float)t;
            j->by_x->value[i] = j->by_time->value[i / D] = 0;
        }
        graph_forward(j->graph);
        for (int i = 0; i < SETS * D; i++)
            x[i] = cos(t) * x[i] - sin(t) * (double)j->F->value[i];
    }
    for (int i = 0; i < SETS * D; i++)
        assert_true(fabs((double)theta[i] - x[i]) < 1e-4 * (1 + fabs(x[i])));
    float twice[SETS * D];
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
    c.net.time_embed = 7;
    assert_true(err_is(kind->check(&shape, &c), ERR_USAGE));
    assert_non_null(strstr(err_text(), "inference.time_embed: 7"));
}

/* The sampling error of 4000 draws is 0.007; what is left is the network's. The bounds are 0.15, a third of the posterior's
 * standard deviation: a model that ignored the condition would be off by 0.8 in the mean, or by 0.55 in the deviation. */
static void test_training_finds_the_posterior(void **state)
{
    (void)state;
    inference_config_t c = small_config(64);
    toy_t t = toy_make(kind, &c, 2, 64, 1);
    toy_train(&t, 2000, 3e-3);
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
        cmocka_unit_test(test_the_tangent_of_the_networks_equals_differences),
        cmocka_unit_test(test_the_loss_is_its_formula),
        cmocka_unit_test(test_the_gradient_takes_the_target_as_fixed),
        cmocka_unit_test(test_the_gradient_of_the_weight_equals_differences),
        cmocka_unit_test(test_angles_fall_from_a_right_angle),
        cmocka_unit_test(test_draws_are_the_steps_of_the_formula),
        cmocka_unit_test(test_settings_out_of_range_are_named),
        cmocka_unit_test(test_training_finds_the_posterior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
