// SPDX-License-Identifier: Apache-2.0
// report.json
#include "diagnostics/report_parts.h"

#include "diagnostics/json.h"

#include <stdlib.h>

static void json_set_rating(json_t *object, const char *name, rated_t rated)
{
    json_object_set_new(object, name, json_string(rated.words));
}

static json_t *json_parameters(const gate_record_t *g)
{
    json_t *list = json_array();
    for (int k = 0; k < g->n_parameters; k++) {
        const gate_parameter_t *p = &g->parameters[k];
        json_t *object = json_metrics(&p->metrics), *ratings = json_object();
        json_set_rating(ratings, "calibration_error",
                        rate_calibration(p->metrics.calibration_error));
        json_set_rating(ratings, "nrmse", rate_nrmse(p->metrics.nrmse));
        json_set_rating(ratings, "contraction",
                        rate_contraction(p->metrics.contraction, p->metrics.calibration_error));
        json_object_set_new(object, "name", json_string(p->name));
        json_object_set_new(object, "passed", json_boolean(p->passed));
        json_object_set_new(object, "why", json_string(p->why));
        json_object_set_new(object, "ratings", ratings);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *json_training(const history_verdict_t *v)
{
    json_t *object = json_object();
    json_object_set_new(object, "diverged", json_boolean(v->diverged));
    json_object_set_new(object, "overfitting", json_boolean(v->overfitting));
    json_object_set_new(object, "undertrained", json_boolean(v->undertrained));
    json_object_set_new(object, "best_epoch", json_integer(v->best + 1));
    json_object_set_new(object, "ratio", json_number_or_null(v->ratio));
    json_object_set_new(object, "words", json_string(v->words));
    return object;
}

static json_t *json_data_set(const report_inferred_t *x, int64_t i)
{
    json_t *object = json_object(), *parameters = json_object();
    for (int k = 0; k < x->d; k++) {
        int64_t j = i * x->d + k;
        json_t *posterior = json_object();
        json_object_set_new(posterior, "mean", json_number_or_null(x->mean[j]));
        json_object_set_new(posterior, "sd", json_number_or_null(x->sd[j]));
        json_object_set_new(posterior, "low", json_number_or_null(x->low[j]));
        json_object_set_new(posterior, "high", json_number_or_null(x->high[j]));
        json_object_set_new(parameters, x->names[k], posterior);
    }
    json_object_set_new(object, "id", json_string(x->ids[i]));
    json_object_set_new(object, "verdict", json_string(x->verdicts[i]));
    json_object_set_new(object, "parameters", parameters);
    return object;
}

static json_t *json_facts(const report_t *r)
{
    json_t *object = json_object();
    facts_t facts = report_facts(r);
    for (int i = 0; i < facts.n; i++)
        json_object_set_new(object, facts.name[i], json_string(facts.value[i]));
    report_facts_free(&facts);
    return object;
}

err_t report_json(const char *path, const report_t *r)
{
    char *verdict = report_verdict(r);
    json_t *root = json_object(), *reasons = json_array(), *pictures = json_array(),
           *sets = json_array();
    for (int i = 0; i < r->gate->n_reasons; i++)
        json_array_append_new(reasons, json_string(r->gate->reasons[i]));
    for (int i = 0; i < r->n_pictures; i++)
        json_array_append_new(pictures, json_string(r->pictures[i].file));
    for (int64_t i = 0; r->inferred != NULL && i < r->inferred->n; i++)
        json_array_append_new(sets, json_data_set(r->inferred, i));
    json_object_set_new(root, "study", json_string(r->study));
    json_object_set_new(root, "passed", json_boolean(r->gate->passed));
    json_object_set_new(root, "verdict", json_string(verdict));
    json_object_set_new(root, "reasons", reasons);
    json_object_set_new(root, "training", r->training ? json_training(r->training) : json_null());
    json_object_set_new(root, "parameters", json_parameters(r->gate));
    json_object_set_new(root, "data_sets", sets);
    json_object_set_new(root, "pictures", pictures);
    json_object_set_new(root, "provenance", json_facts(r));
    err_t err = json_write(path, root);
    json_decref(root);
    free(verdict);
    return err;
}
