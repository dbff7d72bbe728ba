// SPDX-License-Identifier: Apache-2.0
#include "workers/simulators/passage.h"

#include <math.h>

enum { TERMS = 4 }; // of the distribution's series

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

double passage_density(double x, double m, double *power)
{
    double q, factor;
    if (x <= split) {
        double inverse = 1.0 / x;
        q = exp(-4.0 * inverse);
        factor = 0.79788456080286535588 * inverse * sqrt(inverse); // sqrt(2 / pi)
        *power = -0.5 * inverse;
    } else {
        q = exp(-pi * pi * x);
        factor = 0.5 * pi;
        *power = -pi * pi / 8.0 * x;
    }
    *power += m - 0.5 * m * m * x;
    return 0.5 * factor * (1.0 - q * (3.0 - 5.0 * q * q));
}

// Both series are g(x) (1 - 3 q + 5 q^3), with q' = 4 q / x^2 or -pi^2 q.
double passage_slope(double x)
{
    int small = x <= split;
    double inverse = 1.0 / x, q = exp(small ? -4.0 * inverse : -pi * pi * x);
    double first = small ? inverse * (0.5 * inverse - 1.5) : -pi * pi / 8.0;
    double by_x = small ? 4.0 * inverse * inverse : -pi * pi;
    return first - by_x * q * (3.0 - 15.0 * q * q) / (1.0 - q * (3.0 - 5.0 * q * q));
}

// exp(power) P(normal < u), where power may be large and the probability small.
static double tail_times(double power, double u)
{
    double p = 0.5 * erfc(-u * M_SQRT1_2);
    return p > 0.0 ? exp(power + log(p)) : 0.0;
}

// Mirror images of the start at distances c = 1, 3, 5 ...: the passage to one of them before x has the probability
// exp(-c m) N((m x - c) / sqrt x) + exp(c m) N(-(m x + c) / sqrt x), here times 2 cosh m = exp(m) (1 + exp(-2 m)).
static passage_sides_t sides_small(double x, double m)
{
    double root = sqrt(x), fold = 1.0 + exp(-2.0 * m), below = 0.0, pull = 0.0;
    for (int n = 0; n < TERMS; n++) {
        double c = 2 * n + 1, sign = n % 2 ? -1.0 : 1.0;
        double there = tail_times(m - c * m, (m * x - c) / root);
        double back = tail_times(m + c * m, -(m * x + c) / root);
        below += sign * (there + back);
        pull += sign * c * (there - back);
    }
    return (passage_sides_t){.below = fold * below,
                             .above = 1.0 - fold * below,
                             .below_m = fold * (tanh(m) * below - pull)};
}

// Eigenfunctions decay at rates (m^2 + (2 n + 1)^2 pi^2 / 4) / 2; cosh m = exp(m) (1 + exp(-2 m)) / 2.
static passage_sides_t sides_large(double x, double m)
{
    double fold = 0.5 * (1.0 + exp(-2.0 * m)), above = 0.0, slower = 0.0;
    for (int n = 0; n < TERMS; n++) {
        double odd = (2 * n + 1) * 0.5 * pi, rate = 0.5 * (m * m + odd * odd);
        double term = (n % 2 ? -odd : odd) / rate * exp(m - rate * x);
        above += term;
        slower += term * (1.0 / rate + x);
    }
    return (passage_sides_t){.below = 1.0 - fold * above,
                             .above = fold * above,
                             .below_m = -fold * (tanh(m) * above - m * slower)};
}

passage_sides_t passage_sides(double x, double m)
{
    double power, drift = fabs(m);
    double factor = passage_density(x, drift, &power);
    passage_sides_t sides = x <= split ? sides_small(x, drift) : sides_large(x, drift);
    sides.density = factor * exp(power) * (1.0 + exp(-2.0 * drift));
    sides.below_m = m < 0.0 ? -sides.below_m : sides.below_m;
    return sides;
}
