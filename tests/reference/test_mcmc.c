// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/mcmc.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHAINS = 4, DRAWS = 20000 };

// Independent: normal(3, 0.5); log of gamma(2): mean digamma(2) = 0.42278, variance trigamma(2) = 0.64493.
static double normal_and_log_gamma(const void *context, const double *x)
{
    (void)context;
    double z = (x[0] - 3.0) / 0.5;
    return -0.5 * z * z + 2.0 * x[1] - exp(x[1]);
}

static void moments_of_a_known_target_are_found(void **state)
{
    (void)state;
    const mcmc_config_t config = {
        .dims = 2, .chains = CHAINS, .warm_up = 2000, .draws = DRAWS, .seed = 1};
    const double start[CHAINS][2] = {{0.0, 0.0}, {5.0, 1.0}, {3.0, -2.0}, {4.0, 2.0}},
                 scale[] = {5.0, 0.1};
    const double mean[] = {3.0, 0.42278434}, sd[] = {0.5, sqrt(0.64493407)};
    double *draws = MEM_NEW(double, CHAINS *DRAWS * 2), *x = MEM_NEW(double, CHAINS *DRAWS);
    double accepted = mcmc_run(&config, &start[0][0], scale, normal_and_log_gamma, NULL, draws);
    assert_true(accepted > 0.2 && accepted < 0.4);
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < CHAINS * DRAWS; i++)
            x[i] = draws[2 * i + d];
        chain_stats_t s = chain_stats(CHAINS, DRAWS, x);
        assert_true(s.rhat < 1.01 && s.ess > 4000.0);
        // 4 standard errors of mean and sd; the kurtosis of log gamma(2) is below 4.2
        assert_true(fabs(s.mean - mean[d]) < 4.0 * sd[d] / sqrt(s.ess));
        assert_true(fabs(s.sd / sd[d] - 1.0) < 4.0 * sqrt(3.2 / 4.0 / s.ess));
    }
    free(draws);
    free(x);
}

static double *autoregressive(double rho, double shift_of_last)
{
    double *x = MEM_NEW(double, CHAINS *DRAWS);
    for (int c = 0; c < CHAINS; c++) {
        rng_t rng = rng_at(2, RNG_CHECK, (uint64_t)c);
        double y = rng_normal(&rng);
        for (int i = 0; i < DRAWS; i++) {
            y = rho * y + sqrt(1.0 - rho * rho) * rng_normal(&rng);
            x[c * DRAWS + i] = y + (c == CHAINS - 1 ? shift_of_last : 0.0);
        }
    }
    return x;
}

// An autoregressive chain of coefficient r has n (1 - r) / (1 + r) effective draws.
static void effective_size_matches_the_autoregressive_chain(void **state)
{
    (void)state;
    const double rho[] = {0.0, 0.5, 0.9};
    for (int k = 0; k < 3; k++) {
        double *x = autoregressive(rho[k], 0.0);
        chain_stats_t s = chain_stats(CHAINS, DRAWS, x);
        double expected = CHAINS * DRAWS * (1.0 - rho[k]) / (1.0 + rho[k]);
        assert_true(fabs(s.ess / expected - 1.0) < 0.1); // the estimate's own error is about 3 %
        assert_true(s.rhat < 1.005);
        free(x);
    }
}

static void a_chain_elsewhere_is_noticed(void **state)
{
    (void)state;
    double *x = autoregressive(0.5, 1.0);
    chain_stats_t s = chain_stats(CHAINS, DRAWS, x);
    assert_true(s.rhat > 1.05);
    assert_true(s.ess < 100.0);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_of_a_known_target_are_found),
        cmocka_unit_test(effective_size_matches_the_autoregressive_chain),
        cmocka_unit_test(a_chain_elsewhere_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
