/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a simulator's table make sense? Looked at once, when it is loaded; afterwards it is trusted.
 */
#ifndef WORKERS_CHECK_H
#define WORKERS_CHECK_H

#include "cluster/err.h"
#include "workers/simulator.h"

/* `abi` and `size` first (ERR_MISMATCH, got and expected), then the declaration (ERR_FORMAT): counts, names (letters,
 * digits and _, at most 63, unlike each other), bounds, kinds with their number of dims, sizes that follow the design,
 * a function to simulate with. `where` names the source in messages. Not collective. */
err_t simulator_check(const infermill_simulator_t *table, const char *where) ERR_MUST_CHECK;

#endif
