// SPDX-License-Identifier: Apache-2.0
//
// Both covariances are whitened by their Cholesky factors instead of by symmetric roots (the singular values are the
// same), the singular values come from one-sided Jacobi rotations (Hestenes 1958).
#include "diagnostics/canonical.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RIDGE 1e-8

enum { SWEEPS = 60 };

/* Means and the lower triangle of the covariance of columns side by side: z (n, d). */
static void moments(int64_t n, int d, const double *z, double *mean, double *covariance)
{
    double *e = MEM_NEW(double, d);
    for (int64_t i = 0; i < n; i++)
        for (int a = 0; a < d; a++)
            mean[a] += z[i * d + a] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            e[a] = z[i * d + a] - mean[a];
        for (int a = 0; a < d; a++)
            for (int b = 0; b <= a; b++)
                covariance[a * d + b] += e[a] * e[b] / (double)(n - 1);
    }
    free(e);
}

/* The Cholesky factor of rows and columns [first, first + d) of the covariance (all, all). */
static double *factor(const double *covariance, int all, int first, int d)
{
    double *l = MEM_NEW(double, (int64_t)d *d);
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = covariance[(first + a) * all + first + b] + (a == b ? RIDGE : 0);
            for (int c = 0; c < b; c++)
                sum -= l[a * d + c] * l[b * d + c];
            l[a * d + b] = a == b ? sqrt(fmax(sum, RIDGE)) : sum / l[b * d + b];
        }
    return l;
}

/* x := L^-1 x, x (d) with a stride. */
static void solve_lower(int d, const double *l, double *x, int stride)
{
    for (int a = 0; a < d; a++) {
        for (int b = 0; b < a; b++)
            x[a * stride] -= l[a * d + b] * x[b * stride];
        x[a * stride] /= l[a * d + a];
    }
}

/* x := L^-T x */
static void solve_upper(int d, const double *l, double *x)
{
    for (int a = d - 1; a >= 0; a--) {
        for (int b = a + 1; b < d; b++)
            x[a] -= l[b * d + a] * x[b];
        x[a] /= l[a * d + a];
    }
}

/* Rotates rows p and q of a (.., n) until they are orthogonal; `with` (.., w) turns with them. False: they were. */
static int rotate(int n, double *a, int w, double *with, int p, int q)
{
    double pp = 0, qq = 0, pq = 0;
    for (int i = 0; i < n; i++) {
        pp += a[p * n + i] * a[p * n + i];
        qq += a[q * n + i] * a[q * n + i];
        pq += a[p * n + i] * a[q * n + i];
    }
    if (fabs(pq) <= 1e-15 * sqrt(pp * qq) || fabs(pq) < 1e-300)
        return 0;
    double zeta = (qq - pp) / (2 * pq);
    double t = (zeta >= 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (int half = 0; half < 2; half++) {
        int length = half ? w : n;
        double *x = (half ? with : a) + p * length, *y = (half ? with : a) + q * length;
        for (int i = 0; i < length; i++) {
            double old = x[i];
            x[i] = c * old - s * y[i];
            y[i] = s * old + c * y[i];
        }
    }
    return 1;
}

/* Rows of a (k, n) become orthogonal: a = diag(singular values) times right singular vectors; `turned` (k, k), the
 * identity before, holds the left ones as rows. */
static void orthogonalise(int k, int n, double *a, double *turned)
{
    int moved = 1;
    for (int sweep = 0; sweep < SWEEPS && moved; sweep++) {
        moved = 0;
        for (int p = 0; p + 1 < k; p++)
            for (int q = p + 1; q < k; q++)
                moved |= rotate(n, a, k, turned, p, q);
    }
}

typedef struct {
    double value;
    int at;
} singular_t;

static int descending(const void *a, const void *b)
{
    const singular_t *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value) - (x->value > y->value) : x->at - y->at;
}

static double norm_of(int n, const double *x)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* Correlations and directions from the whitened cross-covariance m (p, d): of `p` parameters with `d` summaries. */
static void singular(canonical_t *c, int p, double *m, const double *l)
{
    int d = c->d, wide = p <= d, rows = wide ? p : d, columns = wide ? d : p;
    double *a = MEM_NEW(double, (int64_t)p *d), *turned = MEM_NEW(double, (int64_t)rows *rows);
    singular_t *order = MEM_NEW(singular_t, rows);
    for (int i = 0; i < rows; i++) {
        turned[i * rows + i] = 1;
        for (int j = 0; j < columns; j++)
            a[i * columns + j] = wide ? m[i * d + j] : m[j * d + i];
    }
    orthogonalise(rows, columns, a, turned);
    for (int i = 0; i < rows; i++)
        order[i] = (singular_t){norm_of(columns, a + i * columns), i};
    qsort(order, (size_t)rows, sizeof *order, descending);
    for (int j = 0; j < rows; j++) {
        c->correlation[j] = fmin(order[j].value, 1);
        double *direction = c->direction + (int64_t)j * d;
        const double *from = wide ? a + order[j].at * columns : turned + order[j].at * rows;
        double size = norm_of(d, from);
        for (int i = 0; i < d && size > 0; i++)
            direction[i] = from[i] / size;
        solve_upper(d, l, direction);
    }
    free(order);
    free(turned);
    free(a);
}

static double *side_by_side(int64_t n, int d, const float *summaries, int p,
                            const double *parameters)
{
    int all = d + p;
    double *z = mem_alloc((size_t)(n * all), sizeof *z);
    for (int64_t i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            z[i * all + a] = (double)summaries[i * d + a];
        memcpy(z + i * all + d, parameters + i * p, (size_t)p * sizeof *z);
    }
    return z;
}

canonical_t canonical_fit(int64_t n, int d, const float *summaries, int p, const double *parameters)
{
    CHECK(n > 1 && d > 0 && p > 0, "canonical correlation of %ld rows, %d with %d numbers", (long)n,
          d, p);
    int all = d + p;
    canonical_t c = {.d = d, .k = d < p ? d : p};
    c.correlation = MEM_NEW(double, c.k);
    c.direction = MEM_NEW(double, (int64_t)c.k *d);
    c.mean = MEM_NEW(double, all);
    double *z = side_by_side(n, d, summaries, p, parameters);
    double *covariance = MEM_NEW(double, (int64_t)all *all);
    moments(n, all, z, c.mean, covariance);
    double *ls = factor(covariance, all, 0, d), *lt = factor(covariance, all, d, p);
    double *m = MEM_NEW(double, (int64_t)p *d);
    for (int a = 0; a < p; a++)
        for (int b = 0; b < d; b++)
            m[a * d + b] = covariance[(d + a) * all + b];
    for (int a = 0; a < p; a++)
        solve_lower(d, ls, m + a * d, 1);
    for (int b = 0; b < d; b++)
        solve_lower(p, lt, m + b, d);
    singular(&c, p, m, ls);
    free(m);
    free(lt);
    free(ls);
    free(covariance);
    free(z);
    return c;
}

void canonical_free(canonical_t *c)
{
    free(c->correlation);
    free(c->mean);
    free(c->direction);
    *c = (canonical_t){0};
}

void canonical_apply(const canonical_t *c, const float *summaries, double *out)
{
    for (int j = 0; j < c->k; j++) {
        out[j] = 0;
        for (int a = 0; a < c->d; a++)
            out[j] += c->direction[(int64_t)j * c->d + a] * ((double)summaries[a] - c->mean[a]);
    }
}
