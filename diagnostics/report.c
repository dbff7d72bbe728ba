// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/report.h"

#include "cluster/mem.h"
#include "diagnostics/report_parts.h"
#include "diagnostics/markup.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rated_t rate_calibration(double error)
{
    if (error <= 0.05)
        return (rated_t){RATING_GOOD, "excellent"};
    return error <= 0.10 ? (rated_t){RATING_FAIR, "fair"} : (rated_t){RATING_POOR, "poor"};
}

rated_t rate_nrmse(double nrmse)
{
    if (nrmse <= 0.10)
        return (rated_t){RATING_GOOD, nrmse <= 0.05 ? "excellent" : "good"};
    return nrmse <= 0.15 ? (rated_t){RATING_FAIR, "fair"} : (rated_t){RATING_FAIR, "weak"};
}

rated_t rate_contraction(double contraction, double calibration_error)
{
    if (isnan(contraction))
        return (rated_t){RATING_POOR, "unknown"};
    if (contraction > 0.95)
        return calibration_error <= 0.10 ? (rated_t){RATING_GOOD, "high"}
                                         : (rated_t){RATING_POOR, "overconfident"};
    return contraction < 0.80 ? (rated_t){RATING_FAIR, "low"} : (rated_t){RATING_GOOD, "medium"};
}

static const struct {
    const char *file, *reading;
} report_readings[] = {
    {"loss.png", "Both curves should fall and then run level and close together; a validation "
                 "curve that rises while the "
                 "training curve falls is overfitting."},
    {"recovery.png",
     "Dots near the dashed line mean that the parameter is found again; about 95 of 100 vertical "
     "lines "
     "should cross it. A flat cloud means that the data say little about the parameter."},
    {"calibration_ecdf.png", "The curve should stay inside the grey band. A rise first and a fall "
                             "later: posteriors are too "
                             "narrow; the reverse: too wide; all above or all below zero: biased."},
    {"coverage.png", "The curve should follow the dashed line. Below it the intervals are too "
                     "narrow, above it too wide."},
    {"rank_histogram.png", "Bars should end inside the grey band. A valley in the middle: "
                           "posteriors too narrow; a hill: too "
                           "wide; a slope: biased."},
    {"z_contraction.png",
     "Points to the right: the data tell much about the parameter. Points should be spread evenly "
     "around zero, most within ±2."},
};

const char *report_reading(const char *file)
{
    for (size_t i = 0; i < sizeof report_readings / sizeof *report_readings; i++) {
        if (strcmp(file, report_readings[i].file) == 0)
            return report_readings[i].reading;
    }
    return "";
}

char *report_verdict(const report_t *report)
{
    const gate_record_t *g = report->gate;
    if (g->passed)
        return mem_format("Passed: on %ld simulated data sets the posteriors of all %d parameters "
                          "are calibrated within the "
                          "limits. The amortizer may judge real data.",
                          (long)g->rows, g->n_parameters);
    return mem_format("Not passed: the amortizer should not judge real data yet.");
}

cell_t report_cell(double x)
{
    cell_t c;
    double size = fabs(x);
    if (!isfinite(x)) {
        snprintf(c.text, sizeof c.text, "n/a");
        return c;
    }
    char plain[24];
    if (size != 0 && (size < 0.01 || size >= 10000))
        snprintf(plain, sizeof plain, "%.3g", size);
    else
        snprintf(plain, sizeof plain, "%.*f", size < 10 ? 3 : size < 100 ? 2 : 1, size);
    snprintf(c.text, sizeof c.text, "%s%s", x < 0 ? "−" : "", plain);
    return c;
}

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

facts_t report_facts(const report_t *r)
{
    facts_t f = {0};
    const gate_record_t *g = r->gate;
    fact_add_text(&f, "Study", r->study);
    fact_add_text(&f, "Model", r->model);
    fact_add_text(&f, "Weights", g->weights);
    fact_add_text(&f, "Bank", g->bank);
    if (r->training_rows > 0)
        fact_add(&f, "Training simulations", mem_format("%ld", (long)r->training_rows));
    if (isfinite(r->training_seconds))
        fact_add(&f, "Training time", fact_duration(r->training_seconds));
    fact_add_text(&f, "Computed on", r->hosts);
    fact_add(&f, "Checked on",
             mem_format("%ld held-out simulations, rows %ld to %ld of seed %" PRIu64
                        ", %ld draws each",
                        (long)g->rows, (long)g->first_row, (long)(g->first_row + g->rows - 1),
                        g->seed, (long)g->draws));
    fact_add(&f, "Limits",
             mem_format("calibration error at most %g, largest ECDF deviation at most %g, %ld data "
                        "sets or more",
                        g->limits.calibration_error, g->limits.ecdf_deviation,
                        (long)g->limits.data_sets));
    fact_add(&f, "Bands", mem_format("%g %% simultaneous over all parameters", 100 * g->level));
    fact_add_text(&f, "Software", g->software);
    fact_add_text(&f, "Created", r->created);
    return f;
}

void report_facts_free(facts_t *facts)
{
    for (int i = 0; i < facts->n; i++)
        free(facts->value[i]);
    *facts = (facts_t){0};
}

static err_t report_write_text(const char *folder, const char *name, const text_t *text)
{
    char *path = mem_format("%s/%s", folder, name);
    err_t err = file_replace(path, text->length, text->data);
    free(path);
    return err;
}

err_t report_write(const char *folder, const report_t *report)
{
    text_t html = text_create(), markdown = text_create();
    char *json = mem_format("%s/report.json", folder);
    err_t err;
    TRY_TO(done, report_html(folder, report, &html));
    report_markdown(report, &markdown);
    TRY_TO(done, report_write_text(folder, "report.md", &markdown));
    TRY_TO(done, report_write_text(folder, "report.html", &html));
    TRY_TO(done, report_json(json, report));
done:
    text_free(&html);
    text_free(&markdown);
    free(json);
    return err;
}
