// SPDX-License-Identifier: Apache-2.0
#include "workers/c2st.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "diagnostics/auc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Scores of the rows of one kind in one fold; returns how many. */
static int64_t scores_of(const classifier_rows_t *rows, const double *score, int label, int fold,
                         double *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->label[i] == label && rows->fold[i] == fold)
            out[n++] = score[i];
    return n;
}

/* Means over folds, each weighing as many pairs of rows as it has. */
static void judge_order(const classifier_rows_t *rows, int folds, const double *score, c2st_t *out)
{
    double *x = MEM_NEW(double, rows->n), *y = MEM_NEW(double, rows->n), pairs = 0, variance = 0;
    for (int fold = 0; fold < folds; fold++) {
        int64_t n = scores_of(rows, score, 0, fold, x), m = scores_of(rows, score, 1, fold, y);
        auc_t auc = auc_of(m, y, n, x);
        double weight = (double)n * (double)m;
        out->auc += weight * auc.value;
        variance += pow(weight * auc.error, 2);
        pairs += weight;
    }
    out->auc /= pairs;
    out->auc_error = sqrt(variance) / pairs;
    free(x);
    free(y);
}

static void judge_accuracy(const classifier_rows_t *rows, const double *score, c2st_t *out)
{
    double right[2] = {0, 0}, n[2] = {0, 0}, variance = 0;
    for (int64_t i = 0; i < rows->n; i++) {
        int label = rows->label[i];
        double way = label ? score[i] : -score[i];
        right[label] += way > 0 ? 1 : way < 0 ? 0 : 0.5;
        n[label]++;
    }
    for (int k = 0; k < 2; k++) {
        double share = right[k] / n[k];
        out->accuracy += share / 2;
        variance += share * (1 - share) / (4 * n[k]);
    }
    out->accuracy_error = sqrt(variance);
}

c2st_t c2st(const classifier_config_t *config, int64_t n, const double *x, int64_t m,
            const double *y, int d)
{
    CHECK(n >= 2 * config->folds && m >= 2 * config->folds, "C2ST of %ld and %ld rows in %d folds",
          (long)n, (long)m, config->folds);
    int64_t all = n + m;
    double *z = mem_alloc((size_t)(all * d), sizeof *z), *score = MEM_NEW(double, all);
    uint8_t *label = MEM_NEW(uint8_t, all);
    int32_t *fold = MEM_NEW(int32_t, all);
    memcpy(z, x, (size_t)(n * d) * sizeof *z);
    memcpy(z + n * d, y, (size_t)(m * d) * sizeof *z);
    memset(label + n, 1, (size_t)m);
    classifier_folds(config->seed, config->folds, all, label, fold);
    classifier_rows_t rows = {all, d, z, label, fold};
    classifier_cross(config, &rows, score);
    c2st_t out = {0};
    judge_accuracy(&rows, score, &out);
    judge_order(&rows, config->folds, score, &out);
    free(fold);
    free(label);
    free(score);
    free(z);
    return out;
}
