// SPDX-License-Identifier: Apache-2.0
// Binomial and beta distributions against SciPy, simultaneous bands against 20,000 simulations of NumPy.
#include "diagnostics/binomial.h"
#include "diagnostics/ecdf.h"
#include "diagnostics/ranks.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 40, S = 21, D = 3 };

static void binomial_is_scipys(void **state)
{
    golden_t g = golden_read(*state, "binomial");
    for (int64_t i = 0; i < g.n; i += 5) {
        int64_t n = (int64_t)g.x[i], k = (int64_t)g.x[i + 2];
        double cdf = binomial_cdf(n, g.x[i + 1], k), pmf = binomial_pmf(n, g.x[i + 1], k);
        assert_true(fabs(cdf - g.x[i + 3]) <= 1e-12 * g.x[i + 3]);
        assert_true(fabs(pmf - g.x[i + 4]) <= 1e-12 * g.x[i + 4]);
    }
    free(g.x);
}

static void beta_binomial_is_scipys(void **state)
{
    golden_t g = golden_read(*state, "beta_binomial");
    for (int64_t i = 0; i < g.n; i += 5) {
        double tail =
            beta_binomial_tail((int64_t)g.x[i], g.x[i + 1], g.x[i + 2], (int64_t)g.x[i + 3]);
        assert_true(fabs(tail - g.x[i + 4]) <= 1e-9 * g.x[i + 4]);
    }
    golden_t large = golden_read(*state, "beta_binomial_large");
    assert_true(fabs(beta_binomial_tail(100000, 51, 950, 5600) - large.x[0]) < 1e-8);
    free(large.x);
    assert_true(beta_binomial_tail(10, 2, 3, 11) == 0 && beta_binomial_tail(10, 2, 3, -1) == 1);
    free(g.x);
}

static void binomial_edges_are_exact(void **state)
{
    (void)state;
    assert_true(binomial_cdf(10, 0.4, -1) == 0 && binomial_cdf(10, 0.4, 10) == 1);
    assert_true(binomial_pmf(10, 1, 10) == 1 && binomial_pmf(10, 0, 1) == 0 &&
                binomial_pmf(10, 0.4, 11) == 0);
    assert_true(fabs(binomial_cdf(10, 0.4, 0) - pow(0.6, 10)) < 1e-15);
}

static void binomial_quantile_is_scipys(void **state)
{
    golden_t g = golden_read(*state, "binomial_quantile");
    for (int64_t i = 0; i < g.n; i += 4)
        assert_int_equal(binomial_quantile((int64_t)g.x[i], g.x[i + 1], g.x[i + 2]),
                         (int64_t)g.x[i + 3]);
    free(g.x);
}

static void beta_quantile_is_scipys(void **state)
{
    golden_t g = golden_read(*state, "beta");
    for (int64_t i = 0; i < g.n; i += 4) {
        double got = beta_quantile(g.x[i], g.x[i + 1], g.x[i + 2]);
        assert_true(fabs(got - g.x[i + 3]) <= 1e-11 * g.x[i + 3]);
    }
    free(g.x);
}

static void gamma_of_ranks_is_exact(void **state)
{
    golden_t f = golden_read(*state, "fractional"), r = golden_read(*state, "integer");
    golden_t want = golden_read(*state, "gamma"),
             want_log = golden_read(*state, "log_gamma_statistic");
    ecdf_null_t *null = ecdf_null_create(N, N, 1e-5, 1 - 1e-5, 10, 1),
                *log_null = log_gamma_null(N, S, 1);
    for (int k = 0; k < D; k++) {
        int64_t count[N] = {0}, ranks[N];
        for (int i = 0; i < N; i++) {
            ranks[i] = (int64_t)r.x[i * D + k];
            for (int j = 0; j < N; j++)
                count[j] += f.x[i * D + k] <= 1e-5 + j * ((1 - 2e-5) / (N - 1));
        }
        assert_true(fabs(ecdf_null_gamma(null, count) - want.x[k]) <= 1e-11);
        double statistic = exp(log_gamma(log_null, S, ranks)) * ecdf_null_critical(log_null, 0.05);
        assert_true(fabs(statistic - want_log.x[k]) <= 1e-11);
    }
    ecdf_null_destroy(&null);
    ecdf_null_destroy(&log_null);
    free(f.x);
    free(r.x);
    free(want.x);
    free(want_log.x);
}

/* The share of our simulated gammas below NumPy's alpha-quantile is alpha, up to sampling error of both: with m = 20,000
 * simulations each, sd sqrt(2 alpha (1 - alpha) / m); 5 of them. */
