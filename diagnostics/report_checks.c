// SPDX-License-Identifier: Apache-2.0
// The gate: the numbers of the diagnosis, a row a parameter, and the limits.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

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

static json_t *checks_parameter(const ratings_t *at, const gate_parameter_t *p)
{
    json_t *object = json_metrics(&p->metrics);
    json_object_set_new(object, "name", json_string(p->name));
    json_object_set_new(object, "passed", json_boolean(p->passed));
    json_object_set_new(object, "why", json_string(p->why));
    json_object_set_new(object, "where", json_string(p->where ? p->where : ""));
    json_object_set_new(object, "ratings", checks_ratings(at, &p->metrics));
    return object;
}

/* Of all parameters together (tarp.h). */
static json_t *checks_joint(const tarp_t *joint)
{
    json_t *object = json_object();
    metric_value_t value[METRIC_JOINT_VALUES];
    metrics_joint_values(joint, value);
    for (int i = 0; i < METRIC_JOINT_VALUES; i++)
        json_object_set_new(object, value[i].name, json_number_or_null(value[i].value));
    return object;
}

static json_t *checks_json(const report_t *r)
{
    const gate_record_t *g = r->gate;
    if (g == NULL)
        return NULL;
    json_t *object = json_object(), *list = json_array(), *limits = json_object();
    for (int k = 0; k < g->n_parameters; k++)
        json_array_append_new(list, checks_parameter(&r->ratings, &g->parameters[k]));
    char *on = mem_format("%s held-out simulations, rows %" PRId64 " to %" PRId64
                          " of seed %" PRIu64 ", %s draws each",
                          page_count(g->rows).text, g->first_row, g->first_row + g->rows - 1,
                          g->seed, page_count(g->draws).text);
    json_object_set_new(limits, "calibration_error", json_real(g->limits.calibration_error));
    json_object_set_new(limits, "ecdf_deviation", json_real(g->limits.ecdf_deviation));
    json_object_set_new(limits, "rank_r2", json_real(g->limits.rank_r2));
    json_object_set_new(limits, "data_sets", json_integer(g->limits.data_sets));
    json_object_set_new(object, "checked_on", json_string(on));
    json_object_set_new(object, "limits", limits);
    json_object_set_new(object, "band_level", json_number_or_null(g->level));
    json_object_set_new(object, "rating_limits", json_ratings(&r->ratings));
    json_object_set_new(object, "parameters", list);
    json_object_set_new(object, "joint", checks_joint(&g->joint));
    free(on);
    return object;
}

static void checks_row(const ratings_t *at, json_t *parameter, page_t *page)
{
    parameter_metrics_t m;
    CHECK(json_read_metrics(parameter, &m), "numbers of a parameter in a report");
    bool passed = json_flag(parameter, "passed");
    page_cell(page, json_text(parameter, "name"));
    page_cell_toned(page, passed ? RATING_GOOD : RATING_POOR, passed ? "passed" : "not passed");
    page_cell_rated(page, m.calibration_error, rate_calibration(at, m.calibration_error));
    page_cell_rated(page, m.ecdf_deviation,
                    m.ecdf_inside ? (rated_t){RATING_GOOD, "in band"}
                                  : (rated_t){RATING_FAIR, "outside band"});
    page_cell_number(page, fmax(m.dependence.location, m.dependence.spread));
    page_cell_number(page, m.coverage_95);
    page_cell_rated(page, m.nrmse, rate_nrmse(at, m.nrmse));
    page_cell_number(page, m.correlation);
    page_cell_rated(page, m.contraction, rate_contraction(at, m.contraction, m.calibration_error));
    page_cell_number(page, m.z_score);
    page_cell_number(page, m.bias.overall);
}

static void checks_limits(const json_t *self, const ratings_t *at, page_t *page)
{
    const json_t *limits = json_object_get(self, "limits");
    double deviation = json_number(json_object_get(self, "joint"), "tarp_deviation");
    char *words = mem_format(
        "Checked on %s. The gate passes when for every parameter the calibration error is at most "
        "%g, the largest deviation of the rank ECDF at most %g, and the ranks can not be told from "
        "the data (R² at most %g, or no more than chance), on %s data sets or more. Bands are "
        "simultaneous over all parameters at %g %%.%s%s%s",
        json_text(self, "checked_on"), json_number(limits, "calibration_error"),
        json_number(limits, "ecdf_deviation"), json_number(limits, "rank_r2"),
        page_count(json_whole(limits, "data_sets")).text, 100 * json_number(self, "band_level"),
        isnan(deviation) ? "" : " All parameters together (TARP): largest deviation ",
        isnan(deviation) ? "" : page_number(deviation).text, isnan(deviation) ? "" : ".");
    char *ratings = ratings_text(at);
    page_note(page, words);
    page_note(page, ratings);
    free(ratings);
    free(words);
}

/* Where it is wrong, or nearly, of each parameter of which that is known. */
static void checks_where(json_t *list, page_t *page)
{
    size_t n = json_array_size(list);
    char **lines = MEM_NEW(char *, n + 1);
    int told = 0;
    for (size_t k = 0; k < n; k++) {
        const json_t *p = json_array_get(list, k);
        if (json_text(p, "where")[0] != '\0')
            lines[told++] = mem_format("%s: %s", json_text(p, "name"), json_text(p, "where"));
    }
    page_list(page, told, (const char *const *)lines);
    for (int i = 0; i < told; i++)
        free(lines[i]);
    free(lines);
}

static void checks_page(const json_t *self, page_t *page)
{
    static const page_column_t columns[] = {{"Parameter", false},
                                            {"Gate", false},
                                            {"Calibration error", true},
                                            {"ECDF deviation", true},
                                            {"R² of ranks on data", true},
                                            {"95 % coverage", true},
                                            {"NRMSE", true},
                                            {"R", true},
                                            {"Contraction", true},
                                            {"z-score", true},
                                            {"Bias", true}};
    ratings_t at;
    CHECK(json_read_ratings(json_object_get(self, "rating_limits"), &at), "limits in a report");
    json_t *list = json_object_get(self, "parameters");
    page_table(page, sizeof columns / sizeof *columns, columns);
    for (size_t k = 0; k < json_array_size(list); k++)
        checks_row(&at, json_array_get(list, k), page);
    page_table_end(page);
    checks_where(list, page);
    checks_limits(self, &at, page);
}

const report_section_t report_checks = {
    .name = "checks", .heading = "Checks", .json = checks_json, .page = checks_page};
