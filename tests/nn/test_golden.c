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
#include "storage/h5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-4; // relative; both sides are float32 networks
static const char *folder;

typedef struct {
    h5_id_t file;
    int64_t n, act_norms; // numbers of all weights, and how many layers have an ActNorm
    int64_t kernel_cols;  // of the first dense kernel
    float *weights; // (n) in the order of the file, without random states and inverse permutations
} golden_t;

typedef struct {
    h5_shape_t shape;
    float *value;
} array_t;

static array_t read_array(h5_id_t file, const char *path)
{
    array_t a;
    h5_id_t set = H5_NONE;
    assert_int_equal(h5_dataset_open(file, path, &set), OK);
    assert_int_equal(h5_dataset_shape(set, &a.shape), OK);
    h5_drop(&set);
    a.shape.type = H5_TYPE_F32;
    a.value = MEM_NEW(float, h5_shape_values(&a.shape));
    assert_int_equal(h5_read(file, path, &a.shape, a.value), OK);
    return a;
}

static char *weight_path(h5_id_t file, const char *name)
{
    char *path = NULL;
    h5_id_t set = H5_NONE;
    assert_int_equal(h5_dataset_open(file, name, &set), OK);
    assert_int_equal(h5_get_text(set, "path", &path), OK);
    h5_drop(&set);
    return path;
}

static void take_weight(golden_t *g, const char *name)
{
    array_t a = read_array(g->file, name);
    int64_t n = h5_shape_values(&a.shape);
    if (!g->kernel_cols && a.shape.n_dims == 2)
        g->kernel_cols = a.shape.dims[1];
    g->weights = MEM_GROW(g->weights, float, g->n + n);
    memcpy(g->weights + g->n, a.value, (size_t)n * sizeof(float));
    g->n += n;
    free(a.value);
}

static golden_t open_golden(const char *name)
{
    golden_t g = {.file = H5_NONE};
    char *file = mem_format("%s/%s", folder, name), **names;
    int64_t n;
    bool order_before = false;
    assert_int_equal(h5_open(file, &g.file), OK);
    assert_int_equal(h5_names(g.file, "weights", &n, &names), OK);
    for (int64_t k = 0; k < n; k++) {
        char *at = mem_format("weights/%03ld", (long)k), *path = weight_path(g.file, at);
        bool order = strstr(path, "permutation/") || strstr(path, "permutation_");
        bool inverse = order && order_before;
        g.act_norms += strstr(path, "act_norm") && strstr(path, "scale");
        if (!strstr(path, "seed_generator") && !inverse)
            take_weight(&g, at);
        order_before = order && !inverse;
        free(path);
        free(at);
    }
    h5_free_texts(n, &names);
    free(file);
    return g;
}

static void close_golden(golden_t *g)
{
    h5_drop(&g->file);
    free(g->weights);
}

// The weights in the order of the file are those in the order in which the layers add theirs.
static void load_weights(const golden_t *g, params_t *params)
{
    const float *from = g->weights;
    for (int k = 0; k < params_count(params); k++) {
        const param_t *p = params_at(params, k);
        assert_true(from + p->rows * p->cols <= g->weights + g->n);
        memcpy(params_tensor(params, k), from, (size_t)(p->rows * p->cols) * sizeof(float));
        from += p->rows * p->cols;
    }
    assert_ptr_equal(from, g->weights + g->n);
}

static void assert_close(int64_t n, const float *got, const float *expected)
{
    for (int64_t k = 0; k < n; k++) {
        double difference = fabs((double)got[k] - (double)expected[k]);
        if (!(difference <= tolerance * (1e-3 + fabs((double)expected[k]))))
            fail_msg("entry %ld: got %.7g, expected %.7g", (long)k, (double)got[k],
                     (double)expected[k]);
    }
}

static void test_deep_set_gives_the_golden_summary(void **state)
{
    (void)state;
    golden_t g = open_golden("deep_set.h5");
    array_t x = read_array(g.file, "inputs/x"), expected = read_array(g.file, "outputs/summary");
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
    load_weights(&g, params);

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
    assert_close(h5_shape_values(&expected.shape), out->value, expected.value);

    graph_destroy(&graph);
    deep_set_destroy(&d);
    params_destroy(&params);
    free(offsets);
    free(x.value);
    free(expected.value);
    close_golden(&g);
}

typedef struct {
    params_t *params;
    coupling_flow_t *flow;
    array_t condition;
    int64_t n, d;
} flow_case_t;

static flow_case_t make_flow(const golden_t *g, flow_transform_t transform)
{
    flow_case_t c;
    array_t theta = read_array(g->file, "inputs/theta");
    c.condition = read_array(g->file, "inputs/conditions");
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
    load_weights(g, c.params);
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
    array_t theta = read_array(g->file, "inputs/theta"), z = read_array(g->file, "outputs/z");
    array_t log_density = read_array(g->file, "outputs/log_density");
    float *out = run_flow(c, theta.value, false);
    for (int64_t i = 0; i < c->n; i++) {
        const float *row = out + i * (c->d + 1);
        double log_q = (double)row[c->d];
        assert_close(c->d, row, z.value + i * c->d);
        for (int64_t j = 0; j < c->d; j++)
            log_q -= 0.5 * (double)row[j] * (double)row[j] + 0.5 * log(2.0 * M_PI);
        assert_close(1, &(float){(float)log_q}, &log_density.value[i]);
    }
    free(out);
    free(log_density.value);
    free(z.value);
    free(theta.value);
}

static void check_inverse(const golden_t *g, const flow_case_t *c)
{
    array_t z = read_array(g->file, "inputs/z_in");
    array_t theta = read_array(g->file, "outputs/theta_from_z_in");
    float *out = run_flow(c, z.value, true);
    for (int64_t i = 0; i < c->n; i++)
        assert_close(c->d, out + i * (c->d + 1), theta.value + i * c->d);
    free(out);
    free(theta.value);
    free(z.value);
}

static void check_flow(const char *file, flow_transform_t transform)
{
    golden_t g = open_golden(file);
    flow_case_t c = make_flow(&g, transform);
    check_forward(&g, &c);
    check_inverse(&g, &c);
    coupling_flow_destroy(&c.flow);
    params_destroy(&c.params);
    free(c.condition.value);
    close_golden(&g);
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
