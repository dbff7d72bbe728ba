// SPDX-License-Identifier: Apache-2.0
// Counts are drawn by transformed rejection against log densities in the saddle-point form of Loader (2000), "Fast and
// accurate computation of binomial probabilities", which loses no digits however large the count is.
#include "cluster/rng.h"

#include "cluster/err.h"
#include "cluster/saddle.h"

#include <Random123/philox.h>

static const double COUNT_MAX = (double)RNG_COUNT_MAX;

rng_t rng_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (rng_t){.key = seed, .index = index, .stream = stream, .used = RNG_WORDS};
}

void rng_refill(rng_t *r)
{
    philox4x64_ctr_t counter = {{r->index, r->stream, r->block++, 0}};
    philox4x64_key_t key = {{r->key, 0}};
    philox4x64_ctr_t out = philox4x64_R(10, counter, key);
    for (int i = 0; i < RNG_WORDS; i++)
        r->word[i] = out.v[i];
    r->used = 0;
}

uint64_t rng_below(rng_t *r, uint64_t n)
{
    CHECK(n > 0, "rng_below: n is 0");
    unsigned __int128 product = (unsigned __int128)rng_u64(r) * n;
    if ((uint64_t)product < n) {
        uint64_t biased = -n % n; // 2^64 mod n
        while ((uint64_t)product < biased)
            product = (unsigned __int128)rng_u64(r) * n;
    }
    return (uint64_t)(product >> 64);
}

int64_t rng_integer(rng_t *r, int64_t low, int64_t high)
{
    CHECK(low <= high, "rng_integer: %lld > %lld", (long long)low, (long long)high);
    uint64_t span = (uint64_t)high - (uint64_t)low + 1; // 0: all of 64 bits
    uint64_t offset = span == 0 ? rng_u64(r) : rng_below(r, span);
    return (int64_t)((uint64_t)low + offset);
}

double rng_normal(rng_t *r)
{
    if (r->has_spare) {
        r->has_spare = 0;
        return r->spare;
    }
    double x, y, s;
    do {
        x = 2 * rng_uniform(r) - 1;
        y = 2 * rng_uniform(r) - 1;
        s = x * x + y * y;
    } while (s >= 1);
    double scale = sqrt(-2 * log(s) / s);
    r->spare = y * scale;
    r->has_spare = 1;
    return x * scale;
}

/* shape >= 1 */
static double gamma_large(rng_t *r, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(r), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        double u = rng_uniform(r), x2 = x * x;
        if (u < 1 - 0.0331 * x2 * x2 || log(u) < 0.5 * x2 + d * (1 - v + log(v)))
            return d * v;
    }
}

double rng_gamma(rng_t *r, double shape)
{
    CHECK(shape > 0 && isfinite(shape), "rng_gamma: shape %g", shape);
    if (shape >= 1)
        return gamma_large(r, shape);
    double base = gamma_large(r, shape + 1);
    return base * exp(-rng_exponential(r) / shape);
}

/* log of a gamma draw: small shapes underflow on the plain scale */
static double log_gamma_draw(rng_t *r, double shape)
{
    if (shape >= 1)
        return log(gamma_large(r, shape));
    double base = gamma_large(r, shape + 1);
    return log(base) - rng_exponential(r) / shape;
}

double rng_beta(rng_t *r, double a, double b)
{
    CHECK(a > 0 && b > 0 && isfinite(a) && isfinite(b), "rng_beta: a %g, b %g", a, b);
    double log_x = log_gamma_draw(r, a);
    return 1 / (1 + exp(log_gamma_draw(r, b) - log_x));
}

double rng_student_t(rng_t *r, double degrees)
{
    CHECK(degrees > 0 && isfinite(degrees), "rng_student_t: degrees %g", degrees);
    double z = rng_normal(r);
    return z * sqrt(degrees / 2) * exp(-0.5 * log_gamma_draw(r, degrees / 2));
}

double rng_cauchy(rng_t *r)
{
    return tan(M_PI * (rng_uniform(r) - 0.5));
}

static double log_poisson(double k, double mean)
{
    if (k == 0)
        return -mean;
    return -saddle_stirling_error(k) - saddle_deviance(k, mean) - 0.5 * log(2 * M_PI * k);
}

/* 0 < p < 1 */
static double log_binomial(double k, double n, double p)
{
    if (k == 0)
        return n * log1p(-p);
    if (k == n)
        return n * log(p);
    double rest = n - k;
    return saddle_stirling_error(n) - saddle_stirling_error(k) - saddle_stirling_error(rest) -
           saddle_deviance(k, n * p) - saddle_deviance(rest, n * (1 - p)) -
           0.5 * log(2 * M_PI * k * (rest / n));
}

/* The candidate of transformed rejection: floor of a table-mountain shaped variate round `centre`. */
typedef struct {
    double k, v, us;
} candidate_t;

static candidate_t mountain(rng_t *r, double a, double b, double centre)
{
    double u = rng_uniform(r) - 0.5, us = 0.5 - fabs(u);
    return (candidate_t){floor((2 * a / us + b) * u + centre), rng_uniform(r), us};
}

