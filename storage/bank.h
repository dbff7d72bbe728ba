/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank: simulated rows on disk, sealed shard by shard.
 *
 *   bank/ bank.yaml            model declaration, fingerprint, seed, shard_rows, who, when, software
 *         catalog.jsonl        one line a sealed shard: shard, rows, file, xxh3 of each chunk of rows, counts by status,
 *                              seconds, run; "line": the line's own checksum. A later line supersedes an earlier one.
 *         shards/0000000.h5    rows [k * shard_rows, ...): /parameters/<name> (n) f64, /observables/<name> (n, dims) f32,
 *                              /length/<name> (n) i32, /design/<name> (n) f64, /row/index i64, /row/status u8;
 *                              attributes: model (YAML), fingerprint, seed, shard, shard_rows, format, cpu, libm. No dates.
 *         costs/0000000.h5     /seconds (n) f64, /host (text): measured, so not part of the sameness
 *         lock                 who is writing
 *
 * Row i is a function of (model, seed, i). A shard is sealed or does not exist: it is written as `.part`, synced, renamed,
 * and entered in the catalog. Shard files are the same byte for byte for any number of ranks and any history of crashes.
 * Writing is done by a seal group (a communicator); reading needs no MPI and no lock and works beside a running campaign.
 */
#ifndef STORAGE_BANK_H
#define STORAGE_BANK_H

#include "cluster/err.h"
#include "storage/rows.h"
#include "storage/schema.h"

#include <stdint.h>

enum { BANK_CHUNK_ROWS = 256 }; // rows of one HDF5 chunk and of one checksum

typedef struct {
    int64_t shard, first_row, rows;
    int64_t by_status[ROW_STATUS_COUNT];
    double seconds;              // of simulating, summed
    int n_chunks;
    uint64_t *chunk_hash;        // (n_chunks) xxh3 over the rows' bytes, field after field
    char *file;                  // below the bank's folder
} bank_shard_t;

/* ---- reading (storage; no MPI) ---- */
typedef struct bank bank_t;      // opaque: an open bank, read-only

/* Reads bank.yaml and the catalog. ERR_MISSING: no bank there (says what makes one); ERR_FORMAT: torn or newer files,
 * with the line. Not collective. */
err_t bank_open(const char *folder, bank_t **out) ERR_MUST_CHECK;
void bank_close(bank_t **bank);
const schema_t *bank_schema(const bank_t *bank);            // valid until bank_close
const char *bank_fingerprint(const bank_t *bank);
uint64_t bank_seed(const bank_t *bank);
int64_t bank_shard_rows(const bank_t *bank);
int64_t bank_rows(const bank_t *bank);                      // rows sealed without a gap from row 0 on
int bank_shard_count(const bank_t *bank);
const bank_shard_t *bank_shard(const bank_t *bank, int i);  // ascending by shard; valid until bank_close or bank_refresh
err_t bank_refresh(bank_t *bank) ERR_MUST_CHECK;            // looks at the catalog again
/* Provenance as YAML text: bank.yaml itself. Valid until bank_close. */
const char *bank_text(const bank_t *bank);

/* Reads rows [begin, end) into `rows` (capacity is enough, n is set). They may cross shards. A truncated or foreign
 * shard gives ERR_FORMAT naming shard and row. One thread of a process at a time (a lock inside). */
err_t bank_read(bank_t *bank, int64_t begin, int64_t end, rows_t *rows) ERR_MUST_CHECK;
/* Status of all rows [0, bank_rows): (n) */
err_t bank_read_status(bank_t *bank, uint8_t *status) ERR_MUST_CHECK;

/* Recomputes every checksum. Each finding goes to `report` (shard, first and last row, what is wrong); returns OK when
 * there was none, ERR_FORMAT when there were (the count in the text). */
typedef void (*bank_report_t)(void *user, int64_t shard, int64_t first_row, int64_t end_row, const char *what);
err_t bank_verify(bank_t *bank, bank_report_t report, void *user) ERR_MUST_CHECK;

/* ---- writing (storage_write; needs par) ---- */
#ifdef BANK_WRITE
#include "cluster/par.h"
typedef struct bank_writer bank_writer_t;

typedef struct {
    const char *folder;
    const schema_t *schema;
    uint64_t seed;
    int64_t rows, shard_rows;
    const char *study;           // name, for provenance
} bank_plan_t;

/* Takes the lock, makes the folder and bank.yaml or checks that they belong to this plan (ERR_MISMATCH names the first
 * difference: model, seed, shard_rows), removes foreign .part files, enters sealed shards that lack their line.
 * Collective over par; the same code on every rank. */
err_t bank_writer_open(const par_t *par, const bank_plan_t *plan, bank_writer_t **out) ERR_MUST_CHECK;
/* Collective. Gives the lock back. */
err_t bank_writer_close(bank_writer_t **writer) ERR_MUST_CHECK;
/* Shards of the plan that are not sealed with all their rows yet: count, and the k-th. The same on every rank. */
int64_t bank_writer_open_shards(const bank_writer_t *writer);
int64_t bank_writer_open_shard(const bank_writer_t *writer, int64_t k);
/* Rows of a shard that the plan wants: shard_rows, fewer in the last. */
range_t bank_writer_range(const bank_writer_t *writer, int64_t shard);

/* Seals one shard. Each rank brings the rows it has, in any order, even none; together they are the shard's rows exactly
 * once, finished rows of an earlier, shorter version of the shard copied by the writer itself. Collective over `group`
 * (ranks of the writer's par); one data set after another through MPI-IO, whole chunks. */
err_t bank_seal(bank_writer_t *writer, const par_t *group, int64_t shard, const rows_t *mine) ERR_MUST_CHECK;
/* Rows that an earlier, shorter version of this shard holds already ([first_row, end)): they need no simulating. */
range_t bank_writer_kept(const bank_writer_t *writer, int64_t shard);
/* Between two blocks of work, on the rank that holds the lock: renews its heartbeat. ERR_LOCKED when it was taken. */
err_t bank_writer_beat(bank_writer_t *writer) ERR_MUST_CHECK;
#endif

#endif
