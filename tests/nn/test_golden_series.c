// SPDX-License-Identifier: Apache-2.0
// The networks of series against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):  test_golden_series FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/err.h"
#include "cluster/mem.h"
#include "nn/summary.h"
#include "tests/nn/golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

// Where the tensor `name` lies in the file: weights/NNN, from float `first` on.
typedef struct {
    const char *name;
    int number;
    int64_t first;
} place_t;

static void load(const golden_t *g, params_t *params, int n, const place_t *place)
{
    assert_int_equal(params_count(params), n);
    for (int k = 0; k < n; k++) {
        char *name = mem_format("summary/%s", place[k].name);
        golden_load_one(g, params, name, place[k].number, place[k].first);
        free(name);
    }
}

static void assert_summaries(const summary_t *s, params_t *params, const golden_array_t *x,
                             const golden_array_t *expected)
{
    int64_t sets = x->shape.dims[0], length = x->shape.dims[1];
    graph_limits_t limits = {.sets = sets, .elements = {sets * length}, .length = {length}};
    graph_t *graph = graph_create(GRAPH_FORWARD, params, &limits);
    tensor_t *in = graph_input(graph, ROWS_ELEMENTS, 1, x->shape.dims[2]);
    tensor_t *out = graph_keep(graph, summary_record(s, graph, in, NULL));
    graph_seal(graph, NULL);
    int64_t *offsets = MEM_NEW(int64_t, sets + 1);
    for (int64_t i = 0; i <= sets; i++)
        offsets[i] = i * length;
    graph_begin(graph, &(graph_batch_t){.sets = sets, .offsets = {offsets}});
    memcpy(in->value, x->value, (size_t)h5_shape_values(&x->shape) * sizeof(float));
    graph_forward(graph);
    golden_assert_close(h5_shape_values(&expected->shape), out->value, expected->value);
    free(offsets);
    graph_destroy(&graph);
}

// Every network of the file has the peer's default widths, with a summary of another width.
static void check_network(const char *file, summary_type_t type, int n, const place_t *place)
{
    golden_t g = golden_open(folder, file);
    golden_array_t x = golden_read(&g, "inputs/x"), expected = golden_read(&g, "outputs/summary");
    summary_shape_t shape = {
        .kind = OBSERVABLE_SERIES, .length = x.shape.dims[1], .features = x.shape.dims[2]};
    summary_config_t config;
    summary_config_default(type, SIZE_BASE, &config);
    config.summary_dim = (int)expected.shape.dims[1];
    assert_int_equal(summary_config_check(&shape, &config), OK);
    params_t *params = params_create();
    summary_t *s = summary_make(params, "summary", &shape, &config);
    params_seal(params, 1);
    load(&g, params, n, place);
    assert_summaries(s, params, &x, &expected);
    summary_destroy(&s);
    params_destroy(&params);
    free(x.value);
    free(expected.value);
    golden_close(&g);
}

static void time_series_network_gives_the_golden_summary(void **state)
{
    (void)state;
    static const place_t place[] = {
        {"convolution/weight", 0, 0},
        {"convolution/bias", 1, 0},
        {"skip/weight", 3, 0},
        {"skip/bias", 4, 0},
        {"fine/forward/weight", 5, 0},
        {"fine/forward/recurrent_weight", 6, 0},
        {"fine/forward/bias", 7, 0},
        {"fine/forward/recurrent_bias", 7, 384},
        {"fine/reversed/weight", 9, 0},
        {"fine/reversed/recurrent_weight", 10, 0},
        {"fine/reversed/bias", 11, 0},
        {"fine/reversed/recurrent_bias", 11, 384},
        {"coarse/forward/weight", 13, 0},
        {"coarse/forward/recurrent_weight", 14, 0},
        {"coarse/forward/bias", 15, 0},
        {"coarse/forward/recurrent_bias", 15, 384},
        {"coarse/reversed/weight", 17, 0},
        {"coarse/reversed/recurrent_weight", 18, 0},
        {"coarse/reversed/bias", 19, 0},
        {"coarse/reversed/recurrent_bias", 19, 384},
        {"out/weight", 21, 0},
        {"out/bias", 22, 0},
    };
    check_network("time_series_network.h5", SUMMARY_TIME_SERIES_NETWORK,
                  sizeof place / sizeof *place, place);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER (with time_series_network.h5)\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_series_network_gives_the_golden_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
