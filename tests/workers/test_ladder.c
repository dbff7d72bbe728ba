// SPDX-License-Identifier: Apache-2.0
//
// The model is gaussian_linear, whose posterior is N(x / 2, 0.05 I); in the amortizer's place stand draws of a Gaussian that is
// off by some of its standard deviations.
#include "workers/ladder.h"

#include "tests/workers/exact_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { P = 10, DRAWS = 4000 };

static const double sd = 0.22360679774997896964; // sqrt(0.05)

typedef struct {
    exact_case_t model;
    double *values, *log_q;
    ladder_climb_t climb;
    posterior_verdict_t verdict;
    char *why; // NULL: a rung answered
    ladder_costs_t costs;
} climbed_t;

/* Draws of a Gaussian `shift` standard deviations to the right of the posterior, `wide` times as wide. */
static void propose(climbed_t *c, double shift, double wide)
{
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int64_t k = 0; k < DRAWS; k++) {
        c->log_q[k] = 0.0;
        for (int p = 0; p < P; p++) {
            double z = rng_normal(&rng), mean = 0.5 * c->model.rows.observables[0][p] + shift * sd;
            c->values[k * P + p] = mean + wide * sd * z;
            c->log_q[k] -= 0.5 * z * z + log(wide * sd * sqrt(2.0 * M_PI));
        }
    }
}

static climbed_t climb(ladder_rungs_t rungs, double shift, double wide)
{
    climbed_t c = {.model = exact_case_make("gaussian_linear", 4),
                   .values = MEM_NEW(double, DRAWS *P),
                   .log_q = MEM_NEW(double, DRAWS),
                   .verdict = {.khat = NAN, .ess = NAN, .rhat = NAN}};
    propose(&c, shift, wide);
    c.climb = (ladder_climb_t){
        .rows = &c.model.rows, .draws = DRAWS, .values = c.values, .log_q = c.log_q, .seed = 7};
    ladder_t *ladder = ladder_create(rungs, c.model.exact);
    const char *why = ladder_climb(ladder, &c.climb, &c.verdict);
    c.why = why != NULL ? mem_copy_text(why) : NULL;
    c.costs = ladder_costs(ladder);
    ladder_destroy(&ladder);
    return c;
}

static void climbed_free(climbed_t *c)
{
    exact_case_free(&c->model);
    free(c->values);
    free(c->log_q);
    free(c->why);
}

/* Means and standard deviations within 4.5 standard errors of so many draws: of 20 numbers one is beyond with a chance of 1e-4. */
static void assert_posterior(const climbed_t *c, double effective)
{
    for (int p = 0; p < P; p++) {
        double sum = 0.0, squares = 0.0, mean = 0.5 * c->model.rows.observables[0][p];
        for (int64_t k = 0; k < DRAWS; k++) {
            double z = (c->values[k * P + p] - mean) / sd;
            sum += z / DRAWS;
            squares += z * z / DRAWS;
        }
        assert_true(fabs(sum) < 4.5 / sqrt(effective));
        assert_true(fabs(sqrt(squares - sum * sum) - 1.0) < 4.5 / sqrt(2.0 * effective));
    }
}

static void weights_make_up_for_a_small_error(void **state)
{
    (void)state;
    climbed_t c = climb(LADDER_PSIS | LADDER_MCMC, 0.2, 1.1);
    assert_null(c.why);
    assert_int_equal(c.verdict.rung, POSTERIOR_PSIS);
    assert_true(c.verdict.khat < 0.7 && c.verdict.ess > 400.0 && isnan(c.verdict.rhat));
    assert_posterior(&c, c.verdict.ess);
    assert_true(c.costs.tried[POSTERIOR_PSIS] == 1 && c.costs.tried[POSTERIOR_MCMC] == 0);
    climbed_free(&c);
}

static void chains_make_up_for_a_large_one(void **state)
{
    (void)state;
    climbed_t c = climb(LADDER_AMORTIZED | LADDER_PSIS | LADDER_MCMC, 3.0, 0.8);
    assert_null(c.why);
    assert_int_equal(c.verdict.rung, POSTERIOR_MCMC);
    assert_true(c.verdict.khat > 0.7 && c.verdict.rhat < LADDER_RHAT);
    assert_posterior(&c, LADDER_FEWEST_CHAINS);
    assert_true(c.costs.tried[POSTERIOR_PSIS] == 1 && c.costs.tried[POSTERIOR_MCMC] == 1);
    assert_true(c.costs.seconds[POSTERIOR_MCMC] > 0.0);
    climbed_free(&c);
}

static void what_no_rung_answers_says_why(void **state)
{
    (void)state;
    climbed_t c = climb(LADDER_PSIS, 3.0, 0.8), before = climb(LADDER_MCMC, 0.0, 1.0);
    propose(&before, 3.0, 0.8);
    assert_non_null(c.why);
    assert_non_null(strstr(c.why, "psis: k-hat"));
    assert_int_equal(c.verdict.rung, POSTERIOR_UNANSWERED);
    assert_memory_equal(c.values, before.values, DRAWS * P * sizeof *c.values);
    climbed_free(&c);
    climbed_free(&before);
}

static void chains_need_a_place_to_start(void **state)
{
    (void)state;
    climbed_t c = climb(LADDER_MCMC, 1e300, 1.0); // no likelihood is finite there
    assert_non_null(c.why);
    assert_non_null(strstr(c.why, "holds 0 of 4000 amortized draws possible"));
    assert_true(isnan(c.verdict.rhat));
    climbed_free(&c);
}

static void the_same_seed_gives_the_same_draws(void **state)
{
    (void)state;
    const double shifts[] = {0.2, 3.0};
    for (int k = 0; k < 2; k++) {
        climbed_t one = climb(LADDER_PSIS | LADDER_MCMC, shifts[k], 1.0),
                  two = climb(LADDER_PSIS | LADDER_MCMC, shifts[k], 1.0);
        assert_memory_equal(one.values, two.values, DRAWS * P * sizeof *one.values);
        climbed_free(&one);
        climbed_free(&two);
    }
}

static void words_become_rungs(void **state)
{
    (void)state;
    ladder_rungs_t rungs;
    const char *all[] = {"amortized", "psis", "mcmc"}, *down[] = {"mcmc", "psis"},
               *twice[] = {"psis", "psis"}, *other[] = {"psis", "nuts"};
    assert_int_equal(ladder_read(3, all, &rungs), OK);
    assert_int_equal(rungs, LADDER_AMORTIZED | LADDER_PSIS | LADDER_MCMC);
    char *words = ladder_words(rungs & ~LADDER_PSIS);
    assert_string_equal(words, "amortized mcmc");
    free(words);
    assert_true(err_is(ladder_read(2, down, &rungs), ERR_USAGE));
    assert_non_null(strstr(err_text(), "psis comes after itself or a higher rung"));
    assert_true(err_is(ladder_read(2, twice, &rungs), ERR_USAGE));
    assert_true(err_is(ladder_read(2, other, &rungs), ERR_USAGE));
    assert_non_null(strstr(err_text(), "got \"nuts\", expected amortized, psis or mcmc"));
    assert_true(err_is(ladder_read(0, NULL, &rungs), ERR_USAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_make_up_for_a_small_error),
        cmocka_unit_test(chains_make_up_for_a_large_one),
        cmocka_unit_test(what_no_rung_answers_says_why),
        cmocka_unit_test(chains_need_a_place_to_start),
        cmocka_unit_test(the_same_seed_gives_the_same_draws),
        cmocka_unit_test(words_become_rungs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
