// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "coordinator/command.h"
#include "coordinator/json_out.h"
#include "storage/bank.h"

#include <stdio.h>
#include <string.h>

static void print_json(const bank_t *bank, const bank_info_t *t)
{
    json_t *status = json_object();
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        json_object_set_new(status, row_status_name((row_status_t)k),
                            json_integer(t->by_status[k]));
    json_t *all = json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:o}", "model", bank_schema(bank)->name, "fingerprint",
        bank_fingerprint(bank), "seed", (json_int_t)bank_seed(bank), "rows", (json_int_t)t->rows,
        "shards", (json_int_t)t->shards, "bytes", (json_int_t)t->bytes, "rows_without_gap",
        (json_int_t)bank_rows(bank), "seconds", t->seconds, "status", status);
    json_print(all);
    json_decref(all);
}

static void print_text(const bank_t *bank, const bank_info_t *t)
{
    fputs(bank_text(bank), stdout);
    printf("# %ld rows in %ld shards, %.1f MB; %.3g s of simulating", (long)t->rows,
           (long)t->shards, (double)t->bytes / 1e6, t->seconds);
    for (int k = 1; k < ROW_STATUS_COUNT; k++)
        if (t->by_status[k] > 0)
            printf("; %s %ld", row_status_name((row_status_t)k), (long)t->by_status[k]);
    printf("\n");
}

static void print_finding(void *user, int64_t shard, int64_t first_row, int64_t end_row,
                          const char *what)
{
    (void)user;
    if (end_row > first_row)
        printf("shard %ld, rows %ld to %ld: %s\n", (long)shard, (long)first_row, (long)end_row - 1,
               what);
    else
        printf("shard %ld: %s\n", (long)shard, what);
}

static err_t verify(bank_t *bank)
{
    TRY(bank_verify(bank, print_finding, NULL));
    bank_info_t t = bank_info(bank);
    printf("%ld rows in %ld shards, %ld bytes: every checksum holds\n", (long)t.rows,
           (long)t.shards, (long)t.bytes);
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
    bank_info_t totals = bank_info(bank);
    if (!info)
        err = verify(bank);
    else if (options->json)
        print_json(bank, &totals);
    else
        print_text(bank, &totals);
    bank_close(&bank);
    return err;
}
