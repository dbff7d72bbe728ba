// SPDX-License-Identifier: Apache-2.0
//
// Drift diffusion: evidence starts midway between two boundaries that lie `a` apart, drifts by v a second with unit
// diffusion, and the boundary it meets first is the answer. A trial is a signed reaction time: + the upper boundary.
//
//     y = +-(t0 + T), T the first-passage time; with probability 0.05 (a lapse) |y| ~ U(0, 5), sign by a fair coin
//     v ~ N(0, 2)   a ~ Gamma(6, scale 0.3)   t0 ~ Gamma(4, scale 0.1)   n uniform on 50..400
//
// From the middle the answer does not depend on T and is + with probability 1 / (1 + exp(-a v)). In units of (a / 2)^2
// seconds T is the exit time x of (-1, 1) with drift m = a v / 2; its density is cosh(m) exp(-m^2 x / 2) f(x), where f,
// the density without drift, has two alternating series (one for small x, one for large). At x = 2 / pi both have the
// same ratios of terms, with q = exp(-4 / x) or exp(-pi^2 x):
//
//     f(x) = sqrt(2 / pi) x^(-3/2) exp(-1 / (2 x)) (1 - 3 q + 5 q^3 - 7 q^6 ...)   x <= 2 / pi
//          = pi / 2               exp(-pi^2 x / 8) (1 - 3 q + 5 q^3 - 7 q^6 ...)   x >  2 / pi
//
// Sampling is exact: rejection from the first terms on the alternating series (Devroye 2009, "On exact simulation
// algorithms for some distributions related to Jacobi theta functions"; with drift Polson, Scott and Windle 2013,
// "Bayesian inference for logistic models using Polya-Gamma latent variables").
#include "workers/simulators/simulators.h"

#include <math.h>

enum { V, A, T0, N_PARAMETERS };
enum { SMALLEST_N = 50, LARGEST_N = 400, BUFFER = 128 };

static const double sd_v = 2.0, shape_a = 6.0, scale_a = 0.3, shape_t0 = 4.0, scale_t0 = 0.1;
static const double lapse = 0.05, slowest_lapse = 5.0;
static const double log_sqrt_2pi = 0.91893853320467274178;
static const double pi = 3.14159265358979323846, split = 0.63661977236758134308; // 2 / pi

static const infermill_parameter_t parameters[N_PARAMETERS] = {
    {.name = "v", .lower = -INFINITY, .upper = INFINITY},
    {.name = "a", .lower = 0.0, .upper = INFINITY},
    {.name = "t0", .lower = 0.0, .upper = INFINITY},
};

static const infermill_design_t designs[] = {
    {.name = "n", .lower = SMALLEST_N, .upper = LARGEST_N, .integer = 1},
};

static const infermill_observable_t observables[] = {
    {
        .name = "y",
        .kind = INFERMILL_SET,
        .n_dims = 2,
        .dims = {LARGEST_N, 1},
        .dim_design = {0, -1, -1},
        .lower = -INFINITY,
        .upper = INFINITY,
    },
};

// Uniform numbers, fetched in runs.
typedef struct {
    const infermill_host_t *host;
    infermill_random_t *random;
    int used;
    double uniform[BUFFER];
} draws_t;

// The proposal for the exit time of (-1, 1) with drift +-z: the first term of either series.
typedef struct {
    double z, rate;
    double small; // probability of a proposal below the split
} exit_law_t;

static double uniform(draws_t *draws)
{
    if (draws->used == BUFFER) {
        draws->host->fill_uniform(draws->random, BUFFER, draws->uniform);
        draws->used = 0;
    }
    return draws->uniform[draws->used++];
}

