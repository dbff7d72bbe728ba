// SPDX-License-Identifier: Apache-2.0
// Shares of failing rows by region, and quantiles of seconds, from the samples: a row kept of a status stands for
// (rows of that status) / (rows kept of it).
#include "cluster/mem.h"
#include "workers/failures_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double value, weight;
    row_status_t status;
} point_t;

static int by_value(const void *a, const void *b)
{
    const point_t *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->status < y->status ? -1 : x->status > y->status;
}

static double weight_of(const outcome_t *o)
{
    return o->sample.n > 0 ? (double)o->n / (double)o->sample.n : 0;
}

static int64_t kept(failures_t *f)
{
    int64_t n = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        row_sample_settle(&f->by_status[s].sample);
        n += f->by_status[s].sample.n;
    }
    return n;
}

// The values of a column of one status (all where it is ROW_MISSING), ascending, NaN left out; settled before.
static int64_t points_of(const failures_t *f, int column, row_status_t only, point_t *points)
{
    int64_t n = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        const outcome_t *o = &f->by_status[s];
        for (int64_t i = 0; i < o->sample.n && (only == ROW_MISSING || (int)only == s); i++) {
            double value = row_sample_value(&o->sample, i, column);
            if (!isnan(value))
                points[n++] = (point_t){value, weight_of(o), (row_status_t)s};
        }
    }
    qsort(points, (size_t)n, sizeof *points, by_value);
    return n;
}

/* ---- regions ---- */

// Upper ends of all bins but the last: where the summed weight passes k / FAILURES_BINS of the whole.
static void find_edges(int64_t n, const point_t *points, double edges[FAILURES_BINS - 1])
{
    double whole = 0, sum = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        whole += points[i].weight;
    for (int k = 1; k < FAILURES_BINS; k++) {
        double wanted = whole * k / FAILURES_BINS * (1 - 1e-12);
        while (at < n && sum + points[at].weight < wanted)
            sum += points[at++].weight;
        edges[k - 1] = points[at < n ? at : n - 1].value;
    }
}

static int bin_of(const double edges[FAILURES_BINS - 1], double value)
{
    int bin = 0;
    while (bin < FAILURES_BINS - 1 && value > edges[bin])
        bin++;
    return bin;
}

typedef struct {
    int64_t rows[ROW_STATUS_COUNT]; // kept, in one bin
} bin_t;

static double bin_weight(const failures_t *f, const bin_t *bin)
{
    double sum = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        sum += (double)bin->rows[s] * weight_of(&f->by_status[s]);
    return sum;
}

// Kept rows of the other statuses, as many as rows of one weight would be (Kish's effective size).
static double others_of(const failures_t *f, const bin_t *bin, row_status_t status)
{
    double sum = 0, squares = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        double w = weight_of(&f->by_status[s]), rows = (double)bin->rows[s];
        if (s != (int)status) {
            sum += rows * w;
            squares += rows * w * w;
        }
    }
    return squares > 0 ? sum * sum / squares : 0;
}

// Where all rows or none have the status, half a row is added to each side, so that the error is not 0.
static double share_error(double share, double failing, double others)
{
    if (failing == 0 || others == 0) {
        failing += 0.5;
        others += 0.5;
        share = failing / (failing + others);
    }
    return share * (1 - share) * sqrt(1 / failing + 1 / others);
}

// The share of a status among the rows whose parameter is a number.
static double share_of_all(const failures_t *f, int parameter, row_status_t status)
{
    int64_t all = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        all += f->by_status[s].n - f->by_status[s].nan[parameter];
    const outcome_t *o = &f->by_status[status];
    return all > 0 ? (double)(o->n - o->nan[parameter]) / (double)all : 0;
}

static failures_cell_t make_cell(const failures_t *f, int parameter, row_status_t status, int bin,
                                 const double edges[FAILURES_BINS - 1], const bin_t *rows)
{
    failures_cell_t c = {.parameter = parameter, .bin = bin, .status = status};
    double failing = (double)rows->rows[status];
    c.above = bin > 0 ? edges[bin - 1] : -INFINITY;
    c.to = bin < FAILURES_BINS - 1 ? edges[bin] : INFINITY;
    c.rows = bin_weight(f, rows);
    c.share = failing * weight_of(&f->by_status[status]) / c.rows;
    c.error = share_error(c.share, failing, others_of(f, rows, status));
    c.contrast = (c.share - share_of_all(f, parameter, status)) / c.error;
    return c;
}

// The cells of one parameter, appended.
static int64_t cells_of(const failures_t *f, int parameter, point_t *points, failures_cell_t *out)
{
    double edges[FAILURES_BINS - 1];
    bin_t bins[FAILURES_BINS] = {0};
    int64_t count = 0, n = points_of(f, parameter, ROW_MISSING, points);
    if (n == 0)
        return 0;
    find_edges(n, points, edges);
    for (int64_t i = 0; i < n; i++)
        bins[bin_of(edges, points[i].value)].rows[points[i].status]++;
    for (int s = ROW_DONE + 1; s < ROW_STATUS_COUNT; s++)
        for (int b = 0; b < FAILURES_BINS && f->by_status[s].n > 0; b++)
            if (bin_weight(f, &bins[b]) > 0)
                out[count++] = make_cell(f, parameter, (row_status_t)s, b, edges, &bins[b]);
    return count;
}

int64_t failures_cells(failures_t *f, failures_cell_t **cells)
{
    int n_parameters = f->schema->n_parameters;
    point_t *points = MEM_NEW(point_t, kept(f) + 1);
    int64_t n = 0;
    *cells = MEM_NEW(failures_cell_t, n_parameters * FAILURES_BINS * ROW_STATUS_COUNT);
    for (int p = 0; p < n_parameters; p++)
        if (f->schema->parameters[p].array == NULL)
            n += cells_of(f, p, points, *cells + n);
    free(points);
    return n;
}

/* ---- seconds ---- */

// Point i stands at (weights before it + half its own, less half the first's) / (all weights less half of both ends'):
// i / (n - 1) where weights are equal.
static double quantile(int64_t n, const point_t *points, double level)
{
    double half_first = points[0].weight / 2, half_last = points[n - 1].weight / 2, whole = 0;
    for (int64_t i = 0; i < n; i++)
        whole += points[i].weight;
    double wanted = level * (whole - half_first - half_last), at = 0;
    for (int64_t i = 0; i + 1 < n; i++) {
        double step = (points[i].weight + points[i + 1].weight) / 2;
        if (at + step >= wanted) {
            double t = (wanted - at) / step;
            return points[i].value + t * (points[i + 1].value - points[i].value);
        }
        at += step;
    }
    return points[n - 1].value;
}

static void extremes(const failures_t *f, row_status_t only, double *least, double *most)
{
    *least = INFINITY;
    *most = -INFINITY;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        const outcome_t *o = &f->by_status[s];
        if (o->n > 0 && (only == ROW_MISSING || (int)only == s)) {
            *least = fmin(*least, o->least);
            *most = fmax(*most, o->most);
        }
    }
}

void failures_seconds(failures_t *f, row_status_t status, int n, const double *levels, double *out)
{
    point_t *points = MEM_NEW(point_t, kept(f) + 1);
    int64_t count = points_of(f, f->schema->n_parameters, status, points);
    double least, most;
    extremes(f, status, &least, &most);
    for (int i = 0; i < n; i++) {
        if (count == 0)
            out[i] = NAN;
        else if (levels[i] <= 0 || levels[i] >= 1)
            out[i] = levels[i] <= 0 ? least : most;
        else
            out[i] = quantile(count, points, levels[i]);
    }
    free(points);
}
