// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/conv_tile.h"
#include "nn/tangent.h"
#include "nn/vec.h"
#include "nn/winograd.h"

#include <string.h>

/* in: x, weight[, bias]; attr.i: activation, height, width, size. keep: the activation's slope at each entry.
 *
 * 3 x 3 kernels between enough channels go through winograd.h. For the others every product runs over images that were
 * copied into scratch with a border of zeros, as many at once as stay in the second-level cache, in tiles of CONV_ROWS x
 * CONV_COLS (conv_tile.h):
 *     value          a tile is some pixels of the result and a panel of its columns; the sum runs over taps and channels
 *     x's gradient   the same with the result's gradient, the taps turned round and the weights transposed
 *     the weights'   a tile is some rows of the weights and a panel of columns; the sum runs over pixels
 * Panels hold CONV_COLS columns of the right factor one row after another, the last one filled with zeros. */
enum { X, WEIGHT, BIAS };

#define CHUNK_FLOATS (48 * 1024) // of padded images at once
#define MOST_TAPS    49
#define BAND_ROWS    32  // of images, and
#define BAND_PIXELS  192 // most of them that the sums of the weights' gradient run over at a time

typedef struct {
    int64_t height, width, border, pitch; // pitch: pixels of a padded row
    int64_t channels, image;              // of the padded images; floats of one
    int64_t chunk;                        // images at once
    int64_t taps, at[MOST_TAPS];          // their offsets in floats
} window_t;

static unary_t activation(const tensor_t *t)
{
    return (unary_t)t->attr.i[0];
}

static int64_t whole_panels(int64_t cols)
{
    return (cols + CONV_COLS - 1) / CONV_COLS;
}

static window_t window_of(const tensor_t *t, int64_t units, int64_t channels)
{
    int64_t size = t->attr.i[3];
    window_t w = {.height = t->attr.i[1], .width = t->attr.i[2], .channels = channels};
    w.border = size / 2;
    w.pitch = w.width + 2 * w.border;
    w.image = (w.height + 2 * w.border) * w.pitch * channels;
    w.chunk = CHUNK_FLOATS / w.image > 1 ? CHUNK_FLOATS / w.image : 1;
    w.chunk = w.chunk < units ? w.chunk : units;
    w.taps = size * size;
    for (int64_t k = 0; k < w.taps; k++)
        w.at[k] = (k / size * w.pitch + k % size) * channels;
    return w;
}

/* Where scratch holds what. */
typedef struct {
    float *images, *panels, *begin;
} room_t;

static int64_t begin_floats(const tensor_t *t)
{
    int64_t most = t->cols > t->in[X]->cols ? t->cols : t->in[X]->cols;
    return whole_panels(most) * CONV_COLS;
}

static size_t images_floats(const graph_t *g, const tensor_t *t)
{
    int64_t units = graph_capacity(g, t->rows_class);
    window_t in = window_of(t, units, t->in[X]->cols), out = window_of(t, units, t->cols);
    int64_t of_in = in.chunk * in.image, of_out = out.chunk * out.image;
    return (size_t)(of_in > of_out ? of_in : of_out);
}

/* The larger of all weights in panels, either way round, and a panel of the gradient of a chunk. */
static size_t panels_floats(const graph_t *g, const tensor_t *t)
{
    int64_t n = t->in[X]->cols, taps = t->attr.i[3] * t->attr.i[3];
    window_t w = window_of(t, graph_capacity(g, t->rows_class), n);
    int64_t forward = whole_panels(t->cols) * taps * n, back = whole_panels(n) * taps * t->cols;
    int64_t pixels = w.chunk * w.height * w.width;
    int64_t most = forward > back ? forward : back;
    return (size_t)((most > pixels ? most : pixels) * CONV_COLS);
}

static room_t room_of(const tensor_t *t)
{
    room_t r = {.images = graph_scratch(t->graph)};
    r.panels = r.images + images_floats(t->graph, t);
    r.begin = r.panels + panels_floats(t->graph, t);
    return r;
}

static bool by_winograd(const tensor_t *t)
{
    return t->attr.i[3] == 3 && winograd_fits(t->in[X]->cols, t->cols);
}

