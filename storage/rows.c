// SPDX-License-Identifier: Apache-2.0
#include "storage/rows.h"

#include "cluster/mem.h"
#include "cluster/text.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char *row_status_name(row_status_t status)
{
    static const char *const names[ROW_STATUS_COUNT] = {
        [ROW_MISSING] = "missing",     [ROW_DONE] = "done",   [ROW_REJECTED] = "rejected",
        [ROW_NONFINITE] = "nonfinite", [ROW_ERROR] = "error", [ROW_TIMEOUT] = "timeout",
        [ROW_CRASHED] = "crashed"};
    return status < ROW_STATUS_COUNT ? names[status] : "unknown";
}

char *row_status_words(void)
{
    text_t words = text_create();
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        text_add(&words, "%s%d %s", s > 0 ? ", " : "", s, row_status_name((row_status_t)s));
    return words.data;
}

bool row_status_may_change(row_status_t status)
{
    return status == ROW_TIMEOUT || status == ROW_CRASHED;
}

rows_t rows_create_untouched(const schema_t *schema, int64_t capacity)
{
    size_t n = (size_t)capacity, n_observables = (size_t)schema->n_observables;
    rows_t rows = {.schema = schema, .capacity = capacity};
    rows.index = MEM_NEW(int64_t, n);
    rows.status = MEM_NEW(uint8_t, n);
    rows.seconds = MEM_NEW(double, n);
    rows.reason = MEM_NEW(char *, n);
    rows.parameters = MEM_NEW(double, n *(size_t)schema->n_parameters);
    rows.design = MEM_NEW(double, n *(size_t)schema->n_design);
    rows.length = MEM_NEW(int32_t, n * n_observables);
    rows.observables = MEM_NEW(float *, n_observables);
    for (int o = 0; o < schema->n_observables; o++)
        rows.observables[o] =
            mem_alloc(n * (size_t)schema_size(&schema->observables[o]), sizeof(float));
    return rows;
}

rows_t rows_create(const schema_t *schema, int64_t capacity)
{
    rows_t rows = rows_create_untouched(schema, capacity);
    for (int o = 0; o < schema->n_observables; o++)
        memset(rows.observables[o], 0,
               (size_t)capacity * (size_t)schema_size(&schema->observables[o]) * sizeof(float));
    return rows;
}

// What is new of an array of rows is cleared.
static void *array_grow(void *old, int64_t from, int64_t to, size_t size)
{
    char *memory = mem_resize(old, (size_t)to, size);
    memset(memory + (size_t)from * size, 0, (size_t)(to - from) * size);
    return memory;
}

void rows_reserve(rows_t *rows, int64_t capacity)
{
    const schema_t *schema = rows->schema;
    int64_t old = rows->capacity;
    if (capacity <= old)
        return;
    rows->index = array_grow(rows->index, old, capacity, sizeof *rows->index);
    rows->status = array_grow(rows->status, old, capacity, sizeof *rows->status);
    rows->seconds = array_grow(rows->seconds, old, capacity, sizeof *rows->seconds);
    rows->reason = array_grow(rows->reason, old, capacity, sizeof *rows->reason);
    rows->parameters = array_grow(rows->parameters, old, capacity,
                                  (size_t)schema->n_parameters * sizeof *rows->parameters);
    rows->design =
        array_grow(rows->design, old, capacity, (size_t)schema->n_design * sizeof *rows->design);
    rows->length = array_grow(rows->length, old, capacity,
                              (size_t)schema->n_observables * sizeof *rows->length);
    for (int o = 0; o < schema->n_observables; o++)
        rows->observables[o] =
            array_grow(rows->observables[o], old, capacity,
                       (size_t)schema_size(&schema->observables[o]) * sizeof(float));
    rows->capacity = capacity;
}

void rows_destroy(rows_t *rows)
{
    for (int o = 0; rows->schema != NULL && o < rows->schema->n_observables; o++)
        free(rows->observables[o]);
    for (int64_t i = 0; i < rows->capacity; i++)
        free(rows->reason[i]);
    free(rows->reason);
    free(rows->observables);
    free(rows->index);
    free(rows->status);
    free(rows->seconds);
    free(rows->parameters);
    free(rows->design);
    free(rows->length);
    *rows = (rows_t){0};
}

void rows_set_reason(rows_t *rows, int64_t at, const char *reason)
{
    CHECK(at >= 0 && at < rows->capacity, "row %ld of %ld", (long)at, (long)rows->capacity);
    char *words =
        reason != NULL && reason[0] != '\0' ? mem_format("%.*s", ROW_REASON_CAP - 1, reason) : NULL;
    free(rows->reason[at]);
    rows->reason[at] = words;
}

