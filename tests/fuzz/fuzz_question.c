// SPDX-License-Identifier: Apache-2.0
// What clients of a server of posteriors send.
#include "cluster/mem.h"
#include "tests/fuzz/fuzz.h"
#include "workers/question.h"

#include <math.h>
#include <stdlib.h>

#include "tests/workers/question_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    question_case_t c = question_case_make();
    rows_t rows = rows_create(&c.schema, 1);
    question_t q;
    char why[QUESTION_WHY];
    bool fine = question_read((const char *)data, size, &c.schema, c.adapter, &rows, 0, &q, why);
    CHECK(fine || why[0] != '\0', "no reason");
    for (int k = 0; k < 2; k++)
        CHECK(rows.length[k] >= 0 && rows.length[k] <= c.schema.observables[k].dims[0], "length %d",
              rows.length[k]);
    free(fine ? answer_busy(&q, 1) : answer_error(&q, why));
    question_free(&q);
    rows_destroy(&rows);
    question_case_free(&c);
    return 0;
}
