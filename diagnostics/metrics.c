// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/metrics.h"

#include "cluster/mem.h"
#include "diagnostics/coverage.h"
#include "diagnostics/ecdf.h"
#include "diagnostics/ranks.h"
#include "diagnostics/markup.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What all parameters share: the band and the null distribution depend on N and S only. */
typedef struct {
    ecdf_band_t band;
    ecdf_null_t *log_gamma;
    double *fractional, *ecdf; // (N), (points)
    int64_t *integer;          // (N)
} metrics_work_t;

static const uint64_t METRICS_SEED =
    20260101; // of null distributions: the same data give the same numbers

static metrics_work_t metrics_work_create(int64_t n, int64_t s, int d, double level)
{
    metrics_work_t w = {.band = ecdf_rank_band_create(n, s, level, d, METRICS_SEED)};
    w.log_gamma = log_gamma_null(n, s, METRICS_SEED);
    w.fractional = MEM_NEW(double, n);
    w.integer = MEM_NEW(int64_t, n);
    w.ecdf = MEM_NEW(double, w.band.points);
    return w;
}

static void metrics_work_free(metrics_work_t *w)
{
    ecdf_band_free(&w->band);
    ecdf_null_destroy(&w->log_gamma);
    free(w->fractional);
    free(w->integer);
    free(w->ecdf);
}

static parameter_metrics_t metrics_of(const marginal_t *m, double correlation, metrics_work_t *w)
{
    ranks_fractional(m, w->fractional);
    ranks_integer(m, w->integer);
    ecdf_at_ranks(&w->band, w->integer, w->ecdf);
    coverage_range_t half = coverage_range(m, DIGEST_BIT_50),
                     most = coverage_range(m, DIGEST_BIT_95);
    return (parameter_metrics_t){.calibration_error = calibration_error(m),
                                 .ecdf_deviation = ranks_deviation(m->n, w->fractional),
                                 .ecdf_inside = ecdf_inside(&w->band, w->ecdf),
                                 .log_gamma = log_gamma(w->log_gamma, m->s, w->integer),
                                 .coverage_50 = half.share,
                                 .coverage_50_low = half.low,
                                 .coverage_50_high = half.high,
                                 .coverage_95 = most.share,
                                 .coverage_95_low = most.low,
                                 .coverage_95_high = most.high,
                                 .nrmse = recovery_nrmse(m, NRMSE_PRIOR),
                                 .correlation = correlation,
                                 .contraction = recovery_contraction(m),
                                 .z_score = recovery_z_score(m),
                                 .bias = recovery_bias(m),
                                 .dependence = {.location_p = 1, .spread_p = 1},
                                 .worst = {.by = -1, .p = 1}};
}

metrics_t metrics_compute(const digest_t *g, double level)
{
    metrics_work_t work = metrics_work_create(g->n, g->s, g->d, level);
    metrics_t out = {.n = g->n, .s = g->s, .d = g->d, .level = level};
    int64_t middle = work.band.points / 2;
    out.band_half_width = 0.5 * (work.band.high[middle] - work.band.low[middle]);
    out.parameter = MEM_NEW(parameter_metrics_t, g->d);
    for (int k = 0; k < g->d; k++) {
        marginal_t m = digest_marginal(g, k);
        out.parameter[k] = metrics_of(&m, g->correlation[k], &work);
    }
    out.joint = tarp_compute(g, work.log_gamma);
    metrics_work_free(&work);
    return out;
}

void metrics_of_data(metrics_t *m, const digest_t *g, const metrics_data_t *data)
{
    dependence_t *dependence = MEM_NEW(dependence_t, m->d);
    local_group_t *worst = MEM_NEW(local_group_t, m->d);
    dependence_compute(g, data->n_features, data->features, dependence);
    local_compute(g, data->n_design, data->design, worst);
    for (int k = 0; k < m->d; k++) {
        m->parameter[k].dependence = dependence[k];
        m->parameter[k].worst = worst[k];
    }
    free(dependence);
    free(worst);
}

void metrics_free(metrics_t *m)
{
    free(m->parameter);
    *m = (metrics_t){0};
}

