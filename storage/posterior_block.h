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

/* Letters: n data sets, d draws, P parameters (values), S of them scalars. */
typedef struct {
    int64_t n;
    double *draws;       // (P, n, d)
    double *summary;     // (P, SUMMARY_COUNT, n)
    double *correlation; // (n, S, S)
    uint8_t *accepted;   // (n)
    int64_t *length;     // (n)
    double *measures;    // (MEASURES, n): distance, p-value, edge share, prior edge share
    uint8_t *reasons;    // texts one after another, each with its final 0
    int64_t reasons_bytes;
} posterior_block_t;

/* The parameters as they are declared, each with its values; the caller frees the list. */
schema_variable_t *posterior_variables(const posterior_head_t *head, int *n);
/* Those that are no arrays; the caller frees the list. */
int *posterior_scalars(const posterior_head_t *head, int *n);

char *posterior_block_path(const char *folder, int64_t block); // the caller frees it

/* Reads a block. ERR_MISSING; ERR_MISMATCH for another stamp; ERR_FORMAT. */
err_t posterior_block_read(const char *folder, const posterior_head_t *head, int64_t block,
                           posterior_block_t *out) ERR_MUST_CHECK;
void posterior_block_free(posterior_block_t *block);

#endif
