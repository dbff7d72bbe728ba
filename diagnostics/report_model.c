// SPDX-License-Identifier: Apache-2.0
// What was asked: which parameters of which model, under which priors, from which data.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *model_variables(int n, const report_variable_t *at)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(at[i].name));
        json_object_set_new(object, "what", json_string(at[i].what));
        json_object_set_new(object, "prior", at[i].prior ? json_string(at[i].prior) : json_null());
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *model_json(const report_t *r)
{
    const report_model_t *m = r->model;
    if (m == NULL)
        return NULL;
    json_t *object = json_object();
    json_object_set_new(object, "study", json_string(r->study_path ? r->study_path : ""));
    json_object_set_new(object, "name", json_string(m->name));
    json_object_set_new(object, "version", json_string(m->version ? m->version : ""));
    json_object_set_new(object, "description", json_string(m->description ? m->description : ""));
    json_object_set_new(object, "parameters", model_variables(m->n_parameters, m->parameters));
    json_object_set_new(object, "observables", model_variables(m->n_observables, m->observables));
    json_object_set_new(object, "design", model_variables(m->n_design, m->design));
    return object;
}

static char *model_names(const json_t *list)
{
    text_t text = text_create();
    for (size_t i = 0; i < json_array_size(list); i++)
        text_add_item(&text, json_text(json_array_get(list, i), "name"));
    return text.data;
}

static void model_sentence(const json_t *self, page_t *page)
{
    char *wanted = model_names(json_object_get(self, "parameters")),
         *from = model_names(json_object_get(self, "observables")),
         *given = model_names(json_object_get(self, "design"));
    char *words =
        mem_format("The posterior of %s given %s%s%s, for any data set of the model %s%s%s%s%s.",
                   wanted, from, given[0] ? " and the design " : "", given, json_text(self, "name"),
                   json_text(self, "version")[0] ? " " : "", json_text(self, "version"),
                   json_text(self, "description")[0] ? ": " : "", json_text(self, "description"));
    page_paragraph(page, words);
    free(words);
    free(given);
    free(from);
    free(wanted);
}

static void model_rows(const json_t *list, const char *role, page_t *page)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *variable = json_array_get(list, i);
        const char *prior = json_text(variable, "prior");
        page_cell(page, json_text(variable, "name"));
        page_cell(page, role);
        page_cell(page, json_text(variable, "what"));
        page_cell(page, prior);
    }
}

static void model_page(const json_t *self, page_t *page)
{
    static const page_column_t columns[] = {
        {"Name", false}, {"Role", false}, {"What it is", false}, {"Prior", false}};
    model_sentence(self, page);
    page_table(page, 4, columns);
    model_rows(json_object_get(self, "parameters"), "parameter", page);
    model_rows(json_object_get(self, "observables"), "observable", page);
    model_rows(json_object_get(self, "design"), "design", page);
    page_table_end(page);
}

const report_section_t report_model = {
    .name = "model", .heading = "What was asked", .json = model_json, .page = model_page};
