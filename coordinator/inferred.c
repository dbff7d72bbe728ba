// SPDX-License-Identifier: Apache-2.0
#include "coordinator/inferred.h"

#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "diagnostics/figures.h"
#include "diagnostics/prior_reach.h"
#include "storage/posterior_block.h"
#include "storage/posterior_summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED = 40, PRINTED_PARAMETERS = 6, NAMED = 10 };

/* " by psis (k-hat 0.43)", where a rung above the amortizer made the draws. */
static char *rung_words(const posterior_block_t *b, int64_t i)
{
    switch ((posterior_rung_t)b->rung[i]) {
    case POSTERIOR_PSIS:
        return mem_format(" by psis (k-hat %.2f)", b->measures[MEASURE_KHAT * b->n + i]);
    case POSTERIOR_MCMC:
        return mem_format(" by mcmc (R-hat %.3f)", b->measures[MEASURE_RHAT * b->n + i]);
    case POSTERIOR_AMORTIZED:
    case POSTERIOR_UNANSWERED:
    case POSTERIOR_REFUSED:
    case POSTERIOR_RUNGS:
        break;
    }
    return mem_copy_text("");
}

static char *verdict_words(const posterior_block_t *b, int64_t i, const char *reason,
                           const char *doubt)
{
    double p = b->measures[MEASURE_P_VALUE * b->n + i];
    if (!b->accepted[i])
        return mem_format("no posterior: %s", reason);
    char *rung = rung_words(b, i);
    char *words = p < MISFIT_UNUSUAL
                      ? mem_format("accepted%s, but unusual for this model (p = %.2g)%s%s", rung, p,
                                   doubt[0] ? "; " : "", doubt)
                      : mem_format("accepted%s%s%s", rung, doubt[0] ? ", but " : "", doubt);
    free(rung);
    return words;
}

/* The mean over the values of a parameter of one of its summaries in data set i. */
static double mean_over(const posterior_block_t *b, const schema_variable_t *v,
                        posterior_summary_t which, int64_t i)
{
    double sum = 0;
    for (int64_t p = v->first; p < v->first + v->n; p++)
        sum += b->summary[(p * SUMMARY_COUNT + which) * b->n + i];
    return sum / v->n;
}

/* What goes through blocks, and what it calls for each data set. */
typedef struct {
    const posterior_head_t *head;
    int d;
    schema_variable_t *variables; // (d)
    void (*take)(void *user, const posterior_block_t *b, int64_t i, const ledger_entry_t *entry);
    void *user;
} walk_t;

static void take_set(const walk_t *w, const posterior_block_t *b, int64_t i, int64_t at,
                     const char *reason, const char *doubt, double *numbers)
{
    static const posterior_summary_t which[] = {SUMMARY_MEAN, SUMMARY_SD, SUMMARY_Q025,
                                                SUMMARY_Q975};
    int D = w->d;
    for (int s = 0; s < 4; s++)
        for (int k = 0; k < D; k++)
            numbers[s * D + k] = mean_over(b, &w->variables[k], which[s], i);
    char *verdict = verdict_words(b, i, reason, doubt);
    const ledger_entry_t entry = {.at = at,
                                  .id = w->head->ids[at],
                                  .verdict = verdict,
                                  .length = b->length[i],
                                  .refused = !b->accepted[i],
                                  .p = b->measures[MEASURE_P_VALUE * b->n + i],
                                  .mean = numbers,
                                  .sd = numbers + D,
                                  .low = numbers + 2 * D,
                                  .high = numbers + 3 * D};
    w->take(w->user, b, i, &entry);
    free(verdict);
}

static void take_block(const walk_t *w, const posterior_block_t *b, int64_t first)
{
    const char **reasons, **doubts;
    double *numbers = MEM_NEW(double, 4 * w->d);
    posterior_block_words(b, &reasons, &doubts);
    for (int64_t i = 0; i < b->n; i++)
        take_set(w, b, i, first + i, reasons[i], doubts[i], numbers);
    free(reasons);
    free(doubts);
    free(numbers);
}

static err_t walk(const char *folder, const walk_t *w)
{
    const posterior_head_t *head = w->head;
    for (int64_t k = 0; k < posterior_blocks(head); k++) {
        posterior_block_t *b;
        TRY(posterior_block_read(folder, head, k, false, &b));
        take_block(w, b, k * head->block_datasets);
        posterior_block_free(&b);
    }
    return OK;
}

/* ---- the result ---- */

static void name_unanswered(inferred_t *r, const char *id)
{
    int64_t n = r->rung[POSTERIOR_UNANSWERED];
    if (n <= NAMED)
        text_add(&r->unanswered, "%s%.40s", n > 1 ? ", " : "", id);
    else if (n == NAMED + 1)
        text_add_item(&r->unanswered, "...");
}

