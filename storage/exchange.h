/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows on their way between the ranks of a seal group: whoever simulated a row brings it, whoever writes its chunk gets
 * it. Chunks are dealt in contiguous shares, so each rank writes whole ones.
 */
#ifndef STORAGE_EXCHANGE_H
#define STORAGE_EXCHANGE_H

#include "cluster/par.h"
#include "storage/bank.h"

typedef struct {
    rows_t
        rows; // this rank's, ascending, from row `range.begin` of the bank on; n = range.end - range.begin
    char *hosts;   // (n, SHARD_HOST_BYTES) where each row was simulated
    range_t range; // in rows of the bank; empty for ranks without a chunk
    range_t chunks;
} portion_t;

/* One source of rows: a block and the host of each (NULL: this rank's host). */
typedef struct {
    const rows_t *rows;
    const char *hosts; // (n, SHARD_HOST_BYTES) or NULL
} row_source_t;

/* This rank's portion of a shard with the rows [whole.begin, whole.end), nothing in it yet. Not collective. */
portion_t portion_create(const par_t *group, const schema_t *schema, range_t whole);
void portion_destroy(portion_t *portion);

/* Sends every row of the sources to the rank that stores it. ERR_FAILED names a row outside `whole`, one that came twice
 * or one that nobody brought. Collective over group; the same code on every rank. */
err_t exchange_rows(const par_t *group, range_t whole, int n_sources, const row_source_t *sources,
                    portion_t *portion) ERR_MUST_CHECK;

/* Seconds (n) and hosts (n, SHARD_HOST_BYTES) of all n rows of the shard on rank 0; allocated there by the caller,
 * NULL elsewhere. Collective. */
void exchange_costs(const par_t *group, const portion_t *portion, double *seconds, char *hosts);
/* Fills by_status and chunk_hash (allocated by the caller, n_chunks set) on every rank. Collective. */
void exchange_checks(const par_t *group, const portion_t *portion, bank_shard_t *shard);

#endif
