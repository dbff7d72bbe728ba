// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "coordinator/command.h"
#include "coordinator/json_out.h"
#include "storage/bank.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t by_status[ROW_STATUS_COUNT], rows, chunks;
    double seconds;
} totals_t;

static totals_t totals_of(const bank_t *bank)
{
    totals_t t = {0};
    for (int i = 0; i < bank_shard_count(bank); i++) {
        const bank_shard_t *s = bank_shard(bank, i);
        t.rows += s->rows;
        t.chunks += s->n_chunks;
        t.seconds += s->seconds;
        for (int k = 0; k < ROW_STATUS_COUNT; k++)
            t.by_status[k] += s->by_status[k];
    }
    return t;
}

static void print_json(const bank_t *bank, const totals_t *t)
{
    json_t *status = json_object();
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        json_object_set_new(status, row_status_name((row_status_t)k), json_integer(t->by_status[k]));
    json_t *all = json_pack("{s:s,s:s,s:I,s:I,s:i,s:I,s:f,s:o}", "model", bank_schema(bank)->name, "fingerprint",
                            bank_fingerprint(bank), "seed", (json_int_t)bank_seed(bank), "rows", (json_int_t)t->rows,
                            "shards", bank_shard_count(bank), "rows_without_gap", (json_int_t)bank_rows(bank),
                            "seconds", t->seconds, "status", status);
    json_print(all);
    json_decref(all);
}

static void print_text(const bank_t *bank, const totals_t *t)
{
    fputs(bank_text(bank), stdout);
    printf("# %ld rows in %d shards; %.3g s of simulating", (long)t->rows, bank_shard_count(bank), t->seconds);
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        if (t->by_status[k] > 0)
            printf("; %s %ld", row_status_name((row_status_t)k), (long)t->by_status[k]);
    printf("\n");
}

static void print_finding(void *user, int64_t shard, int64_t first_row, int64_t end_row, const char *what)
{
    (void)user;
    if (end_row > first_row)
        printf("shard %ld, rows %ld to %ld: %s\n", (long)shard, (long)first_row, (long)end_row - 1, what);
    else
        printf("shard %ld: %s\n", (long)shard, what);
}

static err_t verify(bank_t *bank)
{
    TRY(bank_verify(bank, print_finding, NULL));
    totals_t t = totals_of(bank);
    printf("%ld rows in %d shards: every checksum holds\n", (long)t.rows, bank_shard_count(bank));
    return OK;
}

err_t command_bank(const par_t *par, const options_t *options)
{
    (void)par;
    const char *verb = options->arguments[0];
    bool info = strcmp(verb, "info") == 0;
    if (!info && strcmp(verb, "verify") != 0)
        return err_fail(ERR_USAGE, "bank: unknown verb \"%s\", expected info or verify", verb);
    bank_t *bank = NULL;
    TRY(bank_open(options->arguments[1], &bank));
    err_t err = OK;
    totals_t totals = totals_of(bank);
    if (!info)
        err = verify(bank);
    else if (options->json)
        print_json(bank, &totals);
    else
        print_text(bank, &totals);
    bank_close(&bank);
    return err;
}