static void take_result(void *user, const posterior_block_t *b, int64_t i,
                        const ledger_entry_t *entry)
{
    inferred_t *r = user;
    bool accepted = b->accepted[i];
    ledger_add(&r->ledger, entry);
    r->distance[entry->at] = accepted ? b->measures[MEASURE_DISTANCE * b->n + i] : NAN;
    r->rung[b->rung[i]]++;
    if (b->rung[i] == POSTERIOR_UNANSWERED)
        name_unanswered(r, entry->id);
    r->beyond += accepted && (b->doubts[i] & BLOCK_BEYOND);
    r->leaning += accepted && (b->doubts[i] & BLOCK_LEANS);
    for (int k = 0; k < r->shown && accepted; k++) {
        histogram_add(&r->means[k], entry->mean[k]);
        histogram_add(&r->sds[k], entry->sd[k]);
    }
    if (accepted && r->groups.n > 0 && r->group[entry->at] >= 0)
        group_means_add(&r->groups, r->group[entry->at], entry->mean);
    if (accepted && r->first_accepted < 0)
        r->first_accepted = entry->at;
}

static inferred_t make_empty(const posterior_head_t *head, int D,
                             const schema_variable_t *variables)
{
    int shown = D < POPULATION_SHOWN ? D : POPULATION_SHOWN;
    inferred_t r = {.d = D,
                    .shown = shown,
                    .values = MEM_NEW(int, D),
                    .names = MEM_NEW(const char *, D),
                    .labels = MEM_NEW(char *, D),
                    .means = MEM_NEW(histogram_t, shown),
                    .sds = MEM_NEW(histogram_t, shown),
                    .distance = MEM_NEW(double, head->datasets),
                    .first_accepted = -1};
    for (int k = 0; k < shown; k++) {
        r.means[k] = histogram_create();
        r.sds[k] = histogram_create();
    }
    for (int k = 0; k < D; k++) {
        r.values[k] = variables[k].n;
        r.names[k] = variables[k].name;
        r.labels[k] = variables[k].n_dims == 0
                          ? mem_copy_text(variables[k].name)
                          : mem_format("%s, means of %d values", variables[k].name, variables[k].n);
    }
    r.unanswered = text_create();
    r.group = head->group;
    r.groups = group_means_create(head->n_groups, head->groups, D);
    r.ledger = ledger_create(head->datasets, D, (const char *const *)r.labels, MISFIT_UNUSUAL);
    return r;
}

static bool has_groups(const inferred_t *r)
{
    for (int g = 0; g < r->groups.n; g++)
        if (r->groups.count[g] > 0)
            return true;
    return false;
}

err_t inferred_read(const char *folder, const posterior_head_t *head, inferred_t *out)
{
    walk_t w = {.head = head, .take = take_result, .user = out};
    w.variables = posterior_variables(head, &w.d);
    *out = make_empty(head, w.d, w.variables);
    err_t err = walk(folder, &w);
    free(w.variables);
    if (err != OK) {
        inferred_free(out);
        return err_frame(err, __FILE__, __LINE__);
    }
    ledger_finish(&out->ledger);
    out->table =
        (report_inferred_t){.ids = head->ids, .groups = has_groups(out) ? &out->groups : NULL};
    return OK;
}

void inferred_tell_costs(inferred_t *r, ladder_rungs_t rungs, const ladder_costs_t *costs)
{
    for (int k = POSTERIOR_AMORTIZED; k <= POSTERIOR_UNANSWERED; k++)
        if ((rungs >> k & 1U) || k == POSTERIOR_UNANSWERED)
            r->rungs[r->table.n_rungs++] = (report_rung_t){
                .name = posterior_rung_names[k],
                .tried = costs->tried[k],
                .answered = r->rung[k],
                .seconds = costs->seconds[k],
                .first = k == POSTERIOR_UNANSWERED && r->rung[k] > 0 ? r->unanswered.data : NULL};
    r->table.rungs = r->rungs;
}

void inferred_free(inferred_t *r)
{
    ledger_free(&r->ledger);
    for (int k = 0; r->labels != NULL && k < r->d; k++)
        free(r->labels[k]);
    for (int k = 0; r->means != NULL && k < r->shown; k++) {
        histogram_free(&r->means[k]);
        histogram_free(&r->sds[k]);
    }
    group_means_free(&r->groups);
    free(r->means);
    free(r->sds);
    free(r->labels);
    free(r->names);
    free(r->values);
    free(r->distance);
    text_free(&r->unanswered);
    memset(r, 0, sizeof *r);
}

/* ---- for people ---- */

static int printed_parameters(const inferred_t *r)
{
    return r->d < PRINTED_PARAMETERS ? r->d : PRINTED_PARAMETERS;
}

