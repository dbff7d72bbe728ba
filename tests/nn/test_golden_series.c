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

// Where the tensor `name` lies in the file: weights/NNN, from float `first` on. With `join`
// the file holds its first column there and the others in weights/JOIN.
typedef struct {
    const char *name;
    int number;
    int64_t first;
    int join;
} place_t;

static void load(const golden_t *g, params_t *params, int n, const place_t *place)
{
    assert_int_equal(params_count(params), n);
    for (int k = 0; k < n; k++) {
        char *name = mem_format("summary/%s", place[k].name);
        if (place[k].join) {
            golden_load_part(g, params, name, 0, place[k].number);
            golden_load_part(g, params, name, 1, place[k].join);
        } else {
            golden_load_one(g, params, name, place[k].number, place[k].first);
        }
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
        {"convolution/weight", 0, 0, 0},
        {"convolution/bias", 1, 0, 0},
        {"skip/weight", 3, 0, 0},
        {"skip/bias", 4, 0, 0},
        {"fine/forward/weight", 5, 0, 0},
        {"fine/forward/recurrent_weight", 6, 0, 0},
        {"fine/forward/bias", 7, 0, 0},
        {"fine/forward/recurrent_bias", 7, 384, 0},
        {"fine/reversed/weight", 9, 0, 0},
        {"fine/reversed/recurrent_weight", 10, 0, 0},
        {"fine/reversed/bias", 11, 0, 0},
        {"fine/reversed/recurrent_bias", 11, 384, 0},
        {"coarse/forward/weight", 13, 0, 0},
        {"coarse/forward/recurrent_weight", 14, 0, 0},
        {"coarse/forward/bias", 15, 0, 0},
        {"coarse/forward/recurrent_bias", 15, 384, 0},
        {"coarse/reversed/weight", 17, 0, 0},
        {"coarse/reversed/recurrent_weight", 18, 0, 0},
        {"coarse/reversed/bias", 19, 0, 0},
        {"coarse/reversed/recurrent_bias", 19, 384, 0},
        {"out/weight", 21, 0, 0},
        {"out/bias", 22, 0, 0},
    };
    check_network("time_series_network.h5", SUMMARY_TIME_SERIES_NETWORK,
                  sizeof place / sizeof *place, place);
}

static void time_series_transformer_gives_the_golden_summary(void **state)
{
    (void)state;
    static const place_t place[] = {
        {"time/weight", 0, 0, 2},
        {"time/bias", 1, 0, 3},
        {"token", 31, 0, 0},
        {"block0/gate_ffn", 4, 0, 0},
        {"block0/query/weight", 5, 0, 0},
        {"block0/key/weight", 6, 0, 0},
        {"block0/value/weight", 7, 0, 0},
        {"block0/out/weight", 9, 0, 0},
        {"block0/ffn/gate/weight", 10, 0, 0},
        {"block0/ffn/up/weight", 11, 0, 0},
        {"block0/ffn/down/weight", 12, 0, 0},
        {"block0/norm_query/scale", 14, 0, 0},
        {"block0/norm_key/scale", 15, 0, 0},
        {"block0/norm_ffn/scale", 16, 0, 0},
        {"block0/project/weight", 17, 0, 0},
        {"block1/gate_ffn", 18, 0, 0},
        {"block1/query/weight", 19, 0, 0},
        {"block1/key/weight", 20, 0, 0},
        {"block1/value/weight", 21, 0, 0},
        {"block1/out/weight", 23, 0, 0},
        {"block1/ffn/gate/weight", 24, 0, 0},
        {"block1/ffn/up/weight", 25, 0, 0},
        {"block1/ffn/down/weight", 26, 0, 0},
        {"block1/norm_query/scale", 28, 0, 0},
        {"block1/norm_key/scale", 29, 0, 0},
        {"block1/norm_ffn/scale", 30, 0, 0},
        {"out/weight", 32, 0, 0},
        {"out/bias", 33, 0, 0},
    };
    check_network("time_series_transformer.h5", SUMMARY_TIME_SERIES_TRANSFORMER,
                  sizeof place / sizeof *place, place);
}

static void fusion_transformer_gives_the_golden_summary(void **state)
{
    (void)state;
    static const place_t place[] = {
        {"block0/gate_attention", 0, 0, 0},
        {"block0/gate_ffn", 1, 0, 0},
        {"block0/query/weight", 2, 0, 0},
        {"block0/key/weight", 3, 0, 0},
        {"block0/value/weight", 4, 0, 0},
        {"block0/out/weight", 6, 0, 0},
        {"block0/ffn/gate/weight", 7, 0, 0},
        {"block0/ffn/up/weight", 8, 0, 0},
        {"block0/ffn/down/weight", 9, 0, 0},
        {"block0/norm_query/scale", 11, 0, 0},
        {"block0/norm_key/scale", 12, 0, 0},
        {"block0/norm_ffn/scale", 13, 0, 0},
        {"block0/project/weight", 14, 0, 0},
        {"recurrent/forward/weight", 30, 0, 0},
        {"recurrent/forward/bias_input", 32, 0, 0},
        {"recurrent/forward/bias_forget", 32, 128, 0},
        {"recurrent/forward/bias_rest", 32, 256, 0},
        {"recurrent/forward/recurrent_weight", 31, 0, 0},
        {"recurrent/reversed/weight", 34, 0, 0},
        {"recurrent/reversed/bias_input", 36, 0, 0},
        {"recurrent/reversed/bias_forget", 36, 128, 0},
        {"recurrent/reversed/bias_rest", 36, 256, 0},
        {"recurrent/reversed/recurrent_weight", 35, 0, 0},
        {"look/gate_attention", 15, 0, 0},
        {"look/gate_ffn", 16, 0, 0},
        {"look/query/weight", 17, 0, 0},
        {"look/key/weight", 18, 0, 0},
        {"look/value/weight", 19, 0, 0},
        {"look/out/weight", 21, 0, 0},
        {"look/ffn/gate/weight", 22, 0, 0},
        {"look/ffn/up/weight", 23, 0, 0},
        {"look/ffn/down/weight", 24, 0, 0},
        {"look/norm_query/scale", 26, 0, 0},
        {"look/norm_key/scale", 27, 0, 0},
        {"look/norm_ffn/scale", 28, 0, 0},
        {"look/project/weight", 29, 0, 0},
        {"out/weight", 38, 0, 0},
        {"out/bias", 39, 0, 0},
    };
    check_network("fusion_transformer.h5", SUMMARY_FUSION_TRANSFORMER, sizeof place / sizeof *place,
                  place);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER (with the networks of series)\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_series_network_gives_the_golden_summary),
        cmocka_unit_test(time_series_transformer_gives_the_golden_summary),
        cmocka_unit_test(fusion_transformer_gives_the_golden_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
