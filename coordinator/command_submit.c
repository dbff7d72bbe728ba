// SPDX-License-Identifier: Apache-2.0
#include "coordinator/command.h"
#include "coordinator/run_folder.h"
#include "coordinator/slurm_chain.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static err_t cancel_chain(const study_t *study, const options_t *o)
{
    char *folder = run_folder_path(study, o->out);
    err_t err = slurm_chain_cancel(folder);
    free(folder);
    return err;
}

/* Jobs run this very program, wherever it lies, unless the user names another. */
static void name_program(void)
{
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0)
        setenv("INFERMILL", self, 0);
}

static err_t submit_chain(const study_t *study, const options_t *o)
{
    char path[PATH_MAX];
    if (realpath(o->arguments[0], path) == NULL)
        return err_errno(ERR_MISSING, "%s", o->arguments[0]);
    name_program();
    const slurm_request_t request = {.study = study,
                                     .path = path,
                                     .out = o->out,
                                     .partition = o->partition,
                                     .nodes = o->nodes,
                                     .tasks = o->tasks,
                                     .time = o->time,
                                     .account = o->account,
                                     .more = o->sbatch,
                                     .workers = o->workers > 0 ? o->workers : 1,
                                     .dry = o->dry_run};
    return slurm_chain_submit(&request);
}

err_t command_submit(const par_t *par, const options_t *options)
{
    study_t study;
    (void)par;
    TRY(study_read(options->arguments[0], &study));
    err_t err = options->cancel ? cancel_chain(&study, options) : submit_chain(&study, options);
    study_free(&study);
    return err;
}
