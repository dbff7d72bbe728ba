// SPDX-License-Identifier: Apache-2.0
// Networks of images against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):  test_golden_image FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/convolutional.h"
#include "nn/time_net.h"
#include "tests/nn/golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

static void test_convolutional_gives_the_golden_summary(void **state)
{
    (void)state;
    golden_t g = golden_open(folder, "convolutional_network.h5");
    golden_array_t x = golden_read(&g, "inputs/x"), expected = golden_read(&g, "outputs/summary");
    const int64_t *dims = x.shape.dims;
    summary_shape_t shape = {.kind = OBSERVABLE_IMAGE,
                             .length = 1,
                             .height = dims[1],
                             .width = dims[2],
                             .features = dims[3]};
    summary_config_t config;
    summary_config_default(SUMMARY_CONVOLUTIONAL, SIZE_BASE, &config);
    config.stages = 2;
    config.stage_width[0] = 8;
    config.stage_width[1] = 16;
    config.summary_dim = (int)expected.shape.dims[1];
    params_t *params = params_create();
    summary_t *s = summary_make(params, "summary", &shape, &config);
    params_seal(params, 1);
    golden_load(&g, params);

    graph_t *graph = graph_create(GRAPH_FORWARD, params, &(graph_limits_t){.sets = dims[0]});
    tensor_t *in = graph_input(graph, ROWS_SETS, dims[1] * dims[2], dims[3]);
    tensor_t *out = graph_keep(graph, summary_record(s, graph, in, NULL));
    graph_seal(graph, NULL);
    graph_begin(graph, &(graph_batch_t){.sets = dims[0]});
    memcpy(in->value, x.value, (size_t)h5_shape_values(&x.shape) * sizeof(float));
    graph_forward(graph);
    golden_assert_close(h5_shape_values(&expected.shape), out->value, expected.value);

    graph_destroy(&graph);
    summary_destroy(&s);
    params_destroy(&params);
    free(x.value);
    free(expected.value);
    golden_close(&g);
}

static void test_unet_gives_the_golden_output(void **state)
{
    (void)state;
    golden_t g = golden_open(folder, "unet.h5");
    golden_array_t x = golden_read(&g, "inputs/x"), time = golden_read(&g, "inputs/time");
    golden_array_t image = golden_read(&g, "inputs/conditions");
    golden_array_t expected = golden_read(&g, "outputs/y");
    const int64_t *dims = x.shape.dims;
    time_net_config_t config = {.subnet = SUBNET_UNET,
                                .parameters = dims[1] * dims[2] * dims[3],
                                .time_embed = 32,
                                .fourier_scale = 30,
                                .height = dims[1],
                                .image_width = dims[2],
                                .channels = dims[3],
                                .image_conditions = image.shape.dims[3],
                                .stages = 2,
                                .stage_width = {8, 16},
                                .stage_attention = {false, true},
                                .blocks = 2,
                                .groups = 4,
                                .heads = 1};
    params_t *params = params_create();
    time_net_t *net = time_net_make(params, "net", &config);
    params_seal(params, 1);
    golden_load(&g, params);

    graph_limits_t limits = {.sets = dims[0], .draws = dims[0]};
    graph_t *graph = graph_create(GRAPH_FORWARD, params, &limits);
    tensor_t *in[] = {graph_input(graph, ROWS_DRAWS, 1, config.parameters),
                      graph_input(graph, ROWS_SETS, 1, 1),
                      graph_input(graph, ROWS_SETS, dims[1] * dims[2], config.image_conditions)};
    tensor_t *out = graph_keep(graph, time_net_record(net, graph, in[0], in[1], NULL, in[2]));
    graph_seal(graph, NULL);
    graph_begin(graph, &(graph_batch_t){.sets = dims[0], .draws = dims[0]});
    const golden_array_t *from[] = {&x, &time, &image};
    for (int k = 0; k < 3; k++)
        memcpy(in[k]->value, from[k]->value,
               (size_t)h5_shape_values(&from[k]->shape) * sizeof(float));
    graph_forward(graph);
    golden_assert_close(h5_shape_values(&expected.shape), out->value, expected.value);

    graph_destroy(&graph);
    time_net_destroy(&net);
    params_destroy(&params);
    free(x.value);
    free(time.value);
    free(image.value);
    free(expected.value);
    golden_close(&g);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutional_gives_the_golden_summary),
        cmocka_unit_test(test_unet_gives_the_golden_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
