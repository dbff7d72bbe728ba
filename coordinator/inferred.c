// SPDX-License-Identifier: Apache-2.0
#include "coordinator/inferred.h"

#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "storage/posterior_block.h"
#include "storage/posterior_summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED = 40, PRINTED_PARAMETERS = 6 };

static char *verdict_words(const posterior_block_t *b, int64_t i, const char *reason)
{
    double p = b->measures[b->n + i];
    if (!b->accepted[i])
        return mem_format("no posterior: %s", reason);
    if (p < MISFIT_UNUSUAL)
        return mem_format("accepted, but unusual for this model (p = %.2g)", p);
    return mem_copy_text("accepted");
}

/* The mean over the values of a parameter of one of its summaries in data set i. */
static double mean_over(const posterior_block_t *b, const schema_variable_t *v, summary_t which,
                        int64_t i)
{
    double sum = 0;
    for (int64_t p = v->first; p < v->first + v->n; p++)
        sum += b->summary[(p * SUMMARY_COUNT + which) * b->n + i];
    return sum / v->n;
}

static void add_doubt(inferred_t *r, const doubt_t *doubt, const posterior_block_t *b, int64_t s,
                      int64_t i, int64_t at)
{
    bool beyond, leans;
    doubt_draws_t draws = {s, b->n * s, b->draws + i * s};
    char *words = doubt_words(doubt, at, &draws, &beyond, &leans);
    if (words == NULL)
        return;
    bool plain = strcmp(r->verdict[at], "accepted") == 0;
    char *both = mem_format("%s%s%s", r->verdict[at], plain ? ", but " : "; ", words);
    free(words);
    free(r->verdict[at]);
    r->verdict[at] = both;
    r->beyond += beyond;
    r->leaning += leans;
}

static void take_block(inferred_t *r, const doubt_t *doubt, int64_t draws,
                       const schema_variable_t *variables, const posterior_block_t *b,
                       int64_t first)
{
    int D = r->table.d;
    const char *reason = (const char *)b->reasons;
    for (int64_t i = 0; i < b->n; i++, reason += strlen(reason) + 1) {
        r->verdict[first + i] = verdict_words(b, i, reason);
        if (b->accepted[i])
            add_doubt(r, doubt, b, draws, i, first + i);
        r->length[first + i] = b->length[i];
        r->distance[first + i] = b->accepted[i] ? b->measures[i] : NAN;
        r->p[first + i] = b->measures[b->n + i];
        r->refused[first + i] = !b->accepted[i];
        r->accepted += b->accepted[i];
        r->unusual += b->accepted[i] && b->measures[b->n + i] < MISFIT_UNUSUAL;
        for (int k = 0; k < D; k++) {
            int64_t at = (first + i) * D + k;
            r->mean[at] = mean_over(b, &variables[k], SUMMARY_MEAN, i);
            r->sd[at] = mean_over(b, &variables[k], SUMMARY_SD, i);
            r->low[at] = mean_over(b, &variables[k], SUMMARY_Q025, i);
            r->high[at] = mean_over(b, &variables[k], SUMMARY_Q975, i);
        }
    }
}

static inferred_t make_empty(const posterior_head_t *head, int D,
                             const schema_variable_t *variables)
{
    int64_t n = head->datasets;
    inferred_t r = {.mean = MEM_NEW(double, n *D),
                    .sd = MEM_NEW(double, n *D),
                    .low = MEM_NEW(double, n *D),
                    .high = MEM_NEW(double, n *D),
                    .values = MEM_NEW(int, D),
                    .names = MEM_NEW(const char *, D),
                    .labels = MEM_NEW(char *, D),
                    .verdict = MEM_NEW(char *, n),
                    .distance = MEM_NEW(double, n),
                    .p = MEM_NEW(double, n),
                    .refused = MEM_NEW(bool, n),
                    .length = MEM_NEW(int64_t, n)};
    for (int k = 0; k < D; k++) {
        r.values[k] = variables[k].n;
        r.names[k] = variables[k].name;
        r.labels[k] = variables[k].n_dims == 0
                          ? mem_copy_text(variables[k].name)
                          : mem_format("%s, means of %d values", variables[k].name, variables[k].n);
    }
    r.table = (report_inferred_t){.n = n,
                                  .d = D,
                                  .ids = head->ids,
                                  .names = (const char *const *)r.labels,
                                  .mean = r.mean,
                                  .sd = r.sd,
                                  .low = r.low,
                                  .high = r.high,
                                  .verdicts = (const char *const *)r.verdict,
                                  .refused = r.refused,
                                  .p = r.p,
                                  .unusual = MISFIT_UNUSUAL};
    return r;
}

