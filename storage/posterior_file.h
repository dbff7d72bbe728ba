/* SPDX-License-Identifier: Apache-2.0
 *
 * posterior.h5: draws, summaries and verdicts of many data sets, for xarray, ArviZ and h5py:
 *
 *   /                           attributes: format, software, model, study, weights, gate, unverified (where there was no
 *                               passed gate: the reason that was given), note (on the draws, where there is one), stamp
 *   /posterior/<parameter>      (dataset, chain = 1, draw) f64; NaN for a refused data set
 *   /posterior/dataset chain draw                                dimension scales; dataset holds the ids
 *   /summary/<parameter>/mean sd median q025 q975    (dataset) f64
 *   /summary/correlation        (dataset, parameter, parameter_2) f64: of scalars; not there where there are none
 *   /verdict/accepted           (dataset) u8
 *           /reason             (dataset) text, "" where accepted
 *           /doubt              (dataset) text: why to doubt one that is accepted: for the prior's sake, or since no rung of the
 *                               ladder answered; "" mostly
 *           /group              (dataset) text: which group it was sorted into; only where a grouping column was named
 *           /n                  (dataset) i64: its number of elements
 *           /distance /p_value  (dataset) f64: out-of-distribution distance in summary space
 *           /edge_share         (dataset) f64: share of draws at the support's edge
 *           /prior_edge_share   (dataset) f64: share of draws beyond one end of the prior's central 99 %, of the scalar parameter
 *                               and the end where it is largest; 0.005 is what the prior itself has, NaN where not known
 *           /rung               (dataset) text: what made the draws: "amortized"; "psis", importance sampling from the exact
 *                               posterior; "mcmc", Markov chains; "none", draws that no rung of the ladder stands for; ""
 *                               where refused
 *           /khat /ess /rhat    (dataset) f64: Pareto k-hat and effective sample size of the importance weights of the amortized
 *                               draws; largest split R-hat of the chains. NaN where that rung was not tried
 *
 *     xarray.open_dataset(f, group="posterior", engine="h5netcdf")        arviz.from_netcdf(f)
 *
 * Of many data sets with many draws /posterior may be left out (`keep`), or /summary.
 *
 * A parameter that is an array keeps its dims, behind the others: /posterior/image (dataset, chain, draw, image_dim_0,
 * image_dim_1), /summary/image/mean (dataset, image_dim_0, image_dim_1): the names that ArviZ gives them too.
 *
 * Whoever computed a block of data sets writes it as a sealed file of its own, and the blocks are joined at the end, so a
 * killed inference keeps what is done. A stamp (weights, data, draws, seed: whatever the result depends on) tells blocks
 * of this inference from those of another one. Ids that are all plain integers become integers, else they are texts.
 */
#ifndef STORAGE_POSTERIOR_FILE_H
#define STORAGE_POSTERIOR_FILE_H

#include "cluster/err.h"
#include "storage/schema.h"

#include <stdbool.h>
#include <stdint.h>

/* What made the draws of a posterior. */
typedef enum {
    POSTERIOR_AMORTIZED,
    POSTERIOR_PSIS,
    POSTERIOR_MCMC,
    POSTERIOR_UNANSWERED, // no rung of the ladder stands for them
    POSTERIOR_REFUSED,    // there are none
    POSTERIOR_RUNGS
} posterior_rung_t;
extern const char *const posterior_rung_names[POSTERIOR_RUNGS];

typedef struct {
    bool accepted;
    const char *reason; // why not; NULL or "" where accepted
    int64_t n;
    double distance, p_value, edge_share, prior_edge_share; // NaN where there is none
    posterior_rung_t rung;
    double khat, ess, rhat; // NaN where not tried
    const char *doubt;      // of an accepted one; NULL or "": none
    bool beyond;            // the data are such as the prior never produces
    bool leans;             // the posterior leans on the prior's edge
} posterior_verdict_t;

typedef enum { POSTERIOR_KEEP_BOTH, POSTERIOR_KEEP_DRAWS, POSTERIOR_KEEP_SUMMARY } posterior_keep_t;

/* What all blocks of one inference share; everything is borrowed. */
typedef struct {
    int64_t datasets, draws, block_datasets; // the last block may have fewer data sets
    posterior_keep_t keep;
    int n_parameters;
    const char *const *parameters; // (P) names of values
    const schema_t *schema; // of the same parameters, where some are arrays; NULL: all are scalars
    const char *const *ids; // (datasets); of those that join alone, as is what follows
    int n_groups;           // 0: data sets are not sorted into groups
    const char *const *groups;
    const int *group; // (datasets); -1: none
    const char *stamp;
    const char *model, *study, *weights, *gate;
    const char *unverified; // NULL: the gate was passed
    const char *note;       // on the draws; NULL: none
} posterior_head_t;

int64_t posterior_blocks(const posterior_head_t *head);                    // number of blocks
int64_t posterior_block_size(const posterior_head_t *head, int64_t block); // data sets of one block

/* Data sets of a block: some 32 MB of what is kept of each, so that a sync is short beside the work; but 64 blocks or more, as
 * far as there are data sets, so that they can be shared. It depends on datasets, draws, n_parameters and keep alone. */
int64_t posterior_block_choice(const posterior_head_t *head);

/* ERR_USAGE for a parameter whose name is taken ("draw") or has a slash, no data sets, no draws. Not collective. */
err_t posterior_head_check(const posterior_head_t *head) ERR_MUST_CHECK;

/* A block in memory. Data sets are put in their order, each with draws (draws, P), which are not looked at where it is
 * refused. Sealing does not free it. The folder exists. Not collective; blocks may be sealed by different ranks at once. ERR_IO. */
typedef struct posterior_block posterior_block_t;
posterior_block_t *posterior_block_begin(const posterior_head_t *head, int64_t block);
void posterior_block_put(const posterior_head_t *head, posterior_block_t *b, const double *draws,
                         const posterior_verdict_t *verdict);
err_t posterior_block_seal(const char *folder, const posterior_head_t *head, int64_t block,
                           const posterior_block_t *b) ERR_MUST_CHECK;
void posterior_block_free(posterior_block_t **b);
/* True where the block is sealed, whole and of this stamp. */
bool posterior_block_done(const char *folder, const posterior_head_t *head, int64_t block);

/* Joins all blocks into `path` (beside it first, then renamed). ERR_MISSING names a block that is not there,
 * ERR_MISMATCH one of another inference. One process; not collective. */
err_t posterior_join(const char *folder, const posterior_head_t *head,
                     const char *path) ERR_MUST_CHECK;
/* Removes all blocks, those of other inferences too, and the folder where nothing else is in it. */
void posterior_blocks_remove(const char *folder);

/* Whether the file has draws, and those of data set i: draws (head->draws, P) of the head's parameters, NaN where it was refused. Not
 * collective. */
bool posterior_file_has_draws(const char *path);
err_t posterior_file_draws(const char *path, const posterior_head_t *head, int64_t i,
                           bool *accepted, double *draws) ERR_MUST_CHECK;

/* True where `path` is a posterior file with this stamp. */
bool posterior_file_is(const char *path, const char *stamp);

#endif
