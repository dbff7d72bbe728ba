// SPDX-License-Identifier: Apache-2.0
#include "workers/truth_test.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/canonical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRED = 6 }; // parameters with products z_p z_q

/* The rows that the classifier sees. */
typedef struct {
    int64_t n, each; // data sets; rows of each: the truth, then its draws
    int d;           // numbers of a row
    double *x;       // (n, each, d)
    uint8_t *label;  // 1: truth
    int32_t *fold;
} table_t;

static int row_width(int parameters)
{
    int pairs = parameters <= MOST_PAIRED ? parameters * (parameters - 1) / 2 : 0;
    return 4 * parameters + pairs;
}

/* Means over the truth and the draws of a data set, which know no difference between them: (N, P). */
static double *middles(const truth_test_data_t *data)
{
    int P = data->parameters;
    double *out = MEM_NEW(double, data->n *P);
    for (int64_t i = 0; i < data->n; i++)
        for (int p = 0; p < P; p++) {
            out[i * P + p] = data->truth[i * P + p];
            for (int k = 0; k < data->draws; k++)
                out[i * P + p] += data->draw[(i * data->draws + k) * P + p];
            out[i * P + p] /= 1 + data->draws;
        }
    return out;
}

static void standardise_columns(int64_t n, int d, double *x)
{
    for (int k = 0; k < d; k++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < n; i++)
            mean += x[i * d + k] / (double)n;
        for (int64_t i = 0; i < n; i++)
            square += pow(x[i * d + k] - mean, 2) / (double)n;
        for (int64_t i = 0; i < n; i++)
            x[i * d + k] = square > 0 ? (x[i * d + k] - mean) / sqrt(square) : 0;
    }
}

/* What a linear regression on the summaries makes of each parameter, through the canonical variates v_j, which are
 * uncorrelated with variance 1 and hold all of it: sum_j cov(theta_p, v_j) v_j. (N, P), standardised. */
static double *regressed(const truth_test_data_t *data)
{
    int P = data->parameters;
    double *theta = middles(data), *out = MEM_NEW(double, data->n *P);
    canonical_t c = canonical_fit(data->n, data->summaries, data->summary, P, theta);
    double *v = MEM_NEW(double, data->n *c.k), *slope = MEM_NEW(double, (int64_t)P *c.k);
    for (int64_t i = 0; i < data->n; i++) {
        canonical_apply(&c, data->summary + i * data->summaries, v + i * c.k);
        for (int p = 0; p < P; p++)
            for (int j = 0; j < c.k; j++)
                slope[p * c.k + j] += theta[i * P + p] * v[i * c.k + j] / (double)data->n;
    }
    for (int64_t i = 0; i < data->n; i++)
        for (int p = 0; p < P; p++)
            for (int j = 0; j < c.k; j++)
                out[i * P + p] += slope[p * c.k + j] * v[i * c.k + j];
    standardise_columns(data->n, P, out);
    canonical_free(&c);
    free(slope);
    free(v);
    free(theta);
    return out;
}

static void fill_row(const truth_test_data_t *data, int64_t i, const double *theta, const double *r,
                     double *out)
{
    int P = data->parameters, at = 4 * P;
    for (int p = 0; p < P; p++) {
        double sd = data->sd[i * P + p];
        double z = sd > 0 ? (theta[p] - data->mean[i * P + p]) / sd : 0;
        z = fmax(-20, fmin(z, 20));
        out[p] = z;
        out[P + p] = fmin(z * z, 20);
        out[2 * P + p] = r[p];
        out[3 * P + p] = z * r[p];
    }
    for (int p = 0; P <= MOST_PAIRED && p < P; p++)
        for (int q = 0; q < p; q++)
            out[at++] = out[p] * out[q];
}

/* All rows of a data set are in one fold. */
static void deal_folds(const classifier_config_t *config, table_t *t)
{
    uint8_t *same = MEM_NEW(uint8_t, t->n);
    int32_t *fold = MEM_NEW(int32_t, t->n);
    classifier_folds(config->seed, config->folds, t->n, same, fold);
    for (int64_t i = 0; i < t->n * t->each; i++)
        t->fold[i] = fold[i / t->each];
    free(fold);
    free(same);
}

static table_t table_create(const truth_test_data_t *data)
{
    table_t t = {.n = data->n, .each = 1 + data->draws, .d = row_width(data->parameters)};
    int64_t rows = t.n * t.each;
    int P = data->parameters;
    t.x = mem_alloc((size_t)(rows * t.d), sizeof(double));
    t.label = MEM_NEW(uint8_t, rows);
    t.fold = MEM_NEW(int32_t, rows);
    double *r = regressed(data);
    for (int64_t i = 0; i < t.n; i++) {
        double *row = t.x + i * t.each * t.d;
        t.label[i * t.each] = 1;
        fill_row(data, i, data->truth + i * P, r + i * P, row);
        for (int k = 0; k < data->draws; k++)
            fill_row(data, i, data->draw + (i * data->draws + k) * P, r + i * P,
                     row + (k + 1) * t.d);
    }
    free(r);
    return t;
}

static void table_free(table_t *t)
{
    free(t->x);
    free(t->label);
    free(t->fold);
}

/* Mean over data sets of the share of draws that are scored below the truth, ties half. */
static double told_of(const table_t *t, const double *scores)
{
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const double *score = scores + i * t->each;
        for (int64_t k = 1; k < t->each; k++)
            sum += score[0] > score[k] ? 1 : score[0] < score[k] ? 0 : 0.5;
    }
    return sum / (double)(t->n * (t->each - 1));
}

truth_test_t truth_test(const classifier_config_t *config, const truth_test_data_t *data)
{
    CHECK(data->n >= 2 * config->folds && data->draws > 0, "truth test of %ld data sets",
          (long)data->n);
    table_t t = table_create(data);
    double *score = MEM_NEW(double, t.n *t.each), K = (double)data->draws;
    deal_folds(config, &t);
    classifier_rows_t rows = {t.n * t.each, t.d, t.x, t.label, t.fold};
    classifier_cross(config, &rows, score);
    /* for a right posterior the share is one of 0, 1/K, ..., 1, all as likely: variance (K + 2) / (12 K) */
    truth_test_t out = {.told = told_of(&t, score),
                        .error = sqrt((K + 2) / (12 * K) / (double)t.n)};
    out.p_value = 0.5 * erfc((out.told - 0.5) / out.error / M_SQRT2);
    free(score);
    table_free(&t);
    return out;
}
