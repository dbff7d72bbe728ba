// SPDX-License-Identifier: Apache-2.0
/* A product is made in strips of 16 (or 8) columns, four rows at a time: their 64 sums stay in vector registers while the
 * loop runs over the depth. The sums are arrays that the compiler puts into registers; it does so only when the inner loop
 * is not unrolled before it is vectorised, hence the pragmas. */
#include "nn/attention_kernel.h"

#include "nn/fmath.h"

#define ROWS         4
#define STRIP        16
#define HALF         ATTENTION_LANES
#define SOFTMAX_ROWS 8

VEC_INLINE void store(int lanes, bool add, const float *sum, float *c)
{
    if (add)
        for (int l = 0; l < lanes; l++)
            c[l] += sum[l];
    else
        for (int l = 0; l < lanes; l++)
            c[l] = sum[l];
}

/* c (rows, lanes), depth > 0. Rows past the last repeat it and are not stored. */
VEC_INLINE void strip(int lanes, int64_t rows, int64_t depth, strided_t a, strided_t b, bool add,
                      float *restrict c, int64_t c_row)
{
    for (int64_t r = 0; r < rows; r += ROWS) {
        float s0[STRIP] = {0}, s1[STRIP] = {0}, s2[STRIP] = {0}, s3[STRIP] = {0};
        int64_t left = rows - r, k = 0;
        const float *a0 = a.at + r * a.row, *a1 = a0 + (left > 1 ? a.row : 0);
        const float *a2 = a1 + (left > 2 ? a.row : 0), *a3 = a2 + (left > 3 ? a.row : 0);
        do {
            const float *y = b.at + k * b.row;
            float x0 = a0[k * a.col], x1 = a1[k * a.col], x2 = a2[k * a.col], x3 = a3[k * a.col];
#pragma GCC unroll 1
            for (int l = 0; l < lanes; l++) {
                s0[l] = __builtin_fmaf(x0, y[l], s0[l]);
                s1[l] = __builtin_fmaf(x1, y[l], s1[l]);
                s2[l] = __builtin_fmaf(x2, y[l], s2[l]);
                s3[l] = __builtin_fmaf(x3, y[l], s3[l]);
            }
        } while (++k < depth);
        store(lanes, add, s0, c + r * c_row);
        if (left > 1)
            store(lanes, add, s1, c + (r + 1) * c_row);
        if (left > 2)
            store(lanes, add, s2, c + (r + 2) * c_row);
        if (left > 3)
            store(lanes, add, s3, c + (r + 3) * c_row);
    }
}

static VEC_KERNEL void strip_wide(int64_t rows, int64_t depth, strided_t a, strided_t b, bool add,
                                  float *restrict c, int64_t c_row)
{
    strip(STRIP, rows, depth, a, b, add, c, c_row);
}

static VEC_KERNEL void strip_half(int64_t rows, int64_t depth, strided_t a, strided_t b, bool add,
                                  float *restrict c, int64_t c_row)
{
    strip(HALF, rows, depth, a, b, add, c, c_row);
}

/* A strip of which only the first `width` columns exist in c. */
static void strip_part(int64_t rows, int64_t width, int64_t depth, strided_t a, strided_t b,
                       bool add, float *c, int64_t c_row)
{
    float sum[ROWS * STRIP];
    for (int64_t r = 0; r < rows; r += ROWS) {
        int64_t n = rows - r < ROWS ? rows - r : ROWS;
        strided_t part = {a.at + r * a.row, a.row, a.col};
        (width > HALF ? strip_wide : strip_half)(n, depth, part, b, false, sum, STRIP);
        for (int64_t i = 0; i < n; i++)
            for (int64_t l = 0; l < width; l++)
                c[(r + i) * c_row + l] = sum[i * STRIP + l] + (add ? c[(r + i) * c_row + l] : 0);
    }
}

void attention_product(int64_t rows, int64_t cols, int64_t depth, strided_t a, strided_t b,
                       bool add, float *c, int64_t c_row)
{
    for (int64_t first = 0; first < cols; first += STRIP) {
        int64_t width = cols - first < STRIP ? cols - first : STRIP;
        strided_t part = {b.at + first, b.row, 1};
        if (width == STRIP)
            strip_wide(rows, depth, a, part, add, c + first, c_row);
        else if (width == HALF)
            strip_half(rows, depth, a, part, add, c + first, c_row);
        else
            strip_part(rows, width, depth, a, part, add, c + first, c_row);
    }
}

