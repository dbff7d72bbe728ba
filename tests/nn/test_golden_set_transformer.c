// SPDX-License-Identifier: Apache-2.0
// The set transformer against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):  test_golden_set_transformer FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/summary.h"
#include "tests/nn/golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

static void check_golden(const char *name, int inducing)
{
    golden_t g = golden_open(folder, name);
    golden_array_t x = golden_read(&g, "inputs/x"), expected = golden_read(&g, "outputs/summary");
    int64_t sets = x.shape.dims[0], length = x.shape.dims[1], features = x.shape.dims[2];
    summary_shape_t shape = {.kind = OBSERVABLE_SET, .length = length, .features = features};
    summary_config_t config;
    summary_config_default(SUMMARY_SET_TRANSFORMER, SIZE_BASE, &config);
    config.inducing = inducing;
    config.summary_dim = (int)expected.shape.dims[1];
    params_t *params = params_create();
    summary_t *s = summary_make(params, "summary", &shape, &config);
    params_seal(params, 1);
    golden_load(&g, params);

    graph_limits_t limits = {.sets = sets, .elements = {sets * length}, .length = {length}};
    graph_t *graph = graph_create(GRAPH_FORWARD, params, &limits);
    tensor_t *in = graph_input(graph, ROWS_ELEMENTS, 1, features);
    tensor_t *out = graph_keep(graph, summary_record(s, graph, in, NULL));
    graph_seal(graph, NULL);
    int64_t *offsets = MEM_NEW(int64_t, sets + 1);
    for (int64_t i = 0; i <= sets; i++)
        offsets[i] = i * length;
    graph_begin(graph, &(graph_batch_t){.sets = sets, .offsets = {offsets}});
    memcpy(in->value, x.value, (size_t)h5_shape_values(&x.shape) * sizeof(float));
    graph_forward(graph);
    golden_assert_close(h5_shape_values(&expected.shape), out->value, expected.value);

    graph_destroy(&graph);
    summary_destroy(&s);
    params_destroy(&params);
    free(offsets);
    free(x.value);
    free(expected.value);
    golden_close(&g);
}

static void test_elements_that_attend_to_each_other(void **state)
{
    (void)state;
    check_golden("set_transformer.h5", 0);
}

static void test_elements_that_attend_to_inducing_points(void **state)
{
    (void)state;
    check_golden("set_transformer_inducing.h5", 4);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements_that_attend_to_each_other),
        cmocka_unit_test(test_elements_that_attend_to_inducing_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
