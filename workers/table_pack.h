/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of a table on disk, data set after data set, so that each can be read alone by any process: what a CSV file with
 * a row a trial, in any order, is turned into before an inference. A file of this machine's numbers that lives as long as
 * the inference; it is not synced.
 *
 *     first pass:  table_read_csv(path, &config, NULL, &table);
 *     second:      table_pack_create("data.pack", &table, &pack);
 *                  table_sink_t sink = table_pack_sink(pack);
 *                  table_again_csv(path, &config, &sink, &table);
 *                  table_pack_finish(pack);
 *     anywhere:    table_pack_open("data.pack", &pack);
 *                  table_pack_read(pack, 2, (int64_t[]){7, 12}, &some);
 *
 * Nothing here is collective.
 */
#ifndef WORKERS_TABLE_PACK_H
#define WORKERS_TABLE_PACK_H

#include "cluster/err.h"
#include "workers/table.h"

typedef struct table_pack table_pack_t;

enum {
    TABLE_PACK_MOST = 1 << 24
}; // values of a data set that can be read; of a larger one none are

/* Makes the file, with counts, design and problems; the table is borrowed until the end. ERR_IO. */
err_t table_pack_create(const char *path, const table_t *table, table_pack_t **out) ERR_MUST_CHECK;
/* Elements come in any order of data sets, those of a data set one after another. */
table_sink_t table_pack_sink(table_pack_t *pack);
/* What was taken is in the file. ERR_IO. */
err_t table_pack_finish(table_pack_t *pack) ERR_MUST_CHECK;

/* ERR_MISSING, ERR_IO; ERR_FORMAT for what is no such file. */
err_t table_pack_open(const char *path, table_pack_t **out) ERR_MUST_CHECK;
/* n data sets, in this order: counts, design, problems and values; ids and hashes are empty. One of more than TABLE_PACK_MOST values has
 * a problem and no values. `out` is freed with table_free. ERR_IO, ERR_FORMAT. */
err_t table_pack_read(const table_pack_t *pack, int64_t n, const int64_t *which,
                      table_t *out) ERR_MUST_CHECK;
void table_pack_close(table_pack_t **pack); // NULL is fine; the file stays

#endif
