/* SPDX-License-Identifier: Apache-2.0
 *
 * Do two parameters only name what could as well be named the other way round? In a mixture of two components prior and
 * likelihood stay what they are when the components are exchanged, so the posterior has each mode twice (label switching:
 * Stephens 2000, "Dealing with label switching in mixture models"). Means and intervals of one such parameter then say nothing
 * about a component. An amortizer may show that rightly (both modes), or wrongly: it keeps one of the two.
 *
 * Of the draws x, y of two parameters of one data set:
 *
 *     symmetric    max |F_x - F_y| <= 0.25: the two marginals are alike (two modes that share 3 to 5 or more evenly)
 *     separated    symmetric, and q10(|x - y|) > 0.3 q50(|x - y|): next to no draws where the two are equal. The ratio is 0.19
 *                  for a normal difference, 0.2 for a uniform one; 0.36 for two normal modes four of their sds apart
 *     one-sided    at least 95 % of the draws have x - y on one side of 0
 *     against      one-sided, and the truth lies on the other side: at most 5 % of the data sets where the posterior is right
 *
 * These are counted over data sets; counts of several ranks add up in any order.
 */
#ifndef DIAGNOSTICS_EXCHANGE_SYMMETRY_H
#define DIAGNOSTICS_EXCHANGE_SYMMETRY_H

#include <stdint.h>

/* Above so many parameters nothing is counted: pixels of an image are not labels. */
enum { EXCHANGE_MOST_PARAMETERS = 64 };

typedef struct {
    int64_t sets, symmetric, separated, one_sided, against;
} exchange_count_t;

/* Pairs of d parameters (0 where d is above EXCHANGE_MOST_PARAMETERS); the place of pair (p, q), p < q < d. */
int exchange_pairs(int d);
int exchange_pair(int d, int p, int q);

/* Adds one data set, draws (S, D), truth (D), all finite, to count (exchange_pairs(d)). */
void exchange_add(int64_t s, int d, const double *draws, const double *truth,
                  exchange_count_t *count);
/* to += from, over exchange_pairs(d). */
void exchange_merge(int d, const exchange_count_t *from, exchange_count_t *to);

typedef enum {
    EXCHANGE_NONE,
    EXCHANGE_SWITCHES, // half of the data sets are symmetric, and a tenth separated
    EXCHANGE_COLLAPSED // half of the data sets are one-sided, a quarter of these against the truth
} exchange_verdict_t;

exchange_verdict_t exchange_judge(const exchange_count_t *count);

/* What is to be said, sentences for people, or NULL where no pair has a verdict. Parameters that switch with each other
 * are named together: mu1 with mu2 and mu2 with mu3 are "mu1, mu2 and mu3". names (D). The caller frees it. */
char *exchange_words(int d, const exchange_count_t *count, const char *const *names);

#endif
