// SPDX-License-Identifier: Apache-2.0
#include "workers/host.h"

#include "workers/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void host_random_start(infermill_random_t *random, uint64_t seed, rng_stream_t stream,
                       int64_t index)
{
    random->rng = rng_at(seed, (uint64_t)stream, (uint64_t)index);
    random->misused = false;
    random->reason[0] = '\0';
}

__attribute__((format(printf, 3, 4))) static bool in_domain(infermill_random_t *random, bool fine,
                                                            const char *format, ...)
{
    if (fine || random->misused)
        return fine;
    va_list args;
    va_start(args, format);
    vsnprintf(random->reason, sizeof random->reason, format, args);
    va_end(args);
    random->misused = true;
    return false;
}

static bool positive(double x)
{
    return x > 0.0 && isfinite(x);
}

static double host_uniform(infermill_random_t *random)
{
    return rng_uniform(&random->rng);
}

static double host_normal(infermill_random_t *random)
{
    return rng_normal(&random->rng);
}

static double host_exponential(infermill_random_t *random)
{
    return rng_exponential(&random->rng);
}

static double host_gamma(infermill_random_t *random, double shape)
{
    bool fine = in_domain(random, positive(shape), "gamma: shape %g", shape);
    return fine ? rng_gamma(&random->rng, shape) : NAN;
}

static double host_beta(infermill_random_t *random, double a, double b)
{
    bool fine = in_domain(random, positive(a) && positive(b), "beta: a %g, b %g", a, b);
    return fine ? rng_beta(&random->rng, a, b) : NAN;
}

static double host_student_t(infermill_random_t *random, double degrees)
{
    bool fine = in_domain(random, positive(degrees), "student_t: degrees %g", degrees);
    return fine ? rng_student_t(&random->rng, degrees) : NAN;
}

static int64_t host_integer(infermill_random_t *random, int64_t low, int64_t high)
{
    bool fine = in_domain(random, low <= high, "integer: from %" PRId64 " to %" PRId64, low, high);
    return fine ? rng_integer(&random->rng, low, high) : 0;
}

static int64_t host_poisson(infermill_random_t *random, double mean)
{
    bool fine = in_domain(random, mean >= 0.0 && isfinite(mean), "poisson: mean %g", mean);
    return fine ? rng_poisson(&random->rng, mean) : 0;
}

static int64_t host_binomial(infermill_random_t *random, int64_t n, double p)
{
    bool fine =
        in_domain(random, n >= 0 && p >= 0.0 && p <= 1.0, "binomial: n %" PRId64 ", p %g", n, p);
    return fine ? rng_binomial(&random->rng, n, p) : 0;
}

static int64_t host_negative_binomial(infermill_random_t *random, double size, double p)
{
    bool fine = in_domain(random, positive(size) && p > 0.0 && p <= 1.0,
                          "negative_binomial: size %g, p %g", size, p);
    return fine ? rng_negative_binomial(&random->rng, size, p) : 0;
}

static void host_fill_uniform(infermill_random_t *random, int64_t n, double *out)
{
    if (in_domain(random, n >= 0, "fill_uniform: n %" PRId64, n))
        rng_fill_uniform(&random->rng, (size_t)n, out);
}

static void host_fill_normal(infermill_random_t *random, int64_t n, double *out)
{
    if (in_domain(random, n >= 0, "fill_normal: n %" PRId64, n))
        rng_fill_normal(&random->rng, (size_t)n, out);
}

static void host_explain(infermill_random_t *random, const char *reason)
{
    if (reason != NULL && !random->misused)
        snprintf(random->reason, sizeof random->reason, "%s", reason);
}

const infermill_host_t *simulator_host(void)
{
    static const infermill_host_t host = {
        .abi = INFERMILL_ABI,
        .size = sizeof(infermill_host_t),
        .uniform = host_uniform,
        .normal = host_normal,
        .exponential = host_exponential,
        .gamma = host_gamma,
        .beta = host_beta,
        .student_t = host_student_t,
        .integer = host_integer,
        .poisson = host_poisson,
        .binomial = host_binomial,
        .negative_binomial = host_negative_binomial,
        .fill_uniform = host_fill_uniform,
        .fill_normal = host_fill_normal,
        .explain = host_explain,
    };
    return &host;
}
