// SPDX-License-Identifier: Apache-2.0
#include "coordinator/population.h"

#include "cluster/arena.h"
#include "cluster/log.h"
#include "storage/bank.h"
#include "storage/sync.h"
#include "workers/bank_export.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static err_t check_seed(const job_t *job, bool seeded)
{
    bank_t *bank = NULL;
    const char *folder = job->study.bank.path;
    if (!seeded)
        return err_fail(ERR_USAGE,
                        "simulate --observations-only: give a --seed of its own: the rows of the "
                        "study's seed are those that are learned from");
    TRY(bank_open_if_there(folder, &bank));
    bool same = bank != NULL && bank_origin(bank) == NULL &&
                bank_seed(bank) == (uint64_t)job->study.bank.seed;
    bank_close(&bank);
    return same ? err_fail(ERR_USAGE,
                           "simulate --observations-only: %" PRId64
                           " is the seed of bank %s, whose rows are learned from: give another one",
                           job->study.bank.seed, folder)
                : OK;
}

static bool ends_in_h5(const char *path)
{
    size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".h5") == 0;
}

static err_t check(const job_t *job, bool seeded, const char *path)
{
    if (simulator_is_declared(job->simulator))
        return err_fail(ERR_USAGE,
                        "simulate --observations-only: the model is only declared, so nothing can "
                        "be simulated");
    if (!ends_in_h5(path))
        return err_fail(ERR_USAGE, "--observations-only: got \"%s\", expected a name in .h5", path);
    if (access(path, F_OK) == 0)
        return err_fail(ERR_USAGE, "%s: is there already; remove it, or give another name", path);
    return check_seed(job, seeded);
}

static err_t write_file(const char *folder, const char *path)
{
    bank_t *bank = NULL;
    int64_t rows;
    TRY(bank_open(folder, &bank));
    err_t err = bank_export(bank, folder, path, EXPORT_DATA, &rows);
    bank_close(&bank);
    TRY(err);
    log_info("simulate: %" PRId64 " data sets in %s", rows, path);
    return sync_remove_folder(folder);
}

err_t population_write(job_t *job, bool seeded, const char *path)
{
    bool did;
    TRY(par_agree(job->par, check(job, seeded, path)));
    char *folder = job->study.bank.path = arena_format(job->study.arena, "%s.bank", path);
    TRY(job_simulate(job, &did));
    return par_agree(job->par, job->par->rank == 0 ? write_file(folder, path) : OK);
}
