// SPDX-License-Identifier: Apache-2.0
#include "coordinator/truth_check.h"

#include "cluster/mem.h"
#include "coordinator/collect.h"
#include "coordinator/trainer.h"
#include "diagnostics/canonical.h"
#include "workers/truth_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int64_t truth_check_sets(int64_t n)
{
    return n < TRUTH_CHECK_SETS ? n : TRUTH_CHECK_SETS;
}

double *truth_check_draws(const par_t *par, amortizer_t *a, rows_t *rows, uint64_t seed)
{
    int64_t n = truth_check_sets(rows->n);
    int64_t values = TRUTH_CHECK_DRAWS * (int64_t)adapter_kept(amortizer_adapter(a), NULL);
    double *out = MEM_NEW(double, n *values);
    const float **fields = MEM_NEW(const float *, rows->schema->n_observables);
    amortizer_work_t *work = amortizer_work_create(a, WORK_EVALUATE, 1, TRUTH_CHECK_DRAWS);
    deal_observables(par, n, rows);
    for (int64_t b = 0; b < collect_blocks(n); b++) {
        range_t range = collect_range(n, b);
        for (int64_t i = range.begin; i < range.end && collect_owner(par, b) == par->rank; i++) {
            rng_t rng = rng_at(seed, RNG_CLASSIFIED, (uint64_t)i);
            batch_t batch = batch_of_rows(rows, i, i + 1, fields);
            amortizer_sample(work, &batch, TRUTH_CHECK_DRAWS, &rng, out + i * values, NULL);
        }
    }
    collect_rows(par, n, (size_t)values * sizeof *out, out);
    amortizer_work_destroy(&work);
    free(fields);
    return out;
}

/* One parameter out of all, as column `to` of `parameters` ones. */
typedef struct {
    double *truth, *mean, *sd, *draw;
    int parameters;
} columns_t;

static void take_column(const posteriors_t *p, const double *draws, int64_t n, int from, int to,
                        columns_t *c)
{
    int D = p->digest.d;
    for (int64_t i = 0; i < n; i++) {
        const digest_value_t *value = &p->digest.value[i * D + from];
        int64_t at = i * c->parameters + to;
        c->truth[at] = value->truth;
        c->mean[at] = value->mean;
        c->sd[at] = value->sd;
        for (int64_t k = 0; k < TRUTH_CHECK_DRAWS; k++)
            c->draw[(i * TRUTH_CHECK_DRAWS + k) * c->parameters + to] =
                draws[(i * TRUTH_CHECK_DRAWS + k) * D + from];
    }
}

static columns_t columns_create(const posteriors_t *p, const double *draws, int64_t n)
{
    int D = p->digest.d, P = D < TRUTH_CHECK_PARAMETERS ? D : TRUTH_CHECK_PARAMETERS;
    columns_t c = {.parameters = P,
                   .truth = MEM_NEW(double, n *P),
                   .mean = MEM_NEW(double, n *P),
                   .sd = MEM_NEW(double, n *P),
                   .draw = MEM_NEW(double, n *TRUTH_CHECK_DRAWS *P)};
    for (int k = 0; k < P; k++)
        take_column(p, draws, n, (int)((int64_t)k * D / P), k, &c);
    return c;
}

static void columns_free(columns_t *c)
{
    free(c->truth);
    free(c->mean);
    free(c->sd);
    free(c->draw);
}

/* Canonical correlations; none where there are too few data sets to tell them from chance. */
static void summaries_know(const posteriors_t *p, const columns_t *c, int64_t n, report_told_t *out)
{
    enum { SETS_EACH = 4 }; // data sets for each number
    if (n < SETS_EACH * ((int64_t)p->width + c->parameters))
        return;
    canonical_t known = canonical_fit(n, p->width, p->summaries, c->parameters, c->truth);
    out->n_known = known.k;
    out->known = known.correlation;
    out->chance = (sqrt(p->width) + sqrt(c->parameters)) / sqrt((double)n);
    known.correlation = NULL;
    canonical_free(&known);
}

static bool all_finite(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

report_told_t truth_check(const posteriors_t *posteriors, const double *draws, int width,
                          const float *data)
{
    int64_t n = truth_check_sets(posteriors->digest.n);
    if (!all_finite(n * TRUTH_CHECK_DRAWS * posteriors->digest.d, draws))
        return (report_told_t){0};
    classifier_config_t config = classifier_config_default();
    columns_t c = columns_create(posteriors, draws, n);
    truth_test_data_t sees = {.n = n,
                              .draws = TRUTH_CHECK_DRAWS,
                              .parameters = c.parameters,
                              .summaries = width,
                              .truth = c.truth,
                              .draw = c.draw,
                              .mean = c.mean,
                              .sd = c.sd,
                              .summary = data};
    truth_test_t test = truth_test(&config, &sees);
    report_told_t out = {.data_sets = n,
                         .parameters = c.parameters,
                         .share = test.told,
                         .error = test.error,
                         .p = test.p_value};
    summaries_know(posteriors, &c, n, &out);
    columns_free(&c);
    return out;
}

void truth_check_print(const report_told_t *told)
{
    char *words = report_told_words(told);
    if (told->data_sets > 0)
        printf("%s\n", words);
    free(words);
}

void truth_check_free(report_told_t *told)
{
    free(told->known);
    *told = (report_told_t){0};
}
