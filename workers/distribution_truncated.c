// SPDX-License-Identifier: Apache-2.0
// A truncated distribution is drawn by inversion of whichever tail is the smaller one, in logarithms, so that no interval
// is too far out. The root is found by Newton's method on the logarithm of the tail (which is concave for log-concave
// densities), bracketed; where Newton's steps do not shrink, and always after the first 64, a step halves the number of
// doubles left in the bracket: no interval takes more than 128 steps. Where the interval holds much of the mass, a few
// plain draws are tried before. Where it holds less than a millionth of the smaller tail, whose differences would lose
// digits, the log density is taken as linear: what that leaves out is of second order.
#include "workers/distribution_inside.h"

#include "cluster/yaml.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NEWTON_STEPS = 64, MOST_STEPS = NEWTON_STEPS + 64, PLAIN_TRIES = 8 };
static const double enough_mass = -1.3862943611198906;  // log 0.25
static const double narrow_share = -13.815510557964274; // log 1e-6

static double log_difference(double large, double small)
{
    return large + tails_rest(fmin(small - large, 0));
}

// log P(lower < X < upper) before it is truncated
static double log_mass(tails_t at_lower, tails_t at_upper)
{
    if (at_upper.below <= -M_LN2)
        return log_difference(at_upper.below, at_lower.below);
    if (at_lower.above <= -M_LN2)
        return log_difference(at_lower.above, at_upper.above);
    return log1p(-(exp(at_lower.below) + exp(at_upper.above)));
}

static void make_narrow(distribution_t *d)
{
    double width = d->upper - d->lower;
    double at_lower = d->family->log_density(d->argument, d->lower);
    d->narrow = true;
    d->tilt = d->family->log_density(d->argument, d->upper) - at_lower;
    d->log_mass = at_lower + log(width) +
                  (fabs(d->tilt) < 1e-9 ? 0.5 * d->tilt : log(expm1(d->tilt) / d->tilt));
}

static double draw_narrow(const distribution_t *d, double u)
{
    double share = fabs(d->tilt) < 1e-9 ? u : log1p(u * expm1(d->tilt)) / d->tilt;
    return d->lower + share * (d->upper - d->lower);
}

static err_t check_shapes(const distribution_t *d)
{
    const char *signs = d->family->signs;
    for (int i = 0; signs[i] != '\0'; i++)
        if (signs[i] == 's' && d->argument[i] > TAILS_SHAPE_MAX)
            return err_fail(
                ERR_USAGE, "%s(%s): argument %d is %g, expected at most %g where it is truncated",
                d->family->name, d->family->arguments, i + 1, d->argument[i], TAILS_SHAPE_MAX);
    return OK;
}

err_t distribution_truncate(distribution_t *d, double lower, double upper)
{
    if (d->truncated)
        return err_fail(ERR_USAGE, "%s is truncated already", d->family->name);
    if (!(lower < upper))
        return err_fail(ERR_USAGE, "truncated to %g and %g, expected the lower one first", lower,
                        upper);
    TRY(check_shapes(d));
    double from = fmax(lower, d->lower), to = fmin(upper, d->upper);
    tails_t at_lower = d->family->tails(d->argument, from);
    tails_t at_upper = d->family->tails(d->argument, to);
    double tail = fmin(at_upper.below, at_lower.above);
    if (!(from < to && isfinite(tail)))
        return err_fail(ERR_USAGE,
                        "%s, which lies between %g and %g, has nothing between %g and %g",
                        d->family->name, d->lower, d->upper, lower, upper);
    d->truncated = true;
    d->lower = from;
    d->upper = to;
    d->log_mass = log_mass(at_lower, at_upper);
    d->at_lower = at_lower;
    d->at_upper = at_upper;
    if (d->log_mass < tail + narrow_share)
        make_narrow(d);
    return OK;
}

// Doubles as whole numbers in the same order, and back.
static int64_t rank_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

static double of_rank(int64_t rank)
{
    double x;
    int64_t bits = rank >= 0 ? rank : INT64_MIN - rank;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double between(double a, double b)
{
    int64_t low = rank_of(a), high = rank_of(b);
    return of_rank((low & high) + ((low ^ high) >> 1)); // their mean, without overflow
}

// The x where the tail has this log probability.
static double invert(const distribution_t *d, bool above, double target)
{
    double low = d->lower, high = d->upper;
    double x = isfinite(low) && isfinite(high) ? low + 0.5 * (high - low) : between(low, high);
    double before = INFINITY;
    for (int step = 0; step < MOST_STEPS; step++) {
        tails_t tails = d->family->tails(d->argument, x);
        double have = above ? tails.above : tails.below;
        if ((have < target) == above)
            high = x;
        else
            low = x;
        double change = (target - have) * exp(have - d->family->log_density(d->argument, x));
        double next = x + (above ? -change : change);
        bool shrinks = fabs(change) <= 0.5 * before && step < NEWTON_STEPS;
        before = shrinks ? fabs(change) : INFINITY;
        if (!shrinks || !(next > low && next < high))
            next = between(low, high);
        if (fabs(next - x) <= 0x1p-51 * fabs(x) || next == low || next == high)
            return next;
        x = next;
    }
    return x;
}

static double log_mixed(double u, double at_lower, double at_upper)
{
    double largest = fmax(at_lower, at_upper);
    return largest + log((1 - u) * exp(at_lower - largest) + u * exp(at_upper - largest));
}

double distribution_draw_truncated(const distribution_t *d, rng_t *r)
{
    for (int i = 0; d->log_mass > enough_mass && i < PLAIN_TRIES; i++) {
        double x = d->family->draw(d->argument, r);
        if (x > d->lower && x < d->upper)
            return x;
    }
    double u = rng_uniform(r);
    if (d->narrow)
        return distribution_inside(d, draw_narrow(d, u));
    double below = log_mixed(u, d->at_lower.below, d->at_upper.below);
    double above = log_mixed(u, d->at_lower.above, d->at_upper.above);
    bool use_above = above < below;
    return distribution_inside(d, invert(d, use_above, use_above ? above : below));
}
