/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether this machine is fit to run ranks: cores, threads that libraries would start, open files, shared memory, MPI's
 * launcher. Nothing here starts MPI or is collective; ranks_check.h looks at ranks.
 */
#ifndef CLUSTER_MACHINE_CHECK_H
#define CLUSTER_MACHINE_CHECK_H

#include "cluster/findings.h"

/* All of them. */
void machine_check(findings_t *out);

/* One of them each, from numbers that are given: what machine_check finds out first. */
/* `online`, `affinity`: cores; `quota`: whole cores of the cgroup's quota, INT_MAX where it has none. */
void machine_check_cores(int online, int affinity, int quota, findings_t *out);
/* A variable that tells a library how many threads it starts in each process; `value` NULL: it is not set. */
void machine_check_threads(const char *variable, const char *value, findings_t *out);
/* Files that one process may open, now and at most. */
void machine_check_files(long long soft, long long hard, findings_t *out);

#endif
