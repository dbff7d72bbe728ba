/* SPDX-License-Identifier: Apache-2.0
 *
 * Other programs of this machine that are run for what they say: those of a scheduler.
 */
#ifndef CLUSTER_CAPTURE_H
#define CLUSTER_CAPTURE_H

#include "cluster/err.h"

/* Runs argv (NULL-terminated; argv[0] is looked for in PATH) to its end. *text is what it wrote to stdout, without the last line
 * feed; the caller frees it. Its stderr is ours, its stdin empty. ERR_MISSING: there is no such program; ERR_IO: it ended otherwise than
 * with 0, which the text names. *text is NULL after an error. Not collective. */
err_t capture_run(const char *const *argv, char **text) ERR_MUST_CHECK;

#endif
