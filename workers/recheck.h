/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a simulator is what it must be, a function of (seed, row): rows are simulated again and compared bit for bit.
 */
#ifndef WORKERS_RECHECK_H
#define WORKERS_RECHECK_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "storage/rows.h"
#include "workers/load.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECHECK_TEXT_CAP = 256 };

/* Whether row `at` of both blocks is the same: status, design, parameters and observables. If not, `what` says
 * which row and field, what came now (`again`) and what was expected (`first`). Times and reasons may differ. */
bool recheck_same(const rows_t *first, int64_t first_at, const rows_t *again, int64_t again_at,
                  char what[RECHECK_TEXT_CAP]);
/* Simulates row `at` of `rows`, a row of RNG_BANK, again and compares. ERR_SIMULATOR: it differs (the text says where, and
 * the cure). A row that timed out or crashed is not determined, and passes. Not collective. */
err_t recheck_row(simulator_t *simulator, uint64_t seed, const rows_t *rows,
                  int64_t at) ERR_MUST_CHECK;

typedef struct {
    int64_t checked, different; // rows
    int64_t undetermined;       // rows that timed out or crashed: not checked
} recheck_report_t;

/* `rows` rows of the bank, evenly spread (one in each of so many equal parts, at a place that is a function of the bank's
 * seed), simulated again over the ranks. Each that differs is logged, some of each rank. ERR_SIMULATOR when there was one;
 * ERR_MISMATCH for a bank of another model; ERR_USAGE for one whose rows were not simulated here. Collective. */
err_t recheck_bank(const par_t *par, simulator_t *simulator, const char *folder, int64_t rows,
                   recheck_report_t *out) ERR_MUST_CHECK;
/* Whether this is the simulator that the bank was made by: `rows` of its rows simulated again over the ranks. ERR_MISMATCH
 * when more than half of them are clearly others: another status, or a number that differs by more than RECHECK_NEAR of
 * its size. (Other kinds of processor change last digits, and now and then the course of a row.) A bank that is not there,
 * of another model, or whose rows were not simulated here tells nothing, and passes. Collective. */
#define RECHECK_NEAR 1e-3
err_t recheck_simulator(const par_t *par, simulator_t *simulator, const char *folder,
                        int64_t rows) ERR_MUST_CHECK;
/* One sealed row, where there is one that took less than `most_seconds`: a difference is a warning, for it may have been
 * made on another kind of processor. Not collective. */
void recheck_sealed(simulator_t *simulator, const char *folder, double most_seconds);

#endif
