// SPDX-License-Identifier: Apache-2.0
// What the refinement with fresh simulations gave: refine.json, as the program keeps it.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rank test that right rows fail once in a thousand refinements. */
#define RANK_P 0.001

static json_t *refine_json(const report_t *r)
{
    return r->refine ? json_deep_copy(r->refine) : NULL;
}

static void refine_fact(page_t *page, const char *name, char *value)
{
    page_fact(page, name, value);
    free(value);
}

static bool kept_refined(const json_t *self)
{
    return strcmp(json_text(self, "kept"), "refined") == 0;
}

static char *refine_words(const json_t *self)
{
    const json_t *held = json_object_get(self, "held_out");
    if (kept_refined(self))
        return mem_format("The amortizer is the refined network: it passes the gate, and its loss "
                          "on %s held-out data sets is %s nats below that of the offline network.",
                          page_count(json_whole(held, "data_sets")).text,
                          page_number(json_number(held, "gain")).text);
    if (!json_flag(self, "gate_passed"))
        return mem_format("The amortizer is the offline network: the refined one does not pass "
                          "the gate.");
    return mem_format("The amortizer is the offline network: on %s held-out data sets its loss is "
                      "not above that of the refined one (gain %s nats).",
                      page_count(json_whole(held, "data_sets")).text,
                      page_number(json_number(held, "gain")).text);
}

static char *gain_words(const json_t *held)
{
    double gain = json_number(held, "gain"), error = json_number(held, "error");
    return mem_format("%s nats, standard error %s, on %s held-out data sets: loss %s offline, %s "
                      "refined%s",
                      page_number(gain).text, page_number(error).text,
                      page_count(json_whole(held, "data_sets")).text,
                      page_number(json_number(held, "offline_loss")).text,
                      page_number(json_number(held, "refined_loss")).text,
                      fabs(gain) < 2 * error ? "; it may be chance" : "");
}

static char *rows_words(const json_t *self)
{
    const json_t *history = json_object_get(self, "history");
    return mem_format("%s in %s rounds, %s of them done, in the order of their %s; the network is "
                      "that of round %s",
                      page_count(json_whole(self, "rows")).text,
                      page_count(json_whole(self, "rounds")).text,
                      page_count(json_whole(self, "rows_done")).text, json_text(self, "order"),
                      page_count(json_whole(history, "best_round")).text);
}

/* What workers say of themselves comes every few seconds: in a short refinement never. */
static char *time_words(const json_t *self)
{
    double workers = json_number(self, "workers_waiting");
    char waiting[48] = "";
    if (isfinite(workers))
        snprintf(waiting, sizeof waiting, ", workers for work %.0f %%", 100 * workers);
    return mem_format("%s; the trainer waited for rows %.0f %% of it%s",
                      page_duration(json_number(self, "seconds")).text,
                      100 * json_number(self, "trainer_waiting"), waiting);
}

static char *workers_words(const json_t *self)
{
    double rate = json_number(self, "rows_per_second");
    char rows[64] = "";
    if (rate > 0)
        snprintf(rows, sizeof rows, "%.3g rows a second at most; ", rate);
    return mem_format("%s at most; %s%.1f MB of rows in memory at most",
                      page_count(json_whole(self, "workers")).text, rows,
                      json_number(self, "bytes_most") / 1e6);
}

static char *reservoir_words(const json_t *r)
{
    return mem_format("%s rows; a row was used %.2f times on average and %s at most, %.1f %% of "
                      "those that left it once alone; at use it was %.0f rows old on average, %s "
                      "at most",
                      page_count(json_whole(r, "held")).text, json_number(r, "uses_mean"),
                      page_count(json_whole(r, "uses_most")).text, 100 * json_number(r, "once"),
                      json_number(r, "age_mean"), page_count(json_whole(r, "age_most")).text);
}

static char *test_words(const json_t *test)
{
    double least = json_number(test, "p_least"), all = json_number(test, "p_of_all");
    return mem_format(
        "parameters in the reservoir against those of the bank: p = %.2g in the last "
        "round, %.2g in the worst (Kolmogorov-Smirnov, times %s parameters; %.2g over all rounds): "
        "%s",
        json_number(test, "p"), least, page_count(json_whole(test, "parameters")).text,
        fmin(1, all),
        all < RANK_P ? "what was trained on does not follow the prior" : "they follow the prior");
}

static void refine_facts(const json_t *self, page_t *page)
{
    static const page_column_t columns[2] = {{NULL, false}, {NULL, false}};
    page_table(page, 2, columns);
    refine_fact(page, "Gain", gain_words(json_object_get(self, "held_out")));
    refine_fact(page, "Fresh simulations", rows_words(self));
    refine_fact(page, "Time", time_words(self));
    refine_fact(page, "Workers", workers_words(self));
    refine_fact(page, "Reservoir", reservoir_words(json_object_get(self, "reservoir")));
    if (!isnan(json_number(json_object_get(self, "rank_test"), "p_of_all"))) // rows by arrival
        refine_fact(page, "Rank test", test_words(json_object_get(self, "rank_test")));
    page_table_end(page);
}

static void refine_calibration(const json_t *self, page_t *page)
{
    static const page_column_t columns[] = {{"Parameter", false},
                                            {"Calibration error, offline", true},
                                            {"refined", true},
                                            {"Gain", true}};
    json_t *rows = json_object_get(self, "calibration");
    page_table(page, 4, columns);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double before = json_number(row, "offline"), after = json_number(row, "refined");
        page_cell(page, json_text(row, "parameter"));
        page_cell_number(page, before);
        page_cell_number(page, after);
        page_cell_number(page, before - after);
    }
    page_table_end(page);
}

static void refine_page(const json_t *self, page_t *page)
{
    char *words = refine_words(self);
    page_paragraph(page, words);
    refine_facts(self, page);
    refine_calibration(self, page);
    page_picture(page, "refine.png", "Refinement", report_reading("refine.png"), words);
    free(words);
}

const report_section_t report_refine = {.name = "refinement",
                                        .heading = "Refinement with fresh simulations",
                                        .json = refine_json,
                                        .page = refine_page};
