/* SPDX-License-Identifier: Apache-2.0
 *
 * timings.json in a folder of results: what each stage took, newest last; stages that had nothing to do are not there.
 *
 *   [{"stage": "train", "ended": "2026-03-01T12:00:00Z", "seconds": 812.4, "ranks": 16, "outcome": "done"}, ...]
 *
 * `outcome` is done, or what ended the stage: "stopped on request, resumable" (err_words).
 */
#ifndef COORDINATOR_TIMINGS_H
#define COORDINATOR_TIMINGS_H

#include "cluster/par.h"

enum { TIMINGS_MOST = 1000 }; // entries; older ones make room

/* Adds the stage that began at `started` (log_clock) and ends now with `err`, whose text stays. Rank 0 writes; where it can
 * not, it warns. A file that is no such list is begun anew. Not collective. */
void timings_add(const par_t *par, const char *folder, const char *stage, double started,
                 err_t err);

#endif
