// SPDX-License-Identifier: Apache-2.0
#include "nn/bounds.h"

#include <math.h>

bool bounds_hold(double lower, double upper, double x)
{
    return x > lower && x < upper;
}

double bounds_free(double lower, double upper, double x, double *log_slope)
{
    bool low = isfinite(lower), high = isfinite(upper);
    double below = low ? log(x - lower) : 0.0, above = high ? log(upper - x) : 0.0;
    if (log_slope)
        *log_slope += (low && high ? log(upper - lower) : 0.0) - below - above;
    return low || high ? below - above : x;
}

static double between(double lower, double upper, double u)
{
    double e = exp(-fabs(u)), share = e / (1.0 + e);
    return u < 0.0 ? lower + (upper - lower) * share : upper - (upper - lower) * share;
}

double bounds_restore(double lower, double upper, double u)
{
    bool low = isfinite(lower), high = isfinite(upper);
    double x = u;
    if (low && high)
        x = between(lower, upper, u);
    else if (low)
        x = lower + exp(u);
    else if (high)
        x = upper - exp(-u);
    if (x <= lower)
        return nextafter(lower, INFINITY);
    return x >= upper ? nextafter(upper, -INFINITY) : x;
}
