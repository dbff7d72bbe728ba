// SPDX-License-Identifier: Apache-2.0
//
// A model whose posterior is known: theta_1, theta_2 ~ N(0, 1), y_p = theta_p + 0.5 e_p, so theta_p given y is
// N(0.8 y_p, 0.2); summaries are y and noise, mixed. Posteriors that are wrong on purpose must be told from the truth.
#include "workers/truth_test.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "tests/sanitized.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARAMETERS = 2, SUMMARIES = 5, DRAWS = 8 };

typedef struct {
    const char *name;
    double width, shift; // of the posterior sd, in posterior sds
    int ignores;         // the second parameter's posterior is its prior
    double correlation;  // between its draws
    double uneven;       // sd too small for y_1 > 0, too large below
} posterior_t;

typedef struct {
    truth_test_data_t data;
    double *truth, *draw, *mean, *sd;
    float *summary;
} case_t;

static void one_set(rng_t *r, const posterior_t *q, int64_t i, case_t *c)
{
    double y[PARAMETERS];
    for (int p = 0; p < PARAMETERS; p++) {
        int64_t at = i * PARAMETERS + p;
        c->truth[at] = rng_normal(r);
        y[p] = c->truth[at] + 0.5 * rng_normal(r);
        int ignored = q->ignores && p == 1;
        double sd = sqrt(0.2) * q->width * (y[0] > 0 ? 1 - q->uneven : 1 + q->uneven);
        c->sd[at] = ignored ? 1 : sd;
        c->mean[at] = ignored ? 0 : 0.8 * y[p] + q->shift * sqrt(0.2);
    }
    for (int k = 0; k < DRAWS; k++) {
        double e = rng_normal(r), f = rng_normal(r);
        f = q->correlation * e + sqrt(1 - q->correlation * q->correlation) * f;
        double *draw = c->draw + (i * DRAWS + k) * PARAMETERS;
        draw[0] = c->mean[i * PARAMETERS] + c->sd[i * PARAMETERS] * e;
        draw[1] = c->mean[i * PARAMETERS + 1] + c->sd[i * PARAMETERS + 1] * f;
    }
    for (int a = 0; a < SUMMARIES; a++)
        c->summary[i * SUMMARIES + a] =
            (float)(cos(a) * y[0] + sin(3 * a + 1) * y[1] + 0.3 * rng_normal(r));
}

static case_t case_create(int64_t n, const posterior_t *q, uint64_t seed)
{
    case_t c = {.truth = MEM_NEW(double, n *PARAMETERS),
                .draw = MEM_NEW(double, n *DRAWS *PARAMETERS),
                .mean = MEM_NEW(double, n *PARAMETERS),
                .sd = MEM_NEW(double, n *PARAMETERS),
                .summary = MEM_NEW(float, n *SUMMARIES)};
    for (int64_t i = 0; i < n; i++) {
        rng_t r = rng_at(seed, RNG_CHECK, (uint64_t)i);
        one_set(&r, q, i, &c);
    }
    c.data = (truth_test_data_t){n,      DRAWS,  PARAMETERS, SUMMARIES, c.truth,
                                 c.draw, c.mean, c.sd,       c.summary};
    return c;
}

static void case_free(case_t *c)
{
    free(c->truth);
    free(c->draw);
    free(c->mean);
    free(c->sd);
    free(c->summary);
}

static truth_test_t result_of(int64_t n, const posterior_t *q, uint64_t seed)
{
    classifier_config_t config = classifier_config_default();
    case_t c = case_create(n, q, seed);
    truth_test_t result = truth_test(&config, &c.data);
    case_free(&c);
    printf("%-28s %ld data sets: told %.3f +- %.3f, p = %.2g\n", q->name, (long)n, result.told,
           result.error, result.p_value);
    return result;
}

static const posterior_t right = {"right", .width = 1};
static const posterior_t slightly_wrong = {"sd times 0.8", .width = 0.8};

static void wrong_posteriors_are_told_from_the_truth(void **state)
{
    (void)state;
    skip_when_sanitized();
    static const posterior_t wrong[] = {
        {"sd times 0.7", .width = 0.7},
        {"sd times 1.4", .width = 1.4},
        {"mean shifted by half an sd", .width = 1, .shift = 0.5},
        {"second parameter ignored", .width = 1, .ignores = 1},
        {"correlated where they are not", .width = 1, .correlation = 0.7},
        {"too narrow here, wide there", .width = 1, .uneven = 0.4},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        truth_test_t r = result_of(300, &wrong[i], 1);
        assert_true(r.p_value < 0.001 && r.told > 0.55);
    }
}

/* Each is at most 0.05 with chance 0.05: more than 2 of 5 with chance 0.001. (2 of 200 are with 100 data sets, 0 of 120 with
 * 300: where nothing is found, the scores are ties.) */
static void a_right_posterior_is_not(void **state)
{
    (void)state;
    skip_when_sanitized();
    int alarms = 0;
    for (uint64_t seed = 0; seed < 5; seed++)
        alarms += result_of(60, &right, 100 + seed).p_value <= 0.05;
    assert_true(alarms <= 2);
    assert_true(fabs(result_of(500, &right, 7).told - 0.5) < 0.06); // 4 standard errors
}

static void the_result_is_a_function_of_data_and_seed(void **state)
{
    (void)state;
    classifier_config_t config = classifier_config_default();
    case_t c = case_create(100, &slightly_wrong, 3);
    truth_test_t a = truth_test(&config, &c.data), b = truth_test(&config, &c.data);
    assert_memory_equal(&a, &b, sizeof a);
    config.seed = 1;
    assert_true(truth_test(&config, &c.data).told != a.told);
    case_free(&c);
}

/* A parameter without spread, in truth and draws, and summaries that are constant. */
static void degenerate_numbers_are_no_trouble(void **state)
{
    (void)state;
    classifier_config_t config = classifier_config_default();
    case_t c = case_create(60, &right, 3);
    for (int64_t i = 0; i < 60; i++) {
        c.sd[i * 2 + 1] = 0;
        c.truth[i * 2 + 1] = c.mean[i * 2 + 1] = 4;
        for (int k = 0; k < DRAWS; k++)
            c.draw[(i * DRAWS + k) * 2 + 1] = 4;
        for (int a = 0; a < SUMMARIES; a++)
            c.summary[i * SUMMARIES + a] = 2;
    }
    truth_test_t r = truth_test(&config, &c.data);
    assert_true(isfinite(r.told) && isfinite(r.error) && r.p_value > 0.001);
    case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_posteriors_are_told_from_the_truth),
        cmocka_unit_test(a_right_posterior_is_not),
        cmocka_unit_test(the_result_is_a_function_of_data_and_seed),
        cmocka_unit_test(degenerate_numbers_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
