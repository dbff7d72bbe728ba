/* SPDX-License-Identifier: Apache-2.0
 *
 * The few JSON pieces that gate.json, report.json and other answers for programs share.
 */
#ifndef DIAGNOSTICS_JSON_H
#define DIAGNOSTICS_JSON_H

#include "cluster/err.h"
#include "diagnostics/metrics.h"

#include <jansson.h>
#include <stdbool.h>

json_t *json_number_or_null(double x);              // null for NaN and infinities
json_t *json_metrics(const parameter_metrics_t *p); // an object: each number under its name
/* The same back; null gives NaN. False where a member is missing or no number. */
bool json_read_metrics(json_t *object, parameter_metrics_t *out);
/* Indented, 17 digits, written beside and renamed. */
err_t json_write(const char *path, json_t *root) ERR_MUST_CHECK;

#endif
