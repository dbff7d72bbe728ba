/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of simulations written elsewhere (import.h) become a bank, or more rows of a bank that was imported. All values are
 * looked at before anything is written. The bank's origin names files, sizes and checksums.
 */
#ifndef WORKERS_BANK_IMPORT_H
#define WORKERS_BANK_IMPORT_H

#include "cluster/par.h"
#include "storage/schema.h"

typedef struct {
    const char *folder;
    const schema_t *schema; // as declared
    int n_files;
    const char *const *files;
    int64_t shard_rows; // of a new bank; 0: 4096
} bank_import_plan_t;

typedef struct {
    int64_t rows, written,
        not_done; // of the files; written by this call; of the files, not ROW_DONE
} bank_import_report_t;

/* A model's declaration as schema_text writes it, or the bank.yaml of a bank of it. ERR_MISSING; ERR_USAGE; ERR_FORMAT. */
err_t bank_import_declaration(const char *path, schema_t *out) ERR_MUST_CHECK;

/* The errors of import_open and import_read. ERR_MISMATCH: the bank holds another model, or was simulated; a file was
 * imported before (as which rows); a half-done import of other files is to be ended first. ERR_IO, ERR_LOCKED,
 * ERR_STOPPED: the same call goes on. Collective. */
err_t bank_import(const par_t *par, const bank_import_plan_t *plan,
                  bank_import_report_t *out) ERR_MUST_CHECK;

#endif
