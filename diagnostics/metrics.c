// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/metrics.h"

#include "cluster/mem.h"
#include "diagnostics/coverage.h"
#include "diagnostics/ecdf.h"
#include "diagnostics/ranks.h"
#include "diagnostics/markup.h"

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
    return (parameter_metrics_t){.calibration_error = calibration_error(m),
                                 .ecdf_deviation = ranks_deviation(m->n, w->fractional),
                                 .ecdf_inside = ecdf_inside(&w->band, w->ecdf),
                                 .log_gamma = log_gamma(w->log_gamma, m->s, w->integer),
                                 .coverage_50 = coverage_share(m, DIGEST_BIT_50),
                                 .coverage_95 = coverage_share(m, DIGEST_BIT_95),
                                 .nrmse = recovery_nrmse(m, NRMSE_PRIOR),
                                 .correlation = correlation,
                                 .contraction = recovery_contraction(m),
                                 .z_score = recovery_z_score(m),
                                 .bias = recovery_bias(m)};
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
    metrics_work_free(&work);
    return out;
}

void metrics_free(metrics_t *m)
{
    free(m->parameter);
    *m = (metrics_t){0};
}

void metrics_values(const parameter_metrics_t *p, metric_value_t out[METRIC_VALUES])
{
    const metric_value_t values[METRIC_VALUES] = {{"calibration_error", p->calibration_error},
                                                  {"ecdf_deviation", p->ecdf_deviation},
                                                  {"ecdf_inside", p->ecdf_inside},
                                                  {"log_gamma", p->log_gamma},
                                                  {"coverage_50", p->coverage_50},
                                                  {"coverage_95", p->coverage_95},
                                                  {"nrmse", p->nrmse},
                                                  {"correlation", p->correlation},
                                                  {"contraction", p->contraction},
                                                  {"z_score", p->z_score},
                                                  {"bias", p->bias.overall},
                                                  {"worst_bias", p->bias.worst},
                                                  {"worst_bias_error", p->bias.worst_error},
                                                  {"worst_bias_from", p->bias.from},
                                                  {"worst_bias_to", p->bias.to}};
    memcpy(out, values, sizeof values);
}

void metrics_from_values(const metric_value_t values[METRIC_VALUES], parameter_metrics_t *out)
{
    const bias_t bias = {.overall = values[10].value,
                         .worst = values[11].value,
                         .worst_error = values[12].value,
                         .from = values[13].value,
                         .to = values[14].value};
    *out = (parameter_metrics_t){.calibration_error = values[0].value,
                                 .ecdf_deviation = values[1].value,
                                 .ecdf_inside = values[2].value > 0,
                                 .log_gamma = values[3].value,
                                 .coverage_50 = values[4].value,
                                 .coverage_95 = values[5].value,
                                 .nrmse = values[6].value,
                                 .correlation = values[7].value,
                                 .contraction = values[8].value,
                                 .z_score = values[9].value,
                                 .bias = bias};
}

err_t metrics_write_csv(const metrics_t *m, const char *const *names, const char *path)
{
    text_t text = text_create();
    metric_value_t value[METRIC_VALUES];
    metrics_values(&m->parameter[0], value);
    text_add(&text, "parameter");
    for (int i = 0; i < METRIC_VALUES; i++)
        text_add(&text, ",%s", value[i].name);
    text_add(&text, "\n");
    for (int k = 0; k < m->d; k++) {
        metrics_values(&m->parameter[k], value);
        text_add_csv(&text, names[k]);
        for (int i = 0; i < METRIC_VALUES; i++)
            text_add(&text, ",%.10g", value[i].value);
        text_add(&text, "\n");
    }
    err_t err = file_replace(path, text.length, text.data);
    text_free(&text);
    return err;
}
