// SPDX-License-Identifier: Apache-2.0
#include "coordinator/pairs.h"

#include "cluster/mem.h"
#include "coordinator/run_folder.h"
#include "diagnostics/figures.h"

#include <stdlib.h>

/* The parameters that are shown; returns how many. */
static int shown_of(const schema_t *schema, int which[PAIRS_MOST])
{
    int n = 0;
    for (int p = 0; p < schema->n_parameters && n < PAIRS_MOST; p++)
        if (schema->parameters[p].n_dims == 0)
            which[n++] = p;
    return n;
}

/* Draws (s, D) and truth (D) or NULL of all parameters. */
static err_t draw(const char *path, const char *title, const char *study, const trained_t *trained,
                  int64_t s, const double *draws, const double *truth)
{
    int which[PAIRS_MOST], D = trained->inferred.n_parameters,
                           n = shown_of(&trained->inferred, which);
    const char *names[PAIRS_MOST];
    double *shown = MEM_NEW(double, s *n), true_values[PAIRS_MOST];
    for (int p = 0; p < n; p++) {
        names[p] = trained->inferred.parameters[which[p]].name;
        true_values[p] = truth ? truth[which[p]] : 0;
        for (int64_t k = 0; k < s; k++)
            shown[k * n + p] = draws[k * D + which[p]];
    }
    char *all = n == D ? mem_copy_text(title) : mem_format("%s: %d of %d parameters", title, n, D);
    stamp_t stamp = {.study = study, .weights = trained->hash, .title = all};
    err_t err = figure_pairs(path, &stamp, s, n, shown, truth ? true_values : NULL, names);
    free(all);
    free(shown);
    return err;
}

err_t pairs_of_real(const char *folder, const char *study, const trained_t *trained, const char *id,
                    int64_t n, const double *draws, bool *drawn)
{
    int which[PAIRS_MOST];
    *drawn = shown_of(&trained->inferred, which) > 0;
    if (!*drawn)
        return OK;
    char *title = mem_format("Posterior of data set %s", id);
    char *path = run_folder_file(folder, "pairs.png");
    err_t err = draw(path, title, study, trained, n, draws, NULL);
    free(path);
    free(title);
    return err;
}

err_t pairs_of_held_out(const char *folder, const char *study, const trained_t *trained,
                        const posteriors_t *posteriors, const rows_t *held_out)
{
    const int *kept;
    int shown[PAIRS_MOST], D = adapter_kept(amortizer_adapter(trained->amortizer), &kept);
    if (posteriors->kept_sets == 0 || shown_of(&trained->inferred, shown) == 0)
        return OK;
    double *truth = MEM_NEW(double, D);
    for (int p = 0; p < D; p++)
        truth[p] = held_out->parameters[kept[p]];
    char *path = run_folder_file(folder, "pairs_held_out.png");
    err_t err = draw(path, "Posterior of a held-out simulation", study, trained,
                     posteriors->kept_draws, posteriors->kept, truth);
    free(path);
    free(truth);
    return err;
}
