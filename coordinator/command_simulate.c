// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/job.h"
#include "coordinator/json_out.h"
#include "coordinator/population.h"
#include "coordinator/study_draws.h"
#include "coordinator/timings.h"
#include "storage/bank.h"
#include "workers/bank_import.h"
#include "workers/campaign.h"
#include "workers/origin.h"
#include "workers/recheck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFLATE_LEVEL = 1 }; // of 9: higher ones cost much and save little

/* Whether each sealed shard of the catalog still lies there with all its bytes. */
static bool files_stand(const bank_t *bank, const char *folder)
{
    bool stand = true;
    for (int i = 0; i < bank_shard_count(bank) && stand; i++) {
        const bank_shard_t *shard = bank_shard(bank, i);
        char *path = mem_format("%s/%s", folder, shard->file);
        struct stat info;
        stand = stat(path, &info) == 0 && info.st_size == shard->bytes;
        free(path);
    }
    return stand;
}

/* Rows that --retry would simulate again. */
static int64_t open_again(const bank_t *bank)
{
    bank_info_t info = bank_info(bank);
    int64_t rows = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        rows += row_status_may_change((row_status_t)s) ? info.by_status[s] : 0;
    return rows;
}

/* Whether the bank holds all rows of this study already; then no rank needs to take the lock. */
static err_t is_full(const job_t *job, bool *full)
{
    bank_t *bank = NULL;
    *full = false;
    TRY(bank_open_if_there(job->study.bank.path, &bank));
    if (bank == NULL)
        return OK;
    char *fingerprint = schema_fingerprint(job->schema);
    bool same = bank_origin(bank) != NULL || // imported or merged: it has neither
                (bank_seed(bank) == (uint64_t)job->study.bank.seed &&
                 bank_shard_rows(bank) == job->study.bank.shard_rows);
    *full = strcmp(fingerprint, bank_fingerprint(bank)) == 0 && same &&
            bank_rows(bank) >= job->study.bank.rows && !(job->retry && open_again(bank) > 0) &&
            files_stand(bank, job->study.bank.path);
    free(fingerprint);
    bank_close(&bank);
    return OK;
}

/* A draw outlasted the grace: all that is sealed is safe, so the run ends here. */
static void abandon(void *user)
{
    (void)user;
    log_warning("simulate: a draw is still running after stop_grace; it is abandoned, the same "
                "command goes on");
    _exit(err_exit_code(-ERR_STOPPED));
}

/* ---- rows that were simulated elsewhere ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool holds_file(const origin_t *origin, const char *path)
{
    struct stat info;
    if (strchr(path, '=') != NULL)
        path = strchr(path, '=') + 1;
    bool found = stat(path, &info) != 0; // gone since: what was imported of it is there
    for (int p = 0; p < origin->n && !found; p++)
        for (int f = 0; f < origin->parts[p].n_files && !found; f++)
            found = strcmp(last_part(origin->parts[p].files[f].name), last_part(path)) == 0 &&
                    origin->parts[p].files[f].bytes == info.st_size;
    return found;
}

/* Whether the bank has all rows of the files it was made of; ERR_USAGE where the study names others. */
static err_t check_imported(const job_t *job, const bank_t *bank, bool *whole)
{
    const yaml_texts_t *files = &job->study.bank.import;
    origin_t origin = {0};
    TRY(origin_of_bank(bank, job->study.bank.path, &origin));
    *whole = bank_origin(bank) != NULL && bank_rows(bank) >= origin_rows(&origin);
    err_t err = OK;
    for (int i = 0; i < files->n && *whole && err == OK; i++)
        if (!holds_file(&origin, files->at[i]))
            err = err_fail(ERR_USAGE,
                           "%s: bank.import: %s is none of the files that bank %s was made of: add "
                           "its rows by `infermill bank import %s --declaration %s %s`, or give "
                           "another bank.path",
                           job->study.path, files->at[i], job->study.bank.path,
                           job->study.bank.path, job->study.model.declaration, files->at[i]);
    origin_free(&origin);
    return err;
}

static err_t is_imported(const job_t *job, bool *whole)
{
    bank_t *bank = NULL;
    *whole = false;
    TRY(bank_open_if_there(job->study.bank.path, &bank));
    if (bank == NULL)
        return OK;
    err_t err = check_imported(job, bank, whole);
    bank_close(&bank);
    return err;
}

