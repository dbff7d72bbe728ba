// SPDX-License-Identifier: Apache-2.0
// Seeds are fixed, so each result is the same in every run. A p-value below 1e-4 or a moment more than 4.5 standard
// errors off would come from a right generator at most once in ten thousand seeds.
#include "cluster/rng.h"
#include "tests/cluster/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

enum { DRAWS = 200000, BINS = 2000 };
static const double SMALL_P = 1e-4, STANDARD_ERRORS = 4.5;

static double draws[DRAWS];

/* ---- continuous distributions ---- */

static double uniform_cdf(double x, const double *args)
{
    (void)args;
    return fmin(fmax(x, 0), 1);
}

static double normal_cdf(double x, const double *args)
{
    (void)args;
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double gamma_cdf(double x, const double *args)
{
    return fit_gamma_p(args[0], x);
}

static double beta_cdf(double x, const double *args)
{
    return fit_beta_i(args[0], args[1], x);
}

static double student_cdf(double x, const double *args)
{
    double tail = 0.5 * fit_beta_i(args[0] / 2, 0.5, args[0] / (args[0] + x * x));
    return x > 0 ? 1 - tail : tail;
}

static double cauchy_cdf(double x, const double *args)
{
    (void)args;
    return 0.5 + atan(x) / M_PI;
}

static double draw_uniform(rng_t *r, const double *args)
{
    (void)args;
    return rng_uniform(r);
}

static double draw_normal(rng_t *r, const double *args)
{
    (void)args;
    return rng_normal(r);
}

static double draw_exponential(rng_t *r, const double *args)
{
    (void)args;
    return rng_exponential(r);
}

static double draw_gamma(rng_t *r, const double *args)
{
    return rng_gamma(r, args[0]);
}

static double draw_beta(rng_t *r, const double *args)
{
    return rng_beta(r, args[0], args[1]);
}

static double draw_student(rng_t *r, const double *args)
{
    return rng_student_t(r, args[0]);
}

static double draw_cauchy(rng_t *r, const double *args)
{
    (void)args;
    return rng_cauchy(r);
}

/* The k-th of 3 shares; its law is beta(a_k, a_0 + a_1 + a_2 - a_k). */
static double draw_dirichlet_share(rng_t *r, const double *args)
{
    const double concentration[] = {args[0], 0.25 * args[1], 0.75 * args[1]};
    double share[3];
    rng_dirichlet(r, 3, concentration, share);
    return share[0];
}

typedef struct {
    const char *name;
    double (*draw)(rng_t *r, const double *args);
    double (*cdf)(double x, const double *args);
    double args[2];
    double mean, variance, kurtosis; // excess; NAN: the moments are not checked
} continuous_t;

static const continuous_t continuous[] = {
    {"uniform", draw_uniform, uniform_cdf, {0}, 0.5, 1.0 / 12, -1.2},
    {"normal", draw_normal, normal_cdf, {0}, 0, 1, 0},
    {"exponential", draw_exponential, gamma_cdf, {1}, 1, 1, 6},
    {"gamma 0.02", draw_gamma, gamma_cdf, {0.02}, 0.02, 0.02, 300},
    {"gamma 0.1", draw_gamma, gamma_cdf, {0.1}, 0.1, 0.1, 60},
    {"gamma 0.99", draw_gamma, gamma_cdf, {0.99}, 0.99, 0.99, 6 / 0.99},
    {"gamma 1", draw_gamma, gamma_cdf, {1}, 1, 1, 6},
    {"gamma 2.5", draw_gamma, gamma_cdf, {2.5}, 2.5, 2.5, 2.4},
    {"gamma 1000", draw_gamma, gamma_cdf, {1000}, 1000, 1000, 0.006},
    {"beta 0.5 0.5", draw_beta, beta_cdf, {0.5, 0.5}, 0.5, 0.125, -1.5},
    {"beta 0.1 2", draw_beta, beta_cdf, {0.1, 2}, 0, 0, NAN},
    {"beta 2 3", draw_beta, beta_cdf, {2, 3}, 0.4, 0.04, -9.0 / 14},
    {"beta 300 100", draw_beta, beta_cdf, {300, 100}, 0.75, 0.1875 / 401, 0},
    {"student 0.5", draw_student, student_cdf, {0.5}, 0, 0, NAN},
    {"student 5", draw_student, student_cdf, {5}, 0, 0, NAN},
    {"student 30", draw_student, student_cdf, {30}, 0, 30.0 / 28, 6.0 / 26},
    {"cauchy", draw_cauchy, cauchy_cdf, {0}, 0, 0, NAN},
    {"dirichlet 2 of 5", draw_dirichlet_share, beta_cdf, {2, 3}, 0.4, 0.04, -9.0 / 14},
    {"dirichlet 0.2 of 0.7", draw_dirichlet_share, beta_cdf, {0.2, 0.5}, 0, 0, NAN},
};

static void check_moments(const char *name, double mean, double variance, double fourth)
{
    double sum = 0, square = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += (draws[i] - mean) / DRAWS;
    for (int i = 0; i < DRAWS; i++)
        square += (draws[i] - mean) * (draws[i] - mean) / DRAWS;
    double mean_error = sum / sqrt(variance / DRAWS);
    double variance_error = (square - variance) / sqrt((fourth - variance * variance) / DRAWS);
    if (fabs(mean_error) > STANDARD_ERRORS || fabs(variance_error) > STANDARD_ERRORS)
        fail_msg("%s: mean off by %.2f, variance by %.2f standard errors", name, mean_error,
                 variance_error);
}

static void continuous_draws_follow_their_distribution(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof continuous / sizeof *continuous; i++) {
        const continuous_t *c = &continuous[i];
        rng_t r = rng_at(20, RNG_CHECK, i);
        for (int k = 0; k < DRAWS; k++)
            draws[k] = c->draw(&r, c->args);
        double p = fit_ks(DRAWS, draws, c->cdf, c->args);
        if (!(p > SMALL_P))
            fail_msg("%s: Kolmogorov-Smirnov p = %g", c->name, p);
        if (!isnan(c->kurtosis))
            check_moments(c->name, c->mean, c->variance,
                          (c->kurtosis + 3) * c->variance * c->variance);
    }
}

