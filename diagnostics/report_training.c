// SPDX-License-Identifier: Apache-2.0
// What the history of losses says.
#include "diagnostics/report_section.h"

#include "diagnostics/json.h"

static bool training_there(const report_t *r)
{
    return r->training != NULL;
}

static void training_page(const report_t *r, page_t *page)
{
    page_paragraph(page, r->training->words);
}

static json_t *training_json(const report_t *r)
{
    const history_verdict_t *v = r->training;
    json_t *object = json_object();
    json_object_set_new(object, "diverged", json_boolean(v->diverged));
    json_object_set_new(object, "overfitting", json_boolean(v->overfitting));
    json_object_set_new(object, "undertrained", json_boolean(v->undertrained));
    json_object_set_new(object, "best_epoch", json_integer(v->best + 1));
    json_object_set_new(object, "ratio", json_number_or_null(v->ratio));
    json_object_set_new(object, "words", json_string(v->words));
    return object;
}

const report_section_t report_training = {.name = "training",
                                          .heading = "Training",
                                          .there = training_there,
                                          .page = training_page,
                                          .json = training_json};
