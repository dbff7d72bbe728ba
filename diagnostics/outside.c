// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/outside.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/page.h"
#include "diagnostics/sample_stats.h"
#include "diagnostics/tail.h"

#include <math.h>
#include <stdlib.h>

/* The n values of one number; column (n) with this stride. */
typedef struct {
    int64_t n, stride;
    const double *column;
} values_t;

/* Zero is infinitely far below positive numbers by their logarithms, and yet may be the end of their scale. */
static bool beyond_zero(const outside_t *o, double x)
{
    return x < o->low - PRIOR_OUTSIDE_SLACK * (o->high - o->low);
}

static bool beyond(const outside_t *o, double x)
{
    if (!isfinite(x))
        return false;
    if (o->above)
        return x > o->limit;
    return x < o->limit && (x > 0 || o->low <= 0 || beyond_zero(o, x));
}

/* Fills in what is said of the data sets beyond the limit; `kept` (n) is room for their values. */
static void judge_tail(outside_t *o, const values_t *v, double *kept)
{
    o->n = v->n;
    for (int64_t i = 0; i < v->n; i++)
        if (beyond(o, v->column[i * v->stride]))
            kept[o->outside++] = v->column[i * v->stride];
    o->found = o->outside > 0 && (double)o->outside >= PRIOR_OUTSIDE_SHARE * (double)v->n;
    if (!o->found)
        return;
    stats_sort(o->outside, kept);
    o->least = kept[0];
    o->median = stats_quantile(o->outside, kept, 0.5);
    o->most = kept[o->outside - 1];
}

/* How far out, in ranges of the simulated ones. */
static double far_out(const outside_t *o)
{
    return fabs(o->median - o->limit) / (o->high - o->low);
}

static bool says_more(const outside_t *a, const outside_t *b)
{
    if (a->found != b->found || a->outside != b->outside)
        return a->found && (!b->found || a->outside > b->outside);
    return a->found && far_out(a) > far_out(b);
}

static outside_t tail_of(const prior_reach_t *r, int s, bool above)
{
    return (outside_t){.which = s,
                       .above = above,
                       .reference = r->middle[s],
                       .low = r->least[s],
                       .high = r->most[s],
                       .limit = above ? r->ceiling[s] : r->floor[s],
                       .simulations = r->n};
}

static outside_t tail_of_distance(const distance_t *d, int k)
{
    return (outside_t){.which = k,
                       .above = true,
                       .low = d->reference[0],
                       .high = d->reference[d->n - 1],
                       .limit = tail_limit(d->n, d->reference, prior_outside_chance(k)),
                       .simulations = d->n};
}

outside_t outside_judge(const prior_reach_t *reach, const distance_t *distance, int64_t n,
                        const double *statistics, const double *distances)
{
    double *kept = MEM_NEW(double, n + 1);
    outside_t most = {0};
    for (int t = 0; t < 2 * reach->k; t++) {
        outside_t o = tail_of(reach, t / 2, t % 2 == 1);
        judge_tail(&o, &(values_t){n, reach->k, statistics + t / 2}, kept);
        if (says_more(&o, &most))
            most = o;
    }
    outside_t o = tail_of_distance(distance, reach->k);
    judge_tail(&o, &(values_t){n, 1, distances}, kept);
    if (o.found && !most.found) // a statistic says more to a person
        most = o;
    free(kept);
    return most;
}

/* ---- words ---- */

static void add_range(text_t *out, double low, double high)
{
    text_add(out, "%s", page_number(low).text);
    if (high > low)
        text_add(out, " to %s", page_number(high).text);
}

static void add_what(const outside_t *o, const predictive_field_t *fields,
                     const predictive_item_t *items, int k, text_t *out)
{
    char *what = o->which < k ? predictive_item_words(fields, &items[o->which])
                              : mem_copy_text("the distance of the learned summaries");
    text_add(out, "%s lies outside of all that the prior produces, in %ld of %ld data sets: ", what,
             (long)o->outside, (long)o->n);
    free(what);
    add_range(out, o->least, o->most);
    text_add(out, ", in %ld simulations ", (long)o->simulations);
    add_range(out, o->low, o->high);
    text_add(out, ". The network never saw such data, its posteriors would be guesses.");
}

/* Where both are positive and far apart, the unit is the first suspect. */
static void add_unit(const outside_t *o, bool statistic, text_t *out)
{
    static const double far = 5;
    double ratio = statistic && o->low > 0 && o->least > 0 ? o->median / o->reference : NAN;
    if (ratio > far || ratio < 1 / far)
        text_add(out,
                 " It is about %s times that of the simulations: is the data's unit another "
                 "(milliseconds for seconds)? Then rescale the data.",
                 page_number(ratio).text);
    else
        text_add(out, " Look whether columns, unit and sign are those of the simulator.");
}

char *outside_words(const outside_t *o, int k, const predictive_field_t *fields,
                    const predictive_item_t *items)
{
    text_t out = text_create();
    add_what(o, fields, items, k, &out);
    add_unit(o, o->which < k, &out);
    text_add(&out, " Else widen or shift the prior (parameters:), or extend the model, then "
                   "simulate and train anew; or go on with --unverified REASON.");
    return out.data;
}
