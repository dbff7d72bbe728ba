// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/rng.h"
#include "nn/series_features.h"

#include <math.h>

enum { LAGS = 12, STEPS = LAGS, REFLECTIONS, SURPRISES = REFLECTIONS + 8, COLUMNS = SURPRISES + 4 };
enum { LONG = 20000 };

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

// Against the formulas of the header; five numbers know no lag from 5 on.
static void autocorrelations_of_five_numbers(void **state)
{
    (void)state;
    enum { N = 5 };
    static const double y[N] = {1, 4, 2, -3, 5};
    float values[2 * N], scratch[2 * N], out[COLUMNS];
    double average = 9.0 / N, squares = 0, steps = 0;
    for (int t = 0; t < N; t++) {
        values[2 * t] = (float)y[t];
        values[2 * t + 1] = 1e9f; // another column
        squares += pow(y[t] - average, 2.0);
        steps += t > 0 ? pow(y[t] - y[t - 1], 2.0) : 0;
    }
    assert_int_equal(series_features_columns(), COLUMNS);
    series_features(N, 2, values, 2.0, scratch, out);
    for (int k = 1; k <= 8; k++) {
        double sum = 0;
        for (int t = k; t < N; t++)
            sum += (y[t] - average) * (y[t - k] - average);
        assert_near((double)out[k - 1], k < N ? atanh(0.999 * sum / squares) : 0, 1e-5);
    }
    assert_near((double)out[STEPS], log(sqrt(steps / squares) + 1e-3), 1e-5);
    for (int k = N; k <= 8; k++)
        assert_true(out[REFLECTIONS + k - 1] == 0.0f);
}

/* Burg by hand of three numbers without their mean, -1, 0 and 1: a_1 = 2 (-1 0 + 0 1) / (0 + 1 + 1 + 0) = 0, then with both errors
 * still the numbers a_2 = 2 (1 (-1)) / (1 + 1) = -1: nothing is left to surprise. */
static void reflections_of_three_numbers(void **state)
{
    (void)state;
    static const float y[] = {4, 5, 6};
    float scratch[6], out[COLUMNS];
    series_features(3, 1, y, 0.5, scratch, out);
    assert_near((double)out[REFLECTIONS], 0, 1e-6);
    assert_near((double)out[REFLECTIONS + 1], atanh(-0.999), 1e-4);
    assert_near((double)out[SURPRISES], log(sqrt(2.0 / 3) / 0.5 + 1e-4), 1e-5);
    assert_near((double)out[SURPRISES + 1], log(1e-4), 1e-3);
}

/* y_t = 1.4 y_(t-1) - 0.7 y_(t-2) + 0.3 e_t: reflections 1.4 / 1.7 and -0.7, then none. Their standard errors are at most
 * 1 / sqrt(n) = 0.007, that of ln e_2 is sqrt(1 / 2n) = 0.005; 5 of them (artanh stretches the first threefold). */
static void an_autoregression_is_seen_through(void **state)
{
    (void)state;
    static float y[LONG], scratch[2 * LONG];
    float out[COLUMNS];
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int t = 0; t < LONG; t++) {
        double last = t > 0 ? (double)y[t - 1] : 0, before = t > 1 ? (double)y[t - 2] : 0;
        y[t] = (float)(1.4 * last - 0.7 * before + 0.3 * rng_normal(&rng));
    }
    series_features(LONG, 1, y, 2.0, scratch, out);
    assert_near((double)out[0], atanh(0.999 * 1.4 / 1.7), 0.035 * 3);
    assert_near((double)out[REFLECTIONS], atanh(0.999 * 1.4 / 1.7), 0.035 * 3);
    assert_near((double)out[REFLECTIONS + 1], atanh(0.999 * -0.7), 0.035 * 2);
    for (int k = 2; k < 8; k++)
        assert_near((double)out[REFLECTIONS + k], 0, 0.035);
    for (int k = 1; k < 4; k++)
        assert_near((double)out[SURPRISES + k], log(0.3 / 2.0), 0.025);
}

static void series_of_any_length_give_finite_features(void **state)
{
    (void)state;
    float y[40], scratch[80], out[COLUMNS];
    for (int n = 1; n <= 40; n++)
        for (int shape = 0; shape < 3; shape++) { // constant, straight, alternating
            for (int t = 0; t < n; t++)
                y[t] = shape == 0 ? 7 : shape == 1 ? (float)t : (float)(t % 2);
            series_features(n, 1, y, 1.0, scratch, out);
            for (int k = 0; k < COLUMNS; k++)
                assert_true(isfinite(out[k]) && (shape > 0 || out[k] == 0.0f));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(autocorrelations_of_five_numbers),
        cmocka_unit_test(reflections_of_three_numbers),
        cmocka_unit_test(an_autoregression_is_seen_through),
        cmocka_unit_test(series_of_any_length_give_finite_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
