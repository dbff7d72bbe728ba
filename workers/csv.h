/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of a CSV file, one after another (RFC 4180: quoted fields with "" for a quote, commas and line ends inside
 * them, CRLF or LF). Bytes beyond ASCII pass through, whatever their encoding; a byte order mark is skipped, and so are
 * empty lines. One record may have CSV_RECORD_CAP bytes.
 */
#ifndef WORKERS_CSV_H
#define WORKERS_CSV_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { CSV_RECORD_CAP = 1 << 20 };

typedef struct csv csv_t; // opaque: an open file

/* ERR_MISSING; ERR_IO, a folder too. ERR_FORMAT, with what to do: a workbook, UTF-16, HDF5, gzip and the like. Not collective. */
err_t csv_open(const char *path, csv_t **out) ERR_MUST_CHECK;
void csv_close(csv_t **csv); // NULL is fine

/* Reads the next record; `*more` is false at the end of the file. ERR_FORMAT with file and line for a quote that is not
 * closed, text after a closing quote, a zero byte, a record that is too long; ERR_IO. */
err_t csv_next(csv_t *csv, bool *more) ERR_MUST_CHECK;
int csv_fields(const csv_t *csv);               // of this record
const char *csv_field(const csv_t *csv, int i); // valid until the next csv_next
int64_t csv_line(const csv_t *csv);             // where this record begins, from 1
const char *csv_path(const csv_t *csv);
int64_t csv_bytes(const csv_t *csv);      // of the file; 0 where that is not known
int64_t csv_bytes_read(const csv_t *csv); // so far

#endif
