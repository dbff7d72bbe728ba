/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting this program again on several ranks of this machine, for those who call it without mpirun or srun.
 *
 * The parent stays and waits: it turns a stop (SIGTERM, SIGINT, SIGUSR1, SIGHUP) into the SIGUSR1 that mpirun hands to all
 * ranks, which have all the time they need to save; a second SIGINT ends them at once. When the parent is killed, mpirun
 * ends the ranks within about two seconds.
 */
#ifndef CLUSTER_LAUNCH_H
#define CLUSTER_LAUNCH_H

#include "cluster/err.h"

#include <stdbool.h>

/* This process is a rank already (mpirun, or srun with PMIx or PMI). Not collective. */
bool launch_ranks_given(void);
/* By which of them, in words for a person. */
const char *launch_ranks_found(void);

typedef struct {
    int online, affinity; // cores of the machine; those that this process may be put on
    int quota;            // whole cores of its cgroup's quota, INT_MAX where there is none
} launch_cores_t;

launch_cores_t launch_cores_found(void);
/* Cores this process may use: its affinity, and the quota of its cgroup. At least 1. */
int launch_cores(void);
/* The first program of this name in PATH; the caller frees it. ERR_MISSING tells what to install. */
err_t launch_find(const char *name, char **path) ERR_MUST_CHECK;
/* Runs argv again on `ranks` ranks below mpirun; argv[0] is replaced by this very program. Returns the exit code: that of
 * the ranks; 4 when they were stopped on request before they could catch it; 1, with a logged reason, when mpirun is not
 * there or a rank was killed. Ranks find OPENBLAS_NUM_THREADS=1, an empty stdin, and INFERMILL_TERMINAL=<columns> where
 * stderr is a terminal. Call it before any thread is started. */
int launch_self(int ranks, int argc, char **argv);

#endif
