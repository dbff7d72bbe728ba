// SPDX-License-Identifier: Apache-2.0
//
// compress_rate BANK ROWS FOLDER: copies the first rows of a bank into banks at several levels of deflate below FOLDER (made
// here; removed by whoever made it) and prints, for each, size, ratio, and MB of rows a second written (with sync) and read
// in order. One process.
#define BANK_WRITE
#include "storage/bank.h"

#include "cluster/log.h"
#include "cluster/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static err_t write_bank(const par_t *self, bank_t *from, const char *folder, int level,
                        const rows_t *rows)
{
    bank_plan_t plan = {.folder = folder,
                        .schema = bank_schema(from),
                        .seed = bank_seed(from),
                        .rows = rows->n,
                        .shard_rows = bank_shard_rows(from),
                        .study = "compress_rate",
                        .compress = level};
    bank_writer_t *writer = NULL;
    TRY(bank_writer_open(self, &plan, &writer));
    int n = (int)bank_writer_open_shards(writer);
    int64_t *shards = MEM_NEW(int64_t, n);
    for (int k = 0; k < n; k++)
        shards[k] = bank_writer_open_shard(writer, k);
    err_t err = bank_seal(writer, self, n, shards, rows);
    free(shards);
    err_t closed = bank_writer_close(&writer);
    return err != OK ? err : closed;
}

static err_t read_bank(const char *folder, int64_t n, double *bytes)
{
    bank_t *bank = NULL;
    TRY(bank_open(folder, &bank));
    rows_t block = rows_create(bank_schema(bank), BANK_CHUNK_ROWS);
    err_t err = OK;
    for (int64_t i = 0; i < n && err == OK; i += BANK_CHUNK_ROWS)
        err = bank_read(bank, i, i + BANK_CHUNK_ROWS < n ? i + BANK_CHUNK_ROWS : n, &block);
    *bytes = (double)bank_info(bank).bytes;
    rows_destroy(&block);
    bank_close(&bank);
    return err;
}

static err_t measure(const par_t *self, bank_t *from, const char *below, int level,
                     const rows_t *rows)
{
    char *folder = mem_format("%s/level-%d", below, level);
    double bytes = 0, raw = (double)rows->n * (double)rows_bytes(rows->schema) / 1e6;
    double begun = log_clock();
    err_t err = write_bank(self, from, folder, level, rows);
    double written = log_clock();
    if (err == OK)
        err = read_bank(folder, rows->n, &bytes);
    double read = log_clock();
    if (err == OK)
        printf("level %d: %8.1f MB, ratio %.2f, write %6.0f MB/s, read %6.0f MB/s\n", level,
               bytes / 1e6, 1e6 * raw / bytes, raw / (written - begun), raw / (read - written));
    free(folder);
    return err;
}

static err_t run(const par_t *self, char **arguments)
{
    static const int levels[] = {0, 1, 4, 6};
    bank_t *bank = NULL;
    int64_t n = atoll(arguments[2]);
    TRY(bank_open(arguments[1], &bank));
    n = n < bank_rows(bank) ? n : bank_rows(bank);
    rows_t rows = rows_create(bank_schema(bank), n);
    err_t err = bank_read(bank, 0, n, &rows);
    for (size_t i = 0; i < sizeof levels / sizeof *levels && err == OK; i++)
        err = measure(self, bank, arguments[3], levels[i], &rows);
    rows_destroy(&rows);
    bank_close(&bank);
    return err;
}

int main(int argc, char **argv)
{
    par_t par = par_start(&argc, &argv), self = par_alone();
    err_t err =
        argc == 4 ? run(&self, argv) : err_fail(ERR_USAGE, "usage: compress_rate BANK ROWS FOLDER");
    if (err != OK)
        fprintf(stderr, "compress_rate: %s\n", err_text());
    par_stop(&par);
    return err_exit_code(err);
}
