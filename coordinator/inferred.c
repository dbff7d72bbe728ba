// SPDX-License-Identifier: Apache-2.0
#include "coordinator/inferred.h"

#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "storage/posterior_block.h"
#include "storage/posterior_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED = 40 };

static char *verdict_words(const posterior_block_t *b, int64_t i, const char *reason)
{
    double p = b->measures[b->n + i];
    if (!b->accepted[i])
        return mem_format("no posterior: %s", reason);
    if (p < INFERRED_UNUSUAL)
        return mem_format("accepted, but unusual for this model (p = %.2g)", p);
    return mem_copy_text("accepted");
}

static void take_block(inferred_t *r, const posterior_block_t *b, int64_t first)
{
    int D = r->table.d;
    const char *reason = (const char *)b->reasons;
    for (int64_t i = 0; i < b->n; i++, reason += strlen(reason) + 1) {
        r->verdict[first + i] = verdict_words(b, i, reason);
        r->length[first + i] = b->length[i];
        r->p[first + i] = b->measures[b->n + i];
        r->refused[first + i] = !b->accepted[i];
        r->accepted += b->accepted[i];
        r->unusual += b->accepted[i] && b->measures[b->n + i] < INFERRED_UNUSUAL;
        for (int p = 0; p < D; p++) {
            const double *summary = b->summary + (int64_t)p * SUMMARY_COUNT * b->n + i;
            int64_t at = (first + i) * D + p;
            r->mean[at] = summary[SUMMARY_MEAN * b->n];
            r->sd[at] = summary[SUMMARY_SD * b->n];
            r->low[at] = summary[SUMMARY_Q025 * b->n];
            r->high[at] = summary[SUMMARY_Q975 * b->n];
        }
    }
}

err_t inferred_read(const char *folder, const posterior_head_t *head, inferred_t *out)
{
    int64_t n = head->datasets, values = n * head->n_parameters;
    *out = (inferred_t){.mean = MEM_NEW(double, values),
                        .sd = MEM_NEW(double, values),
                        .low = MEM_NEW(double, values),
                        .high = MEM_NEW(double, values),
                        .verdict = MEM_NEW(char *, n),
                        .p = MEM_NEW(double, n),
                        .refused = MEM_NEW(bool, n),
                        .length = MEM_NEW(int64_t, n)};
    out->table = (report_inferred_t){.n = n,
                                     .d = head->n_parameters,
                                     .ids = head->ids,
                                     .names = head->parameters,
                                     .mean = out->mean,
                                     .sd = out->sd,
                                     .low = out->low,
                                     .high = out->high,
                                     .verdicts = (const char *const *)out->verdict,
                                     .refused = out->refused,
                                     .p = out->p,
                                     .unusual = INFERRED_UNUSUAL};
    for (int64_t b = 0; b < posterior_blocks(head); b++) {
        posterior_block_t block;
        err_t err = posterior_block_read(folder, head, b, &block);
        if (err != OK) {
            inferred_free(out);
            return err;
        }
        take_block(out, &block, b * head->block_datasets);
        posterior_block_free(&block);
    }
    return OK;
}

void inferred_free(inferred_t *r)
{
    for (int64_t i = 0; r->verdict != NULL && i < r->table.n; i++)
        free(r->verdict[i]);
    free(r->verdict);
    free(r->length);
    free(r->p);
    free(r->refused);
    free(r->mean);
    free(r->sd);
    free(r->low);
    free(r->high);
    memset(r, 0, sizeof *r);
}

static void print_line(const inferred_t *r, int64_t i)
{
    const report_inferred_t *t = &r->table;
    printf("%-10.10s %6ld", t->ids[i], (long)r->length[i]);
    for (int p = 0; p < t->d; p++) {
        int64_t at = i * t->d + p;
        printf("  %7.3f %6.3f [%7.3f, %7.3f]", t->mean[at], t->sd[at], t->low[at], t->high[at]);
    }
    printf("  %s\n", t->verdicts[i]);
}

void inferred_print(const inferred_t *r)
{
    const report_inferred_t *t = &r->table;
    printf("%-10s %6s", "data set", "n");
    for (int p = 0; p < t->d; p++)
        printf("  %7.7s %6s [%7s, %7s]", t->names[p], "sd", "2.5 %", "97.5 %");
    printf("  verdict\n");
    for (int64_t i = 0; i < t->n && i < PRINTED; i++)
        print_line(r, i);
    if (t->n > PRINTED)
        printf("... and %ld more\n", (long)(t->n - PRINTED));
    printf("%ld data sets: %ld accepted (%ld of them unusual), %ld without a posterior\n",
           (long)t->n, (long)r->accepted, (long)r->unusual, (long)(t->n - r->accepted));
    fflush(stdout);
}

static json_t *json_of_set(const inferred_t *r, int64_t i)
{
    const report_inferred_t *t = &r->table;
    json_t *set = json_pack("{s:s,s:I,s:s}", "id", t->ids[i], "n", (json_int_t)r->length[i],
                            "verdict", t->verdicts[i]);
    for (int p = 0; p < t->d; p++) {
        int64_t at = i * t->d + p;
        json_object_set_new(set, t->names[p],
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
