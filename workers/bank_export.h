/* SPDX-License-Identifier: Apache-2.0
 *
 * A bank as one file for other programs; import.h reads both kinds back.
 *
 *   HDF5   /parameters/<name> (n) f64, of an array (n, dims); /design/<name> (n) f64, /observables/<name> (n, dims) f32,
 *          /length/<name> (n) i32, /row/index (n) i64 (of the bank), /row/status (n) u8, /row/seconds (n) f64,
 *          /row/reason_of (n) i32 into the texts /row/reason, -1: none. Attributes: model, fingerprint, origin (YAML), seed
 *          where it was simulated, status_names, software; of data sets: unit, description.
 *   CSV    one row a line: row.index, row.status, row.seconds, row.reason, then parameters (of an array its values,
 *          "image[3,17]"), design and observables under the names import.h describes. Elements beyond a row's length are
 *          empty, NaN is nan; numbers read back as the same bits.
 */
#ifndef WORKERS_BANK_EXPORT_H
#define WORKERS_BANK_EXPORT_H

#include "storage/bank.h"

#include <stdbool.h>

typedef enum {
    EXPORT_ALL,
    EXPORT_DONE, // rows that are done
    EXPORT_DATA // of those, as if they had been observed: observables, lengths and design alone; HDF5
} export_what_t;

/* Writes the sealed rows, streamed, beside and renamed. `*rows` is how many. ERR_USAGE: a name that ends in none of .h5, .hdf5, .csv; a
 * file that is there; rows too wide for CSV. ERR_IO. ERR_STOPPED. */
err_t bank_export(bank_t *bank, const char *folder, const char *path, export_what_t what,
                  int64_t *rows) ERR_MUST_CHECK;

#endif
