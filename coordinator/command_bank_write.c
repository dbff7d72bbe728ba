// SPDX-License-Identifier: Apache-2.0
// Banks made of what exists: import, merge; and a file made of a bank: export.
#include "cluster/log.h"
#include "coordinator/command_bank.h"
#include "coordinator/json_out.h"
#include "workers/bank_export.h"
#include "workers/bank_import.h"
#include "workers/bank_merge.h"

#include <inttypes.h>

static void tell(const bank_call_t *call, const char *verb, int64_t rows, int64_t written,
                 const char *where)
{
    if (call->par != NULL && call->par->rank != 0)
        return;
    if (call->options->json) {
        json_t *all = json_pack("{s:s,s:I,s:I}", verb, where, "rows", (json_int_t)rows, "written",
                                (json_int_t)written);
        json_print(all);
        json_decref(all);
    } else if (written == 0)
        log_info("%s: nothing to do, %s has all %" PRId64 " rows", verb, where, rows);
    else
        log_info("%s: %s has %" PRId64 " rows now, %" PRId64 " of them new", verb, where, rows,
                 written);
}

// As in a study: whole chunks of rows.
static err_t check_shard_rows(const options_t *options)
{
    if (options->shard_rows % BANK_CHUNK_ROWS == 0)
        return OK;
    return err_fail(ERR_USAGE, "--shard-rows: got %" PRId64 ", expected a multiple of %d",
                    options->shard_rows, BANK_CHUNK_ROWS);
}

err_t bank_verb_import(const bank_call_t *call)
{
    schema_t schema;
    bank_import_report_t report;
    const char *declaration = call->options->declaration;
    if (declaration == NULL)
        return err_fail(ERR_USAGE, "bank import: --declaration FILE says what the model is: its "
                                   "parameters, design and observables");
    TRY(check_shard_rows(call->options));
    TRY(par_agree(call->par, bank_import_declaration(declaration, &schema)));
    bank_import_plan_t plan = {.folder = call->arguments[0],
                               .schema = &schema,
                               .n_files = call->n - 1,
                               .files = call->arguments + 1,
                               .shard_rows = call->options->shard_rows};
    err_t err = bank_import(call->par, &plan, &report);
    if (err == OK && call->par->rank == 0 && report.not_done > 0)
        log_warning("import: %" PRId64 " rows of the files are not done (`infermill bank info` "
                    "shows which)",
                    report.not_done);
    if (err == OK)
        tell(call, "import", report.rows, report.written, plan.folder);
    schema_free(&schema);
    return err;
}

err_t bank_verb_merge(const bank_call_t *call)
{
    bank_merge_report_t report;
    bank_merge_plan_t plan = {.folder = call->arguments[0],
                              .n_banks = call->n - 1,
                              .banks = call->arguments + 1,
                              .shard_rows = call->options->shard_rows};
    TRY(check_shard_rows(call->options));
    TRY(bank_merge(call->par, &plan, &report));
    tell(call, "merge", report.rows, report.written, plan.folder);
    return OK;
}

err_t bank_verb_export(const bank_call_t *call)
{
    const char *folder = call->arguments[0], *file = call->arguments[1];
    bank_t *bank = NULL;
    int64_t rows = 0;
    TRY(bank_open(folder, &bank));
    err_t err =
        bank_export(bank, folder, file, call->options->done ? EXPORT_DONE : EXPORT_ALL, &rows);
    bank_close(&bank);
    if (err == OK)
        tell(call, "export", rows, rows, file);
    return err;
}
