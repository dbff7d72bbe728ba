// SPDX-License-Identifier: Apache-2.0
// report.html: one file, style and pictures inside, no script.
#include "diagnostics/report_parts.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

static const char HTML_STYLE[] =
    "body{font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica "
    "Neue',Arial,sans-serif;color:#222;"
    "background:#fff;max-width:62rem;margin:2.5rem auto;padding:0 1.25rem}"
    "h1{font-size:1.9rem;margin:0 0 1rem}h2{font-size:1.3rem;margin:2.6rem 0 "
    ".8rem;border-bottom:1px solid #ddd;"
    "padding-bottom:.3rem}h3{font-size:1.05rem;margin:2rem 0 .3rem}"
    ".verdict{padding:.9rem 1.1rem;border-left:6px solid;border-radius:3px;font-size:1.08rem}"
    ".passed{border-color:#009e73;background:#eef8f4}.failed{border-color:#d55e00;background:#"
    "fdf2ea}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:"
    "tabular-nums}"
    "th,td{padding:.35rem .7rem;border-bottom:1px solid #e4e4e4;text-align:left;vertical-align:top}"
    "th{border-bottom:2px solid #999;font-weight:600;vertical-align:bottom}"
    "td.n,th.n{text-align:right;white-space:nowrap}td.name{font-weight:600}"
    ".good{color:#00694d}.fair{color:#8a5a00}.poor{color:#b03f00;font-weight:600}"
    "small{color:#666}img{max-width:100%;height:auto;display:block;margin:.6rem "
    "0}p{max-width:46rem}";

static const char *const HTML_RATING[] = {
    [RATING_GOOD] = "good", [RATING_FAIR] = "fair", [RATING_POOR] = "poor"};

static void html_words(text_t *out, const char *before, const char *words, const char *after)
{
    text_add(out, "%s", before);
    text_add_html(out, words);
    text_add(out, "%s", after);
}

static void html_number(text_t *out, double x)
{
    text_add(out, "<td class=\"n\">%s</td>", report_cell(x).text);
}

static void html_rated(text_t *out, double x, rated_t rated)
{
    text_add(out, "<td class=\"n\">%s <span class=\"%s\">%s</span></td>", report_cell(x).text,
             HTML_RATING[rated.rating], rated.words);
}

static void html_verdict(const report_t *r, text_t *out)
{
    char *verdict = report_verdict(r);
    text_add(out, "<div class=\"verdict %s\">", r->gate->passed ? "passed" : "failed");
    text_add_html(out, verdict);
    free(verdict);
    if (r->gate->n_reasons > 0) {
        text_add(out, "<ul>");
        for (int i = 0; i < r->gate->n_reasons; i++)
            html_words(out, "<li>", r->gate->reasons[i], "</li>");
        text_add(out, "</ul>");
    }
    text_add(out, "</div>\n");
    if (r->training != NULL)
        html_words(out, "<p>", r->training->words, "</p>\n");
}

static void html_metrics(const report_t *r, text_t *out)
{
    static const char *const heads[] = {
        "Calibration error", "ECDF deviation", "95 % coverage", "NRMSE", "R",
        "Contraction",       "z-score",        "Bias"};
    text_add(
        out,
        "<h2>Numbers</h2>\n<div class=\"scroll\"><table>\n<tr><th>Parameter</th><th>Gate</th>");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        html_words(out, "<th class=\"n\">", heads[i], "</th>");
    text_add(out, "</tr>\n");
    for (int k = 0; k < r->gate->n_parameters; k++) {
        const gate_parameter_t *p = &r->gate->parameters[k];
        const parameter_metrics_t *m = &p->metrics;
        html_words(out, "<tr><td class=\"name\">", p->name, "</td>");
        text_add(out, "<td class=\"%s\">%s</td>", p->passed ? "good" : "poor",
                 p->passed ? "passed" : "not passed");
        html_rated(out, m->calibration_error, rate_calibration(m->calibration_error));
        html_rated(out, m->ecdf_deviation,
                   m->ecdf_inside ? (rated_t){RATING_GOOD, "in band"}
                                  : (rated_t){RATING_POOR, "outside band"});
        html_number(out, m->coverage_95);
        html_rated(out, m->nrmse, rate_nrmse(m->nrmse));
        html_number(out, m->correlation);
        html_rated(out, m->contraction, rate_contraction(m->contraction, m->calibration_error));
        html_number(out, m->z_score);
        html_number(out, m->bias.overall);
        text_add(out, "</tr>\n");
    }
    text_add(out, "</table></div>\n<p><small>Calibration error: excellent up to 0.05, fair up to "
                  "0.10. NRMSE (error relative to "
                  "a guess from the prior): excellent up to 0.05, good up to 0.10, fair up to "
                  "0.15. Contraction (share of the "
                  "prior variance that the data remove): low below 0.80, high above 0.95. Bias in "
                  "prior standard "
                  "deviations.</small></p>\n");
}

