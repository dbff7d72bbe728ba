// SPDX-License-Identifier: Apache-2.0
#include "nn/winograd.h"

#include "nn/conv_tile.h"
#include "nn/fmath.h"

#include <string.h>

/* A transformed array holds 16 matrices, one for each place of the 4 x 4 tile, each in panels of 16 columns whose rows are
 * tiles of the image (or the channels that are summed over, for weights):  [place][panel][row][16]. BLOCK tiles are at work
 * at once; the row more keeps the places of one tile from lying 4096 bytes apart, where they would push each other out of
 * the cache. */
enum { PLACES = 16, PANEL = WINOGRAD_CHANNELS, BLOCK = 96, ROWS = BLOCK + 1 };
_Static_assert((int)BLOCK % (int)CONV_ROWS == 0, "tiles of the product lie within a block");
_Static_assert((int)PANEL == (int)CONV_COLS, "one panel is as wide as a tile of the product");

#define HALF 8
typedef float half_t __attribute__((vector_size(HALF * sizeof(float)), aligned(4), may_alias));

typedef struct {
    float *at;
    int64_t panels, rows;
} panels_t;

static float *panel_of(const panels_t *a, int64_t place, int64_t panel)
{
    return a->at + (place * a->panels + panel) * a->rows * PANEL;
}

/* Whole tiles of the product. */
static int64_t padded_rows(int64_t rows)
{
    return (rows + CONV_ROWS - 1) / CONV_ROWS * CONV_ROWS;
}

typedef struct {
    panels_t weights, image, result;
    float *zeros,
        *unused; // (a row of channels) each: what stands outside of the image, and goes there
} room_t;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool winograd_fits(int64_t in, int64_t out)
{
    return in % PANEL == 0 && out % PANEL == 0 && in <= WINOGRAD_MOST && out <= WINOGRAD_MOST;
}

size_t winograd_floats(int64_t in, int64_t out)
{
    int64_t weights = larger(padded_rows(in) * out, padded_rows(out) * in);
    return (size_t)(PLACES * (weights + ROWS * (in + out)) + 2 * larger(in, out));
}

static room_t room_of(const winograd_t *w, float *scratch)
{
    int64_t row = larger(w->in, w->out);
    room_t r = {.weights = {scratch, w->out / PANEL, padded_rows(w->in)}};
    r.image = (panels_t){scratch + PLACES * r.weights.rows * w->out, w->in / PANEL, ROWS};
    r.result = (panels_t){r.image.at + PLACES * ROWS * w->in, w->out / PANEL, ROWS};
    r.zeros = r.result.at + PLACES * ROWS * w->out;
    r.unused = r.zeros + row;
    memset(r.zeros, 0, (size_t)(2 * row) * sizeof(float));
    return r;
}

/* B': four entries in a line -> four. */
VEC_INLINE void by_b(const half_t *d, int step, half_t *t)
{
    t[0] = d[0] - d[2 * step];
    t[1] = d[step] + d[2 * step];
    t[2] = d[2 * step] - d[step];
    t[3] = d[step] - d[3 * step];
}

/* A': four -> two. */
VEC_INLINE void by_a(const half_t *m, int step, half_t *y)
{
    y[0] = m[0] + m[step] + m[2 * step];
    y[1] = m[step] - m[2 * step] - m[3 * step];
}

/* A: two -> four. */
VEC_INLINE void by_a_back(const half_t *y, int step, half_t *m)
{
    m[0] = y[0];
    m[1] = y[0] + y[step];
    m[2] = y[0] - y[step];
    m[3] = -y[step];
}

