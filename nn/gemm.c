// SPDX-License-Identifier: Apache-2.0
//
// c is made in tiles of up to MOST_ROWS (WIDE_ROWS, where registers are wider) x COLS entries that stay in registers. For a strip of COLS columns the part of b is a
// panel (depth, COLS) in the first-level cache: where the columns of b are contiguous the first tile copies it while it
// computes, and asks for the next one, since weights are seldom in a near cache. A b that is contiguous the other way is either transposed into panels, or c' = b' a' is made instead, whichever
// moves fewer numbers.
#include "nn/gemm.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

enum { COLS = 16, MOST_ROWS = 6, WIDE_ROWS = 12 };
/* Beyond both the panels are too few and a is read too often from far away: a library's packing pays. */
enum { MOST_LEFT = 1 << 18, MOST_STRIP = 128 };

#define KERNEL      __attribute__((target("avx2,fma")))
#define INLINE      KERNEL static inline __attribute__((always_inline))
#define WIDE_KERNEL __attribute__((target("avx512f,avx2,fma")))
#define WIDE_INLINE WIDE_KERNEL static inline __attribute__((always_inline))

/* One tile: rows of a `row` apart and its depth `col`; rows of b `ldb` apart. */
typedef struct {
    int64_t k, row, col, ldb;
    const float *a, *b;
    float *copy; // (k, COLS) where b goes, or NULL
} tile_t;

typedef struct {
    __m256 half[MOST_ROWS][2];
} sums_t;

/* s (rows, COLS) = a b */
INLINE void accumulate(int rows, bool copied, const tile_t *t, sums_t *s)
{
    const float *a = t->a, *b = t->b;
    float *copy = t->copy;
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        s->half[r][0] = s->half[r][1] = _mm256_setzero_ps();
    for (int64_t p = 0; p < t->k; p++, a += t->col, b += t->ldb) {
        __m256 left = _mm256_loadu_ps(b), right = _mm256_loadu_ps(b + 8);
        if (copied) {
            _mm_prefetch((const char *)(b + COLS), _MM_HINT_T0);
            _mm256_storeu_ps(copy, left);
            _mm256_storeu_ps(copy + 8, right);
            copy += COLS;
        }
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r * t->row);
            s->half[r][0] = _mm256_fmadd_ps(x, left, s->half[r][0]);
            s->half[r][1] = _mm256_fmadd_ps(x, right, s->half[r][1]);
        }
    }
}

/* Where a tile goes: out = alpha sums + beta base. */
typedef struct {
    float alpha, beta;
    const float *base; // NULL: zeros
    int64_t base_row, ldc;
    float *c;
} out_t;

INLINE void write_rows(int rows, const sums_t *s, const out_t *o)
{
    __m256 alpha = _mm256_set1_ps(o->alpha), beta = _mm256_set1_ps(o->beta);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            __m256 y = _mm256_mul_ps(alpha, s->half[r][h]);
            if (o->base != NULL)
                y = _mm256_add_ps(
                    y, _mm256_mul_ps(beta, _mm256_loadu_ps(o->base + r * o->base_row + 8 * h)));
            _mm256_storeu_ps(o->c + r * o->ldc + 8 * h, y);
        }
}

#define TILE(rows)                                                                                 \
    KERNEL static void tile_##rows(const tile_t *t, const out_t *o)                                \
    {                                                                                              \
        sums_t s;                                                                                  \
        if (t->copy != NULL)                                                                       \
            accumulate(rows, true, t, &s);                                                         \
        else                                                                                       \
            accumulate(rows, false, t, &s);                                                        \
        write_rows(rows, &s, o);                                                                   \
    }
// clang-format off
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
    // clang-format on

    /* ---- the same with registers of COLS floats ---- */

    typedef struct {
    __m512 row[WIDE_ROWS];
} wide_sums_t;

