// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/bench.h"

#define BANK_WRITE
#include "storage/bank.h"
#include "storage/sync.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Shards of some 14 MB, a meeting of 16 of them.
enum { SHARDS = 16, SHARD_ROWS = 8192, REPEATS = 3 };

static err_t plain_write(const char *path, size_t bytes, const char *block, size_t block_bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    bool good = file >= 0;
    for (size_t done = 0; good && done < bytes; done += block_bytes) {
        size_t n = bytes - done < block_bytes ? bytes - done : block_bytes;
        good = write(file, block, n) == (ssize_t)n;
    }
    good = good && fsync(file) == 0;
    err_t err = good ? OK : err_errno(ERR_IO, "plain file %s", path);
    if (file >= 0)
        close(file);
    return err;
}

static err_t plain_read(const char *path, char *block, size_t block_bytes)
{
    int file = open(path, O_RDONLY);
    ssize_t n = file >= 0 ? 1 : -1;
    while (n > 0)
        n = read(file, block, block_bytes);
    err_t err = n == 0 ? OK : err_errno(ERR_IO, "plain file %s", path);
    if (file >= 0)
        close(file);
    return err;
}

typedef struct {
    char *folder, *bank, *plain;
    size_t bytes; // of the plain file: those of the bank's rows
    double write_bank, write_plain, read_bank, read_plain; // seconds, the best of REPEATS
} measured_t;

static void best(double *least, double seconds)
{
    if (*least == 0 || seconds < *least)
        *least = seconds;
}

// The rows of a campaign's meeting: each rank has its share of every shard.
static rows_t rows_of_meeting(const bench_t *b, int64_t n)
{
    range_t mine = par_share(n, b->par->rank, b->par->size);
    rows_t rows = rows_create(b->rows.schema, SHARDS * (mine.end - mine.begin));
    for (int64_t shard = 0; shard < SHARDS; shard++)
        for (int64_t i = mine.begin; i < mine.end; i++) {
            rows_append(&b->rows, i % b->rows.n, &rows);
            rows.index[rows.n - 1] = shard * n + i;
        }
    return rows;
}

static err_t seal_all(bench_t *b, measured_t *m, uint64_t seed)
{
    int64_t shards[SHARDS];
    bank_plan_t plan = {.folder = m->bank,
                        .schema = b->rows.schema,
                        .seed = seed,
                        .rows = SHARDS * SHARD_ROWS,
                        .shard_rows = SHARD_ROWS,
                        .study = "bench"};
    bank_writer_t *writer = NULL;
    for (int64_t k = 0; k < SHARDS; k++)
        shards[k] = k;
    TRY(bank_writer_open(b->par, &plan, &writer));
    rows_t rows = rows_of_meeting(b, SHARD_ROWS);
    par_barrier(b->par);
    double start = log_clock();
    err_t err = bank_seal(writer, b->par, SHARDS, shards, &rows);
    best(&m->write_bank, log_clock() - start);
    rows_destroy(&rows);
    err_t closed = bank_writer_close(&writer);
    return err != OK ? err : closed;
}

static err_t read_all(bench_t *b, measured_t *m)
{
    bank_t *bank = NULL;
    TRY(bank_open(m->bank, &bank));
    rows_t block = rows_create(b->rows.schema, BANK_CHUNK_ROWS);
    err_t err = OK;
    double start = log_clock();
    for (int64_t i = 0; i < bank_rows(bank) && err == OK; i += BANK_CHUNK_ROWS)
        err = bank_read(bank, i, i + BANK_CHUNK_ROWS, &block);
    best(&m->read_bank, log_clock() - start);
    rows_destroy(&block);
    bank_close(&bank);
    return err;
}

/* Removes what this benchmark made, and nothing else. */
static void remove_bank(const measured_t *m)
{
    if (sync_remove_folder(m->bank) != OK) {
        log_warning("bench: %s", err_text());
        err_clear();
    }
}

// In blocks of the rows that a trainer reads at a time.
static err_t plain_here(measured_t *m, size_t row_bytes)
{
    size_t block_bytes = BANK_CHUNK_ROWS * row_bytes;
    char *block = mem_alloc(block_bytes, 1);
    memset(block, 1, block_bytes);
    double start = log_clock();
    err_t err = plain_write(m->plain, m->bytes, block, block_bytes);
    best(&m->write_plain, log_clock() - start);
    start = log_clock();
    if (err == OK)
        err = plain_read(m->plain, block, block_bytes);
    best(&m->read_plain, log_clock() - start);
    free(block);
    return err;
}

static err_t one_round(bench_t *b, measured_t *m, int round)
{
    TRY(seal_all(b, m, (uint64_t)round));
    err_t mine = OK;
    if (b->par->rank == 0) {
        mine = read_all(b, m);
        if (mine == OK)
            mine = plain_here(m, rows_bytes(b->rows.schema));
        remove_bank(m);
    }
    return par_agree(b->par, mine);
}

static void add_rows(bench_t *b, const measured_t *m)
{
    double megabytes = (double)m->bytes / 1e6, rows = (double)SHARDS * SHARD_ROWS;
    bench_add(b, (bench_row_t){"bank write", rows / m->write_bank, "rows/s",
                               megabytes / m->write_bank, megabytes / m->write_plain, "MB/s"});
    bench_add(b, (bench_row_t){"bank read", rows / m->read_bank, "rows/s", megabytes / m->read_bank,
                               megabytes / m->read_plain, "MB/s"});
}

err_t bench_storage(bench_t *b)
{
    char name[] = "infermill-bench.XXXXXX";
    err_t mine = OK;
    if (b->par->rank == 0 && mkdtemp(name) == NULL)
        mine = err_errno(ERR_IO, "a folder for the benchmark here");
    TRY(par_agree(b->par, mine));
    measured_t m = {.folder = par_broadcast_text(b->par, 0, name)};
    m.bank = mem_format("%s/bank", m.folder);
    m.plain = mem_format("%s/plain", m.folder);
    m.bytes = (size_t)SHARDS * SHARD_ROWS * rows_bytes(b->rows.schema);
    err_t err = OK;
    for (int round = 0; round < REPEATS && err == OK; round++)
        err = one_round(b, &m, round);
    if (err == OK)
        add_rows(b, &m);
    if (b->par->rank == 0) {
        unlink(m.plain);
        rmdir(m.folder);
    }
    free(m.plain);
    free(m.bank);
    free(m.folder);
    return err;
}
