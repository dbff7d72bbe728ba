/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the four benchmark simulators share: rows of one, and comparisons with golden/NAME_density.csv and
 * golden/benchmark_moments.csv (made by golden/make_benchmark.py). Assertions are cmocka's.
 */
#ifndef TESTS_WORKERS_BENCHMARK_H
#define TESTS_WORKERS_BENCHMARK_H

#include "workers/load.h"

enum { BENCHMARK_ROWS = 2000, BENCHMARK_MAX = 10 }; // rows; most parameters and values of a task

typedef struct {
    const char *name, *golden; // to be set before the setup
    double tolerance;          // of densities, relative (absolute below 1); to be set
    simulator_t *simulator;
    rows_t rows; // BENCHMARK_ROWS of the prior
    int n_parameters, n_values;
    double theta[BENCHMARK_MAX]; // what made the benchmark's first observation
    float x[BENCHMARK_MAX];      // that observation
} benchmark_t;

/* cmocka fixtures; *state is the benchmark_t. */
int benchmark_setup(void **state);
int benchmark_teardown(void **state);

/* All rows anew, from these parameters. */
void benchmark_simulate(benchmark_t *b, const double *theta);
double benchmark_log_prior(const benchmark_t *b, const double *theta);
double benchmark_log_likelihood(const benchmark_t *b, const double *theta, const float *x);

/* The Kolmogorov-Smirnov distance of values (n) from the standard normal and the standard uniform distribution is below
 * 1.95, which it exceeds once in 1000 seeds. Sorts them. */
void benchmark_is_normal(int64_t n, double *values);
void benchmark_is_uniform(int64_t n, double *values);

/* Test: log prior and log likelihood are SciPy's. */
void benchmark_densities_match_scipy(void **state);
/* First and second moments of the weighted theta (n, parameters) are those of the reference posterior of the first
 * observation, within 4 standard errors of both. Weights are the posterior's density over that of the proposal. */
void benchmark_moments_match(const benchmark_t *b, int64_t n, const double *theta,
                             const double *log_weight);

#define BENCHMARK_TEST(test, fixture)                                                              \
    cmocka_unit_test_prestate_setup_teardown(test, benchmark_setup, benchmark_teardown, fixture)

#endif
