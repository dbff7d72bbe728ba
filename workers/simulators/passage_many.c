// SPDX-License-Identifier: Apache-2.0
//
// With d = max(4 / x, pi^2 x), of which the first holds at x <= 2 / pi, both series are
//
//     f(x) = sqrt(2 / pi) min(x, 2 / pi)^(-3/2) exp(-d / 8) (1 - 3 q + 5 q^3), q = exp(-d)
//
// So a passage costs one exponential and one division: d is summed, the series are multiplied, and of min(x, 2 / pi) the
// exponents are summed and the mantissas multiplied, which in blocks of MOST passages cannot overflow.
#include "workers/simulators/passage_many.h"

#include "workers/simulators/lanes.h"

#include <math.h>

enum { MOST = 32 * LANES };

static const double pi = 3.14159265358979323846, split = 0.63661977236758134308; // 2 / pi
static const double log_first = -0.91893853320467274178;         // log(sqrt(2 / pi) / 2)
static const double log_series_none = -0.0010068944430656561154; // of 1 - 3 q + 5 q^3 at 0.5

typedef struct {
    double decay[LANES], x[LANES], lowest[LANES], series[LANES];
    double mantissas[LANES];   // the product of those of min(x, split)
    uint64_t exponents[LANES]; // the sum of theirs, of each 1023 more
} sums_t;

VEC_INLINE void start_sums(sums_t *s)
{
    *s = (sums_t){0};
    for (int l = 0; l < LANES; l++) {
        s->series[l] = s->mantissas[l] = 1.0;
        s->lowest[l] = INFINITY;
    }
}

// x times d log f / dx = (d / 8 - 3 / 2) - d w or -(d / 8 - d w), w = q (3 - 15 q^2) / (1 - 3 q + 5 q^3).
VEC_INLINE double pull_of(double x, double decay, double q, double series)
{
    double pull = decay * (0.125 - q * (3.0 - 15.0 * q * q) / series);
    return lane_choose(x <= split, pull - 1.5, -pull);
}

VEC_INLINE void add_power(sums_t *s, int l, double x)
{
    uint64_t bits = lane_bits(x);
    s->exponents[l] += bits >> 52;
    s->mantissas[l] *= lane_from_bits((bits & 0xfffffffffffff) | 0x3ff0000000000000);
}

// Returns the passage's pull.
VEC_INLINE double add_lane(sums_t *s, int l, double x, int slopes)
{
    double first = 4.0 / x, second = pi * pi * x,
           decay = lane_choose(first > second, first, second);
    double q = lane_exp(-lane_min(decay, 50.0)), series = 1.0 - q * (3.0 - 5.0 * q * q);
    s->decay[l] += decay;
    s->x[l] += x;
    s->lowest[l] = x < s->lowest[l] ? x : s->lowest[l];
    s->series[l] *= series;
    add_power(s, l, lane_choose(x <= split, x, split));
    return slopes ? pull_of(x, decay, q, series) : 0.0;
}

VEC_INLINE void add_lanes(sums_t *s, const double *x, double *pull)
{
    double of[LANES];
    for (int l = 0; l < LANES; l++)
        of[l] = add_lane(s, l, x[l], pull != NULL);
    if (pull != NULL)
        memcpy(pull, of, sizeof of);
}

// The n < LANES last ones.
VEC_INLINE void add_rest(sums_t *s, int n, const double *x, double *pull)
{
    double some[LANES], of[LANES];
    for (int l = 0; l < LANES; l++)
        some[l] = l < n ? x[l] : PASSAGE_MANY_NONE;
    add_lanes(s, some, pull != NULL ? of : NULL);
    if (pull != NULL)
        memcpy(pull, of, (size_t)n * sizeof *pull);
}

VEC_INLINE void sum_lanes(sums_t *s, int n, const double *x, double *pull)
{
    int i = 0;
    start_sums(s);
    for (; i + LANES <= n; i += LANES)
        add_lanes(s, x + i, pull != NULL ? pull + i : NULL);
    if (i < n)
        add_rest(s, n - i, x + i, pull != NULL ? pull + i : NULL);
}

// The sum of log min(x, split), which is a product's and an exponent's.
VEC_INLINE double log_power(const sums_t *s, int lanes, int none, double *product)
{
    double exponents = none - 1023.0 * lanes; // 0.5 = 2^-1
    for (int l = 0; l < LANES; l++)
        exponents += (double)s->exponents[l];
    *product = lanes_product(s->mantissas);
    return M_LN2 * exponents;
}

// Adds n <= MOST passages, less `none`. At 0.5 d is 8, and the power of x is one of 2: what these add is taken off exactly.
VEC_INLINE void add_block(passage_many_t *total, int n, const double *x, int none, double *pull)
{
    sums_t s;
    int lanes = LANES * ((n + LANES - 1) / LANES), off = lanes - n + none;
    sum_lanes(&s, n, x, pull);
    double series = lanes_product(s.series), near, power = log_power(&s, lanes, off, &near);
    total->outside |= !(lanes_least(s.lowest) > 1e-100 && lanes_sum(s.x) < 1e100);
    total->log_density += (lanes - off) * log_first - 0.125 * (lanes_sum(s.decay) - 8.0 * off) -
                          1.5 * power + 0.5 * log(series * series / (near * near * near)) -
                          off * log_series_none;
}

VEC_KERNEL passage_many_t passage_many(int n, const double *x, int none, double *pull)
{
    passage_many_t total = {0};
    for (int i = 0; i < n; i += MOST) {
        int some = n - i < MOST ? n - i : MOST;
        if (pull != NULL)
            add_block(&total, some, x + i, i == 0 ? none : 0, pull + i);
        else
            add_block(&total, some, x + i, i == 0 ? none : 0, NULL);
    }
    return total;
}
