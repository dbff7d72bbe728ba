// SPDX-License-Identifier: Apache-2.0
#include "nn/constrained.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

// What is further out would overflow; NaN stays.
static double clamp(double x, double most)
{
    return x > most ? most : x < -most ? -most : x;
}

/* ---- shares that sum to 1 ---- */

bool simplex_holds(int k, const double *x)
{
    double sum = 0.0;
    for (int j = 0; j < k; j++) {
        if (!(x[j] > 0.0))
            return false;
        sum += x[j];
    }
    return fabs(sum - 1.0) <= SIMPLEX_TOLERANCE;
}

double simplex_free(int k, const double *x, double *u)
{
    double rest = x[k - 1], log_slope = -log(rest);
    for (int j = k - 2; j >= 0; j--) {
        u[j] = log(x[j] / rest) + log((double)(k - 1 - j));
        log_slope -= log(x[j]);
        rest += x[j];
    }
    return log_slope;
}

// ln(1 + exp(x))
static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

double simplex_restore(int k, const double *u, double *x)
{
    double log_rest = 0.0, log_slope = 0.0;
    for (int j = 0; j < k; j++) {
        double v = j < k - 1 ? u[j] - log((double)(k - 1 - j)) : 0.0;
        double log_x = j < k - 1 ? log_rest - softplus(-v) : log_rest;
        log_slope -= log_x;
        x[j] = fmax(exp(log_x), isnan(log_x) ? NAN : DBL_MIN);
        log_rest -= softplus(v);
    }
    return log_slope;
}

/* ---- ascending numbers ---- */

bool ordered_holds(int k, const double *x)
{
    for (int j = 0; j < k; j++)
        if (!isfinite(x[j]) || (j > 0 && !(x[j] > x[j - 1])))
            return false;
    return true;
}

double ordered_free(int k, const double *x, double *u)
{
    double log_slope = 0.0;
    for (int j = k - 1; j > 0; j--) {
        u[j] = log(x[j] - x[j - 1]);
        log_slope -= u[j];
    }
    u[0] = x[0];
    return log_slope;
}

double ordered_restore(int k, const double *u, double *x)
{
    double log_slope = 0.0;
    x[0] = u[0];
    for (int j = 1; j < k; j++) {
        double log_step = clamp(u[j], 690.0);
        x[j] = x[j - 1] + exp(log_step);
        if (x[j] <= x[j - 1])
            x[j] = nextafter(x[j - 1], INFINITY);
        log_slope -= log_step;
    }
    return log_slope;
}

/* ---- matrices ---- */

typedef double factor_t[CONSTRAINED_MAX_SIDE][CONSTRAINED_MAX_SIDE];

int covariance_side(int n)
{
    int k = 0;
    while (k * (k + 1) / 2 < n)
        k++;
    return k * (k + 1) / 2 == n && k <= CONSTRAINED_MAX_SIDE ? k : 0;
}

int correlation_side(int n)
{
    int k = covariance_side(n);
    return k > 0 && k < CONSTRAINED_MAX_SIDE ? k + 1 : 0;
}

// Place of (i, j), j <= i, among the numbers of a covariance; of a correlation j < i.
static int at(int i, int j, bool diagonal)
{
    return diagonal ? i * (i + 1) / 2 + j : i * (i - 1) / 2 + j;
}

// Row i of the Cholesky factor from rows above it; the square of its diagonal (not positive: there is none).
static double factor_row(factor_t l, int i, const double *row, double corner)
{
    for (int j = 0; j < i; j++) {
        double sum = row[j];
        for (int m = 0; m < j; m++)
            sum -= l[i][m] * l[j][m];
        l[i][j] = sum / l[j][j];
        corner -= l[i][j] * l[i][j];
    }
    l[i][i] = sqrt(corner);
    return corner;
}

