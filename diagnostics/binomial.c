// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/binomial.h"

#include "cluster/err.h"

#include <math.h>

/* delta(x) of Stirling's ln Gamma(x) = (x - 1/2) ln x - x + ln(2 pi) / 2 + delta(x). */
static double stirling_rest(double x)
{
    int sign;
    if (x < 16)
        return lgamma_r(x, &sign) - ((x - 0.5) * log(x) - x + 0.5 * log(2 * M_PI));
    double y = 1 / (x * x);
    return (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y * (1.0 / 1680 - y / 1188)))) / x;
}

/* x^a y^b / B(a, b), y = 1 - x, without the cancellation of large log gammas (Loader 2000, "Fast and accurate
 * computation of binomial probabilities"). */
static double beta_front(double a, double b, double x, double y)
{
    double n = a + b, rest = stirling_rest(n) - stirling_rest(a) - stirling_rest(b);
    double power = a * log1p((x * b - y * a) / a) + b * log1p((y * a - x * b) / b);
    return exp(power + rest) * sqrt(a / n * b / (2 * M_PI));
}

/* The continued fraction of DLMF 8.17.22, by the modified Lentz method; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    enum { MOST_STEPS = 100000 };
    const double tiny = 1e-300;
    double c = 1, d = 1 / fmax(1 - (a + b) * x / (a + 1), tiny), h = d;
    for (int m = 1; m < MOST_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            h *= step;
        }
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return h;
}

static double beta_cdf_of(double a, double b, double x, double y)
{
    if (x <= 0)
        return 0;
    if (y <= 0)
        return 1;
    double front = beta_front(a, b, x, y);
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double beta_cdf(double a, double b, double x)
{
    CHECK(a > 0 && b > 0, "beta distribution with a %g, b %g", a, b);
    return beta_cdf_of(a, b, x, 1 - x);
}

double beta_quantile(double a, double b, double q)
{
    CHECK(q >= 0 && q <= 1, "beta quantile %g", q);
    double low = 0, high = 1;
    while (high - low > 1e-15 * high) {
        double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high)
            break;
        if (beta_cdf(a, b, middle) < q)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double binomial_pmf(int64_t n, double p, int64_t k)
{
    if (k < 0 || k > n)
        return 0;
    if (p <= 0 || p >= 1)
        return k == (p <= 0 ? 0 : n);
    double q = 1 - p;
    return beta_front((double)k + 1, (double)(n - k) + 1, p, q) / (p * q * ((double)n + 1));
}

double binomial_cdf(int64_t n, double p, int64_t k)
{
    if (k < 0)
        return 0;
    if (k >= n || p <= 0)
        return 1;
    return beta_cdf_of((double)(n - k), (double)(k + 1), 1 - p, p);
}

int64_t binomial_quantile(int64_t n, double p, double q)
{
    int64_t low = -1, high = n; // cdf(low) < q <= cdf(high)
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (binomial_cdf(n, p, middle) < q)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

double beta_binomial_tail(int64_t n, double a, double b, int64_t k)
{
    CHECK(a > 0 && b > 0, "beta distribution with a %g, b %g", a, b);
    double log_pmf = log_beta(a, (double)n + b) - log_beta(a, b), tail = 0;
    if (k <= 0)
        return 1;
    for (int64_t j = 0; j <= n; j++) {
        double i = (double)j, left = (double)(n - j);
        if (j >= k)
            tail += exp(log_pmf);
        log_pmf += log(left * (a + i) / ((i + 1) * (left - 1 + b)));
    }
    return fmin(tail, 1);
}
