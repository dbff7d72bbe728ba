// SPDX-License-Identifier: Apache-2.0
//
// window_rate BANK WINDOW_ROWS SLICES SLICE_ROWS EPOCHS: reads a bank in the order of training, with nobody who computes
// between two steps, and prints rows, seconds to the first step, seconds of all, rows a second, MB a second, most memory
// of the process in MB, and a checksum of all rows in their order.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <xxhash.h>

typedef struct {
    bank_t *bank;
    shuffle_t *shuffle;
    int slices;
    int64_t epochs;
    double begun, first, end; // clock
    uint64_t hash;
} pass_t;

static err_t plan(pass_t *p, int64_t window_rows, int64_t slice_rows)
{
    uint8_t *status = MEM_NEW(uint8_t, bank_rows(p->bank));
    err_t err = bank_read_status(p->bank, status);
    shuffle_config_t config = shuffle_config_default();
    config.seed = 1;
    config.rows = bank_rows(p->bank);
    config.status = status;
    config.window_rows = window_rows;
    config.slices = p->slices;
    config.slice_rows = slice_rows;
    if (err == OK)
        err = shuffle_create(&config, &p->shuffle);
    free(status);
    return err;
}

static err_t one_step(pass_t *p, reader_t *reader)
{
    for (int k = 0; k < p->slices; k++) {
        const rows_t *rows;
        TRY(reader_next(reader, k, &rows));
        p->hash =
            XXH3_64bits_withSeed(&(uint64_t){rows_hash(rows, 0, rows->n)}, sizeof p->hash, p->hash);
    }
    return OK;
}

static err_t read_all(pass_t *p)
{
    reader_t *reader = NULL;
    int *slices = MEM_NEW(int, p->slices);
    for (int k = 0; k < p->slices; k++)
        slices[k] = k;
    int64_t steps = p->epochs * shuffle_steps(p->shuffle);
    p->begun = log_clock();
    err_t err = reader_create(p->bank, p->shuffle, p->slices, slices, 0, 0, &reader);
    for (int64_t step = 0; step < steps && err == OK; step++) {
        err = one_step(p, reader);
        if (step == 0)
            p->first = log_clock();
    }
    p->end = log_clock();
    reader_destroy(&reader);
    free(slices);
    return err;
}

static void print(const pass_t *p)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const shuffle_config_t *c = shuffle_config(p->shuffle);
    double rows = (double)(p->epochs * shuffle_steps(p->shuffle) * p->slices * c->slice_rows);
    double seconds = p->end - p->begun, bytes = rows * (double)rows_bytes(bank_schema(p->bank));
    printf("%.0f rows, first step after %.2f s, all in %.2f s, %.0f rows/s, %.0f MB/s, %.0f MB of "
           "memory, %016" PRIx64 "\n",
           rows, p->first - p->begun, seconds, rows / seconds, bytes / seconds / 1e6,
           (double)usage.ru_maxrss / 1e3, p->hash);
}

int main(int argc, char **argv)
{
    pass_t p = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: window_rate BANK WINDOW_ROWS SLICES SLICE_ROWS EPOCHS\n");
        return 2;
    }
    p.slices = atoi(argv[3]);
    p.epochs = atoll(argv[5]);
    err_t err = bank_open(argv[1], &p.bank);
    if (err == OK)
        err = plan(&p, atoll(argv[2]), atoll(argv[4]));
    if (err == OK)
        err = read_all(&p);
    if (err == OK)
        print(&p);
    else
        fprintf(stderr, "window_rate: %s\n", err_text());
    if (p.shuffle != NULL)
        shuffle_destroy(&p.shuffle);
    bank_close(&p.bank);
    return err_exit_code(err);
}