/* `turned`: from the result back to x. */
static winograd_t winograd_of(const tensor_t *t, bool turned)
{
    int64_t in = t->in[X]->cols, out = t->cols;
    winograd_t w = {
        t->rows / t->per, {t->attr.i[1], t->attr.i[2]}, turned ? out : in, turned ? in : out};
    return w;
}

static void check_conv2d(graph_t *g, tensor_t *t)
{
    const tensor_t *x = t->in[X], *w = t->in[WEIGHT];
    int64_t height = t->attr.i[1], width = t->attr.i[2], size = t->attr.i[3];
    CHECK(height > 0 && width > 0 && x->per == height * width, "conv2d: %ld rows for %ld x %ld",
          (long)x->per, (long)height, (long)width);
    CHECK(size % 2 == 1 && size > 0 && size * size <= MOST_TAPS, "conv2d: a kernel of %ld x %ld",
          (long)size, (long)size);
    CHECK(w->rows_class == ROWS_ONE && w->per == size * size * x->cols,
          "conv2d: %ld channels, weights %ld x %ld", (long)x->cols, (long)w->per, (long)w->cols);
    if (t->n_in > BIAS)
        CHECK(t->in[BIAS]->rows_class == ROWS_ONE && t->in[BIAS]->per == 1 &&
                  t->in[BIAS]->cols == w->cols,
              "conv2d: weights of %ld columns, bias of %ld", (long)w->cols,
              (long)t->in[BIAS]->cols);
    tensor_shape_as(t, x, w->cols);
    if (activation(t) != UNARY_IDENTITY)
        t->keep_floats = graph_full_floats(g, t);
    t->scratch_floats = by_winograd(t)
                            ? winograd_floats(x->cols, t->cols)
                            : images_floats(g, t) + panels_floats(g, t) + (size_t)begin_floats(t);
}

/* `n` images (height * width, channels) into the middle of the padded ones, whose borders are zero. */
static void pad(const window_t *w, int64_t n, const float *x, float *padded)
{
    int64_t row = w->width * w->channels, step = w->pitch * w->channels;
    for (int64_t i = 0; i < n; i++, padded += w->image) {
        float *to = padded + w->border * (step + w->channels);
        for (int64_t y = 0; y < w->height; y++, x += row, to += step)
            memcpy(to, x, (size_t)row * sizeof *x);
    }
}

static void clear(int64_t n, float *x)
{
    memset(x, 0, (size_t)n * sizeof *x);
}

/* Columns [first, first + CONV_COLS) of x (rows, cols) as a panel. */
static void pack_panel(int64_t rows, int64_t cols, const float *x, int64_t first, float *panel)
{
    int64_t n = cols - first < CONV_COLS ? cols - first : CONV_COLS;
    if (n < CONV_COLS)
        clear(rows * CONV_COLS, panel);
    for (int64_t r = 0; r < rows; r++)
        memcpy(panel + r * CONV_COLS, x + r * cols + first, (size_t)n * sizeof *x);
}

static void pack_weights(int64_t rows, int64_t cols, const float *w, float *panels)
{
    for (int64_t first = 0; first < cols; first += CONV_COLS, panels += rows * CONV_COLS)
        pack_panel(rows, cols, w, first, panels);
}

/* Panels of the weights that lead from the result's gradient to that of x: entry (taps - 1 - k, j, i) is weight
 * (k, i, j). */
static void pack_turned(int64_t taps, int64_t in, int64_t out, const float *w, float *panels)
{
    clear(whole_panels(in) * taps * out * CONV_COLS, panels);
    for (int64_t i = 0; i < in; i++) {
        float *panel = panels + i / CONV_COLS * taps * out * CONV_COLS + i % CONV_COLS;
        for (int64_t k = 0; k < taps; k++)
            for (int64_t j = 0; j < out; j++)
                panel[((taps - 1 - k) * out + j) * CONV_COLS] = w[(k * in + i) * out + j];
    }
}

/* A place in the result: its columns [col, ...) of all rows; `add` to what stands there, or begin with row `begin`. */
typedef struct {
    float *value;
    int64_t cols, col;
    const float *begin; // (CONV_COLS)
    bool add;
} target_t;

static int64_t target_width(const target_t *o)
{
    return o->cols - o->col < CONV_COLS ? o->cols - o->col : CONV_COLS;
}

