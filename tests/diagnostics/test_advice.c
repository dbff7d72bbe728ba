// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/advice.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { D = 2 };

/* A made-up diagnosis of two parameters; the numbers start good. */
typedef struct {
    gate_parameter_t parameter[D];
    gate_record_t gate;
    history_verdict_t training;
    double lower[D], upper[D], low[D], skewness[D], correlation[D * D], bimodal[D];
    exchange_count_t exchange[1];
    posterior_shape_t shape;
    advice_facts_t facts;
} made_t;

static void make(made_t *m)
{
    memset(m, 0, sizeof *m);
    static char *const names[D] = {"mu", "sigma"};
    for (int k = 0; k < D; k++) {
        m->parameter[k] = (gate_parameter_t){
            .name = names[k],
            .passed = true,
            .metrics = {.calibration_error = 0.02, .ecdf_deviation = 0.04, .contraction = 0.9}};
        m->lower[k] = -INFINITY;
        m->upper[k] = INFINITY;
        m->low[k] = -2;
        m->correlation[k * D + k] = 1;
    }
    m->gate = (gate_record_t){.rows = 300,
                              .limits = gate_limits_default(),
                              .ratings = ratings_default(),
                              .passed = true,
                              .n_parameters = D,
                              .parameters = m->parameter};
    m->training = (history_verdict_t){.best = 55, .ratio = 1.0};
    m->shape = (posterior_shape_t){.n = 8,
                                   .d = D,
                                   .correlation = m->correlation,
                                   .bimodal = m->bimodal,
                                   .exchange = m->exchange};
    m->facts = (advice_facts_t){.rows = 50000,
                                .epochs = 60,
                                .datasets = 300,
                                .learning_rate = 0.001,
                                .size = "base",
                                .inference = "coupling_flow",
                                .transform = "spline",
                                .summary_dim = 32,
                                .d = D,
                                .lower = m->lower,
                                .upper = m->upper,
                                .truth_low = m->low,
                                .truth_skewness = m->skewness,
                                .training = &m->training,
                                .gate = &m->gate,
                                .shape = &m->shape};
}

static void fail_gate(made_t *m)
{
    m->gate.passed = m->parameter[1].passed = false;
    m->parameter[1].metrics.calibration_error = 0.14;
}

/* The first advice has this rule, and where `key` is given changes it to `value`. */
static void first_is(const made_t *m, advice_rule_t rule, const char *key, const char *value)
{
    advice_list_t list = advise(&m->facts);
    assert_true(list.n > 0);
    assert_string_equal(advice_rule_name(list.at[0].rule), advice_rule_name(rule));
    if (key != NULL) {
        assert_int_equal(list.at[0].n_settings, 1);
        assert_string_equal(list.at[0].setting[0].key, key);
        assert_string_equal(list.at[0].setting[0].value, value);
    }
    advice_free(&list);
}

static void good_numbers_need_nothing(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    advice_list_t list = advise(&m.facts);
    assert_int_equal(list.n, 0);
    advice_free(&list);
}

static void divergence_lowers_the_rate(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.training.diverged = true;
    m.facts.gate = NULL;
    first_is(&m, ADVICE_DIVERGED, "train.learning_rate", "0.0003");
}

static void too_few_data_sets_are_told_first(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.gate.rows = 200;
    first_is(&m, ADVICE_DATASETS, "diagnose.datasets", "300");
}

/* Half of both-ways symmetric posteriors with two modes each. */
static void labels_that_switch_want_an_order(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.exchange[0] = (exchange_count_t){.sets = 8, .symmetric = 8, .separated = 8};
    first_is(&m, ADVICE_LABELS, "adapter", "- ordered: [mu, sigma]");
    advice_list_t list = advise(&m.facts);
    assert_false(list.at[0].automatic);
    advice_free(&list);
}

/* One of two modes is kept: the same cure, for another reason. */
static void a_kept_mode_wants_an_order(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.exchange[0] = (exchange_count_t){.sets = 8, .one_sided = 8, .against = 4};
    first_is(&m, ADVICE_LABELS, "adapter", "- ordered: [mu, sigma]");
    advice_list_t list = advise(&m.facts);
    assert_non_null(strstr(list.at[0].reason, "in 4 of these the truth has them in the other"));
    advice_free(&list);
}

static void a_falling_loss_wants_epochs(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.training.undertrained = true;
    first_is(&m, ADVICE_UNDERTRAINED, "train.epochs", "120");
    m.facts.patience_used = true; // it ended by itself: more epochs change nothing
    first_is(&m, ADVICE_NETWORK, "network.size", "large");
}

/* A gap of 0.25 where 0.1 is allowed: (0.25 / 0.05) = 5 times as many; never fewer than twice, more than 8 times. */
static void overfitting_wants_simulations_by_its_gap(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.training.overfitting = true;
    m.training.ratio = 1.25;
    first_is(&m, ADVICE_OVERFITTING, "bank.rows", "250000");
    m.training.ratio = 1.08;
    first_is(&m, ADVICE_OVERFITTING, "bank.rows", "100000");
    m.training.ratio = 9;
    first_is(&m, ADVICE_OVERFITTING, "bank.rows", "400000");
    m.gate.ratings.overfitting = 1.2; // the limit is a setting
    m.training.ratio = 1.5;
    first_is(&m, ADVICE_OVERFITTING, "bank.rows", "250000");
    m.facts.rows = 12345;
    first_is(&m, ADVICE_OVERFITTING, "bank.rows", "62000");
}

static void an_early_best_epoch_wants_a_lower_rate(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.training.best = 12;
    first_is(&m, ADVICE_RATE, "train.learning_rate", "0.0003");
}

