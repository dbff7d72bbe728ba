/* SPDX-License-Identifier: Apache-2.0
 *
 * A conditional normalizing flow: an invertible map theta <-> z of d numbers given a condition, under which z is standard
 * normal, so  ln q(theta | c) = ln N(z; 0, I) + ln |det dz / dtheta|.
 *
 *     [whiten]        a Gaussian given the condition: z = L(c)^-1 (theta - m(c))            ours only
 *     `depth` times   z = s o z + b;  a fixed permutation;  halves z_1 (floor(d / 2) numbers) and z_2:
 *                     z_2 = f(z_2; A(z_1, c)),  z_1 = f(z_1; B(z_2, c))                     (d = 1: the first alone)
 *
 * f is affine or a rational-quadratic spline (Dinh et al. 2017; Durkan et al. 2019); A and B are MLPs whose last layer
 * begins at zero, so each f begins as the identity. The first layer of A and B is split: the part of c is computed once a
 * data set, that of z once a draw. Whitening first means that the couplings see a posterior of unit size wherever the data
 * are informative, and need to learn only how it differs from a Gaussian.
 */
#ifndef NN_COUPLING_FLOW_H
#define NN_COUPLING_FLOW_H

#include "nn/op_flow.h"
#include "nn/params.h"

#include <stdbool.h>

typedef enum { TRANSFORM_AFFINE, TRANSFORM_SPLINE } flow_transform_t;

typedef struct {
    int64_t parameters, conditions; // d, columns of c
    flow_transform_t transform;
    int depth, width, n_hidden; // n_hidden >= 1: hidden layers of each MLP
    int bins;                   // of the splines
    double half_width;          // of the splines' box at the start; golden: 3
    bool whiten;
    bool golden; // the peer's MLPs (hard silu, no residuals) and spline
    double dropout;
} coupling_flow_config_t;

typedef struct coupling_flow coupling_flow_t;

/* Adds its weights to `params`, their names below `name`. */
coupling_flow_t *coupling_flow_make(params_t *params, const char *name,
                                    const coupling_flow_config_t *config);
void coupling_flow_destroy(coupling_flow_t **f);
/* Fills the permutations (fixed weights, so that they travel with the others) after params_seal. */
void coupling_flow_permute(const coupling_flow_t *f, params_t *params, uint64_t seed);

/* theta (ROWS_DRAWS, d), condition (ROWS_SETS, c) -> (ROWS_DRAWS, d + 1): z, and ln |det dz / dtheta|. */
tensor_t *coupling_flow_forward(const coupling_flow_t *f, graph_t *g, tensor_t *theta,
                                tensor_t *condition);
/* z (ROWS_DRAWS, d) -> (ROWS_DRAWS, d + 1): theta, and ln |det dtheta / dz|. */
tensor_t *coupling_flow_inverse(const coupling_flow_t *f, graph_t *g, tensor_t *z,
                                tensor_t *condition);

#endif
