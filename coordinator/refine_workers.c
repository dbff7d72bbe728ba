// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_workers.h"

#include "cluster/mem.h"
#include "coordinator/run_folder.h"
#include "workers/process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct refine_workers {
    int n;
    process_t **process; // (n)
};

/* A model that is not built in is loaded from the study, never on a hub's word. */
static err_t start_one(const job_t *job, const char *program, const char *study,
                       const char *endpoint, int k, process_t **out)
{
    const char *argv[] = {program,     "worker", "--quiet",
                          "--connect", endpoint, job->study.model.builtin ? NULL : study,
                          NULL};
    char *name = mem_format("worker-%d.log", k), *log = job_file(job, name);
    *out = process_create(argv, ".");
    process_log_to(*out, log);
    free(log);
    free(name);
    return process_start(*out);
}

err_t refine_workers_start(const job_t *job, const char *endpoint, int n, refine_workers_t **out)
{
    char program[PATH_MAX] = "", *study = realpath(job->study.path, NULL);
    CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0,
          "this program's path is not to be found");
    refine_workers_t *w = MEM_NEW(refine_workers_t, 1);
    w->process = MEM_NEW(process_t *, n + 1);
    err_t err = OK;
    for (int k = 0; k < n && err == OK; k++) {
        err = start_one(job, program, study ? study : job->study.path, endpoint, k, &w->process[k]);
        w->n++;
    }
    free(study);
    *out = w;
    if (err != OK)
        refine_workers_end(out);
    return err_context(err, "starting %d workers", n);
}

err_t refine_workers_check(refine_workers_t *w)
{
    char words[PROCESS_WORDS];
    int gone = 0;
    for (int k = 0; k < w->n; k++)
        gone += process_gone(w->process[k]);
    if (gone < w->n)
        return OK;
    process_end(w->process[0]);
    process_obituary(w->process[0], words);
    return err_fail(
        ERR_FAILED,
        "all %d local workers have ended before their work was done; the first: %s: see "
        "worker-0.log in the folder of results",
        w->n, words);
}

void refine_workers_end(refine_workers_t **workers)
{
    refine_workers_t *w = *workers;
    if (w == NULL)
        return;
    for (int k = 0; k < w->n; k++)
        process_destroy(&w->process[k]);
    free(w->process);
    free(w);
    *workers = NULL;
}
