// SPDX-License-Identifier: Apache-2.0
#include "coordinator/json_out.h"

#include <stdio.h>

void json_print(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
}
