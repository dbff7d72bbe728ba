// SPDX-License-Identifier: Apache-2.0
// The verdict. Its file is in gate_file.c.
#include "diagnostics/gate.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/gate_array.h"

#include <stdlib.h>
#include <string.h>

gate_limits_t gate_limits_default(void)
{
    return (gate_limits_t){
        .calibration_error = 0.10, .ecdf_deviation = 0.10, .rank_r2 = 0.10, .data_sets = 300};
}

static bool location_told(const dependence_t *d, const gate_limits_t *limits)
{
    return d->location > limits->rank_r2 && d->location_p <= GATE_CHANCE;
}

static bool spread_told(const dependence_t *d, const gate_limits_t *limits)
{
    return d->spread > limits->rank_r2 && d->spread_p <= GATE_CHANCE;
}

bool gate_passes(const parameter_metrics_t *p, const gate_limits_t *limits)
{
    return p->calibration_error <= limits->calibration_error &&
           p->ecdf_deviation <= limits->ecdf_deviation && !location_told(&p->dependence, limits) &&
           !spread_told(&p->dependence, limits);
}

static void add_reason(text_t *why, char *reason)
{
    text_add(why, "%s%s", why->length > 0 ? "; " : "", reason);
    free(reason);
}

/* A right posterior's contraction is no less than what a plain regression on the data explains. */
static char *location_words(const parameter_metrics_t *p)
{
    double attainable = p->dependence.attainable;
    const char *what = "where the posterior lies depends on the data in a wrong way";
    if (p->contraction < 0.1 * attainable)
        what = "the posterior ignores the data";
    else if (p->contraction < attainable - 0.1)
        what = "the posterior makes too little of the data";
    return mem_format("%s (its ranks can be told from the data, R² %.2f; contraction %.2f, a "
                      "regression on the data explains %.2f)",
                      what, p->dependence.location, p->contraction, attainable);
}

static char *gate_why(const parameter_metrics_t *p, const gate_limits_t *limits)
{
    text_t why = text_create();
    if (!(p->calibration_error <= limits->calibration_error))
        add_reason(&why, mem_format("calibration error %.3g, at most %.3g allowed",
                                    p->calibration_error, limits->calibration_error));
    if (!(p->ecdf_deviation <= limits->ecdf_deviation))
        add_reason(&why, mem_format("ranks deviate from uniform by %.3g, at most %.3g allowed",
                                    p->ecdf_deviation, limits->ecdf_deviation));
    if (location_told(&p->dependence, limits))
        add_reason(&why, location_words(p));
    if (spread_told(&p->dependence, limits))
        add_reason(&why, mem_format("how wide the posterior is depends on the data in a wrong way "
                                    "(how far its ranks are from the middle can be told from the "
                                    "data, R² %.2f)",
                                    p->dependence.spread));
    return why.data;
}

static void gate_reason(gate_record_t *record, char *reason)
{
    record->reasons = MEM_GROW(record->reasons, char *, record->n_reasons + 1);
    record->reasons[record->n_reasons++] = reason;
    record->passed = false;
}

static char *gate_text(const char *text)
{
    return mem_copy_text(text == NULL ? "" : text);
}

gate_record_t gate_judge(const metrics_t *metrics, const char *const *names,
                         const gate_limits_t *limits, const gate_subject_t *subject)
{
    gate_record_t r = {.seed = subject->seed,
                       .first_row = subject->first_row,
                       .rows = metrics->n,
                       .draws = metrics->s,
                       .level = metrics->level,
                       .limits = *limits,
                       .ratings = subject->ratings ? *subject->ratings : ratings_default(),
                       .passed = true,
                       .n_parameters = metrics->d,
                       .joint = metrics->joint};
    r.study = gate_text(subject->study);
    r.weights = gate_text(subject->weights);
    r.bank = gate_text(subject->bank);
    r.remark = gate_text(subject->remark);
    r.software = mem_copy_text("infermill " INFERMILL_VERSION);
    r.parameters = MEM_NEW(gate_parameter_t, metrics->d);
    if (metrics->n < limits->data_sets)
        gate_reason(&r, mem_format("Checked on %ld simulated data sets, at least %ld needed.",
                                   (long)metrics->n, (long)limits->data_sets));
    for (int k = 0; k < metrics->d; k++) {
        const parameter_metrics_t *p = &metrics->parameter[k];
        r.parameters[k] = (gate_parameter_t){
            .name = mem_copy_text(names[k]),
            .passed = gate_passes(p, limits),
            .why = gate_why(p, limits),
            .where = local_words(&p->worst, subject->n_design, subject->design_names, names),
            .metrics = *p};
        if (!r.parameters[k].passed)
            gate_reason(&r, mem_format("Parameter %s: %s.", names[k], r.parameters[k].why));
    }
    gate_arrays_judge(&r, names, subject->arrays);
    return r;
}

void gate_free(gate_record_t *record)
{
    free(record->study);
    free(record->weights);
    free(record->bank);
    free(record->software);
    free(record->remark);
    for (int i = 0; i < record->n_reasons; i++)
        free(record->reasons[i]);
    free(record->reasons);
    for (int k = 0; record->parameters != NULL && k < record->n_parameters; k++) {
        free(record->parameters[k].name);
        free(record->parameters[k].why);
        free(record->parameters[k].where);
    }
    free(record->parameters);
    gate_arrays_free(record);
    *record = (gate_record_t){0};
}

static const char GATE_CURE[] =
    "Run `infermill diagnose` for these weights, or go on with --unverified REASON.";

err_t gate_check_weights(const gate_record_t *record, const char *weights)
{
    if (strcmp(record->weights, weights) != 0)
        return err_fail(ERR_GATE,
                        "the gate record is about other weights (got %s, expected %s). %s",
                        record->weights, weights, GATE_CURE);
    if (!record->passed)
        return err_fail(ERR_GATE,
                        "this amortizer did not pass the gate: %s Train longer or on more "
                        "simulations and run `infermill "
                        "diagnose` again, or go on with --unverified REASON.",
                        record->reasons[0]);
    return OK;
}

/* The same words; the gate refuses, whatever is wrong with its record. */
static err_t gate_unreadable(void)
{
    char *text = mem_copy_text(err_text());
    err_t err = err_fail(ERR_GATE, "%s", text);
    free(text);
    return err;
}

err_t gate_require(const char *path, const char *weights)
{
    gate_record_t record;
    err_t err = gate_read(path, &record);
    if (err_is(err, ERR_MISSING))
        return err_fail(ERR_GATE, "%s: there is no gate record. %s", path, GATE_CURE);
    if (err_is(err, ERR_FORMAT))
        return gate_unreadable();
    TRY(err);
    err = gate_check_weights(&record, weights);
    gate_free(&record);
    return err_context(err, "%s", path);
}
