// SPDX-License-Identifier: Apache-2.0
#include "workers/simulators/passage.h"

#include <math.h>

enum { TERMS = 4 };                    // of the distribution's series
static const double negligible = 42.0; // terms below exp(-42) = 6e-19 of the first are left out

static const double pi = 3.14159265358979323846, split = 0.63661977236758134308; // 2 / pi

void passage_draws(const infermill_host_t *host, infermill_random_t *random, passage_draws_t *out)
{
    out->host = host;
    out->random = random;
    out->used = PASSAGE_BUFFER;
}

double passage_uniform(passage_draws_t *draws)
{
    if (draws->used == PASSAGE_BUFFER) {
        draws->host->fill_uniform(draws->random, PASSAGE_BUFFER, draws->uniform);
        draws->used = 0;
    }
    return draws->uniform[draws->used++];
}

// Masses of the two first terms, both times exp(z) / cosh(z). Beyond z = 30 the upper one is below 1e-100.
passage_law_t passage_law(double z)
{
    passage_law_t law = {.z = z, .rate = pi * pi / 8.0 + z * z / 2.0, .small = 1.0};
    if (z < 30.0) {
        double root = sqrt(2.0 * split);
        double below =
            erfc((1.0 - split * z) / root) + exp(2.0 * z) * erfc((1.0 + split * z) / root);
        double above = pi / (2.0 * law.rate) * exp(z - law.rate * split);
        law.small = below / (below + above);
    }
    return law;
}

// Density ~ x^(-3/2) exp(-1 / (2 x) - z^2 x / 2) on (0, split), for small z: 1 / x is the square of a normal in its tail
// (Marsaglia 1964), thinned by exp(-z^2 x / 2).
static double small_exit_tail(double z, passage_draws_t *draws)
{
    for (;;) {
        double stretch = 1.0 - 2.0 * split * log(passage_uniform(draws));
        double x = split / stretch, u = passage_uniform(draws), tilt = 0.5 * z * z * x;
        double level = u * u * stretch, keep = 1.0 - 2.0 * tilt;
        if (level <= keep || (level <= 1.0 && level <= exp(-2.0 * tilt)))
            return x;
    }
}

// The same for large z, where it is an inverse Gaussian of mean 1 / z that rarely passes the split (Michael, Schucany
// and Haas 1976; the root is written without cancellation).
static double small_exit_inverse_gaussian(double z, passage_draws_t *draws)
{
    for (;;) {
        double normal = draws->host->normal(draws->random), w = normal * normal / z;
        double ratio = 1.0 / (1.0 + 0.5 * w + sqrt(w + 0.25 * w * w));
        double x = passage_uniform(draws) * (1.0 + ratio) <= 1.0 ? ratio / z : 1.0 / (ratio * z);
        if (x < split)
            return x;
    }
}

// Is u below the alternating series relative to its first term? Its partial sums bound it from both sides.
static int below_series(double u, double x)
{
    if (u < 0.9943) // 1 - 3 exp(-2 pi), the smallest second partial sum
        return 1;
    double decay = x < split ? 4.0 / x : pi * pi * x, sum = 1.0;
    for (int n = 1;; n++) {
        double term = (2 * n + 1) * exp(-0.5 * decay * n * (n + 1));
        sum += n % 2 ? -term : term;
        if (n % 2 && u <= sum)
            return 1;
        if (n % 2 == 0 && u > sum)
            return 0;
    }
}

double passage_time(const passage_law_t *law, passage_draws_t *draws)
{
    for (;;) {
        double u = passage_uniform(draws),
               x; // chooses the piece; what is left of it is uniform again
        if (u < law->small) {
            u /= law->small;
            x = law->z * split < 1.0 ? small_exit_tail(law->z, draws)
                                     : small_exit_inverse_gaussian(law->z, draws);
        } else {
            u = (u - law->small) / (1.0 - law->small);
            x = split - log(passage_uniform(draws)) / law->rate;
        }
        if (below_series(u, x))
            return x;
    }
}

static double series(double q)
{
    return 1.0 - q * (3.0 - 5.0 * q * q);
}

// Half of sqrt(2 / pi) x^(-3/2) (1 - 3 q + 5 q^3).
static double small_series(double inverse, double q)
{
    return 0.39894228040143267794 * inverse * sqrt(inverse) * series(q);
}

double passage_density(double x, double m, double *power)
{
    double inverse = 1.0 / x, drift = m - 0.5 * m * m * x;
    if (x <= split) {
        *power = -0.5 * inverse + drift;
        return small_series(inverse, exp(-4.0 * inverse));
    }
    *power = -pi * pi / 8.0 * x + drift;
    return 0.25 * pi * series(exp(-pi * pi * x));
}

