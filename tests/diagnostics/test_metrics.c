// SPDX-License-Identifier: Apache-2.0
// Ranks, coverage and recovery of 40 data sets against NumPy and SciPy.
#include "diagnostics/coverage.h"
#include "diagnostics/metrics.h"
#include "diagnostics/ranks.h"
#include "diagnostics/sample_stats.h"
#include "diagnostics/markup.h"
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
#include <string.h>
#include <unistd.h>

enum { N = 40, S = 21, D = 3 };
static const double EXACT = 1e-12;

typedef struct {
    const char *path;
    golden_t draws, truth;
    digest_t digest;
    marginal_t marginal[D];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *f = *state;
    f->draws = golden_read(f->path, "draws");
    f->truth = golden_read(f->path, "truth");
    assert_int_equal(f->draws.n, N * S * D);
    assert_int_equal(digest_of_draws(N, S, D, f->draws.x, f->truth.x, &f->digest), OK);
    for (int k = 0; k < D; k++)
        f->marginal[k] = digest_marginal(&f->digest, k);
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *f = *state;
    digest_free(&f->digest);
    free(f->draws.x);
    free(f->truth.x);
    return 0;
}

static void expect(const fixture_t *f, const char *name, const double *got, int64_t n)
{
    golden_t g = golden_read(f->path, name);
    assert_int_equal(g.n, n);
    golden_compare(name, n, got, g.x, EXACT);
    free(g.x);
}

static void quantiles_are_numpys(void **state)
{
    fixture_t *f = *state;
    double got[37], sorted[S];
    for (int j = 0; j < S; j++)
        sorted[j] = f->draws.x[j * D];
    stats_sort(S, sorted);
    for (int i = 0; i < 37; i++)
        got[i] = stats_quantile(S, sorted, i == 36 ? 1 : i * (1.0 / 36));
    expect(f, "quantiles", got, 37);
}

static void ranks_are_exact(void **state)
{
    fixture_t *f = *state;
    double fractional[N], whole[N * D], share[N * D], deviation[D], histogram[D * RANK_BINS],
        band[2];
    int64_t integer[N];
    for (int k = 0; k < D; k++) {
        ranks_fractional(&f->marginal[k], fractional);
        ranks_integer(&f->marginal[k], integer);
        rank_histogram_t h = rank_histogram(N, fractional);
        deviation[k] = ranks_deviation(N, fractional);
        for (int i = 0; i < N; i++) {
            whole[i * D + k] = (double)integer[i];
            share[i * D + k] = fractional[i];
        }
        for (int b = 0; b < RANK_BINS; b++)
            histogram[k * RANK_BINS + b] = (double)h.count[b];
        band[0] = (double)h.low;
        band[1] = (double)h.high;
    }
    expect(f, "fractional", share, N * D);
    expect(f, "integer", whole, N * D);
    expect(f, "deviation", deviation, D);
    expect(f, "histogram", histogram, D * RANK_BINS);
    expect(f, "histogram_band", band, 2);
}

static void coverage_curve_is_exact(void **state)
{
    fixture_t *f = *state;
    enum { POINTS = S + 2 };
    double got[D * 4 * POINTS];
    for (int k = 0; k < D; k++) {
        coverage_t c = coverage_create(&f->marginal[k]);
        assert_int_equal(c.points, POINTS);
        memcpy(got + (k * 4 + 0) * POINTS, c.width, sizeof(double) * POINTS);
        memcpy(got + (k * 4 + 1) * POINTS, c.share, sizeof(double) * POINTS);
        memcpy(got + (k * 4 + 2) * POINTS, c.low, sizeof(double) * POINTS);
        memcpy(got + (k * 4 + 3) * POINTS, c.high, sizeof(double) * POINTS);
        coverage_free(&c);
    }
    expect(f, "coverage", got, D * 4 * POINTS);
}

static void metrics_are_exact(void **state)
{
    fixture_t *f = *state;
    metrics_t m = metrics_compute(&f->digest, 0.95);
    double got[7][D];
    for (int k = 0; k < D; k++) {
        const parameter_metrics_t *p = &m.parameter[k];
        const double value[7] = {p->calibration_error, p->coverage_50, p->coverage_95,
                                 p->correlation,       p->contraction, p->z_score,
                                 p->bias.overall};
        for (int i = 0; i < 7; i++)
            got[i][k] = value[i];
    }
    static const char *const name[7] = {
        "calibration_error", "coverage_50", "coverage_95", "correlation",
        "contraction",       "z_score",     "bias"};
    for (int i = 0; i < 7; i++)
        expect(f, name[i], got[i], D);
    metrics_free(&m);
}

