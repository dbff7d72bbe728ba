// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/exchange_symmetry.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double most_unlike = 0.25, least_gap = 0.3, one_side = 0.95;
static const double often_symmetric = 0.5, often_separated = 0.1;
static const double often_one_sided = 0.5, often_against = 0.25;

int exchange_pairs(int d)
{
    return d > EXCHANGE_MOST_PARAMETERS ? 0 : d * (d - 1) / 2;
}

int exchange_pair(int d, int p, int q)
{
    CHECK(0 <= p && p < q && q < d, "pair %d, %d of %d parameters", p, q, d);
    return p * (2 * d - p - 1) / 2 + q - p - 1;
}

/* ---- one data set ---- */

// max |F_x - F_y| of sorted draws.
static double unlikeness(int64_t s, const double *x, const double *y)
{
    double most = 0;
    for (int64_t i = 0, j = 0; i < s && j < s;) {
        double at = fmin(x[i], y[j]);
        while (i < s && x[i] <= at)
            i++;
        while (j < s && y[j] <= at)
            j++;
        most = fmax(most, fabs((double)(i - j)) / (double)s);
    }
    return most;
}

// `size` becomes the sorted |x - y|. Returns the share of draws with x > y.
static double differences(int64_t s, int d, const double *draws, int p, int q, double *size)
{
    int64_t above = 0;
    for (int64_t i = 0; i < s; i++) {
        double difference = draws[i * d + p] - draws[i * d + q];
        above += difference > 0;
        size[i] = fabs(difference);
    }
    return (double)above / (double)s;
}

static bool is_separated(int64_t s, double *size)
{
    stats_sort(s, size);
    return stats_quantile(s, size, 0.1) > least_gap * stats_quantile(s, size, 0.5);
}

static void sort_columns(int64_t s, int d, const double *draws, double *sorted)
{
    for (int p = 0; p < d; p++) {
        for (int64_t i = 0; i < s; i++)
            sorted[p * s + i] = draws[i * d + p];
        stats_sort(s, sorted + p * s);
    }
}

void exchange_add(int64_t s, int d, const double *draws, const double *truth,
                  exchange_count_t *count)
{
    if (exchange_pairs(d) == 0)
        return;
    double *sorted = MEM_NEW(double, s *d), *size = MEM_NEW(double, s);
    sort_columns(s, d, draws, sorted);
    for (int p = 0; p < d; p++)
        for (int q = p + 1; q < d; q++) {
            exchange_count_t *c = &count[exchange_pair(d, p, q)];
            double above = differences(s, d, draws, p, q, size);
            bool symmetric = unlikeness(s, sorted + p * s, sorted + q * s) <= most_unlike;
            bool one_sided = fmax(above, 1 - above) >= one_side;
            c->sets++;
            c->symmetric += symmetric;
            c->separated += symmetric && is_separated(s, size);
            c->one_sided += one_sided;
            c->against += one_sided && (above > 0.5) != (truth[p] > truth[q]);
        }
    free(size);
    free(sorted);
}

void exchange_merge(int d, const exchange_count_t *from, exchange_count_t *to)
{
    for (int k = 0; k < exchange_pairs(d); k++) {
        to[k].sets += from[k].sets;
        to[k].symmetric += from[k].symmetric;
        to[k].separated += from[k].separated;
        to[k].one_sided += from[k].one_sided;
        to[k].against += from[k].against;
    }
}

/* ---- the verdict ---- */

static bool share_reaches(int64_t part, int64_t whole, double least)
{
    return whole > 0 && (double)part >= least * (double)whole;
}

exchange_verdict_t exchange_judge(const exchange_count_t *c)
{
    if (share_reaches(c->symmetric, c->sets, often_symmetric) &&
        share_reaches(c->separated, c->sets, often_separated))
        return EXCHANGE_SWITCHES;
    if (share_reaches(c->one_sided, c->sets, often_one_sided) &&
        share_reaches(c->against, c->one_sided, often_against))
        return EXCHANGE_COLLAPSED;
    return EXCHANGE_NONE;
}

