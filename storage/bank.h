/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank: simulated rows on disk, sealed shard by shard.
 *
 *   bank/ bank.yaml            model declaration, fingerprint, seed, shard_rows, who, when, software
 *         catalog.jsonl        one line a sealed shard (catalog.h); a later line supersedes an earlier one
 *         shards/0000000.h5    rows [k * shard_rows, ...): /parameters/<name> (n) f64, /observables/<name> (n, dims) f32,
 *                              /length/<name> (n) i32, /design/<name> (n) f64, /row/index i64, /row/status u8;
 *                              attributes: model (YAML), fingerprint, seed, shard, shard_rows, format, software, cpu, libm,
 *                              what the statuses mean, units. No dates.
 *         costs/0000000.h5     what was measured, so not part of the sameness (costs.h)
 *         journal/<run>-<rank> rows that are finished and not sealed (journal.h)
 *         lock                 who is writing
 *
 * Row i is a function of (model, seed, i). A shard is sealed or does not exist: it is written as `.part`, synced, renamed,
 * and entered in the catalog. Shard files are the same byte for byte for any number of ranks and any history of crashes.
 * The catalog says where in the file the numbers lie and has a checksum for each chunk of rows and one for all bytes
 * between them, so a reader needs no HDF5, and HDF5 is not given a damaged file. Compressed shards are read through HDF5.
 * Writing is done by seal groups (communicators); reading needs no MPI and no lock and works beside a running campaign.
 */
#ifndef STORAGE_BANK_H
#define STORAGE_BANK_H

#include "cluster/err.h"
#include "storage/rows.h"
#include "storage/schema.h"

#include <stdint.h>

enum {
    BANK_CHUNK_ROWS = 256
};                        // rows of one checksum, and of one HDF5 chunk where shards are compressed
enum { BANK_FORMAT = 1 }; // of bank.yaml, catalog and shards; a newer one is refused

typedef struct {
    int64_t shard, first_row, rows;
    int64_t by_status[ROW_STATUS_COUNT];
    double seconds; // of simulating, summed
    int n_chunks;
    uint64_t *chunk_hash; // (n_chunks) rows_hash of each chunk
    int64_t bytes;        // of the file
    int n_layout;         // data sets (shard_fields.h); 0: compressed
    int64_t *layout;      // (n_layout) where each one's numbers begin in the file, in bytes
    uint64_t
        file_hash; // xxh3 of the file: of its bytes outside the data sets where there is a layout, else of all
    char *file; // below the bank's folder: "shards/0000000.h5"
    char *run;  // the run that sealed it
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
/* The same where a bank need not be there: OK and NULL then. */
err_t bank_open_if_there(const char *folder, bank_t **out) ERR_MUST_CHECK;
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
/* YAML text of where imported or merged rows come from; NULL: they were simulated here. Valid until bank_close. */
const char *bank_origin(const bank_t *bank);

/* Reads rows [begin, end) into `rows` (capacity is enough, n is set; `seconds` are cleared, see costs/). They may cross
 * shards. A truncated shard gives ERR_FORMAT, one of another bank ERR_MISMATCH, naming shard and rows. Some
 * shards stay open. A shard that a campaign has written anew since bank_open is read as it is now. One thread at a time (a
 * lock inside). */
err_t bank_read(bank_t *bank, int64_t begin, int64_t end, rows_t *rows) ERR_MUST_CHECK;
/* The same of index, status and parameters alone: what a survey of a large bank needs. */
err_t bank_read_head(bank_t *bank, int64_t begin, int64_t end, rows_t *rows) ERR_MUST_CHECK;
/* Rows [begin, end) are going to be read: lets the disk begin. A hint, what goes wrong will be met when they are read. */
void bank_read_soon(bank_t *bank, int64_t begin, int64_t end);
/* Status of all rows [0, bank_rows): (n) */
err_t bank_read_status(bank_t *bank, uint8_t *status) ERR_MUST_CHECK;
/* What was measured of rows [begin, end): seconds and reasons into rows[0 ...], whose n is left alone; 0 and none where a
 * shard has no costs. ERR_FORMAT. */
err_t bank_read_costs(bank_t *bank, int64_t begin, int64_t end, rows_t *rows) ERR_MUST_CHECK;

/* Recomputes every checksum: of the file outside its rows, then of each chunk of rows, which names the rows. Where the
 * first does not fit, or in a compressed shard, all rows of the shard are named. Each finding goes to `report` (shard, its rows [first_row, end_row), what is wrong); returns OK when there
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
    bool retry;        // rows that timed out or crashed are missing again
    int compress;      // of shards: 0 none, 1 to 9 deflate. A bank may hold both kinds
    /* NULL: row i is simulated, a function of (seed, i). Else where the rows come from (import, merge): YAML text that
     * becomes `origin:` of bank.yaml and binds as the seed does, but for lines added at its end; nothing is simulated
     * into such a bank. */
    const char *origin;
} bank_plan_t;

