// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/rng.h"
#include "tests/nn/jacobian.h"
#include "tests/nn/made_adapter.h"

#include <math.h>
#include <string.h>

static const char everything[] = "- log: [sigma]\n"
                                 "- constrain: {mu: [-10, 20], p: {upper: 0.9}}\n"
                                 "- sqrt: [p]\n"
                                 "- simplex: [w1, w2, w3]\n"
                                 "- ordered: [a, b]\n"
                                 "- covariance: {of: [s11, s21, s22]}\n"
                                 "- correlation: {of: [r21, r31, r32]}\n";

static void test_without_transforms_the_bounds_remain(void **state)
{
    (void)state;
    adapter_t *a = NULL;
    assert_int_equal(adapter_create(NULL, &model_shape, &a), OK);
    const adapter_shape_t *after = adapter_after(a);
    double u[MODEL_PARAMETERS], back[MODEL_PARAMETERS], jacobian, restored;
    assert_int_equal(after->n_parameters, MODEL_PARAMETERS);
    assert_int_equal(adapter_kept(a, NULL), MODEL_PARAMETERS);
    assert_int_equal(after->n_design, MODEL_DESIGN);
    assert_int_equal(after->n_observables, MODEL_OBSERVABLES);
    adapter_free(a, model_parameters, u, &jacobian);
    assert_true(u[MU] == 1.5 && fabs(u[SIGMA] - log(0.7)) < 1e-15);
    assert_true(fabs(u[P01] - log(0.3 / 0.7)) < 1e-15);
    adapter_restore(a, u, back, &restored);
    for (int p = 0; p < MODEL_PARAMETERS; p++)
        assert_true(fabs(back[p] - model_parameters[p]) < 1e-14);
    assert_true(fabs(jacobian - restored) < 1e-13);
    adapter_destroy(&a);
}

static void test_free_numbers_stand_in_order_of_their_parameters(void **state)
{
    (void)state;
    static const char *const names[] = {"mu", "sigma", "p",  "simplex of w3", "simplex of w1",
                                        "a",  "b",     "s11"};
    adapter_t *a = made_adapter("- simplex: [w3, w1, w2]\n");
    const adapter_shape_t *after = adapter_after(a);
    assert_int_equal(after->n_parameters, MODEL_PARAMETERS - 1);
    for (int q = 0; q < 8; q++)
        assert_string_equal(after->parameters[q].name, names[q]);
    adapter_destroy(&a);
}

static void test_all_there_and_back(void **state)
{
    (void)state;
    adapter_t *a = made_adapter(everything);
    int q = adapter_after(a)->n_parameters;
    assert_int_equal(q, MODEL_PARAMETERS - 1);
    for (int t = 0; t < 200; t++) {
        double u[MODEL_PARAMETERS], x[MODEL_PARAMETERS], back[MODEL_PARAMETERS], there, here;
        rng_t r = rng_at(4, RNG_CHECK, (uint64_t)t);
        rng_fill_normal(&r, (size_t)q, u);
        for (int k = 0; k < q; k++)
            u[k] *= 0.5; // further out, b is so near its bound that ln(5 - b) has lost digits
        adapter_restore(a, u, x, &there);
        assert_true(adapter_supports(a, x));
        adapter_free(a, x, back, &here);
        for (int k = 0; k < q; k++)
            assert_true(fabs(back[k] - u[k]) < 1e-9);
        assert_true(fabs(here - there) < 1e-9);
    }
    adapter_destroy(&a);
}

// All parameters but w3, which is what remains of the simplex.
static void map_of(void *adapter, const double *from, double *to)
{
    double x[MODEL_PARAMETERS];
    for (int p = 0, at = 0; p < MODEL_PARAMETERS; p++)
        x[p] = p == W3 ? 0.0 : from[at++];
    x[W3] = 1.0 - x[W1] - x[W2];
    adapter_free(adapter, x, to, NULL);
}

static void test_the_log_determinant_of_all(void **state)
{
    (void)state;
    adapter_t *a = made_adapter(everything);
    double from[MODEL_PARAMETERS], u[MODEL_PARAMETERS], said;
    for (int p = 0, at = 0; p < MODEL_PARAMETERS; p++)
        if (p != W3)
            from[at++] = model_parameters[p];
    adapter_free(a, model_parameters, u, &said);
    double seen = jacobian_log_det(MODEL_PARAMETERS - 1, map_of, a, from, 1e-5);
    assert_true(fabs(seen - said) < 1e-7); // h^2 of truncation
    adapter_destroy(&a);
}

