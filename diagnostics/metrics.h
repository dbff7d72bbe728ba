/* SPDX-License-Identifier: Apache-2.0
 *
 * All numbers about the posteriors of N simulated data sets with known truth, by parameter.
 */
#ifndef DIAGNOSTICS_METRICS_H
#define DIAGNOSTICS_METRICS_H

#include "cluster/err.h"
#include "diagnostics/dependence.h"
#include "diagnostics/local.h"
#include "diagnostics/recovery.h"
#include "diagnostics/tarp.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double calibration_error; // coverage.h
    double ecdf_deviation;    // largest |ECDF(z) - z| of the fractional ranks
    bool ecdf_inside;         // inside the simultaneous band over all points and all parameters
    double log_gamma;         // < 0: uniform ranks rejected at 5 %, for this parameter alone
    double coverage_50, coverage_95;
    double coverage_50_low, coverage_50_high; // central 95 % of Beta(hits + 1, misses + 1)
    double coverage_95_low, coverage_95_high;
    double nrmse; // prior normaliser
    double correlation, contraction, z_score;
    bias_t bias;
    dependence_t dependence; // 0, and p 1, before metrics_of_data
    local_group_t worst;     // by is -1 before metrics_of_data; local.h
} parameter_metrics_t;

typedef struct {
    int64_t n, s; // data sets, draws
    int d;
    double level;           // of the bands, over the family of D parameters
    double band_half_width; // the band at z = 0.5: what ecdf_deviation is to be compared with
    parameter_metrics_t *parameter; // (D), owned
    tarp_t joint;
} metrics_t;

/* `level` in (0, 1), 0.95 or 0.99. */
metrics_t metrics_compute(const digest_t *digest, double level);
/* What is known of the data sets beside their posteriors; borrowed. */
typedef struct {
    int n_features;
    const float *features; // (N, n_features): summaries, statistics of the observables, design
    int n_design;
    const double *design; // (N, n_design)
} metrics_data_t;
/* Adds what the ranks have to do with the data: dependence.h and local.h. */
void metrics_of_data(metrics_t *m, const digest_t *digest, const metrics_data_t *data);
void metrics_free(metrics_t *m);

/* Every number of a parameter under its name, in the order of metrics.csv and the JSON files. */
typedef struct {
    const char *name;
    double value;
} metric_value_t;
enum { METRIC_VALUES = 26, METRIC_JOINT_VALUES = 5 };
void metrics_values(const parameter_metrics_t *p, metric_value_t out[METRIC_VALUES]);
void metrics_from_values(const metric_value_t values[METRIC_VALUES],
                         parameter_metrics_t *out); // back, by place

/* The same of all parameters together. */
void metrics_joint_values(const tarp_t *joint, metric_value_t out[METRIC_JOINT_VALUES]);
tarp_t metrics_joint_from_values(const metric_value_t values[METRIC_JOINT_VALUES]);

/* One line a parameter, the joint numbers behind its own on each; names (D) are quoted where CSV needs it. Written beside and renamed. */
err_t metrics_write_csv(const metrics_t *m, const char *const *names,
                        const char *path) ERR_MUST_CHECK;

#endif
