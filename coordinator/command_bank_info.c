// SPDX-License-Identifier: Apache-2.0
// Everything is read once, block by block: what is kept of it is bounded (failures.h).
#include "coordinator/command_bank.h"

#include "coordinator/json_out.h"
#include "storage/bank.h"
#include "workers/failures.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static err_t collect(bank_t *bank, failures_t *f)
{
    int64_t block = rows_of_block(bank_schema(bank)), n = bank_rows(bank);
    rows_t rows = rows_create(bank_schema(bank), block);
    err_t err;
    for (int64_t at = 0; at < n; at += block) {
        int64_t end = at + block < n ? at + block : n;
        TRY_TO(done, bank_read_head(bank, at, end, &rows));
        TRY_TO(done, bank_read_costs(bank, at, end, &rows));
        failures_add_rows(f, &rows, 0, rows.n);
    }
    err = OK;
done:
    rows_destroy(&rows);
    return err;
}

static void print_json(const bank_t *bank, const bank_info_t *t, failures_t *f)
{
    json_t *status = json_object();
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        json_object_set_new(status, row_status_name((row_status_t)k),
                            json_integer(t->by_status[k]));
    json_t *all = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:f,s:o,s:o}", "model",
                            bank_schema(bank)->name, "fingerprint", bank_fingerprint(bank), "rows",
                            (json_int_t)t->rows, "shards", (json_int_t)t->shards, "bytes",
                            (json_int_t)t->bytes, "rows_without_gap", (json_int_t)bank_rows(bank),
                            "seconds", t->seconds, "status", status, "outcomes", failures_json(f));
    if (bank_origin(bank) == NULL)
        json_object_set_new(all, "seed", json_integer((json_int_t)bank_seed(bank)));
    else
        json_object_set_new(all, "origin", json_string(bank_origin(bank)));
    json_print(all);
    json_decref(all);
}

static void print_seconds(failures_t *f, row_status_t status)
{
    static const double levels[] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
    enum { N = sizeof levels / sizeof *levels };
    double q[N];
    failures_seconds(f, status, N, levels, q);
    printf("#   %-9s", status == ROW_MISSING ? "all" : row_status_name(status));
    for (int i = 0; i < N; i++)
        printf(" %9.3g", q[i]);
    printf("\n");
}

// Nothing where nobody measured them (imported rows).
static void print_costs(failures_t *f)
{
    double most;
    failures_seconds(f, ROW_MISSING, 1, (const double[]){1}, &most);
    if (!(most > 0))
        return;
    printf("# seconds a row     0 %%       5 %%      25 %%      50 %%      75 %%      95 %%      "
           "99 %%     "
           "100 %%\n");
    print_seconds(f, ROW_MISSING);
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT && failures_share(f) > 0; s++)
        if (failures_count(f, (row_status_t)s) > 0)
            print_seconds(f, (row_status_t)s);
}

// As comments, so that all of it is YAML.
static void print_lines(const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const char *end = at;
        while (*end != '\n' && *end != '\0')
            end++;
        printf("# %.*s\n", (int)(end - at), at);
        at = *end == '\n' ? end + 1 : end;
    }
}

// What the catalog knows, even where a shard can not be read.
static void print_catalog(const bank_t *bank, const bank_info_t *t)
{
    fputs(bank_text(bank), stdout);
    printf("# %" PRId64 " rows in %" PRId64 " shards, %.1f MB; %.3g s of simulating", t->rows,
           t->shards, (double)t->bytes / 1e6, t->seconds);
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        if (t->by_status[k] > 0)
            printf("; %s %" PRId64, row_status_name((row_status_t)k), t->by_status[k]);
    printf("\n");
    if (t->rows > bank_rows(bank))
        printf("# below: rows 0 to %" PRId64 ", before the first gap\n", bank_rows(bank) - 1);
}

static void print_outcomes(failures_t *f)
{
    print_costs(f);
    char *text = failures_share(f) > 0 ? failures_text(f) : NULL;
    if (text != NULL)
        print_lines(text);
    free(text);
}

err_t bank_verb_info(const bank_call_t *call)
{
    bank_t *bank = NULL;
    TRY(bank_open(call->arguments[0], &bank));
    bank_info_t totals = bank_info(bank);
    bool json = call->options->json;
    if (!json)
        print_catalog(bank, &totals);
    failures_t *f = failures_create(bank_schema(bank), FAILURES_CAPACITY_ALL);
    err_t err = collect(bank, f);
    if (err == OK && json)
        print_json(bank, &totals, f);
    else if (err == OK)
        print_outcomes(f);
    failures_destroy(&f);
    bank_close(&bank);
    return err;
}