static void an_ignored_parameter_wants_more_summaries(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.parameter[1].metrics.dependence = (dependence_t){
        .location = 0.4, .location_p = 0.001, .spread = 0.05, .spread_p = 0.5, .attainable = 0.8};
    first_is(&m, ADVICE_IGNORED, "network.summary.summary_dim", "64");
    m.facts.summary_dim = 0;
    first_is(&m, ADVICE_IGNORED, "network.summary.type", "mlp");
    m.parameter[1].metrics.dependence.location_p = 0.2; // so much is chance
    first_is(&m, ADVICE_NETWORK, "network.size", "large");
}

static void few_summaries_are_told(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.facts.summary_dim = 3;
    first_is(&m, ADVICE_SUMMARY, "network.summary.summary_dim", "4");
}

static void modes_want_another_inference_network(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.bimodal[1] = 0.75;
    first_is(&m, ADVICE_MODES, "network.inference.type", "flow_matching");
    m.facts.transform = "affine";
    first_is(&m, ADVICE_MODES, "network.inference.transform", "spline");
    m.facts.inference = "flow_matching";
    first_is(&m, ADVICE_NETWORK, "network.size", "large");
}

static void sharp_posteriors_want_another_inference_network(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.parameter[1].metrics.contraction = 0.999;
    first_is(&m, ADVICE_MODES, "network.inference.type", "flow_matching");
}

static void a_small_bank_grows_before_the_network_does(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.facts.rows = 5000;
    first_is(&m, ADVICE_SIMULATIONS, "bank.rows", "20000");
    m.facts.rows = 50000;
    first_is(&m, ADVICE_NETWORK, "network.size", "large");
    m.facts.size = "large";
    first_is(&m, ADVICE_SIMULATIONS, "bank.rows", "200000");
}

/* Many parameters: a reason names five of them. */
static void a_reason_names_a_few_parameters(void **state)
{
    (void)state;
    enum { MANY = 40 };
    gate_parameter_t parameter[MANY];
    made_t m;
    make(&m);
    fail_gate(&m);
    for (int k = 0; k < MANY; k++)
        parameter[k] = m.parameter[1];
    m.gate.parameters = parameter;
    m.gate.n_parameters = MANY;
    m.facts.shape = NULL;
    advice_list_t list = advise(&m.facts);
    assert_int_equal(list.at[0].rule, ADVICE_NETWORK);
    assert_non_null(strstr(list.at[0].reason, " and 35 more, while"));
    advice_free(&list);
}

static void a_positive_skewed_parameter_wants_a_logarithm(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    fail_gate(&m);
    m.low[1] = 0.01;
    m.skewness[1] = 3;
    advice_list_t list = advise(&m.facts);
    int found = 0;
    for (int i = 0; i < list.n; i++)
        found += list.at[i].rule == ADVICE_SKEWED &&
                 strcmp(list.at[i].setting[0].value, "- log: [sigma]") == 0;
    assert_int_equal(found, 1);
    advice_free(&list);
    m.lower[1] = 0; // a declared bound is a logarithm already
    list = advise(&m.facts);
    for (int i = 0; i < list.n; i++)
        assert_true(list.at[i].rule != ADVICE_SKEWED);
    advice_free(&list);
}

static void tied_parameters_are_named(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.correlation[1] = m.correlation[2] = -0.98;
    first_is(&m, ADVICE_APART, NULL, NULL);
    advice_list_t list = advise(&m.facts);
    assert_non_null(strstr(list.at[0].reason,
                           "mu and sigma are tied (mean correlation −0.980): the "
                           "data tell their sum"));
    advice_free(&list);
}

static void a_posterior_like_the_prior_is_told(void **state)
{
    (void)state;
    made_t m;
    make(&m);
    m.parameter[0].metrics.contraction = 0.05;
    first_is(&m, ADVICE_UNINFORMED, NULL, NULL);
}

static void every_rule_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < ADVICE_RULES; i++)
        assert_non_null(advice_rule_name((advice_rule_t)i));
}

/* Of 0, 0, 0, 4: mean 1, variance 3, third moment (3 * -1 + 27) / 4 = 6, so 6 / 3^1.5. */
static void skewness_is_that_of_the_moments(void **state)
{
    (void)state;
    const double x[4] = {0, 0, 0, 4}, same[3] = {1, 1, 1};
    assert_true(fabs(advice_skewness(4, x) - 6 / pow(3, 1.5)) < 1e-12);
    assert_true(isnan(advice_skewness(3, same)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_numbers_need_nothing),
        cmocka_unit_test(divergence_lowers_the_rate),
        cmocka_unit_test(too_few_data_sets_are_told_first),
        cmocka_unit_test(labels_that_switch_want_an_order),
        cmocka_unit_test(a_kept_mode_wants_an_order),
        cmocka_unit_test(a_falling_loss_wants_epochs),
        cmocka_unit_test(overfitting_wants_simulations_by_its_gap),
        cmocka_unit_test(an_early_best_epoch_wants_a_lower_rate),
        cmocka_unit_test(an_ignored_parameter_wants_more_summaries),
        cmocka_unit_test(few_summaries_are_told),
        cmocka_unit_test(modes_want_another_inference_network),
        cmocka_unit_test(sharp_posteriors_want_another_inference_network),
        cmocka_unit_test(a_small_bank_grows_before_the_network_does),
        cmocka_unit_test(a_reason_names_a_few_parameters),
        cmocka_unit_test(a_positive_skewed_parameter_wants_a_logarithm),
        cmocka_unit_test(tied_parameters_are_named),
        cmocka_unit_test(a_posterior_like_the_prior_is_told),
        cmocka_unit_test(every_rule_has_a_name),
        cmocka_unit_test(skewness_is_that_of_the_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
