// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/time_eval.h"

#include "cluster/mem.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 300, D = 3, CONDITIONS = 2 };

typedef struct {
    params_t *params;
    time_net_t *net;
    time_eval_t *eval;
    float *x, *out, condition[CONDITIONS];
} case_t;

static void fill_normal(int64_t n, float *x, uint64_t stream)
{
    rng_t rng = rng_at(9, RNG_CHECK, stream);
    rng_fill_normal_f32(&rng, (size_t)n, x);
}

static case_t make(int64_t out)
{
    case_t c = {.params = params_create(), .condition = {0.7f, -0.4f}};
    time_net_config_t config = {.subnet = SUBNET_TIME_MLP,
                                .parameters = D,
                                .conditions = CONDITIONS,
                                .out = out,
                                .time_embed = 4,
                                .fourier_scale = 2,
                                .depth = 2,
                                .width = 16,
                                .film_scale = true,
                                .persistent = true};
    c.net = time_net_make(c.params, "net", &config);
    params_seal(c.params, 3);
    weights_perturb(c.params, 4, 0.1);
    c.eval = time_eval_create(c.net, c.params);
    c.x = MEM_NEW(float, DRAWS *D);
    c.out = MEM_NEW(float, DRAWS *D);
    fill_normal(DRAWS * D, c.x, 1);
    time_eval_condition(c.eval, c.condition, NULL);
    return c;
}

static void end(case_t *c)
{
    time_eval_destroy(&c->eval);
    time_net_destroy(&c->net);
    params_destroy(&c->params);
    free(c->x);
    free(c->out);
}

// One pass over all draws at once, without stages. The products have other numbers of rows, hence the tolerance.
static void assert_recorded(const case_t *c, float time)
{
    graph_limits_t limits = {.sets = 1, .draws = DRAWS};
    graph_t *g = graph_create(GRAPH_FORWARD, c->params, &limits);
    tensor_t *x = graph_input(g, ROWS_DRAWS, 1, D), *t = graph_input(g, ROWS_SETS, 1, 1);
    tensor_t *condition = graph_input(g, ROWS_SETS, 1, CONDITIONS);
    tensor_t *out = graph_keep(g, time_net_record(c->net, g, x, t, condition, NULL));
    graph_seal(g, NULL);
    graph_begin(g, &(graph_batch_t){.sets = 1, .draws = DRAWS});
    memcpy(x->value, c->x, DRAWS * D * sizeof(float));
    memcpy(condition->value, c->condition, sizeof c->condition);
    t->value[0] = time;
    graph_forward(g);
    for (int k = 0; k < DRAWS * D; k++)
        assert_true(fabsf(out->value[k] - c->out[k]) <= 1e-5f * (1.0f + fabsf(out->value[k])));
    graph_destroy(&g);
}

static void blocks_and_stages_give_the_recorded_network(void **state)
{
    (void)state;
    static const float times[] = {0.3f, 0.3f, 0.8f, 0.1f};
    case_t c = make(0);
    for (int condition = 0; condition < 2; condition++) {
        for (int k = 0; k < 4; k++) {
            fill_normal(DRAWS * D, c.x, (uint64_t)k);
            time_eval_run(c.eval, (double)times[k], DRAWS, c.x, c.out);
            assert_recorded(&c, times[k]);
        }
        c.condition[1] = 1.5f;
        time_eval_condition(c.eval, c.condition, NULL);
    }
    end(&c);
}

// sum_j (F_j(x + h e_j) - F_j(x - h e_j)) / 2h
static double by_differences(const case_t *c, double time, const float *x)
{
    const float h = 0x1p-6f;
    float at[D], high[D], low[D];
    double sum = 0.0;
    for (int j = 0; j < D; j++) {
        memcpy(at, x, sizeof at);
        at[j] = x[j] + h;
        time_eval_run(c->eval, time, 1, at, high);
        at[j] = x[j] - h;
        time_eval_run(c->eval, time, 1, at, low);
        sum += (double)(high[j] - low[j]) / (2.0 * (double)h);
    }
    return sum;
}

// Differences are sure to h^2 f''' / 6, about 1e-4 here.
static void the_divergence_agrees_with_differences(void **state)
{
    (void)state;
    case_t c = make(0);
    double *divergence = MEM_NEW(double, DRAWS);
    float *plain = MEM_NEW(float, DRAWS *D);
    for (int k = 0; k < 2; k++) {
        double time = 0.2 + 0.5 * k;
        time_eval_divergence(c.eval, time, DRAWS, c.x, 0, NULL, c.out, divergence);
        time_eval_run(c.eval, time, DRAWS, c.x, plain);
        for (int i = 0; i < DRAWS * D; i++)
            assert_true(fabsf(plain[i] - c.out[i]) <= 1e-5f * (1.0f + fabsf(plain[i])));
        for (int i = 0; i < DRAWS; i += 17) {
            double truth = by_differences(&c, time, c.x + i * D);
            if (!(fabs(divergence[i] - truth) < 2e-3 * (1.0 + fabs(truth))))
                fail_msg("draw %d: divergence %g, by differences %g", i, divergence[i], truth);
        }
    }
    free(plain);
    free(divergence);
    end(&c);
}

// With the unit vectors times sqrt(d) as probes, their mean is the trace itself.
static void probes_give_the_mean_of_products(void **state)
{
    (void)state;
    case_t c = make(0);
    double *exact = MEM_NEW(double, DRAWS), *probed = MEM_NEW(double, DRAWS);
    float *v = MEM_NEW(float, DRAWS *D *D);
    for (int i = 0; i < DRAWS; i++)
        for (int j = 0; j < D; j++)
            v[(i * D + j) * D + j] = sqrtf((float)D);
    time_eval_divergence(c.eval, 0.4, DRAWS, c.x, 0, NULL, c.out, exact);
    time_eval_divergence(c.eval, 0.4, DRAWS, c.x, D, v, c.out, probed);
    for (int i = 0; i < DRAWS; i++)
        assert_true(fabs(exact[i] - probed[i]) < 1e-5 * (1.0 + fabs(exact[i])));
    free(v);
    free(probed);
    free(exact);
    end(&c);
}

static void what_stands_is_not_computed_again(void **state)
{
    (void)state;
    case_t c = make(2);
    double first, second, third;
    time_eval_run(c.eval, 0.5, 10, c.x, c.out);
    first = time_eval_flops(c.eval);
    time_eval_run(c.eval, 0.6, 10, c.x, c.out);
    second = time_eval_flops(c.eval) - first;
    time_eval_run(c.eval, 0.6, 10, c.x, c.out);
    third = time_eval_flops(c.eval) - first - second;
    assert_true(first > second && second > third && third > 0.0);
    time_eval_run(c.eval, 0.6, 0, c.x, c.out);
    assert_true(time_eval_flops(c.eval) == first + second + third);
    assert_true(time_eval_bytes(c.eval) > 0);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_stages_give_the_recorded_network),
        cmocka_unit_test(the_divergence_agrees_with_differences),
        cmocka_unit_test(probes_give_the_mean_of_products),
        cmocka_unit_test(what_stands_is_not_computed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
