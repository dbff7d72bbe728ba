/* SPDX-License-Identifier: Apache-2.0
 *
 * bank.yaml: what a bank is and where it comes from. The first part binds (model, seed, shard_rows), the rest tells.
 *
 *   format: 1
 *   fingerprint: ddm-1-9f3c21ab77e0d154
 *   seed: 7
 *   shard_rows: 4096
 *   chunk_rows: 256
 *   study: reaction-times
 *   created: 2026-03-01T12:00:00Z
 *   user: ada
 *   host: node17
 *   software: infermill 0.1.0
 *   origin:               where imported or merged rows come from; absent where row i is simulated
 *     - ...
 *   model:
 *     name: ddm
 *     ...                 as schema_text
 */
#ifndef STORAGE_BANK_CARD_H
#define STORAGE_BANK_CARD_H

#include "cluster/err.h"
#include "storage/schema.h"

#include <stdint.h>

typedef struct {
    schema_t schema;
    char *fingerprint;
    uint64_t seed;
    int64_t shard_rows;
    char *origin; // YAML text, ends with a line feed; NULL: simulated
    char *text;   // of the file
} bank_card_t;

/* ERR_MISSING: no bank in this folder, and how one is made; ERR_FORMAT: not a bank.yaml, or of a newer format, or its
 * fingerprint is not its model's. Not collective. */
err_t bank_card_read(const char *folder, bank_card_t *out) ERR_MUST_CHECK;
/* Writes the file from schema, seed, shard_rows, origin and the study's name. ERR_IO. Not collective. */
err_t bank_card_write(const char *folder, const bank_card_t *card,
                      const char *study) ERR_MUST_CHECK;
/* Puts `origin` in place of the card's own, the rest of the file stays. ERR_IO. Not collective. */
err_t bank_card_extend(const char *folder, const bank_card_t *card,
                       const char *origin) ERR_MUST_CHECK;
void bank_card_free(bank_card_t *card);

#endif
