// SPDX-License-Identifier: Apache-2.0
#include "coordinator/json_out.h"

#include "storage/sync.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void json_print(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
}

err_t json_save(const json_t *value, const char *path)
{
    char *text = json_dumps(value, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    CHECK(text != NULL, "%s: a value that JSON can not hold", path);
    err_t err = sync_replace(path, strlen(text), text);
    free(text);
    return err;
}