/* G: three -> four. */
VEC_INLINE void by_g(const half_t *w, int step, half_t *u)
{
    half_t even = 0.5f * (w[0] + w[2 * step]), odd = 0.5f * w[step];
    u[0] = w[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = w[2 * step];
}

/* G': four -> three. */
VEC_INLINE void by_g_back(const half_t *u, int step, half_t *w)
{
    half_t sum = 0.5f * (u[step] + u[2 * step]);
    w[0] = u[0] + sum;
    w[1] = 0.5f * (u[step] - u[2 * step]);
    w[2] = sum + u[3 * step];
}

/* Where in a transformed array the entries of a row begin: place 0, and from one place and panel to the next. */
typedef struct {
    float *at;
    int64_t place, panel;
} entry_t;

static entry_t entry_of(const panels_t *a, int64_t row)
{
    return (entry_t){a->at + row * PANEL, a->panels * a->rows * PANEL, a->rows * PANEL};
}

VEC_INLINE float *entry_at(const entry_t *e, int64_t c)
{
    return e->at + c / PANEL * e->panel + c % PANEL;
}

/* B' d B of one tile, d[4 y + x] its pixels. */
static VEC_KERNEL void transform_image(int64_t channels, const float *const d[16], entry_t to)
{
    for (int64_t c = 0; c < channels; c += HALF) {
        half_t in[16], rows[16], t[4];
        float *out = entry_at(&to, c);
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++)
            in[k] = *(const half_t *)(d[k] + c);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            by_b(in + 4 * y, 1, rows + 4 * y);
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            by_b(rows + x, 4, t);
#pragma GCC unroll 4
            for (int y = 0; y < 4; y++)
                *(half_t *)(out + (4 * y + x) * to.place) = t[y];
        }
    }
}

/* begin + A' m A, or that added, into the four pixels y[2 y + x] of the result. */
static VEC_KERNEL void transform_result(int64_t channels, entry_t from, const float *begin,
                                        bool add, float *const y[4])
{
    for (int64_t c = 0; c < channels; c += HALF) {
        half_t m[16], rows[8], out[2], first = *(const half_t *)(begin + c);
        const float *in = entry_at(&from, c);
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++)
            m[k] = *(const half_t *)(in + k * from.place);
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++)
            by_a(m + 4 * r, 1, rows + 2 * r);
#pragma GCC unroll 2
        for (int x = 0; x < 2; x++) {
            by_a(rows + x, 2, out);
#pragma GCC unroll 2
            for (int r = 0; r < 2; r++) {
                half_t *to = (half_t *)(y[2 * r + x] + c);
                *to = out[r] + (add ? *to : first);
            }
        }
    }
}

/* A dy A' */
static VEC_KERNEL void transform_slope(int64_t channels, const float *const dy[4], entry_t to)
{
    for (int64_t c = 0; c < channels; c += HALF) {
        half_t in[4], rows[8], t[4];
        float *out = entry_at(&to, c);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            in[k] = *(const half_t *)(dy[k] + c);
#pragma GCC unroll 2
        for (int r = 0; r < 2; r++)
            by_a_back(in + 2 * r, 1, rows + 4 * r);
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            by_a_back(rows + x, 4, t);
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++)
                *(half_t *)(out + (4 * r + x) * to.place) = t[r];
        }
    }
}

/* G w G' of w (9, PANEL) */
static VEC_KERNEL void transform_weight(const float *w, entry_t to)
{
    for (int64_t c = 0; c < PANEL; c += HALF) {
        half_t in[9], rows[12], u[4];
#pragma GCC unroll 9
        for (int k = 0; k < 9; k++)
            in[k] = *(const half_t *)(w + k * PANEL + c);
#pragma GCC unroll 3
        for (int y = 0; y < 3; y++)
            by_g(in + 3 * y, 1, rows + 4 * y);
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            by_g(rows + x, 4, u);
#pragma GCC unroll 4
            for (int y = 0; y < 4; y++)
                *(half_t *)(to.at + c + (4 * y + x) * to.place) = u[y];
        }
    }
}

/* G' u G -> w (9 taps, `tap` floats apart), or added. */
static VEC_KERNEL void restore_weight(entry_t from, bool add, float *w, int64_t tap)
{
    for (int64_t c = 0; c < PANEL; c += HALF) {
        half_t u[16], rows[12], out[3], zero = {0};
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++)
            u[k] = *(const half_t *)(from.at + c + k * from.place);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            by_g_back(u + 4 * y, 1, rows + 3 * y);
#pragma GCC unroll 3
        for (int x = 0; x < 3; x++) {
            by_g_back(rows + x, 3, out);
#pragma GCC unroll 3
            for (int y = 0; y < 3; y++) {
                half_t *to = (half_t *)(w + (3 * y + x) * tap + c);
                *to = out[y] + (add ? *to : zero);
            }
        }
    }
}

/* Nine taps of PANEL columns from `col` on, of the row that channel `row` of the image is multiplied with. */
static void take_weight(const winograd_t *w, const float *weight, int64_t row, int64_t col,
                        float taps[9 * PANEL])
{
    for (int64_t k = 0; k < 9; k++)
        memcpy(taps + k * PANEL, weight + (k * w->in + row) * w->out + col, PANEL * sizeof *taps);
}