err_t inferred_read(const char *folder, const posterior_head_t *head, const doubt_t *doubt,
                    inferred_t *out)
{
    int D;
    schema_variable_t *variables = posterior_variables(head, &D);
    err_t err = OK;
    *out = make_empty(head, D, variables);
    for (int64_t b = 0; b < posterior_blocks(head) && err == OK; b++) {
        posterior_block_t block;
        err = posterior_block_read(folder, head, b, &block);
        if (err != OK)
            break;
        take_block(out, doubt, head->draws, variables, &block, b * head->block_datasets);
        posterior_block_free(&block);
    }
    free(variables);
    if (err == OK)
        return OK;
    inferred_free(out);
    return err_frame(err, __FILE__, __LINE__);
}

void inferred_free(inferred_t *r)
{
    for (int64_t i = 0; r->verdict != NULL && i < r->table.n; i++)
        free(r->verdict[i]);
    for (int k = 0; r->labels != NULL && k < r->table.d; k++)
        free(r->labels[k]);
    free(r->labels);
    free(r->names);
    free(r->values);
    free(r->verdict);
    free(r->length);
    free(r->distance);
    free(r->p);
    free(r->refused);
    free(r->mean);
    free(r->sd);
    free(r->low);
    free(r->high);
    memset(r, 0, sizeof *r);
}

static int printed_parameters(const inferred_t *r)
{
    return r->table.d < PRINTED_PARAMETERS ? r->table.d : PRINTED_PARAMETERS;
}

static void print_line(const inferred_t *r, int64_t i)
{
    const report_inferred_t *t = &r->table;
    printf("%-10.10s %6ld", t->ids[i], (long)r->length[i]);
    for (int p = 0; p < printed_parameters(r); p++) {
        int64_t at = i * t->d + p;
        printf("  %7.3f %6.3f [%7.3f, %7.3f]", t->mean[at], t->sd[at], t->low[at], t->high[at]);
    }
    printf("  %s\n", t->verdicts[i]);
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

/* What to do about the prior, where it is to be doubted. */
static void print_doubts(const inferred_t *r)
{
    char *words = NULL;
    if (r->beyond > 0)
        words = mem_format("prior: %ld of %ld data sets hold what the prior never produces; their "
                           "posteriors are guesses. Widen or shift the prior (parameters:), or "
                           "extend the model, then simulate and train anew.",
                           (long)r->beyond, (long)r->accepted);
    else if (r->leaning > 0)
        words = prior_edges_words(r->accepted, r->leaning);
    if (words != NULL)
        print_wrapped(words);
    free(words);
}

void inferred_print(const inferred_t *r)
{
    const report_inferred_t *t = &r->table;
    char *words = misfit_words(&r->misfit, t->ids);
    printf("%-10s %6s", "data set", "n");
    for (int p = 0; p < printed_parameters(r); p++)
        printf("  %7.7s %6s [%7s, %7s]", r->names[p], "sd", "2.5 %", "97.5 %");
    printf("  verdict\n");
    for (int64_t i = 0; i < t->n && i < PRINTED; i++)
        print_line(r, i);
    if (t->n > PRINTED)
        printf("... and %ld more\n", (long)(t->n - PRINTED));
    printf("%ld data sets: %ld accepted (%ld of them unusual), %ld without a posterior\n",
           (long)t->n, (long)r->accepted, (long)r->unusual, (long)(t->n - r->accepted));
    if (t->d > PRINTED_PARAMETERS)
        printf("%s to %s: %d more parameters, which are in the posterior file\n",
               r->names[PRINTED_PARAMETERS], r->names[t->d - 1], t->d - PRINTED_PARAMETERS);
    for (int p = 0; p < printed_parameters(r); p++)
        if (r->values[p] > 1)
            printf("%s: means over its %d values; all of them are in the posterior file\n",
                   r->names[p], r->values[p]);
    print_wrapped(words);
    free(words);
    print_doubts(r);
    fflush(stdout);
}

static json_t *json_of_set(const inferred_t *r, int64_t i)
{
    const report_inferred_t *t = &r->table;
    json_t *set = json_pack("{s:s,s:I,s:s}", "id", t->ids[i], "n", (json_int_t)r->length[i],
                            "verdict", t->verdicts[i]);
    for (int p = 0; p < t->d; p++) {
        int64_t at = i * t->d + p;
        json_object_set_new(set, r->names[p],
                            json_pack("{s:o,s:o,s:o,s:o}", "mean", json_number_or_null(t->mean[at]),
                                      "sd", json_number_or_null(t->sd[at]), "q025",
                                      json_number_or_null(t->low[at]), "q975",
                                      json_number_or_null(t->high[at])));
    }
    return set;
}

void inferred_print_json(const inferred_t *r)
{
    json_t *sets = json_array();
    for (int64_t i = 0; i < r->table.n; i++)
        json_array_append_new(sets, json_of_set(r, i));
    json_print(sets);
    json_decref(sets);
}
