// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "tests/nn/made_adapter.h"

#include <math.h>
#include <stdlib.h>

static adapter_parameter_t parameters[MODEL_PARAMETERS] = {
    [MU] = {"mu", -INFINITY, INFINITY, true, 0},
    [SIGMA] = {"sigma", 0.0, INFINITY, true, 0},
    [P01] = {"p", 0.0, 1.0, true, 0},
    [W1] = {"w1", 0.0, 1.0, true, 0},
    [W2] = {"w2", 0.0, 1.0, true, 0},
    [W3] = {"w3", 0.0, 1.0, true, 0},
    [A] = {"a", -5.0, 5.0, true, 0},
    [B] = {"b", -5.0, 5.0, true, 0},
    [S11] = {"s11", 0.0, INFINITY, true, 0},
    [S21] = {"s21", -INFINITY, INFINITY, true, 0},
    [S22] = {"s22", 0.0, INFINITY, true, 0},
    [R21] = {"r21", -1.0, 1.0, true, 0},
    [R31] = {"r31", -1.0, 1.0, true, 0},
    [R32] = {"r32", -1.0, 1.0, true, 0}};

static adapter_design_t design[MODEL_DESIGN] = {[N] = {"n", 0.0, 6.0, true},
                                                [GROUP] = {"group", 0.0, 2.0, true},
                                                [AGE] = {"age", 1.0, 90.0, true}};

#define OBSERVABLE(name, kind, length, features, by)                                               \
    {                                                                                              \
        name, kind, length, features, 0, 0, by, -INFINITY, INFINITY, true                          \
    }
static adapter_observable_t observables[MODEL_OBSERVABLES] = {
    [Y] = OBSERVABLE("y", OBSERVABLE_SET, 6, 2, N),
    [Z] = OBSERVABLE("z", OBSERVABLE_SET, 6, 1, N),
    [V] = OBSERVABLE("v", OBSERVABLE_VECTOR, 1, 3, -1),
    [U] = OBSERVABLE("u", OBSERVABLE_VECTOR, 1, 2, -1),
    [IMAGE] = {"image", OBSERVABLE_IMAGE, 4, 1, 2, 2, -1, -INFINITY, INFINITY, true},
    [SERIES] = OBSERVABLE("series", OBSERVABLE_SERIES, 4, 1, -1)};

const adapter_shape_t model_shape = {MODEL_PARAMETERS, MODEL_DESIGN, MODEL_OBSERVABLES,
                                     parameters,       design,       observables};

const double model_parameters[MODEL_PARAMETERS] = {
    [MU] = 1.5, [SIGMA] = 0.7, [P01] = 0.3, [W1] = 0.2,  [W2] = 0.5,  [W3] = 0.3,   [A] = -1.0,
    [B] = 2.5,  [S11] = 2.0,   [S21] = 0.6, [S22] = 1.5, [R21] = 0.4, [R31] = -0.2, [R32] = 0.5};

static err_t make(const char *list, adapter_t **out)
{
    arena_t *arena = arena_create();
    char *text = mem_format("adapter:\n%s", list);
    adapter_config_t config;
    err_t err = adapter_config_parse(text, "study.yaml", arena, &config);
    assert_int_equal(err, OK);
    err = adapter_create(&config, &model_shape, out);
    free(text);
    arena_destroy(&arena);
    return err;
}

adapter_t *made_adapter(const char *list)
{
    adapter_t *a = NULL;
    if (make(list, &a) != OK)
        fail_msg("%s", err_text());
    return a;
}

const char *adapter_error(const char *list)
{
    adapter_t *a = NULL;
    assert_true(err_is(make(list, &a), ERR_USAGE));
    assert_null(a);
    return err_text();
}
