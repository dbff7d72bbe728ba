// SPDX-License-Identifier: Apache-2.0
// Formulas by their number in the NIST Digital Library of Mathematical Functions (https://dlmf.nist.gov).
#include "workers/tails.h"

#include "cluster/saddle.h"

#include <float.h>
#include <math.h>

enum { MOST_TERMS = 1 << 20 };
static const tails_t all_above = {-INFINITY, 0}, all_below = {0, -INFINITY};

double tails_rest(double x)
{
    return x > -M_LN2 ? log(-expm1(x)) : log1p(-exp(x));
}

// One of the two sides is known; rounding must not make a probability larger than 1.
static tails_t from_below(double below)
{
    below = fmin(below, 0);
    return (tails_t){below, tails_rest(below)};
}

static tails_t mirrored(tails_t t)
{
    return (tails_t){t.above, t.below};
}

/* ---- a continued fraction f = b0 + a1 / (b1 + a2 / (b2 + ...)), by Lentz's method (DLMF 3.10(iii)) ---- */

typedef struct {
    double f, c, d;
} fraction_t;

static double not_zero(double x)
{
    return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

static fraction_t fraction_start(double b)
{
    return (fraction_t){not_zero(b), not_zero(b), 0};
}

// Returns the factor by which f changed.
static double fraction_step(fraction_t *s, double a, double b)
{
    s->d = 1 / not_zero(b + a * s->d);
    s->c = not_zero(b + a / s->c);
    s->f *= s->c * s->d;
    return s->c * s->d;
}

/* ---- normal ---- */

// log P(Z > z) for z > 30: DLMF 7.12.1, whose terms fall below 1e-16 by the eighth.
static double far_normal(double z)
{
    double square = 1 / (z * z), term = 1, sum = 0;
    for (int k = 1; k <= 8; k++) {
        term *= -(2 * k - 1) * square;
        sum += term;
    }
    return -0.5 * z * z - log(z) - 0.5 * log(2 * M_PI) + log1p(sum);
}

tails_t tails_normal(double z)
{
    if (z > 0)
        return mirrored(tails_normal(-z));
    if (isinf(z))
        return all_above;
    return from_below(z < -30 ? far_normal(-z) : log(0.5 * erfc(-z * M_SQRT1_2)));
}

tails_t tails_half_normal(double z)
{
    if (!(z > 0))
        return all_above;
    return (tails_t){log(erf(z * M_SQRT1_2)), fmin(M_LN2 + tails_normal(z).above, 0)};
}

tails_t tails_exponential(double x)
{
    return x > 0 ? (tails_t){tails_rest(-x), -x} : all_above;
}

/* ---- gamma ---- */

double tails_gamma_power(double a, double x)
{
    return 0.5 * log(a / (2 * M_PI)) - saddle_stirling_error(a) - saddle_deviance(a, x);
}

// DLMF 8.7.1: gamma(a, x) = x^a e^-x sum over n of x^n / (a (a + 1) ... (a + n))
static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (int n = 1; n < MOST_TERMS && term > sum * DBL_EPSILON / 4; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum;
}

// DLMF 8.9.2 in its even form: Gamma(a, x) = x^a e^-x / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...))
static double gamma_fraction(double a, double x)
{
    fraction_t s = fraction_start(x + 1 - a);
    for (int n = 1; n < MOST_TERMS; n++)
        if (fabs(fraction_step(&s, -n * (n - a), x + 2 * n + 1 - a) - 1) <= DBL_EPSILON)
            break;
    return 1 / s.f;
}

tails_t tails_gamma(double a, double x)
{
    if (!(x > 0))
        return all_above;
    if (isinf(x))
        return all_below;
    double power = tails_gamma_power(a, x);
    if (x < a + 1)
        return from_below(power + log(gamma_series(a, x)));
    return mirrored(from_below(power + log(gamma_fraction(a, x))));
}

/* ---- beta and Student t ---- */

double tails_beta_power(double a, double b, double x, double y)
{
    double n = a + b;
    return saddle_stirling_error(n) - saddle_stirling_error(a) - saddle_stirling_error(b) -
           saddle_deviance(a, n * x) - saddle_deviance(b, n * y) +
           0.5 * (log(a) + log(b / n) - log(2 * M_PI));
}

// log I_x(a, b) by DLMF 8.17.22, which converges fast for x < (a + 1) / (a + b + 2)
static double beta_fraction(double a, double b, double x, double y)
{
    fraction_t s = fraction_start(1);
    for (int m = 0; m < MOST_TERMS; m++) {
        double two_m = 2.0 * m;
        double odd = -(a + m) * (a + b + m) * x / ((a + two_m) * (a + two_m + 1));
        double even = (m + 1) * (b - m - 1) * x / ((a + two_m + 1) * (a + two_m + 2));
        fraction_step(&s, odd, 1);
        if (fabs(fraction_step(&s, even, 1) - 1) <= DBL_EPSILON)
            break;
    }
    return tails_beta_power(a, b, x, y) - log(a) - log(s.f);
}

static tails_t beta_of_both(double a, double b, double x, double y)
{
    if (!(x > 0))
        return all_above;
    if (!(y > 0))
        return all_below;
    if (x < (a + 1) / (a + b + 2))
        return from_below(beta_fraction(a, b, x, y));
    return mirrored(from_below(beta_fraction(b, a, y, x)));
}

tails_t tails_beta(double a, double b, double x)
{
    return beta_of_both(a, b, x, 1 - x);
}

// P(T > |z|) = I_x(degrees / 2, 1 / 2) / 2 with x = degrees / (degrees + z^2)
tails_t tails_student_t(double degrees, double z)
{
    double square = z * z / degrees;
    double x = 1 / (1 + square), y = isinf(square) ? 1 : square / (1 + square);
    double tail = beta_of_both(0.5 * degrees, 0.5, x, y).below - M_LN2;
    return z > 0 ? mirrored(from_below(tail)) : from_below(tail);
}
