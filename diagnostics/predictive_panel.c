// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive_panel.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

enum { FEWEST_BINS = 10, MOST_BINS = 30 };
static const double levels[PANEL_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};
static const double much = 20; // sizes of a vector's values that differ by more have no common axis

static int panels_of(const predictive_field_t *f)
{
    if (f->kind == PREDICTIVE_IMAGE)
        return 0;
    return f->features <= PREDICTIVE_PARTS ? (int)f->features : 1;
}

int predictive_panels(int n_observables, const predictive_field_t *fields)
{
    int n = 0;
    for (int o = 0; o < n_observables; o++)
        n += panels_of(&fields[o]);
    return n;
}

/* One feature of all data sets, the observed one first. */
typedef struct {
    int64_t r, step, part; // values of an element that are passed; which
    int64_t *n;            // (R + 1) elements
    const float **values;  // (R + 1)
} feature_t;

static feature_t feature_create(const predictive_field_t *f, int o, int64_t part,
                                const predictive_set_t *observed, int64_t r,
                                const predictive_set_t *replicates)
{
    int64_t step = panels_of(f);
    feature_t x = {.r = r,
                   .step = step,
                   .part = part,
                   .n = MEM_NEW(int64_t, r + 1),
                   .values = MEM_NEW(const float *, r + 1)};
    for (int64_t i = 0; i <= r; i++) {
        const predictive_set_t *set = i == 0 ? observed : &replicates[i - 1];
        x.n[i] = set->n[o] * f->features / step;
        x.values[i] = set->values[o];
    }
    return x;
}

static void feature_free(feature_t *x)
{
    free(x->n);
    free(x->values);
}

static double value_at(const feature_t *x, int64_t i, int64_t k)
{
    return k < x->n[i] ? (double)x->values[i][k * x->step + x->part] : NAN;
}

static void make_places(predictive_panel_t *p, int64_t n)
{
    p->n = n;
    p->at = MEM_NEW(double, n + 1);
    p->observed = MEM_NEW(double, n + 1);
    for (int q = 0; q < PANEL_QUANTILES; q++)
        p->quantile[q] = MEM_NEW(double, n + 1);
}

/* Quantiles at a place of the m values that are there; x is sorted. */
static void put_quantiles(predictive_panel_t *p, int64_t k, int64_t m, double *x)
{
    stats_sort(m, x);
    for (int q = 0; q < PANEL_QUANTILES; q++)
        p->quantile[q][k] = m > 0 ? stats_quantile(m, x, levels[q]) : NAN;
}

/* ---- sets ---- */

/* From the least to the largest observed value, and wide enough for 99 % of all replicated ones. */
static void bin_range(const feature_t *x, double *low, double *high)
{
    int64_t all = 0, m = 0;
    for (int64_t i = 1; i <= x->r; i++)
        all += x->n[i];
    double *pool = MEM_NEW(double, all + 1);
    for (int64_t i = 1; i <= x->r; i++)
        for (int64_t k = 0; k < x->n[i]; k++)
            if (isfinite(value_at(x, i, k)))
                pool[m++] = value_at(x, i, k);
    stats_sort(m, pool);
    *low = m > 0 ? stats_quantile(m, pool, 0.005) : INFINITY;
    *high = m > 0 ? stats_quantile(m, pool, 0.995) : -INFINITY;
    for (int64_t k = 0; k < x->n[0]; k++)
        if (isfinite(value_at(x, 0, k))) {
            *low = fmin(*low, value_at(x, 0, k));
            *high = fmax(*high, value_at(x, 0, k));
        }
    if (!(*low <= *high))
        *low = *high = 0;
    if (*low == *high)
        *low -= 0.5, *high += 0.5;
    free(pool);
}

static void count_bins(const feature_t *x, int64_t i, const predictive_panel_t *p, double *count)
{
    double width = (p->at[p->n] - p->at[0]) / (double)p->n;
    for (int64_t b = 0; b < p->n; b++)
        count[b] = 0;
    for (int64_t k = 0; k < x->n[i]; k++) {
        double v = value_at(x, i, k);
        if (!(v >= p->at[0] && v <= p->at[p->n]))
            continue;
        int64_t b = (int64_t)((v - p->at[0]) / width);
        count[b < p->n ? b : p->n - 1]++;
    }
}

