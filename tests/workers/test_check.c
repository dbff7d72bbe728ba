// SPDX-License-Identifier: Apache-2.0
#include "workers/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// A declaration that makes sense, to be broken in one place by each case.
typedef struct {
    infermill_parameter_t parameters[2];
    infermill_design_t design[1];
    infermill_observable_t observables[2];
    infermill_simulator_t table;
} declaration_t;

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)host, (void)random, (void)design, (void)theta;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state, (void)host, (void)random, (void)theta, (void)design, (void)out;
    return 0;
}

static void declare(declaration_t *d)
{
    *d = (declaration_t){
        .parameters = {{"a", 0.0, INFINITY, "s"}, {"b", -1.0, 1.0, NULL}},
        .design = {{"n", 1.0, 9.0, 1, NULL}},
        .observables = {{"y", INFERMILL_SET, 2, {9, 1}, {0, -1, -1}, -INFINITY, INFINITY, NULL},
                        {"x", INFERMILL_IMAGE, 3, {4, 4, 1}, {-1, -1, -1}, 0.0, 1.0, "K"}},
        .table = {.abi = INFERMILL_ABI,
                  .size = sizeof(infermill_simulator_t),
                  .name = "model",
                  .version = "1",
                  .n_parameters = 2,
                  .n_observables = 2,
                  .n_design = 1,
                  .prior = prior,
                  .simulate = simulate},
    };
    d->table.parameters = d->parameters;
    d->table.design = d->design;
    d->table.observables = d->observables;
}

static void no_parameters(declaration_t *d)
{
    d->table.n_parameters = 0;
}
static void negative_count(declaration_t *d)
{
    d->table.n_design = -1;
}
static void list_is_absent(declaration_t *d)
{
    d->table.parameters = NULL;
}
static void equal_names(declaration_t *d)
{
    d->parameters[1].name = "a";
}
static void name_with_a_slash(declaration_t *d)
{
    d->observables[0].name = "a/b";
}
static void name_is_empty(declaration_t *d)
{
    d->design[0].name = "";
}
static void name_is_absent(declaration_t *d)
{
    d->table.name = NULL;
}
static void version_is_absent(declaration_t *d)
{
    d->table.version = NULL;
}
static void no_simulate(declaration_t *d)
{
    d->table.simulate = NULL;
}
static void bounds_the_wrong_way(declaration_t *d)
{
    d->parameters[1].lower = 2.0;
}
static void bound_is_not_a_number(declaration_t *d)
{
    d->parameters[0].upper = NAN;
}
static void array_of_no_size(declaration_t *d)
{
    d->parameters[0].n_dims = 2;
    d->parameters[0].dims[0] = 3;
}
static void array_of_four_dims(declaration_t *d)
{
    d->parameters[0].n_dims = 4;
}
static void array_too_large(declaration_t *d)
{
    d->parameters[0].n_dims = 2;
    d->parameters[0].dims[0] = d->parameters[0].dims[1] = 300;
}
static void design_without_end(declaration_t *d)
{
    d->design[0].upper = INFINITY;
}
static void design_whole_with_half_bounds(declaration_t *d)
{
    d->design[0].lower = 1.5;
}
static void no_observables(declaration_t *d)
{
    d->table.n_observables = 0;
}
static void set_with_one_dim(declaration_t *d)
{
    d->observables[0].n_dims = 1;
}
static void unknown_kind(declaration_t *d)
{
    d->observables[0].kind = (infermill_kind_t)9;
}
static void dim_of_zero(declaration_t *d)
{
    d->observables[1].dims[1] = 0;
}
static void size_beyond_memory(declaration_t *d)
{
    d->observables[1].dims[0] = d->observables[1].dims[1] = INT64_MAX / 2;
}
static void length_of_no_design(declaration_t *d)
{
    d->observables[0].dim_design[0] = 1;
}
static void length_below_the_design(declaration_t *d)
{
    d->observables[0].dims[0] = 8;
}
static void length_of_any_number(declaration_t *d)
{
    d->design[0].integer = 0;
}
static void length_of_zero(declaration_t *d)
{
    d->design[0].lower = 0.0;
}
static void second_dim_varies(declaration_t *d)
{
    d->observables[0].dim_design[1] = 0;
}
static void image_of_varying_height(declaration_t *d)
{
    d->observables[1].dim_design[0] = 0;
}
static void observable_without_room(declaration_t *d)
{
    d->observables[1].upper = 0.0;
}

