// SPDX-License-Identifier: Apache-2.0
#include "nn/step_norm.h"

#include <math.h>
#include <stdlib.h>

// -1: the draw was lost before this step.
static double error_of(const step_tolerance_t *tolerance, int64_t d, const double *x,
                       const double *y, const double *e)
{
    double sum = 0.0;
    for (int64_t j = 0; j < d; j++) {
        double size = fmax(fabs(x[j]), fabs(y[j]));
        double ratio = e[j] / (tolerance->atol + tolerance->rtol * size);
        if (!isfinite(x[j]))
            return -1.0;
        sum += isfinite(y[j]) ? ratio * ratio : INFINITY;
    }
    return isnan(sum) ? INFINITY : sqrt(sum / (double)d);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double step_norm(const step_tolerance_t *tolerance, int64_t n, int64_t d, const double *x,
                 const double *y, const double *e, double *work)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        double error = error_of(tolerance, d, x + i * d, y + i * d, e + i * d);
        if (error >= 0.0)
            work[count++] = error;
    }
    if (count == 0)
        return 0.0;
    qsort(work, (size_t)count, sizeof *work, by_size);
    return work[(int64_t)ceil(tolerance->quantile * (double)count) - 1];
}
