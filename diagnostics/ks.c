// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ks.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* 2 sum over k >= 1 of (-1)^(k-1) exp(-2 k^2 t^2). Below t = 0.2 it is 1 to twelve digits, and the sum would be long. */
static double kolmogorov(double t)
{
    double p = 0;
    if (t < 0.2)
        return 1;
    for (int k = 1; k <= 40; k++)
        p += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * t * t);
    return fmin(1, fmax(0, p));
}

static double largest_difference(int64_t n, const double *x, int64_t m, const double *y)
{
    double largest = 0;
    for (int64_t i = 0, j = 0; i < n && j < m;) {
        double at = fmin(x[i], y[j]);
        while (i < n && x[i] <= at)
            i++;
        while (j < m && y[j] <= at)
            j++;
        largest = fmax(largest, fabs((double)i / (double)n - (double)j / (double)m));
    }
    return largest;
}

/* Stephens 1970, "Use of the Kolmogorov-Smirnov, Cramer-von Mises and related statistics without extensive tables". */
ks_t ks_two_samples(int64_t n, double *x, int64_t m, double *y)
{
    if (n == 0 || m == 0)
        return (ks_t){NAN, NAN};
    qsort(x, (size_t)n, sizeof *x, by_value);
    qsort(y, (size_t)m, sizeof *y, by_value);
    double d = largest_difference(n, x, m, y);
    double root = sqrt((double)n * (double)m / (double)(n + m));
    return (ks_t){d, kolmogorov(d * (root + 0.12 + 0.11 / root))};
}