/* Where each number stands; ecdf_inside, a truth value, at its own place. */
#define AT(member) offsetof(parameter_metrics_t, member)
static const struct {
    const char *name;
    size_t offset;
} table[METRIC_VALUES] = {{"calibration_error", AT(calibration_error)},
                          {"ecdf_deviation", AT(ecdf_deviation)},
                          {"ecdf_inside", AT(ecdf_inside)},
                          {"log_gamma", AT(log_gamma)},
                          {"coverage_50", AT(coverage_50)},
                          {"coverage_50_low", AT(coverage_50_low)},
                          {"coverage_50_high", AT(coverage_50_high)},
                          {"coverage_95", AT(coverage_95)},
                          {"coverage_95_low", AT(coverage_95_low)},
                          {"coverage_95_high", AT(coverage_95_high)},
                          {"nrmse", AT(nrmse)},
                          {"correlation", AT(correlation)},
                          {"contraction", AT(contraction)},
                          {"z_score", AT(z_score)},
                          {"bias", AT(bias.overall)},
                          {"worst_bias", AT(bias.worst)},
                          {"worst_bias_error", AT(bias.worst_error)},
                          {"worst_bias_from", AT(bias.from)},
                          {"worst_bias_to", AT(bias.to)},
                          {"rank_r2", AT(dependence.location)},
                          {"rank_r2_p", AT(dependence.location_p)},
                          {"spread_r2", AT(dependence.spread)},
                          {"spread_r2_p", AT(dependence.spread_p)},
                          {"attainable", AT(dependence.attainable)},
                          {"worst_group_calibration_error", AT(worst.calibration_error)},
                          {"worst_group_p", AT(worst.p)}};

void metrics_values(const parameter_metrics_t *p, metric_value_t out[METRIC_VALUES])
{
    for (int i = 0; i < METRIC_VALUES; i++) {
        const char *at = (const char *)p + table[i].offset;
        bool truth = table[i].offset == AT(ecdf_inside);
        out[i] = (metric_value_t){table[i].name,
                                  truth ? *(const bool *)at : *(const double *)(const void *)at};
    }
}

void metrics_from_values(const metric_value_t values[METRIC_VALUES], parameter_metrics_t *out)
{
    *out = (parameter_metrics_t){.worst.by = -1};
    for (int i = 0; i < METRIC_VALUES; i++) {
        char *at = (char *)out + table[i].offset;
        if (table[i].offset == AT(ecdf_inside))
            *(bool *)at = values[i].value > 0;
        else
            *(double *)(void *)at = values[i].value;
    }
}

void metrics_joint_values(const tarp_t *joint, metric_value_t out[METRIC_JOINT_VALUES])
{
    const metric_value_t values[METRIC_JOINT_VALUES] = {{"tarp_deviation", joint->deviation},
                                                        {"tarp_atc", joint->atc},
                                                        {"tarp_log_gamma", joint->log_gamma},
                                                        {"tarp_peer_atc", joint->peer_atc},
                                                        {"tarp_peer_ks_p", joint->peer_ks_p}};
    memcpy(out, values, sizeof values);
}

tarp_t metrics_joint_from_values(const metric_value_t values[METRIC_JOINT_VALUES])
{
    return (tarp_t){.deviation = values[0].value,
                    .atc = values[1].value,
                    .log_gamma = values[2].value,
                    .peer_atc = values[3].value,
                    .peer_ks_p = values[4].value};
}

static void csv_numbers(text_t *text, int n, const metric_value_t *value)
{
    for (int i = 0; i < n; i++)
        text_add(text, ",%.10g", value[i].value);
}

static void csv_names(text_t *text, int n, const metric_value_t *value)
{
    for (int i = 0; i < n; i++)
        text_add(text, ",%s", value[i].name);
}

err_t metrics_write_csv(const metrics_t *m, const char *const *names, const char *path)
{
    text_t text = text_create();
    metric_value_t value[METRIC_VALUES], joint[METRIC_JOINT_VALUES];
    metrics_values(&m->parameter[0], value);
    metrics_joint_values(&m->joint, joint);
    text_add(&text, "parameter");
    csv_names(&text, METRIC_VALUES, value);
    csv_names(&text, METRIC_JOINT_VALUES, joint);
    text_add(&text, "\n");
    for (int k = 0; k < m->d; k++) {
        metrics_values(&m->parameter[k], value);
        text_add_csv(&text, names[k]);
        csv_numbers(&text, METRIC_VALUES, value);
        csv_numbers(&text, METRIC_JOINT_VALUES, joint);
        text_add(&text, "\n");
    }
    err_t err = file_replace(path, text.length, text.data);
    text_free(&text);
    return err;
}
