/* SPDX-License-Identifier: Apache-2.0
 *
 * Some processes that do the same work on this machine, each for itself (`worker -j N`): a crash of one is none of the
 * others.
 */
#ifndef COORDINATOR_WORKER_POOL_H
#define COORDINATOR_WORKER_POOL_H

#include "cluster/err.h"

typedef struct {
    int n; // processes
    /* In process `place` of n; what it returns is the exit code. Signals are as before the pool, and SIGTERM comes when the
     * parent dies. */
    int (*work)(int place, void *user);
    void *user;
    double
        back_off; // seconds before one that was killed by a signal is started again; doubled each time, a minute at most
} worker_pool_t;

/* Forks them and waits for all to end. One that dies by a signal is started again, with a line in the log. TERM, INT and USR1
 * are told to all; then ERR_STOPPED when they have ended. ERR_USAGE, ERR_FAILED: how many ended with exit code 2, another
 * one. The caller has no other threads and no sockets open. */
err_t worker_pool_run(const worker_pool_t *pool) ERR_MUST_CHECK;

#endif
