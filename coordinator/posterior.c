// SPDX-License-Identifier: Apache-2.0
//
// Data sets are cut into leaves, contiguous and of nearly equal size, whose number depends on (N, S, D) alone; sums over data
// sets are taken in each leaf in order, and over leaves along one fixed tree (par.h).
#include "coordinator/posterior.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/collect.h"
#include "coordinator/data_statistics.h"
#include "coordinator/trainer.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const par_t *par;
    rows_t *rows;
    const double *truth; // (N, D)
    digester_t *digester;
    amortizer_work_t *work;
    data_statistics_t *statistics;
    const float **fields;
    uint64_t seed;
    int leaves;
    range_t *share; // (ranks) data sets
    double *draws;  // (S, D) of one data set
    size_t n_sums;  // of the digest, and behind them of the shape
    double **sums;  // of this rank's leaves
    posteriors_t *out;
    progress_t progress;
} posterior_run_t;

static int leaves_of(int64_t n, size_t sums)
{
    enum { FEWEST = 16, SETS = 16 };
    const size_t most_bytes = (size_t)32 << 20;
    int leaves = FEWEST;
    while ((int64_t)leaves * SETS < n && 2 * (size_t)leaves * sums * sizeof(double) <= most_bytes)
        leaves *= 2;
    return leaves;
}

static range_t share_of(int64_t n, int leaves, int rank, int size)
{
    range_t mine = par_tree_share(leaves, rank, size);
    if (mine.begin == mine.end)
        return (range_t){n, n};
    return (range_t){par_share(n, (int)mine.begin, leaves).begin,
                     par_share(n, (int)mine.end - 1, leaves).end};
}

static posteriors_t posteriors_create(int64_t n, int64_t draws, int d, int width, int statistics)
{
    posteriors_t p = {
        .digest = digest_create(n, draws, d), .width = width, .n_statistics = statistics};
    p.summaries = mem_alloc((size_t)(n * width), sizeof *p.summaries);
    p.statistics = mem_alloc((size_t)(n * statistics), sizeof *p.statistics);
    p.kept_sets = n < POSTERIOR_KEPT_SETS ? n : POSTERIOR_KEPT_SETS;
    p.kept_draws = draws < POSTERIOR_KEPT_DRAWS ? draws : POSTERIOR_KEPT_DRAWS;
    p.kept = MEM_NEW(double, p.kept_sets *p.kept_draws *d);
    p.exchange = MEM_NEW(exchange_count_t, exchange_pairs(d) + 1);
    p.shape = MEM_NEW(double, shape_sums(draws, d) + 1);
    return p;
}

void posteriors_free(posteriors_t *p)
{
    digest_free(&p->digest);
    free(p->summaries);
    free(p->statistics);
    free(p->kept);
    free(p->exchange);
    free(p->shape);
    *p = (posteriors_t){0};
}

static void run_open(posterior_run_t *r, amortizer_t *a, int64_t draws)
{
    enum { MOST_AT_ONCE = 4096 };
    int64_t n = r->rows->n;
    int d = r->out->digest.d, size = r->par->size;
    r->n_sums = digester_sums(r->digester) + shape_sums(draws, d);
    r->work =
        amortizer_work_create(a, WORK_EVALUATE, 1, draws < MOST_AT_ONCE ? draws : MOST_AT_ONCE);
    r->fields = MEM_NEW(const float *, r->rows->schema->n_observables);
    r->draws = mem_alloc((size_t)(draws * d), sizeof(double));
    r->leaves = leaves_of(n, r->n_sums);
    r->share = MEM_NEW(range_t, size);
    for (int rank = 0; rank < size; rank++)
        r->share[rank] = share_of(n, r->leaves, rank, size);
    range_t mine = par_tree_share(r->leaves, r->par->rank, size);
    r->sums = MEM_NEW(double *, mine.end - mine.begin + 1);
    for (int64_t k = 0; k < mine.end - mine.begin; k++)
        r->sums[k] = MEM_NEW(double, r->n_sums);
}

static void run_close(posterior_run_t *r)
{
    range_t mine = par_tree_share(r->leaves, r->par->rank, r->par->size);
    for (int64_t k = 0; k < mine.end - mine.begin; k++)
        free(r->sums[k]);
    free(r->sums);
    free(r->share);
    free(r->draws);
    free(r->fields);
    amortizer_work_destroy(&r->work);
    data_statistics_destroy(&r->statistics);
    digester_destroy(&r->digester);
}

