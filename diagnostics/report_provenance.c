// SPDX-License-Identifier: Apache-2.0
// Where everything comes from.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { FACTS_CAP = 16 };
typedef struct {
    int n;
    const char *name[FACTS_CAP];
    char *value[FACTS_CAP];
} facts_t;

static void fact_add(facts_t *f, const char *name, char *value)
{
    CHECK(f->n < FACTS_CAP, "%d facts in a report", f->n);
    f->name[f->n] = name;
    f->value[f->n++] = value;
}

static void fact_add_text(facts_t *f, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        fact_add(f, name, mem_copy_text(value));
}

static char *fact_duration(double seconds)
{
    if (seconds < 120)
        return mem_format("%.1f s", seconds);
    return seconds < 7200 ? mem_format("%.1f min", seconds / 60)
                          : mem_format("%.1f h", seconds / 3600);
}

static void facts_of_gate(facts_t *f, const gate_record_t *g)
{
    fact_add_text(f, "Weights", g->weights);
    fact_add_text(f, "Bank", g->bank);
    fact_add(f, "Checked on",
             mem_format("%ld held-out simulations, rows %ld to %ld of seed %" PRIu64
                        ", %ld draws each",
                        (long)g->rows, (long)g->first_row, (long)(g->first_row + g->rows - 1),
                        g->seed, (long)g->draws));
    fact_add(f, "Limits",
             mem_format("calibration error at most %g, largest ECDF deviation at most %g, %ld data "
                        "sets or more",
                        g->limits.calibration_error, g->limits.ecdf_deviation,
                        (long)g->limits.data_sets));
    fact_add(f, "Bands", mem_format("%g %% simultaneous over all parameters", 100 * g->level));
    fact_add_text(f, "Software", g->software);
}

static facts_t provenance_facts(const report_t *r)
{
    facts_t f = {0};
    fact_add_text(&f, "Study", r->study);
    fact_add_text(&f, "Model", r->model);
    if (r->training_rows > 0)
        fact_add(&f, "Training simulations", mem_format("%ld", (long)r->training_rows));
    if (isfinite(r->training_seconds))
        fact_add(&f, "Training time", fact_duration(r->training_seconds));
    fact_add_text(&f, "Computed on", r->hosts);
    if (r->gate != NULL)
        facts_of_gate(&f, r->gate);
    fact_add_text(&f, "Created", r->created);
    return f;
}

static void facts_free(facts_t *facts)
{
    for (int i = 0; i < facts->n; i++)
        free(facts->value[i]);
    *facts = (facts_t){0};
}

static bool provenance_there(const report_t *r)
{
    (void)r;
    return true;
}

static void provenance_page(const report_t *r, page_t *page)
{
    static const page_column_t columns[2] = {{NULL, false}, {NULL, false}};
    facts_t facts = provenance_facts(r);
    page_table(page, 2, columns);
    for (int i = 0; i < facts.n; i++)
        page_fact(page, facts.name[i], facts.value[i]);
    page_table_end(page);
    facts_free(&facts);
}

static json_t *provenance_json(const report_t *r)
{
    json_t *object = json_object();
    facts_t facts = provenance_facts(r);
    for (int i = 0; i < facts.n; i++)
        json_object_set_new(object, facts.name[i], json_string(facts.value[i]));
    facts_free(&facts);
    return object;
}

const report_section_t report_provenance = {.name = "provenance",
                                            .heading = "Where this comes from",
                                            .there = provenance_there,
                                            .page = provenance_page,
                                            .json = provenance_json};
