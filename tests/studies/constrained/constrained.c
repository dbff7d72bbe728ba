// SPDX-License-Identifier: Apache-2.0
//
// People in three groups, each measured three times. Group k has share w_k (they sum to 1) and level m_k (ascending); the
// measurements of a person of group k are normal around m_k, with one spread s in (0.2, 2) and correlations R:
//
//     k ~ w,   (x1, x2, x3) ~ N(m_k (1, 1, 1), s^2 R)
//
// Priors: w ~ Dirichlet(2, 2, 2); m three sorted numbers of N(0, 2); s uniform; R uniform over correlation matrices
// (Lewandowski, Kurowicka and Joe 2009: partial correlations 2 Beta - 1 along a vine).
#include <infermill/simulator.h>

#include <math.h>

enum { GROUPS = 3, TIMES = 3, LEAST = 40, MOST = 100 };
enum { W = 0, M = 3, S = 6, R = 7, N_PARAMETERS = 10 }; // R: r21, r31, r32

static const infermill_parameter_t parameters[N_PARAMETERS] = {{"w1", 0, 1, 0},
                                                               {"w2", 0, 1, 0},
                                                               {"w3", 0, 1, 0},
                                                               {"m1", -INFINITY, INFINITY, 0},
                                                               {"m2", -INFINITY, INFINITY, 0},
                                                               {"m3", -INFINITY, INFINITY, 0},
                                                               {"s", 0.2, 2, 0},
                                                               {"r21", -1, 1, 0},
                                                               {"r31", -1, 1, 0},
                                                               {"r32", -1, 1, 0}};
static const infermill_design_t design[] = {{"n", LEAST, MOST, 1, 0}};
static const infermill_observable_t observables[] = {
    {"people", INFERMILL_SET, 2, {MOST, 1 + TIMES, 0}, {0, -1, -1}, -INFINITY, INFINITY, 0}};

static void draw_levels(const infermill_host_t *host, infermill_random_t *random, double *m)
{
    for (int k = 0; k < GROUPS; k++) {
        double level = 2 * host->normal(random);
        int at = k;
        for (; at > 0 && m[at - 1] > level; at--)
            m[at] = m[at - 1];
        m[at] = level;
    }
}

static void draw_shares(const infermill_host_t *host, infermill_random_t *random, double *w)
{
    double sum = 0;
    for (int k = 0; k < GROUPS; k++)
        sum += w[k] = host->gamma(random, 2);
    for (int k = 0; k < GROUPS; k++)
        w[k] /= sum;
}

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *unused, double *theta)
{
    (void)state, (void)unused;
    draw_shares(host, random, theta + W);
    draw_levels(host, random, theta + M);
    theta[S] = 0.2 + 1.8 * host->uniform(random);
    double p21 = 2 * host->beta(random, 1.5, 1.5) - 1, p31 = 2 * host->beta(random, 1.5, 1.5) - 1,
           p32 = 2 * host->beta(random, 1, 1) - 1; // of 3 and 2, given 1
    theta[R] = p21;
    theta[R + 1] = p31;
    theta[R + 2] = p32 * sqrt((1 - p21 * p21) * (1 - p31 * p31)) + p21 * p31;
}

static int group_of(const double *w, double u)
{
    int k = 0;
    while (k < GROUPS - 1 && u >= w[k])
        u -= w[k++];
    return k;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *theta, const double *n, float *const *out)
{
    (void)state;
    const double *r = theta + R;
    double l22 = sqrt(1 - r[0] * r[0]), l32 = (r[2] - r[1] * r[0]) / l22,
           l33 = sqrt(1 - r[1] * r[1] - l32 * l32); // Cholesky factor of R
    for (int i = 0; i < (int)n[0]; i++) {
        float *person = out[0] + i * (1 + TIMES);
        int k = group_of(theta + W, host->uniform(random));
        double z[TIMES];
        host->fill_normal(random, TIMES, z);
        person[0] = (float)k;
        person[1] = (float)(theta[M + k] + theta[S] * z[0]);
        person[2] = (float)(theta[M + k] + theta[S] * (r[0] * z[0] + l22 * z[1]));
        person[3] = (float)(theta[M + k] + theta[S] * (r[1] * z[0] + l32 * z[1] + l33 * z[2]));
    }
    return 0;
}

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "three_groups",
                                            .version = "1",
                                            .description = "Three groups measured three times",
                                            .n_parameters = N_PARAMETERS,
                                            .n_observables = 1,
                                            .n_design = 1,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .design = design,
                                            .prior = prior,
                                            .simulate = simulate};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
