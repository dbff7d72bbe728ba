// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive_statistic.h"

#include "cluster/mem.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[PREDICTIVE_STATISTICS] = {[PREDICTIVE_VALUE] = "value",
                                                         [PREDICTIVE_MEAN] = "mean",
                                                         [PREDICTIVE_SD] = "sd",
                                                         [PREDICTIVE_MINIMUM] = "minimum",
                                                         [PREDICTIVE_Q10] = "10 % quantile",
                                                         [PREDICTIVE_MEDIAN] = "median",
                                                         [PREDICTIVE_Q90] = "90 % quantile",
                                                         [PREDICTIVE_MAXIMUM] = "maximum",
                                                         [PREDICTIVE_LAG1] =
                                                             "autocorrelation at lag 1",
                                                         [PREDICTIVE_STEP] = "largest step"};

const char *predictive_statistic_name(predictive_statistic_t s)
{
    return names[s];
}

/* The last statistic of each kind over its elements, from PREDICTIVE_MEAN on. */
static const predictive_statistic_t last_of[] = {[PREDICTIVE_VECTOR] = PREDICTIVE_MAXIMUM,
                                                 [PREDICTIVE_SET] = PREDICTIVE_MAXIMUM,
                                                 [PREDICTIVE_SERIES] = PREDICTIVE_STEP,
                                                 [PREDICTIVE_IMAGE] = PREDICTIVE_SD};

static int64_t parts_of(const predictive_field_t *f)
{
    return f->features <= PREDICTIVE_PARTS ? f->features : 1;
}

static void add(predictive_item_t *out, int *n, predictive_item_t item)
{
    if (out != NULL)
        out[*n] = item;
    ++*n;
}

static void add_field(int o, const predictive_field_t *f, predictive_item_t *out, int *n)
{
    int64_t size = f->elements * f->features;
    if (f->kind == PREDICTIVE_VECTOR && size <= PREDICTIVE_PARTS)
        for (int64_t k = 0; k < size; k++)
            add(out, n, (predictive_item_t){o, PREDICTIVE_VALUE, k});
    if (f->kind == PREDICTIVE_VECTOR && f->elements == 1)
        return;
    for (int64_t k = 0; k < parts_of(f); k++)
        for (int s = PREDICTIVE_MEAN; s <= (int)last_of[f->kind]; s++)
            add(out, n, (predictive_item_t){o, (predictive_statistic_t)s, k});
}

int predictive_items(int n_observables, const predictive_field_t *fields, predictive_item_t *out)
{
    int n = 0;
    for (int o = 0; o < n_observables; o++)
        add_field(o, &fields[o], out, &n);
    return n;
}

/* Neighbours where both are there: how they go together, and how far apart they are. */
static double lag_one(int64_t n, const double *x, double mean)
{
    double along = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        square += isnan(x[i]) ? 0 : (x[i] - mean) * (x[i] - mean);
        if (i + 1 < n && !isnan(x[i]) && !isnan(x[i + 1]))
            along += (x[i] - mean) * (x[i + 1] - mean);
    }
    return square > 0 ? along / square : NAN;
}

static double largest_step(int64_t n, const double *x)
{
    double most = NAN;
    for (int64_t i = 0; i + 1 < n; i++)
        most = fmax(most, fabs(x[i + 1] - x[i])); // fmax leaves NaN out
    return most;
}

/* Which quantile those are that are one. */
static const double level_of[PREDICTIVE_STATISTICS] = {[PREDICTIVE_MINIMUM] = 0,
                                                       [PREDICTIVE_Q10] = 0.1,
                                                       [PREDICTIVE_MEDIAN] = 0.5,
                                                       [PREDICTIVE_Q90] = 0.9,
                                                       [PREDICTIVE_MAXIMUM] = 1};

static double of_values(predictive_statistic_t s, int64_t n, double *x)
{
    if (n == 0)
        return NAN;
    if (s == PREDICTIVE_MEAN)
        return stats_mean(n, x);
    if (s == PREDICTIVE_SD)
        return sqrt(stats_variance(n, x, 1));
    stats_sort(n, x);
    return stats_quantile(n, x, level_of[s]);
}

static int64_t without_nan(int64_t n, const double *x, double *out)
{
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            out[m++] = x[i];
    return m;
}

static double of_elements(predictive_statistic_t s, int64_t n, const double *x)
{
    double *there = MEM_NEW(double, n + 1), value;
    int64_t m = without_nan(n, x, there);
    if (s == PREDICTIVE_LAG1)
        value = lag_one(n, x, m > 0 ? stats_mean(m, there) : NAN);
    else if (s == PREDICTIVE_STEP)
        value = largest_step(n, x);
    else
        value = of_values(s, m, there);
    free(there);
    return value;
}

double predictive_value(const predictive_field_t *field, const predictive_item_t *item, int64_t n,
                        const float *values)
{
    int64_t parts = parts_of(field), m = n * field->features / parts;
    if (item->statistic == PREDICTIVE_VALUE)
        return item->part < n * field->features ? (double)values[item->part] : NAN;
    double *x = MEM_NEW(double, m + 1);
    for (int64_t i = 0; i < m; i++)
        x[i] = (double)values[i * parts + item->part];
    double value = of_elements(item->statistic, m, x);
    free(x);
    return value;
}

char *predictive_item_words(const predictive_field_t *fields, const predictive_item_t *item)
{
    const predictive_field_t *f = &fields[item->observable];
    long part = (long)item->part + 1;
    if (item->statistic == PREDICTIVE_VALUE)
        return f->elements * f->features == 1 ? mem_copy_text(f->name)
                                              : mem_format("value %ld of %s", part, f->name);
    if (parts_of(f) == 1)
        return mem_format("the %s of %s", names[item->statistic], f->name);
    return mem_format("the %s of feature %ld of %s", names[item->statistic], part, f->name);
}