static bool factorise(int k, const double *x, bool diagonal, factor_t l)
{
    for (int i = 0; i < k; i++) {
        double square =
            factor_row(l, i, x + at(i, 0, diagonal), diagonal ? x[at(i, i, true)] : 1.0);
        if (!(square > 0.0) || !isfinite(square))
            return false;
    }
    return true;
}

bool covariance_holds(int k, const double *x)
{
    factor_t l;
    return factorise(k, x, true, l);
}

bool correlation_holds(int k, const double *x)
{
    factor_t l;
    return factorise(k, x, false, l);
}

double covariance_free(int k, const double *x, double *u)
{
    factor_t l;
    factorise(k, x, true, l);
    double log_slope = -M_LN2 * (double)k;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < i; j++)
            u[at(i, j, true)] = l[i][j];
        u[at(i, i, true)] = log(l[i][i]);
        log_slope -= (double)(k - i + 1) * log(l[i][i]);
    }
    return log_slope;
}

// What rounding took from the diagonal is given back, a few units in the last place at a time.
static void mend_corner(factor_t l, int i, double *row)
{
    double corner = row[i];
    for (double part = DBL_EPSILON; part < 1.0 && !(factor_row(l, i, row, row[i]) > 0.0);
         part *= 2.0)
        row[i] = fmax(corner * (1.0 + part), isnan(corner) ? NAN : DBL_MIN);
}

double covariance_restore(int k, const double *u, double *x)
{
    static const double most = 1e150, most_log = 340.0; // their squares are finite
    factor_t l, check;
    double log_slope = -M_LN2 * (double)k;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < i; j++)
            l[i][j] = clamp(u[at(i, j, true)], most);
        double log_diagonal = clamp(u[at(i, i, true)], most_log);
        l[i][i] = exp(log_diagonal);
        log_slope -= (double)(k - i + 1) * log_diagonal;
        for (int j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int m = 0; m <= j; m++)
                sum += l[i][m] * l[j][m];
            x[at(i, j, true)] = sum;
        }
        mend_corner(check, i, x + at(i, 0, true));
    }
    return log_slope;
}

// ln(1 - tanh(u)^2)
static double log_sech2(double u)
{
    return 2.0 * (M_LN2 - fabs(u) - log1p(exp(-2.0 * fabs(u))));
}

double correlation_free(int k, const double *x, double *u)
{
    factor_t l;
    factorise(k, x, false, l);
    double log_slope = 0.0;
    for (int i = 1; i < k; i++) {
        double left = 1.0; // h^2
        for (int j = 0; j < i; j++) {
            double h = sqrt(left), *to = &u[at(i, j, false)];
            left -= l[i][j] * l[i][j];
            *to = asinh(l[i][j] / sqrt(left));
            log_slope -= log(l[j][j]) + log(h) + log_sech2(*to);
        }
    }
    return log_slope;
}

// Towards the identity until the factor of what was rounded exists.
static void mend_correlation(int k, double *x)
{
    for (double part = DBL_EPSILON; part < 0.5 && !correlation_holds(k, x); part *= 2.0)
        for (int m = 0; m < k * (k - 1) / 2; m++)
            x[m] *= 1.0 - part;
}

double correlation_restore(int k, const double *u, double *x)
{
    factor_t l = {{1.0}};
    double log_diagonal[CONSTRAINED_MAX_SIDE] = {0.0}, log_slope = 0.0;
    for (int i = 1; i < k; i++) {
        double log_h = 0.0;
        for (int j = 0; j < i; j++) {
            double v = u[at(i, j, false)];
            l[i][j] = tanh(v) * exp(log_h);
            log_slope -= log_diagonal[j] + log_h + log_sech2(v);
            log_h += 0.5 * log_sech2(v);
        }
        log_diagonal[i] = log_h;
        l[i][i] = exp(log_h);
        for (int j = 0; j < i; j++) {
            double sum = 0.0;
            for (int m = 0; m <= j; m++)
                sum += l[i][m] * l[j][m];
            x[at(i, j, false)] = sum;
        }
    }
    mend_correlation(k, x);
    return log_slope;
}
