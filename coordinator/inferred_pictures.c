// SPDX-License-Identifier: Apache-2.0
#include "coordinator/inferred_pictures.h"

#include "coordinator/run_folder.h"
#include "diagnostics/figures.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const char *folder;
    const study_t *study;
    const trained_t *trained;
    inferred_t *result;
} drawing_t;

static stamp_t stamp_of(const drawing_t *d, const char *title)
{
    return (stamp_t){.study = d->study->name, .weights = d->trained->hash, .title = title};
}

/* Where the observed data sets lie among the simulated ones. */
static err_t draw_distances(const drawing_t *d)
{
    static const char name[] = "summary_distance.png";
    const distance_t *known = &d->trained->distance;
    if (d->result->misfit.n == 0)
        return OK;
    char *path = run_folder_file(d->folder, name);
    const stamp_t stamp = stamp_of(d, "Observed among simulated data");
    const distances_t distances = {.references = known->n,
                                   .reference = known->reference,
                                   .n = d->result->ledger.n,
                                   .observed = d->result->distance,
                                   .threshold = d->result->misfit.threshold};
    err_t err = figure_distance(path, &stamp, &distances);
    d->result->table.misfit_picture = name;
    free(path);
    return err;
}

/* Ends of the prior's reach by declared parameter, of those that are shown; NaN for arrays. */
static void prior_ends(const drawing_t *d, double *low, double *high)
{
    const prior_reach_t *reach = &d->trained->reach;
    for (int k = 0, first = 0; k < d->result->shown; first += d->result->values[k++]) {
        bool known = reach->n > 0 && d->result->values[k] == 1;
        low[k] = known ? reach->low[first] : NAN;
        high[k] = known ? reach->high[first] : NAN;
    }
}

/* How posteriors are spread over data sets. */
static err_t draw_population(const drawing_t *d)
{
    static const char name[] = "population.png";
    const inferred_t *r = d->result;
    if (r->ledger.accepted < POPULATION_FEWEST)
        return OK;
    char *path = run_folder_file(d->folder, name);
    double low[POPULATION_SHOWN], high[POPULATION_SHOWN];
    prior_ends(d, low, high);
    const stamp_t stamp = stamp_of(d, "Posteriors over all data sets");
    const population_t population = {.d = r->d,
                                     .names = r->names,
                                     .means = r->means,
                                     .sds = r->sds,
                                     .prior_low = low,
                                     .prior_high = high};
    err_t err = figure_population(path, &stamp, &population);
    d->result->table.population_picture = name;
    free(path);
    return err;
}

/* How groups of data sets differ. */
static err_t draw_groups(const drawing_t *d)
{
    static const char name[] = "population_groups.png";
    const inferred_t *r = d->result;
    if (r->table.groups == NULL)
        return OK;
    char *path = run_folder_file(d->folder, name);
    const stamp_t stamp = stamp_of(d, "Posterior means by group");
    err_t err = figure_groups(path, &stamp, r->table.group, r->names, &r->groups);
    d->result->table.groups_picture = name;
    free(path);
    return err;
}

err_t inferred_pictures(const char *folder, const study_t *study, const trained_t *trained,
                        inferred_t *result)
{
    const drawing_t d = {folder, study, trained, result};
    TRY(draw_distances(&d));
    TRY(draw_population(&d));
    return draw_groups(&d);
}
