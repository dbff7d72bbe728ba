// SPDX-License-Identifier: Apache-2.0
// seed_bank SEALED OPEN: makes two banks whose files the fuzzers start from: one small shard, and its rows in a journal.
#define BANK_WRITE
#include "storage/bank.h"
#include "tests/storage/sample_bank.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEED = 3, ROWS = 20 };

// All rows in the journal, and in a shard too where it is sealed.
static err_t fill(const par_t *par, const char *folder, const schema_t *schema, bool seal)
{
    bank_plan_t plan = {.folder = folder,
                        .schema = schema,
                        .seed = SEED,
                        .rows = ROWS,
                        .shard_rows = BANK_CHUNK_ROWS,
                        .study = "seeds"};
    const int64_t first_shard = 0;
    bank_writer_t *writer;
    TRY(bank_writer_open(par, &plan, &writer));
    rows_t rows = rows_create(schema, ROWS);
    sample_rows(SEED, 0, ROWS, &rows);
    rows_set_reason(&rows, 3, "a reason");
    err_t err = bank_journal(writer, &rows, 0, ROWS);
    if (err == OK && seal)
        err = bank_seal(writer, par, 1, &first_shard, &rows);
    rows_destroy(&rows);
    TRY(err);
    return bank_writer_close(&writer);
}

static err_t fill_both(const par_t *par, const char *sealed, const char *open)
{
    schema_t schema = sample_schema();
    err_t err = fill(par, sealed, &schema, true);
    if (err == OK)
        err = fill(par, open, &schema, false);
    schema_free(&schema);
    return err;
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    err_t err = argc == 3 ? fill_both(&par, argv[1], argv[2])
                          : err_fail(ERR_USAGE, "usage: seed_bank SEALED OPEN");
    if (err != OK)
        fprintf(stderr, "%s\n", err_text());
    par_stop(&par);
    return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
