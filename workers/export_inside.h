/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of files a bank is exported to: for bank_export.c and export_*.c alone.
 */
#ifndef WORKERS_EXPORT_INSIDE_H
#define WORKERS_EXPORT_INSIDE_H

#include "workers/bank_export.h"

typedef struct {
    bank_t *bank;
    const char *folder, *part; // the bank's; the file being written
    int64_t rows;              // that will be written
    bool data;                 // EXPORT_DATA
    void *state;
} export_t;

typedef struct {
    err_t (*begin)(export_t *e);
    err_t (*add)(export_t *e, int64_t first,
                 const rows_t *rows); // all n; `first` were added before
    err_t (*end)(export_t *e);        // closes the file
    void (*drop)(export_t *e);        // frees the state, also after an error
} export_kind_t;

extern const export_kind_t export_csv, export_hdf5;

#endif
