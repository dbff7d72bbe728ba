/* SPDX-License-Identifier: Apache-2.0
 *
 * The adapter: what stands between the numbers of the simulator and those of the networks, as a user writes it in the
 * study, in order.
 *
 *     adapter:
 *       - log: [sigma]                      # also sqrt; of parameters, observables, design variables
 *       - constrain: {p: [0, 1]}            # also {p: {lower: 0}}; narrower than the declared support
 *       - simplex: [w1, w2, w3]             # K positive parameters that sum to 1 -> K - 1 free numbers
 *       - ordered: [mu1, mu2]               # ascending parameters
 *       - covariance: {of: [s11, s21, s22]} # lower triangle by rows, through its Cholesky factor
 *       - correlation: {of: [r21, r31, r32]} # lower triangle without the diagonal, by rows: arctanh of partial correlations
 *       - one_hot: {group: 3}               # numbers 0, 1, 2 -> 3 columns of 0 and 1; {y: {column: 1, levels: 3}}: one column
 *       - nan_to_mask: [y]                  # a NaN becomes 0; beside each column one that is 1 where a number stood
 *       - subsample: {y: 50}                # random elements of each set: a count, or a share below 1
 *       - concatenate: {of: [a, b], into: ab} # columns of observables side by side
 *       - drop: [aux]                       # an observable, a design variable; a parameter: it is marginalised
 *       - standardize: {y: false}           # left out of the standardisation by the first pass
 *       - noise: {y: {spike: 0.01, slab: 0.25}} # in training: x + (coin ? slab Cauchy : spike Normal) sd
 *
 * Parameters. Those that no group names (simplex, ordered, covariance, correlation) are mapped one by one: log and sqrt as
 * written, then from what is left of the declared support to all real numbers (interval.h). A group's numbers are free
 * already. Of P parameters R are kept (not dropped) and Q <= R free numbers stand for them. Densities "on the user's scale"
 * are those of the R parameters, of a simplex those of all its members but the last.
 *
 *     simplex      r_k = x_k + ... + x_K;  u_k = ln(x_k / r_(k+1)) + ln(K - k)          ln |du/dx| = -sum_k ln x_k
 *     ordered      v = interval(x);  u_1 = v_1, u_k = ln(v_k - v_(k-1))                   = ln |dv/dx| - sum_(k>1) u_k
 *     covariance   S = L L';  u_ii = ln L_ii, u_ij = L_ij                               = -K ln 2 - sum_i (K - i + 2) ln L_ii
 *     correlation  R = L L';  u_ij = artanh(L_ij / h_ij), h_ij^2 = 1 - sum_(k<j) L_ik^2
 *                                                         = -sum_(j<i) (ln L_jj + ln h_ij + ln(1 - tanh^2 u_ij))
 *
 * (Stan Development Team, Stan Reference Manual, "Constraint Transforms"; Lewandowski, Kurowicka and Joe 2009.)
 *
 * Data. Transforms act on columns of elements: a set or series has elements of `features` columns, an image pixels of as
 * many channels, a vector is one element. Subsample and noise change nothing but training and the elements that are read;
 * the subset of evaluation is a function of the length alone. A subset is uniform, without replacement; a share is rounded
 * up. Noise (Cannon, Ward and Schmon 2022, "Investigating the impact of model misspecification in neural simulation-based
 * inference") comes last, whatever its place in the list, on columns that are numbers, in units of their standard deviation
 * in the first pass, cut at ADAPTER_MOST_NOISE of them: further out nothing more is learned, and a network overflows.
 */
#ifndef NN_ADAPTER_H
#define NN_ADAPTER_H

#include "cluster/arena.h"
#include "cluster/err.h"
#include "cluster/rng.h"
#include "cluster/yaml.h"
#include "nn/batch.h"
#include "nn/summary.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    ADAPTER_LOG,
    ADAPTER_SQRT,
    ADAPTER_CONSTRAIN,
    ADAPTER_SIMPLEX,
    ADAPTER_ORDERED,
    ADAPTER_COVARIANCE,
    ADAPTER_CORRELATION,
    ADAPTER_ONE_HOT,
    ADAPTER_NAN_TO_MASK,
    ADAPTER_SUBSAMPLE,
    ADAPTER_CONCATENATE,
    ADAPTER_DROP,
    ADAPTER_STANDARDIZE,
    ADAPTER_NOISE,
    ADAPTER_KINDS
} adapter_kind_t;

/* One name of a transform, and what belongs to it. */
typedef struct {
    char *name;
    double lower, upper; // constrain; +-INFINITY
    int64_t column;      // one_hot: -1 all
    int64_t levels;      // one_hot
    double size;         // subsample: a whole number, or a share below 1
    bool standardize;
    double spike, slab; // noise
} adapter_item_t;

typedef struct {
    adapter_kind_t kind;
    int line; // of the study, for messages; 0: not known
    int n;
    adapter_item_t *items;
    char *into; // concatenate
} adapter_transform_t;

typedef struct {
    const char *where; // names the source in messages; NULL: not known
    int n;             // 0: only the declared bounds
    adapter_transform_t *transforms;
} adapter_config_t;

/* From a list of one-key maps; an absent or empty one is no transform. Texts live in the arena. ERR_USAGE with line and key
 * for what has the wrong form, an unknown transform with the nearest right one. */
