// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/prior_reach.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { SIMULATIONS = 1001, DRAWS = 200 };

static const predictive_field_t field = {"y", PREDICTIVE_SET, 50, 1};

/* Parameter 0 counts 0 .. 1000, parameter 1 down from 0; statistic 0 counts too, the others are 5 and NaN. */
static prior_reach_t counting(void)
{
    static double parameters[SIMULATIONS * 2], statistics[SIMULATIONS * 3];
    for (int i = 0; i < SIMULATIONS; i++) {
        parameters[2 * i] = statistics[3 * i] = i;
        parameters[2 * i + 1] = -i;
        statistics[3 * i + 1] = 5;
        statistics[3 * i + 2] = NAN;
    }
    return prior_reach_fit(SIMULATIONS, 2, parameters, 3, statistics);
}

static void ranges_are_those_of_the_simulations(void **state)
{
    (void)state;
    prior_reach_t r = counting();
    assert_true(fabs(r.low[0] - 5) < 1e-9 && fabs(r.high[0] - 995) < 1e-9);
    assert_true(fabs(r.low[1] + 995) < 1e-9 && fabs(r.high[1] + 5) < 1e-9);
    assert_true(r.least[0] == 0 && r.most[0] == 1000 && r.least[1] == 5 && r.most[1] == 5);
    assert_true(isnan(r.least[2]) && isnan(r.most[2]));
    prior_reach_free(&r);
    assert_int_equal(r.n, 0);
}

static void a_posterior_that_leans_on_the_edge_is_told(void **state)
{
    (void)state;
    prior_reach_t r = counting();
    double draws[DRAWS];
    for (int i = 0; i < DRAWS; i++)
        draws[i] = 900 + 0.5 * i; // 900 .. 999.5: nine beyond 995
    prior_edge_t edge = prior_reach_edge(&r, 0, DRAWS, draws);
    assert_true(edge.below == 0 && edge.above == 9.0 / DRAWS && !prior_edge_leans(edge, 1));
    for (int i = 0; i < DRAWS; i++)
        draws[i] += 10;
    edge = prior_reach_edge(&r, 0, DRAWS, draws);
    assert_true(edge.above == 29.0 / DRAWS && prior_edge_leans(edge, 1));
    char *words = prior_edge_words(&r, 0, "a", edge);
    assert_non_null(strstr(words,
                           "the posterior of a leans on the upper edge of its prior (14 % of it "
                           "above 995.0"));
    assert_non_null(strstr(words, "widen the prior"));
    free(words);
    for (int i = 0; i < DRAWS; i++)
        draws[i] = -draws[i];
    edge = prior_reach_edge(&r, 1, DRAWS, draws);
    words = prior_edge_words(&r, 1, "b", edge);
    assert_non_null(strstr(words, "lower edge of its prior (14 % of it below −995.0"));
    free(words);
    prior_reach_free(&r);
}

/* Of the prior itself 0.5 % lie beyond each end, so that 200 draws of it never lean on it (11 of 200 or more: chance below
 * 1e-8 at 0.5 %; the ends themselves are known within a few tenths of a percent). */
static void the_prior_itself_does_not_lean(void **state)
{
    (void)state;
    static double parameters[SIMULATIONS], draws[DRAWS];
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    rng_fill_normal(&rng, SIMULATIONS, parameters);
    prior_reach_t r = prior_reach_fit(SIMULATIONS, 1, parameters, 0, NULL);
    for (int k = 0; k < 100; k++) {
        rng_fill_normal(&rng, DRAWS, draws);
        assert_false(prior_edge_leans(prior_reach_edge(&r, 0, DRAWS, draws), 1));
    }
    prior_reach_free(&r);
}

/* Gaussian posteriors of sd s about N(0, 1 - s^2), as a normal prior gives them: the share beyond 2.576 is that of the posterior
 * itself. Of 4,000 data sets a quarter has a standard error of 0.0068. */
static void few_right_posteriors_lean_by_chance(void **state)
{
    (void)state;
    enum { SETS = 4000 };
    static const int counts[] = {1, 3, 10, 40};
    rng_t rng = rng_at(2, RNG_CHECK, 0);
    for (int c = 0; c < 4; c++)
        for (double sd = 0.1; sd < 0.95; sd += 0.2) {
            int64_t leaning = 0;
            for (int i = 0; i < SETS; i++) {
                bool leans = false;
                for (int p = 0; p < counts[c]; p++) {
                    double mean = sqrt(1 - sd * sd) * rng_normal(&rng);
                    prior_edge_t edge = {0.5 * erfc((2.576 + mean) / sd * M_SQRT1_2),
                                         0.5 * erfc((2.576 - mean) / sd * M_SQRT1_2)};
                    leans |= prior_edge_leans(edge, counts[c]);
                }
                leaning += leans;
            }
            assert_true((double)leaning / SETS < PRIOR_EDGE_CHANCE + 3 * 0.0068);
        }
    assert_null(prior_edges_words(1, 1));
    assert_null(prior_edges_words(100, 35)); // P(X > 35) of 100 is 0.0094
    char *words = prior_edges_words(100, 36);
    assert_non_null(strstr(words, "36 of 100 posteriors lean on the edge of the prior"));
    free(words);
}

static void data_the_prior_never_produces_are_told(void **state)
{
    (void)state;
    prior_reach_t r = counting();
    predictive_item_t items[7];
    predictive_items(1, &field, items);
    assert_int_equal(prior_reach_outside(&r, (double[]){-100, 5, 0}), -1); // a tenth of the range
    assert_int_equal(prior_reach_outside(&r, (double[]){NAN, 5, 0}), -1);
    assert_int_equal(prior_reach_outside(&r, (double[]){-101, 5, 0}), 0);
    assert_int_equal(prior_reach_outside(&r, (double[]){-101, 7, 0}), 1); // it never varies
    assert_int_equal(prior_reach_outside(&r, (double[]){1101, 5, 0}), 0);
    char *words = prior_outside_words(&r, &field, &items[0], 0, 1101);
    assert_string_equal(words, "the mean of y, 1101.0, lies outside all 1001 simulations (0.000 to "
                               "1000.0): the prior never produces such data");
    free(words);
    prior_reach_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_those_of_the_simulations),
        cmocka_unit_test(a_posterior_that_leans_on_the_edge_is_told),
        cmocka_unit_test(the_prior_itself_does_not_lean),
        cmocka_unit_test(few_right_posteriors_lean_by_chance),
        cmocka_unit_test(data_the_prior_never_produces_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
