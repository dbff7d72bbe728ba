// SPDX-License-Identifier: Apache-2.0
#include "tests/diagnostics/golden.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

golden_t golden_read(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    CHECK(file != NULL, "%s: no such golden file", path);
    char *line = NULL;
    size_t capacity = 0, length = strlen(name);
    golden_t g = {0};
    while (g.x == NULL && getline(&line, &capacity, file) > 0) {
        if (strncmp(line, name, length) != 0 || line[length] != ' ')
            continue;
        char *at = line + length;
        g.n = strtol(at, &at, 10);
        g.x = MEM_NEW(double, g.n);
        for (int64_t i = 0; i < g.n; i++)
            g.x[i] = strtod(at, &at);
    }
    free(line);
    fclose(file);
    CHECK(g.x != NULL, "%s: no array %s", path, name);
    return g;
}

void golden_compare(const char *what, int64_t n, const double *got, const double *expected,
                    double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(got[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]))))
            fail_msg("%s[%ld]: got %.17g, expected %.17g", what, (long)i, got[i], expected[i]);
    }
}