err_t adapter_config_read(yaml_node_ref_t list, const char *where, arena_t *arena,
                          adapter_config_t *out) ERR_MUST_CHECK;
/* "adapter:" and the list as YAML text, which adapter_config_parse reads back; the caller frees it. */
char *adapter_config_text(const adapter_config_t *config);
err_t adapter_config_parse(const char *text, const char *where, arena_t *arena,
                           adapter_config_t *out) ERR_MUST_CHECK;
const char *adapter_kind_word(adapter_kind_t kind); // "log"
/* Each transform with an example, a line each. */
void adapter_print_kinds(FILE *out);

/* What the model declares, and what the networks see. */
typedef struct {
    const char *name;
    double lower, upper; // open support
    bool standardize;    // after: by the first pass
    int array; // values of one array, numbered from 1, are standardised alike; 0: a number of its own
} adapter_parameter_t;

typedef struct {
    const char *name;
    double lower, upper; // both included
    bool standardize;
} adapter_design_t;

typedef struct {
    const char *name;
    observable_kind_t kind;
    int64_t length;        // most elements of a set or series; 1 for a vector; pixels of an image
    int64_t features;      // columns of an element; channels of an image
    int64_t height, width; // of an image
    int length_design;     // before: the design variable that gives its length, or -1
    double lower, upper;   // before: of its values; both included
    bool standardize;
} adapter_observable_t;

typedef struct {
    int n_parameters, n_design, n_observables;
    adapter_parameter_t *parameters; // (P) before, (Q) after
    adapter_design_t *design;
    adapter_observable_t *observables;
} adapter_shape_t;

#define ADAPTER_MOST_NOISE 100.0

typedef struct adapter adapter_t;
/* config NULL: no transform. Both are copied. ERR_USAGE with file, line and key: a name that is not there (with the nearest
 * that is), of the wrong kind, of a wrong support, in two groups; a count that does not fit. */
err_t adapter_create(const adapter_config_t *config, const adapter_shape_t *shape,
                     adapter_t **out) ERR_MUST_CHECK;
void adapter_destroy(adapter_t **a);
const adapter_config_t *adapter_config(const adapter_t *a); // borrowed, as the following
const adapter_shape_t *adapter_before(const adapter_t *a);
/* `parameters` are the Q free numbers, under names for messages. */
const adapter_shape_t *adapter_after(const adapter_t *a);
/* The R kept parameters: R, and their places among the P, ascending. */
int adapter_kept(const adapter_t *a, const int **which);
/* Whether exactly these parameters, in any order, are a simplex. */
bool adapter_is_simplex(const adapter_t *a, int n, char *const *names);

/* ---- parameters, in double precision ---- */

/* From P parameters to Q free numbers. *log_jacobian (NULL: not wanted) gets ln |du / d kept parameters|. The parameters
 * must be supported. */
void adapter_free(const adapter_t *a, const double *parameters, double *u, double *log_jacobian);
/* From Q finite free numbers to R kept parameters, strictly inside the support: positive shares that sum to 1 up to
 * rounding, strictly ascending, matrices whose Cholesky factor exists. *log_jacobian as above, at u. A u that is not a
 * number gives parameters that are none. */
void adapter_restore(const adapter_t *a, const double *u, double *kept, double *log_jacobian);
/* Whether P parameters are inside the support, and every constraint of a transform; false for NaN in a kept one. */
bool adapter_supports(const adapter_t *a, const double *parameters);
/* The same; where they are not, `why` says which and why ("w2 = 0, expected a positive number (simplex)"). */
enum { ADAPTER_WHY = 200 };
bool adapter_supports_why(const adapter_t *a, const double *parameters, char why[ADAPTER_WHY]);

/* ---- data ---- */

typedef enum { ADAPTER_TRAINING, ADAPTER_EVALUATION } adapter_mode_t;

/* Standard deviations of the first pass by observable and column, of adapter_after; what noise is measured in. Copied. */
void adapter_set_noise_scale(adapter_t *a, const double *const *observable_sd);

/* Memory for up to max_sets data sets; one for each thread. */
typedef struct adapter_work adapter_work_t;
adapter_work_t *adapter_work_create(const adapter_t *a, int64_t max_sets);
void adapter_work_destroy(adapter_work_t **w);
size_t adapter_work_bytes(const adapter_work_t *w);
/* Data set i of a batch alone, as it is; valid until the next call. */
batch_t adapter_one(adapter_work_t *w, const batch_t *in, int64_t i);
/* The batch in the networks' shapes (parameters as they were); its arrays are borrowed from `in` or live in w, valid until
 * the next call. An observable that no transform changes is not copied. `noise` feeds training's random parts; not used in
 * evaluation. A value that a transform can not take gives infinity: ask adapter_reads before. */
batch_t adapter_batch(adapter_work_t *w, const batch_t *in, adapter_mode_t mode, rng_t *noise);
/* Whether every value of data set i can go through; where not, `why` names it ("y[3] = -1, expected above 0 (log)"). */
bool adapter_reads(const adapter_t *a, const batch_t *in, int64_t i, char why[ADAPTER_WHY]);
/* Of adapter_before: whether an observable or a design variable is read at all, and whether NaN in an observable that is
 * read is always masked. */
bool adapter_uses_observable(const adapter_t *a, int observable);
bool adapter_uses_design(const adapter_t *a, int design);
bool adapter_masks_nan(const adapter_t *a, int observable);

#endif