static void nrmse_is_exact_for_fixed_normalisers(void **state)
{
    fixture_t *f = *state;
    static const struct {
        nrmse_by_t by;
        const char *name;
    } rows[] = {{NRMSE_RANGE, "nrmse_range"}, {NRMSE_STD, "nrmse_std"},
                {NRMSE_MEAN, "nrmse_mean"},   {NRMSE_MEDIAN, "nrmse_median"},
                {NRMSE_IQR, "nrmse_iqr"},     {NRMSE_NONE, "rmse"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double got[D];
        for (int k = 0; k < D; k++)
            got[k] = recovery_nrmse(&f->marginal[k], rows[i].by);
        expect(f, rows[i].name, got, D);
    }
}

/* The normaliser is random: NumPy's 2,000 repetitions give its mean and sd; 5 sd fail once in 1.7 million. */
static void nrmse_prior_lies_where_simulation_puts_it(void **state)
{
    fixture_t *f = *state;
    golden_t mean = golden_read(f->path, "prior_error_mean"),
             sd = golden_read(f->path, "prior_error_sd");
    for (int k = 0; k < D; k++) {
        double rmse = recovery_nrmse(&f->marginal[k], NRMSE_NONE);
        double normaliser = rmse / recovery_nrmse(&f->marginal[k], NRMSE_PRIOR);
        assert_true(fabs(normaliser - mean.x[k]) < 5 * sd.x[k]);
    }
    free(mean.x);
    free(sd.x);
}

/* Posterior means are right but for the top fifth, where they are 1 too high: N = 2,000, errors have sd 0.1. */
static void bias_is_found_where_it_is(void **state)
{
    (void)state;
    enum { SETS = 2000 };
    double *draws = MEM_NEW(double, 2 * SETS), *truth = MEM_NEW(double, SETS);
    rng_t r = rng_at(5, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        double estimate = (double)i / SETS;
        draws[2 * i] = estimate - 0.1;
        draws[2 * i + 1] = estimate + 0.1;
        truth[i] = estimate + 0.1 * rng_normal(&r) - (estimate >= 0.8);
    }
    digest_t digest;
    assert_int_equal(digest_of_draws(SETS, 2, 1, draws, truth, &digest), OK);
    marginal_t m = digest_marginal(&digest, 0);
    bias_t b = recovery_bias(&m);
    double sd = sqrt(stats_variance(SETS, truth, 1));
    assert_true(fabs(b.worst - 1 / sd) < 5 * 0.1 / sqrt(SETS / 5.0) / sd);
    assert_true(fabs(b.from - 0.8) < 1e-9 && fabs(b.to - 0.9995) < 1e-9);
    digest_free(&digest);
    free(draws);
    free(truth);
}

static void csv_holds_a_line_a_parameter(void **state)
{
    fixture_t *f = *state;
    const char *const names[D] = {"a", "b, quoted", "c"};
    char path[] = "metrics_test_XXXXXX";
    metrics_t m = metrics_compute(&f->digest, 0.95);
    text_t text;
    close(mkstemp(path));
    assert_int_equal(metrics_write_csv(&m, names, path), OK);
    assert_int_equal(file_read(path, &text), OK);
    char expected[64];
    snprintf(expected, sizeof expected, "\n\"b, quoted\",%.10g,", m.parameter[1].calibration_error);
    assert_non_null(strstr(text.data, expected));
    assert_int_equal(strncmp(text.data, "parameter,calibration_error,ecdf_deviation,", 43), 0);
    assert_true(err_is(metrics_write_csv(&m, names, "no/such/folder.csv"), ERR_IO));
    text_free(&text);
    metrics_free(&m);
    unlink(path);
}

int main(int argc, char **argv)
{
    fixture_t fixture = {.path = argc > 1 ? argv[1] : "diagnostics.txt"};
#define WITH_DATA(test) cmocka_unit_test_prestate_setup_teardown(test, set_up, tear_down, &fixture)
    const struct CMUnitTest tests[] = {
        WITH_DATA(quantiles_are_numpys),
        WITH_DATA(ranks_are_exact),
        WITH_DATA(coverage_curve_is_exact),
        WITH_DATA(metrics_are_exact),
        WITH_DATA(nrmse_is_exact_for_fixed_normalisers),
        WITH_DATA(nrmse_prior_lies_where_simulation_puts_it),
        cmocka_unit_test(bias_is_found_where_it_is),
        WITH_DATA(csv_holds_a_line_a_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
