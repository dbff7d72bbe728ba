/* SPDX-License-Identifier: Apache-2.0
 *
 * The few JSON pieces that gate.json, report.json and other answers for programs share.
 */
#ifndef DIAGNOSTICS_JSON_H
#define DIAGNOSTICS_JSON_H

#include "cluster/err.h"
#include "diagnostics/metrics.h"
#include "diagnostics/rating.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

json_t *json_number_or_null(double x);              // null for NaN and infinities
json_t *json_metrics(const parameter_metrics_t *p); // an object: each number under its name
/* The same back; null gives NaN. False where a member is missing or no number. */
bool json_read_metrics(json_t *object, parameter_metrics_t *out);
json_t *json_ratings(const ratings_t *at);              // an object: each limit under its name
bool json_read_ratings(json_t *object, ratings_t *out); // false where one is missing or no number
/* Members of an object as plain values: "" for a text, NAN for a number, 0 and false where there is none. */
const char *json_text(const json_t *object, const char *name);
double json_number(const json_t *object, const char *name);
int64_t json_whole(const json_t *object, const char *name);
bool json_flag(const json_t *object, const char *name);
/* Pointers to the texts of an array, valid as long as it; the caller frees the list alone. */
const char **json_texts(const json_t *array, int *n);
/* Both, for the joint numbers. */
json_t *json_joint(const tarp_t *joint);
bool json_read_joint(json_t *object, tarp_t *out);
/* Indented, 17 digits, written beside and renamed. */
err_t json_write(const char *path, json_t *root) ERR_MUST_CHECK;

#endif
