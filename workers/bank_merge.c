// SPDX-License-Identifier: Apache-2.0
#include "workers/bank_merge.h"

#include "cluster/mem.h"
#include "workers/bank_fill.h"
#include "workers/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const bank_merge_plan_t *plan;
    int n;          // open
    bank_t **banks; // (n)
    int64_t *begin; // (n + 1) row of the new bank where each begins
} merging_t;

/* ---- what is joined ---- */

static err_t check_model(const merging_t *m, int i)
{
    char *difference = schema_difference(bank_schema(m->banks[0]), bank_schema(m->banks[i]));
    err_t err = OK;
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s and %s are banks of two models: %s", m->plan->banks[0],
                       m->plan->banks[i], difference);
    else if (strcmp(bank_fingerprint(m->banks[0]), bank_fingerprint(m->banks[i])) != 0)
        err = err_fail(ERR_MISMATCH, "%s and %s are banks of two models: %s against %s",
                       m->plan->banks[0], m->plan->banks[i], bank_fingerprint(m->banks[0]),
                       bank_fingerprint(m->banks[i]));
    free(difference);
    return err;
}

static err_t open_banks(merging_t *m)
{
    for (int i = 0; i < m->plan->n_banks; i++) {
        TRY(bank_open(m->plan->banks[i], &m->banks[i]));
        m->n++;
        TRY(check_model(m, i));
        if (bank_rows(m->banks[i]) == 0)
            return err_fail(ERR_MISMATCH, "%s: no rows are sealed in it yet", m->plan->banks[i]);
        m->begin[i + 1] = m->begin[i] + bank_rows(m->banks[i]);
    }
    return OK;
}

// The parts of all banks, one after another.
static err_t join_origins(const merging_t *m, origin_t *all)
{
    for (int i = 0; i < m->n; i++) {
        origin_t one;
        TRY(origin_of_bank(m->banks[i], m->plan->banks[i], &one));
        for (int k = 0; k < one.n; k++) {
            origin_part_t part = origin_part_copy(&one.parts[k]);
            part.begin += m->begin[i];
            part.end += m->begin[i];
            origin_add(all, part);
        }
        origin_free(&one);
    }
    return origin_check(all);
}

/* ---- the new bank ---- */

static err_t check_target(const merging_t *m, const char *origin)
{
    bank_t *there = NULL;
    TRY(bank_open_if_there(m->plan->folder, &there));
    if (there == NULL)
        return OK;
    err_t err = OK;
    const char *text = bank_origin(there);
    if (text == NULL)
        err = err_fail(ERR_MISMATCH, "%s: a bank that was simulated is there; merge into a new one",
                       m->plan->folder);
    else if (strcmp(text, origin) != 0)
        err = err_fail(ERR_MISMATCH,
                       "%s: another bank is there, not a merge of these banks as they are now (its "
                       "bank.yaml tells its origin); merge into a new one",
                       m->plan->folder);
    bank_close(&there);
    return err;
}

static err_t read_rows(void *user, int64_t begin, int64_t end, rows_t *rows)
{
    const merging_t *m = user;
    rows_t part = rows_create(rows->schema, end - begin);
    err_t err = OK;
    for (int i = 0; i < m->n && err == OK; i++) {
        int64_t low = begin > m->begin[i] ? begin : m->begin[i];
        int64_t high = end < m->begin[i + 1] ? end : m->begin[i + 1];
        if (low >= high)
            continue;
        err = bank_read(m->banks[i], low - m->begin[i], high - m->begin[i], &part);
        if (err == OK)
            err = bank_read_costs(m->banks[i], low - m->begin[i], high - m->begin[i], &part);
        for (int64_t k = 0; k < part.n && err == OK; k++) {
            part.index[k] = low + k;
            rows_append(&part, k, rows);
        }
        err = err_context(err, "%s", m->plan->banks[i]);
    }
    rows_destroy(&part);
    return err;
}

// Rank 0 says what the parts are: a source may grow while ranks look at it.
static err_t agree_on_rows(const par_t *par, merging_t *m, char **origin)
{
    origin_t all = {0};
    err_t err = OK;
    if (par->rank == 0) {
        err = join_origins(m, &all);
        *origin = origin_text(&all);
        if (err == OK)
            err = check_target(m, *origin);
    }
    origin_free(&all);
    TRY(par_agree(par, err));
    char *own = *origin;
    *origin = par_broadcast_text(par, 0, own);
    free(own);
    par_broadcast(par, 0, (size_t)(m->n + 1) * sizeof *m->begin, m->begin);
    return OK;
}

static err_t merge(const par_t *par, merging_t *m, bank_merge_report_t *out)
{
    char *origin = NULL;
    err_t err;
    TRY(par_agree(par, open_banks(m)));
    TRY_TO(done, agree_on_rows(par, m, &origin));
    int64_t shard_rows = m->plan->shard_rows ? m->plan->shard_rows : bank_shard_rows(m->banks[0]);
    bank_plan_t plan = {.folder = m->plan->folder,
                        .schema = bank_schema(m->banks[0]),
                        .rows = m->begin[m->n],
                        .shard_rows = shard_rows,
                        .study = "",
                        .origin = origin};
    out->rows = plan.rows;
    TRY_TO(done, bank_fill(par, &plan, "merge", read_rows, m, &out->written));
done:
    free(origin);
    return err;
}

err_t bank_merge(const par_t *par, const bank_merge_plan_t *plan, bank_merge_report_t *out)
{
    merging_t m = {.plan = plan};
    CHECK(plan->n_banks > 0, "a merge of no banks");
    *out = (bank_merge_report_t){0};
    m.banks = MEM_NEW(bank_t *, plan->n_banks);
    m.begin = MEM_NEW(int64_t, plan->n_banks + 1);
    err_t err = merge(par, &m, out);
    for (int i = 0; i < plan->n_banks; i++)
        bank_close(&m.banks[i]);
    free(m.begin);
    free(m.banks);
    return err;
}