static void test_dropped_parameters_are_not_inferred(void **state)
{
    (void)state;
    adapter_t *a = made_adapter("- drop: [mu, w2]\n");
    const int *kept;
    double u[MODEL_PARAMETERS], back[MODEL_PARAMETERS], parameters[MODEL_PARAMETERS];
    memcpy(parameters, model_parameters, sizeof parameters);
    parameters[MU] = NAN; // what is dropped is not looked at
    assert_int_equal(adapter_kept(a, &kept), MODEL_PARAMETERS - 2);
    assert_int_equal(adapter_after(a)->n_parameters, MODEL_PARAMETERS - 2);
    assert_int_equal(kept[0], SIGMA);
    assert_int_equal(kept[3], W3);
    assert_true(adapter_supports(a, parameters));
    adapter_free(a, parameters, u, NULL);
    adapter_restore(a, u, back, NULL);
    for (int r = 0; r < MODEL_PARAMETERS - 2; r++)
        assert_true(fabs(back[r] - model_parameters[kept[r]]) < 1e-14);
    adapter_destroy(&a);
}

// Far out in the tails the order must hold although neighbours round to the same number.
static void test_ordered_stays_strict_at_its_ends(void **state)
{
    (void)state;
    adapter_t *a = made_adapter("- ordered: [a, b]\n");
    static const double far[] = {-300.0, -40.0, 0.0, 40.0, 300.0};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            double u[MODEL_PARAMETERS] = {0}, x[MODEL_PARAMETERS];
            u[A] = far[i];
            u[B] = far[j];
            adapter_restore(a, u, x, NULL);
            assert_true(x[A] > -5.0 && x[A] < x[B] && x[B] < 5.0);
        }
    adapter_destroy(&a);
}

static void test_a_constraint_narrows_the_support(void **state)
{
    (void)state;
    adapter_t *a = made_adapter("- constrain: {mu: [0, 2], p: {lower: 0.25}}\n");
    double x[MODEL_PARAMETERS], u[MODEL_PARAMETERS] = {0};
    memcpy(x, model_parameters, sizeof x);
    assert_true(adapter_supports(a, x));
    x[MU] = 2.5;
    assert_false(adapter_supports(a, x));
    u[MU] = 50.0;
    u[P01] = -50.0;
    adapter_restore(a, u, x, NULL);
    assert_true(x[MU] < 2.0 && x[P01] > 0.25);
    adapter_destroy(&a);
}

static void test_what_lies_outside_is_named(void **state)
{
    (void)state;
    static const struct {
        int parameter;
        double value;
        const char *words;
    } cases[] = {{SIGMA, 0.0, "sigma = 0, expected a number above 0"},
                 {MU, NAN, "mu = "},
                 {MU, 20.0, "mu = 20, expected a number above -10 and below 20"},
                 {W2, 0.0, "w2 = 0, expected a number above 0 and below 1"},
                 {W2, 0.6, "w1 ... w3 do not sum to 1 (simplex)"},
                 {B, -1.0, "a ... b do not ascend (ordered)"},
                 {B, 5.0, "b = 5, expected a number above -5 and below 5"},
                 {S22, 0.1, "s11 ... s22 are no positive definite matrix (covariance)"},
                 {R21, 1.0, "r21 = 1, expected a number above -1 and below 1"},
                 {R21, -0.95, "r21 ... r32 are no positive definite matrix (correlation)"}};
    adapter_t *a = made_adapter(everything);
    char why[ADAPTER_WHY];
    assert_true(adapter_supports_why(a, model_parameters, why));
    assert_string_equal(why, "");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double x[MODEL_PARAMETERS];
        memcpy(x, model_parameters, sizeof x);
        x[cases[k].parameter] = cases[k].value;
        assert_false(adapter_supports_why(a, x, why));
        if (!strstr(why, cases[k].words))
            fail_msg("\"%s\" is not in: %s", cases[k].words, why);
    }
    adapter_destroy(&a);
}

// Slope of the free number of a parameter that is alone, by central differences.
static double slope_at(const adapter_t *a, int parameter, double step)
{
    double x[MODEL_PARAMETERS], low[MODEL_PARAMETERS], high[MODEL_PARAMETERS];
    memcpy(x, model_parameters, sizeof x);
    x[parameter] -= step;
    adapter_free(a, x, low, NULL);
    x[parameter] += 2.0 * step;
    adapter_free(a, x, high, NULL);
    return (high[parameter] - low[parameter]) / (2.0 * step);
}

