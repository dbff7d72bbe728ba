// SPDX-License-Identifier: Apache-2.0
//
// Every loop over `l` goes over the lanes and becomes vector code; arrays are [number][lane].
#include "nn/spline_many.h"

#include "nn/fmath.h"

enum { L = SPLINE_TILE, MOST_RAW = 3 * SPLINE_MAX_BINS + 3 };
static const double least_bin = 0.1;            // as in spline.c
static const float slope_offset = 0.541324855f; // ln(e - 1)

// The boxes, and in each the bin that holds its point.
typedef struct {
    double left[L], bottom[L], width[L], height[L], edge[L];
    double x0[L], y0[L], w[L], h[L], d0[L], d1[L];
} boxes_t;

VEC_INLINE void turn(int64_t n, int m, const float *raw, float turned[][L])
{
    for (int64_t l = 0; l < n; l++)
        for (int k = 0; k < m; k++)
            turned[k][l] = raw[l * m + k];
    for (int64_t l = n; l < L; l++)
        for (int k = 0; k < m; k++)
            turned[k][l] = 0;
}

// In place, over the bins of one axis.
VEC_INLINE void softmax(int bins, float x[][L])
{
    float most[L], sum[L];
    for (int l = 0; l < L; l++)
        most[l] = x[0][l], sum[l] = 0;
    for (int k = 1; k < bins; k++)
        for (int l = 0; l < L; l++)
            most[l] = x[k][l] > most[l] ? x[k][l] : most[l];
    for (int k = 0; k < bins; k++)
        for (int l = 0; l < L; l++) {
            x[k][l] = f_exp(x[k][l] - most[l]);
            sum[l] += x[k][l];
        }
    for (int l = 0; l < L; l++)
        sum[l] = 1.0f / sum[l];
    for (int k = 0; k < bins; k++)
        for (int l = 0; l < L; l++)
            x[k][l] *= sum[l];
}

VEC_INLINE void find_boxes(const spline_t *s, float raw[][L], boxes_t *b)
{
    double least = s->bins * least_bin > 1.0 ? s->bins * least_bin : 1.0;
    double free_size = 2.0 * s->half_width - least;
    float offset = (float)s->size_offset;
    for (int l = 0; l < L; l++) {
        b->left[l] = (double)raw[0][l] - s->half_width;
        b->bottom[l] = (double)raw[1][l] - s->half_width;
        b->width[l] = free_size * (double)f_asinh(f_softplus(raw[2][l] + offset)) + least;
        b->height[l] = free_size * (double)f_asinh(f_softplus(raw[3][l] + offset)) + least;
        b->edge[l] = b->height[l] / b->width[l];
    }
}

// The last bin that begins at or before the point, on the y axis or on the x axis; the first where there is none.
VEC_INLINE void find_bins(const spline_t *s, bool on_y, float raw[][L], const double *at,
                          boxes_t *b)
{
    int bins = s->bins;
    float(*width)[L] = raw + 4, (*height)[L] = width + bins, (*slope)[L] = height + bins;
    double x[L], y[L], free_x[L], free_y[L], bin[L];
    float before[L], after[L];
    for (int l = 0; l < L; l++) {
        x[l] = b->left[l];
        y[l] = b->bottom[l];
        free_x[l] = b->width[l] - bins * least_bin;
        free_y[l] = b->height[l] - bins * least_bin;
    }
    for (int k = 0; k < bins; k++) {
        const float *inner0 = slope[k > 0 ? k - 1 : 0], *inner1 = slope[k < bins - 1 ? k : k - 1];
        for (int l = 0; l < L; l++) {
            double w = free_x[l] * (double)width[k][l] + least_bin;
            double h = free_y[l] * (double)height[k][l] + least_bin;
            double begin = on_y ? y[l] : x[l];
            bool here = (k == 0) | (at[l] >= begin);
            b->x0[l] = here ? x[l] : b->x0[l];
            b->y0[l] = here ? y[l] : b->y0[l];
            b->w[l] = here ? w : b->w[l];
            b->h[l] = here ? h : b->h[l];
            bin[l] = here ? (double)k : bin[l];
            before[l] = here ? inner0[l] : before[l];
            after[l] = here ? inner1[l] : after[l];
            x[l] += w;
            y[l] += h;
        }
    }
    for (int l = 0; l < L; l++) {
        double d0 = (double)f_softplus(before[l] + slope_offset);
        double d1 = (double)f_softplus(after[l] + slope_offset);
        b->d0[l] = bin[l] == 0 ? b->edge[l] : d0;
        b->d1[l] = bin[l] == (double)(bins - 1) ? b->edge[l] : d1;
    }
}

