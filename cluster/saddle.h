/* SPDX-License-Identifier: Apache-2.0
 *
 * The two terms of the saddle-point form in which log densities lose no digits however large their shapes or counts are
 * (Loader 2000, "Fast and accurate computation of binomial probabilities").
 */
#ifndef CLUSTER_SADDLE_H
#define CLUSTER_SADDLE_H

/* log Gamma(x + 1) - ((x + 1/2) log x - x + log(2 pi) / 2), the error of Stirling's formula; x > 0 */
double saddle_stirling_error(double x);
/* x log(x / m) + m - x, without cancellation near x = m; x, m > 0 */
double saddle_deviance(double x, double m);

#endif
