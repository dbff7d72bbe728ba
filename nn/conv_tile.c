// SPDX-License-Identifier: Apache-2.0
#include "nn/conv_tile.h"

#include "nn/fmath.h"

/* Unrolled by hand into this shape, so that the compiler keeps all of `sum` in registers and fuses what stands in one
 * row; a loop over rows makes it keep them in memory. */
#define ROW(r)                                                                                     \
    {                                                                                              \
        float x = row##r[k * step];                                                                \
        _Pragma("GCC unroll 16") for (int c = 0; c < CONV_COLS; c++) sum[r][c] =                   \
            __builtin_fmaf(x, panel[c], sum[r][c]);                                                \
    }

VEC_KERNEL void conv_tile(const conv_sum_t *s, const float *begin, int64_t begin_step, float *out,
                          int64_t out_step)
{
    float sum[CONV_ROWS][CONV_COLS];
    const float *panel = s->panel;
    int64_t n = s->n, step = s->step;
    for (int r = 0; r < CONV_ROWS; r++)
        for (int c = 0; c < CONV_COLS; c++)
            sum[r][c] = begin[r * begin_step + c];
    for (int64_t i = 0; i < s->runs; i++) {
        const float *row0 = s->row[0] + s->at[i], *row1 = s->row[1] + s->at[i];
        const float *row2 = s->row[2] + s->at[i], *row3 = s->row[3] + s->at[i];
        const float *row4 = s->row[4] + s->at[i], *row5 = s->row[5] + s->at[i];
        for (int64_t k = 0; k < n; k++, panel += CONV_COLS) {
            ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5)
        }
    }
    for (int r = 0; r < CONV_ROWS; r++)
        for (int c = 0; c < CONV_COLS; c++)
            out[r * out_step + c] = sum[r][c];
}
