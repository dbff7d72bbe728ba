/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder for the files that the ranks of one launch share in memory (segments and sockets of Open MPI). It is ours
 * alone and named after nothing, so that what a killed run left behind is in nobody's way.
 */
#ifndef CLUSTER_SESSION_H
#define CLUSTER_SESSION_H

#include "cluster/err.h"

#include <stddef.h>

typedef struct {
    char path[64];
    int lock; // held while the session lives
} session_t;

/* Makes the folder: in /dev/shm where that has `bytes` free, else in /tmp. Removes folders of this user whose launch is
 * gone. Not collective. */
err_t session_open(size_t bytes, session_t *out) ERR_MUST_CHECK;
/* Removes the folder with all that is in it. */
void session_close(session_t *session);

#endif
