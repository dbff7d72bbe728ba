// SPDX-License-Identifier: Apache-2.0
// seed_bank FOLDER: makes a bank of one small shard, whose files the fuzzers start from.
#define BANK_WRITE
#include "storage/bank.h"
#include "tests/storage/sample_bank.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEED = 3, ROWS = 20 };

static err_t fill(const par_t *par, const char *folder, const schema_t *schema)
{
    bank_plan_t plan = {.folder = folder,
                        .schema = schema,
                        .seed = SEED,
                        .rows = ROWS,
                        .shard_rows = BANK_CHUNK_ROWS,
                        .study = "seeds"};
    bank_writer_t *writer;
    TRY(bank_writer_open(par, &plan, &writer));
    rows_t rows = rows_create(schema, ROWS);
    sample_rows(SEED, 0, ROWS, &rows);
    err_t err = bank_seal(writer, par, 0, &rows);
    rows_destroy(&rows);
    TRY(err);
    return bank_writer_close(&writer);
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    schema_t schema = sample_schema();
    err_t err =
        argc == 2 ? fill(&par, argv[1], &schema) : err_fail(ERR_USAGE, "usage: seed_bank FOLDER");
    if (err != OK)
        fprintf(stderr, "%s\n", err_text());
    schema_free(&schema);
    par_stop(&par);
    return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
