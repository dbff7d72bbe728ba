/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings as JSON, from one process to another and for programs that read the answer of `infermill doctor`:
 *
 *     {"warnings": 1, "failed": 0, "checks": [{"what": "clock", "found": "...", "verdict": "warning", "advice": "..."}]}
 */
#ifndef COORDINATOR_FINDINGS_JSON_H
#define COORDINATOR_FINDINGS_JSON_H

#include "cluster/err.h"
#include "cluster/findings.h"

#include <jansson.h>

/* The caller frees it. */
json_t *findings_json(const findings_t *list);
/* Adds those of the text. ERR_FORMAT where it is not such an object. */
err_t findings_read(const char *text, findings_t *list) ERR_MUST_CHECK;

#endif
