/* SPDX-License-Identifier: Apache-2.0
 *
 * What was measured of the rows of a shard, costs/0000000.h5: it is no function of the seed, so it is kept apart.
 *
 *   /seconds (n) f64; /host (names) and /host_of (n) i32; /reason (words) and /reason_of (n) i32, -1: none
 *
 * A bank without these files is whole. Nothing here is collective.
 */
#ifndef STORAGE_COSTS_H
#define STORAGE_COSTS_H

#include "cluster/err.h"

#include <stdint.h>

enum { COSTS_HOST_BYTES = 64 }; // of a host's name beside a row, with its 0

/* "costs/0000012.h5": below the bank's folder; the caller frees it. */
char *costs_name(int64_t shard);

/* Rows [begin, end) of a shard: seconds (n), hosts (n, COSTS_HOST_BYTES) or NULL, reasons (n) or NULL: each freed where it
 * was and replaced, NULL for none. Where there is no file they are 0 and empty. ERR_FORMAT. */
err_t costs_read(const char *folder, int64_t shard, int64_t begin, int64_t end, double *seconds,
                 char *hosts, char **reasons) ERR_MUST_CHECK;
/* Writes the costs of n rows to `path` (not synced). ERR_IO. */
err_t costs_write(const char *path, int64_t n, const double *seconds, const char *hosts,
                  char *const *reasons) ERR_MUST_CHECK;

#endif