WIDE_INLINE void wide_accumulate(int rows, bool copied, const tile_t *t, wide_sums_t *s)
{
    const float *a = t->a, *b = t->b;
    float *copy = t->copy;
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
        s->row[r] = _mm512_setzero_ps();
    for (int64_t p = 0; p < t->k; p++, a += t->col, b += t->ldb) {
        __m512 all = _mm512_loadu_ps(b);
        if (copied) {
            _mm_prefetch((const char *)(b + COLS), _MM_HINT_T0);
            _mm512_storeu_ps(copy, all);
            copy += COLS;
        }
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++)
            s->row[r] = _mm512_fmadd_ps(_mm512_set1_ps(a[r * t->row]), all, s->row[r]);
    }
}

WIDE_INLINE void wide_write_rows(int rows, const wide_sums_t *s, const out_t *o)
{
    __m512 alpha = _mm512_set1_ps(o->alpha), beta = _mm512_set1_ps(o->beta);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        __m512 y = _mm512_mul_ps(alpha, s->row[r]);
        if (o->base != NULL)
            y = _mm512_add_ps(y, _mm512_mul_ps(beta, _mm512_loadu_ps(o->base + r * o->base_row)));
        _mm512_storeu_ps(o->c + r * o->ldc, y);
    }
}

#define WIDE(rows)                                                                                 \
    WIDE_KERNEL static void wide_##rows(const tile_t *t, const out_t *o)                           \
    {                                                                                              \
        wide_sums_t s;                                                                             \
        if (t->copy != NULL)                                                                       \
            wide_accumulate(rows, true, t, &s);                                                    \
        else                                                                                       \
            wide_accumulate(rows, false, t, &s);                                                   \
        wide_write_rows(rows, &s, o);                                                              \
    }
// clang-format off
WIDE(1) WIDE(2) WIDE(3) WIDE(4) WIDE(5) WIDE(6) WIDE(7) WIDE(8) WIDE(9) WIDE(10) WIDE(11) WIDE(12)

typedef void tile_kernel_t(const tile_t *t, const out_t *o);
// clang-format on

/* The kernels of this CPU: by the number of rows, up to `most`. */
typedef struct {
    int64_t most;
    tile_kernel_t *const *tile;
} kernels_t;