/* Rows [row, row + rows) of the target: in place where the tile is full, else by way of a full tile. */
static void put_tile(const conv_sum_t *sum, const target_t *o, int64_t row, int64_t rows)
{
    float *out = o->value + row * o->cols + o->col, part[CONV_ROWS * CONV_COLS];
    int64_t width = target_width(o);
    if (rows == CONV_ROWS && width == CONV_COLS) {
        conv_tile(sum, o->add ? out : o->begin, o->add ? o->cols : 0, out, o->cols);
        return;
    }
    for (int64_t r = 0; r < CONV_ROWS; r++)
        memcpy(part + r * CONV_COLS, o->begin, CONV_COLS * sizeof *part);
    for (int64_t r = 0; r < rows && o->add; r++)
        memcpy(part + r * CONV_COLS, out + r * o->cols, (size_t)width * sizeof *part);
    conv_tile(sum, part, CONV_COLS, part, CONV_COLS);
    for (int64_t r = 0; r < rows; r++)
        memcpy(out + r * o->cols, part + r * CONV_COLS, (size_t)width * sizeof *part);
}

/* The pixel whose window comes next. */
typedef struct {
    int64_t x, y, at;
} walk_t;

static void step(const window_t *w, walk_t *p)
{
    p->at += w->channels;
    if (++p->x < w->width)
        return;
    p->x = 0;
    p->at += 2 * w->border * w->channels;
    if (++p->y < w->height)
        return;
    p->y = 0;
    p->at += 2 * w->border * w->pitch * w->channels;
}

/* One panel of the result of `n` padded images. */
static void convolve_panel(const window_t *w, int64_t n, const float *images, const float *panel,
                           const target_t *o)
{
    int64_t pixels = n * w->height * w->width;
    conv_sum_t sum = {.runs = w->taps, .at = w->at, .n = w->channels, .step = 1, .panel = panel};
    walk_t p = {0, 0, 0};
    for (int64_t row = 0; row < pixels; row += CONV_ROWS) {
        int64_t rows = pixels - row < CONV_ROWS ? pixels - row : CONV_ROWS;
        for (int64_t r = 0; r < CONV_ROWS; r++) {
            sum.row[r] = images + p.at;
            if (r + 1 < rows || rows == CONV_ROWS)
                step(w, &p);
        }
        put_tile(&sum, o, row, rows);
    }
}

/* out (units * height * width, cols), or added to it, = begin + the convolution of x. */
static void convolve(const window_t *w, int64_t units, const float *x, const room_t *room,
                     int64_t cols, bool add, float *out)
{
    int64_t pixels = w->height * w->width, panel = w->taps * w->channels * CONV_COLS;
    clear(w->chunk * w->image, room->images);
    for (int64_t u = 0; u < units; u += w->chunk) {
        int64_t n = units - u < w->chunk ? units - u : w->chunk;
        pad(w, n, x + u * pixels * w->channels, room->images);
        for (int64_t k = 0; k < whole_panels(cols); k++) {
            target_t o = {.value = out + u * pixels * cols, .cols = cols, .col = k * CONV_COLS};
            o.begin = room->begin + o.col;
            o.add = add;
            convolve_panel(w, n, room->images, room->panels + k * panel, &o);
        }
    }
}

static void forward_direct(tensor_t *t)
{
    const tensor_t *x = t->in[X], *weight = t->in[WEIGHT];
    int64_t units = t->rows / t->per;
    window_t w = window_of(t, units, x->cols);
    room_t room = room_of(t);
    pack_weights(weight->per, t->cols, weight->value, room.panels);
    clear(begin_floats(t), room.begin);
    if (t->n_in > BIAS)
        memcpy(room.begin, t->in[BIAS]->value, (size_t)t->cols * sizeof(float));
    convolve(&w, units, x->value, &room, t->cols, false, t->value);
}

static void forward_conv2d(tensor_t *t)
{
    if (by_winograd(t)) {
        winograd_t w = winograd_of(t, false);
        winograd_convolve(&w, t->in[X]->value, t->in[WEIGHT]->value, false,
                          t->n_in > BIAS ? t->in[BIAS]->value : NULL, false, t->value,
                          graph_scratch(t->graph));
    } else {
        forward_direct(t);
    }
    if (activation(t) != UNARY_IDENTITY)
        unary_apply(activation(t), tensor_size(t), t->value, t->value, t->keep);
}

