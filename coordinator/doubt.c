// SPDX-License-Identifier: Apache-2.0
#include "coordinator/doubt.h"

#include "cluster/mem.h"
#include "nn/adapter.h"

#include <math.h>
#include <stdlib.h>

/* ---- the prior's reach ---- */

/* Statistics of long series take their time: not of more rows than this many numbers hold, but of some. */
static int64_t rows_looked_at(const data_view_t *d, int64_t n)
{
    enum { NUMBERS = 20000000, FEWEST = 200 };
    int64_t row = 1;
    for (int f = 0; f < d->n; f++)
        row += d->fields[f].elements * d->fields[f].features;
    int64_t most = NUMBERS / row > FEWEST ? NUMBERS / row : FEWEST;
    return n < most ? n : most;
}

prior_reach_t doubt_reach(const schema_t *schema, const adapter_t *adapter, const rows_t *rows)
{
    data_view_t d = data_view_create(schema, adapter);
    const int *kept;
    int P = adapter_kept(adapter, &kept), K = d.n_items;
    int64_t n = rows_looked_at(&d, rows->n);
    double *parameters = MEM_NEW(double, n *P + 1), *statistics = MEM_NEW(double, n *K + 1);
    for (int64_t i = 0; i < n; i++) {
        for (int p = 0; p < P; p++)
            parameters[i * P + p] = rows->parameters[i * schema->n_parameters + kept[p]];
        data_view_statistics(&d, rows, i, statistics + i * K);
    }
    prior_reach_t reach = prior_reach_fit(n, P, parameters, K, statistics);
    free(parameters);
    free(statistics);
    data_view_free(&d);
    return reach;
}

/* ---- doubts ---- */

/* Of the parameter that leans most. */
static char *edge_doubt(const doubt_t *d, const doubt_draws_t *draws)
{
    int worst = -1;
    prior_edge_t most = {0, 0};
    for (int p = 0; p < d->reach->d; p++) {
        if (d->inferred->parameters[p].n_dims > 0)
            continue;
        prior_edge_t edge =
            prior_reach_edge(d->reach, p, draws->s, draws->draws + p * draws->stride);
        double share = fmax(edge.below, edge.above);
        if (prior_edge_leans(edge, d->reach->d) && share > fmax(most.below, most.above)) {
            worst = p;
            most = edge;
        }
    }
    return worst < 0 ? NULL
                     : prior_edge_words(d->reach, worst, d->inferred->parameters[worst].name, most);
}

static char *data_doubt(const doubt_t *d, int64_t i)
{
    const data_view_t *view = d->view;
    if (d->reach->k != view->n_items)
        return NULL;
    double *statistics = MEM_NEW(double, view->n_items + 1);
    data_view_statistics(view, d->rows, i, statistics);
    int which = prior_reach_outside(d->reach, statistics);
    char *words = NULL;
    if (which >= 0)
        words = prior_outside_words(d->reach, view->fields, &view->items[which], which,
                                    statistics[which]);
    free(statistics);
    return words;
}

char *doubt_words(const doubt_t *d, int64_t i, const doubt_draws_t *draws, bool *beyond,
                  bool *leans)
{
    *beyond = *leans = false;
    if (d->reach->n == 0)
        return NULL;
    char *edge = edge_doubt(d, draws), *data = data_doubt(d, i);
    *beyond = data != NULL;
    *leans = edge != NULL;
    if (edge == NULL || data == NULL)
        return edge ? edge : data;
    char *both = mem_format("%s; %s", data, edge);
    free(edge);
    free(data);
    return both;
}
