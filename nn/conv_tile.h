/* SPDX-License-Identifier: Apache-2.0
 *
 * The product inside convolutions: a tile of CONV_ROWS x CONV_COLS numbers held in registers, each a sum over several
 * runs of a strided left factor and of a right factor whose rows of CONV_COLS lie one after another. Multiply-adds are
 * fused in a fixed order, so every vector width gives the same bits.
 */
#ifndef NN_CONV_TILE_H
#define NN_CONV_TILE_H

#include <stdint.h>

enum { CONV_ROWS = 6, CONV_COLS = 16 };

typedef struct {
    const float *row[CONV_ROWS]; // left factor of each row of the tile
    int64_t runs;
    const int64_t *at;  // (runs): where in the left factors each run begins
    int64_t n, step;    // entries of a run, and how far apart they lie
    const float *panel; // (runs * n, CONV_COLS)
} conv_sum_t;

/* out[r, c] = begin[r, c] + sum_{i < runs, k < n} row[r][at[i] + k step] panel[i n + k, c]; rows of begin and out lie
 * begin_step and out_step apart. out may be begin. */
void conv_tile(const conv_sum_t *sum, const float *begin, int64_t begin_step, float *out,
               int64_t out_step);

#endif