static void print_line(const inferred_t *r, const ledger_entry_t *e)
{
    printf("%-10.10s %6ld", e->id, (long)e->length);
    for (int p = 0; p < printed_parameters(r); p++)
        printf("  %7.3f %6.3f [%7.3f, %7.3f]", e->mean[p], e->sd[p], e->low[p], e->high[p]);
    printf("  %s\n", e->verdict);
}

/* Lines of at most 120 bytes, broken at spaces. */
static void print_wrapped(const char *words)
{
    enum { WIDTH = 120 };
    while (*words != '\0') {
        size_t n = strlen(words), line = n <= WIDTH ? n : WIDTH;
        while (line < n && line > 0 && words[line] != ' ')
            line--;
        line = line > 0 ? line : strcspn(words, " ");
        printf("%.*s\n", (int)line, words);
        words += line + (words[line] == ' ');
    }
}

/* "psis: 12 of 14 data sets, 0.011 s each" */
static void print_rungs(const inferred_t *r)
{
    for (int k = 0; k < r->table.n_rungs; k++) {
        const report_rung_t *rung = &r->rungs[k];
        if (rung->tried > 0)
            printf("%s: %ld of %ld data sets, %.2g s each\n", rung->name, (long)rung->answered,
                   (long)rung->tried, rung->seconds / (double)rung->tried);
        else if (rung->answered > 0)
            printf("no rung: %ld data sets, whose draws are to be doubted: %s\n",
                   (long)rung->answered, rung->first);
    }
}

/* What to do about the prior, where it is to be doubted. */
static void print_doubts(const inferred_t *r)
{
    char *words = NULL;
    if (r->beyond > 0)
        words = mem_format("prior: %ld of %ld data sets hold what the prior never produces; their "
                           "posteriors are guesses. Widen or shift the prior (parameters:), or "
                           "extend the model, then simulate and train anew.",
                           (long)r->beyond, (long)r->ledger.accepted);
    else if (r->leaning > 0)
        words = prior_edges_words(r->ledger.accepted, r->leaning);
    if (words != NULL)
        print_wrapped(words);
    free(words);
}

void inferred_print(const inferred_t *r)
{
    const ledger_t *l = &r->ledger;
    char *words = misfit_words(&r->misfit, r->table.ids);
    printf("%-10s %6s", "data set", "n");
    for (int p = 0; p < printed_parameters(r); p++)
        printf("  %7.7s %6s [%7s, %7s]", r->names[p], "sd", "2.5 %", "97.5 %");
    printf("  verdict\n");
    for (int64_t i = 0; i < l->n_first && i < PRINTED; i++)
        print_line(r, &l->first[i]);
    if (l->n > PRINTED)
        printf("... and %ld more\n", (long)(l->n - PRINTED));
    printf("%ld data sets: %ld accepted (%ld of them unusual), %ld without a posterior\n",
           (long)l->n, (long)l->accepted, (long)l->unusual, (long)l->refused);
    print_rungs(r);
    if (r->d > PRINTED_PARAMETERS)
        printf("%s to %s: %d more parameters, which are in the posterior file\n",
               r->names[PRINTED_PARAMETERS], r->names[r->d - 1], r->d - PRINTED_PARAMETERS);
    for (int p = 0; p < printed_parameters(r); p++)
        if (r->values[p] > 1)
            printf("%s: means over its %d values; all of them are in the posterior file\n",
                   r->names[p], r->values[p]);
    print_wrapped(words);
    free(words);
    print_doubts(r);
    fflush(stdout);
}

/* ---- for programs ---- */

static void print_set(void *user, const posterior_block_t *b, int64_t i, const ledger_entry_t *e)
{
    const walk_t *w = user;
    (void)b;
    (void)i;
    json_t *set =
        json_pack("{s:s,s:I,s:s}", "id", e->id, "n", (json_int_t)e->length, "verdict", e->verdict);
    for (int p = 0; p < w->d; p++)
        json_object_set_new(set, w->variables[p].name,
                            json_pack("{s:o,s:o,s:o,s:o}", "mean", json_number_or_null(e->mean[p]),
                                      "sd", json_number_or_null(e->sd[p]), "q025",
                                      json_number_or_null(e->low[p]), "q975",
                                      json_number_or_null(e->high[p])));
    char *text = json_dumps(set, JSON_REAL_PRECISION(9));
    printf("%s\n  %s", e->at > 0 ? "," : "", text);
    free(text);
    json_decref(set);
}

err_t inferred_print_json(const char *folder, const posterior_head_t *head)
{
    walk_t w = {.head = head, .take = print_set, .user = &w};
    w.variables = posterior_variables(head, &w.d);
    printf("[");
    err_t err = walk(folder, &w);
    printf("\n]\n");
    fflush(stdout);
    free(w.variables);
    return err;
}
