// SPDX-License-Identifier: Apache-2.0
#include "cluster/launch.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/auto.h"
#include "coordinator/job.h"

#include <stdlib.h>

/* With workers of this machine; those of others come to `infermill refine`. */
static err_t refine_stage(job_t *job, bool *did)
{
    const study_t *s = &job->study;
    *did = false;
    if (s->refine.rows == 0)
        return OK;
    const refine_request_t request = {.listen = "tcp://127.0.0.1:*",
                                      .local_workers = s->refine.workers > 0 ? s->refine.workers
                                                                             : launch_cores()};
    return job_refine(job, &request, did);
}

static err_t infer_stage(job_t *job, bool *did)
{
    const study_t *s = &job->study;
    *did = false;
    if (s->infer.data == NULL)
        return OK;
    char *model = job_file(job, "amortizer.h5"), *out = job_file(job, "posterior.h5");
    infer_request_t request = {.model = model,
                               .data = s->infer.data,
                               .out = s->infer.out ? s->infer.out : out,
                               .report = job->folder,
                               .draws = s->infer.draws,
                               .seed = s->infer.seed,
                               .keep = s->infer.keep,
                               .rungs = infer_rungs(s)};
    err_t err = job_infer(job->par, s, &request, did);
    free(model);
    free(out);
    return err;
}

static err_t until_gate(job_t *job, bool *anything)
{
    bool did = false, passed = false;
    TRY(job_simulate(job, &did));
    *anything |= did;
    TRY(job_train(job, &did));
    *anything |= did;
    TRY(job_diagnose(job, &did, &passed));
    *anything |= did;
    if (!passed)
        return err_fail(ERR_GATE, "the gate does not pass%s: see %s/report.md",
                        job->study.infer.data ? ", so no real data is touched" : "", job->folder);
    return OK;
}

static err_t by_itself(job_t *job, const options_t *options, bool *anything)
{
    auto_budget_t budget;
    TRY(auto_budget(options, &job->study, &budget));
    return job_auto(job, &budget, anything);
}

static err_t stages(job_t *job, const options_t *options, bool *anything)
{
    bool did = false;
    TRY(job_refine_settle(job));
    TRY(options->automatic ? by_itself(job, options, anything) : until_gate(job, anything));
    TRY(refine_stage(job, &did));
    *anything |= did;
    TRY(infer_stage(job, &did));
    *anything |= did;
    return OK;
}

err_t command_run(const par_t *par, const options_t *options)
{
    job_t job;
    bool anything = false;
    TRY(job_open(par, options, &job));
    err_t err = stages(&job, options, &anything);
    if (err == OK && par->rank == 0)
        log_info(anything ? "run: done, results are in %s"
                          : "run: nothing to do, all results are in %s",
                 job.folder);
    job_close(&job);
    return err;
}
