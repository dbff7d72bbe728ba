// SPDX-License-Identifier: Apache-2.0
#include "coordinator/pairs.h"

#include "cluster/mem.h"
#include "coordinator/run_folder.h"
#include "diagnostics/figures.h"
#include "storage/posterior_block.h"

#include <stdlib.h>

static err_t draw(const char *folder, const char *file, const stamp_t *stamp,
                  const trained_t *trained, int64_t s, const double *draws, const double *truth)
{
    int D = trained->inferred.n_parameters;
    const char **names = MEM_NEW(const char *, D);
    for (int p = 0; p < D; p++)
        names[p] = trained->inferred.parameters[p].name;
    char *path = run_folder_file(folder, file);
    err_t err = figure_pairs(path, stamp, s, D, draws, truth, names);
    free(path);
    free(names);
    return err;
}

/* Data set i of a block, one draw after the other; the caller frees it. */
static double *draws_of(const posterior_block_t *b, int64_t i, int64_t s, int D)
{
    double *draws = MEM_NEW(double, s *D);
    for (int p = 0; p < D; p++)
        for (int64_t k = 0; k < s; k++)
            draws[k * D + p] = b->draws[(p * b->n + i) * s + k];
    return draws;
}

err_t pairs_of_real(const char *folder, const char *study, const trained_t *trained,
                    const char *blocks, const posterior_head_t *head, const bool *refused,
                    bool *drawn)
{
    int64_t first = 0;
    while (first < head->datasets && refused[first])
        first++;
    *drawn = first < head->datasets && head->n_parameters <= PAIRS_MOST;
    if (!*drawn)
        return OK;
    posterior_block_t block;
    TRY(posterior_block_read(blocks, head, first / head->block_datasets, &block));
    double *draws = draws_of(&block, first % head->block_datasets, head->draws, head->n_parameters);
    char *title = mem_format("Posterior of data set %s", head->ids[first]);
    stamp_t stamp = {.study = study, .weights = trained->hash, .title = title};
    err_t err = draw(folder, "pairs.png", &stamp, trained, head->draws, draws, NULL);
    free(title);
    free(draws);
    posterior_block_free(&block);
    return err;
}

err_t pairs_of_held_out(const char *folder, const char *study, const trained_t *trained,
                        const posteriors_t *posteriors, const rows_t *held_out)
{
    const int *which;
    int D = adapter_kept(amortizer_adapter(trained->amortizer), &which);
    if (D > PAIRS_MOST || posteriors->kept_sets == 0)
        return OK;
    double *truth = MEM_NEW(double, D);
    for (int p = 0; p < D; p++)
        truth[p] = held_out->parameters[which[p]];
    stamp_t stamp = {
        .study = study, .weights = trained->hash, .title = "Posterior of a held-out simulation"};
    err_t err = draw(folder, "pairs_held_out.png", &stamp, trained, posteriors->kept_draws,
                     posteriors->kept, truth);
    free(truth);
    return err;
}
