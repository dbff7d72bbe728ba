// SPDX-License-Identifier: Apache-2.0
// Whether the observed data sets, all together, look like the simulated ones.
#include "diagnostics/report_section.h"

#include "diagnostics/json.h"

#include <math.h>
#include <stdlib.h>

static json_t *misfit_json(const report_t *r)
{
    const misfit_t *m = r->inferred ? r->inferred->misfit : NULL;
    if (m == NULL || m->n == 0)
        return NULL;
    char *words = misfit_words(m, r->inferred->ids);
    json_t *object = json_object();
    json_object_set_new(object, "words", json_string(words));
    json_object_set_new(object, "found", json_boolean(misfit_found(m)));
    json_object_set_new(object, "observed", json_integer(m->n));
    json_object_set_new(object, "simulated", json_integer(m->references));
    json_object_set_new(object, "unusual", json_integer(m->unusual));
    json_object_set_new(object, "unusual_expected", json_number_or_null(m->expected));
    json_object_set_new(object, "unusual_p", json_number_or_null(m->p_value));
    json_object_set_new(object, "beyond_all_simulated", json_integer(m->beyond));
    json_object_set_new(object, "mmd_rows", json_integer(m->rows));
    json_object_set_new(object, "mmd_squared",
                        json_number_or_null(m->rows > 0 ? m->mmd.squared : NAN));
    json_object_set_new(object, "mmd_p", json_number_or_null(m->rows > 0 ? m->mmd.p_value : NAN));
    json_object_set_new(object, "mmd_threshold",
                        json_number_or_null(m->rows > 0 ? m->mmd.threshold : NAN));
    if (r->inferred->misfit_picture != NULL)
        json_object_set_new(object, "picture", json_string(r->inferred->misfit_picture));
    free(words);
    return object;
}

static void misfit_page(const json_t *self, page_t *page)
{
    bool found = json_is_true(json_object_get(self, "found"));
    const char *picture = json_text(self, "picture"), *title = "Observed among simulated data";
    page_verdict(page, found ? RATING_FAIR : RATING_GOOD, json_text(self, "words"), 0, NULL);
    if (picture[0] != '\0')
        page_picture(page, picture, title, report_reading(picture), title);
}

const report_section_t report_misfit = {.name = "observed_data",
                                        .heading =
                                            "Do the observed data look like the simulated ones?",
                                        .kept = true,
                                        .json = misfit_json,
                                        .page = misfit_page};
