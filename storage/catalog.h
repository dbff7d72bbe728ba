/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog of a bank, catalog.jsonl: one line a sealed shard, only ever appended to.
 *
 *   {"shard":0,"file":"shards/0000000.h5","first_row":0,"rows":4096,"bytes":...,"hash":"<16 hex>","layout":[2048,...],
 *    "chunks":["<16 hex>",...],"status":{"done":4090,"rejected":6,...},"seconds":12.5,"run":"5f0c...","line":"<16 hex>"}
 *
 * "line" is the xxh3 of the line without it. Seal groups on several nodes append under an fcntl lock, which also makes
 * NFS look at the file's end anew; where a file system has no such locks it keeps appends in order itself. Nothing here is
 * collective.
 */
#ifndef STORAGE_CATALOG_H
#define STORAGE_CATALOG_H

#include "storage/bank.h"

typedef struct {
    int n;
    bank_shard_t *shards; // (n) ascending by shard, one each: the latest line
    int64_t good_bytes;   // of the file, up to the last whole line
    bool torn;            // the beginning of a line follows them
} catalog_t;

/* No file gives an empty catalog. A last line without its end is left out (another process may be writing it).
 * ERR_FORMAT: a line that was changed, by number. */
err_t catalog_read(const char *folder, catalog_t *out) ERR_MUST_CHECK;
void catalog_free(catalog_t *catalog);
const bank_shard_t *catalog_find(const catalog_t *catalog, int64_t shard); // NULL: none
/* Cuts off what follows the last whole line. ERR_IO. */
err_t catalog_repair(const char *folder, catalog_t *catalog) ERR_MUST_CHECK;
/* The line of a shard, with its line feed; the caller frees it. */
char *catalog_line(const bank_shard_t *shard);
/* Appends lines (n bytes) and syncs them; when that fails the file is as before. ERR_IO. */
err_t catalog_append(const char *folder, size_t n, const char *lines) ERR_MUST_CHECK;

void bank_shard_free(bank_shard_t *shard);
/* Whether both are entries of the same bytes. */
bool bank_shard_same(const bank_shard_t *a, const bank_shard_t *b);

#endif
