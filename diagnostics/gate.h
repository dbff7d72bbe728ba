/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate: an amortizer may judge real data only after its posteriors of simulated data sets were calibrated. The
 * record says which weights were checked, on what, with which numbers, and with what result. It judges by sizes of what is
 * wrong, not by whether a test notices it: with enough data sets a test notices what does not matter.
 *
 *     gate.json  {"format": "infermill-gate-1", "study", "weights", "bank", "software", "seed", "first_row", "rows",
 *                 "draws", "limits": {...}, "ratings": {...}, "passed", "reasons": [...], "remark", "joint": {numbers},
 *                 "parameters": [{"name", "passed", "why", "where", numbers}],
 *                 "checksum": "<xxh3 of the record without this member, compact, keys sorted>"}
 */
#ifndef DIAGNOSTICS_GATE_H
#define DIAGNOSTICS_GATE_H

#include "cluster/err.h"
#include "diagnostics/arrays.h"
#include "diagnostics/metrics.h"
#include "diagnostics/rating.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double calibration_error, ecdf_deviation; // largest allowed, each parameter
    double
        rank_r2; // largest R2 of the ranks, or of their spread, on the data (dependence.h), where it is no chance
    // (p above GATE_CHANCE)
    int64_t data_sets; // fewest allowed
} gate_limits_t;
gate_limits_t gate_limits_default(void); // 0.10, 0.10, 0.10, 300
#define GATE_CHANCE 0.01

/* Whether these numbers are inside the limits; what is not known (NaN) is not. */
bool gate_passes(const parameter_metrics_t *p, const gate_limits_t *limits);

typedef struct {
    char *name;
    bool passed;
    char *why; // "calibration error 0.14, at most 0.10 allowed"; empty when passed
    char *
        where; // where it is wrong, or nearly (local.h): may be told of a parameter that passed; or empty
    parameter_metrics_t metrics;
} gate_parameter_t;

/* An array (arrays.h), whose medians stand among the parameters under the same name. */
typedef struct {
    char *name;
    bool passed;
    char *why;
    array_metrics_t metrics;
} gate_array_t;

/* What a verdict is about; gate_judge copies the texts, NULL as empty. */
typedef struct {
    const char *study;
    const char *weights;      // hash of the weights that were checked
    const char *bank;         // fingerprint of the bank they were trained on
    uint64_t seed;            // of the held-out data sets
    int64_t first_row;        // held-out indices [first_row, first_row + metrics.n)
    const ratings_t *ratings; // by which its numbers are put into words; NULL: the default ones
    const char *remark;       // what is to be said beside the verdict (exchange_symmetry.h)
    int n_design;             // names of the design variables of metrics_of_data
    const char *const *design_names;
    const array_metrics_t *arrays; // (D); .values 0: no array; NULL: none is
} gate_subject_t;

typedef struct {
    char *study, *weights, *bank, *software;
    uint64_t seed;
    int64_t first_row, rows, draws;
    double level;
    gate_limits_t limits;
    ratings_t ratings;
    bool passed;
    int n_reasons;
    char **reasons; // why it did not pass, one sentence each; none when passed
    char *remark;   // sentences that are no reason to fail; or empty
    int n_parameters;
    gate_parameter_t *parameters;
    tarp_t joint;
    int n_arrays;
    gate_array_t *arrays;
} gate_record_t;

/* Verdict on these numbers; names (D). A number that is NaN does not pass. Free with gate_free. */
gate_record_t gate_judge(const metrics_t *metrics, const char *const *names,
                         const gate_limits_t *limits, const gate_subject_t *subject);
void gate_free(gate_record_t *record);

/* Written beside and renamed. */
err_t gate_write(const char *path, const gate_record_t *record) ERR_MUST_CHECK;
/* ERR_MISSING: no file. ERR_FORMAT: not a gate record, torn, changed since it was written, or a verdict that does not
 * follow from its numbers and limits. */
err_t gate_read(const char *path, gate_record_t *out) ERR_MUST_CHECK;
/* ERR_GATE, with what to do, unless the record passed and is about these weights. */
err_t gate_check_weights(const gate_record_t *record, const char *weights) ERR_MUST_CHECK;
/* Both: what `infer` asks. A missing record, or one that is not as it was written, is ERR_GATE here. */
err_t gate_require(const char *path, const char *weights) ERR_MUST_CHECK;

#endif
