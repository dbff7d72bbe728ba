/* SPDX-License-Identifier: Apache-2.0
 *
 * Where values of a kind end, known from n of them: not at the largest one, which the next exceeds once in n + 1 times, but
 * as far out that it happens with any smaller chance.
 */
#ifndef DIAGNOSTICS_TAIL_H
#define DIAGNOSTICS_TAIL_H

#include <stdint.h>

/* What one more value exceeds with at most this chance, of n sorted values and one more, all exchangeable. Holds for tails
 * that are no heavier than a power law: y = log(x - median), above its m-th largest value y_m (the upper tenth of the n), has
 * a hazard rate that does not fall. With D = y_1 - y_m, from the largest to the m-th largest, the limit is y_1 + c D, and
 *
 *     P(y > y_1 + c D) <= m / (n + 1) * Gamma(m) Gamma(2 + c) / Gamma(m + 1 + c),
 *
 * with equality for a power law, whose y is exponential there (D is then the largest of m - 1 exponentials); c 0 gives
 * 1 / (n + 1). Never below the largest value. INFINITY where the tail tells nothing: n < 20, or the upper tenth is of one
 * value, or of the median. */
double tail_limit(int64_t n, const double *sorted, double chance);

#endif