/* Takes the lock (rank 0 holds it, a thread of its own beats), makes the folder and bank.yaml or checks that they belong
 * to this plan (ERR_MISMATCH names the first difference: model, seed, shard_rows, origin), removes .part files of other
 * runs, drops a torn last line of the catalog, enters sealed shards that lack their line, and takes over the journals of
 * earlier runs. ERR_LOCKED, ERR_IO, ERR_FORMAT. Collective over par, which must outlive the writer; the same code on every
 * rank. */
err_t bank_writer_open(const par_t *par, const bank_plan_t *plan,
                       bank_writer_t **out) ERR_MUST_CHECK;
/* Gives the lock back; NULL is fine. Collective. */
err_t bank_writer_close(bank_writer_t **writer) ERR_MUST_CHECK;

/* What follows is the same on every rank, and is what was found at the opening: sealing does not change it. */

/* Rows of the plan to be made: ranges, ascending, each inside one shard. Rows that lie in journals are not among them.
 * Valid until close. */
int64_t bank_writer_missing(const bank_writer_t *writer, const range_t **ranges);
/* Shards of the plan that are to be sealed: count, and the k-th (ascending). Those with missing rows, and those whose
 * missing rows were all found in journals. */
int64_t bank_writer_open_shards(const bank_writer_t *writer);
int64_t bank_writer_open_shard(const bank_writer_t *writer, int64_t k);
/* Rows of a shard that the plan wants: shard_rows, fewer in the last. */
range_t bank_writer_range(const bank_writer_t *writer, int64_t shard);
int64_t bank_writer_sealed_rows(
    const bank_writer_t *writer); // of the plan, neither missing nor in journals
int64_t bank_writer_recovered_rows(const bank_writer_t *writer); // found in journals
const char *bank_writer_run(const bank_writer_t *writer);        // the run's id; valid until close

/* Rows [begin, end) of the plan, of one shard and none of them missing, into rows[0 ...] (capacity is enough, n is set) with
 * seconds and reasons, from shards and journals, as long as this run has not sealed their shard. ERR_FORMAT, ERR_IO;
 * ERR_FAILED names a missing one. Not collective. */
err_t bank_writer_read(bank_writer_t *writer, int64_t begin, int64_t end,
                       rows_t *rows) ERR_MUST_CHECK;

/* Puts rows [begin, end) of a block into this rank's journal and syncs it: whatever crashes, they need not be made again.
 * Rows that are sealed later leave the journal by themselves. ERR_IO. Not collective. */
err_t bank_journal(bank_writer_t *writer, const rows_t *rows, int64_t begin,
                   int64_t end) ERR_MUST_CHECK;

/* Seals open shards (`shards`: ascending, the same on every rank of the group): all their files are written, then all are
 * synced, then they become part of the bank. `mine`: rows that this rank keeps, in any order; those of other shards are
 * passed over, and all stay the caller's. Together with what the bank and the journals hold they are each shard's rows
 * exactly once (ERR_FAILED names a row that is missing or double). Needs memory for two shards beside the rows. Collective
 * over `group` (ranks of the writer's par); the same code on every rank; groups may seal different shards at the same
 * time. A full disk gives ERR_IO with file and bytes, and leaves nothing of these shards behind and nothing that was
 * sealed lost; ERR_LOCKED when the lock is not this run's any more. */
err_t bank_seal(bank_writer_t *writer, const par_t *group, int n_shards, const int64_t *shards,
                const rows_t *mine) ERR_MUST_CHECK;
/* Whether the lock is still this run's: any rank, any thread, between two blocks of work. ERR_LOCKED. Not collective. */
err_t bank_writer_beat(bank_writer_t *writer) ERR_MUST_CHECK;
#endif

#endif
