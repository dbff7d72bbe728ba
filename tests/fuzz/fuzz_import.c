// SPDX-License-Identifier: Apache-2.0
// A CSV file of simulations made elsewhere, as it is imported.
#include "cluster/mem.h"
#include "storage/schema.h"
#include "tests/fuzz/fuzz.h"
#include "workers/import.h"

#include <stdlib.h>

static const char declaration[] =
    "name: m\nversion: 1\ndescription: ''\nparameters:\n  - {name: mu, lower: -.inf, upper: .inf}\n"
    "design:\n  - {name: n, lower: 1, upper: 3, integer: true}\nobservables:\n"
    "  - {name: y, kind: set, dims: [3, 1], length: n, lower: -.inf, upper: .inf}\n"
    "  - {name: z, kind: vector, dims: [1], lower: 0, upper: 1}\n";

static err_t read_all(import_t *import, const schema_t *schema)
{
    enum { BLOCK = 64 };
    rows_t rows = rows_create(schema, BLOCK);
    err_t err = OK;
    for (int64_t at = 0; at < import_rows(import) && err == OK; at += BLOCK) {
        int64_t left = import_rows(import) - at;
        err = import_read(import, at, left < BLOCK ? left : BLOCK, &rows);
    }
    rows_destroy(&rows);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_t *import = NULL;
    schema_t schema;
    CHECK(schema_parse(declaration, "declaration", &schema) == OK, "%s", err_text());
    const char *path = fuzz_file("rows.csv", data, size);
    err_t err = import_open(&schema, 1, &path, &import);
    fuzz_expect_words(err);
    if (err == OK)
        fuzz_expect_words(read_all(import, &schema));
    import_close(&import);
    schema_free(&schema);
    return 0;
}
