/* SPDX-License-Identifier: Apache-2.0
 *
 * The reservoir of fresh rows: the newest stay in memory, so that a row is trained on more than once, and not only beside
 * its neighbours (Meyer et al. 2023, "High throughput training of deep surrogates from large ensemble runs").
 *
 * Fresh rows come in chunks. Row j of a chunk belongs to slice j mod S of the batch, so each rank needs to keep the rows of
 * its own slices alone, and what a slice is trained on does not depend on the number of ranks. A slice keeps its newest rows
 * in a ring. Of a chunk a slice has `steps * step_rows` slots: each new row once, the others drawn uniformly from the ring
 * (new rows among them), all shuffled, by the stream (seed, RNG_REPLAY, chunk, slice).
 *
 *   chunk c     | 0 1 2 3 | 0 1 2 3 | 0 1 2 ...    slice of each row, S = 4
 *   ring of 1   [ older ... | new ]                 the oldest make room
 *   slots of 1  new, old, new, new, old, ...        -> step 0, step 1, ...
 */
#ifndef COORDINATOR_REPLAY_H
#define COORDINATOR_REPLAY_H

#include "cluster/err.h"
#include "storage/rows.h"

#include <stdint.h>

typedef struct {
    const schema_t *schema; // borrowed
    int slices;             // S, of a batch
    int n;                  // slices of this rank
    const int *mine;        // (n) their numbers; copied
    int64_t places;         // of a ring: rows kept for each slice
    int64_t uses;           // of a row, on average
    int64_t step_rows;      // slots of a slice in one step
    uint64_t seed;
} replay_config_t;

/* Of rows that this rank's slices took, since the beginning. */
typedef struct {
    int64_t taken;           // rows
    int64_t held;            // of them in the rings now
    int64_t used, most_uses; // uses together; of one row at most
    int64_t evicted, once;   // rows that made room; of them those used once alone
    int64_t age_sum,
        age_most; // at use: fresh rows of all slices that came after it, summed over uses; largest
} replay_figures_t;

typedef struct replay replay_t;

replay_t *replay_create(const replay_config_t *config);
void replay_destroy(replay_t **replay);

/* Steps that a chunk of so many rows makes: each of its slices' rows `uses` times. */
int64_t replay_steps(const replay_config_t *config, int64_t rows);

/* Takes the rows of chunk `number` (finished ones alone, the same on every rank; at most `places` for each slice), and lays
 * out the slots of so many steps: at least as many as a slice has new rows. `before`: rows of the chunks before it. ERR_FORMAT,
 * the same on every rank, where the first chunk leaves a slice without a row. Not collective. */
err_t replay_take(replay_t *replay, const rows_t *chunk, int64_t number, int64_t before,
                  int64_t steps) ERR_MUST_CHECK;
/* Appends the step_rows rows of the running step of this rank's k-th slice to `out`, which has room for them. Each slice in
 * turn, `steps` times. */
void replay_next(replay_t *replay, int k, rows_t *out);

replay_figures_t replay_figures(const replay_t *replay);
int64_t replay_held(const replay_t *replay, int k); // rows in the ring
/* Parameters of the rows in a ring: (replay_held, P). */
void replay_parameters(const replay_t *replay, int k, double *out);

/* Between two chunks, the state of a slice as bytes, for a checkpoint: all numbers are little-endian 8-byte words.
 *
 *     taken, used, most_uses, evicted, once, age_sum, age_most, held, then for each place: uses, number, packed row
 */
size_t replay_bytes(const replay_t *replay, int k);
void replay_to_bytes(const replay_t *replay, int k, void *out);
/* ERR_FORMAT for bytes that are no state of such a slice. */
err_t replay_from_bytes(replay_t *replay, int k, size_t n, const void *bytes) ERR_MUST_CHECK;

#endif
