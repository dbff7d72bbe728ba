/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON answers of commands, for programs that read them.
 */
#ifndef COORDINATOR_JSON_OUT_H
#define COORDINATOR_JSON_OUT_H

#include "diagnostics/json.h"

/* To stdout, indented, with a newline. */
void json_print(const json_t *value);

#endif