static void backward_input(tensor_t *t, bool add, float *out)
{
    room_t room = room_of(t);
    int64_t units = t->rows / t->per, n = t->in[X]->cols;
    window_t w = window_of(t, units, t->cols);
    pack_turned(w.taps, n, t->cols, t->in[WEIGHT]->value, room.panels);
    clear(begin_floats(t), room.begin);
    convolve(&w, units, t->grad, &room, n, add, out);
}

/* Adds the sums over rows [first, first + rows) of the chunk's images to a panel of the weights' gradient. */
static void weigh_band(const window_t *w, const float *images, const float *panel, int64_t first,
                       int64_t rows, const target_t *o)
{
    int64_t at[BAND_ROWS], weights = w->taps * w->channels;
    conv_sum_t sum = {.runs = rows, .at = at, .n = w->width, .step = w->channels};
    sum.panel = panel + first * w->width * CONV_COLS;
    for (int64_t r = 0; r < rows; r++)
        at[r] =
            (first + r) / w->height * w->image + (first + r) % w->height * w->pitch * w->channels;
    for (int64_t m = 0; m < weights; m += CONV_ROWS) {
        for (int64_t r = 0; r < CONV_ROWS; r++) {
            int64_t i = m + r < weights ? m + r : weights - 1;
            sum.row[r] = images + w->at[i / w->channels] + i % w->channels;
        }
        put_tile(&sum, o, m, weights - m < CONV_ROWS ? weights - m : CONV_ROWS);
    }
}

static void weigh_chunk(const window_t *w, int64_t n, const room_t *room, const float *grad,
                        target_t *o)
{
    int64_t rows = n * w->height, band = BAND_PIXELS / w->width > 1 ? BAND_PIXELS / w->width : 1;
    band = band < BAND_ROWS ? band : BAND_ROWS;
    for (o->col = 0; o->col < o->cols; o->col += CONV_COLS) {
        pack_panel(rows * w->width, o->cols, grad, o->col, room->panels);
        for (int64_t r = 0; r < rows; r += band)
            weigh_band(w, room->images, room->panels, r, rows - r < band ? rows - r : band, o);
    }
}

static void backward_weights(tensor_t *t, bool add, float *out)
{
    room_t room = room_of(t);
    int64_t units = t->rows / t->per, n = t->in[X]->cols;
    window_t w = window_of(t, units, n);
    target_t o = {.value = out, .cols = t->cols, .begin = room.begin, .add = true};
    clear(begin_floats(t), room.begin);
    clear(w.chunk * w.image, room.images);
    if (!add)
        clear(w.taps * n * t->cols, out);
    for (int64_t u = 0; u < units; u += w.chunk) {
        int64_t images = units - u < w.chunk ? units - u : w.chunk;
        pad(&w, images, t->in[X]->value + u * t->per * n, room.images);
        weigh_chunk(&w, images, &room, t->grad + u * t->per * t->cols, &o);
    }
}

static void put_weights(tensor_t *t, bool add, float *out)
{
    winograd_t w = winograd_of(t, false);
    if (by_winograd(t))
        winograd_weights(&w, t->in[X]->value, t->grad, add, out, graph_scratch(t->graph));
    else
        backward_weights(t, add, out);
}

static void put_input(tensor_t *t, bool add, float *out)
{
    winograd_t w = winograd_of(t, true);
    if (by_winograd(t))
        winograd_convolve(&w, t->grad, t->in[WEIGHT]->value, true, NULL, add, out,
                          graph_scratch(t->graph));
    else
        backward_input(t, add, out);
}

static void backward_conv2d(tensor_t *t)
{
    bool add;
    if (activation(t) != UNARY_IDENTITY)
        vec_mul(tensor_size(t), t->grad, t->keep, t->grad);
    float *out = t->n_in > BIAS ? grad_put(t->in[BIAS], &add) : NULL;
    if (out != NULL)
        vec_col_sum(t->rows, t->cols, t->grad, add, out);
    out = grad_put(t->in[WEIGHT], &add);
    if (out != NULL)
        put_weights(t, add, out);
    out = grad_put(t->in[X], &add);
    if (out != NULL)
        put_input(t, add, out);
}

