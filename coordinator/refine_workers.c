// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_workers.h"

#include "cluster/mem.h"
#include "workers/process.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static const char LOG[] = "workers.log";

struct refine_workers {
    process_t *process;
    char *log;
};

/* A model that is not built in is loaded from the study, never on a hub's word. */
static process_t *process_for(const job_t *job, const char *endpoint, int64_t n, const char *log)
{
    char program[PATH_MAX] = "", *count = mem_format("%" PRId64, n),
         *study = realpath(job->study.path, NULL);
    CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0,
          "this program's path is not to be found");
    const char *own = study != NULL ? study : job->study.path;
    const char *argv[] = {program, "worker",    "--quiet", "--jobs",
                          count,   "--connect", endpoint,  job->study.model.builtin ? NULL : own,
                          NULL};
    process_t *process = process_create(argv, ".");
    process_log_to(process, log);
    free(study);
    free(count);
    return process;
}

err_t refine_workers_start(const job_t *job, const char *endpoint, int64_t n,
                           refine_workers_t **out)
{
    refine_workers_t *w = MEM_NEW(refine_workers_t, 1);
    w->log = job_file(job, LOG);
    w->process = process_for(job, endpoint, n, w->log);
    *out = w;
    err_t err = process_start(w->process);
    if (err != OK)
        refine_workers_end(out);
    return err_context(err, "starting %" PRId64 " workers", n);
}

err_t refine_workers_check(refine_workers_t *w)
{
    char words[PROCESS_WORDS];
    if (!process_gone(w->process))
        return OK;
    process_end(w->process);
    process_obituary(w->process, words);
    return err_fail(ERR_FAILED,
                    "the workers of this machine have ended before their work was done: %s: see %s",
                    words, w->log);
}

void refine_workers_end(refine_workers_t **workers)
{
    refine_workers_t *w = *workers;
    if (w == NULL)
        return;
    process_destroy(&w->process);
    free(w->log);
    free(w);
    *workers = NULL;
}
