/* SPDX-License-Identifier: Apache-2.0
 *
 * First passages of drift diffusion that starts midway between two boundaries. In units of (a / 2)^2 seconds, a being the
 * distance of the boundaries, the passage is the exit time x of (-1, 1) of a Brownian motion with drift m = a v / 2. It does
 * not depend on which boundary is met; the upper one is, with probability 1 / (1 + exp(-2 m)). The density of x is
 * cosh(m) exp(-m^2 x / 2) f(x), where f, the density without drift, has two alternating series (one for small x, one for
 * large). At x = 2 / pi both have the same ratios of terms, with q = exp(-4 / x) or exp(-pi^2 x):
 *
 *     f(x) = sqrt(2 / pi) x^(-3/2) exp(-1 / (2 x)) (1 - 3 q + 5 q^3 - 7 q^6 ...)   x <= 2 / pi
 *          = pi / 2               exp(-pi^2 x / 8) (1 - 3 q + 5 q^3 - 7 q^6 ...)   x >  2 / pi
 *
 * Sampling is exact: rejection from the first terms on the alternating series (Devroye 2009, "On exact simulation
 * algorithms for some distributions related to Jacobi theta functions"; with drift Polson, Scott and Windle 2013,
 * "Bayesian inference for logistic models using Polya-Gamma latent variables").
 */
#ifndef WORKERS_SIMULATORS_PASSAGE_H
#define WORKERS_SIMULATORS_PASSAGE_H

#include "workers/simulator.h"

enum { PASSAGE_BUFFER = 128 };

/* Uniform numbers, fetched in runs. */
typedef struct {
    const infermill_host_t *host;
    infermill_random_t *random;
    int used;
    double uniform[PASSAGE_BUFFER];
} passage_draws_t;

/* The proposal for x with drift +-z: the first term of either series. */
typedef struct {
    double z, rate;
    double small; // probability of a proposal below 2 / pi
} passage_law_t;

/* The two sides of x, and how they change with m: below + above = 1, each with a small relative error. */
typedef struct {
    double below, above; // P(exit before x), P(exit after x)
    double below_m;      // d below / dm = - d above / dm
    double density;      // d below / dx
} passage_sides_t;

/* What passages of one drift have in common. */
typedef struct {
    double m, back;    // back: exp(-2 |m|), P(the boundary against m is met) / P(the other is)
    double fold, tanh; // 1 + back; of |m|
} passage_drift_t;

void passage_draws(const infermill_host_t *host, infermill_random_t *random, passage_draws_t *out);
double passage_uniform(passage_draws_t *draws);

passage_law_t passage_law(double z); // z >= 0
double passage_time(const passage_law_t *law, passage_draws_t *draws);

/* The density at x > 0 together with the event that the boundary on the side of m is met, as factor * exp(*power). Choosing
 * the series by x as Navarro and Fuss (2009, "Fast and accurate calculations for first-passage times in Wiener diffusion
 * models") do, three terms and the midway start leave a relative error below 7 exp(-12 pi) = 3e-16. */
double passage_density(double x, double m, double *power);
passage_drift_t passage_drift(double m);
/* The distribution of x at x > 0, by the integrated series: below 2 / pi that of inverse Gaussians of means c / |m|, above
 * that of eigenfunctions (Feller 1968, "An introduction to probability theory and its applications", XIV.6). Term k of
 * either is below (2 k + 1) exp(-k (k + 1) pi) of the first one, so that the four that are taken leave 2e-16. */
passage_sides_t passage_sides(const passage_drift_t *drift, double x);

#endif
