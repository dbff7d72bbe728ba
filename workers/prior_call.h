/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a prior, taken apart: a name and its arguments, one of which may be a call itself.
 */
#ifndef WORKERS_PRIOR_CALL_H
#define WORKERS_PRIOR_CALL_H

#include "cluster/err.h"

#include <stdbool.h>

enum { PRIOR_MAX_ARGUMENTS = 256, PRIOR_NAME_CAP = 32 };

typedef struct {
    char name[PRIOR_NAME_CAP]; // "half_normal", also where the text says half-normal
    int n_arguments;           // numbers; without the inner call
    double argument[PRIOR_MAX_ARGUMENTS];
    bool has_inner; // truncated(normal(0, 1), ...): the first argument
} prior_call_t;

/* `inner` is filled where the first argument is a call. ERR_USAGE says at which character the text is wrong. */
err_t prior_call_parse(const char *text, prior_call_t *call, prior_call_t *inner) ERR_MUST_CHECK;

#endif