/* With 200,000 draws the check itself must see an error of 2 % in a scale (distance 0.0073, 3.3 / sqrt(n)). */
static void a_wrong_scale_is_seen(void **state)
{
    (void)state;
    rng_t r = rng_at(20, RNG_CHECK, 1000);
    for (int k = 0; k < DRAWS; k++)
        draws[k] = 1.02 * rng_exponential(&r);
    assert_true(fit_ks(DRAWS, draws, gamma_cdf, (double[]){1}) < SMALL_P);
}

static void tiny_shapes_give_numbers(void **state)
{
    (void)state;
    rng_t r = rng_at(21, RNG_CHECK, 0);
    const double tiny[] = {1e-4, 1e-4, 1e-4};
    int ones = 0;
    for (int i = 0; i < 10000; i++) {
        double share[3], x = rng_beta(&r, 1e-4, 1e-4);
        assert_true(x >= 0 && x <= 1 && rng_gamma(&r, 1e-4) >= 0);
        ones += x > 0.5;
        rng_dirichlet(&r, 3, tiny, share);
        assert_true(fabs(share[0] + share[1] + share[2] - 1) < 1e-12);
    }
    assert_true(abs(ones - 5000) < STANDARD_ERRORS * 50); // sd of 10,000 fair coins: 50
}

/* ---- counts ---- */

static double log_binomial_pmf(double k, const double *args)
{
    double n = args[0], p = args[1];
    return fit_log_gamma(n + 1) - fit_log_gamma(k + 1) - fit_log_gamma(n - k + 1) + k * log(p) +
           (n - k) * log1p(-p);
}

