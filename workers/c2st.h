/* SPDX-License-Identifier: Apache-2.0
 *
 * The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv:1610.06545): how well a classifier tells the rows of two
 * samples apart that it was not trained on. 0.5: not at all; 1: always.
 */
#ifndef WORKERS_C2ST_H
#define WORKERS_C2ST_H

#include "workers/classifier.h"

/* Standard errors are those of the rows: what is left out is that the networks of the folds vary. */
typedef struct {
    double accuracy, accuracy_error; // share of rows told right, both samples weighing the same
    double auc, auc_error; // chance that the score of a y exceeds that of an x of its fold
} c2st_t;

/* x (n, d) and y (m, d), row-major and finite, each with 2 rows a fold at least. 10,000 and 10,000 rows of 10 numbers take
 * about 2 s. */
c2st_t c2st(const classifier_config_t *config, int64_t n, const double *x, int64_t m,
            const double *y, int d);

#endif
