// SPDX-License-Identifier: Apache-2.0
#include "workers/infer.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "diagnostics/misfit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 256 }; // draws: what they need stays in near caches

struct infer {
    infer_config_t config;
    amortizer_work_t *work;
    int first;            // observable that is read
    const float **fields; // (O)
    float *summaries;     // (width)
    double *column;       // (draws) of one parameter
    double *log_q;        // (draws); NULL where it is not needed
    ladder_t *ladder;     // NULL: the amortizer alone
    ladder_costs_t costs; // of the amortizer
    char reason[INFER_REASON];
};

infer_t *infer_create(const infer_config_t *config)
{
    infer_t *f = MEM_NEW(infer_t, 1);
    f->config = *config;
    while (!adapter_uses_observable(amortizer_adapter(config->amortizer), f->first))
        f->first++;
    f->work = amortizer_work_create(config->amortizer, WORK_EVALUATE, 1,
                                    config->draws < AT_ONCE ? config->draws : AT_ONCE);
    f->fields = MEM_NEW(const float *, config->schema->n_observables);
    f->summaries = MEM_NEW(float, amortizer_summary_width(config->amortizer));
    f->column = MEM_NEW(double, config->draws);
    if (config->exact != NULL)
        f->ladder = ladder_create(config->rungs, config->exact);
    if (f->ladder != NULL && amortizer_has_density(config->amortizer))
        f->log_q = MEM_NEW(double, config->draws);
    return f;
}

void infer_destroy(infer_t **infer)
{
    infer_t *f = *infer;
    if (f == NULL)
        return;
    amortizer_work_destroy(&f->work);
    free(f->fields);
    free(f->summaries);
    free(f->column);
    free(f->log_q);
    ladder_destroy(&f->ladder);
    free(f);
    *infer = NULL;
}

static bool design_refused(const schema_t *s, const rows_t *rows, int64_t i,
                           char reason[INFER_REASON])
{
    for (int d = 0; d < s->n_design; d++) {
        double value = rows->design[i * s->n_design + d];
        const schema_design_t *range = &s->design[d];
        if (value >= range->lower && value <= range->upper)
            continue;
        snprintf(reason, INFER_REASON, "%.40s = %g, outside the trained range %g to %g",
                 range->name, value, range->lower, range->upper);
        return true;
    }
    return false;
}

static bool values_refused(const schema_t *s, const rows_t *rows, int64_t i,
                           char reason[INFER_REASON])
{
    for (int o = 0; o < s->n_observables; o++) {
        const schema_observable_t *field = &s->observables[o];
        const float *value = rows->observables[o] + i * schema_size(field);
        int64_t n = rows->length[i * s->n_observables + o] * schema_stride(field);
        for (int64_t k = 0; k < n; k++) {
            bool missing = field->missing && isnan(value[k]);
            if (missing ||
                (isfinite(value[k]) && value[k] >= field->lower && value[k] <= field->upper))
                continue;
            snprintf(reason, INFER_REASON,
                     "%.40s[%ld] = %g, expected a finite number from %g to %g", field->name,
                     (long)k, (double)value[k], field->lower, field->upper);
            return true;
        }
    }
    return false;
}

void infer_refusal(const schema_t *schema, const rows_t *rows, int64_t i, char reason[INFER_REASON])
{
    reason[0] = '\0';
    if (!design_refused(schema, rows, i, reason))
        values_refused(schema, rows, i, reason);
}

static batch_t batch_of(const infer_t *f, const rows_t *rows, int64_t i)
{
    const schema_t *s = f->config.schema;
    for (int o = 0; o < s->n_observables; o++)
        f->fields[o] = rows->observables[o] + i * schema_size(&s->observables[o]);
    return (batch_t){.n = 1,
                     .design = s->n_design ? rows->design + i * s->n_design : NULL,
                     .length = rows->length + i * s->n_observables,
                     .observables = f->fields};
}

/* Draws within a billionth of their own size from a bound of the support. */
static double edge_share(const infer_t *f, const double *draws)
{
    const schema_t *s = f->config.schema;
    int64_t at_edge = 0;
    for (int64_t k = 0; k < f->config.draws; k++)
        for (int p = 0; p < s->n_parameters; p++) {
            double x = draws[k * s->n_parameters + p], lower = s->parameters[p].lower,
                   upper = s->parameters[p].upper;
            double near = 1e-9 * (isfinite(upper - lower) ? upper - lower : fmax(1, fabs(x)));
            if (x - lower < near || upper - x < near) {
                at_edge++;
                break;
            }
        }
    return (double)at_edge / (double)f->config.draws;
}

/* The largest share beyond one end of the prior's reach, of scalar parameters; NaN where there is none. */
static double prior_edge_share(const infer_t *f, const double *draws)
{
    const schema_t *s = f->config.schema;
    double most = NAN;
    for (int p = 0; p < s->n_parameters && f->config.reach->n > 0; p++) {
        if (s->parameters[p].n_dims > 0)
            continue;
        for (int64_t k = 0; k < f->config.draws; k++)
            f->column[k] = draws[k * s->n_parameters + p];
        prior_edge_t edge = prior_reach_edge(f->config.reach, p, f->config.draws, f->column);
        most = fmax(most, fmax(edge.below, edge.above));
    }
    return most;
}

static void refuse(const infer_t *f, double *draws, posterior_verdict_t *verdict)
{
    verdict->accepted = false;
    for (int64_t k = 0; k < f->config.draws * f->config.schema->n_parameters; k++)
        draws[k] = NAN;
}