// exp(w^2) P(normal > w sqrt 2), which is exp(w^2) erfc(w) / 2, at w >= 0: 3 / (3 + w) times a polynomial (a Chebyshev fit) in
// t = (3 - w) / (3 + w), with a relative error below 1e-15. Even and odd coefficients side by side.
static double scaled_tail(double w)
{
    static const double even[] = {
        0x1.6e9827d229d2dp-3,   0x1.92ede1b27d942p-4,   0x1.4663f6120b9ebp-6,
        -0x1.a7c533f2305b0p-13, -0x1.7f4bd9bd9928fp-14, 0x1.2cc3b6f85429fp-16,
        -0x1.86d51bc0b8dc3p-19, 0x1.ef4ed649f5829p-22,  -0x1.26b22025824a5p-24,
        0x1.1e171672aee52p-27,  -0x1.46efc789739f5p-31, 0x1.4646113de1ee7p-40};
    static const double odd[] = {
        0x1.2d882f67c6cdep-3,   0x1.a7e42c572a1fdp-5,   0x1.2506628d2bf9fp-8,
        -0x1.091ed0b2646dcp-11, 0x1.82f658cf88177p-15,  -0x1.53f5991f43920p-18,
        0x1.a828f24f9a130p-21,  -0x1.602b85de6add1p-23, 0x1.3703192796a79p-25,
        -0x1.c4ab914465d56p-28, 0x1.7143b50f40a4ep-31,  0.0};
    double s = 3.0 / (3.0 + w), t = 2.0 * s - 1.0, z = t * t, p = even[11], q = odd[10];
    for (int k = 10; k >= 0; k--)
        p = p * z + even[k];
    for (int k = 9; k >= 0; k--)
        q = q * z + odd[k];
    return s * (p + t * q);
}

// Mirror images of the start at distances c = 1, 3, 5 ...: the passage to one of them before x has the probability
// exp(-c m) N((m x - c) / sqrt x) + exp(c m) N(-(m x + c) / sqrt x), here times 2 cosh m = exp(m) (1 + exp(-2 m)). Of both terms
// the tails' own powers leave exp(m - m^2 x / 2 - c^2 / (2 x)), which from c = 1 to the next ones falls by q, q^3, q^6.
static passage_sides_t sides_small(const passage_drift_t *drift, double x)
{
    double m = fabs(drift->m), fold = drift->fold;
    double root = sqrt(2.0 * x), first = (1.0 - m * x) / root, q = exp(-4.0 / x);
    double lead = exp(-first * first), weight = lead, step = q, below = 0.0, pull = 0.0;
    for (int n = 0; n < TERMS && 2 * n * (n + 1) < negligible * x; n++) {
        double c = 2 * n + 1, sign = n % 2 ? -1.0 : 1.0, near = (c - m * x) / root;
        double tail = weight * scaled_tail(fabs(near)),
               there = near < 0.0 ? exp(m - c * m) - tail : tail;
        double back = weight * scaled_tail((c + m * x) / root);
        below += sign * (there + back);
        pull += sign * c * (there - back);
        weight *= step;
        step *= q;
    }
    return (passage_sides_t){.below = fold * below,
                             .above = 1.0 - fold * below,
                             .below_m = fold * (drift->tanh * below - pull),
                             .density = fold * lead * small_series(1.0 / x, q)};
}

// Eigenfunctions decay at rates (m^2 + (2 n + 1)^2 pi^2 / 4) / 2; cosh m = exp(m) (1 + exp(-2 m)) / 2.
static passage_sides_t sides_large(const passage_drift_t *drift, double x)
{
    double m = fabs(drift->m), fold = 0.5 * drift->fold;
    double above = 0.0, slower = 0.0, density = 0.0;
    for (int n = 0; n < TERMS && 0.5 * pi * pi * n * (n + 1) * x < negligible; n++) {
        double odd = (2 * n + 1) * 0.5 * pi, rate = 0.5 * (m * m + odd * odd);
        double flow = (n % 2 ? -odd : odd) * exp(m - rate * x), term = flow / rate;
        density += flow;
        above += term;
        slower += term * (1.0 / rate + x);
    }
    return (passage_sides_t){.below = 1.0 - fold * above,
                             .above = fold * above,
                             .below_m = -fold * (drift->tanh * above - m * slower),
                             .density = fold * density};
}

passage_drift_t passage_drift(double m)
{
    double back = exp(-2.0 * fabs(m));
    return (passage_drift_t){
        .m = m, .back = back, .fold = 1.0 + back, .tanh = (1.0 - back) / (1.0 + back)};
}

passage_sides_t passage_sides(const passage_drift_t *drift, double x)
{
    passage_sides_t sides = x <= split ? sides_small(drift, x) : sides_large(drift, x);
    sides.below_m = drift->m < 0.0 ? -sides.below_m : sides.below_m;
    return sides;
}