static err_t import_files(const job_t *job, bool *did)
{
    bool whole = false;
    bank_import_report_t report;
    if (job->study.bank.import.n == 0)
        return OK;
    TRY(par_agree(job->par, is_imported(job, &whole)));
    *did = par_any(job->par, !whole);
    if (!*did)
        return OK;
    bank_import_plan_t plan = {.folder = job->study.bank.path,
                               .schema = job->schema,
                               .n_files = job->study.bank.import.n,
                               .files = (const char *const *)job->study.bank.import.at,
                               .shard_rows = job->study.bank.shard_rows};
    TRY(bank_import(job->par, &plan, &report));
    if (job->par->rank == 0)
        log_info("import: %" PRId64 " rows, %" PRId64 " of them not done", report.rows,
                 report.not_done);
    return OK;
}

/* A declared model's bank is as it is: what is missing can not be simulated. */
static err_t check_declared(job_t *job)
{
    bank_t *bank = NULL;
    TRY(bank_open(job->study.bank.path, &bank));
    int64_t rows = bank_rows(bank);
    bank_close(&bank);
    if (rows < job->study.bank.rows)
        return err_fail(ERR_USAGE,
                        "%s: bank %s has %" PRId64 " of the study's %" PRId64
                        " rows, and its model is only declared, so no more can be simulated: set "
                        "bank.rows to %" PRId64 ", or import more (`infermill bank import`)",
                        job->study.path, job->study.bank.path, rows, job->study.bank.rows, rows);
    return job_count_rows(job);
}

static err_t take_rows(job_t *job, bool *did)
{
    TRY(import_files(job, did));
    return par_agree(job->par, check_declared(job));
}

err_t job_simulate(job_t *job, bool *did)
{
    bool full = false;
    *did = false;
    if (simulator_is_declared(job->simulator))
        return take_rows(job, did);
    TRY(par_agree(job->par, is_full(job, &full)));
    if (!par_any(job->par, !full))
        return OK;
    *did = true;
    study_draws_warn(job->par, &job->study);
    campaign_plan_t plan = {.folder = job->study.bank.path,
                            .study = job->study.name,
                            .seed = (uint64_t)job->study.bank.seed,
                            .rows = job->study.bank.rows,
                            .shard_rows = job->study.bank.shard_rows,
                            .retry = job->retry,
                            .compress = job->study.bank.compress ? DEFLATE_LEVEL : 0,
                            .journal_seconds = job->study.bank.journal_seconds,
                            .failure_limit = job->study.bank.failure_limit,
                            .stop_grace = job->study.stop_grace,
                            .abandon = abandon};
    campaign_report_t report;
    double started = log_clock();
    err_t err = campaign_run(job->par, job->simulator, &plan, &report);
    timings_add(job->par, job->folder, "simulate", started, err);
    TRY(err);
    if (job->par->rank == 0)
        log_info("simulate: %" PRId64 " rows in %.1f s, ranks idle %.1f %%, sealing %.1f %%",
                 report.rows, report.seconds, 100 * report.idle_share, 100 * report.seal_share);
    return OK;
}

static err_t fill(job_t *job)
{
    bool did = false;
    TRY(job_simulate(job, &did));
    if (!did && job->par->rank == 0)
        log_info("simulate: nothing to do, bank %s has all %" PRId64 " rows", job->study.bank.path,
                 job->study.bank.rows);
    return OK;
}

/* `--check`: nothing is written. */
static err_t check(const job_t *job, int64_t rows, bool json)
{
    recheck_report_t report;
    err_t err = recheck_bank(job->par, job->simulator, job->study.bank.path, rows, &report);
    if (job->par->rank == 0 && err == OK)
        log_info(
            "check: %" PRId64 " rows simulated again are the same bit for bit%s", report.checked,
            report.undetermined > 0 ? "; rows that timed out or crashed were passed over" : "");
    if (job->par->rank == 0 && json && (err == OK || err_is(err, ERR_SIMULATOR))) {
        json_t *answer = json_pack("{s:I,s:I,s:I}", "checked", (json_int_t)report.checked,
                                   "different", (json_int_t)report.different, "undetermined",
                                   (json_int_t)report.undetermined);
        json_print(answer);
        json_decref(answer);
    }
    return err;
}

err_t command_simulate(const par_t *par, const options_t *options)
{
    job_t job;
    TRY(job_open(par, options, &job));
    err_t err = options->observations != NULL
                    ? population_write(&job, options->seed >= 0, options->observations)
                : options->check > 0 ? check(&job, options->check, options->json)
                                     : fill(&job);
    job_close(&job);
    return err;
}
