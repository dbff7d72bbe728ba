// SPDX-License-Identifier: Apache-2.0
// The networks against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):  test_golden FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/coupling_flow.h"
#include "nn/deep_set.h"
#include "tests/nn/golden_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

static void test_deep_set_gives_the_golden_summary(void **state)
{
    (void)state;
    golden_t g = golden_open(folder, "deep_set.h5");
    golden_array_t x = golden_read(&g, "inputs/x"), expected = golden_read(&g, "outputs/summary");
    int64_t sets = x.shape.dims[0], length = x.shape.dims[1];
    deep_set_config_t config = {.features = x.shape.dims[2],
                                .elements = true,
                                .summary_dim = (int)expected.shape.dims[1],
                                .embed_dim = (int)g.kernel_cols,
                                .depth = 2,
                                .width = (int)g.kernel_cols,
                                .n_hidden = 2,
                                .golden = true};
    params_t *params = params_create();
    deep_set_t *d = deep_set_make(params, "summary", &config);
    params_seal(params, 1);
    golden_load(&g, params);

    graph_limits_t limits = {.sets = sets, .elements = {sets * length}, .length = {length}};
    graph_t *graph = graph_create(GRAPH_FORWARD, params, &limits);
    tensor_t *in = graph_input(graph, ROWS_ELEMENTS, 1, config.features);
    tensor_t *out = graph_keep(graph, deep_set_record(d, graph, in, NULL));
    graph_seal(graph, NULL);
    int64_t *offsets = MEM_NEW(int64_t, sets + 1);
    for (int64_t i = 0; i <= sets; i++)
        offsets[i] = i * length;
    graph_begin(graph, &(graph_batch_t){.sets = sets, .offsets = {offsets}});
    memcpy(in->value, x.value, (size_t)h5_shape_values(&x.shape) * sizeof(float));
    graph_forward(graph);
    golden_assert_close(h5_shape_values(&expected.shape), out->value, expected.value);

    graph_destroy(&graph);
    deep_set_destroy(&d);
    params_destroy(&params);
    free(offsets);
    free(x.value);
    free(expected.value);
    golden_close(&g);
}

typedef struct {
    params_t *params;
    coupling_flow_t *flow;
    golden_array_t condition;
    int64_t n, d;
} flow_case_t;

static flow_case_t make_flow(const golden_t *g, flow_transform_t transform)
{
    flow_case_t c;
    golden_array_t theta = golden_read(g, "inputs/theta");
    c.condition = golden_read(g, "inputs/conditions");
    c.n = theta.shape.dims[0];
    c.d = theta.shape.dims[1];
    coupling_flow_config_t config = {.parameters = c.d,
                                     .conditions = c.condition.shape.dims[1],
                                     .transform = transform,
                                     .depth = (int)g->act_norms,
                                     .width = (int)g->kernel_cols,
                                     .n_hidden = 2,
                                     .bins = 16,
                                     .golden = true};
    c.params = params_create();
    c.flow = coupling_flow_make(c.params, "inference", &config);
    params_seal(c.params, 1);
    golden_load(g, c.params);
    free(theta.value);
    return c;
}

// Rows of `in` through the flow: out (n, d + 1).
static float *run_flow(const flow_case_t *c, const float *in, bool inverse)
{
    graph_limits_t limits = {.sets = c->n, .draws = c->n};
    graph_t *graph = graph_create(GRAPH_FORWARD, c->params, &limits);
    tensor_t *x = graph_input(graph, ROWS_DRAWS, 1, c->d);
    tensor_t *condition = graph_input(graph, ROWS_SETS, 1, c->condition.shape.dims[1]);
    tensor_t *y = inverse ? coupling_flow_inverse(c->flow, graph, x, condition)
                          : coupling_flow_forward(c->flow, graph, x, condition);
    graph_keep(graph, y);
    graph_seal(graph, NULL);
    graph_begin(graph, &(graph_batch_t){.sets = c->n, .draws = c->n});
    memcpy(x->value, in, (size_t)(c->n * c->d) * sizeof(float));
    memcpy(condition->value, c->condition.value,
           (size_t)h5_shape_values(&c->condition.shape) * sizeof(float));
    graph_forward(graph);
    float *out = MEM_NEW(float, c->n *(c->d + 1));
    memcpy(out, y->value, (size_t)(c->n * (c->d + 1)) * sizeof(float));
    graph_destroy(&graph);
    return out;
}

static void check_forward(const golden_t *g, const flow_case_t *c)
{
    golden_array_t theta = golden_read(g, "inputs/theta"), z = golden_read(g, "outputs/z");
    golden_array_t log_density = golden_read(g, "outputs/log_density");
    float *out = run_flow(c, theta.value, false);
    for (int64_t i = 0; i < c->n; i++) {
        const float *row = out + i * (c->d + 1);
        double log_q = (double)row[c->d];
        golden_assert_close(c->d, row, z.value + i * c->d);
        for (int64_t j = 0; j < c->d; j++)
            log_q -= 0.5 * (double)row[j] * (double)row[j] + 0.5 * log(2.0 * M_PI);
        golden_assert_close(1, &(float){(float)log_q}, &log_density.value[i]);
    }
    free(out);
    free(log_density.value);
    free(z.value);
    free(theta.value);
}

static void check_inverse(const golden_t *g, const flow_case_t *c)
{
    golden_array_t z = golden_read(g, "inputs/z_in");
    golden_array_t theta = golden_read(g, "outputs/theta_from_z_in");
    float *out = run_flow(c, z.value, true);
    for (int64_t i = 0; i < c->n; i++)
        golden_assert_close(c->d, out + i * (c->d + 1), theta.value + i * c->d);
    free(out);
    free(theta.value);
    free(z.value);
}

static void check_flow(const char *file, flow_transform_t transform)
{
    golden_t g = golden_open(folder, file);
    flow_case_t c = make_flow(&g, transform);
    check_forward(&g, &c);
    check_inverse(&g, &c);
    coupling_flow_destroy(&c.flow);
    params_destroy(&c.params);
    free(c.condition.value);
    golden_close(&g);
}

static void test_affine_flow_gives_the_golden_numbers(void **state)
{
    (void)state;
    check_flow("coupling_affine.h5", TRANSFORM_AFFINE);
}

static void test_spline_flow_gives_the_golden_numbers(void **state)
{
    (void)state;
    check_flow("coupling_spline.h5", TRANSFORM_SPLINE);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr,
                "usage: %s FOLDER (with deep_set.h5, coupling_affine.h5, coupling_spline.h5)\n",
                argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep_set_gives_the_golden_summary),
        cmocka_unit_test(test_affine_flow_gives_the_golden_numbers),
        cmocka_unit_test(test_spline_flow_gives_the_golden_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
