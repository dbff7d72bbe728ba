// SPDX-License-Identifier: Apache-2.0
// A chunk's checksum names the rows that differ; the file's own, looked at when it is opened, covers all other bytes.
#include "storage/bank.h"

#include "cluster/mem.h"
#include "storage/bank_inside.h"
#include "storage/shard_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const bank_t *bank;
    bank_report_t report; // NULL: only counted
    void *user;
    int64_t findings;
} verifier_t;

static void find(verifier_t *v, const bank_shard_t *shard, int64_t begin, int64_t end,
                 const char *what)
{
    v->findings++;
    if (v->report != NULL)
        v->report(v->user, shard->shard, shard->first_row + begin, shard->first_row + end, what);
}

static void verify_chunk(verifier_t *v, shard_t *open, const bank_shard_t *shard, int c,
                         rows_t *rows)
{
    char what[128];
    int64_t begin = (int64_t)c * BANK_CHUNK_ROWS, end = begin + BANK_CHUNK_ROWS;
    end = end < shard->rows ? end : shard->rows;
    if (shard_read(open, begin, end, rows, 0) != OK) {
        find(v, shard, begin, end, err_text());
        return;
    }
    uint64_t hash = rows_hash(rows, 0, end - begin);
    if (hash == shard->chunk_hash[c])
        return;
    snprintf(what, sizeof what, "checksum %016" PRIx64 ", the catalog has %016" PRIx64, hash,
             shard->chunk_hash[c]);
    find(v, shard, begin, end, what);
}

static void verify_rows(verifier_t *v, const bank_shard_t *shard)
{
    shard_t *open = NULL;
    if (shard_open(v->bank->folder, &v->bank->card, shard, &open) != OK) {
        find(v, shard, 0, shard->rows, err_text());
        return;
    }
    rows_t rows = rows_create(&v->bank->card.schema, BANK_CHUNK_ROWS);
    for (int c = 0; c < shard->n_chunks; c++)
        verify_chunk(v, open, shard, c, &rows);
    rows_destroy(&rows);
    shard_close(&open);
}

// A compressed shard is given to HDF5 only where all its bytes are as they were: it may crash on others.
static bool file_stands(verifier_t *v, const bank_shard_t *shard)
{
    char *path = mem_format("%s/%s", v->bank->folder, shard->file), what[160];
    uint64_t hash;
    int64_t bytes;
    bool stands = shard_layout_hash(path, &v->bank->card.schema, shard, &hash, &bytes) == OK;
    if (!stands) {
        find(v, shard, 0, shard->rows, err_text());
    } else if (bytes != shard->bytes || hash != shard->file_hash) {
        snprintf(what, sizeof what,
                 "%" PRId64 " bytes with checksum %016" PRIx64 ", the catalog has %" PRId64
                 " and %016" PRIx64,
                 bytes, hash, shard->bytes, shard->file_hash);
        find(v, shard, 0, shard->rows, what);
        stands = false;
    }
    free(path);
    return stands;
}

static void verify_version(verifier_t *v, const bank_shard_t *shard)
{
    if (shard->n_layout > 0 || file_stands(v, shard))
        verify_rows(v, shard);
}

// A campaign may write a shard anew meanwhile: what looks damaged then is another version.
static void verify_shard(verifier_t *v, const bank_shard_t *shard)
{
    verifier_t quiet = {v->bank, NULL, NULL, 0};
    bank_shard_t newer;
    verify_version(&quiet, shard);
    if (quiet.findings == 0)
        return;
    if (bank_find_newer(v->bank, shard, &newer)) {
        verify_shard(v, &newer);
        bank_shard_free(&newer);
    } else {
        verify_version(v, shard);
    }
}

err_t bank_verify(bank_t *bank, bank_report_t report, void *user)
{
    verifier_t v = {bank, report, user, 0};
    for (int i = 0; i < bank->catalog.n; i++)
        verify_shard(&v, &bank->catalog.shards[i]);
    err_clear();
    if (v.findings > 0)
        return err_fail(ERR_FORMAT,
                        "%s: damaged in %" PRId64
                        " places; a shard whose file is deleted is simulated again",
                        bank->folder, v.findings);
    return OK;
}