// Masses of the two first terms, both times exp(z) / cosh(z). Beyond z = 30 the upper one is below 1e-100.
static exit_law_t exit_law(double z)
{
    exit_law_t law = {.z = z, .rate = pi * pi / 8.0 + z * z / 2.0, .small = 1.0};
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
static double small_exit_tail(double z, draws_t *draws)
{
    for (;;) {
        double stretch = 1.0 - 2.0 * split * log(uniform(draws));
        double x = split / stretch, u = uniform(draws), tilt = 0.5 * z * z * x;
        double level = u * u * stretch, keep = 1.0 - 2.0 * tilt;
        if (level <= keep || (level <= 1.0 && level <= exp(-2.0 * tilt)))
            return x;
    }
}

// The same for large z, where it is an inverse Gaussian of mean 1 / z that rarely passes the split (Michael, Schucany
// and Haas 1976; the root is written without cancellation).
static double small_exit_inverse_gaussian(double z, draws_t *draws)
{
    for (;;) {
        double normal = draws->host->normal(draws->random), w = normal * normal / z;
        double ratio = 1.0 / (1.0 + 0.5 * w + sqrt(w + 0.25 * w * w));
        double x = uniform(draws) * (1.0 + ratio) <= 1.0 ? ratio / z : 1.0 / (ratio * z);
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

static double exit_time(const exit_law_t *law, draws_t *draws)
{
    for (;;) {
        double u = uniform(draws), x; // chooses the piece; what is left of it is uniform again
        if (u < law->small) {
            u /= law->small;
            x = law->z * split < 1.0 ? small_exit_tail(law->z, draws)
                                     : small_exit_inverse_gaussian(law->z, draws);
        } else {
            u = (u - law->small) / (1.0 - law->small);
            x = split - log(uniform(draws)) / law->rate;
        }
        if (below_series(u, x))
            return x;
    }
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *theta)
{
    (void)state, (void)design;
    theta[V] = sd_v * host->normal(random);
    theta[A] = scale_a * host->gamma(random, shape_a);
    theta[T0] = scale_t0 * host->gamma(random, shape_t0);
}

static int possible(const double *theta)
{
    return isfinite(theta[V] * theta[A]) && theta[A] > 0.0 && isfinite(theta[A]) &&
           theta[T0] >= 0.0 && isfinite(theta[T0]);
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *design, float *const *out)
{
    (void)state;
    if (!possible(theta)) {
        host->explain(random, "v must be finite, a positive and t0 not negative");
        return 1;
    }
    draws_t draws = {.host = host, .random = random, .used = BUFFER};
    exit_law_t law = exit_law(0.5 * theta[A] * fabs(theta[V]));
    double unit = 0.25 * theta[A] * theta[A];
    double upper = lapse + (1.0 - lapse) / (1.0 + exp(-theta[A] * theta[V]));
    int n = (int)design[0];
    for (int i = 0; i < n; i++) {
        double u = uniform(&draws);
        int lapsed = u < lapse, positive = lapsed ? u < 0.5 * lapse : u < upper;
        double time =
            lapsed ? slowest_lapse * uniform(&draws) : theta[T0] + unit * exit_time(&law, &draws);
        out[0][i] = (float)(positive ? time : -time);
    }
    return 0;
}

static double log_gamma_density(double x, double shape, double scale, double log_gamma_of_shape)
{
    return (shape - 1.0) * log(x) - x / scale - shape * log(scale) - log_gamma_of_shape;
}

static double log_prior(void *state, const double *theta, const double *design)
{
    (void)state, (void)design;
    if (!(possible(theta) && theta[T0] > 0.0))
        return -INFINITY;
    double z = theta[V] / sd_v;
    return -0.5 * z * z - log_sqrt_2pi - log(sd_v) +
           log_gamma_density(theta[A], shape_a, scale_a, log(120.0)) +
           log_gamma_density(theta[T0], shape_t0, scale_t0, log(6.0));
}

// The first-passage density at x (in units of (a / 2)^2) through the boundary on the side of m, as factor * exp(*power).
// Choosing the series by x as Navarro and Fuss (2009, "Fast and accurate calculations for first-passage times in Wiener
// diffusion models") do, three terms and the midway start leave a relative error below 7 exp(-12 pi) = 3e-16.
static double passage(double x, double m, double *power)
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

// log of the density of one signed reaction time, as the log of a product: returns the factor, adds the rest to *logs.
static double trial_density(const double *theta, double y, double *logs)
{
    double time = fabs(y), m = 0.5 * theta[A] * theta[V], unit = 0.25 * theta[A] * theta[A];
    double x = (time - theta[T0]) / unit, power = 0.0, factor = 0.0;
    if (x > 1e-100 && x < 1e100)
        factor = (1.0 - lapse) * passage(x, y < 0.0 ? -m : m, &power) / unit;
    if (time <= slowest_lapse)
        return (factor > 0.0 ? factor * exp(power) : 0.0) + 0.5 * lapse / slowest_lapse;
    *logs += power;
    return factor;
}

static double log_likelihood(void *state, const double *theta, const double *design,
                             const float *const *in)
{
    (void)state;
    if (!possible(theta))
        return -INFINITY;
    double logs = 0.0, product = 1.0;
    int n = (int)design[0];
    for (int i = 0; i < n; i++) {
        product *= trial_density(theta, in[0][i], &logs);
        if (!(product > 1e-100 && product < 1e100)) {
            logs += log(product);
            product = 1.0;
        }
    }
    return logs + log(product);
}

const infermill_simulator_t ddm_simulator = {
    .abi = INFERMILL_ABI,
    .size = sizeof(infermill_simulator_t),
    .name = "ddm",
    .version = "1",
    .description = "Signed reaction times of two-choice decisions: drift diffusion with 5 % lapses",
    .n_parameters = N_PARAMETERS,
    .n_observables = 1,
    .n_design = 1,
    .parameters = parameters,
    .observables = observables,
    .design = designs,
    .prior = prior,
    .simulate = simulate,
    .log_prior = log_prior,
    .log_likelihood = log_likelihood,
};
