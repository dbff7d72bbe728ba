// SPDX-License-Identifier: Apache-2.0
#include "coordinator/outside.h"

#include "cluster/mem.h"
#include "coordinator/data_view.h"
#include "coordinator/observed.h"
#include "coordinator/real_sets.h"
#include "coordinator/trainer.h"
#include "diagnostics/outside.h"
#include "workers/infer.h"

#include <math.h>
#include <stdlib.h>

enum { LOOKED_AT = 200 };

/* Data sets that are looked at, and those of them that the networks can read; both ascending. */
typedef struct {
    int64_t n, n_read;
    int64_t at[LOOKED_AT], read[LOOKED_AT];
} chosen_t;

static bool networks_read(const trained_t *trained, const rows_t *rows, int64_t i,
                          const float **fields)
{
    char reason[INFER_REASON], why[ADAPTER_WHY];
    infer_refusal(rows->schema, rows, i, reason);
    batch_t batch = batch_of_rows(rows, i, i + 1, fields);
    return reason[0] == '\0' &&
           adapter_reads(amortizer_adapter(trained->amortizer), &batch, 0, why);
}

static void choose(const real_data_t *data, chosen_t *c)
{
    int64_t all = 0, seen = 0;
    for (int64_t i = 0; i < data->n; i++)
        all += real_data_readable(data, i);
    int64_t most = all < LOOKED_AT ? all : LOOKED_AT;
    for (int64_t i = 0; i < data->n && c->n < most; i++)
        if (real_data_readable(data, i) && seen++ == c->n * all / most)
            c->at[c->n++] = i;
}

static void find_read(const trained_t *trained, const rows_t *rows, chosen_t *c)
{
    const float **fields = MEM_NEW(const float *, rows->schema->n_observables);
    for (int64_t i = 0; i < c->n; i++)
        if (networks_read(trained, rows, i, fields))
            c->read[c->n_read++] = c->at[i];
    free(fields);
}

/* (n), NaN where the networks can not read the data set. */
static double *distances_of(const trained_t *trained, const chosen_t *c, const float *summaries)
{
    double *out = MEM_NEW(double, c->n + 1);
    for (int64_t i = 0, r = 0; i < c->n; i++) {
        bool read = r < c->n_read && c->read[r] == c->at[i];
        out[i] =
            read ? distance_value(&trained->distance, summaries + r * trained->distance.d) : NAN;
        r += read;
    }
    return out;
}

static char *judge(const trained_t *trained, const rows_t *rows, const chosen_t *c,
                   const float *summaries)
{
    data_view_t view = data_view_create(&trained->schema, amortizer_adapter(trained->amortizer));
    int k = trained->reach.k;
    double *statistics = MEM_NEW(double, c->n *k + 1),
           *distances = distances_of(trained, c, summaries);
    for (int64_t i = 0; i < c->n && k > 0; i++)
        data_view_statistics(&view, rows, i, statistics + i * k);
    outside_t o = outside_judge(&trained->reach, &trained->distance, c->n, statistics, distances);
    char *words = o.found ? outside_words(&o, k, view.fields, view.items) : NULL;
    free(distances);
    free(statistics);
    data_view_free(&view);
    return words;
}

static err_t look(const par_t *par, const trained_t *trained, const real_data_t *data, chosen_t *c,
                  real_sets_t *sets, char **words)
{
    float *summaries;
    TRY(par_agree(par, real_sets_load(data, c->n, c->at, sets)));
    find_read(trained, &sets->rows, c);
    TRY(observed_summaries(par, trained, data, c->n_read, c->read, &summaries));
    if (par->rank == 0)
        *words = judge(trained, &sets->rows, c, summaries);
    free(summaries);
    return OK;
}

err_t outside_prior(const par_t *par, const trained_t *trained, const real_data_t *data,
                    char **words)
{
    chosen_t c = {0};
    *words = NULL;
    if (par->rank == 0)
        choose(data, &c);
    par_broadcast(par, 0, sizeof c, &c);
    real_sets_t sets = real_sets_create(data, c.n > 0 ? c.n : 1);
    err_t err = look(par, trained, data, &c, &sets, words);
    real_sets_free(&sets);
    return err;
}