// The mass of a standard normal on the free number as a density of the parameter, over a grid of midpoints. The log
// determinant of the others is a constant, known from the parameter's own slope at one place.
static double mass(const char *list, int parameter, double from, double to)
{
    enum { CELLS = 20000 };
    adapter_t *a = made_adapter(list);
    double x[MODEL_PARAMETERS], u[MODEL_PARAMETERS], sum = 0.0, all, here;
    memcpy(x, model_parameters, sizeof x);
    adapter_free(a, x, u, &all);
    for (int i = 0; i < CELLS; i++) {
        x[parameter] = from + (to - from) * (i + 0.5) / CELLS;
        if (!adapter_supports(a, x))
            continue;
        adapter_free(a, x, u, &here);
        sum += exp(here - all - 0.5 * u[parameter] * u[parameter]);
    }
    sum *= slope_at(a, parameter, 1e-5) * (to - from) / CELLS / sqrt(2.0 * M_PI);
    adapter_destroy(&a);
    return sum;
}

static void test_densities_of_one_integrate_to_one(void **state)
{
    (void)state;
    assert_true(fabs(mass("- drop: [age]\n", P01, 0.0, 1.0) - 1.0) < 1e-4);
    assert_true(fabs(mass("- sqrt: [p]\n", P01, 0.0, 1.0) - 1.0) < 1e-4);
    assert_true(fabs(mass("- constrain: {mu: [0, 2]}\n", MU, -1.0, 3.0) - 1.0) < 1e-4);
    assert_true(fabs(mass("- log: [sigma]\n", SIGMA, 0.0, 200.0) - 1.0) < 1e-4);
}

static void test_a_simplex_is_known(void **state)
{
    (void)state;
    adapter_t *a = made_adapter("- simplex: [w1, w2, w3]\n");
    assert_true(adapter_is_simplex(a, 3, (char *[]){"w3", "w1", "w2"}));
    assert_false(adapter_is_simplex(a, 2, (char *[]){"w1", "w2"}));
    assert_false(adapter_is_simplex(a, 3, (char *[]){"w1", "w2", "p"}));
    adapter_destroy(&a);
}

static void test_standardisation_is_told(void **state)
{
    (void)state;
    adapter_t *a = made_adapter("- standardize: {sigma: false, y: false, age: false}\n"
                                "- one_hot: {group: 3}\n");
    const adapter_shape_t *after = adapter_after(a);
    assert_true(after->parameters[MU].standardize && !after->parameters[SIGMA].standardize);
    assert_true(!after->observables[Y].standardize && after->observables[Z].standardize);
    assert_int_equal(after->n_design, 5);
    assert_string_equal(after->design[2].name, "group[1]");
    assert_true(after->design[2].standardize && !after->design[4].standardize);
    adapter_destroy(&a);
}

