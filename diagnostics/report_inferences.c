// SPDX-License-Identifier: Apache-2.0
// Posteriors of real data sets.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <stdlib.h>

enum { INFERENCES_WIDE = 5 }; // parameters that fit beside each other

static bool inferences_there(const report_t *r)
{
    return r->inferred != NULL && r->inferred->n > 0;
}

static void inferences_columns(const report_inferred_t *x, page_t *page)
{
    page_column_t columns[INFERENCES_WIDE + 2] = {{"Data set", false}};
    for (int k = 0; k < x->d; k++)
        columns[k + 1] = (page_column_t){x->names[k], true};
    columns[x->d + 1] = (page_column_t){"Verdict", false};
    page_table(page, x->d + 2, columns);
}

/* "1.250 ± 0.100, 1.050 to 1.450" */
static void inferences_cell(const report_inferred_t *x, int64_t j, page_t *page)
{
    char *words = x->mean[j] == x->mean[j]
                      ? mem_format("%s ± %s, %s to %s", page_number(x->mean[j]).text,
                                   page_number(x->sd[j]).text, page_number(x->low[j]).text,
                                   page_number(x->high[j]).text)
                      : mem_copy_text("none");
    page_cell(page, words);
    free(words);
}

/* A row a data set. */
static void inferences_wide(const report_inferred_t *x, page_t *page)
{
    inferences_columns(x, page);
    for (int64_t i = 0; i < x->n; i++) {
        page_cell(page, x->ids[i]);
        for (int64_t j = i * x->d; j < (i + 1) * x->d; j++)
            inferences_cell(x, j, page);
        page_cell(page, x->verdicts[i]);
    }
    page_table_end(page);
}

/* A row a data set and parameter: for many parameters. */
static void inferences_long(const report_inferred_t *x, page_t *page)
{
    static const page_column_t columns[] = {
        {"Data set", false}, {"Parameter", false}, {"Posterior", true}, {"Verdict", false}};
    page_table(page, 4, columns);
    for (int64_t i = 0; i < x->n; i++)
        for (int k = 0; k < x->d; k++) {
            page_cell(page, x->ids[i]);
            page_cell(page, x->names[k]);
            inferences_cell(x, i * x->d + k, page);
            page_cell(page, x->verdicts[i]);
        }
    page_table_end(page);
}

static void inferences_page(const report_t *r, page_t *page)
{
    page_paragraph(page, "Posterior mean ± standard deviation, and central 95 % interval.");
    if (r->inferred->d <= INFERENCES_WIDE)
        inferences_wide(r->inferred, page);
    else
        inferences_long(r->inferred, page);
}

static json_t *inferences_set(const report_inferred_t *x, int64_t i)
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

static json_t *inferences_json(const report_t *r)
{
    json_t *sets = json_array();
    for (int64_t i = 0; i < r->inferred->n; i++)
        json_array_append_new(sets, inferences_set(r->inferred, i));
    return sets;
}

const report_section_t report_inferences = {.name = "data_sets",
                                            .heading = "Real data sets",
                                            .there = inferences_there,
                                            .page = inferences_page,
                                            .json = inferences_json};
