// SPDX-License-Identifier: Apache-2.0
//
// Ridge regression in the eigenbasis of the features. With Z (M, F) centred columns of length 1, Z'Z = V E V', U = Z V E^-1/2
// and s_j = e_j / (e_j + penalty), the fit is U s U'y and the leverage h_i = 1/M + sum_j s_j U_ij^2; leaving data set i out
// gives the residual (y_i - fit_i) / (1 - h_i).
#include "diagnostics/dependence.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PENALTIES = 5 };
static const double penalties[PENALTIES] = {1e-3, 1e-2, 1e-1, 1, 10};

typedef struct {
    int64_t m;                    // data sets
    int k;                        // directions
    double *u;                    // (M, K) orthonormal
    double *keep;                 // (PENALTIES, K): s_j
    double *rest;                 // (PENALTIES, M): 1 - h_i
    double *coefficient, *weight; // (K), (K, PENALTIES): work
} basis_t;

static int64_t data_set(const digest_t *g, int64_t m, int64_t i)
{
    return i * g->n / m;
}

/* Centres to mean 0 and, where asked for, scales to length 1. */
static void centre(int64_t m, double *x, bool unit)
{
    double mean = stats_mean(m, x), squares = 0;
    for (int64_t i = 0; i < m; i++) {
        x[i] -= mean;
        squares += x[i] * x[i];
    }
    for (int64_t i = 0; unit && squares > 0 && i < m; i++)
        x[i] /= sqrt(squares);
}

/* Columns one after the other, (F', M); returns F'. */
static int feature_columns(const digest_t *g, int64_t m, int n_features, const float *features,
                           double *out)
{
    int used = 0;
    double *raw = MEM_NEW(double, m);
    for (int f = 0; f < n_features && f < DEPENDENCE_FEATURES; f++) {
        double *column = out + used * m;
        for (int64_t i = 0; i < m; i++)
            raw[i] = features[data_set(g, m, i) * n_features + f];
        if (stats_normal_scores(m, raw, 0.5, column) < 2)
            continue;
        centre(m, column, true);
        used++;
    }
    free(raw);
    return used;
}

static void rotate(int n, double *a, double *v, int p, int q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int i = 0; i < n; i++) {
        double x = a[i * n + p], y = a[i * n + q];
        a[i * n + p] = c * x - s * y;
        a[i * n + q] = s * x + c * y;
    }
    for (int i = 0; i < n; i++) {
        double x = a[p * n + i], y = a[q * n + i];
        a[p * n + i] = c * x - s * y;
        a[q * n + i] = s * x + c * y;
        x = v[p * n + i];
        y = v[q * n + i];
        v[p * n + i] = c * x - s * y;
        v[q * n + i] = s * x + c * y;
    }
}

/* Symmetric a (n, n), whose trace is n, becomes diagonal; the rows of v its eigenvectors (cyclic Jacobi). */
static void eigen(int n, double *a, double *v)
{
    enum { SWEEPS = 30 };
    const double small = 1e-14;
    for (int i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0, rotations = 1; sweep < SWEEPS && rotations > 0; sweep++) {
        rotations = 0;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > small) {
                    rotate(n, a, v, p, q);
                    rotations++;
                }
    }
}

static double *gram(int f, int64_t m, const double *z)
{
    double *a = MEM_NEW(double, f *f);
    for (int p = 0; p < f; p++)
        for (int q = 0; q <= p; q++) {
            double sum = 0;
            for (int64_t i = 0; i < m; i++)
                sum += z[p * m + i] * z[q * m + i];
            a[p * f + q] = a[q * f + p] = sum;
        }
    return a;
}

/* u[., k] = Z v / sqrt(e). */
static void direction(basis_t *b, int f, const double *z, const double *v, double e)
{
    for (int64_t i = 0; i < b->m; i++) {
        double sum = 0;
        for (int p = 0; p < f; p++)
            sum += z[p * b->m + i] * v[p];
        b->u[i * f + b->k] = sum / sqrt(e);
    }
    for (int g = 0; g < PENALTIES; g++)
        b->keep[g * f + b->k] = e / (e + penalties[g]);
    b->k++;
}

/* Rows of `width` values become rows of `k`. */
static void pack(int64_t rows, int width, int k, double *x)
{
    for (int64_t i = 0; i < rows; i++)
        memmove(x + i * k, x + i * width, (size_t)k * sizeof *x);
}

static basis_t basis_create(int64_t m, int f, const double *z)
{
    const double SINGULAR = 1e-7; // of the largest eigenvalue
    basis_t b = {.m = m};
    double *a = gram(f, m, z), *v = MEM_NEW(double, f *f), largest = 0;
    b.u = MEM_NEW(double, m *f);
    b.keep = MEM_NEW(double, PENALTIES *f);
    b.rest = MEM_NEW(double, PENALTIES *m);
    b.coefficient = MEM_NEW(double, f);
    b.weight = MEM_NEW(double, PENALTIES *f);
    eigen(f, a, v);
    for (int p = 0; p < f; p++)
        largest = fmax(largest, a[p * f + p]);
    for (int p = 0; p < f; p++)
        if (a[p * f + p] > SINGULAR * largest)
            direction(&b, f, z, v + p * f, a[p * f + p]);
    pack(m, f, b.k, b.u);
    pack(PENALTIES, f, b.k, b.keep);
    for (int g = 0; g < PENALTIES; g++)
        for (int64_t i = 0; i < m; i++) {
            double h = 1 / (double)m;
            for (int j = 0; j < b.k; j++)
                h += b.keep[g * b.k + j] * b.u[i * b.k + j] * b.u[i * b.k + j];
            b.rest[g * m + i] = 1 - h;
        }
    free(a);
    free(v);
    return b;
}

