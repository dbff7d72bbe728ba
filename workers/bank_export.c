// SPDX-License-Identifier: Apache-2.0
#include "workers/bank_export.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "storage/sync.h"
#include "workers/export_inside.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Rows to write, from the catalog.
static int64_t count_rows(const bank_t *bank, bool done)
{
    int64_t n = 0;
    for (int i = 0; i < bank_shard_count(bank); i++) {
        const bank_shard_t *shard = bank_shard(bank, i);
        if (shard->first_row < bank_rows(bank))
            n += done ? shard->by_status[ROW_DONE] : shard->rows;
    }
    return n;
}

static void keep_done(rows_t *rows)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->status[i] == ROW_DONE) {
            if (kept < i)
                rows_copy(rows, i, rows, kept);
            kept++;
        }
    rows->n = kept;
}

static err_t add_block(export_t *e, const export_kind_t *kind, bool done, int64_t begin,
                       int64_t end, int64_t *written, rows_t *rows)
{
    if (stop_requested())
        return err_fail(ERR_STOPPED, "export: stopped on request");
    TRY(bank_read(e->bank, begin, end, rows));
    TRY(bank_read_costs(e->bank, begin, end, rows));
    if (done)
        keep_done(rows);
    TRY(kind->add(e, *written, rows));
    *written += rows->n;
    return OK;
}

static err_t add_rows(export_t *e, const export_kind_t *kind, bool done)
{
    int64_t total = bank_rows(e->bank), block = rows_of_block(bank_schema(e->bank)), written = 0;
    rows_t rows = rows_create(bank_schema(e->bank), block);
    progress_t progress = progress_start("export", "rows", 0, total);
    err_t err = OK;
    for (int64_t at = 0; at < total && err == OK; at += block) {
        int64_t end = at + block < total ? at + block : total;
        err = add_block(e, kind, done, at, end, &written, &rows);
        progress_show(&progress, end, NULL);
    }
    rows_destroy(&rows);
    if (err == OK && written != e->rows)
        err = err_fail(ERR_FORMAT, "%s: %ld rows to export, its catalog says %ld", e->folder,
                       (long)written, (long)e->rows);
    if (err == OK)
        progress_end(&progress, total, NULL);
    return err;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n > k && strcmp(path + n - k, ending) == 0;
}

err_t bank_export(bank_t *bank, const char *folder, const char *path, export_what_t what,
                  int64_t *rows)
{
    bool csv = ends_in(path, ".csv"), done = what != EXPORT_ALL;
    const export_kind_t *kind = csv ? &export_csv : &export_hdf5;
    if (!csv && !ends_in(path, ".h5") && !ends_in(path, ".hdf5"))
        return err_fail(ERR_USAGE, "%s: its name ends in none of .h5, .hdf5, .csv", path);
    if (csv && what == EXPORT_DATA)
        return err_fail(ERR_USAGE, "%s: data sets alone are written as HDF5: name it .h5", path);
    if (access(path, F_OK) == 0)
        return err_fail(ERR_USAGE, "%s: is there already; an export replaces no file", path);
    char *part = mem_format("%s.part-%ld", path, (long)getpid());
    export_t e = {.bank = bank,
                  .folder = folder,
                  .part = part,
                  .rows = count_rows(bank, done),
                  .data = what == EXPORT_DATA};
    err_t err;
    TRY_TO(done, kind->begin(&e));
    TRY_TO(done, add_rows(&e, kind, done));
    TRY_TO(done, kind->end(&e));
    TRY_TO(done, sync_rename(part, path));
done:
    kind->drop(&e);
    if (err != OK)
        unlink(part);
    free(part);
    *rows = e.rows;
    return err;
}
