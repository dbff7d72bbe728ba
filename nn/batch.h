/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of data sets as the networks take it: borrowed arrays in the layout of a block of simulated rows, on the
 * user's scale. Nothing here is copied or owned.
 */
#ifndef NN_BATCH_H
#define NN_BATCH_H

#include <stdint.h>

typedef struct {
    int64_t n;                // data sets
    const double *parameters; // (n, P), or NULL where they are not known (inference)
    const double *design;     // (n, D), or NULL where D is 0
    const int32_t *length;    // (n, O) elements of each observable
    const float *const
        *observables; // [O] -> (n, padded size of observable o); beyond the length not looked at
} batch_t;

#endif