static void basis_free(basis_t *b)
{
    free(b->u);
    free(b->keep);
    free(b->rest);
    free(b->coefficient);
    free(b->weight);
}

static void fit(basis_t *b, const double *y)
{
    memset(b->coefficient, 0, (size_t)b->k * sizeof *b->coefficient);
    for (int64_t i = 0; i < b->m; i++)
        for (int j = 0; j < b->k; j++)
            b->coefficient[j] += b->u[i * b->k + j] * y[i];
    for (int j = 0; j < b->k; j++)
        for (int g = 0; g < PENALTIES; g++)
            b->weight[j * PENALTIES + g] = b->keep[g * b->k + j] * b->coefficient[j];
}

/* The smallest sum of squares of leave-one-out residuals over the penalties. */
static double left_out(const basis_t *b, const double *y)
{
    const double SATURATED = 1e-6;
    double sum[PENALTIES] = {0}, least = INFINITY;
    for (int64_t i = 0; i < b->m; i++) {
        double e[PENALTIES] = {0};
        for (int j = 0; j < b->k; j++)
            for (int g = 0; g < PENALTIES; g++)
                e[g] += b->weight[j * PENALTIES + g] * b->u[i * b->k + j];
        for (int g = 0; g < PENALTIES; g++) {
            double rest = b->rest[g * b->m + i], residual = (y[i] - e[g]) / rest;
            sum[g] += rest < SATURATED ? INFINITY : residual * residual;
        }
    }
    for (int g = 0; g < PENALTIES; g++)
        least = fmin(least, sum[g]);
    return least;
}

/* R2 of centred y (M). */
static double explained(basis_t *b, const double *y)
{
    double all = 0, shrink = (double)b->m / (double)(b->m - 1);
    for (int64_t i = 0; i < b->m; i++)
        all += y[i] * y[i] * shrink * shrink;
    fit(b, y);
    return all > 0 ? 1 - fmin(all, left_out(b, y)) / all : 0;
}

/* R2 of normal scores in random order, sorted: (DEPENDENCE_PERMUTATIONS), the same for every parameter. */
static double *permuted(basis_t *b)
{
    const uint64_t seed = 1;
    double *r2 = MEM_NEW(double, DEPENDENCE_PERMUTATIONS), *y = MEM_NEW(double, b->m);
    double *score = MEM_NEW(double, b->m);
    int64_t *order = MEM_NEW(int64_t, b->m);
    for (int64_t i = 0; i < b->m; i++) {
        order[i] = i;
        score[i] = stats_normal_quantile(((double)i + 0.5) / (double)b->m);
    }
    for (int t = 0; t < DEPENDENCE_PERMUTATIONS; t++) {
        rng_t r = rng_at(seed, RNG_DIAGNOSE, (uint64_t)t);
        rng_shuffle(&r, (size_t)b->m, order);
        for (int64_t i = 0; i < b->m; i++)
            y[i] = score[order[i]];
        r2[t] = explained(b, y);
    }
    free(score);
    stats_sort(DEPENDENCE_PERMUTATIONS, r2);
    free(order);
    free(y);
    return r2;
}

static double p_value(const double *null, double r2)
{
    int64_t larger = 0;
    for (int t = 0; t < DEPENDENCE_PERMUTATIONS; t++)
        larger += null[t] >= r2;
    return (double)(larger + 1) / (DEPENDENCE_PERMUTATIONS + 1);
}

/* Twice the rank, ties at their middle: 0 .. 2 S. */
static double twice_rank(const marginal_t *m, int64_t i)
{
    const digest_value_t *v = marginal_at(m, i);
    return (double)v->below + (double)v->not_above;
}

static dependence_t dependence_of(const digest_t *g, int parameter, basis_t *b, const double *null,
                                  double *raw, double *y)
{
    marginal_t marginal = digest_marginal(g, parameter);
    dependence_t d;
    for (int64_t i = 0; i < b->m; i++)
        raw[i] = twice_rank(&marginal, data_set(g, b->m, i));
    stats_normal_scores(b->m, raw, 0.5, y);
    centre(b->m, y, false);
    d.location = explained(b, y);
    for (int64_t i = 0; i < b->m; i++)
        raw[i] = fabs(raw[i] - (double)g->s);
    stats_normal_scores(b->m, raw, 0.5, y);
    centre(b->m, y, false);
    d.spread = explained(b, y);
    for (int64_t i = 0; i < b->m; i++)
        y[i] = marginal_at(&marginal, data_set(g, b->m, i))->truth;
    centre(b->m, y, false);
    d.attainable = explained(b, y);
    d.location_p = p_value(null, d.location);
    d.spread_p = p_value(null, d.spread);
    return d;
}

void dependence_compute(const digest_t *g, int n_features, const float *features, dependence_t *out)
{
    int64_t m = g->n < DEPENDENCE_SETS ? g->n : DEPENDENCE_SETS;
    int most = n_features < DEPENDENCE_FEATURES ? n_features : DEPENDENCE_FEATURES;
    double *z = MEM_NEW(double, most *m + 1), *raw = MEM_NEW(double, m), *y = MEM_NEW(double, m);
    int used = feature_columns(g, m, n_features, features, z);
    for (int k = 0; k < g->d; k++)
        out[k] = (dependence_t){.location_p = 1, .spread_p = 1};
    if (used > 0) {
        basis_t basis = basis_create(m, used, z);
        double *null = permuted(&basis);
        for (int k = 0; k < g->d; k++)
            out[k] = dependence_of(g, k, &basis, null, raw, y);
        free(null);
        basis_free(&basis);
    }
    free(z);
    free(raw);
    free(y);
}
