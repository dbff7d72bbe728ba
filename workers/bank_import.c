// SPDX-License-Identifier: Apache-2.0
#include "workers/bank_import.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "cluster/yaml.h"
#include "workers/bank_fill.h"
#include "workers/import.h"
#include "workers/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHARD_ROWS = 4096 };

typedef struct {
    import_t *import;
    int64_t before; // rows of the bank that come before the files'
} importing_t;

err_t bank_import_declaration(const char *path, schema_t *out)
{
    yaml_doc_t *doc = NULL;
    *out = (schema_t){0};
    TRY(yaml_read_file(path, &doc));
    yaml_node_ref_t root = yaml_root(doc), model = yaml_node_get(root, "model");
    bool card = yaml_node_kind(yaml_node_get(root, "chunk_rows")) != YAML_KIND_ABSENT;
    err_t err = schema_from_node(card ? model : root, path, out);
    yaml_close(&doc);
    return err;
}

/* ---- before anything is written ---- */

static err_t check_rows(import_t *import, bank_import_report_t *out, rows_t *rows)
{
    int64_t total = import_rows(import);
    progress_t progress = progress_start("check", "rows", 0, total);
    for (int64_t at = 0; at < total; at += rows->capacity) {
        int64_t n = total - at < rows->capacity ? total - at : rows->capacity;
        if (stop_requested())
            return err_fail(ERR_STOPPED, "stopped on request, nothing is written");
        TRY(import_read(import, at, n, rows));
        for (int64_t i = 0; i < n; i++)
            out->not_done += rows->status[i] != ROW_DONE;
        progress_show(&progress, at + n, NULL);
    }
    progress_end(&progress, total, NULL);
    return OK;
}

static bool same_part(const origin_part_t *a, const origin_part_t *b)
{
    bool same = a->n_files == b->n_files && a->end - a->begin == b->end - b->begin;
    for (int i = 0; i < a->n_files && same; i++)
        same = a->files[i].hash == b->files[i].hash && a->files[i].bytes == b->files[i].bytes;
    return same;
}

// Whether the bank's last parts are these files.
static bool ends_with(const origin_t *bank, const origin_t *files)
{
    bool same = bank->n >= files->n;
    for (int i = 0; i < files->n && same; i++)
        same = same_part(&bank->parts[bank->n - files->n + i], &files->parts[i]);
    return same;
}

static err_t check_new(const char *folder, const origin_t *bank, const origin_t *files)
{
    for (int i = 0; i < bank->n; i++)
        for (int k = 0; k < files->n; k++)
            if (files->parts[k].n_files > 0 && same_part(&bank->parts[i], &files->parts[k]))
                return err_fail(ERR_MISMATCH,
                                "%s: was imported into %s before, as rows %" PRId64 " to %" PRId64
                                " (%s, checksum %016" PRIx64 ")",
                                files->parts[k].files[0].name, folder, bank->parts[i].begin,
                                bank->parts[i].end - 1, bank->parts[i].files[0].name,
                                bank->parts[i].files[0].hash);
    return OK;
}

static void append(origin_t *bank, const origin_t *files)
{
    int64_t before = origin_rows(bank);
    for (int i = 0; i < files->n; i++) {
        origin_part_t part = origin_part_copy(&files->parts[i]);
        part.begin += before;
        part.end += before;
        origin_add(bank, part);
    }
}

// The origin of the bank with these files: as it is where an import of them was begun, else with them at its end.
static err_t settle_origin(const char *folder, const bank_t *there, const origin_t *files,
                           origin_t *all)
{
    if (bank_origin(there) == NULL)
        return err_fail(ERR_MISMATCH,
                        "%s: the bank was simulated; import into a new one, and `infermill bank "
                        "merge` joins them",
                        folder);
    TRY(origin_parse(bank_origin(there), folder, all));
    if (bank_rows(there) < origin_rows(all)) {
        if (ends_with(all, files) && bank_rows(there) >= all->parts[all->n - files->n].begin)
            return OK;
        return err_fail(ERR_MISMATCH,
                        "%s: an import or merge of other files was begun and is not done (row "
                        "%" PRId64 " of %" PRId64 ", see its bank.yaml); end it first",
                        folder, bank_rows(there), origin_rows(all));
    }
    TRY(check_new(folder, all, files));
    append(all, files);
    return OK;
}

// Files given twice in one call are found as rows that are there twice.
static err_t find_origin(const bank_import_plan_t *plan, const import_t *import,
                         int64_t *shard_rows, origin_t *all)
{
    origin_t files = import_origin(import);
    bank_t *there = NULL;
    err_t err = bank_open_if_there(plan->folder, &there);
    if (err == OK && there == NULL) {
        append(all, &files);
    } else if (err == OK) {
        *shard_rows = bank_shard_rows(there);
        err = settle_origin(plan->folder, there, &files, all);
    }
    if (err == OK)
        err = origin_check(all);
    bank_close(&there);
    origin_free(&files);
    return err;
}

static err_t prepare(const bank_import_plan_t *plan, importing_t *m, bank_import_report_t *out,
                     int64_t *shard_rows, origin_t *all)
{
    rows_t rows = rows_create(plan->schema, rows_of_block(plan->schema));
    err_t err = find_origin(plan, m->import, shard_rows, all);
    if (err == OK)
        err = check_rows(m->import, out, &rows);
    rows_destroy(&rows);
    m->before = origin_rows(all) - import_rows(m->import);
    return err;
}

/* ---- written ---- */

static err_t read_rows(void *user, int64_t begin, int64_t end, rows_t *rows)
{
    importing_t *m = user;
    if (begin < m->before)
        return err_fail(ERR_MISSING,
                        "row %" PRId64 " was imported before and its shard is not there any more; "
                        "these files begin with row %" PRId64,
                        begin, m->before);
    TRY(import_read(m->import, begin - m->before, end - begin, rows));
    for (int64_t i = 0; i < rows->n; i++)
        rows->index[i] = begin + i;
    return OK;
}

static err_t import_all(const par_t *par, const bank_import_plan_t *plan, importing_t *m,
                        bank_import_report_t *out)
{
    origin_t all = {0};
    int64_t shard_rows = plan->shard_rows ? plan->shard_rows : SHARD_ROWS;
    err_t err = par->rank == 0 ? prepare(plan, m, out, &shard_rows, &all) : OK;
    err = par_agree(par, err);
    char *own = err == OK && par->rank == 0 ? origin_text(&all) : NULL;
    origin_free(&all);
    TRY(err);
    char *origin = par_broadcast_text(par, 0, own);
    par_broadcast(par, 0, sizeof m->before, &m->before);
    par_broadcast(par, 0, sizeof shard_rows, &shard_rows);
    par_broadcast(par, 0, sizeof out->not_done, &out->not_done);
    bank_plan_t bank = {.folder = plan->folder,
                        .schema = plan->schema,
                        .rows = m->before + import_rows(m->import),
                        .shard_rows = shard_rows,
                        .study = "",
                        .origin = origin};
    out->rows = bank.rows;
    err = bank_fill(par, &bank, "import", read_rows, m, &out->written);
    free(origin);
    free(own);
    return err;
}

err_t bank_import(const par_t *par, const bank_import_plan_t *plan, bank_import_report_t *out)
{
    importing_t m = {0};
    *out = (bank_import_report_t){0};
    err_t err = par_agree(par, import_open(plan->schema, plan->n_files, plan->files, &m.import));
    if (err == OK)
        err = import_all(par, plan, &m, out);
    import_close(&m.import);
    return err;
}
