/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads tests/golden/diagnostics.txt: one line an array, name, count, values.
 */
#ifndef TESTS_DIAGNOSTICS_GOLDEN_H
#define TESTS_DIAGNOSTICS_GOLDEN_H

#include <stdint.h>

typedef struct {
    int64_t n;
    double *x;
} golden_t;

/* `path` is the test program's first argument. Ends the program when the array is not there. The caller frees x. */
golden_t golden_read(const char *path, const char *name);
/* Both within `tolerance` relative to 1 + |expected|; says which index differs otherwise and fails the test. */
void golden_compare(const char *what, int64_t n, const double *got, const double *expected,
                    double tolerance);

#endif
