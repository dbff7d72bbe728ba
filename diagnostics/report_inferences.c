// SPDX-License-Identifier: Apache-2.0
// The ledger of inference: how many real data sets, accepted, unusual, refused and why; and the posteriors, of all or of
// those that a reader wants to see first.
#include "diagnostics/report_section.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"

#include <math.h>
#include <stdlib.h>

enum {
    INFERENCES_WIDE = 5, // parameters that fit beside each other
    INFERENCES_REASONS = 10,
    INFERENCES_LINES = 200 // of many parameters; the page has so many, report.json has them all
};

static json_t *refusals_json(const ledger_t *l)
{
    json_t *list = json_array();
    for (int k = 0; k < l->n_refusals && k < INFERENCES_REASONS; k++) {
        json_t *object = json_object();
        json_object_set_new(object, "data_sets", json_integer(l->refusals[k].data_sets));
        json_object_set_new(object, "first", json_string(l->refusals[k].first));
        json_object_set_new(object, "why", json_string(l->refusals[k].why));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *rungs_json(const report_inferred_t *x)
{
    json_t *list = json_array();
    for (int k = 0; k < x->n_rungs; k++) {
        json_t *object = json_object();
        json_object_set_new(object, "rung", json_string(x->rungs[k].name));
        json_object_set_new(object, "tried", json_integer(x->rungs[k].tried));
        json_object_set_new(object, "answered", json_integer(x->rungs[k].answered));
        json_object_set_new(object, "seconds", json_number_or_null(x->rungs[k].seconds));
        if (x->rungs[k].first != NULL)
            json_object_set_new(object, "first", json_string(x->rungs[k].first));
        json_array_append_new(list, object);
    }
    return list;
}

/* The largest group first. */
static json_t *groups_json(const report_inferred_t *x)
{
    const group_means_t *g = x->groups;
    json_t *list = json_array();
    int *order = MEM_NEW(int, g->n + 1), n = group_means_order(g, order);
    for (int i = 0; i < n; i++) {
        json_t *object = json_object(), *means = json_object();
        for (int k = 0; k < g->d; k++)
            json_object_set_new(means, x->ledger->names[k],
                                json_pack("{s:o,s:o}", "mean",
                                          json_number_or_null(g->mean[order[i] * g->d + k]), "sd",
                                          json_number_or_null(group_means_sd(g, order[i], k))));
        json_object_set_new(object, "group", json_string(g->names[order[i]]));
        json_object_set_new(object, "data_sets", json_integer(g->count[order[i]]));
        json_object_set_new(object, "parameters", means);
        json_array_append_new(list, object);
    }
    free(order);
    return list;
}

static json_t *inferences_set(const ledger_t *l, const ledger_entry_t *e)
{
    json_t *object = json_object(), *parameters = json_object();
    for (int k = 0; k < l->d; k++) {
        json_t *posterior = json_object();
        json_object_set_new(posterior, "mean", json_number_or_null(e->mean[k]));
        json_object_set_new(posterior, "sd", json_number_or_null(e->sd[k]));
        json_object_set_new(posterior, "low", json_number_or_null(e->low[k]));
        json_object_set_new(posterior, "high", json_number_or_null(e->high[k]));
        json_object_set_new(parameters, l->names[k], posterior);
    }
    json_object_set_new(object, "id", json_string(e->id));
    json_object_set_new(object, "verdict", json_string(e->verdict));
    json_object_set_new(object, "p", json_number_or_null(e->p));
    json_object_set_new(object, "parameters", parameters);
    return object;
}

static json_t *inferences_sets(const ledger_t *l, int64_t n, const ledger_entry_t *entries)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, inferences_set(l, &entries[i]));
    return list;
}

static json_t *inferences_json(const report_t *r)
{
    const report_inferred_t *x = r->inferred;
    if (x == NULL || x->ledger == NULL || x->ledger->n == 0)
        return NULL;
    const ledger_t *l = x->ledger;
    json_t *object = json_object();
    json_object_set_new(object, "data", json_string(x->data ? x->data : ""));
    json_object_set_new(object, "posterior", json_string(x->posterior ? x->posterior : ""));
    json_object_set_new(object, "draws", json_integer(x->draws));
    json_object_set_new(object, "seed", json_integer(x->seed));
    json_object_set_new(object, "data_sets", json_integer(l->n));
    json_object_set_new(object, "accepted", json_integer(l->accepted));
    json_object_set_new(object, "unusual", json_integer(l->unusual));
    json_object_set_new(object, "unusual_below", json_number_or_null(l->unusual_below));
    json_object_set_new(object, "refused", json_integer(l->refused));
    json_object_set_new(object, "refusals", refusals_json(l));
    json_object_set_new(object, "first", inferences_sets(l, l->n_first, l->first));
    json_object_set_new(object, "most_unusual", inferences_sets(l, l->n_most, l->most));
    if (x->n_rungs > 0)
        json_object_set_new(object, "ladder", rungs_json(x));
    if (x->groups != NULL) {
        json_object_set_new(object, "group", json_string(x->group));
        json_object_set_new(object, "groups", groups_json(x));
    }
    if (x->groups_picture != NULL)
        json_object_set_new(object, "groups_picture", json_string(x->groups_picture));
    if (x->population_picture != NULL)
        json_object_set_new(object, "population", json_string(x->population_picture));
    if (x->pairs_picture != NULL)
        json_object_set_new(object, "pairs", json_string(x->pairs_picture));
    return object;
}

