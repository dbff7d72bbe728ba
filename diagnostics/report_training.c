// SPDX-License-Identifier: Apache-2.0
// What the history of losses says.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <math.h>
#include <stdlib.h>

static json_t *training_json(const report_t *r)
{
    const report_training_t *t = r->training;
    if (t == NULL)
        return NULL;
    json_t *object = json_object();
    const history_verdict_t *v = &t->verdict;
    json_object_set_new(object, "words", json_string(v->words));
    json_object_set_new(object, "diverged", json_boolean(v->diverged));
    json_object_set_new(object, "overfitting", json_boolean(v->overfitting));
    json_object_set_new(object, "undertrained", json_boolean(v->undertrained));
    json_object_set_new(object, "epochs", json_integer(t->epochs));
    json_object_set_new(object, "best_epoch", json_integer(v->best + 1));
    json_object_set_new(object, "training_loss", json_number_or_null(t->training_loss));
    json_object_set_new(object, "validation_loss", json_number_or_null(t->validation_loss));
    json_object_set_new(object, "ratio", json_number_or_null(v->ratio));
    json_object_set_new(object, "overfitting_limit", json_number_or_null(t->overfitting));
    return object;
}

static void training_page(const json_t *self, page_t *page)
{
    page_paragraph(page, json_text(self, "words"));
    char *words = mem_format(
        "Best epoch %ld of %ld: training loss %s, validation loss %s (negative log density). "
        "Validation over training at the end %s; above %s is called overfitting.",
        (long)json_whole(self, "best_epoch"), (long)json_whole(self, "epochs"),
        page_number(json_number(self, "training_loss")).text,
        page_number(json_number(self, "validation_loss")).text,
        page_number(json_number(self, "ratio")).text,
        page_number(json_number(self, "overfitting_limit")).text);
    page_note(page, words);
    free(words);
}

const report_section_t report_training = {
    .name = "training", .heading = "Training", .json = training_json, .page = training_page};
