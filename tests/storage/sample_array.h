/* SPDX-License-Identifier: Apache-2.0
 *
 * A model for tests whose parameters are a scalar, an array and a scalar: mu, image (2, 3), sigma; one vector observed.
 */
#ifndef TESTS_STORAGE_SAMPLE_ARRAY_H
#define TESTS_STORAGE_SAMPLE_ARRAY_H

#include "storage/rows.h"

schema_t sample_array_schema(void); // the caller frees it
schema_t sample_array_schema_of(int64_t height, int64_t width);

/* Row `index`: value k of the parameters is index + k / 16, each value of y is index. */
void sample_array_row(int64_t index, rows_t *rows, int64_t at);

#endif