/* ---- the page ---- */

/* "1.250 ± 0.100 (1.050 to 1.450)" */
static void inferences_cell(const json_t *posterior, page_t *page)
{
    double mean = json_number(posterior, "mean");
    if (isnan(mean)) {
        page_cell(page, "none");
        return;
    }
    char *words = mem_format("%s ± %s", page_number(mean).text,
                             page_number(json_number(posterior, "sd")).text);
    char *interval = mem_format("(%s to %s)", page_number(json_number(posterior, "low")).text,
                                page_number(json_number(posterior, "high")).text);
    page_cell_pair(page, words, interval);
    free(interval);
    free(words);
}

/* A row a data set. */
static void inferences_wide(json_t *sets, int d, const char *const *names, page_t *page)
{
    page_column_t columns[INFERENCES_WIDE + 2] = {{"Data set", false}};
    for (int k = 0; k < d; k++)
        columns[k + 1] = (page_column_t){names[k], true};
    columns[d + 1] = (page_column_t){"Verdict", false};
    page_table(page, d + 2, columns);
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *set = json_array_get(sets, i);
        page_cell(page, json_text(set, "id"));
        for (int k = 0; k < d; k++)
            inferences_cell(json_object_get(json_object_get(set, "parameters"), names[k]), page);
        page_cell(page, json_text(set, "verdict"));
    }
    page_table_end(page);
}

/* A row a data set and parameter: for many parameters. Of three data sets at least. */
static void inferences_long(json_t *sets, int d, const char *const *names, page_t *page)
{
    static const page_column_t columns[] = {
        {"Data set", false}, {"Parameter", false}, {"Posterior", true}, {"Verdict", false}};
    size_t all = json_array_size(sets), most = (size_t)(INFERENCES_LINES / d);
    most = most < 3 ? 3 : most;
    page_table(page, 4, columns);
    for (size_t i = 0; i < all && i < most; i++)
        for (int k = 0; k < d; k++) {
            const json_t *set = json_array_get(sets, i);
            page_cell(page, json_text(set, "id"));
            page_cell(page, names[k]);
            inferences_cell(json_object_get(json_object_get(set, "parameters"), names[k]), page);
            page_cell(page, k == 0 ? json_text(set, "verdict") : "");
        }
    page_table_end(page);
    if (all > most) {
        char *words = mem_format("And %s more, which are in report.json.",
                                 page_count((int64_t)(all - most)).text);
        page_note(page, words);
        free(words);
    }
}

static void inferences_table(json_t *sets, page_t *page)
{
    json_t *parameters = json_object_get(json_array_get(sets, 0), "parameters"), *value;
    const char **names = MEM_NEW(const char *, json_object_size(parameters) + 1), *name;
    int d = 0;
    json_object_foreach(parameters, name, value) names[d++] = name;
    if (d <= INFERENCES_WIDE)
        inferences_wide(sets, d, names, page);
    else
        inferences_long(sets, d, names, page);
    free(names);
}

static void inferences_ledger(const json_t *self, page_t *page)
{
    char *words = mem_format(
        "%s data sets%s%s: %s have a posterior, %s of them unusual for this model (p < %g); %s "
        "were refused.",
        page_count(json_whole(self, "data_sets")).text, json_text(self, "data")[0] ? " of " : "",
        json_text(self, "data"), page_count(json_whole(self, "accepted")).text,
        page_count(json_whole(self, "unusual")).text, json_number(self, "unusual_below"),
        page_count(json_whole(self, "refused")).text);
    page_paragraph(page, words);
    free(words);
}

static void inferences_refusals(json_t *refusals, page_t *page)
{
    static const page_column_t columns[] = {
        {"Why there is no posterior", false}, {"Data sets", true}, {"The first", false}};
    if (json_array_size(refusals) == 0)
        return;
    page_table(page, 3, columns);
    for (size_t i = 0; i < json_array_size(refusals); i++) {
        const json_t *refusal = json_array_get(refusals, i);
        page_cell(page, json_text(refusal, "why"));
        page_cell(page, page_count(json_whole(refusal, "data_sets")).text);
        page_cell(page, json_text(refusal, "first"));
    }
    page_table_end(page);
}

/* Share of all that have a posterior; seconds a data set, of those that were tried. */
static void inferences_rung(const json_t *rung, int64_t all, page_t *page)
{
    int64_t answered = json_whole(rung, "answered"), tried = json_whole(rung, "tried");
    double seconds = json_number(rung, "seconds");
    char *share = mem_format("%.1f %%", 100.0 * (double)answered / (double)(all > 0 ? all : 1));
    page_cell(page, json_text(rung, "rung"));
    page_cell(page, tried > 0 ? page_count(tried).text : "");
    page_cell(page, page_count(answered).text);
    page_cell(page, share);
    page_cell(page, tried > 0 ? page_number(seconds / (double)tried).text : "");
    page_cell(page, tried > 0 ? page_number(seconds).text : "");
    free(share);
}

