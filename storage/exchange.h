/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows on their way between the ranks of a seal group: whoever simulated a row brings it, whoever stores it gets it. Shards
 * are stored in waves: of one rank each while there are as many as ranks, so that all write side by side; where fewer are
 * left, several ranks share one, in whole chunks, or but one rank has each (`alone`).
 */
#ifndef STORAGE_EXCHANGE_H
#define STORAGE_EXCHANGE_H

#include "cluster/par.h"
#include "storage/bank.h"

#include <stdbool.h>

typedef struct {
    const par_t *group;
    int n;                // shards, 1 to the ranks of the group
    const range_t *whole; // (n) the rows of each, ascending
    bool alone;           // one rank stores all of a shard, the others that share it nothing
} wave_t;

/* Ranks of the group that store shard k; the shard that a rank stores. Not collective. */
range_t wave_ranks(const wave_t *wave, int k);
int wave_shard(const wave_t *wave, int rank);

/* What this rank stores of its shard. */
typedef struct {
    rows_t rows;    // ascending, from row `range.begin` of the bank on; n = range.end - range.begin
    char *hosts;    // (n, COSTS_HOST_BYTES) where each row was simulated
    uint8_t *seen;  // (n) 1: the row is there
    range_t range;  // in rows of the bank; empty for ranks without a chunk
    range_t chunks; // of the shard
} portion_t;

/* Makes room for this rank's portion in a wave, nothing in it yet; a portion of {0} or of an earlier wave is made fit, its
 * memory used again. Not collective. */
void portion_begin(portion_t *portion, const wave_t *wave, const schema_t *schema);
void portion_destroy(portion_t *portion);

/* Sends every row of `mine` that belongs to a shard of the wave to the rank that stores it, with its reason. ERR_FAILED
 * names a row that came twice. Collective over the group; the same code on every rank. */
err_t exchange_rows(const wave_t *wave, const rows_t *mine, portion_t *portion) ERR_MUST_CHECK;
/* ERR_FAILED names a row that is not there. Not collective. */
err_t portion_check(const portion_t *portion) ERR_MUST_CHECK;

/* ---- of the ranks `part` that store one shard together ---- */

/* Seconds (n), hosts (n, COSTS_HOST_BYTES) and reasons (n; NULL or owned by the caller) of all n rows of the shard on rank
 * 0; allocated there by the caller, NULL elsewhere. Collective. */
void exchange_costs(const par_t *part, const portion_t *portion, double *seconds, char *hosts,
                    char **reasons);
/* Fills by_status and chunk_hash (allocated by the caller, n_chunks set) on every rank. Collective. */
void exchange_checks(const par_t *part, const portion_t *portion, bank_shard_t *shard);

#endif
