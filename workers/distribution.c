// SPDX-License-Identifier: Apache-2.0
#include "workers/distribution.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "cluster/saddle.h"
#include "cluster/yaml.h"
#include "workers/distribution_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double log_sqrt_2pi = 0.91893853320467274178;

/* ---- supports ---- */

static void everywhere(const double *a, double *lower, double *upper)
{
    (void)a;
    *lower = -INFINITY;
    *upper = INFINITY;
}

static void positive(const double *a, double *lower, double *upper)
{
    (void)a;
    *lower = 0;
    *upper = INFINITY;
}

static void unit_interval(const double *a, double *lower, double *upper)
{
    (void)a;
    *lower = 0;
    *upper = 1;
}

static void between_arguments(const double *a, double *lower, double *upper)
{
    *lower = a[0];
    *upper = a[1];
}

/* ---- the families: log density, probabilities on both sides, a draw ---- */

static double normal_density(const double *a, double x)
{
    double z = (x - a[0]) / a[1];
    return -0.5 * z * z - log(a[1]) - log_sqrt_2pi;
}

static tails_t normal_tails(const double *a, double x)
{
    return tails_normal((x - a[0]) / a[1]);
}

static double normal_draw(const double *a, rng_t *r)
{
    return a[0] + a[1] * rng_normal(r);
}

static double lognormal_density(const double *a, double x)
{
    return normal_density(a, log(x)) - log(x);
}

static tails_t lognormal_tails(const double *a, double x)
{
    return tails_normal(((x > 0 ? log(x) : -INFINITY) - a[0]) / a[1]);
}

static double lognormal_draw(const double *a, rng_t *r)
{
    return exp(normal_draw(a, r));
}

static double half_normal_density(const double *a, double x)
{
    double z = x / a[0];
    return M_LN2 - 0.5 * z * z - log(a[0]) - log_sqrt_2pi;
}

static tails_t half_normal_tails(const double *a, double x)
{
    return tails_half_normal(x / a[0]);
}

static double half_normal_draw(const double *a, rng_t *r)
{
    return a[0] * fabs(rng_normal(r));
}

static double uniform_density(const double *a, double x)
{
    (void)x;
    return -log(a[1] - a[0]);
}

static tails_t uniform_tails(const double *a, double x)
{
    double width = a[1] - a[0];
    return (tails_t){log(fmin(fmax((x - a[0]) / width, 0), 1)),
                     log(fmin(fmax((a[1] - x) / width, 0), 1))};
}

static double uniform_draw(const double *a, rng_t *r)
{
    return a[0] + (a[1] - a[0]) * rng_uniform(r);
}

static double gamma_density(const double *a, double x)
{
    return tails_gamma_power(a[0], a[1] * x) - log(x);
}

static tails_t gamma_tails(const double *a, double x)
{
    return tails_gamma(a[0], a[1] * x);
}

static double gamma_draw(const double *a, rng_t *r)
{
    return rng_gamma(r, a[0]) / a[1];
}

static double exponential_density(const double *a, double x)
{
    return log(a[0]) - a[0] * x;
}

static tails_t exponential_tails(const double *a, double x)
{
    return tails_exponential(a[0] * x);
}

static double exponential_draw(const double *a, rng_t *r)
{
    return rng_exponential(r) / a[0];
}

static double beta_density(const double *a, double x)
{
    return tails_beta_power(a[0], a[1], x, 1 - x) - log(x) - log1p(-x);
}

static tails_t beta_tails(const double *a, double x)
{
    return tails_beta(a[0], a[1], x);
}

static double beta_draw(const double *a, rng_t *r)
{
    return rng_beta(r, a[0], a[1]);
}

// Gamma((d + 1) / 2) / Gamma(d / 2) in the saddle-point form, so that many degrees of freedom lose no digits.
static double student_t_density(const double *a, double x)
{
    double half = 0.5 * a[0], z = (x - a[1]) / a[2];
    double ratio = saddle_stirling_error(half + 0.5) - saddle_stirling_error(half) -
                   saddle_deviance(half, half + 0.5);
    return ratio - (half + 0.5) * log1p(z * z / a[0]) - log_sqrt_2pi - log(a[2]);
}

static tails_t student_t_tails(const double *a, double x)
{
    return tails_student_t(a[0], (x - a[1]) / a[2]);
}

