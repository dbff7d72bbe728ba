// SPDX-License-Identifier: Apache-2.0
// The verdict. Its file is in gate_file.c.
#include "diagnostics/gate.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

gate_limits_t gate_limits_default(void)
{
    return (gate_limits_t){.calibration_error = 0.10, .ecdf_deviation = 0.10, .data_sets = 300};
}

static gate_parameter_t gate_parameter(const char *name, const parameter_metrics_t *p,
                                       const gate_limits_t *limits)
{
    bool calibrated = p->calibration_error <= limits->calibration_error;
    bool uniform = p->ecdf_deviation <= limits->ecdf_deviation;
    char *calibration = calibrated ? mem_copy_text("")
                                   : mem_format("calibration error %.3g, at most %.3g allowed",
                                                p->calibration_error, limits->calibration_error);
    char *ranks = uniform ? mem_copy_text("")
                          : mem_format("ranks deviate from uniform by %.3g, at most %.3g allowed",
                                       p->ecdf_deviation, limits->ecdf_deviation);
    char *why = mem_format("%s%s%s", calibration, calibrated || uniform ? "" : "; ", ranks);
    free(calibration);
    free(ranks);
    return (gate_parameter_t){
        .name = mem_copy_text(name), .passed = calibrated && uniform, .why = why, .metrics = *p};
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
                       .n_parameters = metrics->d};
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
        r.parameters[k] = gate_parameter(names[k], &metrics->parameter[k], limits);
        if (!r.parameters[k].passed)
            gate_reason(&r, mem_format("Parameter %s: %s.", names[k], r.parameters[k].why));
    }
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
    }
    free(record->parameters);
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
    return err == OK ? OK : err_context(err, "%s", path);
}
