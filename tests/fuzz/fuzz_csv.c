// SPDX-License-Identifier: Apache-2.0
// Real data from CSV, with and without a sign column.
#include "tests/fuzz/fuzz.h"
#include "workers/table_csv.h"

#include <stdlib.h>

static void read_table(const char *path, const table_csv_t *config)
{
    table_t table;
    table_sink_t keep = table_keeper(&table);
    err_t err = table_read_csv(path, config, &keep, &table);
    fuzz_expect_words(err);
    for (int64_t i = 0; err == OK && i < table.n; i++)
        free(table_repeats(&table, i));
    if (err == OK && table_again_csv(path, config, NULL, &table) != OK)
        __builtin_trap();
    if (err == OK)
        table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const rt[] = {"rt"}, *const pair[] = {"x", "y"};
    const table_columns_t one = {1, rt, "response", false},
                          two[] = {{2, pair, NULL, false}, {1, rt, NULL, false}};
    const char *path = fuzz_file("data.csv", data, size);
    read_table(path, &(table_csv_t){.id = "id", .n_observables = 1, .observables = &one});
    read_table(path, &(table_csv_t){.id = "id", .n_observables = 2, .observables = two});
    return 0;
}
