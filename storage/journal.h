/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of a rank, journal/<run>-<rank>: finished rows that are not sealed yet and were dear. Only ever appended to,
 * and synced, so that what is in it survives any crash; read back by any rank of a later run. Where it grows long another file
 * is begun (<run>-<rank>.1, .2 ...), so that those whose rows are all sealed can go: a stream of rows that never ends takes
 * no more than the rows that wait for their shards, and two files.
 *
 *   "infermill journal 1 <fingerprint> <seed>\n", then records:
 *   bytes u32, index i64, packed row (rows_pack), reason without its 0, xxh3 u64 of what stands between
 *
 * A record that is torn, or does not fit its checksum, ends the reading of its file. Nothing here is collective.
 */
#ifndef STORAGE_JOURNAL_H
#define STORAGE_JOURNAL_H

#include "cluster/err.h"
#include "storage/bank_card.h"
#include "storage/rows.h"

/* The first line of a bank's journals; the caller frees it. */
char *journal_header(const bank_card_t *card);

/* ---- written ---- */
typedef struct journal journal_t; // one rank's, opaque

enum { JOURNAL_MOST = 64 << 20 }; // bytes of a file, beyond which another one is begun, usually

/* Nothing is made on disk before the first row. The card must outlive it. */
journal_t *journal_create(const char *folder, const bank_card_t *card, const char *run, int rank,
                          int64_t most);
/* Rows [begin, end) of a block, synced. When it fails the file is as before. ERR_IO. */
err_t journal_append(journal_t *journal, const rows_t *rows, int64_t begin,
                     int64_t end) ERR_MUST_CHECK;
/* Rows of these shards (ascending) are sealed now: where no others are left, a file is emptied or removed. */
err_t journal_sealed(journal_t *journal, int n_shards, const int64_t *shards) ERR_MUST_CHECK;
/* Ends it, and removes its file when it is empty. */
void journal_close(journal_t **journal);

/* ---- read back ---- */
typedef struct {
    int64_t row, offset; // of the bank; of its record in the file
    int32_t file;        // of journal_list_t
    int32_t status;
} journal_entry_t;

/* What all journals of a bank hold. */
typedef struct {
    int n_files;
    char **file; // (n_files) names in the bank's journal folder
    int64_t n;
    journal_entry_t *entry; // (n) ascending by row, each row once
} journal_list_t;

/* Reads all journals of this model and seed; others, and the file of run `keep` (or NULL), are passed over. ERR_IO. */
err_t journal_list(const char *folder, const bank_card_t *card, const char *keep,
                   journal_list_t *out) ERR_MUST_CHECK;
void journal_list_free(journal_list_t *list);
/* Reads the rows of entries [begin, end) into rows[at of each]; `place` (end - begin) says where. ERR_IO, ERR_FORMAT. */
err_t journal_read(const char *folder, const journal_list_t *list, int64_t begin, int64_t end,
                   rows_t *rows, const int64_t *place) ERR_MUST_CHECK;
/* The first entry of a row that is not before `row`. */
int64_t journal_find(const journal_list_t *list, int64_t row);
/* Removes the files of a list that `entry` does not name any more. */
void journal_remove_unused(const char *folder, const journal_list_t *list);

#endif
