/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON for programs that read an answer of ours: numbers that are not finite become null.
 */
#ifndef COORDINATOR_JSON_OUT_H
#define COORDINATOR_JSON_OUT_H

#include "cluster/err.h"

#include <jansson.h>

json_t *json_number(double value);
/* To stdout, indented, with a newline. */
void json_print(const json_t *value);
/* Writes beside, syncs, renames. */
err_t json_save(const json_t *value, const char *path) ERR_MUST_CHECK;

#endif
