// SPDX-License-Identifier: Apache-2.0
//
// Do the parameters that are trained on follow the prior? Where rows are taken as they arrive, those that are quick to simulate
// come first, and the reservoir could be full of them.
#include "cluster/mem.h"
#include "coordinator/refine.h"
#include "diagnostics/ks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BANK_ROWS = 65536 }; // at most, that the reservoir is compared with

typedef struct {
    int64_t n;
    int width;
    double *value; // (n, width)
} table_t;

/* The reservoirs of all slices, on every rank. Collective. */
static table_t of_reservoir(const refinement_t *r)
{
    const par_t *par = r->job->par;
    table_t all = {.width = r->job->schema->n_parameters};
    all.value = MEM_NEW(double, r->plan.slices * r->plan.replay.places * all.width);
    for (int slice = 0, k = 0; slice < r->plan.slices; slice++) {
        int owner = par_tree_owner(r->plan.slices, slice, par->size);
        double *at = all.value + all.n * all.width;
        int64_t n = 0;
        if (owner == par->rank) {
            n = replay_held(r->replay, k);
            replay_parameters(r->replay, k++, at);
        }
        par_broadcast(par, owner, sizeof n, &n);
        par_broadcast(par, owner, (size_t)(n * all.width) * sizeof *at, at);
        all.n += n;
    }
    return all;
}

static void keep_done(const rows_t *rows, table_t *out)
{
    size_t bytes = (size_t)out->width * sizeof(double);
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->status[i] == ROW_DONE)
            memcpy(out->value + out->n++ * out->width, rows->parameters + i * out->width, bytes);
}

static err_t of_bank(const refinement_t *r, table_t *out)
{
    int64_t all = r->job->study.bank.rows < BANK_ROWS ? r->job->study.bank.rows : BANK_ROWS;
    int64_t block = rows_of_block(r->job->schema);
    rows_t rows = rows_create(r->job->schema, block);
    *out = (table_t){.width = r->job->schema->n_parameters};
    out->value = MEM_NEW(double, all * out->width);
    err_t err = OK;
    for (int64_t at = 0; at < all && err == OK; at += block) {
        err = bank_read_head(r->bank, at, at + block < all ? at + block : all, &rows);
        if (err == OK)
            keep_done(&rows, out);
    }
    rows_destroy(&rows);
    return err;
}

static double *column(const table_t *t, int p)
{
    double *out = MEM_NEW(double, t->n + 1);
    for (int64_t i = 0; i < t->n; i++)
        out[i] = t->value[i * t->width + p];
    return out;
}

static double smallest_p(const table_t *a, const table_t *b)
{
    double least = 1;
    for (int p = 0; p < a->width; p++) {
        double *x = column(a, p), *y = column(b, p);
        least = fmin(least, ks_two_samples(a->n, x, b->n, y).p); // NaN, of no rows, is passed over
        free(x);
        free(y);
    }
    return fmin(1, least * a->width);
}

err_t refine_rank_test(refinement_t *r, double *p)
{
    table_t reservoir = of_reservoir(r), bank = {0};
    *p = 1;
    err_t mine = r->job->par->rank == 0 ? of_bank(r, &bank) : OK;
    if (r->job->par->rank == 0 && mine == OK)
        *p = smallest_p(&reservoir, &bank);
    free(reservoir.value);
    free(bank.value);
    TRY(par_agree(r->job->par, mine));
    par_broadcast(r->job->par, 0, sizeof *p, p);
    return OK;
}
