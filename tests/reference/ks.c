// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/ks.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double ks_distance(int64_t n, double *x, double (*cdf)(const void *context, double x),
                   const void *context)
{
    double largest = 0.0;
    qsort(x, (size_t)n, sizeof *x, ascending);
    for (int64_t i = 0; i < n; i++) {
        double f = cdf(context, x[i]);
        largest = fmax(largest, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    return sqrt((double)n) * largest;
}
