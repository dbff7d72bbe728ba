// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/binomial.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_TESTS = 3 }; // statistics that a verdict names

/* Distances |t| of the m values that are there from their median; 0 for those that are NaN. */
static void distances(int64_t m, const double *x, double *out)
{
    double *sorted = MEM_NEW(double, m);
    int64_t there = 0;
    for (int64_t i = 0; i < m; i++)
        if (!isnan(x[i]))
            sorted[there++] = x[i];
    memset(out, 0, (size_t)m * sizeof *out);
    if (there > 1) {
        stats_sort(there, sorted);
        double middle = stats_quantile(there, sorted, 0.5);
        double sides[2] = {middle - stats_quantile(there, sorted, 0.16),
                           stats_quantile(there, sorted, 0.84) - middle};
        double spread = sqrt(stats_variance(there, sorted, 1)); // where a side has no width
        for (int64_t i = 0; i < m && spread > 0; i++) {
            double side = sides[x[i] > middle];
            out[i] = isnan(x[i]) ? 0 : fabs(x[i] - middle) / (side > 0 ? side : spread);
        }
    }
    free(sorted);
}

static void compare(predictive_test_t *t, int64_t r, const double *x)
{
    int64_t n = 0;
    double *sorted = MEM_NEW(double, r + 1);
    t->observed = x[0];
    for (int64_t i = 1; i <= r; i++) {
        if (isnan(x[i]))
            continue;
        sorted[n++] = x[i];
        t->below += x[i] < x[0];
        t->above += x[i] > x[0];
        t->equal += x[i] == x[0];
    }
    stats_sort(n, sorted);
    t->low = n > 0 ? sorted[0] : NAN;
    t->high = n > 0 ? sorted[n - 1] : NAN;
    t->median = n > 0 ? stats_quantile(n, sorted, 0.5) : NAN;
    t->share =
        n > 0 && !isnan(x[0]) ? ((double)t->above + 0.5 * (double)t->equal) / (double)n : NAN;
    t->p = 2 * fmin(t->share, 1 - t->share);
    if (isnan(t->share))
        t->p = NAN;
    free(sorted);
}

/* values (K, R + 1), the observed data set first. */
static void adjust(predictive_check_t *c, const double *values)
{
    int64_t m = c->replicates + 1;
    double *t = MEM_NEW(double, m * c->n_tests), *largest = MEM_NEW(double, m);
    for (int k = 0; k < c->n_tests; k++) {
        distances(m, values + k * m, t + k * m);
        for (int64_t i = 0; i < m; i++)
            largest[i] = fmax(largest[i], t[k * m + i]);
    }
    c->p_value = 1;
    for (int k = 0; k < c->n_tests; k++) {
        int64_t as_far = 1;
        for (int64_t i = 1; i < m; i++)
            as_far += largest[i] >= t[k * m];
        c->test[k].adjusted = isnan(c->test[k].share) ? NAN : (double)as_far / (double)m;
        c->p_value = fmin(c->p_value, c->test[k].adjusted);
    }
    free(largest);
    free(t);
}

/* "−44", "0.0312" */
static void number(double x, char out[32])
{
    char plain[24];
    snprintf(plain, sizeof plain, "%.3g", fabs(x));
    snprintf(out, 32, "%s%s", x < 0 ? "\u2212" : "", plain);
}

static void add_test(text_t *out, const predictive_field_t *fields, const predictive_check_t *c,
                     const predictive_test_t *t)
{
    char *what = predictive_item_words(fields, &t->item), observed[32], low[32], high[32];
    number(t->observed, observed);
    number(t->low, low);
    number(t->high, high);
    bool low_side = t->below < t->above;
    int64_t beyond = low_side ? t->above : t->below, all = t->below + t->above + t->equal;
    text_add(out, "%s%s, %s, is %s ", out->length > 0 ? "; " : "", what, observed,
             low_side ? "below" : "above");
    if (beyond == all)
        text_add(out, "all %ld replicates", (long)all);
    else
        text_add(out, "%ld of %ld replicates", (long)beyond, (long)all);
    text_add(out, " (%s to %s)", low, high);
    if (all < c->replicates)
        text_add(out, " that have one");
    free(what);
}

static int by_adjusted(const void *a, const void *b)
{
    const predictive_test_t *x = *(const predictive_test_t *const *)a,
                            *y = *(const predictive_test_t *const *)b;
    if (x->adjusted != y->adjusted)
        return x->adjusted < y->adjusted ? -1 : 1;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x < y ? -1 : 1;
}

static char *not_reproduced(const predictive_field_t *fields, const predictive_check_t *c)
{
    const predictive_test_t **order = MEM_NEW(const predictive_test_t *, c->n_tests);
    text_t out = text_create();
    int n = 0;
    for (int k = 0; k < c->n_tests; k++)
        if (c->test[k].adjusted <= PREDICTIVE_LEVEL)
            order[n++] = &c->test[k];
    qsort(order, (size_t)n, sizeof *order, by_adjusted);
    for (int k = 0; k < n && k < WORDS_TESTS; k++)
        add_test(&out, fields, c, order[k]);
    if (n > WORDS_TESTS)
        text_add(&out, "; and %d more", n - WORDS_TESTS);
    text_add(&out, ": the model does not produce such values");
    free(order);
    return out.data;
}

static char *verdict_words(const predictive_field_t *fields, const predictive_check_t *c)
{
    if (isnan(c->p_value))
        return mem_format("not judged: of %ld simulations from its posterior %ld failed",
                          (long)(c->replicates + c->failed), (long)c->failed);
    if (!c->reproduced)
        return not_reproduced(fields, c);
    return mem_format("reproduced: %d statistics are like those of %ld replicates", c->n_tests,
                      (long)c->replicates);
}

predictive_check_t predictive_check(int n_observables, const predictive_field_t *fields,
                                    const predictive_set_t *observed, int64_t r,
                                    const predictive_set_t *replicates, int64_t failed)
{
    predictive_check_t c = {.replicates = r, .failed = failed, .p_value = NAN};
    c.n_tests = predictive_items(n_observables, fields, NULL);
    predictive_item_t *items = MEM_NEW(predictive_item_t, c.n_tests);
    double *values = MEM_NEW(double, c.n_tests *(r + 1));
    predictive_items(n_observables, fields, items);
    c.test = MEM_NEW(predictive_test_t, c.n_tests);
    for (int k = 0; k < c.n_tests; k++) {
        int o = items[k].observable;
        for (int64_t i = 0; i <= r; i++) {
            const predictive_set_t *set = i == 0 ? observed : &replicates[i - 1];
            values[k * (r + 1) + i] =
                predictive_value(&fields[o], &items[k], set->n[o], set->values[o]);
        }
        c.test[k].item = items[k];
        c.test[k].adjusted = NAN;
        compare(&c.test[k], r, values + k * (r + 1));
    }
    if (r >= PREDICTIVE_FEWEST)
        adjust(&c, values);
    c.reproduced = c.p_value > PREDICTIVE_LEVEL;
    c.words = verdict_words(fields, &c);
    free(values);
    free(items);
    return c;
}

void predictive_check_free(predictive_check_t *check)
{
    free(check->test);
    free(check->words);
    *check = (predictive_check_t){0};
}

double predictive_chance(int64_t n, int64_t not_reproduced)
{
    return 1 - binomial_cdf(n, PREDICTIVE_LEVEL, not_reproduced - 1);
}