static err_t one_data_set(posterior_run_t *r, int64_t i, double *sums)
{
    posteriors_t *out = r->out;
    int d = out->digest.d;
    rng_t rng = rng_at(r->seed, RNG_DIAGNOSE, (uint64_t)i);
    batch_t batch = batch_of_rows(r->rows, i, i + 1, r->fields);
    amortizer_sample(r->work, &batch, out->digest.s, &rng, r->draws, NULL);
    amortizer_summaries(r->work, &batch, out->summaries + i * out->width);
    data_statistics_of(r->statistics, &batch, out->statistics + i * out->n_statistics);
    if (i < out->kept_sets)
        memcpy(out->kept + i * out->kept_draws * d, r->draws,
               (size_t)(out->kept_draws * d) * sizeof(double));
    TRY(digester_add(r->digester, i, r->draws, &out->digest, sums));
    shape_add(out->digest.s, d, r->draws, sums + digester_sums(r->digester));
    exchange_add(out->digest.s, d, r->draws, r->truth + i * d, out->exchange);
    return OK;
}

static err_t my_data_sets(posterior_run_t *r)
{
    range_t leaves = par_tree_share(r->leaves, r->par->rank, r->par->size);
    range_t mine = r->share[r->par->rank];
    int64_t n = r->rows->n;
    for (int64_t leaf = leaves.begin; leaf < leaves.end; leaf++) {
        range_t range = par_share(n, (int)leaf, r->leaves);
        for (int64_t i = range.begin; i < range.end; i++)
            TRY(one_data_set(r, i, r->sums[leaf - leaves.begin]));
        if (r->par->rank == 0 && mine.end > mine.begin)
            progress_show(&r->progress, (range.end - mine.begin) * n / (mine.end - mine.begin),
                          NULL);
        if (stop_requested())
            return err_fail(ERR_STOPPED, "stopped on request while drawing posteriors of held-out "
                                         "data sets; the same command begins them anew");
    }
    return OK;
}

static void sum_exchange(posterior_run_t *r)
{
    for (int k = 0; k < exchange_pairs(r->out->digest.d); k++) {
        exchange_count_t *c = &r->out->exchange[k];
        int64_t *each[] = {&c->sets, &c->symmetric, &c->separated, &c->one_sided, &c->against};
        for (size_t i = 0; i < sizeof each / sizeof *each; i++)
            *each[i] = par_sum_i64(r->par, *each[i]);
    }
}

static void bring_together(posterior_run_t *r)
{
    posteriors_t *out = r->out;
    int d = out->digest.d;
    double *total = MEM_NEW(double, r->n_sums);
    par_tree_sum_f64(r->par, r->leaves, r->n_sums, r->sums, total);
    digester_finish(r->digester, total, &out->digest);
    memcpy(out->shape, total + digester_sums(r->digester),
           shape_sums(out->digest.s, d) * sizeof *total);
    free(total);
    collect_shares(r->par, r->share, (size_t)d * sizeof(digest_value_t), out->digest.value);
    collect_shares(r->par, r->share, sizeof(digest_joint_t), out->digest.joint);
    collect_shares(r->par, r->share, (size_t)out->width * sizeof(float), out->summaries);
    collect_shares(r->par, r->share, (size_t)out->n_statistics * sizeof(float), out->statistics);
    for (int rank = 0; rank < r->par->size; rank++) {
        range_t *share = &r->share[rank];
        share->begin = share->begin < out->kept_sets ? share->begin : out->kept_sets;
        share->end = share->end < out->kept_sets ? share->end : out->kept_sets;
    }
    collect_shares(r->par, r->share, (size_t)(out->kept_draws * d) * sizeof(double), out->kept);
    sum_exchange(r);
}

err_t posteriors_make(const par_t *par, amortizer_t *a, rows_t *rows, const double *truth,
                      int64_t draws, uint64_t seed, const char *what, posteriors_t *out)
{
    posterior_run_t r = {.par = par, .rows = rows, .truth = truth, .seed = seed, .out = out};
    int d = adapter_kept(amortizer_adapter(a), NULL);
    *out = (posteriors_t){0};
    TRY(par_agree(par, digester_create(rows->n, draws, d, truth, &r.digester)));
    r.statistics = data_statistics_create(amortizer_adapter(a));
    *out = posteriors_create(rows->n, draws, d, amortizer_summary_width(a),
                             data_statistics_count(r.statistics));
    run_open(&r, a, draws);
    deal_observables_shares(par, r.share, rows);
    if (par->rank == 0)
        r.progress = progress_start(what, "data sets", 0, rows->n);
    err_t err = par_agree(par, my_data_sets(&r));
    if (err == OK)
        bring_together(&r);
    if (err == OK && par->rank == 0)
        progress_end(&r.progress, rows->n, NULL);
    run_close(&r);
    return err;
}