static double flops_conv2d(const tensor_t *t, bool backward)
{
    double product = 2.0 * (double)t->rows * (double)t->cols * (double)t->in[WEIGHT]->per;
    int products = backward ? t->in[X]->wants_grad + t->in[WEIGHT]->wants_grad : 1;
    return products * product + (double)tensor_size(t);
}

/* Fewer pixels than a tile, several panels, units of all kinds, a kernel larger than the image, gradients that are added
 * to, Winograd's transforms. */
static tensor_t *example_conv2d(gradcheck_t *c, int variant)
{
    static const struct {
        int rows_class;
        int64_t height, width, size, in, out;
        unary_t activation;
    } of[] = {
        {ROWS_SETS, 4, 3, 3, 2, 17, UNARY_IDENTITY}, {ROWS_ELEMENTS, 2, 2, 3, 1, 3, UNARY_MISH},
        {ROWS_DRAWS, 1, 3, 5, 2, 2, UNARY_SILU},     {ROWS_SETS, 5, 5, 3, 17, 1, UNARY_IDENTITY},
        {ROWS_ONE, 3, 3, 1, 3, 3, UNARY_TANH},       {ROWS_SETS, 3, 4, 3, 16, 16, UNARY_IDENTITY}};
    if (variant >= (int)(sizeof of / sizeof *of))
        return NULL;
    graph_t *g = gradcheck_graph(c);
    int64_t height = of[variant].height, width = of[variant].width, size = of[variant].size;
    int64_t in = of[variant].in, out = of[variant].out;
    tensor_t *x = gradcheck_input(c, of[variant].rows_class, height * width, in, -1, 1);
    tensor_t *w = gradcheck_input(c, ROWS_ONE, size * size * in, out, -0.5, 0.5);
    tensor_t *b = variant % 2 == 0 ? gradcheck_input(c, ROWS_ONE, 1, out, -1, 1) : NULL;
    image_t image = {height, width};
    tensor_t *y = op_conv2d(g, x, w, b, image, size, of[variant].activation);
    if (variant == 5)
        return op_add(g, y, op_conv2d(g, x, w, b, image, size, of[variant].activation));
    return in == out ? op_conv2d(g, y, w, b, image, size, of[variant].activation) : y;
}

/* The convolution of x with w alone. */
static tensor_t *product(graph_t *g, const tensor_t *t, tensor_t *x, tensor_t *w)
{
    image_t image = {t->attr.i[1], t->attr.i[2]};
    return x != NULL && w != NULL ? op_conv2d(g, x, w, NULL, image, t->attr.i[3], UNARY_IDENTITY)
                                  : NULL;
}

/* f'(b + x * W) (dx * W + x * dW + db); of f the argument is computed again. */
static tensor_t *tangent_conv2d(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    image_t image = {t->attr.i[1], t->attr.i[2]};
    tensor_t *bias = t->n_in > BIAS ? t->in[BIAS] : NULL;
    tensor_t *sum =
        tangent_sum(g, product(g, t, in[X], t->in[WEIGHT]), product(g, t, t->in[X], in[WEIGHT]));
    if (bias != NULL && in[BIAS] != NULL)
        sum = op_add(g, tangent_or_zero(g, t, sum), in[BIAS]);
    if (activation(t) == UNARY_IDENTITY)
        return sum;
    tensor_t *argument =
        op_conv2d(g, t->in[X], t->in[WEIGHT], bias, image, t->attr.i[3], UNARY_IDENTITY);
    return op_mul(g, sum, op_unary_slope(g, argument, activation(t)));
}

const op_kind_t op_kind_conv2d = {.name = "conv2d",
                                  .skips = BACKWARD_SKIPS_RESULT,
                                  .check = check_conv2d,
                                  .forward = forward_conv2d,
                                  .backward = backward_conv2d,
                                  .flops = flops_conv2d,
                                  .example = example_conv2d,
                                  .tangent = tangent_conv2d};

tensor_t *op_conv2d(graph_t *g, tensor_t *x, tensor_t *weight, tensor_t *bias, image_t image,
                    int64_t size, unary_t kind)
{
    op_attr_t attr = {.i = {kind, image.height, image.width, size}};
    if (size == 1)
        return op_linear(g, x, weight, bias, kind);
    return graph_record(g, &op_kind_conv2d, bias != NULL ? 3 : 2, (tensor_t *[]){x, weight, bias},
                        &attr);
}
