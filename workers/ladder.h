/* SPDX-License-Identifier: Apache-2.0
 *
 * The ladder: what stands for a posterior that the amortizer may have got wrong. A data set goes up the rungs that were asked
 * for, to the first that answers (Li, Vehtari, Buerkner, Radev, Acerbi and Schmitt 2025, "Amortized Bayesian workflow"):
 *
 *     amortized   the amortizer's draws, where the data look like simulated ones (p-value of the distance in summary space)
 *     psis        the same draws, weighted by exact posterior / amortizer's density, weights smoothed, and resampled; where k-hat
 *                 says that this can be trusted, and the weighted draws are worth enough (diagnostics/psis.h)
 *     mcmc        many chains on the exact posterior, from draws of the amortizer (chains.h); where split R-hat and effective
 *                 sample size say that they have come to the same place. A first run that has not is made LADDER_LONGER times longer
 *
 * R-hat can not tell of a mode that no chain is in. All start from draws of the amortizer, taken by their weights, so that a mode
 * without weight in them is as good as not there, and so is one that the amortizer never draws from.
 *
 * Where no rung answers the draws of the last one stay, and the verdict says so: those of the chains; the weighted ones, where only
 * their number is too small; else the amortizer's.
 */
#ifndef WORKERS_LADDER_H
#define WORKERS_LADDER_H

#include "storage/posterior_file.h"
#include "workers/exact.h"

enum {
    LADDER_FEWEST =
        50, // effective draws of PSIS, or a tenth of all where that is less: means to 0.14 sd
    LADDER_FEWEST_CHAINS = 400, // of the chains, bulk and tail
    LADDER_LONGER = 4
};
#define LADDER_RHAT 1.01

/* Bits 1 << POSTERIOR_AMORTIZED, ...; at least one. */
typedef unsigned ladder_rungs_t;
#define LADDER_AMORTIZED ((ladder_rungs_t)1 << POSTERIOR_AMORTIZED)
#define LADDER_PSIS      ((ladder_rungs_t)1 << POSTERIOR_PSIS)
#define LADDER_MCMC      ((ladder_rungs_t)1 << POSTERIOR_MCMC)

/* From n words in ascending order. ERR_USAGE: another word, none, twice, or down again. */
err_t ladder_read(int n, const char *const *words, ladder_rungs_t *out) ERR_MUST_CHECK;
/* "amortized psis"; the caller frees it. */
char *ladder_words(ladder_rungs_t rungs);

typedef struct {
    int64_t tried[POSTERIOR_RUNGS];
    double seconds[POSTERIOR_RUNGS];
} ladder_costs_t;

/* Draws of one data set on their way up. */
typedef struct {
    const rows_t *rows; // the data set is row i
    int64_t i;
    int64_t draws;
    double *values; // (draws, P) of the amortizer; in the end those of the rung that answered
    const double *
        log_q; // (draws) their log density under the amortizer; NULL: it has none, and psis is not asked for
    uint64_t seed; // chance comes from (seed, RNG_PSIS and RNG_CHAINS, index of the row)
} ladder_climb_t;

typedef struct ladder ladder_t;
/* Borrows `exact`. */
ladder_t *ladder_create(ladder_rungs_t rungs, exact_t *exact);
void ladder_destroy(ladder_t **ladder); // NULL is fine

/* The rungs above `amortized`. Fills in rung, khat, ess and rhat of the verdict; returns why no rung answered, NULL where one
 * did; valid until the next call. */
const char *ladder_climb(ladder_t *ladder, const ladder_climb_t *climb,
                         posterior_verdict_t *verdict);
/* Since it was created: how often each rung was tried, and for how long. */
ladder_costs_t ladder_costs(const ladder_t *ladder);

#endif