static void html_inferred(const report_inferred_t *x, text_t *out)
{
    text_add(out, "<h2>Real data sets</h2>\n<p>Posterior mean, standard deviation and central 95 "
                  "%% interval.</p>\n"
                  "<div class=\"scroll\"><table>\n<tr><th>Data set</th>");
    for (int k = 0; k < x->d; k++) {
        html_words(out, "<th class=\"n\">", x->names[k], "</th>");
        text_add(out, "<th class=\"n\">sd</th><th class=\"n\">95 %% interval</th>");
    }
    text_add(out, "<th>Verdict</th></tr>\n");
    for (int64_t i = 0; i < x->n; i++) {
        html_words(out, "<tr><td class=\"name\">", x->ids[i], "</td>");
        for (int64_t j = i * x->d; j < (i + 1) * x->d; j++) {
            html_number(out, x->mean[j]);
            html_number(out, x->sd[j]);
            text_add(out, "<td class=\"n\">%s to %s</td>", report_cell(x->low[j]).text,
                     report_cell(x->high[j]).text);
        }
        html_words(out, "<td>", x->verdicts[i], "</td></tr>\n");
    }
    text_add(out, "</table></div>\n");
}

static err_t html_picture(const char *folder, const report_picture_t *p, text_t *out)
{
    text_t bytes;
    char *path = mem_format("%s/%s", folder, p->file);
    err_t err = file_read(path, &bytes);
    free(path);
    TRY(err);
    html_words(out, "<h3>", p->title, "</h3>\n");
    html_words(out, "<p>", p->reading ? p->reading : report_reading(p->file), "</p>\n");
    html_words(out, "<img alt=\"", p->title, "\" src=\"data:image/png;base64,");
    text_add_base64(out, bytes.length, bytes.data);
    text_add(out, "\">\n");
    text_free(&bytes);
    return OK;
}

static void html_facts(const report_t *r, text_t *out)
{
    facts_t facts = report_facts(r);
    text_add(out, "<h2>Where this comes from</h2>\n<table>\n");
    for (int i = 0; i < facts.n; i++) {
        text_add(out, "<tr><td>%s</td>", facts.name[i]);
        html_words(out, "<td>", facts.value[i], "</td></tr>\n");
    }
    text_add(out, "</table>\n");
    report_facts_free(&facts);
}

err_t report_html(const char *folder, const report_t *r, text_t *out)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    html_words(out, "<title>", r->study, "</title>");
    text_add(out, "<style>%s</style></head>\n<body>\n", HTML_STYLE);
    html_words(out, "<h1>", r->study, "</h1>\n");
    html_verdict(r, out);
    if (r->inferred != NULL && r->inferred->n > 0)
        html_inferred(r->inferred, out);
    html_metrics(r, out);
    if (r->n_pictures > 0)
        text_add(out, "<h2>Pictures</h2>\n");
    for (int i = 0; i < r->n_pictures; i++)
        TRY(html_picture(folder, &r->pictures[i], out));
    html_facts(r, out);
    text_add(out, "</body></html>\n");
    return OK;
}
