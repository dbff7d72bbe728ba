// SPDX-License-Identifier: Apache-2.0
// What it took: simulations, training, checking.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

static json_t *budget_simulations(const report_simulations_t *s)
{
    json_t *object = json_object(), *outcomes = json_object();
    for (int i = 0; i < s->n_outcomes; i++)
        json_object_set_new(outcomes, s->outcome[i].name, json_integer(s->outcome[i].rows));
    json_object_set_new(object, "bank", json_string(s->path));
    json_object_set_new(object, "rows", json_integer(s->rows));
    json_object_set_new(object, "outcomes", outcomes);
    json_object_set_new(object, "seconds", json_number_or_null(s->seconds));
    json_object_set_new(object, "origin", s->origin ? json_string(s->origin) : json_null());
    return object;
}

static json_t *budget_json(const report_t *r)
{
    const report_training_t *t = r->training;
    if (r->simulations == NULL || t == NULL)
        return NULL;
    json_t *object = json_object();
    json_object_set_new(object, "simulations", budget_simulations(r->simulations));
    json_object_set_new(object, "training_rows", json_integer(t->rows));
    json_object_set_new(object, "validation_rows", json_integer(t->validation_rows));
    json_object_set_new(object, "epochs", json_integer(t->epochs));
    json_object_set_new(object, "weights", json_integer(t->n_weights));
    json_object_set_new(object, "training_seconds", json_number_or_null(t->seconds));
    json_object_set_new(object, "hosts", json_string(r->hosts ? r->hosts : ""));
    return object;
}

/* "20,000 in the bank: 19,990 done, 10 rejected" */
static char *budget_outcomes(const json_t *simulations)
{
    text_t text = text_create();
    const char *name;
    json_t *rows;
    json_object_foreach(json_object_get(simulations, "outcomes"), name, rows)
    {
        char *item = mem_format("%s %s", page_count(json_integer_value(rows)).text, name);
        text_add_item(&text, item);
        free(item);
    }
    char *words =
        mem_format("%s in the bank %s: %s", page_count(json_whole(simulations, "rows")).text,
                   json_text(simulations, "bank"), text.data);
    text_free(&text);
    return words;
}

static void budget_fact(page_t *page, const char *name, char *value)
{
    page_fact(page, name, value);
    free(value);
}

static void budget_page(const json_t *self, page_t *page)
{
    static const page_column_t columns[2] = {{NULL, false}, {NULL, false}};
    const json_t *simulations = json_object_get(self, "simulations");
    page_table(page, 2, columns);
    budget_fact(page, "Simulations", budget_outcomes(simulations));
    if (json_text(simulations, "origin")[0] != '\0')
        page_fact(page, "Made elsewhere", json_text(simulations, "origin"));
    else
        page_fact(page, "Simulating", page_duration(json_number(simulations, "seconds")).text);
    budget_fact(page, "Training",
                mem_format("%s epochs over %s simulations, %s more for validation: %s",
                           page_count(json_whole(self, "epochs")).text,
                           page_count(json_whole(self, "training_rows")).text,
                           page_count(json_whole(self, "validation_rows")).text,
                           page_duration(json_number(self, "training_seconds")).text));
    budget_fact(page, "Network",
                mem_format("%s weights", page_count(json_whole(self, "weights")).text));
    page_fact(page, "Computed on", json_text(self, "hosts"));
    page_table_end(page);
}

const report_section_t report_budget = {.name = "budget",
                                        .heading = "What it took",
                                        .kept = true,
                                        .json = budget_json,
                                        .page = budget_page};
