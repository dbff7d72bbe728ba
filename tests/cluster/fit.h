/* SPDX-License-Identifier: Apache-2.0
 *
 * How well draws fit an exact distribution: Kolmogorov-Smirnov and chi-square p-values, and the incomplete gamma and
 * beta functions they need (DLMF 8.7.1, 8.9.2, 8.17.22).
 */
#ifndef TESTS_CLUSTER_FIT_H
#define TESTS_CLUSTER_FIT_H

#include <math.h>
#include <stdlib.h>

static inline double fit_log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* 1 / (b1 + a2 / (b2 + a3 / ...)) for term(i, args) setting a and b of level i = 1, 2, ... (modified Lentz, a1 = 1) */
static inline double fit_fraction(void (*term)(int i, const double *args, double *a, double *b),
                                  const double *args)
{
    double a, b, value = 1e-300, c = value, d = 0;
    for (int i = 1; i < 100000; i++) {
        term(i, args, &a, &b);
        d = b + a * d;
        c = b + a / c;
        d = 1 / (d == 0 ? 1e-300 : d);
        c = c == 0 ? 1e-300 : c;
        value *= c * d;
        if (fabs(c * d - 1) < 1e-15)
            break;
    }
    return value;
}

static inline void fit_gamma_term(int i, const double *args, double *a, double *b)
{
    *a = i == 1 ? 1 : (i - 1) * (args[0] - (i - 1));
    *b = args[1] + 2 * i - 1 - args[0];
}

/* Regularised lower incomplete gamma function P(a, x). */
static inline double fit_gamma_p(double a, double x)
{
    if (x <= 0)
        return 0;
    double front = exp(a * log(x) - x - fit_log_gamma(a));
    if (x >= a + 1) {
        const double args[] = {a, x};
        return 1 - front * fit_fraction(fit_gamma_term, args);
    }
    double sum = 1 / a, term = sum;
    for (int n = 1; term > 1e-17 * sum; n++)
        sum += term *= x / (a + n);
    return front * sum;
}

static inline void fit_beta_term(int i, const double *args, double *a, double *b)
{
    double p = args[0], q = args[1], x = args[2];
    int m = (i - 1) / 2;
    *b = 1;
    if (i == 1)
        *a = 1;
    else if (i % 2 == 0)
        *a = -(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 2 * m + 1));
    else
        *a = m * (q - m) * x / ((p + 2 * m - 1) * (p + 2 * m));
}

/* Regularised incomplete beta function I_x(p, q). */
static inline double fit_beta_i(double p, double q, double x)
{
    if (x <= 0 || x >= 1)
        return x >= 1;
    if (x > (p + 1) / (p + q + 2))
        return 1 - fit_beta_i(q, p, 1 - x);
    const double args[] = {p, q, x};
    double log_front =
        p * log(x) + q * log1p(-x) + fit_log_gamma(p + q) - fit_log_gamma(p) - fit_log_gamma(q);
    return exp(log_front) / p * fit_fraction(fit_beta_term, args);
}

static inline int fit_by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* p-value of the Kolmogorov-Smirnov statistic (limit distribution); sorts the draws. */
static inline double fit_ks(int n, double *draws, double (*cdf)(double x, const double *args),
                            const double *args)
{
    double distance = 0, p = 0;
    qsort(draws, (size_t)n, sizeof *draws, fit_by_value);
    for (int i = 0; i < n; i++) {
        double f = cdf(draws[i], args);
        distance = fmax(distance, fmax(f - (double)i / n, (double)(i + 1) / n - f));
    }
    double t2 = distance * distance * n;
    if (t2 < 0.04)
        return 1;
    for (int k = 1; k < 100; k++)
        p += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * t2);
    return p;
}

/* p-value of counts against probabilities that sum to 1. */
static inline double fit_chi_square(int bins, const double *count, const double *probability,
                                    double n)
{
    double statistic = 0;
    for (int i = 0; i < bins; i++) {
        double expected = n * probability[i];
        statistic += (count[i] - expected) * (count[i] - expected) / expected;
    }
    return 1 - fit_gamma_p(0.5 * (bins - 1), 0.5 * statistic);
}

#endif
