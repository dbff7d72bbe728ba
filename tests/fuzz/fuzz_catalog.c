// SPDX-License-Identifier: Apache-2.0
// A catalog as it stands, and once more with each line's checksum made to fit it, so that what is behind the checksum is
// reached.
#include "cluster/mem.h"
#include "storage/catalog.h"
#include "storage/sync.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { TAIL_BYTES = 27 }; // ,"line":"0123456789abcdef"}

static void read_catalog(const char *bytes, size_t size)
{
    catalog_t catalog;
    fuzz_file("catalog.jsonl", (const uint8_t *)bytes, size);
    err_t err = catalog_read(fuzz_folder(), &catalog);
    fuzz_expect_words(err);
    if (err != OK)
        return;
    for (int i = 0; i < catalog.n; i++)
        CHECK(catalog_find(&catalog, catalog.shards[i].shard) == &catalog.shards[i],
              "shard %" PRId64 " is not found", catalog.shards[i].shard);
    CHECK(catalog.good_bytes <= (int64_t)size, "%" PRId64 " good bytes of %zu", catalog.good_bytes,
          size);
    fuzz_expect_words(catalog_repair(fuzz_folder(), &catalog));
    catalog_free(&catalog);
}

// Writes the line with a checksum that fits to `to`; returns its length.
static size_t sign(const char *line, size_t length, char *to)
{
    size_t kept = length > TAIL_BYTES ? length - TAIL_BYTES : 0;
    memcpy(to, line, kept);
    to[kept] = '}';
    uint64_t hash = XXH3_64bits(to, kept + 1);
    return kept + (size_t)sprintf(to + kept, ",\"line\":\"%016" PRIx64 "\"}\n", hash);
}

static void read_signed(const char *text, size_t size)
{
    size_t lines = 1, n = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    char *out = mem_alloc(size + lines * (TAIL_BYTES + 2), 1);
    for (size_t at = 0; at < size;) {
        const char *feed = memchr(text + at, '\n', size - at);
        size_t length = feed != NULL ? (size_t)(feed - text) - at : size - at;
        n += sign(text + at, length, out + n);
        at += length + 1;
    }
    read_catalog(out, n);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_catalog((const char *)data, size);
    read_signed((const char *)data, size);
    return 0;
}
