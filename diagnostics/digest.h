/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of posterior draws: what the numbers and pictures of a diagnosis need of the S draws of a data set, in 72 bytes
 * a parameter. Draws of a data set are digested as they are made and forgotten, by whoever made them, so that the memory of
 * a diagnosis does not grow with the number of draws:
 *
 *     digester_create(N, S, D, truths)             on every rank
 *     digester_add(i, draws (S, D))                each data set once, on any rank: its values and joint numbers, and terms
 *                                                  of sums over data sets
 *     digester_finish(sums)                        where values, joint numbers and the total of the sums are together
 *
 * The values of a data set depend on its draws and on all truths only. Sums are the same bit for bit wherever they are
 * added in the same order.
 */
#ifndef DIAGNOSTICS_DIGEST_H
#define DIAGNOSTICS_DIGEST_H

#include "cluster/err.h"

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_LEVELS = 20 }; // central intervals of digest_level(), by their bit in `inside`
enum { DIGEST_BIT_50 = DIGEST_LEVELS, DIGEST_BIT_95 }; // and two more, of 50 % and 95 %
double digest_level(int bit); // bits 0 .. DIGEST_LEVELS - 1: linear in [0.005, 0.995]

/* The draws of one parameter of one data set, and its truth. Quantiles are NumPy's, linear between order statistics. */
typedef struct {
    double truth;
    double mean, sd;          // of the draws; sd with ddof 1
    double rmse;              // sqrt(mean (draw - truth)^2)
    double median, low, high; // quantiles 0.5, 0.025 and 0.975
    int32_t below, not_above; // draws below the truth (its rank, 0 .. S), and below or equal
    uint32_t
        inside; // bit k: the truth lies in the central interval of digest_level(k), both ends included
    uint32_t unused; // 0
} digest_value_t;

/* All parameters of one data set together. */
typedef struct {
    int32_t nearer; // draws nearer to a reference point than the truth is (tarp.h)
    int32_t unused; // 0
} digest_joint_t;

typedef struct {
    int64_t n, s; // data sets, draws of each
    int d;
    digest_value_t *value; // (N, D)
    digest_joint_t *joint; // (N)
    /* (D): median over s of the Pearson correlation, over data sets, of draw s with the truth; NaN without spread. */
    double *correlation;
} digest_t;

/* Memory that is not touched yet: who fills only some data sets needs only theirs. */
digest_t digest_create(int64_t n, int64_t s, int d);
void digest_free(digest_t *g);
/* All at once, where all draws (N, S, D) are in memory. Errors as below. */
err_t digest_of_draws(int64_t n, int64_t s, int d, const double *draws, const double *truth,
                      digest_t *out) ERR_MUST_CHECK;

typedef struct digester digester_t;
/* Truths (N, D) are borrowed until it is destroyed. ERR_FAILED for N < 2, S < 2, D < 1, and for a truth that is not finite,
 * with its place. */
err_t digester_create(int64_t n, int64_t s, int d, const double *truth,
                      digester_t **out) ERR_MUST_CHECK;
void digester_destroy(digester_t **g);
size_t digester_sums(const digester_t *g); // numbers of the sums: 3 S D
/* Digests the draws (S, D) of data set i into out->value and out->joint of that data set, and adds its terms to `sums`.
 * ERR_FAILED for a draw that is not finite, with its place. */
err_t digester_add(digester_t *g, int64_t i, const double *draws, digest_t *out,
                   double *sums) ERR_MUST_CHECK;
/* What follows from the sums over all data sets. */
void digester_finish(const digester_t *g, const double *sums, digest_t *out);

/* One parameter of all data sets: the view that numbers and pictures take. Borrowed. */
typedef struct {
    int64_t n, s;
    const digest_value_t *value; // of data set i: value[i * stride]
    int64_t stride;
} marginal_t;
marginal_t digest_marginal(const digest_t *g, int parameter);
static inline const digest_value_t *marginal_at(const marginal_t *m, int64_t i)
{
    return &m->value[i * m->stride];
}
void marginal_truths(const marginal_t *m, double *out); // (N)

#endif
