// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/arrays.h"

#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double excellent = 0.05, fair = 0.10; // as ratings of calibration

bool array_passes(const array_metrics_t *a)
{
    return a->share_inside >= ARRAYS_SHARE;
}

static bool varies(const digest_t *g, int p)
{
    marginal_t m = digest_marginal(g, p);
    for (int64_t i = 1; i < m.n; i++)
        if (marginal_at(&m, i)->truth != marginal_at(&m, 0)->truth)
            return true;
    return false;
}

/* The values of a group that vary: (n) at most. */
static int varying(const digest_t *g, const array_group_t *group, int *which)
{
    int n = 0;
    for (int p = group->first; p < group->first + group->n; p++)
        if (varies(g, p))
            which[n++] = p;
    return n;
}

/* ---- in one line ---- */

static double median_of(const metrics_t *all, int n, const int *which, int number, double *room)
{
    metric_value_t values[METRIC_VALUES];
    int finite = 0;
    for (int k = 0; k < n; k++) {
        metrics_values(&all->parameter[which[k]], values);
        if (!isnan(values[number].value))
            room[finite++] = values[number].value;
    }
    return finite > 0 ? stats_median(finite, room) : NAN;
}

static parameter_metrics_t medians(const metrics_t *all, int n, const int *which)
{
    double *room = MEM_NEW(double, n + 1);
    metric_value_t values[METRIC_VALUES];
    parameter_metrics_t out;
    metrics_values(&all->parameter[0], values); // their names
    for (int number = 0; number < METRIC_VALUES; number++)
        values[number].value = median_of(all, n, which, number, room);
    metrics_from_values(values, &out);
    free(room);
    return out;
}

static double share_below(const metrics_t *all, int n, const int *which, double limit)
{
    int below = 0;
    for (int k = 0; k < n; k++)
        below += all->parameter[which[k]].calibration_error <= limit;
    return n > 0 ? (double)below / n : 0;
}

static array_metrics_t array_metrics(const metrics_t *all, int values, int n, const int *which,
                                     double limit)
{
    array_metrics_t a = {.values = values,
                         .constant = values - n,
                         .share_excellent = share_below(all, n, which, excellent),
                         .share_fair = share_below(all, n, which, fair),
                         .share_inside = share_below(all, n, which, limit)};
    for (int k = 0; k < n; k++) {
        const parameter_metrics_t *p = &all->parameter[which[k]];
        a.worst_calibration_error = fmax(a.worst_calibration_error, p->calibration_error);
        a.worst_ecdf_deviation = fmax(a.worst_ecdf_deviation, p->ecdf_deviation);
    }
    return a;
}

metrics_t arrays_metrics(const metrics_t *all, const digest_t *digest, int n_groups,
                         const array_group_t *groups, double limit, array_metrics_t *of)
{
    metrics_t out = *all;
    int *which = MEM_NEW(int, all->d);
    out.d = n_groups;
    out.parameter = MEM_NEW(parameter_metrics_t, n_groups);
    for (int g = 0; g < n_groups; g++) {
        of[g] = (array_metrics_t){0};
        out.parameter[g] = all->parameter[groups[g].first];
        out.parameter[g].worst = (local_group_t){.by = -1, .p = 1}; // it names other values
        if (!groups[g].array)
            continue;
        int n = varying(digest, &groups[g], which);
        out.parameter[g] = medians(all, n, which);
        of[g] = array_metrics(all, groups[g].n, n, which, limit);
    }
    free(which);
    return out;
}

/* ---- some of the values ---- */

typedef struct {
    double error;
    int p;
} ranked_t;

static int by_error(const void *a, const void *b)
{
    const ranked_t *x = a, *y = b;
    if (x->error != y->error)
        return x->error < y->error ? -1 : 1;
    return x->p - y->p;
}

static int by_place(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Evenly from the best calibrated of n values to the worst, in place. */
static int spread_out(const metrics_t *all, int n, int *which)
{
    ranked_t *ranked = MEM_NEW(ranked_t, n + 1);
    int kept = n < ARRAYS_SHOWN ? n : ARRAYS_SHOWN;
    for (int k = 0; k < n; k++)
        ranked[k] = (ranked_t){all->parameter[which[k]].calibration_error, which[k]};
    qsort(ranked, (size_t)n, sizeof *ranked, by_error);
    for (int k = 0; k < kept; k++)
        which[k] = ranked[kept > 1 ? (int64_t)k * (n - 1) / (kept - 1) : 0].p;
    qsort(which, (size_t)kept, sizeof *which, by_place);
    free(ranked);
    return kept;
}

int arrays_shown(const metrics_t *all, const digest_t *digest, int n_groups,
                 const array_group_t *groups, int *which)
{
    int shown = 0;
    for (int g = 0; g < n_groups; g++) {
        if (groups[g].array)
            shown += spread_out(all, varying(digest, &groups[g], which + shown), which + shown);
        else
            which[shown++] = groups[g].first;
    }
    if (shown == 0)
        which[shown++] = 0;
    return shown;
}

digest_t arrays_digest(const digest_t *digest, int n, const int *which)
{
    digest_t out = digest_create(digest->n, digest->s, n);
    for (int64_t i = 0; i < digest->n; i++) {
        out.joint[i] = digest->joint[i];
        for (int k = 0; k < n; k++)
            out.value[i * n + k] = digest->value[i * digest->d + which[k]];
    }
    for (int k = 0; k < n; k++)
        out.correlation[k] = digest->correlation[which[k]];
    return out;
}

metrics_t arrays_pick(const metrics_t *all, int n, const int *which)
{
    metrics_t out = *all;
    out.d = n;
    out.parameter = MEM_NEW(parameter_metrics_t, n);
    for (int k = 0; k < n; k++)
        out.parameter[k] = all->parameter[which[k]];
    return out;
}