#define CASE(name, words)                                                                          \
    {                                                                                              \
#name, name, words                                                                         \
    }
static const struct {
    const char *name;
    void (*break_it)(declaration_t *);
    const char *words; // of the message
} cases[] = {
    CASE(no_parameters, "declares 0 parameters"),
    CASE(negative_count, "declares -1 design variables"),
    CASE(list_is_absent, "but lists none"),
    CASE(equal_names, "two parameters are named \"a\""),
    CASE(name_with_a_slash, "\"a/b\""),
    CASE(name_is_empty, "design variable 0"),
    CASE(name_is_absent, "simulator 0"),
    CASE(version_is_absent, "no version"),
    CASE(no_simulate, "`simulate`"),
    CASE(bounds_the_wrong_way, "parameter b: lower bound 2"),
    CASE(bound_is_not_a_number, "parameter a"),
    CASE(array_of_no_size, "parameter a: dim 1 is 0"),
    CASE(array_of_four_dims, "parameter a: got 4 dims"),
    CASE(array_too_large, "parameter a: dim 1 is 300, expected 1 or more and at most 65536"),
    CASE(design_without_end, "design variable n: bounds 1 to inf"),
    CASE(design_whole_with_half_bounds, "1.5"),
    CASE(no_observables, "declares 0 observables"),
    CASE(set_with_one_dim, "got 1 dims, its kind has 2"),
    CASE(unknown_kind, "kind 9"),
    CASE(dim_of_zero, "dim 1 is 0"),
    CASE(size_beyond_memory, "dim 0"),
    CASE(length_of_no_design, "dim_design[0] is 1 of 1"),
    CASE(length_below_the_design, "room for 8"),
    CASE(length_of_any_number, "any number from 1 to 9"),
    CASE(length_of_zero, "from 0 to 9"),
    CASE(second_dim_varies, "dim_design[1] is 0"),
    CASE(image_of_varying_height, "only sets and series"),
    CASE(observable_without_room, "observable x: lower bound 0"),
};

static void a_good_table_passes(void **state)
{
    (void)state;
    declaration_t d;
    declare(&d);
    assert_int_equal(simulator_check(&d.table, "here"), OK);
}

static int simulate_batch(void *state, const infermill_host_t *host, int n,
                          infermill_random_t *const *random, const double *theta,
                          const double *design, float *const *out, int *code)
{
    (void)state, (void)host, (void)n, (void)random, (void)theta, (void)design, (void)out,
        (void)code;
    return 0;
}

static void the_prior_may_be_left_to_the_study_and_the_work_to_the_batch(void **state)
{
    (void)state;
    declaration_t d;
    declare(&d);
    d.table.prior = NULL;
    d.table.simulate = NULL;
    d.table.simulate_batch = simulate_batch;
    assert_int_equal(simulator_check(&d.table, "here"), OK);
}

static void each_nonsense_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        declaration_t d;
        declare(&d);
        cases[i].break_it(&d);
        err_t err = simulator_check(&d.table, "here");
        if (!err_is(err, ERR_FORMAT) || strstr(err_text(), cases[i].words) == NULL ||
            strncmp(err_text(), "here: ", 6) != 0)
            fail_msg("%s: got %s \"%s\", expected the words \"%s\"", cases[i].name, err_name(err),
                     err_text(), cases[i].words);
    }
}

static void abi_and_size_come_before_everything_else(void **state)
{
    (void)state;
    infermill_simulator_t empty = {.abi = 6};
    assert_true(err_is(simulator_check(&empty, "here"), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "interface 6"));
    empty.abi = INFERMILL_ABI;
    empty.size = 12;
    assert_true(err_is(simulator_check(&empty, "here"), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "12 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_table_passes),
        cmocka_unit_test(the_prior_may_be_left_to_the_study_and_the_work_to_the_batch),
        cmocka_unit_test(each_nonsense_is_refused_with_its_reason),
        cmocka_unit_test(abi_and_size_come_before_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
