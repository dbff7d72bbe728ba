/* SPDX-License-Identifier: Apache-2.0
 *
 * Priors that stand in the study instead of the simulator:
 *
 *     parameters:
 *       beta: lognormal(-0.9, 0.5)
 *       gamma: truncated(normal(0, 1), 0, 2)       # any of distribution.h, cut to an interval; ends may be inf
 *       a, b, c: dirichlet(1, 2, 3)                # several parameters that are positive and sum to 1
 *
 * or in a flow map {beta: lognormal(-0.9, 0.5), a, b, c: dirichlet(1, 2, 3)}: names without a value share the next prior.
 * A Dirichlet over one name less than it has numbers leaves the last share out (it is what remains). With all the names the
 * parameters lie on a plane, where no density exists: to be learned, they need a simplex in the study's adapter.
 *
 * A prior is for every parameter of the model, or for none. Draws are independent between the lines, take their numbers
 * from the stream of their row, in the order of the model's parameters, and do not depend on the design.
 */
#ifndef WORKERS_PRIOR_H
#define WORKERS_PRIOR_H

#include "cluster/arena.h"
#include "cluster/err.h"
#include "cluster/rng.h"
#include "cluster/yaml.h"
#include "storage/schema.h"

/* What a study says, line by line. */
typedef struct {
    int n_names;
    char **names;
    char *text;  // "lognormal(-0.9, 0.5)"
    char *where; // "study.yaml:4: parameters.beta"
} prior_line_t;

typedef struct {
    int n; // 0: nothing said
    prior_line_t *at;
    char *where; // "study.yaml:3: parameters"
} prior_lines_t;

typedef struct prior prior_t;

/* The line whose parameters have no joint density (a Dirichlet over all its shares), or NULL. */
const prior_line_t *prior_on_a_plane(const prior_lines_t *lines);

/* From the mapping; an absent one gives no lines. ERR_USAGE: not a mapping, a value that is no text, names without a
 * prior. `path` names the file; all texts live in the arena. */
err_t prior_read(yaml_node_ref_t map, const char *path, arena_t *arena,
                 prior_lines_t *out) ERR_MUST_CHECK;
/* For this model. ERR_USAGE with file and line: a text that is no prior (with the nearest right one), an unknown
 * parameter, one twice, one without, a prior that reaches beyond the parameter's declared bounds (with the cure). */
err_t prior_create(const prior_lines_t *lines, const schema_t *schema,
                   prior_t **out) ERR_MUST_CHECK;
void prior_destroy(prior_t **prior); // NULL is fine

/* parameters: one of each parameter of the model, in its order; finite and inside the support. */
void prior_draw(const prior_t *prior, rng_t *r, double *parameters);
/* Natural logarithm, normalised; -INFINITY outside. Over a whole simplex with respect to all its shares but the last. */
double prior_log_density(const prior_t *prior, const double *parameters);
/* The same for equal priors however they are written: "lognormal(-0.9, 0.5)", "dirichlet(1, 2, 3) of a, b, c". Valid
 * until prior_destroy. */
const char *prior_text(const prior_t *prior, int parameter);
void prior_support(const prior_t *prior, int parameter, double *lower, double *upper); // open

#endif
