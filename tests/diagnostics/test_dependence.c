// SPDX-License-Identifier: Apache-2.0
// Regressions against NumPy, each data set left out in turn; p-values and effect sizes by known cases.
#include "diagnostics/dependence.h"
#include "diagnostics/sample_stats.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void normal_quantiles_are_scipys(void **state)
{
    const double q[] = {1e-9, 0.001, 0.02, 0.03, 0.3, 0.5, 0.9, 0.9999};
    double got[8];
    golden_t want = golden_read(*state, "normal_quantile");
    for (int i = 0; i < 8; i++)
        got[i] = stats_normal_quantile(q[i]);
    golden_compare("normal_quantile", 8, got, want.x, 1e-12);
    free(want.x);
}

static void scores_share_ranks_of_ties(void **state)
{
    golden_t x = golden_read(*state, "features"), want = golden_read(*state, "feature_scores");
    double column[40], got[40];
    for (int i = 0; i < 40; i++)
        column[i] = x.x[i * 5 + 3];
    assert_int_equal(stats_normal_scores(40, column, 0.5, got), 3);
    golden_compare("feature_scores", 40, got, want.x, 1e-12);
    free(x.x);
    free(want.x);
}

static void regressions_are_numpys(void **state)
{
    enum { N = 40, S = 21, D = 3, F = 5 };
    golden_t draws = golden_read(*state, "draws"), truth = golden_read(*state, "truth");
    golden_t x = golden_read(*state, "features"), want = golden_read(*state, "dependence");
    float features[N * F];
    double got[D * 3];
    dependence_t d[D];
    digest_t g;
    for (int i = 0; i < N * F; i++)
        features[i] = (float)x.x[i];
    assert_int_equal(digest_of_draws(N, S, D, draws.x, truth.x, &g), OK);
    dependence_compute(&g, F, features, d);
    for (int k = 0; k < D; k++) {
        got[k * 3] = d[k].location;
        got[k * 3 + 1] = d[k].spread;
        got[k * 3 + 2] = d[k].attainable;
    }
    golden_compare("dependence", D * 3, got, want.x, 1e-9);
    digest_free(&g);
    free(draws.x);
    free(truth.x);
    free(x.x);
    free(want.x);
}

/* Ranks are made from the data: rank = Phi(a x + sqrt(1 - a^2) e), so that a^2 of its normal score's variance is told by
 * x; beside x nine features of noise. */
static dependence_t by_rule(int n, double a, uint64_t stream)
{
    enum { F = 10, S = 999 };
    rng_t r = rng_at(3, RNG_CHECK, stream);
    digest_t g = digest_create(n, S, 1);
    float *features = MEM_NEW(float, n *F);
    dependence_t d;
    for (int i = 0; i < n; i++) {
        double x = rng_normal(&r), z = a * x + sqrt(1 - a * a) * rng_normal(&r);
        int32_t rank = (int32_t)((S + 1) * 0.5 * erfc(-z / sqrt(2)));
        g.value[i] = (digest_value_t){.truth = z, .below = rank, .not_above = rank};
        for (int f = 0; f < F; f++)
            features[i * F + f] = (float)(f == 4 ? x : rng_normal(&r));
    }
    dependence_compute(&g, F, features, &d);
    digest_free(&g);
    free(features);
    return d;
}

/* sd of an R2 of 0.3 from 2,000 data sets: 2 sqrt(R2) (1 - R2) / sqrt(n) = 0.017; 5 of them. */
static void effect_size_is_what_was_put_in(void **state)
{
    (void)state;
    dependence_t d = by_rule(2000, sqrt(0.3), 0);
    assert_true(fabs(d.location - 0.3) < 0.086 && d.location_p == 0.001);
    assert_true(fabs(d.attainable - 0.3) < 0.086);
    assert_true(d.spread < 0.1);
}

/* More data sets than are used: the same, from those that are. */
static void many_data_sets_are_thinned(void **state)
{
    (void)state;
    dependence_t d = by_rule(5000, sqrt(0.3), 1);
    assert_true(fabs(d.location - 0.3) < 0.086);
}

/* Of 60 independent cases the p-values below 0.2 are Binomial(60, 0.2) for each kind: 12 +- 3.1; 5 sd. */
static void p_values_are_uniform_without_dependence(void **state)
{
    (void)state;
    enum { REPEATS = 60 };
    int location = 0, spread = 0;
    for (int t = 0; t < REPEATS; t++) {
        dependence_t d = by_rule(100, 0, (uint64_t)(100 + t));
        location += d.location_p <= 0.2;
        spread += d.spread_p <= 0.2;
    }
    double reach = 5 * sqrt(REPEATS * 0.2 * 0.8);
    assert_true(fabs(location - 0.2 * REPEATS) < reach && fabs(spread - 0.2 * REPEATS) < reach);
}

static void nothing_known_tells_nothing(void **state)
{
    (void)state;
    digest_t g = digest_create(20, 9, 1);
    float constant[20] = {0};
    dependence_t d;
    for (int i = 0; i < 20; i++)
        g.value[i] = (digest_value_t){.truth = i, .below = i % 10, .not_above = i % 10};
    dependence_compute(&g, 0, NULL, &d);
    assert_true(d.location == 0 && d.location_p == 1 && d.spread_p == 1 && d.attainable == 0);
    dependence_compute(&g, 1, constant, &d);
    assert_true(d.location == 0 && d.location_p == 1 && d.spread_p == 1 && d.attainable == 0);
    digest_free(&g);
}

/* As many features as data sets, some of them copies, some not finite: the numbers stay numbers. */
static void too_many_features_do_no_harm(void **state)
{
    (void)state;
    enum { N = 12, F = 40 };
    digest_t g = digest_create(N, 9, 1);
    float x[N * F];
    rng_t r = rng_at(4, RNG_CHECK, 0);
    dependence_t d;
    for (int i = 0; i < N; i++)
        g.value[i] = (digest_value_t){.truth = i, .below = i % 10, .not_above = i % 10};
    for (int i = 0; i < N * F; i++)
        x[i] = i % F == 7 ? NAN : i % F == 9 ? x[i - 1] : (float)rng_normal(&r);
    dependence_compute(&g, F, x, &d);
    assert_true(d.location >= 0 && d.location <= 1 && d.attainable >= 0 && d.attainable <= 1);
    digest_free(&g);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(normal_quantiles_are_scipys, path),
        cmocka_unit_test_prestate(scores_share_ranks_of_ties, path),
        cmocka_unit_test_prestate(regressions_are_numpys, path),
        cmocka_unit_test(effect_size_is_what_was_put_in),
        cmocka_unit_test(many_data_sets_are_thinned),
        cmocka_unit_test(p_values_are_uniform_without_dependence),
        cmocka_unit_test(nothing_known_tells_nothing),
        cmocka_unit_test(too_many_features_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
