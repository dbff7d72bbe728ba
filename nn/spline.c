// SPDX-License-Identifier: Apache-2.0
#include "nn/spline.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double least_bin = 0.1;

// The box, and the bin that holds a point.
typedef struct {
    double left, bottom, width, height;
    double edge;                      // slope outside: height / width
    float share[2 * SPLINE_MAX_BINS]; // softmax of the bin widths, then of the heights
    bool inside;
    int k;                       // the bin: x0 <= x < x0 + w
    double x0, y0, w, h, d0, d1; // corner, size, slopes at both ends
} place_t;

static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double slope_offset(void)
{
    return log(expm1(1.0));
}

static double least_size(const spline_t *s)
{
    return fmax(1.0, s->bins * least_bin);
}

spline_t spline_make(int bins, double half_width)
{
    spline_t s = {bins, half_width, log(expm1(sinh(1.0)))};
    CHECK(bins >= 2 && bins <= SPLINE_MAX_BINS, "%d bins, expected 2 to %d", bins, SPLINE_MAX_BINS);
    CHECK(2.0 * half_width > least_size(&s), "half width %g is too small for %d bins", half_width,
          bins);
    return s;
}

spline_t spline_make_peer(int bins)
{
    spline_t s = spline_make(bins, 3.0);
    s.size_offset = sinh(1.0) * slope_offset();
    return s;
}

int spline_raw_count(const spline_t *s)
{
    return 3 * s->bins + 3;
}

static double size_of(const spline_t *s, double raw)
{
    double least = least_size(s);
    return (2.0 * s->half_width - least) * asinh(softplus(raw + s->size_offset)) + least;
}

static double size_slope(const spline_t *s, double raw)
{
    double u = softplus(raw + s->size_offset);
    return (2.0 * s->half_width - least_size(s)) * sigmoid(raw + s->size_offset) /
           sqrt(1.0 + u * u);
}

static void find_box(const spline_t *s, const float *raw, place_t *b)
{
    b->left = (double)raw[0] - s->half_width;
    b->bottom = (double)raw[1] - s->half_width;
    b->width = size_of(s, (double)raw[2]);
    b->height = size_of(s, (double)raw[3]);
    b->edge = b->height / b->width;
    vec_softmax(2, s->bins, raw + 4, b->share);
}

static double knot_slope(const spline_t *s, const float *raw, const place_t *b, int knot)
{
    if (knot == 0 || knot == s->bins)
        return b->edge;
    return softplus((double)raw[4 + 2 * s->bins + knot - 1] + slope_offset());
}

// Finds the bin of `at` on the x axis, or on the y axis.
static void find_bin(const spline_t *s, const float *raw, double at, bool on_y, place_t *b)
{
    double free_x = b->width - s->bins * least_bin, free_y = b->height - s->bins * least_bin;
    double begin = on_y ? b->bottom : b->left, size = on_y ? b->height : b->width;
    b->inside = at > begin && at < begin + size;
    b->x0 = b->left;
    b->y0 = b->bottom;
    if (!b->inside)
        return;
    for (b->k = 0;; b->k++) {
        b->w = free_x * (double)b->share[b->k] + least_bin;
        b->h = free_y * (double)b->share[s->bins + b->k] + least_bin;
        if (b->k == s->bins - 1 || at < (on_y ? b->y0 + b->h : b->x0 + b->w))
            break;
        b->x0 += b->w;
        b->y0 += b->h;
    }
    b->d0 = knot_slope(s, raw, b, b->k);
    b->d1 = knot_slope(s, raw, b, b->k + 1);
}

// ln f'(x) at xi, the place inside the bin from 0 to 1.
static double log_slope_at(const place_t *b, double xi)
{
    double slope = b->h / b->w, t = xi * (1.0 - xi);
    double below = slope + (b->d0 + b->d1 - 2.0 * slope) * t;
    double above = b->d1 * xi * xi + 2.0 * slope * t + b->d0 * (1.0 - xi) * (1.0 - xi);
    return 2.0 * log(slope / below) + log(above);
}

double spline_forward(const spline_t *s, const float *raw, double x, double *log_slope)
{
    place_t b;
    find_box(s, raw, &b);
    find_bin(s, raw, x, false, &b);
    if (!b.inside) {
        *log_slope = log(b.edge);
        return b.bottom + (x - b.left) * b.edge;
    }
    double xi = (x - b.x0) / b.w, slope = b.h / b.w, t = xi * (1.0 - xi);
    *log_slope = log_slope_at(&b, xi);
    return b.y0 + b.h * (slope * xi * xi + b.d0 * t) / (slope + (b.d0 + b.d1 - 2.0 * slope) * t);
}