static void inferences_ladder(const json_t *self, page_t *page)
{
    static const page_column_t columns[] = {{"Rung", false},        {"Tried", true},
                                            {"Answered", true},     {"Share", true},
                                            {"Seconds each", true}, {"Seconds in all", true}};
    const json_t *rungs = json_object_get(self, "ladder");
    if (json_array_size(rungs) == 0)
        return;
    page_subheading(page, "The ladder");
    page_table(page, 6, columns);
    for (size_t i = 0; i < json_array_size(rungs); i++)
        inferences_rung(json_array_get(rungs, i), json_whole(self, "accepted"), page);
    page_table_end(page);
    const json_t *none = json_array_get(rungs, json_array_size(rungs) - 1);
    if (json_whole(none, "answered") > 0) {
        char *words = mem_format("No rung answered for %s.", json_text(none, "first"));
        page_paragraph(page, words);
        free(words);
    }
    page_note(page, "A data set goes up to the first rung that answers: the amortizer where the "
                    "data look like simulated ones, psis where k-hat allows it, mcmc where the "
                    "chains agree. For those that none answers the draws are kept, in doubt.");
}

/* "1.25 ± 0.31" */
static void inferences_group(const json_t *group, page_t *page)
{
    json_t *value, *parameters = json_object_get(group, "parameters");
    const char *name;
    int k = 0;
    page_cell(page, json_text(group, "group"));
    page_cell(page, page_count(json_whole(group, "data_sets")).text);
    json_object_foreach(parameters, name, value)
    {
        if (k++ == INFERENCES_WIDE)
            break;
        cell_t mean = page_number(json_number(value, "mean")),
               sd = page_number(json_number(value, "sd"));
        char *words = isnan(json_number(value, "sd")) ? mem_copy_text(mean.text)
                                                      : mem_format("%s ± %s", mean.text, sd.text);
        page_cell(page, words);
        free(words);
    }
}

static void inferences_group_table(const json_t *groups, const char *column, page_t *page)
{
    page_column_t columns[INFERENCES_WIDE + 2] = {{column, false}, {"Data sets", true}};
    json_t *value, *parameters = json_object_get(json_array_get(groups, 0), "parameters");
    const char *name;
    int n = 2;
    json_object_foreach(parameters, name, value)
    {
        if (n < INFERENCES_WIDE + 2)
            columns[n++] = (page_column_t){name, true};
    }
    page_table(page, n, columns);
    for (size_t i = 0; i < json_array_size(groups) && i < GROUPS_SHOWN; i++)
        inferences_group(json_array_get(groups, i), page);
    page_table_end(page);
}

static void inferences_groups(const json_t *self, page_t *page)
{
    const json_t *groups = json_object_get(self, "groups");
    const char *column = json_text(self, "group"), *picture = json_text(self, "groups_picture");
    size_t all = json_array_size(groups);
    if (all == 0)
        return;
    char *heading = mem_format("By %s", column);
    page_subheading(page, heading);
    free(heading);
    inferences_group_table(groups, column, page);
    char *note =
        mem_format("Mean over data sets of posterior means ± standard deviation between "
                   "them%s.",
                   all > GROUPS_SHOWN ? "; the largest groups, all are in report.json" : "");
    page_note(page, note);
    free(note);
    if (picture[0] != '\0')
        page_picture(page, picture, "Posterior means by group", report_reading(picture),
                     "A line a group: mean and spread of posterior means over its data sets.");
}

static void inferences_page(const json_t *self, page_t *page)
{
    json_t *first = json_object_get(self, "first"),
           *unusual = json_object_get(self, "most_unusual");
    inferences_ledger(self, page);
    inferences_refusals(json_object_get(self, "refusals"), page);
    inferences_ladder(self, page);
    if (json_array_size(unusual) > 0) {
        page_subheading(page, "The most unusual");
        inferences_table(unusual, page);
    }
    if (json_array_size(unusual) > 0 || json_whole(self, "data_sets") > LEDGER_ALL)
        page_subheading(page, "The first");
    inferences_table(first, page);
    char *words = mem_format("Posterior mean ± standard deviation, and central 95 %% interval; all "
                             "are in %s.",
                             json_text(self, "posterior"));
    page_note(page, words);
    free(words);
    inferences_groups(self, page);
    const char *pairs = json_text(self, "pairs"), *population = json_text(self, "population");
    if (population[0] != '\0')
        page_picture(page, population, "Posteriors over all data sets", report_reading(population),
                     "Histograms of posterior means and standard deviations over all data sets.");
    if (pairs[0] != '\0')
        page_picture(page, pairs, "A posterior", report_reading(pairs),
                     "Draws of the posterior of one real data set, each parameter against each.");
}

const report_section_t report_inferences = {.name = "inference",
                                            .heading = "Real data sets",
                                            .kept = true,
                                            .json = inferences_json,
                                            .page = inferences_page};
