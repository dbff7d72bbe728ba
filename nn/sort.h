/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorting floats by their bits (radix sort, four passes of eight bits over an order-preserving map to integers).
 */
#ifndef NN_SORT_H
#define NN_SORT_H

#include <stdint.h>

/* Ascending, in place; scratch (n). Numbers that are not NaN come in order, -0 before 0. */
void sort_floats(int64_t n, float *x, float *scratch);

#endif
