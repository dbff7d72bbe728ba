// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/canonical.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static float *as_floats(const golden_t *x)
{
    float *out = MEM_NEW(float, x->n);
    for (int64_t i = 0; i < x->n; i++)
        out[i] = (float)x->x[i];
    return out;
}

static void correlations_are_numpys(void **state)
{
    golden_t s = golden_read(*state, "canonical_summaries"),
             t = golden_read(*state, "canonical_parameters");
    golden_t want = golden_read(*state, "canonical"),
             turned = golden_read(*state, "canonical_turned");
    float *summaries = as_floats(&s), *parameters = as_floats(&t);
    canonical_t c = canonical_fit(200, 5, summaries, 2, t.x);
    assert_int_equal(c.k, 2);
    golden_compare("correlations", 2, c.correlation, want.x, 1e-12);
    canonical_t more = canonical_fit(200, 2, parameters, 5, s.x); // more parameters than summaries
    assert_int_equal(more.k, 2);
    golden_compare("correlations of more parameters", 2, more.correlation, turned.x, 1e-12);
    canonical_free(&c);
    canonical_free(&more);
    free(summaries);
    free(parameters);
    free(s.x);
    free(t.x);
    free(want.x);
    free(turned.x);
}

/* Variates of the rows they were fitted to: mean 0, variance 1, uncorrelated (but for the ridge). */
static void variates_are_standard(void **state)
{
    golden_t s = golden_read(*state, "canonical_summaries"),
             t = golden_read(*state, "canonical_parameters");
    float *summaries = as_floats(&s);
    canonical_t c = canonical_fit(200, 5, summaries, 2, t.x);
    double mean[2] = {0}, square[3] = {0};
    for (int i = 0; i < 200; i++) {
        double v[2];
        canonical_apply(&c, summaries + i * 5, v);
        mean[0] += v[0] / 200;
        mean[1] += v[1] / 200;
        square[0] += v[0] * v[0] / 199;
        square[1] += v[1] * v[1] / 199;
        square[2] += v[0] * v[1] / 199;
    }
    const double zero[3] = {0, 0, 0}, one[2] = {1, 1};
    golden_compare("means", 2, mean, zero, 1e-12);
    golden_compare("variances", 2, square, one, 1e-6);
    golden_compare("covariance", 1, square + 2, zero, 1e-8);
    canonical_free(&c);
    free(summaries);
    free(s.x);
    free(t.x);
}

/* A summary that is the parameter is all of it; one that is noise knows nothing: 500 rows, so a correlation of noise has
 * sd 0.045 and is below 5 of them. Constant summaries are no trouble. */
static void one_is_known_and_zero_is_not(void **state)
{
    (void)state;
    enum { SETS = 500 };
    float s[SETS * 3];
    double t[SETS * 2];
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        s[i * 3] = (float)rng_normal(&r);
        s[i * 3 + 1] = 7;
        s[i * 3 + 2] = -3 * s[i * 3];
        t[i * 2] = 5 * (double)s[i * 3] - 2;
        t[i * 2 + 1] = rng_normal(&r);
    }
    canonical_t c = canonical_fit(SETS, 3, s, 2, t);
    assert_true(fabs(c.correlation[0] - 1) < 1e-6);
    assert_true(c.correlation[1] >= 0 && c.correlation[1] < 0.23);
    canonical_free(&c);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(correlations_are_numpys, path),
        cmocka_unit_test_prestate(variates_are_standard, path),
        cmocka_unit_test(one_is_known_and_zero_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