static void check_null(const char *path, const char *name)
{
    const double alpha[3] = {0.01, 0.05, 0.5};
    const int64_t simulations = 20000;
    golden_t g = golden_read(path, name);
    ecdf_null_t *null =
        ecdf_null_create((int64_t)g.x[0], (int64_t)g.x[1], 1e-5, 1 - 1e-5, simulations, 77);
    for (int i = 0; i < 3; i++) {
        double reach = 5 * sqrt(2 * alpha[i] * (1 - alpha[i]) / (double)simulations);
        assert_true(ecdf_null_critical(null, alpha[i] - reach) <= g.x[2 + i]);
        assert_true(ecdf_null_critical(null, alpha[i] + reach) >= g.x[2 + i]);
    }
    ecdf_null_destroy(&null);
    free(g.x);
}

static void null_by_uniforms_is_numpys(void **state)
{
    check_null(*state, "null_300");
}

static void null_by_binomials_is_numpys(void **state)
{
    check_null(*state, "null_5000");
}

/* The band belongs to its critical gamma: each bound is SciPy's quantile, here rebuilt from binomial_quantile, which is
 * itself tested against SciPy. */
static void band_follows_from_its_gamma(void **state)
{
    (void)state;
    ecdf_band_t band = ecdf_band_create(300, 0.95, 1, 3);
    assert_int_equal(band.points, 300);
    for (int64_t k = 0; k < band.points; k++) {
        double low = (double)binomial_quantile(300, band.z[k], band.gamma / 2) / 300;
        double high = (double)binomial_quantile(300, band.z[k], 1 - band.gamma / 2) / 300;
        assert_true(band.low[k] == low && band.high[k] == high);
    }
    ecdf_band_free(&band);
}

/* Of 2,000 families of 3 uniform rank sets, a share `level` lies inside entirely; 5 sd of a binomial share, and as much
 * again for the critical value, which rests on some 50 simulations in its tail (sd 14 % of 1 - level). */
static void family_keeps_its_level(void **state)
{
    (void)state;
    enum { FAMILIES = 2000, SETS = 300, PARAMETERS = 3 };
    const double level = 0.9;
    ecdf_band_t band = ecdf_band_create(SETS, level, PARAMETERS, 3);
    double ranks[SETS], ecdf[SETS];
    int inside = 0;
    for (int f = 0; f < FAMILIES; f++) {
        int all = 1;
        for (int k = 0; k < PARAMETERS; k++) {
            rng_t r = rng_at(11, RNG_CHECK, (uint64_t)(f * PARAMETERS + k));
            rng_fill_uniform(&r, SETS, ranks);
            ecdf_at(&band, ranks, ecdf);
            all &= ecdf_inside(&band, ecdf);
        }
        inside += all;
    }
    double reach = 5 * sqrt(level * (1 - level) / FAMILIES + pow(0.14 * (1 - level), 2));
    assert_true(fabs((double)inside / FAMILIES - level) < reach);
    ecdf_band_free(&band);
}

/* The same for ranks among few draws, where the continuous band would reject nearly always. */
static void rank_band_keeps_its_level(void **state)
{
    (void)state;
    enum { REPEATS = 4000, SETS = 300, DRAWS = 19 };
    const double level = 0.9;
    ecdf_band_t band = ecdf_rank_band_create(SETS, DRAWS, level, 1, 3);
    assert_int_equal(band.points, DRAWS);
    int64_t ranks[SETS];
    double ecdf[SETS];
    int inside = 0;
    for (int f = 0; f < REPEATS; f++) {
        rng_t r = rng_at(12, RNG_CHECK, (uint64_t)f);
        for (int i = 0; i < SETS; i++)
            ranks[i] = rng_integer(&r, 0, DRAWS);
        ecdf_at_ranks(&band, ranks, ecdf);
        inside += ecdf_inside(&band, ecdf);
    }
    /* 1,000 simulations leave 100 in the tail: sd 10 % of 1 - level; counts are discrete, so that coverage may lie above the
     * level by a few per cent. */
    double share = (double)inside / REPEATS;
    double reach = 5 * sqrt(level * (1 - level) / REPEATS + pow(0.10 * (1 - level), 2));
    assert_true(share > level - reach && share < level + reach + 0.02);
    ecdf_band_free(&band);
}

/* The 95 % band of ranks among 1,000 draws, for 100, 300 and 1,000 data sets: of 4,000 uniform sets of ranks each, the share
 * that lies inside entirely. Its sampling error is 0.0034, and that of the critical value, whose tail holds 50 of 1,000
 * simulations, 0.14 * 0.05 = 0.007; 4 of both together. */
