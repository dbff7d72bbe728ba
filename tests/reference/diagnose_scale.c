// SPDX-License-Identifier: Apache-2.0
//
// What a diagnosis of many data sets costs: diagnose_scale [N [S [D]]]. Right posteriors of a normal mean are drawn, digested and
// forgotten, as `infermill diagnose` does, then come all numbers and pictures' inputs; time and peak memory are printed, and
// the memory must stay within what the digests need. The draws of all data sets together would be N S D doubles.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/coverage.h"
#include "diagnostics/metrics.h"
#include "diagnostics/ranks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { F = 20 }; // features of a data set

typedef struct {
    int64_t n, s;
    int d;
    double *truth, *centre; // (N, D)
    float *features;        // (N, F)
} problem_t;

/* Truth N(0, 1), data its value with noise 0.5: posterior N(0.8 y, 0.2). */
static problem_t problem_create(int64_t n, int64_t s, int d)
{
    problem_t p = {.n = n, .s = s, .d = d};
    rng_t r = rng_at(1, RNG_CHECK, 0);
    p.truth = MEM_NEW(double, n *d);
    p.centre = MEM_NEW(double, n *d);
    p.features = MEM_NEW(float, n *F);
    for (int64_t i = 0; i < n * d; i++) {
        p.truth[i] = rng_normal(&r);
        p.centre[i] = 0.8 * (p.truth[i] + 0.5 * rng_normal(&r));
    }
    for (int64_t i = 0; i < n; i++)
        for (int f = 0; f < F; f++)
            p.features[i * F + f] = (float)(f < d ? p.centre[i * d + f] : rng_normal(&r));
    return p;
}

static double megabytes(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss / 1024;
}

static void step(const char *what, double *since)
{
    double now = log_clock();
    printf("%-28s %8.2f s %8.0f MB at most\n", what, now - *since, megabytes());
    *since = log_clock();
}

/* Seconds of the digests alone. */
static double digest_all(const problem_t *p, digest_t *g)
{
    digester_t *digester = NULL;
    CHECK(digester_create(p->n, p->s, p->d, p->truth, &digester) == OK, "%s", err_text());
    double *sums = MEM_NEW(double, digester_sums(digester)), spent = 0;
    double *draws = MEM_NEW(double, p->s * p->d);
    for (int64_t i = 0; i < p->n; i++) {
        rng_t r = rng_at(2, RNG_CHECK, (uint64_t)i);
        for (int64_t j = 0; j < p->s * p->d; j++)
            draws[j] = p->centre[i * p->d + j % p->d] + 0.4472135955 * rng_normal(&r);
        double start = log_clock();
        CHECK(digester_add(digester, i, draws, g, sums) == OK, "%s", err_text());
        spent += log_clock() - start;
    }
    digester_finish(digester, sums, g);
    digester_destroy(&digester);
    free(draws);
    free(sums);
    return spent;
}

static void ranks_and_coverage(const digest_t *g)
{
    int64_t *ranks = MEM_NEW(int64_t, g->n);
    for (int k = 0; k < g->d; k++) {
        marginal_t m = digest_marginal(g, k);
        ranks_integer(&m, ranks);
        coverage_t c = coverage_create(&m);
        double off = c.share[c.points / 2] - c.width[c.points / 2];
        /* k of the S + 1 gaps are claimed, k - 1 are covered; 6 standard errors */
        CHECK(fabs(off) < 1.0 / (double)(g->s + 1) + 3 / sqrt((double)g->n),
              "coverage is off by %g", off);
        coverage_free(&c);
    }
    free(ranks);
}

int main(int argc, char **argv)
{
    int64_t n = argc > 1 ? atoll(argv[1]) : 100000, s = argc > 2 ? atoll(argv[2]) : 1000;
    int d = argc > 3 ? atoi(argv[3]) : 3;
    double since = log_clock(), start = since;
    problem_t p = problem_create(n, s, d);
    digest_t g = digest_create(n, s, d);
    step("data sets", &since);
    double spent = digest_all(&p, &g);
    step("draws and digests", &since);
    printf("  of these the digests       %8.2f s\n", spent);
    ranks_and_coverage(&g);
    step("ranks and coverage curves", &since);
    metrics_t m = metrics_compute(&g, 0.95);
    step("numbers", &since);
    const metrics_data_t data = {F, p.features, 0, NULL};
    metrics_of_data(&m, &g, &data);
    step("ranks against the data", &since);
    double digests = (double)n * (d * (double)(sizeof(digest_value_t) + 16) + 4 * F + 8) / 1048576;
    double bound = 2 * digests + 6 * (double)(s * d * 8) / 1048576 + 100;
    printf("%ld data sets, %ld draws, %d parameters: %.1f s, %.0f MB; all draws would be %.0f MB\n",
           (long)n, (long)s, d, log_clock() - start, megabytes(),
           (double)(n * s * d) * 8 / 1048576);
    for (int k = 0; k < d; k++)
        printf("parameter %d: calibration error %.4f, ECDF deviation %.4f%s, log gamma %.2f\n", k,
               m.parameter[k].calibration_error, m.parameter[k].ecdf_deviation,
               m.parameter[k].ecdf_inside ? "" : ", outside", m.parameter[k].log_gamma);
    CHECK(megabytes() < bound, "%.0f MB, at most %.0f expected", megabytes(), bound);
    metrics_free(&m);
    digest_free(&g);
    free(p.truth);
    free(p.centre);
    free(p.features);
    return 0;
}