static void test_wrong_studies_are_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"- log: [sigm]\n",
         "study.yaml:2: adapter.log: there is no \"sigm\" here; did you mean \"sigma\"?"},
        {"- log: [qqqqqqq]\n", "expected a parameter, an observable or a design variable"},
        {"- simplex: [w1, y]\n", "adapter.simplex: \"y\" is an observable, expected a parameter"},
        {"- subsample: {n: 5}\n", "\"n\" is a design variable, expected an observable"},
        {"- one_hot: {mu: 3}\n", "\"mu\" is a parameter, expected an observable or a design"},
        {"- log: [mu]\n", "mu lies in (-inf, inf), expected a support that does not reach below 0: "
                          "put constrain: {mu: {lower: 0}} before it"},
        {"- constrain: {p: [2, 3]}\n", "p lies in (0, 1), and nothing of that in (2, 3)"},
        {"- simplex: [w1]\n", "got 1 parameters, expected 2 to 256"},
        {"- simplex: [w1, w1]\n", "\"w1\" comes twice"},
        {"- simplex: [w1, w2]\n- ordered: [w2, w3]\n",
         "study.yaml:3: adapter.ordered: w2 belongs to a group already (simplex)"},
        {"- simplex: [w1, w2, w3]\n- log: [w2]\n", "w2 belongs to a group (simplex): its numbers"},
        {"- simplex: [w1, w2, w3]\n- drop: [w2]\n", "w2 belongs to a group (simplex)"},
        {"- log: [w1]\n- simplex: [w1, w2, w3]\n", "w1 is transformed already"},
        {"- constrain: {w1: [0, 0.5]}\n- simplex: [w1, w2, w3]\n", "w1 is transformed already"},
        {"- ordered: [mu, a]\n", "mu has the support (-inf, inf) and a (-5, 5), expected the same"},
        {"- covariance: {of: [s11, s21]}\n", "got 2 parameters, expected 1, 3, 6, 10, ..."},
        {"- covariance: {of: [s11, s22, s21]}\n", "s22 has the support (0, inf), expected one "
                                                  "that holds all of (-inf, inf)"},
        {"- correlation: {of: [r21, r31]}\n", "K (K - 1) / 2"},
        {"- correlation: {of: [p]}\n", "p has the support (0, 1), expected one that holds all of "
                                       "(-1, 1)"},
        {"- drop: [mu]\n- log: [mu]\n", "there is no \"mu\" here"},
        {"- log: [age]\n- log: [age]\n- log: [age]\n- log: [age]\n", "age lies in [1, 90]"},
        {"- log: [n]\n", "n lies in [0, 6], and not all of that goes through"},
        {"- one_hot: {group: 2}\n", "group lies in [0, 2], and not all of that goes through"},
        {"- subsample: {v: 2}\n", "v is no set"},
        {"- one_hot: {y: {column: 2, levels: 3}}\n", "y has 2 columns, got column 2"},
        {"- nan_to_mask: [y]\n- log: [y]\n",
         "y holds columns of 0 and 1 already: put log before nan_to_mask"},
        {"- nan_to_mask: [y]\n- one_hot: {y: 2}\n", "put one_hot before nan_to_mask"},
        {"- nan_to_mask: [y, z, y]\n", "y is masked already"},
        {"- one_hot: {y: 1000}\n- one_hot: {y: 1000}\n", "y would have 2000000 columns, at most"},
        {"- concatenate: {of: [y, v], into: q}\n", "y and v differ in kind"},
        {"- subsample: {y: 3}\n- concatenate: {of: [y, z], into: q}\n", "differ in subsample"},
        {"- noise: {y: {}}\n- concatenate: {of: [y, z], into: q}\n", "differ in noise"},
        {"- concatenate: {of: [v, u], into: y}\n", "there is an observable \"y\" already"},
        {"- concatenate: {of: [v, u], into: q}\n- log: [u]\n", "there is no \"u\" here"},
        {"- drop: [y, z, v, u, image, series]\n", "every observable is dropped"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *text = adapter_error(cases[k][0]);
        if (!strstr(text, cases[k][1]))
            fail_msg("\"%s\" is not in: %s", cases[k][1], text);
    }
}

static void test_every_parameter_dropped_is_refused(void **state)
{
    (void)state;
    const char *text = adapter_error("- drop: [mu, sigma, p, w1, w2, w3, a, b, s11, s21, s22, r21, "
                                     "r31, r32]\n");
    assert_non_null(strstr(text, "study.yaml: adapter: every parameter is dropped"));
}

static void test_one_name_for_two_things_is_refused(void **state)
{
    (void)state;
    adapter_shape_t shape = model_shape;
    adapter_design_t design[] = {{"mu", 1.0, 2.0, true}};
    adapter_item_t item = {.name = "mu"};
    adapter_transform_t log = {.kind = ADAPTER_LOG, .n = 1, .items = &item};
    adapter_config_t config = {.n = 1, .transforms = &log};
    adapter_t *a = NULL;
    shape.design = design;
    shape.n_design = 1;
    assert_true(err_is(adapter_create(&config, &shape, &a), ERR_USAGE));
    assert_non_null(strstr(err_text(), "adapter.log: \"mu\" names more than one thing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_transforms_the_bounds_remain),
        cmocka_unit_test(test_free_numbers_stand_in_order_of_their_parameters),
        cmocka_unit_test(test_all_there_and_back),
        cmocka_unit_test(test_the_log_determinant_of_all),
        cmocka_unit_test(test_dropped_parameters_are_not_inferred),
        cmocka_unit_test(test_ordered_stays_strict_at_its_ends),
        cmocka_unit_test(test_a_constraint_narrows_the_support),
        cmocka_unit_test(test_what_lies_outside_is_named),
        cmocka_unit_test(test_densities_of_one_integrate_to_one),
        cmocka_unit_test(test_a_simplex_is_known),
        cmocka_unit_test(test_standardisation_is_told),
        cmocka_unit_test(test_wrong_studies_are_told),
        cmocka_unit_test(test_every_parameter_dropped_is_refused),
        cmocka_unit_test(test_one_name_for_two_things_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
