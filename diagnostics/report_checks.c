// SPDX-License-Identifier: Apache-2.0
// The numbers of the diagnosis, a row a parameter.
#include "diagnostics/report_section.h"

#include "diagnostics/json.h"

#include <stdlib.h>

static bool checks_there(const report_t *r)
{
    return r->gate != NULL;
}

static void checks_row(const ratings_t *at, const gate_parameter_t *p, page_t *page)
{
    const parameter_metrics_t *m = &p->metrics;
    page_cell(page, p->name);
    page_cell_toned(page, p->passed ? RATING_GOOD : RATING_POOR,
                    p->passed ? "passed" : "not passed");
    page_cell_rated(page, m->calibration_error, rate_calibration(at, m->calibration_error));
    page_cell_rated(page, m->ecdf_deviation,
                    m->ecdf_inside ? (rated_t){RATING_GOOD, "in band"}
                                   : (rated_t){RATING_FAIR, "outside band"});
    page_cell_number(page, m->coverage_95);
    page_cell_rated(page, m->nrmse, rate_nrmse(at, m->nrmse));
    page_cell_number(page, m->correlation);
    page_cell_rated(page, m->contraction,
                    rate_contraction(at, m->contraction, m->calibration_error));
    page_cell_number(page, m->z_score);
    page_cell_number(page, m->bias.overall);
}

static void checks_page(const report_t *r, page_t *page)
{
    static const page_column_t columns[] = {{"Parameter", false},
                                            {"Gate", false},
                                            {"Calibration error", true},
                                            {"ECDF deviation", true},
                                            {"95 % coverage", true},
                                            {"NRMSE", true},
                                            {"R", true},
                                            {"Contraction", true},
                                            {"z-score", true},
                                            {"Bias", true}};
    page_table(page, sizeof columns / sizeof *columns, columns);
    for (int k = 0; k < r->gate->n_parameters; k++)
        checks_row(&r->ratings, &r->gate->parameters[k], page);
    page_table_end(page);
    char *limits = ratings_text(&r->ratings);
    page_note(page, limits);
    free(limits);
}

static json_t *checks_ratings(const ratings_t *at, const parameter_metrics_t *m)
{
    json_t *ratings = json_object();
    json_object_set_new(ratings, "calibration",
                        json_string(rate_calibration(at, m->calibration_error).words));
    json_object_set_new(ratings, "recovery", json_string(rate_nrmse(at, m->nrmse).words));
    json_object_set_new(
        ratings, "contraction",
        json_string(rate_contraction(at, m->contraction, m->calibration_error).words));
    return ratings;
}

static json_t *checks_json(const report_t *r)
{
    json_t *list = json_array();
    for (int k = 0; k < r->gate->n_parameters; k++) {
        const gate_parameter_t *p = &r->gate->parameters[k];
        json_t *object = json_metrics(&p->metrics);
        json_object_set_new(object, "name", json_string(p->name));
        json_object_set_new(object, "passed", json_boolean(p->passed));
        json_object_set_new(object, "why", json_string(p->why));
        json_object_set_new(object, "ratings", checks_ratings(&r->ratings, &p->metrics));
        json_array_append_new(list, object);
    }
    return list;
}

const report_section_t report_checks = {.name = "parameters",
                                        .heading = "Checks",
                                        .there = checks_there,
                                        .page = checks_page,
                                        .json = checks_json};
