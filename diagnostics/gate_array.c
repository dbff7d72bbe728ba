// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/gate_array.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- judged ---- */

static char *why_not(const array_metrics_t *a, double limit)
{
    if (array_passes(a))
        return mem_copy_text("");
    return mem_format("%.0f %% of its values have a calibration error of at most %.3g, at least "
                      "%.0f %% needed; the worst has %.3g",
                      100 * a->share_inside, limit, 100 * ARRAYS_SHARE, a->worst_calibration_error);
}

static void add_array(gate_record_t *r, const char *name, const array_metrics_t *metrics)
{
    r->arrays = MEM_GROW(r->arrays, gate_array_t, r->n_arrays + 1);
    gate_array_t *a = &r->arrays[r->n_arrays++];
    *a = (gate_array_t){.name = mem_copy_text(name),
                        .passed = array_passes(metrics),
                        .why = why_not(metrics, r->limits.calibration_error),
                        .metrics = *metrics};
    if (a->passed)
        return;
    r->reasons = MEM_GROW(r->reasons, char *, r->n_reasons + 1);
    r->reasons[r->n_reasons++] = mem_format("Parameter %s: %s.", a->name, a->why);
    r->passed = false;
}

void gate_arrays_judge(gate_record_t *record, const char *const *names,
                       const array_metrics_t *arrays)
{
    for (int k = 0; arrays != NULL && k < record->n_parameters; k++)
        if (arrays[k].values > 0)
            add_array(record, names[k], &arrays[k]);
}

void gate_arrays_free(gate_record_t *record)
{
    for (int k = 0; k < record->n_arrays; k++) {
        free(record->arrays[k].name);
        free(record->arrays[k].why);
    }
    free(record->arrays);
}

bool gate_arrays_follow(const gate_record_t *record, bool *all)
{
    for (int k = 0; k < record->n_arrays; k++) {
        if (record->arrays[k].passed != array_passes(&record->arrays[k].metrics))
            return false;
        *all = *all && record->arrays[k].passed;
    }
    return true;
}

/* What stands among the parameters. */
static const parameter_metrics_t *median_of(const gate_record_t *record, const char *name)
{
    int k = 0;
    while (k + 1 < record->n_parameters && strcmp(record->parameters[k].name, name) != 0)
        k++;
    return &record->parameters[k].metrics;
}

char *gate_array_words(const gate_record_t *record, int k)
{
    const gate_array_t *a = &record->arrays[k];
    const array_metrics_t *m = &a->metrics;
    const parameter_metrics_t *median = median_of(record, a->name);
    char *constant = m->constant > 0
                         ? mem_format(", of which %d never vary and are left out", m->constant)
                         : mem_copy_text("");
    char *words = mem_format(
        "%s: %d values%s; calibration error %.3f in the median, %.3f at worst; ECDF deviation %.3f "
        "in the median, %.3f at worst; calibration excellent in %.0f %% of them, at least fair in "
        "%.0f %%",
        a->name, m->values, constant, median->calibration_error, m->worst_calibration_error,
        median->ecdf_deviation, m->worst_ecdf_deviation, 100 * m->share_excellent,
        100 * m->share_fair);
    free(constant);
    return words;
}

/* ---- written and read ---- */

json_t *gate_arrays_json(const gate_record_t *record)
{
    if (record->n_arrays == 0)
        return NULL;
    json_t *list = json_array();
    for (int k = 0; k < record->n_arrays; k++) {
        const gate_array_t *a = &record->arrays[k];
        const array_metrics_t *m = &a->metrics;
        json_array_append_new(
            list,
            json_pack("{s:s,s:b,s:s,s:i,s:i,s:o,s:o,s:o,s:o,s:o}", "name", a->name, "passed",
                      a->passed, "why", a->why, "values", m->values, "constant", m->constant,
                      "worst_calibration_error", json_number_or_null(m->worst_calibration_error),
                      "worst_ecdf_deviation", json_number_or_null(m->worst_ecdf_deviation),
                      "share_excellent", json_number_or_null(m->share_excellent), "share_fair",
                      json_number_or_null(m->share_fair), "share_inside",
                      json_number_or_null(m->share_inside)));
    }
    return list;
}

static bool parse_array(json_t *object, gate_array_t *out)
{
    const char *name, *why;
    int passed;
    array_metrics_t m;
    if (json_unpack(object, "{s:s,s:b,s:s,s:i,s:i,s:F,s:F,s:F,s:F,s:F}", "name", &name, "passed",
                    &passed, "why", &why, "values", &m.values, "constant", &m.constant,
                    "worst_calibration_error", &m.worst_calibration_error, "worst_ecdf_deviation",
                    &m.worst_ecdf_deviation, "share_excellent", &m.share_excellent, "share_fair",
                    &m.share_fair, "share_inside", &m.share_inside) != 0)
        return false;
    *out = (gate_array_t){
        .name = mem_copy_text(name), .passed = passed, .why = mem_copy_text(why), .metrics = m};
    return true;
}

bool gate_arrays_parse(const json_t *list, gate_record_t *record)
{
    size_t n = json_array_size(list);
    if (list == NULL)
        return true;
    record->arrays = MEM_NEW(gate_array_t, n + 1);
    while ((size_t)record->n_arrays < n) {
        json_t *object = json_array_get(list, (size_t)record->n_arrays);
        if (!parse_array(object, &record->arrays[record->n_arrays]))
            return false;
        record->n_arrays++;
    }
    return n > 0;
}