double spline_inverse(const spline_t *s, const float *raw, double y, double *log_slope)
{
    place_t box;
    find_box(s, raw, &box);
    find_bin(s, raw, y, true, &box);
    if (!box.inside) {
        *log_slope = log(box.edge);
        return box.left + (y - box.bottom) / box.edge;
    }
    double slope = box.h / box.w, e = y - box.y0, bend = box.d0 + box.d1 - 2.0 * slope;
    double a = box.h * (slope - box.d0) + e * bend;
    double b = box.h * box.d0 - e * bend;
    double c = -slope * e;
    double xi = 2.0 * c / (-b - sqrt(fmax(b * b - 4.0 * a * c, 0.0)));
    *log_slope = log_slope_at(&box, xi);
    return box.x0 + xi * box.w;
}

// Gradients by what find_box and find_bin give: the bin's corner, size and slopes, and the box.
typedef struct {
    double x0, y0, w, h, d0, d1, width, height, edge, left, bottom;
} slopes_t;

static double backward_inside(const place_t *b, double x, double gy, double gl, slopes_t *g)
{
    double w = b->w, h = b->h, d0 = b->d0, d1 = b->d1;
    double xi = (x - b->x0) / w, s = h / w, t = xi * (1.0 - xi), dt = 1.0 - 2.0 * xi;
    double bend = d0 + d1 - 2.0 * s;
    double num = s * xi * xi + d0 * t, den = s + bend * t;
    double above = d1 * xi * xi + 2.0 * s * t + d0 * (1.0 - xi) * (1.0 - xi);
    double den2 = den * den;
    double by_xi = gy * h * s * above / den2 +
                   gl * ((2.0 * d1 * xi + 2.0 * s * dt - 2.0 * d0 * (1.0 - xi)) / above -
                         2.0 * bend * dt / den);
    double by_s = gy * h * (xi * xi * den - num * (1.0 - 2.0 * t)) / den2 +
                  gl * (2.0 / s + 2.0 * t / above - 2.0 * (1.0 - 2.0 * t) / den);
    g->d0 = gy * h * (t * den - num * t) / den2 +
            gl * ((1.0 - xi) * (1.0 - xi) / above - 2.0 * t / den);
    g->d1 = -gy * h * num * t / den2 + gl * (xi * xi / above - 2.0 * t / den);
    g->h = gy * num / den + by_s / w;
    g->w = -by_s * s / w - by_xi * xi / w;
    g->y0 = gy;
    g->x0 = -by_xi / w;
    return by_xi / w;
}

// Through bins = free_size softmax(raw) + least: `corner` reaches the bins before k, `size` bin k. Returns the gradient by
// the box's size.
static double backward_bins(int bins, const float *share, double free_size, int k, double corner,
                            double size, float *graw)
{
    double mean = 0.0;
    for (int j = 0; j <= k; j++)
        mean += (double)share[j] * (j < k ? corner : size);
    for (int j = 0; j < bins; j++) {
        double by_bin = j < k ? corner : j == k ? size : 0.0;
        graw[j] = (float)(free_size * (double)share[j] * (by_bin - mean));
    }
    return mean;
}

static void backward_raw(const spline_t *s, const float *raw, const place_t *b, slopes_t *g,
                         float *graw)
{
    int n = s->bins;
    memset(graw, 0, (size_t)spline_raw_count(s) * sizeof *graw);
    if (b->inside) {
        double least = n * least_bin;
        g->left += g->x0;
        g->bottom += g->y0;
        g->width += backward_bins(n, b->share, b->width - least, b->k, g->x0, g->w, graw + 4);
        g->height +=
            backward_bins(n, b->share + n, b->height - least, b->k, g->y0, g->h, graw + 4 + n);
        float *slopes = graw + 4 + 2 * n - 1, offset = (float)slope_offset();
        const float *raw_slopes = raw + 4 + 2 * n - 1;
        if (b->k > 0)
            slopes[b->k] = (float)(g->d0 * sigmoid((double)(raw_slopes[b->k] + offset)));
        else
            g->edge += g->d0;
        if (b->k < n - 1)
            slopes[b->k + 1] = (float)(g->d1 * sigmoid((double)(raw_slopes[b->k + 1] + offset)));
        else
            g->edge += g->d1;
    }
    g->height += g->edge / b->width;
    g->width -= g->edge * b->edge / b->width;
    graw[0] = (float)g->left;
    graw[1] = (float)g->bottom;
    graw[2] = (float)(g->width * size_slope(s, (double)raw[2]));
    graw[3] = (float)(g->height * size_slope(s, (double)raw[3]));
}

double spline_backward(const spline_t *s, const float *raw, double x, double gy, double gl,
                       float *graw)
{
    place_t b;
    slopes_t g = {0};
    double gx;
    find_box(s, raw, &b);
    find_bin(s, raw, x, false, &b);
    if (b.inside) {
        gx = backward_inside(&b, x, gy, gl, &g);
    } else {
        gx = gy * b.edge;
        g.left = -gx;
        g.bottom = gy;
        g.edge = gy * (x - b.left) + gl / b.edge;
    }
    if (graw)
        backward_raw(s, raw, &b, &g, graw);
    return gx;
}
