// SPDX-License-Identifier: Apache-2.0
#include "workers/question.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"
#include "storage/posterior_summary.h"
#include "storage/schema_array.h"

#include <math.h>
#include <stdlib.h>

/* An object with the question's id. */
static json_t *answer_begin(const question_t *q)
{
    json_t *answer = json_object();
    if (q->id != NULL)
        json_object_set(answer, "id", q->id);
    return answer;
}

/* One line; the answer is freed. */
static char *answer_end(json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
    CHECK(text != NULL, "an answer that is no JSON");
    json_decref(answer);
    return text;
}

static json_t *verdict_json(const posterior_verdict_t *v)
{
    json_t *verdict = json_object();
    json_object_set_new(verdict, "accepted", json_boolean(v->accepted));
    json_object_set_new(verdict, "reason", json_string(v->reason ? v->reason : ""));
    json_object_set_new(verdict, "n", json_integer(v->n));
    json_object_set_new(verdict, "distance", json_number_or_null(v->distance));
    json_object_set_new(verdict, "p_value", json_number_or_null(v->p_value));
    json_object_set_new(verdict, "edge_share", json_number_or_null(v->edge_share));
    json_object_set_new(verdict, "prior_edge_share", json_number_or_null(v->prior_edge_share));
    return verdict;
}

/* One summary of a parameter: a number, or a list of those of its values. */
static json_t *summary_value(const schema_variable_t *v, const double *summary, int which)
{
    if (v->n_dims == 0)
        return json_number_or_null(summary[v->first * SUMMARY_COUNT + which]);
    json_t *list = json_array();
    for (int k = v->first; k < v->first + v->n; k++)
        json_array_append_new(list, json_number_or_null(summary[k * SUMMARY_COUNT + which]));
    return list;
}

static json_t *summary_json(const answers_t *a, const double *draws)
{
    int P = a->inferred->n_parameters;
    double *summary = MEM_NEW(double, P *SUMMARY_COUNT);
    json_t *object = json_object();
    posterior_summarize(a->draws, P, draws, summary);
    for (int k = 0; k < schema_variable_count(a->inferred); k++) {
        schema_variable_t v = schema_variable(a->inferred, k);
        json_t *one = json_object();
        for (int s = 0; s < SUMMARY_COUNT; s++)
            json_object_set_new(one, summary_name((posterior_summary_t)s),
                                summary_value(&v, summary, s));
        json_object_set_new(object, v.name, one);
    }
    free(summary);
    return object;
}

static json_t *draw_json(const schema_variable_t *v, const double *draw)
{
    if (v->n_dims == 0)
        return json_number_or_null(draw[v->first]);
    json_t *list = json_array();
    for (int k = v->first; k < v->first + v->n; k++)
        json_array_append_new(list, json_number_or_null(draw[k]));
    return list;
}

static json_t *draws_json(const answers_t *a, int64_t n, const double *draws)
{
    json_t *object = json_object();
    for (int k = 0; k < schema_variable_count(a->inferred); k++) {
        schema_variable_t v = schema_variable(a->inferred, k);
        json_t *list = json_array();
        for (int64_t i = 0; i < n; i++)
            json_array_append_new(list, draw_json(&v, draws + i * a->inferred->n_parameters));
        json_object_set_new(object, v.name, list);
    }
    return object;
}

char *answer_posterior(const answers_t *a, const question_t *q, const double *draws,
                       const posterior_verdict_t *verdict)
{
    json_t *answer = answer_begin(q);
    json_object_set_new(answer, "verdict", verdict_json(verdict));
    if (verdict->accepted)
        json_object_set_new(answer, "summary", summary_json(a, draws));
    if (verdict->accepted && q->draws > 0)
        json_object_set_new(answer, "draws",
                            draws_json(a, q->draws < a->draws ? q->draws : a->draws, draws));
    json_object_set_new(answer, "weights", json_string(a->weights));
    if (a->unverified != NULL)
        json_object_set_new(answer, "unverified", json_string(a->unverified));
    return answer_end(answer);
}

char *answer_error(const question_t *q, const char *why)
{
    json_t *answer = answer_begin(q);
    json_t *words = json_string(why); // NULL where it is no UTF-8
    json_object_set_new(answer, "error", words ? words : json_string("no JSON that can be read"));
    return answer_end(answer);
}

char *answer_busy(const question_t *q, int retry_ms)
{
    json_t *answer = answer_begin(q);
    json_object_set_new(answer, "busy", json_true());
    json_object_set_new(answer, "retry_ms", json_integer(retry_ms));
    return answer_end(answer);
}

/* ---- what is served ---- */

static json_t *parameters_json(const schema_t *inferred)
{
    json_t *list = json_array();
    for (int k = 0; k < schema_variable_count(inferred); k++) {
        schema_variable_t v = schema_variable(inferred, k);
        const schema_parameter_t *p = &inferred->parameters[v.first];
        json_t *one = json_object(), *dims = json_array();
        for (int d = 0; d < v.n_dims; d++)
            json_array_append_new(dims, json_integer(v.dims[d]));
        json_object_set_new(one, "name", json_string(v.name));
        json_object_set_new(one, "lower", json_number_or_null(p->lower));
        json_object_set_new(one, "upper", json_number_or_null(p->upper));
        json_object_set_new(one, "dims", dims);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *dims_json(const schema_t *s, const schema_observable_t *o)
{
    json_t *dims = json_array();
    for (int d = 0; d < o->n_dims; d++)
        json_array_append_new(dims, d == 0 && o->length_design >= 0
                                        ? json_string(s->design[o->length_design].name)
                                        : json_integer(o->dims[d]));
    return dims;
}

static json_t *observables_json(const schema_t *s)
{
    json_t *list = json_array();
    for (int k = 0; k < s->n_observables; k++) {
        const schema_observable_t *o = &s->observables[k];
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(o->name));
        json_object_set_new(one, "kind", json_string(kind_name(o->kind)));
        json_object_set_new(one, "dims", dims_json(s, o));
        json_object_set_new(one, "missing", json_boolean(o->missing));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *design_json(const schema_t *s)
{
    json_t *list = json_array();
    for (int d = 0; d < s->n_design; d++) {
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(s->design[d].name));
        json_object_set_new(one, "lower", json_number_or_null(s->design[d].lower));
        json_object_set_new(one, "upper", json_number_or_null(s->design[d].upper));
        json_array_append_new(list, one);
    }
    return list;
}

char *answer_about(const answers_t *a, const question_t *q, const schema_t *schema,
                   const char *study, const char *gate)
{
    json_t *answer = answer_begin(q);
    json_object_set_new(answer, "study", json_string(study));
    json_object_set_new(answer, "model", json_string(schema->name));
    json_object_set_new(answer, "version", json_string(schema->version));
    json_object_set_new(answer, "weights", json_string(a->weights));
    json_object_set_new(answer, "gate", json_string(gate));
    if (a->unverified != NULL)
        json_object_set_new(answer, "unverified", json_string(a->unverified));
    json_object_set_new(answer, "draws", json_integer(a->draws));
    json_object_set_new(answer, "parameters", parameters_json(a->inferred));
    json_object_set_new(answer, "observables", observables_json(schema));
    json_object_set_new(answer, "design", design_json(schema));
    return answer_end(answer);
}
