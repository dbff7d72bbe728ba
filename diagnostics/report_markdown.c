// SPDX-License-Identifier: Apache-2.0
// report.md
#include "diagnostics/report_parts.h"

#include <stdlib.h>
#include <string.h>

static void markdown_heading(text_t *out, const char *title)
{
    text_add(out, "\n## %s\n\n", title);
}

static void markdown_metrics(const report_t *r, text_t *out)
{
    markdown_heading(out, "Numbers");
    text_add(out, "| Parameter | Gate | Calibration error | | ECDF deviation | ECDF in band | 95 "
                  "%% coverage | NRMSE | | R | "
                  "Contraction | | z-score | Bias "
                  "|\n|---|---|---:|---|---:|---|---:|---:|---|---:|---:|---|---:|---:|\n");
    for (int k = 0; k < r->gate->n_parameters; k++) {
        const gate_parameter_t *p = &r->gate->parameters[k];
        const parameter_metrics_t *m = &p->metrics;
        text_add(out, "| ");
        text_add_markdown(out, p->name);
        text_add(out, " | %s | %s | %s | %s | %s", p->passed ? "passed" : "**not passed**",
                 report_cell(m->calibration_error).text,
                 rate_calibration(m->calibration_error).words, report_cell(m->ecdf_deviation).text,
                 m->ecdf_inside ? "yes" : "no");
        text_add(out, " | %s | %s | %s | %s", report_cell(m->coverage_95).text,
                 report_cell(m->nrmse).text, rate_nrmse(m->nrmse).words,
                 report_cell(m->correlation).text);
        text_add(out, " | %s | %s | %s | %s |\n", report_cell(m->contraction).text,
                 rate_contraction(m->contraction, m->calibration_error).words,
                 report_cell(m->z_score).text, report_cell(m->bias.overall).text);
    }
}

static void markdown_pictures(const report_t *r, text_t *out)
{
    if (r->n_pictures > 0)
        markdown_heading(out, "Pictures");
    for (int i = 0; i < r->n_pictures; i++) {
        const report_picture_t *p = &r->pictures[i];
        const char *reading = p->reading ? p->reading : report_reading(p->file);
        text_add(out, "### ");
        text_add_markdown(out, p->title);
        text_add(out, "\n\n");
        text_add_markdown(out, reading);
        text_add(out, "\n\n![");
        text_add_markdown(out, p->title);
        text_add(out, "](<%s>)\n\n", p->file);
    }
}

static void markdown_inferred(const report_inferred_t *x, text_t *out)
{
    markdown_heading(out, "Real data sets");
    text_add(out, "Posterior mean, standard deviation and central 95 %% interval.\n\n| Data set |");
    for (int k = 0; k < x->d; k++) {
        text_add(out, " ");
        text_add_markdown(out, x->names[k]);
        text_add(out, " | sd | 95 %% interval |");
    }
    text_add(out, " Verdict |\n|---|");
    for (int k = 0; k < x->d; k++)
        text_add(out, "---:|---:|---:|");
    text_add(out, "---|\n");
    for (int64_t i = 0; i < x->n; i++) {
        text_add(out, "| ");
        text_add_markdown(out, x->ids[i]);
        for (int64_t j = i * x->d; j < (i + 1) * x->d; j++)
            text_add(out, " | %s | %s | %s to %s", report_cell(x->mean[j]).text,
                     report_cell(x->sd[j]).text, report_cell(x->low[j]).text,
                     report_cell(x->high[j]).text);
        text_add(out, " | ");
        text_add_markdown(out, x->verdicts[i]);
        text_add(out, " |\n");
    }
}

void report_markdown(const report_t *r, text_t *out)
{
    char *verdict = report_verdict(r);
    text_add(out, "# ");
    text_add_markdown(out, r->study);
    text_add(out, "\n\n**");
    text_add_markdown(out, verdict);
    text_add(out, "**\n");
    free(verdict);
    for (int i = 0; i < r->gate->n_reasons; i++) {
        text_add(out, i == 0 ? "\n- " : "- ");
        text_add_markdown(out, r->gate->reasons[i]);
        text_add(out, "\n");
    }
    if (r->training != NULL) {
        text_add(out, "\n");
        text_add_markdown(out, r->training->words);
        text_add(out, "\n");
    }
    if (r->inferred != NULL && r->inferred->n > 0)
        markdown_inferred(r->inferred, out);
    markdown_metrics(r, out);
    markdown_pictures(r, out);
    markdown_heading(out, "Where this comes from");
    text_add(out, "| | |\n|---|---|\n");
    facts_t facts = report_facts(r);
    for (int i = 0; i < facts.n; i++) {
        text_add(out, "| %s | ", facts.name[i]);
        text_add_markdown(out, facts.value[i]);
        text_add(out, " |\n");
    }
    report_facts_free(&facts);
}