/* The same of turned weights for PANEL rows from `row` on, a row apart from the next in the last index. Their columns lie
 * far apart, often in few places of the cache: hence the copy. */
static void take_turned(const winograd_t *w, const float *weight, int64_t row, int64_t col,
                        float block[9 * PANEL * PANEL])
{
    for (int64_t k = 0; k < 9; k++)
        for (int64_t c = 0; c < PANEL; c++)
            memcpy(block + (k * PANEL + c) * PANEL,
                   weight + ((8 - k) * w->out + col + c) * w->in + row, PANEL * sizeof *block);
}

static void transform_weights(const winograd_t *w, const float *weight, bool turned,
                              const panels_t *to)
{
    float taps[9 * PANEL], block[9 * PANEL * PANEL];
    for (int64_t col = 0; col < w->out; col += PANEL)
        for (int64_t row = 0; row < w->in; row++) {
            entry_t e = entry_of(to, row);
            e.at = entry_at(&e, col);
            if (turned && row % PANEL == 0)
                take_turned(w, weight, row, col, block);
            for (int64_t i = 0; i < 9 * PANEL && turned; i++)
                taps[i] = block[i * PANEL + row % PANEL];
            if (!turned)
                take_weight(w, weight, row, col, taps);
            transform_weight(taps, e);
        }
}

/* The tile that comes next: its image, and its upper left pixel in the result. */
typedef struct {
    int64_t unit, y, x;
} walk_t;

static void step(const winograd_t *w, walk_t *t)
{
    t->x += 2;
    if (t->x < w->image.width)
        return;
    t->x = 0;
    t->y += 2;
    if (t->y < w->image.height)
        return;
    t->y = 0;
    t->unit++;
}

/* First channel of pixel (y, x) of the tile's image, or -1 outside. */
static int64_t pixel_at(const winograd_t *w, const walk_t *t, int64_t y, int64_t x,
                        int64_t channels)
{
    if (y < 0 || y >= w->image.height || x < 0 || x >= w->image.width)
        return -1;
    return ((t->unit * w->image.height + y) * w->image.width + x) * channels;
}

/* The 4 x 4 pixels around a tile; most tiles lie within the image. */
static void find_pixels(const winograd_t *w, const float *x, const float *zeros, const walk_t *t,
                        const float *d[16])
{
    bool within = t->y > 0 && t->x > 0 && t->y + 2 < w->image.height && t->x + 2 < w->image.width;
    const float *first = within ? x + pixel_at(w, t, t->y - 1, t->x - 1, w->in) : NULL;
    for (int k = 0; k < 16 && within; k++)
        d[k] = first + (k / 4 * w->image.width + k % 4) * w->in;
    for (int k = 0; k < 16 && !within; k++) {
        int64_t at = pixel_at(w, t, t->y + k / 4 - 1, t->x + k % 4 - 1, w->in);
        d[k] = at < 0 ? zeros : x + at;
    }
}

static void take_image(const winograd_t *w, const float *x, const room_t *room, walk_t t,
                       int64_t tiles)
{
    const float *d[16];
    for (int64_t i = 0; i < tiles; i++, step(w, &t)) {
        find_pixels(w, x, room->zeros, &t, d);
        transform_image(w->in, d, entry_of(&room->image, i));
    }
}

static void take_slope(const winograd_t *w, const float *dy, const room_t *room, walk_t t,
                       int64_t tiles)
{
    const float *d[4], *zeros = room->zeros;
    for (int64_t i = 0; i < tiles; i++, step(w, &t)) {
        for (int k = 0; k < 4; k++) {
            int64_t at = pixel_at(w, &t, t.y + k / 2, t.x + k % 2, w->out);
            d[k] = at < 0 ? zeros : dy + at;
        }
        transform_slope(w->out, d, entry_of(&room->result, i));
    }
}

static void put_result(const winograd_t *w, const room_t *room, walk_t t, int64_t tiles,
                       const float *begin, bool add, float *y)
{
    float *to[4];
    for (int64_t i = 0; i < tiles; i++, step(w, &t)) {
        for (int k = 0; k < 4; k++) {
            int64_t at = pixel_at(w, &t, t.y + k / 2, t.x + k % 2, w->out);
            to[k] = at < 0 ? room->unused : y + at;
        }
        transform_result(w->out, entry_of(&room->result, i), begin, add, to);
    }
}