VEC_KERNEL void attention_pack(int64_t rows, int64_t cols, strided_t a, float *y)
{
    int64_t width = attention_width(cols);
    for (int64_t first = 0; first < width; first += HALF) {
        const float *x = a.at + first * a.col;
        int64_t lanes = cols - first < HALF ? cols - first : HALF;
        for (int64_t r = 0; r < rows; r++) {
            float *to = y + r * attention_row(cols) + first;
            if (lanes == HALF)
                for (int l = 0; l < HALF; l++)
                    to[l] = x[r * a.row + l * a.col];
            else
                for (int64_t l = 0; l < HALF; l++)
                    to[l] = l < lanes ? x[r * a.row + l * a.col] : 0.0f;
        }
    }
}

VEC_INLINE float fold(float *lane)
{
    for (int width = HALF / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

VEC_INLINE float row_most(int64_t width, const float *x)
{
    float most[HALF];
    for (int l = 0; l < HALF; l++)
        most[l] = x[l];
    for (int64_t c = HALF; c < width; c += HALF)
#pragma GCC unroll 1
        for (int l = 0; l < HALF; l++)
            most[l] = x[c + l] > most[l] ? x[c + l] : most[l];
    for (int half = HALF / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            most[l] = most[l] > most[l + half] ? most[l] : most[l + half];
    return most[0];
}

/* w = exp((w - most) factor); returns the sum */
VEC_INLINE float row_exp(int64_t width, float most, float factor, float *w)
{
    float sum[HALF] = {0};
    for (int64_t c = 0; c < width; c += HALF)
#pragma GCC unroll 1
        for (int l = 0; l < HALF; l++) {
            w[c + l] = f_exp((w[c + l] - most) * factor);
            sum[l] += w[c + l];
        }
    return fold(sum);
}

VEC_INLINE void row_scale(int64_t width, float factor, float *w)
{
    for (int64_t c = 0; c < width; c += HALF)
        for (int l = 0; l < HALF; l++)
            w[c + l] *= factor;
}

/* Each step for a few rows: the ends of their sums then overlap. */
VEC_INLINE void softmax_rows(int64_t rows, int64_t width, int64_t row, float factor,
                             const float *cut, float *w)
{
    float most[SOFTMAX_ROWS], sum[SOFTMAX_ROWS];
    for (int64_t r = 0; r < rows; r++) {
        for (int l = 0; l < HALF; l++)
            w[r * row + width - HALF + l] += cut[l];
        most[r] = row_most(width, w + r * row);
    }
    for (int64_t r = 0; r < rows; r++)
        sum[r] = row_exp(width, most[r], factor, w + r * row);
    for (int64_t r = 0; r < rows; r++)
        row_scale(width, 1.0f / sum[r], w + r * row);
}

VEC_KERNEL void attention_softmax(int64_t rows, int64_t n, float factor, float *w)
{
    int64_t width = attention_width(n), row = attention_row(n);
    float cut[HALF]; // takes the columns past n out of the last vector
    for (int l = 0; l < HALF; l++)
        cut[l] = width - HALF + l < n ? 0.0f : -INFINITY;
    for (int64_t r = 0; r < rows; r += SOFTMAX_ROWS)
        softmax_rows(rows - r < SOFTMAX_ROWS ? rows - r : SOFTMAX_ROWS, width, row, factor, cut,
                     w + r * row);
}

VEC_KERNEL void attention_slope(int64_t rows, int64_t n, float factor, const float *w, float *d)
{
    int64_t width = attention_width(n), row = attention_row(n);
    for (int64_t r = 0; r < rows; r++, w += row, d += row) {
        float sum[HALF] = {0};
        for (int64_t c = 0; c < width; c += HALF)
#pragma GCC unroll 1
            for (int l = 0; l < HALF; l++)
                sum[l] = __builtin_fmaf(w[c + l], d[c + l], sum[l]);
        float mean = fold(sum);
#pragma GCC ivdep
        for (int64_t c = 0; c < width; c++)
            d[c] = (d[c] - mean) * (factor * w[c]);
    }
}
