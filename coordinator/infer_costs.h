/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rungs of an inference cost, kept beside its blocks while it works: a file a rank, a line a block. What is
 * measured is not part of the posterior, whose bytes do not depend on it. A block that was made twice cost twice.
 */
#ifndef COORDINATOR_INFER_COSTS_H
#define COORDINATOR_INFER_COSTS_H

#include "cluster/err.h"
#include "workers/ladder.h"

/* What came since `before`. ERR_IO. */
err_t infer_costs_add(const char *folder, int rank, const ladder_costs_t *before,
                      const ladder_costs_t *now) ERR_MUST_CHECK;
/* Of all ranks and calls; lines that a kill tore are left out. */
ladder_costs_t infer_costs_read(const char *folder);
void infer_costs_remove(const char *folder);

#endif