static double log_poisson_pmf(double k, const double *args)
{
    return k * log(args[0]) - args[0] - fit_log_gamma(k + 1);
}

static double log_negative_binomial_pmf(double k, const double *args)
{
    double size = args[0], p = args[1];
    return fit_log_gamma(size + k) - fit_log_gamma(k + 1) - fit_log_gamma(size) + size * log(p) +
           k * log1p(-p);
}

static double log_geometric_pmf(double k, const double *args)
{
    return log(args[0]) + k * log1p(-args[0]);
}

static double log_even_pmf(double k, const double *args)
{
    return k >= args[0] && k <= args[1] ? -log(args[1] - args[0] + 1) : -INFINITY;
}

static const double weights[] = {0, 1, 5, 0, 0.5, 3.5, 0};

static double log_weight_pmf(double k, const double *args)
{
    (void)args;
    return log(weights[(int)k] / 10);
}

static int64_t draw_binomial(rng_t *r, const double *args)
{
    return rng_binomial(r, (int64_t)args[0], args[1]);
}

static int64_t draw_poisson(rng_t *r, const double *args)
{
    return rng_poisson(r, args[0]);
}

static int64_t draw_negative_binomial(rng_t *r, const double *args)
{
    return rng_negative_binomial(r, args[0], args[1]);
}

static int64_t draw_geometric(rng_t *r, const double *args)
{
    return rng_geometric(r, args[0]);
}

static int64_t draw_integer(rng_t *r, const double *args)
{
    return rng_integer(r, (int64_t)args[0], (int64_t)args[1]);
}

static int64_t draw_categorical(rng_t *r, const double *args)
{
    (void)args;
    return rng_categorical(r, 7, weights);
}

/* The share of one category of a multinomial is binomial. */
static int64_t draw_multinomial(rng_t *r, const double *args)
{
    int64_t out[7];
    rng_multinomial(r, (int64_t)args[0], 7, weights, out);
    return out[5];
}

typedef struct {
    const char *name;
    int64_t (*draw)(rng_t *r, const double *args);
    double (*log_pmf)(double k, const double *args);
    double args[2];
    int64_t low, high; // hold all but 1e-9 of the mass
} discrete_t;

static const discrete_t discrete[] = {
    {"binomial 1 0.3", draw_binomial, log_binomial_pmf, {1, 0.3}, 0, 1},
    {"binomial 20 0.2", draw_binomial, log_binomial_pmf, {20, 0.2}, 0, 20},
    {"binomial 20 0.999", draw_binomial, log_binomial_pmf, {20, 0.999}, 0, 20},
    {"binomial 1000 1e-4", draw_binomial, log_binomial_pmf, {1000, 1e-4}, 0, 30},
    {"binomial 1000 0.5", draw_binomial, log_binomial_pmf, {1000, 0.5}, 350, 650},
    {"binomial 40 0.25", draw_binomial, log_binomial_pmf, {40, 0.25}, 0, 40},
    {"binomial 39 0.25", draw_binomial, log_binomial_pmf, {39, 0.25}, 0, 39},
    {"binomial 1e9 1e-9", draw_binomial, log_binomial_pmf, {1e9, 1e-9}, 0, 30},
    {"binomial 1e9 0.3", draw_binomial, log_binomial_pmf, {1e9, 0.3}, 299900000, 300100000},
    {"binomial 1e9 1-1e-8",
     draw_binomial,
     log_binomial_pmf,
     {1e9, 1 - 1e-8},
     999999940,
     1000000000},
    {"poisson 0.01", draw_poisson, log_poisson_pmf, {0.01}, 0, 20},
    {"poisson 1", draw_poisson, log_poisson_pmf, {1}, 0, 30},
    {"poisson 9.99", draw_poisson, log_poisson_pmf, {9.99}, 0, 60},
    {"poisson 10.01", draw_poisson, log_poisson_pmf, {10.01}, 0, 60},
    {"poisson 80", draw_poisson, log_poisson_pmf, {80}, 0, 200},
    {"poisson 1e6", draw_poisson, log_poisson_pmf, {1e6}, 993000, 1007000},
    {"negative binomial 0.5 0.01",
     draw_negative_binomial,
     log_negative_binomial_pmf,
     {0.5, 0.01},
     0,
     3000},
    {"negative binomial 3 0.5",
     draw_negative_binomial,
     log_negative_binomial_pmf,
     {3, 0.5},
     0,
     100},
    {"geometric 0.9", draw_geometric, log_geometric_pmf, {0.9}, 0, 20},
    {"geometric 1e-3", draw_geometric, log_geometric_pmf, {1e-3}, 0, 30000},
    {"integer 3 to 12", draw_integer, log_even_pmf, {3, 12}, 3, 12},
    {"integer -2 to 100000", draw_integer, log_even_pmf, {-2, 100000}, -2, 100000},
    {"categorical", draw_categorical, log_weight_pmf, {0}, 0, 6},
    {"multinomial 50", draw_multinomial, log_binomial_pmf, {50, 0.35}, 0, 50},
};