static void fill_bins(const feature_t *x, predictive_panel_t *p)
{
    double low, high, bins = ceil(2 * cbrt((double)x->n[0]));
    bin_range(x, &low, &high);
    make_places(p, (int64_t)fmin(fmax(bins, FEWEST_BINS), MOST_BINS));
    for (int64_t b = 0; b <= p->n; b++)
        p->at[b] = low + (high - low) * (double)b / (double)p->n;
    count_bins(x, 0, p, p->observed);
    double *count = MEM_NEW(double, p->n * x->r), *column = MEM_NEW(double, x->r);
    for (int64_t i = 1; i <= x->r; i++)
        count_bins(x, i, p, count + (i - 1) * p->n);
    for (int64_t b = 0; b < p->n; b++) {
        for (int64_t i = 0; i < x->r; i++)
            column[i] = count[i * p->n + b];
        put_quantiles(p, b, x->r, column);
    }
    free(column);
    free(count);
}

/* ---- series and vectors ---- */

static void fill_places(const feature_t *x, predictive_panel_t *p)
{
    double *column = MEM_NEW(double, x->r);
    make_places(p, x->n[0]);
    for (int64_t k = 0; k < p->n; k++) {
        int64_t m = 0;
        for (int64_t i = 1; i <= x->r; i++)
            if (!isnan(value_at(x, i, k)))
                column[m++] = value_at(x, i, k);
        p->at[k] = (double)(k + 1);
        p->observed[k] = value_at(x, 0, k);
        put_quantiles(p, k, m, column);
    }
    free(column);
}

/* Values of a vector may be of any size: where sizes differ much, each is put on a scale of its own. */
static void scale_places(predictive_panel_t *p)
{
    double least = INFINITY, most = 0;
    for (int64_t k = 0; k < p->n; k++) {
        double half = (p->quantile[PANEL_Q95][k] - p->quantile[PANEL_Q05][k]) / 2;
        double size = fmax(half, fabs(p->quantile[PANEL_Q50][k]));
        if (size > 0) {
            least = fmin(least, size);
            most = fmax(most, size);
        }
    }
    p->scaled = most > much * least;
    for (int64_t k = 0; k < p->n && p->scaled; k++) {
        double middle = p->quantile[PANEL_Q50][k],
               half = (p->quantile[PANEL_Q95][k] - p->quantile[PANEL_Q05][k]) / 2;
        double unit = half > 0 ? half : 1;
        p->observed[k] = (p->observed[k] - middle) / unit;
        for (int q = 0; q < PANEL_QUANTILES; q++)
            p->quantile[q][k] = (p->quantile[q][k] - middle) / unit;
    }
}

predictive_panel_t predictive_panel(int n_observables, const predictive_field_t *fields, int k,
                                    const predictive_set_t *observed, int64_t r,
                                    const predictive_set_t *replicates)
{
    int o = 0;
    while (o < n_observables && k >= panels_of(&fields[o]))
        k -= panels_of(&fields[o++]);
    CHECK(o < n_observables && r > 0, "panel %d of %d observables and %ld replicates", k,
          n_observables, (long)r);
    predictive_panel_t p = {.kind = fields[o].kind,
                            .observable = fields[o].name,
                            .feature = panels_of(&fields[o]) > 1 ? k : -1};
    feature_t x = feature_create(&fields[o], o, k, observed, r, replicates);
    if (p.kind == PREDICTIVE_SET)
        fill_bins(&x, &p);
    else
        fill_places(&x, &p);
    if (p.kind == PREDICTIVE_VECTOR)
        scale_places(&p);
    feature_free(&x);
    return p;
}

void predictive_panel_free(predictive_panel_t *panel)
{
    free(panel->at);
    free(panel->observed);
    for (int q = 0; q < PANEL_QUANTILES; q++)
        free(panel->quantile[q]);
    *panel = (predictive_panel_t){0};
}