static double poisson_rejection(rng_t *r, double mean)
{
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        candidate_t c = mountain(r, a, b, mean + 0.43);
        if (c.us >= 0.07 && c.v <= squeeze)
            return c.k;
        if (c.k < 0 || (c.us < 0.013 && c.v > c.us))
            continue;
        if (log(c.v * inverse_alpha / (a / (c.us * c.us) + b)) <= log_poisson(c.k, mean))
            return c.k;
    }
}

int64_t rng_poisson(rng_t *r, double mean)
{
    CHECK(mean >= 0, "rng_poisson: mean %g", mean);
    if (mean >= COUNT_MAX)
        return RNG_COUNT_MAX;
    if (mean >= 10)
        return (int64_t)fmin(poisson_rejection(r, mean), COUNT_MAX);
    int64_t k = -1; // events of a unit-rate process before time `mean`
    double limit = exp(-mean);
    for (double product = 1; product > limit || k < 0; k++)
        product *= rng_uniform(r);
    return k;
}

static double binomial_rejection(rng_t *r, double n, double p)
{
    double sd = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * sd, a = -0.0873 + 0.0248 * b + 0.01 * p;
    double alpha = (2.83 + 5.1 / b) * sd, squeeze = 0.92 - 4.2 / b;
    double log_mode = log_binomial(floor((n + 1) * p), n, p);
    for (;;) {
        candidate_t c = mountain(r, a, b, n * p + 0.5);
        if (c.k < 0 || c.k > n)
            continue;
        if (c.us >= 0.07 && c.v <= squeeze)
            return c.k;
        if (log(c.v * alpha / (a / (c.us * c.us) + b)) <= log_binomial(c.k, n, p) - log_mode)
            return c.k;
    }
}

/* Sequential inversion, for n p < 10; starts again where rounding has eaten the last of u. */
static double binomial_inversion(rng_t *r, double n, double p)
{
    double odds = p / (1 - p), none = exp(n * log1p(-p));
    for (;;) {
        double u = rng_uniform(r), probability = none;
        for (double k = 0; k <= n && k < 200; k++) {
            if (u <= probability)
                return k;
            u -= probability;
            probability *= odds * (n - k) / (k + 1);
        }
    }
}

int64_t rng_binomial(rng_t *r, int64_t n, double p)
{
    CHECK(n >= 0 && p >= 0 && p <= 1, "rng_binomial: n %lld, p %g", (long long)n, p);
    if (p > 0.5)
        return n - rng_binomial(r, n, 1 - p);
    if (n == 0 || p == 0)
        return 0;
    double size = (double)n, mean = size * p;
    double k = mean < 10 ? binomial_inversion(r, size, p) : binomial_rejection(r, size, p);
    return k < size ? (int64_t)k : n;
}

int64_t rng_negative_binomial(rng_t *r, double size, double p)
{
    CHECK(size > 0 && isfinite(size) && p > 0 && p <= 1, "rng_negative_binomial: size %g, p %g",
          size, p);
    return p == 1 ? 0 : rng_poisson(r, rng_gamma(r, size) * ((1 - p) / p));
}

int64_t rng_geometric(rng_t *r, double p)
{
    CHECK(p > 0 && p <= 1, "rng_geometric: p %g", p);
    return p == 1 ? 0 : (int64_t)fmin(floor(rng_exponential(r) / -log1p(-p)), COUNT_MAX);
}

static double weight_sum(int n, const double *weight)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        CHECK(weight[i] >= 0, "weight %d of %d is %g", i, n, weight[i]);
        sum += weight[i];
    }
    CHECK(sum > 0 && isfinite(sum), "%d weights sum to %g", n, sum);
    return sum;
}

int64_t rng_categorical(rng_t *r, int n, const double *weight)
{
    double left = rng_uniform(r) * weight_sum(n, weight);
    int last = 0;
    for (int i = 0; i < n; i++) {
        if (weight[i] == 0)
            continue;
        if (left < weight[i])
            return i;
        left -= weight[i];
        last = i;
    }
    return last;
}

void rng_multinomial(rng_t *r, int64_t trials, int n, const double *weight, int64_t *out)
{
    double rest = weight_sum(n, weight);
    int last = n - 1;
    while (weight[last] == 0)
        last--;
    for (int i = 0; i < n; i++) {
        double p = rest > weight[i] ? weight[i] / rest : 1;
        out[i] = weight[i] == 0 ? 0 : i == last ? trials : rng_binomial(r, trials, p);
        trials -= out[i];
        rest -= weight[i];
    }
}

void rng_dirichlet(rng_t *r, int n, const double *concentration, double *out)
{
    double largest = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++) {
        CHECK(concentration[i] > 0 && isfinite(concentration[i]), "rng_dirichlet: item %d is %g", i,
              concentration[i]);
        out[i] = log_gamma_draw(r, concentration[i]);
        largest = fmax(largest, out[i]);
    }
    for (int i = 0; i < n; i++)
        sum += out[i] = exp(out[i] - largest);
    for (int i = 0; i < n; i++)
        out[i] /= sum;
}

void rng_fill_uniform(rng_t *r, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rng_uniform(r);
}

void rng_fill_normal(rng_t *r, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rng_normal(r);
}

void rng_fill_normal_f32(rng_t *r, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)rng_normal(r);
}

void rng_shuffle(rng_t *r, size_t n, int64_t *items)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(r, i);
        int64_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}
