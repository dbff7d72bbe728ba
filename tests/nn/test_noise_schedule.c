// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nn/noise_schedule.h"

#include <math.h>

static const noise_schedule_t schedules[] = {SCHEDULE_COSINE, SCHEDULE_EDM};

static void the_signal_falls_from_end_to_end(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        noise_schedule_t s = schedules[k];
        double before = INFINITY;
        for (int i = 0; i <= 100; i++) {
            noise_at_t at = noise_at(s, i / 100.0);
            assert_true(at.log_snr < before);
            assert_true(fabs(2.0 * log(at.alpha / at.sigma) - at.log_snr) < 1e-9);
            before = at.log_snr;
        }
        assert_true(fabs(noise_network_time(s, noise_at(s, 0.0).log_snr) - 1.0) < 1e-9);
        assert_true(fabs(noise_network_time(s, noise_at(s, 1.0).log_snr) + 1.0) < 1e-9);
    }
    assert_true(fabs(noise_at(SCHEDULE_COSINE, 0.0).log_snr - 12.0) < 1e-9);
    assert_true(fabs(noise_at(SCHEDULE_EDM, 0.0).sigma - 1e-4) < 1e-12);
    assert_true(fabs(noise_at(SCHEDULE_EDM, 1.0).sigma - 80.0) < 1e-9);
}

// A mean m of x moves as dm/dt = f m, a variance v as dv/dt = 2 f v + g^2: so alpha' = f alpha, (sigma^2)' = 2 f sigma^2 + g^2.
static void drift_and_noise_make_alpha_and_sigma(void **state)
{
    (void)state;
    const double h = 1e-5;
    for (int k = 0; k < 2; k++)
        for (int i = 1; i < 20; i++) {
            double t = i / 20.0;
            noise_at_t low = noise_at(schedules[k], t - h), at = noise_at(schedules[k], t);
            noise_at_t high = noise_at(schedules[k], t + h);
            double alpha = (high.alpha - low.alpha) / (2.0 * h);
            double variance = (high.sigma * high.sigma - low.sigma * low.sigma) / (2.0 * h);
            assert_true(fabs(alpha - at.drift * at.alpha) < 1e-6);
            double expected = 2.0 * at.drift * at.sigma * at.sigma + at.noise2;
            assert_true(fabs(variance - expected) < 1e-6 * (1.0 + fabs(expected)));
        }
}

// Stratified numbers give the moments of ln sigma ~ N(-1.2, 1.2^2), up to the cut ends.
static void edm_trains_at_its_own_levels(void **state)
{
    (void)state;
    enum { N = 20000 };
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < N; i++) {
        double x = log(noise_in_training(SCHEDULE_EDM, (i + 0.5) / N).sigma);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N + 1.2) < 1e-3);
    assert_true(fabs(sqrt(squares / N - sum / N * sum / N) - 1.2) < 1e-3);
    // P(ln sigma < -1.2 + 1.2 * 1.959963984540054) = 0.975
    double high = log(noise_in_training(SCHEDULE_EDM, 0.975).sigma);
    assert_true(fabs(fabs((high + 1.2) / 1.2) - 1.959963984540054) < 1e-8);
    assert_true(isfinite(noise_in_training(SCHEDULE_EDM, 0.0).log_snr));
    assert_true(isfinite(noise_in_training(SCHEDULE_EDM, 1.0).log_snr));
}

static void cosine_trains_where_it_samples(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        double u = (i + 0.5) / 10.0;
        noise_at_t training = noise_in_training(SCHEDULE_COSINE, u);
        assert_true(training.log_snr == noise_at(SCHEDULE_COSINE, u).log_snr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signal_falls_from_end_to_end),
        cmocka_unit_test(drift_and_noise_make_alpha_and_sigma),
        cmocka_unit_test(edm_trains_at_its_own_levels),
        cmocka_unit_test(cosine_trains_where_it_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
