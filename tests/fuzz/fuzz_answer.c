// SPDX-License-Identifier: Apache-2.0
// What a command simulator says: a description of itself, an answer, a list of answers. The first byte chooses.
#include "cluster/mem.h"
#include "tests/fuzz/fuzz.h"
#include "workers/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIST = 3 };

static void expect_sense(const answer_t *answer, const rows_t *rows, int64_t at)
{
    CHECK(answer->status > ROW_MISSING && answer->status < ROW_STATUS_COUNT, "status %d",
          (int)answer->status);
    CHECK(rows->status[at] == answer->status, "status %d of the row", rows->status[at]);
    for (int o = 0; o < rows->schema->n_observables; o++) {
        int64_t length = rows->length[at * rows->schema->n_observables + o];
        CHECK(length >= 0 && length <= rows->schema->observables[o].dims[0], "length %d",
              (int)length);
    }
}

static void read_answers(const char *text, size_t size, bool given, bool list)
{
    const char *about = "{\"name\":\"m\",\"version\":\"1\",\"parameters\":[{\"name\":\"a\"},{"
                        "\"name\":\"b\",\"lower\":0}],\"design\":[{\"name\":\"n\",\"lower\":1,"
                        "\"upper\":4}],\"observables\":[{\"name\":\"y\",\"kind\":\"set\",\"dims\":["
                        "\"n\",2]},{\"name\":\"z\",\"kind\":\"vector\",\"dims\":[1]}]}";
    schema_t schema;
    bool batch;
    answer_t answers[LIST];
    CHECK(description_read(about, strlen(about), "here", &schema, &batch) == OK, "%s", err_text());
    rows_t rows = rows_create(&schema, LIST);
    for (int i = 0; i < LIST; i++) {
        rows.index[i] = 17 + i;
        rows.design[i] = 2;
        rows.parameters[2 * i + 1] = 1;
    }
    if (list)
        answer_read_list(text, size, given, &rows, 0, LIST, answers);
    else
        answer_read(text, size, given, &rows, 0, &answers[0]);
    for (int i = 0; i < (list ? LIST : 1); i++)
        expect_sense(&answers[i], &rows, i);
    rows_destroy(&rows);
    schema_free(&schema);
}

static void read_description(const char *text, size_t size)
{
    schema_t schema;
    bool batch;
    err_t err = description_read(text, size, "described", &schema, &batch);
    fuzz_expect_words(err);
    if (err != OK)
        return;
    err = schema_check(&schema, "described");
    CHECK(err == OK, "%s", err_text());
    schema_free(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    switch (data[0] % 5) {
    case 0:
        read_description(text, size - 1);
        break;
    case 1:
        read_answers(text, size - 1, false, false);
        break;
    case 2:
        read_answers(text, size - 1, true, false);
        break;
    case 3:
        read_answers(text, size - 1, false, true);
        break;
    case 4:
        read_answers(text, size - 1, true, true);
        break;
    }
    return 0;
}
