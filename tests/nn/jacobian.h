/* SPDX-License-Identifier: Apache-2.0
 *
 * ln |det| of the Jacobian of a map in double precision, by central differences.
 */
#ifndef TESTS_NN_JACOBIAN_H
#define TESTS_NN_JACOBIAN_H

enum { JACOBIAN_MOST = 32 };

typedef void (*jacobian_map_t)(void *user, const double *from, double *to);

/* Of a map from n numbers to n, at `from`; each is moved by `step`. */
double jacobian_log_det(int n, jacobian_map_t map, void *user, const double *from, double step);

#endif