/* ---- words ---- */

typedef struct {
    int d, n;
    bool member[EXCHANGE_MOST_PARAMETERS];
} group_t;

static exchange_verdict_t verdict_on(int d, const exchange_count_t *count, int p, int q)
{
    return exchange_judge(&count[p < q ? exchange_pair(d, p, q) : exchange_pair(d, q, p)]);
}

// Everything that is reached from parameter `first` over pairs that switch.
static group_t group_of(int d, const exchange_count_t *count, int first)
{
    group_t group = {.d = d, .n = 1};
    group.member[first] = true;
    for (int before = 0; before < group.n;) {
        before = group.n;
        for (int p = 0; p < d; p++)
            for (int q = 0; q < d && group.member[p]; q++)
                if (p != q && !group.member[q] && verdict_on(d, count, p, q) == EXCHANGE_SWITCHES) {
                    group.member[q] = true;
                    group.n++;
                }
    }
    return group;
}

static void add_members(text_t *text, const group_t *group, const char *const *names,
                        const char *last)
{
    int left = group->n;
    for (int p = 0; p < group->d; p++)
        if (group->member[p]) {
            text_add(text, "%s%s", names[p], left > 2 ? ", " : left == 2 ? last : "");
            left--;
        }
}

static double percent(int64_t part, int64_t whole)
{
    return 100.0 * (double)part / (double)whole;
}

// Of the pair of the group that is separated most often, in percent.
static double separated_in(const group_t *group, const exchange_count_t *count)
{
    double most = 0;
    for (int p = 0; p < group->d; p++)
        for (int q = p + 1; q < group->d; q++)
            if (group->member[p] && group->member[q]) {
                const exchange_count_t *c = &count[exchange_pair(group->d, p, q)];
                most = fmax(most, percent(c->separated, c->sets));
            }
    return most;
}

static void say_switches(text_t *text, const group_t *group, const exchange_count_t *count,
                         const char *const *names)
{
    add_members(text, group, names, " and ");
    text_add(
        text,
        " switch labels: the posterior stays the same when they are exchanged, and in %.0f %% of "
        "the data sets its modes lie apart, each of them once for each order. The mean and the "
        "interval of one of them then say nothing about a component. To tell them apart, let the "
        "prior draw them in ascending order and add adapter: [{ordered: [",
        separated_in(group, count));
    add_members(text, group, names, ", ");
    text_add(text, "]}] to the study. ");
}

static void say_collapsed(text_t *text, const exchange_count_t *c, const char *p, const char *q)
{
    text_add(text,
             "%s and %s: in %.0f %% of the data sets all but a few draws have the one above the "
             "other, and in %.0f %% of these the truth has them the other way round: the posterior "
             "keeps one of two modes that differ by exchanging %s and %s. Use an inference network "
             "that shows several modes (inference: {type: flow_matching}), or train and judge it "
             "under a prior that draws them in ascending order. ",
             p, q, percent(c->one_sided, c->sets), percent(c->against, c->one_sided), p, q);
}

char *exchange_words(int d, const exchange_count_t *count, const char *const *names)
{
    text_t text = text_create();
    bool said[EXCHANGE_MOST_PARAMETERS] = {false};
    for (int p = 0; p < d && exchange_pairs(d) > 0; p++) {
        group_t group = group_of(d, count, p);
        if (group.n > 1 && !said[p])
            say_switches(&text, &group, count, names);
        for (int q = 0; q < d; q++)
            said[q] |= group.member[q];
    }
    for (int p = 0; p < d && exchange_pairs(d) > 0; p++)
        for (int q = p + 1; q < d; q++)
            if (verdict_on(d, count, p, q) == EXCHANGE_COLLAPSED)
                say_collapsed(&text, &count[exchange_pair(d, p, q)], names[p], names[q]);
    if (text.length > 0) {
        text.data[text.length - 1] = '\0'; // the last blank
        return text.data;
    }
    text_free(&text);
    return NULL;
}
