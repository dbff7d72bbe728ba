// SPDX-License-Identifier: Apache-2.0
// A damaged shard in a bank whose other files are as they were: opened, read, verified. FUZZ_BANK is the bank, of one
// shard; the bytes take the shard's place.
#include "cluster/mem.h"
#include "storage/bank.h"
#include "storage/sync.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void copy_in(const char *name)
{
    const char *bank = getenv("FUZZ_BANK");
    CHECK(bank != NULL, "FUZZ_BANK names no bank");
    char *path = mem_format("%s/%s", bank, name), *text;
    int64_t bytes;
    CHECK(sync_read_text(path, &text, &bytes) == OK, "%s", err_text());
    fuzz_file(name, (uint8_t *)text, (size_t)bytes);
    free(text);
    free(path);
}

static void prepare(void)
{
    static bool done;
    if (done)
        return;
    char *path = mem_format("%s/shards", fuzz_folder());
    CHECK(mkdir(path, 0777) == 0, "%s can not be made", path);
    free(path);
    copy_in("bank.yaml");
    copy_in("catalog.jsonl");
    done = true;
}

static void ignore(void *user, int64_t shard, int64_t first_row, int64_t end_row, const char *what)
{
    (void)user, (void)shard, (void)first_row, (void)end_row, (void)what;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bank_t *bank;
    prepare();
    fuzz_file("shards/0000000.h5", data, size);
    CHECK(bank_open(fuzz_folder(), &bank) == OK, "%s", err_text());
    rows_t rows = rows_create(bank_schema(bank), bank_rows(bank));
    fuzz_expect_words(bank_read(bank, 0, bank_rows(bank), &rows));
    rows_destroy(&rows);
    fuzz_expect_words(bank_verify(bank, ignore, NULL));
    bank_close(&bank);
    return 0;
}
