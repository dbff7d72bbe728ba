// SPDX-License-Identifier: Apache-2.0
//
// The true posterior of levels, spread and correlations of constrained.c by a long Markov chain. People on stdin, a line
// each: group (0, 1, 2), three measurements. Draws on stdout, a line each: m1 m2 m3 s r21 r31 r32. Exits 1 when the chains do
// not agree. (The shares' posterior is a Dirichlet, and needs no chain.)
#include "cluster/mem.h"
#include "tests/reference/mcmc.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { GROUPS = 3, TIMES = 3, M = 0, S = 3, R = 4, DIMS = 7 };
enum { CHAINS = 4, WARM_UP = 20000, DRAWS = 50000, KEEP_EACH = 50 };

typedef struct {
    double n[GROUPS], sum[GROUPS][TIMES], products[TIMES][TIMES];
} people_t;

static bool read_people(people_t *p)
{
    double k, x[TIMES];
    *p = (people_t){0};
    while (scanf("%lf %lf %lf %lf", &k, &x[0], &x[1], &x[2]) == 4) {
        if (!(k == 0 || k == 1 || k == 2))
            return false;
        p->n[(int)k]++;
        for (int i = 0; i < TIMES; i++) {
            p->sum[(int)k][i] += x[i];
            for (int j = 0; j < TIMES; j++)
                p->products[i][j] += x[i] * x[j];
        }
    }
    return feof(stdin) && p->n[0] + p->n[1] + p->n[2] > 0;
}

/* Sum over people of (x - m)(x - m)'. */
static void scatter(const people_t *p, const double *m, double out[TIMES][TIMES])
{
    for (int i = 0; i < TIMES; i++)
        for (int j = 0; j < TIMES; j++) {
            out[i][j] = p->products[i][j];
            for (int k = 0; k < GROUPS; k++)
                out[i][j] += m[k] * (m[k] * p->n[k] - p->sum[k][i] - p->sum[k][j]);
        }
}

/* Determinant and trace(R^-1 A), by the adjugate. */
static double determinant(const double *r)
{
    return 1 + 2 * r[0] * r[1] * r[2] - r[0] * r[0] - r[1] * r[1] - r[2] * r[2];
}

static double trace_of_solved(const double *r, double a[TIMES][TIMES])
{
    double diagonal =
        (1 - r[2] * r[2]) * a[0][0] + (1 - r[1] * r[1]) * a[1][1] + (1 - r[0] * r[0]) * a[2][2];
    double off = (r[1] * r[2] - r[0]) * a[1][0] + (r[0] * r[2] - r[1]) * a[2][0] +
                 (r[0] * r[1] - r[2]) * a[2][1];
    return (diagonal + 2 * off) / determinant(r);
}

static double log_posterior(const void *context, const double *x)
{
    const people_t *p = context;
    const double *m = x + M, *r = x + R, s = x[S];
    double n = p->n[0] + p->n[1] + p->n[2], a[TIMES][TIMES];
    if (!(m[0] < m[1] && m[1] < m[2] && s > 0.2 && s < 2 && fabs(r[0]) < 1 && fabs(r[1]) < 1 &&
          fabs(r[2]) < 1 && determinant(r) > 0))
        return -INFINITY;
    scatter(p, m, a);
    double prior = -(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]) / (2 * 2 * 2);
    return prior - n * TIMES * log(s) - n / 2 * log(determinant(r)) -
           trace_of_solved(r, a) / (2 * s * s);
}

static bool agree(const double *draws)
{
    double *x = MEM_NEW(double, CHAINS *DRAWS);
    bool fine = true;
    for (int d = 0; d < DIMS; d++) {
        for (int64_t i = 0; i < CHAINS * DRAWS; i++)
            x[i] = draws[i * DIMS + d];
        chain_stats_t stats = chain_stats(CHAINS, DRAWS, x);
        fine &= stats.rhat < 1.01 && stats.ess > 2000;
    }
    free(x);
    return fine;
}

int main(void)
{
    people_t people;
    if (!read_people(&people)) {
        fprintf(stderr, "truth: expected lines of a group (0, 1, 2) and three numbers\n");
        return 2;
    }
    const double start[CHAINS][DIMS] = {{-1, 0, 1, 1, 0, 0, 0},
                                        {-2, -1, 2, 0.5, 0.5, 0.5, 0.5},
                                        {0, 1, 2, 1.5, 0, 0.2, 0},
                                        {-3, 0, 3, 0.8, -0.2, 0, 0.2}};
    const double scale[DIMS] = {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05};
    const mcmc_config_t config = {
        .dims = DIMS, .chains = CHAINS, .warm_up = WARM_UP, .draws = DRAWS, .seed = 6};
    double *draws = MEM_NEW(double, (int64_t)CHAINS *DRAWS *DIMS);
    mcmc_run(&config, &start[0][0], scale, log_posterior, &people, draws);
    for (int64_t i = 0; i < CHAINS * DRAWS; i += KEEP_EACH)
        for (int d = 0; d < DIMS; d++)
            printf("%.9g%c", draws[i * DIMS + d], d == DIMS - 1 ? '\n' : ' ');
    bool fine = agree(draws);
    free(draws);
    return !fine;
}