static void bands_hold_95_of_100(void **state)
{
    (void)state;
    enum { REPEATS = 4000, DRAWS = 1000 };
    static const int64_t sets[] = {100, 300, 1000};
    const double level = 0.95;
    for (size_t c = 0; c < sizeof sets / sizeof *sets; c++) {
        ecdf_band_t band = ecdf_rank_band_create(sets[c], DRAWS, level, 1, 20260101);
        int64_t *ranks = MEM_NEW(int64_t, sets[c]), inside = 0;
        double *ecdf = MEM_NEW(double, band.points);
        for (int f = 0; f < REPEATS; f++) {
            rng_t r = rng_at(31, RNG_CHECK, (uint64_t)f);
            for (int64_t i = 0; i < sets[c]; i++)
                ranks[i] = rng_integer(&r, 0, DRAWS);
            ecdf_at_ranks(&band, ranks, ecdf);
            inside += ecdf_inside(&band, ecdf);
        }
        double share = (double)inside / REPEATS;
        double reach = 4 * sqrt(level * (1 - level) / REPEATS + pow(0.14 * (1 - level), 2));
        printf("N = %ld: %.4f inside the %.2f band\n", (long)sets[c], share, level);
        assert_true(fabs(share - level) < reach);
        free(ranks);
        free(ecdf);
        ecdf_band_free(&band);
    }
}

static void ecdf_of_ranks_counts_what_is_below(void **state)
{
    (void)state;
    const int64_t ranks[4] = {0, 3, 4, 9};
    double ecdf[4];
    ecdf_band_t band = ecdf_rank_band_create(4, 9, 0.95, 1, 3);
    assert_int_equal(band.stride, 3); // at most N points: i = 3, 6, 9
    assert_int_equal(band.points, 3);
    ecdf_at_ranks(&band, ranks, ecdf);
    assert_true(ecdf[0] == 0.25 && ecdf[1] == 0.75 && ecdf[2] == 0.75);
    assert_true(fabs(band.z[0] - 0.3) < 1e-15 && fabs(band.z[2] - 0.9) < 1e-15);
    ecdf_band_free(&band);
}

static void narrow_posteriors_leave_the_band(void **state)
{
    (void)state;
    enum { SETS = 300 };
    double ranks[SETS], ecdf[SETS];
    ecdf_band_t band = ecdf_band_create(SETS, 0.99, 30, 3);
    for (int i = 0; i < SETS; i++) // a third of the truths lie outside all draws
        ranks[i] = i < 50 ? 0 : i < 100 ? 1 : (i - 99) / 201.0;
    ecdf_at(&band, ranks, ecdf);
    assert_false(ecdf_inside(&band, ecdf));
    assert_true(fabs(ranks_deviation(SETS, ranks) - 50.0 / 300) < 1e-12);
    ecdf_band_free(&band);
}

static void hundred_thousand_sets_have_a_band(void **state)
{
    (void)state;
    ecdf_band_t band = ecdf_band_create(100000, 0.99, 1, 3);
    assert_int_equal(band.points, 1000);
    double half = 0.5 * (band.high[500] - band.low[500]) * sqrt(100000.0);
    assert_true(half > 1.5 &&
                half < 2.5); // in units of 1 / sqrt(N): 3.0 to 5.0 standard errors at z = 0.5
    ecdf_band_free(&band);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(binomial_is_scipys, path),
        cmocka_unit_test_prestate(beta_binomial_is_scipys, path),
        cmocka_unit_test(binomial_edges_are_exact),
        cmocka_unit_test_prestate(binomial_quantile_is_scipys, path),
        cmocka_unit_test_prestate(beta_quantile_is_scipys, path),
        cmocka_unit_test_prestate(gamma_of_ranks_is_exact, path),
        cmocka_unit_test_prestate(null_by_uniforms_is_numpys, path),
        cmocka_unit_test_prestate(null_by_binomials_is_numpys, path),
        cmocka_unit_test(band_follows_from_its_gamma),
        cmocka_unit_test(family_keeps_its_level),
        cmocka_unit_test(rank_band_keeps_its_level),
        cmocka_unit_test(bands_hold_95_of_100),
        cmocka_unit_test(ecdf_of_ranks_counts_what_is_below),
        cmocka_unit_test(narrow_posteriors_leave_the_band),
        cmocka_unit_test(hundred_thousand_sets_have_a_band),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