typedef struct {
    int n;
    int64_t last[BINS]; // of each bin
    double probability[BINS];
    double mean, variance, fourth;
} bins_t;

/* Joins neighbouring values until a bin expects 50 draws (of wide distributions: 1 % of them). */
static void make_bins(const discrete_t *d, bins_t *bins)
{
    double least = d->high - d->low > 1000 ? 0.01 : 50.0 / DRAWS, mass = 0, total = 0, first = 0;
    *bins = (bins_t){0};
    for (int64_t k = d->low; k <= d->high; k++) {
        double p = exp(d->log_pmf((double)k, d->args));
        total += p;
        mass += p;
        first += p * (double)(k - d->low);
        if (mass < least)
            continue;
        bins->last[bins->n] = k;
        bins->probability[bins->n++] = mass;
        mass = 0;
    }
    assert_true(fabs(total - 1) < 2e-4 && bins->n >= 2); // log-gamma of 1e9 costs digits
    bins->last[bins->n - 1] = INT64_MAX;
    bins->probability[bins->n - 1] += mass;
    for (int i = 0; i < bins->n; i++)
        bins->probability[i] /= total;
    bins->mean = (double)d->low + first / total;
    for (int64_t k = d->low; k <= d->high; k++) {
        double p = exp(d->log_pmf((double)k, d->args)) / total, gap = (double)k - bins->mean;
        bins->variance += p * gap * gap;
        bins->fourth += p * gap * gap * gap * gap;
    }
}

static int find_bin(const bins_t *bins, int64_t k)
{
    int low = 0, high = bins->n - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (k <= bins->last[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void counts_follow_their_distribution(void **state)
{
    (void)state;
    static bins_t bins;
    for (size_t i = 0; i < sizeof discrete / sizeof *discrete; i++) {
        const discrete_t *d = &discrete[i];
        static double count[BINS];
        rng_t r = rng_at(30, RNG_CHECK, i);
        make_bins(d, &bins);
        memset(count, 0, sizeof count);
        for (int k = 0; k < DRAWS; k++) {
            int64_t drawn = d->draw(&r, d->args);
            draws[k] = (double)drawn;
            count[find_bin(&bins, drawn)]++;
        }
        double p = fit_chi_square(bins.n, count, bins.probability, DRAWS);
        if (!(p > SMALL_P))
            fail_msg("%s: chi-square p = %g in %d bins", d->name, p, bins.n);
        check_moments(d->name, bins.mean, bins.variance, bins.fourth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(continuous_draws_follow_their_distribution),
        cmocka_unit_test(a_wrong_scale_is_seen),
        cmocka_unit_test(tiny_shapes_give_numbers),
        cmocka_unit_test(counts_follow_their_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
