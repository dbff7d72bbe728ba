/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether ranks start here: two (one on a single core) are started as every
 * command starts its own, and tell how they fit together.
 */
#ifndef COORDINATOR_DOCTOR_RANKS_H
#define COORDINATOR_DOCTOR_RANKS_H

#include "cluster/findings.h"

#include <stdbool.h>

/* Starts `infermill doctor FOLDER` on ranks, waits a minute at most, and adds what they found. Call it before any thread
 * is started. */
void doctor_ranks(const char *folder, findings_t *out);
/* This process is a rank that doctor_ranks started: only what ranks find is asked of it. */
bool doctor_ranks_asked(void);

#endif