static void judge(infer_t *f, const rows_t *rows, int64_t i, double *draws,
                  posterior_verdict_t *verdict)
{
    batch_t batch = batch_of(f, rows, i);
    rng_t rng = rng_at(f->config.seed, RNG_INFER, (uint64_t)rows->index[i]);
    double start = log_clock();
    amortizer_sample_with(f->work, &batch, f->config.draws, &rng, draws, f->log_q, f->summaries);
    f->costs.tried[POSTERIOR_AMORTIZED]++;
    f->costs.seconds[POSTERIOR_AMORTIZED] += log_clock() - start;
    verdict->distance = distance_value(f->config.distance, f->summaries);
    verdict->p_value = distance_p_value(f->config.distance, verdict->distance);
    verdict->accepted = true;
}

/* Whether the amortizer's draws are the answer: on its rung, where the data look like simulated ones. */
static bool stands(const infer_t *f, const posterior_verdict_t *verdict)
{
    return f->ladder == NULL ||
           ((f->config.rungs & LADDER_AMORTIZED) && !(verdict->p_value < MISFIT_UNUSUAL));
}

static void climb(infer_t *f, const rows_t *rows, int64_t i, bool up, double *draws,
                  posterior_verdict_t *verdict)
{
    const ladder_climb_t c = {.rows = rows,
                              .i = i,
                              .draws = f->config.draws,
                              .values = draws,
                              .log_q = f->log_q,
                              .seed = f->config.seed};
    if (up)
        verdict->doubt = ladder_climb(f->ladder, &c, verdict);
    verdict->edge_share = edge_share(f, draws);
    verdict->prior_edge_share = prior_edge_share(f, draws);
}

static void adapter_refusal(const infer_t *f, const rows_t *rows, int64_t i,
                            char reason[INFER_REASON])
{
    char why[ADAPTER_WHY];
    batch_t batch = batch_of(f, rows, i);
    if (!adapter_reads(amortizer_adapter(f->config.amortizer), &batch, 0, why))
        snprintf(reason, INFER_REASON, "%.*s", INFER_REASON - 1, why);
}

static bool all_finite(int64_t n, const double *values)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static posterior_verdict_t no_verdict(const infer_t *f, int64_t n)
{
    return (posterior_verdict_t){.reason = f->reason,
                                 .n = n,
                                 .distance = NAN,
                                 .p_value = NAN,
                                 .edge_share = NAN,
                                 .prior_edge_share = NAN,
                                 .khat = NAN,
                                 .ess = NAN,
                                 .rhat = NAN};
}

/* Why the amortizer can not answer, into f->reason. */
static void find_reason(infer_t *f, const rows_t *rows, int64_t i, const char *problem)
{
    if (problem != NULL && problem[0] != '\0') {
        snprintf(f->reason, INFER_REASON, "%s", problem);
        return;
    }
    infer_refusal(f->config.schema, rows, i, f->reason);
    if (f->reason[0] == '\0')
        adapter_refusal(f, rows, i, f->reason);
}

/* Whether it is only that the amortizer was not trained for such a length or other design, while a rung above it asks the likelihood,
 * which holds for any. */
static bool may_climb(const infer_t *f, const rows_t *rows, int64_t i, const char *problem)
{
    char reason[INFER_REASON] = "";
    if (f->ladder == NULL || (problem != NULL && problem[0] != '\0') ||
        !design_refused(f->config.schema, rows, i, reason) ||
        values_refused(f->config.schema, rows, i, reason))
        return false;
    reason[0] = '\0';
    adapter_refusal(f, rows, i, reason);
    return reason[0] == '\0';
}

/* A data set outside of the trained design: the rungs above the amortizer, or no posterior. */
static void climb_from_outside(infer_t *f, const rows_t *rows, int64_t i, double *draws,
                               posterior_verdict_t *verdict)
{
    climb(f, rows, i, true, draws, verdict);
    verdict->p_value = verdict->distance = NAN; // its summaries have nothing to be compared with
    if (verdict->doubt == NULL) {
        f->reason[0] = '\0';
        return;
    }
    size_t n = strlen(f->reason);
    snprintf(f->reason + n, INFER_REASON - n, "; %s", verdict->doubt);
    *verdict = no_verdict(f, verdict->n);
    refuse(f, draws, verdict);
}

void infer_one(infer_t *f, const rows_t *rows, int64_t i, const char *problem, double *draws,
               posterior_verdict_t *verdict)
{
    const schema_t *s = f->config.schema;
    *verdict = no_verdict(f, rows->length[i * s->n_observables + f->first]);
    find_reason(f, rows, i, problem);
    bool outside = f->reason[0] != '\0' && may_climb(f, rows, i, problem);
    if (f->reason[0] == '\0' || outside) {
        judge(f, rows, i, draws, verdict);
        if (!all_finite(f->config.draws * s->n_parameters, draws)) {
            snprintf(f->reason, INFER_REASON, "the network gave draws that are not finite");
            outside = false;
        }
    }
    if (outside)
        climb_from_outside(f, rows, i, draws, verdict);
    else if (f->reason[0] != '\0')
        refuse(f, draws, verdict);
    else
        climb(f, rows, i, !stands(f, verdict), draws, verdict);
}

ladder_costs_t infer_costs(const infer_t *f)
{
    ladder_costs_t costs = f->ladder ? ladder_costs(f->ladder) : (ladder_costs_t){{0}, {0}};
    costs.tried[POSTERIOR_AMORTIZED] = f->costs.tried[POSTERIOR_AMORTIZED];
    costs.seconds[POSTERIOR_AMORTIZED] = f->costs.seconds[POSTERIOR_AMORTIZED];
    return costs;
}