static bool has_kernels(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_wide_kernels(void)
{
    return __builtin_cpu_supports("avx512f");
}

static kernels_t kernels_here(void)
{
    static tile_kernel_t *const tiles[] = {NULL, tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    static tile_kernel_t *const wide[] = {NULL,   wide_1, wide_2, wide_3,  wide_4,  wide_5, wide_6,
                                          wide_7, wide_8, wide_9, wide_10, wide_11, wide_12};
    if (has_wide_kernels())
        return (kernels_t){WIDE_ROWS, wide};
    return (kernels_t){MOST_ROWS, tiles};
}

/* One strip of at most COLS columns of c, rows contiguous or, `across`, its columns. */
typedef struct {
    int64_t m, n, k;
    gemm_matrix_t a;
    const float *b; // (k, COLS) where the strip is whole
    int64_t ldb;
    float *panel; // (k, COLS)
    bool copies;  // b is not in the panel yet
    out_t out;
    bool across;
    kernels_t kernels;
} strip_t;

/* A tile that is narrower than COLS or lies across: made aside, then put where it belongs. */
static void write_apart(int rows, const strip_t *s, const tile_t *t, const out_t *o)
{
    float aside[WIDE_ROWS * COLS];
    out_t plain = {.alpha = o->alpha, .ldc = COLS, .c = aside};
    s->kernels.tile[rows](t, &plain);
    int64_t row = s->across ? 1 : o->ldc, col = s->across ? o->ldc : 1;
    int64_t base_row = s->across ? 1 : o->base_row, base_col = s->across ? o->base_row : 1;
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t r = 0; r < rows; r++) {
            float old = o->base != NULL ? o->beta * o->base[r * base_row + j * base_col] : 0.0f;
            o->c[r * row + j * col] = aside[r * COLS + j] + old;
        }
}

static void run_strip(const strip_t *s)
{
    int64_t count = (s->m + s->kernels.most - 1) / s->kernels.most;
    tile_t t = {s->k, s->a.row, s->a.col, s->ldb, NULL, s->b, s->copies ? s->panel : NULL};
    for (int64_t k = 0; k < count; k++) {
        int64_t begin = s->m * k / count, end = s->m * (k + 1) / count;
        out_t o = s->out;
        o.c += begin * (s->across ? 1 : o.ldc);
        if (o.base != NULL)
            o.base += begin * (s->across ? 1 : o.base_row);
        t.a = s->a.at + begin * s->a.row;
        if (s->n == COLS && !s->across)
            s->kernels.tile[end - begin](&t, &o);
        else
            write_apart((int)(end - begin), s, &t, &o);
        if (t.copy != NULL)
            t = (tile_t){s->k, s->a.row, s->a.col, COLS, NULL, s->panel, NULL};
    }
}

/* panel (k, COLS) = b (k, n), the columns beyond n zero */
static void pack(int64_t k, int64_t n, const gemm_matrix_t *b, float *panel)
{
    if (n < COLS)
        memset(panel, 0, (size_t)(k * COLS) * sizeof *panel);
    for (int64_t j = 0; j < n; j++)
        for (int64_t p = 0; p < k; p++)
            panel[p * COLS + j] = b->at[p * b->row + j * b->col];
}

/* Rows of `panel` are filled with `part`, or stay to be copied by the first tile. */
static void lay_panel(strip_t *s, gemm_matrix_t part, float *panel)
{
    s->copies = s->n == COLS && part.col == 1;
    s->panel = panel;
    s->b = s->copies ? part.at : panel;
    s->ldb = s->copies ? part.row : COLS;
    if (!s->copies)
        pack(s->k, s->n, &part, panel);
}

/* c (m, n) of p; or c' where `across`: then a and b are b' and a' of p. */
static void run_strips(const gemm_t *p, int64_t m, int64_t n, gemm_matrix_t a, gemm_matrix_t b,
                       bool across)
{
    float panel[GEMM_DEPTH * COLS];
    for (int64_t first = 0; first < p->k; first += GEMM_DEPTH) {
        out_t out = {p->alpha, p->beta, p->base, p->base_row, p->ldc, p->c};
        if (first > 0)
            out = (out_t){p->alpha, 1, p->c, p->ldc, p->ldc, p->c};
        for (int64_t j = 0; j < n; j += COLS) {
            strip_t s = {.m = m, .a = a, .out = out, .across = across, .kernels = kernels_here()};
            s.n = n - j < COLS ? n - j : COLS;
            s.k = p->k - first < GEMM_DEPTH ? p->k - first : GEMM_DEPTH;
            s.a.at += first * a.col;
            s.out.c += j * (across ? out.ldc : 1);
            if (out.base != NULL)
                s.out.base += j * (across ? out.base_row : 1);
            lay_panel(&s, (gemm_matrix_t){b.at + first * b.row + j * b.col, b.row, b.col}, panel);
            run_strip(&s);
        }
    }
}

static gemm_matrix_t transposed(gemm_matrix_t a)
{
    return (gemm_matrix_t){a.at, a.col, a.row};
}

/* ---- results of a few columns: dot products along rows of a ---- */

enum { FEW_COLS = 4, STEP = 8 };

KERNEL static float fold(__m256 x)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* out[j] = a (k) times row j of b, whose rows are GEMM_DEPTH long and zero beyond k */
INLINE void dot_cols(int cols, int64_t k, const float *a, const float *b, float *out)
{
    static const int32_t first[2 * STEP] = {-1, -1, -1, -1, -1, -1, -1, -1};
    __m256 sum[FEW_COLS];
    int64_t p = 0;
    for (int j = 0; j < cols; j++)
        sum[j] = _mm256_setzero_ps();
    for (; p + STEP <= k; p += STEP) {
        __m256 x = _mm256_loadu_ps(a + p);
        for (int j = 0; j < cols; j++)
            sum[j] = _mm256_fmadd_ps(x, _mm256_loadu_ps(b + j * GEMM_DEPTH + p), sum[j]);
    }
    if (p < k) {
        __m256i some = _mm256_loadu_si256((const __m256i *)(const void *)(first + STEP - (k - p)));
        __m256 x = _mm256_maskload_ps(a + p, some);
        for (int j = 0; j < cols; j++)
            sum[j] = _mm256_fmadd_ps(x, _mm256_loadu_ps(b + j * GEMM_DEPTH + p), sum[j]);
    }
    for (int j = 0; j < cols; j++)
        out[j] = fold(sum[j]);
}

#define DOTS(cols)                                                                                 \
    KERNEL static void dots_##cols(int64_t k, const float *a, const float *b, float *out)          \
    {                                                                                              \
        dot_cols(cols, k, a, b, out);                                                              \
    }
// clang-format off
DOTS(1) DOTS(2) DOTS(3) DOTS(4)
    // clang-format on

    typedef void dots_kernel_t(int64_t k, const float *a, const float *b, float *out);
static dots_kernel_t *const dots[FEW_COLS + 1] = {NULL, dots_1, dots_2, dots_3, dots_4};

/* Columns [j, j + cols) of c; those of b stand in `turned`. */
static void run_few(const gemm_t *p, int64_t j, int cols)
{
    float turned[FEW_COLS * GEMM_DEPTH] = {0}, out[FEW_COLS];
    for (int64_t first = 0; first < p->k; first += GEMM_DEPTH) {
        int64_t k = p->k - first < GEMM_DEPTH ? p->k - first : GEMM_DEPTH;
        const float *base = first > 0 ? p->c : p->base;
        int64_t base_row = first > 0 ? p->ldc : p->base_row;
        float beta = first > 0 ? 1.0f : p->beta;
        memset(turned, 0, sizeof turned);
        for (int64_t l = 0; l < cols; l++)
            for (int64_t q = 0; q < k; q++)
                turned[l * GEMM_DEPTH + q] = p->b.at[(first + q) * p->b.row + (j + l) * p->b.col];
        for (int64_t i = 0; i < p->m; i++) {
            dots[cols](k, p->a.at + i * p->a.row + first, turned, out);
            for (int64_t l = 0; l < cols; l++)
                p->c[i * p->ldc + j + l] =
                    p->alpha * out[l] + (base != NULL ? beta * base[i * base_row + j + l] : 0.0f);
        }
    }
}

bool gemm_run(const gemm_t *p)
{
    if (!has_kernels())
        return false;
    if (p->k == 0 || (p->m * p->k > MOST_LEFT && p->n > MOST_STRIP && p->m > MOST_STRIP))
        return false;
    bool few = p->n <= 2 * FEW_COLS, turn = p->b.col != 1 && p->m * (p->n + p->k) < p->n * p->k;
    if (few && p->a.col == 1 && p->k >= STEP)
        for (int64_t j = 0; j < p->n; j += FEW_COLS)
            run_few(p, j, (int)(p->n - j < FEW_COLS ? p->n - j : FEW_COLS));
    else if (turn || (few && p->a.row == 1))
        run_strips(p, p->n, p->m, transposed(p->b), transposed(p->a), true);
    else
        run_strips(p, p->m, p->n, p->a, p->b, false);
    return true;
}

const char *gemm_kernel(void)
{
    return !has_kernels() ? NULL : has_wide_kernels() ? "AVX-512" : "AVX2";
}

#else

const char *gemm_kernel(void)
{
    return NULL;
}

bool gemm_run(const gemm_t *p)
{
    (void)p;
    return false;
}

#endif
