/* SPDX-License-Identifier: Apache-2.0
 *
 * One sealed block of an inference, in memory and as named arrays: blocks/0000017.h5.
 */
#ifndef STORAGE_POSTERIOR_BLOCK_H
#define STORAGE_POSTERIOR_BLOCK_H

#include "cluster/err.h"
#include "storage/posterior_file.h"
#include "storage/schema_array.h"

#include <stdint.h>

/* In the order of the file's data sets: distance, p_value, edge_share, prior_edge_share, khat, ess, rhat. */
typedef enum {
    MEASURE_DISTANCE,
    MEASURE_P_VALUE,
    MEASURE_EDGE_SHARE,
    MEASURE_PRIOR_EDGE_SHARE,
    MEASURE_KHAT,
    MEASURE_ESS,
    MEASURE_RHAT,
    POSTERIOR_MEASURES
} posterior_measure_t;

/* Letters: n data sets (so far, while they are put), d draws, P parameters (values), S of them scalars. */
struct posterior_block {
    int64_t n, room;
    double *draws;       // (P, room, d); NULL where they are not kept or not read
    double *summary;     // (P, SUMMARY_COUNT, room)
    double *correlation; // (room, S, S)
    uint8_t *accepted;   // (room)
    uint8_t *doubts;     // (room) BLOCK_BEYOND, BLOCK_LEANS
    uint8_t *rung;       // (room) posterior_rung_t
    int64_t *length;     // (room)
    double *measures;    // (POSTERIOR_MEASURES, room)
    uint8_t *words;      // for each data set reason and doubt, each with its final 0
    int64_t words_bytes, words_room;
};
enum { BLOCK_BEYOND = 1, BLOCK_LEANS = 2 };

/* The parameters as they are declared, each with its values; the caller frees the list. */
schema_variable_t *posterior_variables(const posterior_head_t *head, int *n);
/* Those that are no arrays; the caller frees the list. */
int *posterior_scalars(const posterior_head_t *head, int *n);

char *posterior_block_path(const char *folder, int64_t block); // the caller frees it

/* Reads a block, with or without its draws. ERR_MISSING; ERR_MISMATCH for another stamp; ERR_FORMAT. */
err_t posterior_block_read(const char *folder, const posterior_head_t *head, int64_t block,
                           bool draws, posterior_block_t **out) ERR_MUST_CHECK;
/* The words of each data set: reason and doubt, (n) each, pointing into the block; the caller frees the lists. */
void posterior_block_words(const posterior_block_t *b, const char ***reasons, const char ***doubts);

#endif
