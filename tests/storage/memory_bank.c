// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/memory_bank.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct bank {
    schema_t schema;
    int64_t rows, fail_at;
    atomic_llong reads, surprises;
    uint8_t *soon; // (rows) said to be read soon
    schema_parameter_t parameter;
    schema_design_t design;
    schema_observable_t observables[2];
};

bank_t *memory_bank_create(int64_t rows)
{
    bank_t *b = MEM_NEW(bank_t, 1);
    b->rows = rows;
    b->soon = MEM_NEW(uint8_t, rows);
    b->fail_at = -1;
    b->parameter = (schema_parameter_t){.name = "p", .lower = -INFINITY, .upper = INFINITY};
    b->design = (schema_design_t){.name = "N", .lower = 2, .upper = 4, .integer = true};
    b->observables[0] = (schema_observable_t){
        .name = "y", .kind = KIND_SET, .n_dims = 2, .dims = {4, 2}, .length_design = 0};
    b->observables[1] = (schema_observable_t){
        .name = "v", .kind = KIND_VECTOR, .n_dims = 1, .dims = {2}, .length_design = -1};
    b->schema = (schema_t){.name = "memory",
                           .version = "1",
                           .n_parameters = 1,
                           .n_observables = 2,
                           .n_design = 1,
                           .parameters = &b->parameter,
                           .observables = b->observables,
                           .design = &b->design};
    return b;
}

void memory_bank_destroy(bank_t **bank)
{
    free((*bank)->soon);
    free(*bank);
    *bank = NULL;
}

void memory_bank_fail_at(bank_t *bank, int64_t row)
{
    bank->fail_at = row;
}

int64_t memory_bank_reads(bank_t *bank)
{
    return atomic_load(&bank->reads);
}

int64_t memory_bank_surprises(bank_t *bank)
{
    return atomic_load(&bank->surprises);
}

void bank_read_soon(bank_t *bank, int64_t begin, int64_t end)
{
    CHECK(begin >= 0 && begin < end && end <= bank->rows, "rows [%ld, %ld) of %ld", (long)begin,
          (long)end, (long)bank->rows);
    for (int64_t i = begin; i < end; i++)
        bank->soon[i] = 1;
}

const schema_t *bank_schema(const bank_t *bank)
{
    return &bank->schema;
}

static void put_row(rows_t *rows, int64_t at, int64_t i)
{
    int32_t n = (int32_t)(2 + i % 3);
    rows->index[at] = i;
    rows->status[at] = ROW_DONE;
    rows->parameters[at] = (double)i + 0.5;
    rows->design[at] = n;
    rows->length[2 * at] = n;
    rows->length[2 * at + 1] = 2;
    for (int e = 0; e < 4; e++) {
        float y = e < n ? (float)i + 0.25f * (float)e : 1e9f;
        rows->observables[0][8 * at + 2 * e] = y;
        rows->observables[0][8 * at + 2 * e + 1] = -y;
    }
    rows->observables[1][2 * at] = 1;
    rows->observables[1][2 * at + 1] = (float)i;
}

err_t bank_read(bank_t *bank, int64_t begin, int64_t end, rows_t *rows)
{
    CHECK(begin >= 0 && begin < end && end <= bank->rows, "rows [%ld, %ld) of %ld", (long)begin,
          (long)end, (long)bank->rows);
    CHECK(end - begin <= rows->capacity, "%ld rows into %ld", (long)(end - begin),
          (long)rows->capacity);
    atomic_fetch_add(&bank->reads, 1);
    atomic_fetch_add(&bank->surprises, !bank->soon[begin]);
    if (bank->fail_at >= begin && bank->fail_at < end)
        return err_fail(ERR_FORMAT, "shard 3: row %ld is torn", (long)bank->fail_at);
    for (int64_t i = begin; i < end; i++)
        put_row(rows, i - begin, i);
    rows->n = end - begin;
    return OK;
}
