/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank: simulated rows on disk, sealed shard by shard.
 *
 *   bank/ bank.yaml            model declaration, fingerprint, seed, shard_rows, who, when, software
 *         catalog.jsonl        one line a sealed shard: shard, rows, file, bytes and xxh3 of the file, xxh3 of each chunk of
 *                              rows, counts by status, seconds, run; "line": the line's own checksum. A later line
 *                              supersedes an earlier one.
 *         shards/0000000.h5    rows [k * shard_rows, ...): /parameters/<name> (n) f64, /observables/<name> (n, dims) f32,
 *                              /length/<name> (n) i32, /design/<name> (n) f64, /row/index i64, /row/status u8;
 *                              attributes: model (YAML), fingerprint, seed, shard, shard_rows, format, software, cpu, libm.
 *                              No dates.
 *         costs/0000000.h5     /seconds (n) f64, /host (names), /host_of (n) i32: measured, so not part of the sameness
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
enum { BANK_FORMAT = 1 };       // of bank.yaml, catalog and shards; a newer one is refused

typedef struct {
    int64_t shard, first_row, rows;
    int64_t by_status[ROW_STATUS_COUNT];
    double seconds; // of simulating, summed
    int n_chunks;
    uint64_t *chunk_hash; // (n_chunks) rows_hash of each chunk
    int64_t bytes;        // of the file
    uint64_t file_hash;   // xxh3 of the file
    char *file;           // below the bank's folder: "shards/0000000.h5"
    char *run;            // the run that sealed it
} bank_shard_t;

/* What `bank info` prints, summed over the catalog. */
typedef struct {
    int64_t shards, rows, bytes;
    int64_t by_status[ROW_STATUS_COUNT];
    double seconds; // of simulating
} bank_info_t;

/* ---- reading (storage; no MPI) ---- */
typedef struct bank bank_t; // opaque: an open bank, read-only

/* Reads bank.yaml and the catalog. ERR_MISSING: no bank there (says what makes one); ERR_FORMAT: torn or newer files,
 * with the line. Not collective. */
err_t bank_open(const char *folder, bank_t **out) ERR_MUST_CHECK;
void bank_close(bank_t **bank);
const schema_t *bank_schema(const bank_t *bank); // valid until bank_close
const char *bank_fingerprint(const bank_t *bank);
uint64_t bank_seed(const bank_t *bank);
int64_t bank_shard_rows(const bank_t *bank);
int64_t bank_rows(const bank_t *bank); // rows sealed without a gap from row 0 on
int bank_shard_count(const bank_t *bank);
const bank_shard_t *bank_shard(const bank_t *bank,
                               int i); // ascending by shard; valid until bank_close or bank_refresh
err_t bank_refresh(bank_t *bank) ERR_MUST_CHECK; // looks at the catalog again
bank_info_t bank_info(const bank_t *bank);
/* Provenance as YAML text: bank.yaml itself. Valid until bank_close. */
const char *bank_text(const bank_t *bank);

/* Reads rows [begin, end) into `rows` (capacity is enough, n is set; `seconds` are cleared, see costs/). They may cross
 * shards. A truncated shard gives ERR_FORMAT, one of another bank ERR_MISMATCH, naming shard and rows. The last shard
 * stays open. One thread at a time (a lock inside). */
err_t bank_read(bank_t *bank, int64_t begin, int64_t end, rows_t *rows) ERR_MUST_CHECK;
/* Status of all rows [0, bank_rows): (n) */
err_t bank_read_status(bank_t *bank, uint8_t *status) ERR_MUST_CHECK;

/* Recomputes every checksum: of each chunk of rows, which names the rows, then of the whole file, which finds damage
 * between them. Each finding goes to `report` (shard, its rows [first_row, end_row), what is wrong); returns OK when there
 * was none, ERR_FORMAT when there were (the count in the text). */
typedef void (*bank_report_t)(void *user, int64_t shard, int64_t first_row, int64_t end_row,
                              const char *what);
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
    const char *study; // name, for provenance
    double lock_watch; // seconds to watch a lock held on another host; 0: LOCK_WATCH_SECONDS
} bank_plan_t;

/* Takes the lock (rank 0 holds it, a thread of its own beats), makes the folder and bank.yaml or checks that they belong
 * to this plan (ERR_MISMATCH names the first difference: model, seed, shard_rows), removes .part files of other runs,
 * drops a torn last line of the catalog, enters sealed shards that lack their line. ERR_LOCKED, ERR_IO, ERR_FORMAT.
 * Collective over par, which must outlive the writer; the same code on every rank. */
err_t bank_writer_open(const par_t *par, const bank_plan_t *plan,
                       bank_writer_t **out) ERR_MUST_CHECK;
/* Gives the lock back; NULL is fine. Collective. */
err_t bank_writer_close(bank_writer_t **writer) ERR_MUST_CHECK;
/* Shards of the plan that were not sealed with all their rows when the writer was opened: count, and the k-th
 * (ascending). Sealing does not change the list. The same on every rank. */
int64_t bank_writer_open_shards(const bank_writer_t *writer);
int64_t bank_writer_open_shard(const bank_writer_t *writer, int64_t k);
/* Rows of a shard that the plan wants: shard_rows, fewer in the last. */
range_t bank_writer_range(const bank_writer_t *writer, int64_t shard);
/* Rows that an earlier, shorter version of this shard holds already ([first_row, end)): they need no simulating. Empty
 * where there are none. */
range_t bank_writer_kept(const bank_writer_t *writer, int64_t shard);
/* Rows of the plan that were sealed when the writer was opened. */
int64_t bank_writer_sealed_rows(const bank_writer_t *writer);
const char *bank_writer_run(const bank_writer_t *writer); // the run's id; valid until close

/* Seals one shard. Each rank brings the rows it has, in any order, even none; together with bank_writer_kept they are the
 * shard's rows exactly once (ERR_FAILED names a row that is missing, foreign or double). Kept rows are copied by the
 * writer. Needs memory for three times the rows a rank brings or stores. Collective over `group` (ranks of the writer's
 * par); the same code on every rank. A full disk gives ERR_IO with file and bytes, and leaves nothing of this shard
 * behind and nothing that was sealed lost; ERR_LOCKED when the lock is not this run's any more. */
err_t bank_seal(bank_writer_t *writer, const par_t *group, int64_t shard,
                const rows_t *mine) ERR_MUST_CHECK;
/* Whether the lock is still this run's: any rank, any thread, between two blocks of work. ERR_LOCKED. Not collective. */
err_t bank_writer_beat(bank_writer_t *writer) ERR_MUST_CHECK;
#endif

#endif