// One field of a row: where row 0 lies in memory, and the bytes of one row.
typedef struct {
    char *at;
    size_t bytes;
} field_t;

enum {
    FIELD_INDEX,
    FIELD_STATUS,
    FIELD_SECONDS,
    FIELD_PARAMETERS,
    FIELD_DESIGN,
    FIELD_LENGTH,
    FIELD_OBSERVABLES
};

static int field_count(const schema_t *schema)
{
    return FIELD_OBSERVABLES + schema->n_observables;
}

static size_t field_bytes(const schema_t *schema, int field)
{
    switch (field) {
    case FIELD_INDEX:
        return sizeof(int64_t);
    case FIELD_STATUS:
        return sizeof(uint8_t);
    case FIELD_SECONDS:
        return sizeof(double);
    case FIELD_PARAMETERS:
        return (size_t)schema->n_parameters * sizeof(double);
    case FIELD_DESIGN:
        return (size_t)schema->n_design * sizeof(double);
    case FIELD_LENGTH:
        return (size_t)schema->n_observables * sizeof(int32_t);
    default:
        return (size_t)schema_size(&schema->observables[field - FIELD_OBSERVABLES]) * sizeof(float);
    }
}

static char *field_start(const rows_t *rows, int field)
{
    switch (field) {
    case FIELD_INDEX:
        return (char *)rows->index;
    case FIELD_STATUS:
        return (char *)rows->status;
    case FIELD_SECONDS:
        return (char *)rows->seconds;
    case FIELD_PARAMETERS:
        return (char *)rows->parameters;
    case FIELD_DESIGN:
        return (char *)rows->design;
    case FIELD_LENGTH:
        return (char *)rows->length;
    default:
        return (char *)rows->observables[field - FIELD_OBSERVABLES];
    }
}

static field_t field_of(const rows_t *rows, int field)
{
    return (field_t){field_start(rows, field), field_bytes(rows->schema, field)};
}

void rows_copy(const rows_t *a, int64_t from, rows_t *b, int64_t to)
{
    CHECK(from >= 0 && from < a->capacity && to >= 0 && to < b->capacity,
          "row %ld of %ld to row %ld of %ld", (long)from, (long)a->capacity, (long)to,
          (long)b->capacity);
    for (int f = 0; f < field_count(a->schema); f++) {
        field_t source = field_of(a, f), target = field_of(b, f);
        memcpy(target.at + (size_t)to * target.bytes, source.at + (size_t)from * source.bytes,
               source.bytes);
    }
    if (a->reason[from] != NULL || b->reason[to] != NULL)
        rows_set_reason(b, to, a->reason[from]);
}

void rows_append(const rows_t *a, int64_t from, rows_t *b)
{
    rows_copy(a, from, b, b->n);
    b->n++;
}

size_t rows_bytes(const schema_t *schema)
{
    size_t bytes = 0;
    for (int f = 0; f < field_count(schema); f++)
        bytes += field_bytes(schema, f);
    return bytes;
}

int64_t rows_of_block(const schema_t *schema)
{
    enum { BYTES = 32 << 20, MOST = 4096 };
    int64_t fit = BYTES / (int64_t)rows_bytes(schema);
    return fit < 1 ? 1 : (fit < MOST ? fit : MOST);
}

void rows_pack(const rows_t *rows, int64_t at, void *out)
{
    char *to = out;
    for (int f = 0; f < field_count(rows->schema); f++) {
        field_t field = field_of(rows, f);
        memcpy(to, field.at + (size_t)at * field.bytes, field.bytes);
        to += field.bytes;
    }
}

void rows_unpack(const void *packed, rows_t *rows, int64_t at)
{
    const char *from = packed;
    for (int f = 0; f < field_count(rows->schema); f++) {
        field_t field = field_of(rows, f);
        memcpy(field.at + (size_t)at * field.bytes, from, field.bytes);
        from += field.bytes;
    }
}

uint64_t rows_hash(const rows_t *rows, int64_t begin, int64_t end)
{
    XXH3_state_t *state = XXH3_createState();
    CHECK(state != NULL && XXH3_64bits_reset(state) == XXH_OK, "no memory for a checksum");
    for (int f = 0; f < field_count(rows->schema); f++) {
        field_t field = field_of(rows, f);
        if (f != FIELD_SECONDS)
            XXH3_64bits_update(state, field.at + (size_t)begin * field.bytes,
                               (size_t)(end - begin) * field.bytes);
    }
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}