static double student_t_draw(const double *a, rng_t *r)
{
    return a[1] + a[2] * rng_student_t(r, a[0]);
}

static const distribution_family_t families[] = {
    {"normal", "mean, sd", "r+", everywhere, normal_density, normal_tails, normal_draw},
    {"lognormal", "mean, sd", "r+", positive, lognormal_density, lognormal_tails, lognormal_draw},
    {"uniform", "lower, upper", "rr", between_arguments, uniform_density, uniform_tails,
     uniform_draw},
    {"gamma", "shape, rate", "s+", positive, gamma_density, gamma_tails, gamma_draw},
    {"beta", "a, b", "ss", unit_interval, beta_density, beta_tails, beta_draw},
    {"exponential", "rate", "+", positive, exponential_density, exponential_tails,
     exponential_draw},
    {"half_normal", "sd", "+", positive, half_normal_density, half_normal_tails, half_normal_draw},
    {"student_t", "degrees, location, scale", "sr+", everywhere, student_t_density, student_t_tails,
     student_t_draw},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

const char *distribution_name(int i)
{
    return i >= 0 && i < N_FAMILIES ? families[i].name : NULL;
}

const char *distribution_arguments(int i)
{
    return i >= 0 && i < N_FAMILIES ? families[i].arguments : NULL;
}

/* ---- made ---- */

static err_t check_arguments(const distribution_family_t *f, int n, const double *a)
{
    int expected = (int)strlen(f->signs);
    if (n != expected)
        return err_fail(ERR_USAGE, "%s takes %d argument%s (%s), got %d", f->name, expected,
                        expected == 1 ? "" : "s", f->arguments, n);
    for (int i = 0; i < n; i++) {
        if (!isfinite(a[i]))
            return err_fail(ERR_USAGE, "%s(%s): argument %d is not a finite number", f->name,
                            f->arguments, i + 1);
        if (f->signs[i] != 'r' && !(a[i] > 0))
            return err_fail(ERR_USAGE, "%s(%s): argument %d is %g, expected more than 0", f->name,
                            f->arguments, i + 1, a[i]);
    }
    if (f->support == between_arguments && !(a[0] < a[1] && isfinite(a[1] - a[0])))
        return err_fail(ERR_USAGE, "%s(%s): got %g and %g, expected the lower one first", f->name,
                        f->arguments, a[0], a[1]);
    return OK;
}

err_t distribution_make(const char *name, int n_arguments, const double *arguments,
                        distribution_t *out)
{
    for (int i = 0; i < N_FAMILIES; i++) {
        const distribution_family_t *f = &families[i];
        if (strcmp(f->name, name) != 0)
            continue;
        TRY(check_arguments(f, n_arguments, arguments));
        *out = (distribution_t){.family = f};
        memcpy(out->argument, arguments, (size_t)n_arguments * sizeof *arguments);
        f->support(arguments, &out->lower, &out->upper);
        return OK;
    }
    return err_fail(ERR_USAGE, "there is no distribution \"%s\"", name);
}

/* ---- used ---- */

double distribution_log_density(const distribution_t *d, double x)
{
    if (!(x > d->lower && x < d->upper))
        return -INFINITY;
    return d->family->log_density(d->argument, x) - d->log_mass;
}

double distribution_inside(const distribution_t *d, double x)
{
    if (!(x > d->lower))
        return nextafter(d->lower, d->upper);
    return x < d->upper ? x : nextafter(d->upper, d->lower);
}

double distribution_draw(const distribution_t *d, rng_t *r)
{
    if (d->truncated)
        return distribution_draw_truncated(d, r);
    return distribution_inside(d, d->family->draw(d->argument, r));
}

char *distribution_text(const distribution_t *d)
{
    text_t text = text_create();
    char number[YAML_REAL_CAP], upper[YAML_REAL_CAP];
    text_add(&text, "%s%s(", d->truncated ? "truncated(" : "", d->family->name);
    for (int i = 0; d->family->signs[i] != '\0'; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", yaml_show_real(d->argument[i], number));
    text_add(&text, ")");
    if (d->truncated)
        text_add(&text, ", %s, %s)", yaml_show_real(d->lower, number),
                 yaml_show_real(d->upper, upper));
    return text.data;
}