/* result = image weights, at one place and in one panel. Rows beyond the last tile are filled with something. */
static void multiply(const room_t *room, int64_t place, int64_t panel, int64_t tiles)
{
    static const float zero[CONV_COLS] = {0};
    const float *image = panel_of(&room->image, place, 0);
    float *out = panel_of(&room->result, place, panel);
    int64_t at[WINOGRAD_MOST / PANEL];
    for (int64_t i = 0; i < room->image.panels; i++)
        at[i] = i * ROWS * PANEL;
    conv_sum_t sum = {.runs = room->image.panels, .at = at, .n = PANEL, .step = 1};
    sum.panel = panel_of(&room->weights, place, panel);
    for (int64_t i = 0; i < tiles; i += CONV_ROWS) {
        for (int r = 0; r < CONV_ROWS; r++)
            sum.row[r] = image + (i + r) * PANEL;
        conv_tile(&sum, zero, 0, out + i * PANEL, PANEL);
    }
}

static int64_t count_tiles(const winograd_t *w)
{
    return w->units * image_pixels(image_half(w->image));
}

/* Walks on by `tiles`. */
static void skip(const winograd_t *w, walk_t *t, int64_t tiles)
{
    for (int64_t i = 0; i < tiles; i++)
        step(w, t);
}

void winograd_convolve(const winograd_t *w, const float *x, const float *weight, bool turned,
                       const float *begin, bool add, float *y, float *scratch)
{
    room_t room = room_of(w, scratch);
    int64_t all = count_tiles(w);
    walk_t t = {0, 0, 0};
    transform_weights(w, weight, turned, &room.weights);
    for (int64_t i = 0; i < all; i += BLOCK) {
        int64_t tiles = all - i < BLOCK ? all - i : BLOCK;
        take_image(w, x, &room, t, tiles);
        for (int64_t k = 0; k < PLACES; k++)
            for (int64_t p = 0; p < room.result.panels; p++)
                multiply(&room, k, p, tiles);
        put_result(w, &room, t, tiles, begin != NULL ? begin : room.zeros, add, y);
        skip(w, &t, tiles);
    }
}

/* weights += image' result, at one place and in one panel. */
static void multiply_back(const winograd_t *w, const room_t *room, int64_t place, int64_t panel,
                          int64_t tiles)
{
    float *out = panel_of(&room->weights, place, panel);
    static const int64_t whole[] = {0};
    conv_sum_t sum = {.runs = 1, .at = whole, .n = tiles, .step = PANEL};
    sum.panel = panel_of(&room->result, place, panel);
    for (int64_t i = 0; i < w->in; i += CONV_ROWS) {
        for (int64_t r = 0; r < CONV_ROWS; r++) {
            int64_t c = i + r < w->in ? i + r : w->in - 1;
            sum.row[r] = panel_of(&room->image, place, c / PANEL) + c % PANEL;
        }
        conv_tile(&sum, out + i * PANEL, PANEL, out + i * PANEL, PANEL);
    }
}

static void restore_weights(const winograd_t *w, const panels_t *from, bool add, float *dw)
{
    for (int64_t col = 0; col < w->out; col += PANEL)
        for (int64_t row = 0; row < w->in; row++) {
            entry_t e = entry_of(from, row);
            e.at = entry_at(&e, col);
            restore_weight(e, add, dw + row * w->out + col, w->in * w->out);
        }
}

void winograd_weights(const winograd_t *w, const float *x, const float *dy, bool add, float *dw,
                      float *scratch)
{
    room_t room = room_of(w, scratch);
    int64_t all = count_tiles(w);
    walk_t t = {0, 0, 0};
    memset(room.weights.at, 0, (size_t)(PLACES * room.weights.rows * w->out) * sizeof(float));
    for (int64_t i = 0; i < all; i += BLOCK) {
        int64_t tiles = all - i < BLOCK ? all - i : BLOCK;
        take_image(w, x, &room, t, tiles);
        take_slope(w, dy, &room, t, tiles);
        for (int64_t k = 0; k < PLACES; k++)
            for (int64_t p = 0; p < room.result.panels; p++)
                multiply_back(w, &room, k, p, tiles);
        skip(w, &t, tiles);
    }
    restore_weights(w, &room.weights, add, dw);
}
