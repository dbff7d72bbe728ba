// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/local.h"

#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { FEW_GROUPS = 3, MANY_GROUPS = 5, MANY = 1000 };

typedef struct {
    const digest_t *digest;
    int groups, n_design;
    const double *design;
    double *by, *sorted; // (N)
    int64_t comparisons; // over all parameters
    local_group_t *out;  // (D)
    double *farthest;    // (D): |value - expected| / error of out
} local_work_t;

static double rank_of(const marginal_t *m, int64_t i)
{
    const digest_value_t *v = marginal_at(m, i);
    return (0.5 * (v->below + v->not_above) + 0.5) / (double)(m->s + 1);
}

/* Draws that happen to lie high give a high mean and a low rank: a group of high means then has low ranks, which counts
 * where means differ by little more than their simulation error. */
static bool means_tell(const marginal_t *m)
{
    const double tolerated = 0.05; // posterior standard deviations
    double *mean = MEM_NEW(double, m->n), variance = 0;
    for (int64_t i = 0; i < m->n; i++) {
        mean[i] = marginal_at(m, i)->mean;
        variance += marginal_at(m, i)->sd * marginal_at(m, i)->sd / (double)m->n;
    }
    double ratio = stats_variance(m->n, mean, 1) / variance;
    free(mean);
    return 1 / (double)m->s < tolerated * sqrt(ratio);
}

static bool fill_by(local_work_t *w, int by)
{
    const digest_t *g = w->digest;
    if (by < w->n_design) {
        for (int64_t i = 0; i < g->n; i++)
            w->by[i] = w->design[i * w->n_design + by];
        return true;
    }
    marginal_t m = digest_marginal(g, by - w->n_design);
    for (int64_t i = 0; i < g->n; i++)
        w->by[i] = marginal_at(&m, i)->mean;
    return means_tell(&m);
}

/* The sums over one group of what is compared. */
typedef struct {
    int64_t n, inside[DIGEST_LEVELS];
    double from, to, rank, spread;
} sums_t;

static sums_t sums_of(const local_work_t *w, const marginal_t *m, double from, double below)
{
    sums_t s = {.from = INFINITY, .to = -INFINITY};
    for (int64_t i = 0; i < m->n; i++) {
        double rank = rank_of(m, i), at = w->by[i];
        if (at < from || at >= below)
            continue;
        s.n++;
        s.rank += rank;
        s.spread += fabs(rank - 0.5);
        s.from = fmin(s.from, at);
        s.to = fmax(s.to, at);
        for (int k = 0; k < DIGEST_LEVELS; k++)
            s.inside[k] += marginal_at(m, i)->inside >> k & 1;
    }
    return s;
}

static double calibration_of(const sums_t *s)
{
    double error[DIGEST_LEVELS];
    for (int k = 0; k < DIGEST_LEVELS; k++)
        error[k] = fabs((double)s->inside[k] / (double)s->n - digest_level(k));
    return stats_median(DIGEST_LEVELS, error);
}

static void compare(local_work_t *w, int parameter, int by, const sums_t *s, local_kind_t kind)
{
    double n = (double)s->n;
    local_group_t group = {.parameter = parameter,
                           .by = by,
                           .n = s->n,
                           .from = s->from,
                           .to = s->to,
                           .kind = kind,
                           .calibration_error = calibration_of(s)};
    group.value = (kind == LOCAL_LOCATION ? s->rank : s->spread) / n;
    group.expected = kind == LOCAL_LOCATION ? 0.5 : 0.25;
    group.error = sqrt((kind == LOCAL_LOCATION ? 1.0 / 12 : 1.0 / 48) / n);
    double distance = fabs(group.value - group.expected) / group.error;
    w->comparisons++;
    if (distance > w->farthest[parameter]) {
        w->farthest[parameter] = distance;
        w->out[parameter] = group;
    }
}

/* Groups [bound_j, bound_j+1) of the values in w->by; equal values stay together. */
static void look_at_groups(local_work_t *w, int parameter, int by)
{
    marginal_t m = digest_marginal(w->digest, parameter);
    double from = -INFINITY;
    for (int j = 1; j <= w->groups; j++) {
        double below = j == w->groups ? INFINITY : w->sorted[j * m.n / w->groups];
        sums_t s = sums_of(w, &m, from, below);
        from = below;
        if (s.n < LOCAL_FEWEST)
            continue;
        compare(w, parameter, by, &s, LOCAL_LOCATION);
        compare(w, parameter, by, &s, LOCAL_SPREAD);
    }
}

static void look_by(local_work_t *w, int by)
{
    const digest_t *g = w->digest;
    if (!fill_by(w, by))
        return;
    for (int64_t i = 0; i < g->n; i++)
        w->sorted[i] = w->by[i];
    stats_sort(g->n, w->sorted);
    for (int k = 0; k < g->d; k++)
        if (by < w->n_design || g->d <= LOCAL_MOST_CROSSED || by == w->n_design + k)
            look_at_groups(w, k, by);
}

void local_compute(const digest_t *g, int n_design, const double *design, local_group_t *out)
{
    local_work_t w = {.digest = g, .n_design = n_design, .design = design, .out = out};
    w.groups = g->n < MANY ? FEW_GROUPS : MANY_GROUPS;
    w.by = MEM_NEW(double, g->n);
    w.sorted = MEM_NEW(double, g->n);
    w.farthest = MEM_NEW(double, g->d);
    for (int k = 0; k < g->d; k++)
        out[k] = (local_group_t){.parameter = k, .by = -1, .p = 1};
    for (int by = 0; by < n_design + g->d; by++)
        look_by(&w, by);
    for (int k = 0; k < g->d && w.comparisons > 0; k++)
        out[k].p = fmin(1, (double)w.comparisons * erfc(w.farthest[k] / sqrt(2)));
    free(w.by);
    free(w.sorted);
    free(w.farthest);
}

static bool worth_a_word(const local_group_t *group)
{
    double least = group->kind == LOCAL_LOCATION ? LOCAL_LEAST_LOCATION : LOCAL_LEAST_SPREAD;
    return group->n > 0 && group->p < LOCAL_LEVEL && fabs(group->value - group->expected) >= least;
}

char *local_words(const local_group_t *group, int n_design, const char *const *design_names,
                  const char *const *names)
{
    if (!worth_a_word(group))
        return mem_copy_text("");
    bool more = group->value > group->expected, location = group->kind == LOCAL_LOCATION;
    const char *ranks = location ? (more ? "too high" : "too low")
                                 : (more ? "too often at the ends" : "too often in the middle");
    const char *so = location ? (more ? "lies too low" : "lies too high")
                              : (more ? "is too narrow" : "is too wide");
    char *where = group->by < n_design
                      ? mem_copy_text(design_names[group->by])
                      : mem_format("the posterior mean of %s", names[group->by - n_design]);
    char *words = mem_format(
        "ranks %s where %s is %.4g to %.4g (%s %.3f, expected %.2f ± %.3f): the "
        "posterior %s there",
        ranks, where, group->from, group->to, location ? "mean rank" : "mean distance from 1/2",
        group->value, group->expected, group->error, so);
    free(where);
    return words;
}
