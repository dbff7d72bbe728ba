// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/exchange_symmetry.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/gate.h"
#include "diagnostics/ranks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 300, DRAWS = 400, MOST = 4 };

static const char *const names[MOST] = {"mu1", "mu2", "mu3", "tau"};

/* K means m_k ~ N(0, 2); seen are u_k = m_k + noise e_k in no order. Given the order each m_k is normal (conjugate), and all
 * orders of the u are equally likely a posteriori: the posterior is known. `noise` is the sd of e. */
typedef struct {
    int k;
    double noise;
    bool sorted_posterior; // an amortizer that keeps the mode m_1 < m_2 < ...
    bool labelled;         // the u are seen with their labels: a posterior of one mode
} problem_t;

typedef struct {
    exchange_count_t count[MOST * (MOST - 1) / 2];
    double rank[SETS]; // of the first mean, fractional
} result_t;

static void shuffle(rng_t *r, int k, double *x)
{
    for (int i = k - 1; i > 0; i--) {
        int j = (int)(rng_uniform(r) * (i + 1));
        double at = x[i];
        x[i] = x[j];
        x[j] = at;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void draw(const problem_t *p, rng_t *r, const double *seen, double *out)
{
    double shrink = 4 / (4 + p->noise * p->noise), sd = p->noise * sqrt(shrink), u[MOST];
    memcpy(u, seen, sizeof u);
    if (!p->labelled)
        shuffle(r, p->k, u);
    for (int i = 0; i < p->k; i++)
        out[i] = shrink * u[i] + sd * rng_normal(r);
    if (p->sorted_posterior)
        qsort(out, (size_t)p->k, sizeof *out, ascending);
}

static result_t judge(problem_t p)
{
    result_t result = {0};
    rng_t r = rng_at(3, RNG_CHECK, (uint64_t)p.k);
    double *draws = MEM_NEW(double, DRAWS *p.k), truth[MOST], seen[MOST] = {0};
    for (int i = 0; i < SETS; i++) {
        for (int k = 0; k < p.k; k++) {
            truth[k] = 2 * rng_normal(&r);
            seen[k] = truth[k] + p.noise * rng_normal(&r);
        }
        int below = 0;
        for (int s = 0; s < DRAWS; s++) {
            draw(&p, &r, seen, draws + s * p.k);
            below += draws[s * p.k] < truth[0];
        }
        result.rank[i] = (double)below / DRAWS;
        exchange_add(DRAWS, p.k, draws, truth, result.count);
    }
    free(draws);
    return result;
}

/* Largest deviation of uniform ranks of 300 data sets: above 0.094 in 1 of 100. */
static bool ranks_pass(const result_t *r)
{
    return ranks_deviation(SETS, r->rank) <= gate_limits_default().ecdf_deviation;
}

static void both_modes_of_a_mixture_are_label_switching(void **state)
{
    (void)state;
    result_t r = judge((problem_t){.k = 2, .noise = 0.3});
    assert_int_equal(r.count[0].sets, SETS);
    assert_int_equal(r.count[0].symmetric, SETS);
    assert_int_equal(exchange_judge(r.count), EXCHANGE_SWITCHES);
    assert_true(ranks_pass(&r));
    char *words = exchange_words(2, r.count, names);
    assert_non_null(strstr(words, "mu1 and mu2 switch labels"));
    assert_non_null(strstr(words, "ordered: [mu1, mu2]"));
    free(words);
}

static void one_mode_of_two_is_a_collapse_and_fails_the_ranks(void **state)
{
    (void)state;
    result_t r = judge((problem_t){.k = 2, .noise = 0.3, .sorted_posterior = true});
    assert_int_equal(exchange_judge(r.count), EXCHANGE_COLLAPSED);
    assert_int_equal(r.count[0].one_sided, SETS);
    // half of the truths: 150 with an sd of 8.7, 5 of them
    assert_true(fabs((double)r.count[0].against - 150) < 5 * 8.7);
    assert_false(ranks_pass(&r));
    char *words = exchange_words(2, r.count, names);
    assert_non_null(strstr(words, "the posterior keeps one of two modes"));
    assert_null(strstr(words, "switch labels"));
    free(words);
}

static void three_components_are_one_group(void **state)
{
    (void)state;
    result_t r = judge((problem_t){.k = 3, .noise = 0.1});
    char *words = exchange_words(3, r.count, names);
    assert_non_null(strstr(words, "mu1, mu2 and mu3 switch labels"));
    assert_non_null(strstr(words, "ordered: [mu1, mu2, mu3]"));
    assert_null(strstr(strstr(words, "switch labels") + 1, "switch labels")); // said once
    free(words);
}

/* One mode for each data set, and posteriors that are the prior, symmetric but with their mass where the two are equal. */
static void identified_and_unknown_parameters_are_neither(void **state)
{
    (void)state;
    const problem_t none[] = {{.k = 4, .noise = 0.3, .labelled = true},
                              {.k = 2, .noise = 100, .labelled = true},
                              {.k = 2, .noise = 100}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        result_t r = judge(none[i]);
        for (int k = 0; k < exchange_pairs(none[i].k); k++)
            assert_int_equal(exchange_judge(&r.count[k]), EXCHANGE_NONE);
        assert_null(exchange_words(none[i].k, r.count, names));
    }
}

/* Two modes at -m and m in units of their sd, x and y = -x: separated from about m = 1.9 on, where q10 / q50 of |x - y| is
 * 0.3 (of |N(m, 1)|: m - 1.2816 against m), and not where the modes weigh 65 to 35. */
static void a_gap_between_equal_modes_is_what_counts(void **state)
{
    (void)state;
    const struct {
        double apart, weight;
        bool symmetric, separated;
    } cases[] = {{0, 0.5, true, false},
                 {1, 0.5, true, false},
                 {3, 0.5, true, true},
                 {3, 0.58, true, true},
                 {3, 0.65, false, false}};
    enum { MANY = 4000 };
    static double draws[2 * MANY];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rng_t r = rng_at(4, RNG_CHECK, c);
        for (int s = 0; s < MANY; s++) {
            double side = s < cases[c].weight * MANY ? 1 : -1;
            draws[2 * s] = side * cases[c].apart + rng_normal(&r);
            draws[2 * s + 1] = -draws[2 * s];
        }
        exchange_count_t count = {0};
        exchange_add(MANY, 2, draws, (const double[]){1, 0}, &count);
        assert_int_equal(count.symmetric, cases[c].symmetric);
        assert_int_equal(count.separated, cases[c].separated);
    }
}

static void counts_of_ranks_add_up(void **state)
{
    (void)state;
    result_t a = judge((problem_t){.k = 3, .noise = 0.1}), b = a;
    exchange_merge(3, a.count, b.count);
    for (int k = 0; k < exchange_pairs(3); k++) {
        assert_int_equal(b.count[k].sets, 2 * SETS);
        assert_int_equal(b.count[k].symmetric, 2 * a.count[k].symmetric);
        assert_int_equal(b.count[k].separated, 2 * a.count[k].separated);
        assert_int_equal(b.count[k].one_sided, 2 * a.count[k].one_sided);
        assert_int_equal(b.count[k].against, 2 * a.count[k].against);
    }
}

static void pairs_have_places_and_images_have_none(void **state)
{
    (void)state;
    for (int d = 2; d <= 5; d++)
        for (int p = 0, at = 0; p < d; p++)
            for (int q = p + 1; q < d; q++)
                assert_int_equal(exchange_pair(d, p, q), at++);
    assert_int_equal(exchange_pairs(5), 10);
    assert_int_equal(exchange_pairs(1), 0);
    assert_int_equal(exchange_pairs(EXCHANGE_MOST_PARAMETERS), 64 * 63 / 2);
    assert_int_equal(exchange_pairs(EXCHANGE_MOST_PARAMETERS + 1), 0);
    exchange_add(1, 784, NULL, NULL, NULL); // reads and counts nothing
    assert_null(exchange_words(784, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_modes_of_a_mixture_are_label_switching),
        cmocka_unit_test(one_mode_of_two_is_a_collapse_and_fails_the_ranks),
        cmocka_unit_test(three_components_are_one_group),
        cmocka_unit_test(identified_and_unknown_parameters_are_neither),
        cmocka_unit_test(a_gap_between_equal_modes_is_what_counts),
        cmocka_unit_test(counts_of_ranks_add_up),
        cmocka_unit_test(pairs_have_places_and_images_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