VEC_INLINE double slope_inside(const boxes_t *b, int l, double xi, double below)
{
    double slope = b->h[l] / b->w[l], t = xi * (1.0 - xi), ratio = slope / below;
    double above = b->d1[l] * xi * xi + 2.0 * slope * t + b->d0[l] * (1.0 - xi) * (1.0 - xi);
    return ratio * ratio * above;
}

// f(x) and f'(x) inside the bin, as in spline.c.
VEC_INLINE double forward_inside(const boxes_t *b, int l, double x, double *gradient)
{
    double xi = (x - b->x0[l]) / b->w[l], slope = b->h[l] / b->w[l], t = xi * (1.0 - xi);
    double below = slope + (b->d0[l] + b->d1[l] - 2.0 * slope) * t;
    *gradient = slope_inside(b, l, xi, below);
    return b->y0[l] + b->h[l] * (slope * xi * xi + b->d0[l] * t) / below;
}

VEC_INLINE double inverse_inside(const boxes_t *box, int l, double y, double *gradient)
{
    double slope = box->h[l] / box->w[l], e = y - box->y0[l];
    double bend = box->d0[l] + box->d1[l] - 2.0 * slope;
    double a = box->h[l] * (slope - box->d0[l]) + e * bend;
    double b = box->h[l] * box->d0[l] - e * bend;
    double c = -slope * e, square = b * b - 4.0 * a * c;
    double xi = 2.0 * c / (-b - sqrt(square > 0.0 ? square : 0.0));
    *gradient = slope_inside(box, l, xi, slope + bend * xi * (1.0 - xi));
    return box->x0[l] + xi * box->w[l];
}

// Outside of the box and inside; which of them holds is chosen at the end.
VEC_INLINE void move(bool inverse, const boxes_t *b, const double *at, double *moved,
                     double *gradient)
{
    for (int l = 0; l < L; l++) {
        double x = at[l], begin = inverse ? b->bottom[l] : b->left[l], slope;
        double end = begin + (inverse ? b->height[l] : b->width[l]);
        double curved = inverse ? inverse_inside(b, l, x, &slope) : forward_inside(b, l, x, &slope);
        double straight = inverse ? b->left[l] + (x - b->bottom[l]) / b->edge[l]
                                  : b->bottom[l] + (x - b->left[l]) * b->edge[l];
        bool inside = (x > begin) & (x < end);
        moved[l] = inside ? curved : straight;
        gradient[l] = inside ? slope : b->edge[l];
    }
}

VEC_INLINE void one_tile(const spline_t *s, bool inverse, int64_t n, const float *raw,
                         const float *at, double *moved, double *log_slope)
{
    float turned[MOST_RAW][L], log_of[L];
    double x[L], gradient[L];
    boxes_t b;
    turn(n, spline_raw_count(s), raw, turned);
    for (int l = 0; l < L; l++)
        x[l] = l < n ? (double)at[l] : 0.0;
    find_boxes(s, turned, &b);
    softmax(s->bins, turned + 4);
    softmax(s->bins, turned + 4 + s->bins);
    find_bins(s, inverse, turned, x, &b);
    move(inverse, &b, x, moved, gradient);
    for (int l = 0; l < L; l++)
        log_of[l] = f_log((float)gradient[l]);
    for (int l = 0; l < L; l++)
        log_slope[l] = (double)log_of[l];
}

VEC_KERNEL void spline_tile(const spline_t *s, bool inverse, int64_t n, const float *raw,
                            const float *at, double *moved, double *log_slope)
{
    if (inverse)
        one_tile(s, true, n, raw, at, moved, log_slope);
    else
        one_tile(s, false, n, raw, at, moved, log_slope);
}
