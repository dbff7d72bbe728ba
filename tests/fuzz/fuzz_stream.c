// SPDX-License-Identifier: Apache-2.0
// A message between hub and worker: one byte for the length of the head, the head, the data. Taken as it stands, and once
// more with the length in its head and the checksum of rows made to fit, so that what is behind them is reached.
#include "cluster/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/storage/sample_bank.h"
#include "tests/workers/stream_echo.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LENGTH_AT = 4, TYPE_AT = 3, HASH_AT = MESSAGE_HEAD + 20, HASH_BYTES = 8 };

static void take(size_t head_bytes, const uint8_t *head, size_t n, const uint8_t *data)
{
    bool accepted;
    schema_t schema = sample_schema();
    CHECK(stream_echoes(head_bytes, head, n, data, &schema, &accepted),
          "a message of %zu and %zu bytes came back as another, or was refused without a word",
          head_bytes, n);
    err_clear();
    schema_free(&schema);
}

static void make_fit(size_t head_bytes, uint8_t *head, size_t n, const uint8_t *data)
{
    uint32_t payload = (uint32_t)(head_bytes - MESSAGE_HEAD);
    uint64_t hash = XXH3_64bits(data, n);
    memcpy(head + LENGTH_AT, &payload, sizeof payload);
    if (head[TYPE_AT] == STREAM_ROWS && head_bytes >= HASH_AT + HASH_BYTES)
        memcpy(head + HASH_AT, &hash, HASH_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t head_bytes = data[0] < size - 1 ? data[0] : size - 1, n = size - 1 - head_bytes;
    uint8_t *copy = mem_alloc(size, 1);
    memcpy(copy, data, size);
    take(head_bytes, copy + 1, n, copy + 1 + head_bytes);
    if (head_bytes >= MESSAGE_HEAD) {
        make_fit(head_bytes, copy + 1, n, copy + 1 + head_bytes);
        take(head_bytes, copy + 1, n, copy + 1 + head_bytes);
    }
    free(copy);
    return 0;
}
