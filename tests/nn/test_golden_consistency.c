// SPDX-License-Identifier: Apache-2.0
// Stable consistency against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):
//     test_golden_consistency FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/stable_consistency.h"
#include "tests/nn/golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

/* Where weights/NNN go; the peer's merge of x and condition is one kernel, ours are two. */
static const struct {
    const char *name;
    int number;
    int64_t first;
} places[] = {
    {"i/net/frequencies", 3, 0},
    {"i/net/x/weight", 4, 0},
    {"i/net/x/bias", 5, 0},
    {"i/net/block0/dense/weight", 6, 0},
    {"i/net/block0/dense/bias", 7, 0},
    {"i/net/block0/beta/time/weight", 8, 0},
    {"i/net/block0/beta/time/bias", 9, 0},
    {"i/net/block0/norm/scale", 10, 0},
    {"i/net/block0/norm/shift", 11, 0},
    {"i/net/block1/dense/weight", 12, 0},
    {"i/net/block1/dense/bias", 13, 0},
    {"i/net/block1/beta/time/weight", 14, 0},
    {"i/net/block1/beta/time/bias", 15, 0},
    {"i/net/block1/norm/scale", 16, 0},
    {"i/net/block1/norm/shift", 17, 0},
    {"i/net/condition/weight", 18, 0},
    {"i/net/condition/bias", 19, 0},
    {"i/net/merge/x/weight", 20, 0},
    {"i/net/merge/condition/weight", 20, 24 * 24},
    {"i/net/merge/condition/bias", 21, 0},
    {"i/weight/hidden/0/dense/weight", 22, 0},
    {"i/weight/hidden/0/dense/bias", 23, 0},
    {"i/weight/out/weight", 25, 0},
    {"i/weight/out/bias", 26, 0},
    {"i/net/out/weight", 27, 0},
    {"i/net/out/bias", 28, 0},
};

static void test_stable_consistency_gives_the_golden_numbers(void **state)
{
    const inference_kind_t *kind = &inference_kind_stable_consistency;
    const inference_shape_t shape = {.parameters = 3, .conditions = 4};
    inference_config_t config;
    (void)state;
    memset(&config, 0, sizeof config);
    kind->fill(SIZE_LARGE, &config);
    config.net.width = 24;
    config.net.fourier_scale = 30;
    config.net.depth = 2;
    params_t *params = params_create();
    void *net = kind->make(params, "i", &shape, &config);
    params_seal(params, 1);
    golden_t g = golden_open(folder, "stable_consistency.h5");
    for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        golden_load_one(&g, params, places[k].name, places[k].number, places[k].first);
    assert_int_equal(params_count(params), sizeof places / sizeof *places);

    golden_array_t theta = golden_read(&g, "inputs/theta"), time = golden_read(&g, "inputs/time");
    golden_array_t condition = golden_read(&g, "inputs/conditions");
    golden_array_t expected = golden_read(&g, "outputs/consistency");
    void *eval = kind->eval_create(net, params);
    for (int64_t i = 0; i < theta.shape.dims[0]; i++) {
        few_step_move_t move = stable_consistency_move((double)time.value[i]);
        kind->eval_condition(eval, condition.value + 4 * i, NULL);
        few_step_map(eval, &move, 1, theta.value + 3 * i);
    }
    golden_assert_close(h5_shape_values(&expected.shape), theta.value, expected.value);

    kind->eval_destroy(eval);
    kind->destroy(net);
    params_destroy(&params);
    free(theta.value);
    free(time.value);
    free(condition.value);
    free(expected.value);
    golden_close(&g);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER (with stable_consistency.h5)\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stable_consistency_gives_the_golden_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
