// SPDX-License-Identifier: Apache-2.0
//
// Posteriors of real data over ranks: the gate first, then blocks of data sets sealed one by one, joined at the end.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/inferred.h"
#include "coordinator/job.h"
#include "coordinator/model_gate.h"
#include "coordinator/observed.h"
#include "coordinator/outside.h"
#include "coordinator/pairs.h"
#include "coordinator/predictive.h"
#include "coordinator/real_data.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_report.h"
#include "diagnostics/figures.h"
#include "diagnostics/gate.h"
#include "storage/lock.h"
#include "storage/posterior_file.h"
#include "storage/sync.h"
#include "workers/infer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const par_t *par;
    const study_t *study;
    const infer_request_t *request;
    trained_t trained;
    model_gate_t gate;
    bool unverified; // a guard refused, and a reason was given to go on
    real_data_t data;
    const char **names; // (P)
    posterior_head_t head;
    char *stamp, *blocks; // what the result depends on; folder of the sealed blocks
    char run[LOCK_RUN_BYTES];
    lock_t *lock;      // on that folder, on rank 0
    inferred_t result; // on rank 0, of this call
} inference_t;

/* ---- what it starts from ---- */

static void go_on(inference_t *f, const char *despite)
{
    f->unverified = true;
    if (f->par->rank == 0)
        log_warning("infer: unverified (%s): %s", f->request->unverified, despite);
}

static err_t ask_gate(inference_t *f)
{
    TRY(model_gate_ask(f->request->model, f->trained.hash, f->request->unverified, &f->gate));
    if (f->gate.despite != NULL)
        go_on(f, f->gate.despite);
    else if (f->gate.loosened[0] != '\0' && f->par->rank == 0)
        log_warning("infer: the gate passed%s", f->gate.loosened);
    return OK;
}

/* Nor are data that lie outside of all that the prior produces, or when a person says why. Collective. */
static err_t ask_prior(inference_t *f)
{
    char *words = outside_prior(f->par, &f->trained, &f->data);
    bool outside = par_any(f->par, words != NULL);
    err_t err = OK;
    if (outside && f->request->unverified == NULL) {
        err = par_agree(f->par, words ? err_fail(ERR_GATE, "%s: %s", f->request->data, words) : OK);
    } else if (outside) {
        go_on(f, words ? words : "");
        char *both =
            mem_format("%s; the data lie outside of all that the prior produces", f->gate.words);
        free(f->gate.words);
        f->gate.words = both;
    }
    free(words);
    return err;
}

static void make_head(inference_t *f)
{
    const infer_request_t *r = f->request;
    int P = f->trained.inferred.n_parameters;
    char *data = real_data_hash(&f->data);
    f->names = MEM_NEW(const char *, P);
    for (int p = 0; p < P; p++)
        f->names[p] = f->trained.inferred.parameters[p].name;
    f->stamp =
        mem_format("weights %s data %s draws %" PRId64 " seed %" PRId64 "%s", f->trained.hash, data,
                   r->draws, r->seed, f->unverified ? " unverified" : "");
    f->blocks = mem_format("%s.blocks", r->out);
    f->head = (posterior_head_t){
        .datasets = f->data.n,
        .draws = r->draws,
        .block_datasets = INFER_BLOCK,
        .n_parameters = P,
        .parameters = f->names,
        .schema = &f->trained.inferred,
        .ids = f->data.ids,
        .stamp = f->stamp,
        .model = f->trained.bank,
        .study = f->trained.study_path,
        .weights = f->trained.hash,
        .gate = f->gate.words,
        .unverified = f->unverified ? r->unverified : NULL,
        .note = amortizer_is_marginal(f->trained.amortizer) ? AMORTIZER_MARGINAL_NOTE : NULL};
    free(data);
}

static err_t prepare(inference_t *f, const study_t *study)
{
    TRY(trained_load(f->request->model, &f->trained));
    TRY(study_check_prior(study, &f->trained.schema));
    TRY(ask_gate(f));
    return real_data_read(f->request->data, study, &f->trained.schema,
                          amortizer_adapter(f->trained.amortizer), &f->data);
}

static err_t prepare_head(inference_t *f)
{
    TRY(ask_prior(f));
    make_head(f);
    return par_agree(f->par, posterior_head_check(&f->head));
}

static void inference_close(inference_t *f)
{
    lock_release(&f->lock);
    inferred_free(&f->result);
    real_data_free(&f->data);
    model_gate_free(&f->gate);
    trained_free(&f->trained);
    free(f->names);
    free(f->stamp);
    free(f->blocks);
}

/* ---- the blocks ---- */

static err_t lock_blocks(inference_t *f)
{
    TRY(sync_make_folder(f->blocks));
    lock_new_run(f->run);
    return lock_take(f->blocks, f->run, LOCK_WATCH_SECONDS, &f->lock);
}

static err_t one_block(inference_t *f, infer_t *infer, int64_t block, double *draws)
{
    posterior_verdict_t verdicts[INFER_BLOCK];
    int64_t begin = block * INFER_BLOCK;
    infer_block(infer, &f->data.rows, begin, begin + posterior_block_size(&f->head, block),
                f->data.problem, draws, verdicts);
    TRY(lock_check(f->blocks, f->run)); // this rank may have outlived its run
    return posterior_block_write(f->blocks, &f->head, block, draws, verdicts);
}

static err_t my_blocks(inference_t *f)
{
    infer_config_t config = {.amortizer = f->trained.amortizer,
                             .distance = &f->trained.distance,
                             .reach = &f->trained.reach,
                             .schema = &f->trained.inferred,
                             .seed = (uint64_t)f->request->seed,
                             .draws = f->head.draws};
    infer_t *infer = infer_create(&config);
    double *draws = MEM_NEW(double, INFER_BLOCK * f->head.draws * f->head.n_parameters);
    progress_t progress = {0};
    if (f->par->rank == 0)
        progress = progress_start("infer", "data sets", 0, f->head.datasets);
    err_t err = OK;
    for (int64_t b = f->par->rank; b < posterior_blocks(&f->head) && err == OK; b += f->par->size) {
        if (stop_requested())
            err = err_fail(
                ERR_STOPPED,
                "infer: stopped on request; finished blocks are kept, the same command goes on");
        else if (!posterior_block_done(f->blocks, &f->head, b))
            err = one_block(f, infer, b, draws);
        if (f->par->rank == 0 && err == OK)
            progress_show(&progress, b * INFER_BLOCK + posterior_block_size(&f->head, b), NULL);
    }
    if (f->par->rank == 0 && err == OK)
        progress_end(&progress, f->head.datasets, NULL);
    free(draws);
    infer_destroy(&infer);
    return err;
}

/* ---- the end, on rank 0 ---- */

static err_t write_report(const inference_t *f)
{
    if (f->request->report == NULL || !f->gate.record.passed)
        return OK;
    const study_report_t report = {.par = f->par,
                                   .folder = f->request->report,
                                   .study = f->study,
                                   .trained = &f->trained,
                                   .gate = &f->gate.record,
                                   .inferred = f->result.table.n > 0 ? &f->result.table : NULL};
    return study_report(&report);
}

static err_t read_result(inference_t *f)
{
    bool drawn = false;
    data_view_t view =
        data_view_create(&f->trained.schema, amortizer_adapter(f->trained.amortizer));
    doubt_t doubt = {&f->trained.reach, &f->trained.inferred, &view, &f->data.rows};
    err_t err = inferred_read(f->blocks, &f->head, &doubt, &f->result);
    data_view_free(&view);
    TRY(err);
    if (f->request->report != NULL)
        TRY(pairs_of_real(f->request->report, f->study->name, &f->trained, f->blocks, &f->head,
                          f->result.refused, &drawn));
    f->result.table.pairs_picture = drawn ? "pairs.png" : NULL;
    f->result.table.data = f->request->data;
    f->result.table.posterior = f->request->out;
    f->result.table.draws = f->head.draws;
    f->result.table.seed = f->request->seed;
    f->result.table.misfit = &f->result.misfit;
    return OK;
}

/* Where the observed data sets lie among the simulated ones, into the folder of results. */
static err_t draw_distances(inference_t *f)
{
    const distance_t *d = &f->trained.distance;
    if (f->request->report == NULL || f->result.misfit.n == 0)
        return OK;
    char *path = run_folder_file(f->request->report, "summary_distance.png");
    const stamp_t stamp = {.study = f->study->name,
                           .weights = f->trained.hash,
                           .title = "Observed among simulated data"};
    const distances_t distances = {.references = d->n,
                                   .reference = d->reference,
                                   .n = f->result.table.n,
                                   .observed = f->result.distance,
                                   .threshold = f->result.misfit.threshold};
    err_t err = figure_distance(path, &stamp, &distances);
    f->result.table.misfit_picture = "summary_distance.png";
    free(path);
    return err;
}

static err_t join(inference_t *f)
{
    TRY(posterior_join(f->blocks, &f->head, f->request->out));
    lock_release(&f->lock);
    posterior_blocks_remove(f->blocks, &f->head);
    if (f->request->json)
        inferred_print_json(&f->result);
    else
        inferred_print(&f->result);
    TRY(draw_distances(f));
    return write_report(f);
}

static predictive_config_t predictive_config(const inference_t *f, bool anew)
{
    return (predictive_config_t){.par = f->par,
                                 .study = f->study,
                                 .trained = &f->trained,
                                 .data = &f->data,
                                 .stamp = f->stamp,
                                 .folder = f->request->report,
                                 .out = f->request->out,
                                 .seed = (uint64_t)f->request->seed,
                                 .anew = anew,
                                 .quiet = f->request->json};
}

static err_t infer_all(inference_t *f)
{
    bool first = f->par->rank == 0;
    predictive_config_t config = predictive_config(f, true);
    if (first)
        predictive_clear(&config);
    TRY(par_agree(f->par, first ? lock_blocks(f) : OK));
    par_broadcast(f->par, 0, sizeof f->run, f->run);
    TRY(par_agree(f->par, my_blocks(f)));
    TRY(par_agree(f->par, first ? read_result(f) : OK));
    f->result.misfit = observed_judge(f->par, &f->trained, &f->data.rows, f->result.distance,
                                      f->study->infer.misfit_draws);
    return par_agree(f->par, first ? join(f) : OK);
}

/* Whether the model with these posteriors produces such data; the report tells. */
static err_t check_model(inference_t *f, bool *did)
{
    bool checked = false;
    predictive_config_t config = predictive_config(f, *did);
    TRY(predictive_run(&config, &checked));
    *did |= checked;
    return par_agree(f->par, checked && f->par->rank == 0 ? write_report(f) : OK);
}

err_t job_infer(const par_t *par, const study_t *study, const infer_request_t *request, bool *did)
{
    inference_t f = {.par = par, .study = study, .request = request};
    *did = false;
    err_t err = par_agree(par, prepare(&f, study));
    if (err == OK)
        err = prepare_head(&f);
    if (err == OK)
        *did = par_any(par, !posterior_file_is(request->out, f.stamp));
    if (*did)
        err = infer_all(&f);
    if (err == OK)
        err = check_model(&f, did);
    inference_close(&f);
    return err;
}

/* ---- the command ---- */

/* Without STUDY, the one that the amortizer carries says where the values stand. */
static err_t study_of(const options_t *o, study_t *out)
{
    if (o->n_arguments > 0)
        return study_read(o->arguments[0], out);
    if (o->model == NULL)
        return err_fail(ERR_USAGE, "infer: expected STUDY or --model FILE");
    trained_t trained;
    TRY(trained_load(o->model, &trained));
    err_t err = study_parse(trained.study, trained.study_path, out);
    trained_free(&trained);
    return err;
}

static infer_request_t request_of(const options_t *o, const study_t *study, const char *folder,
                                  const char *model, const char *out)
{
    return (infer_request_t){.model = o->model ? o->model : model,
                             .data = o->data ? o->data : study->infer.data,
                             .out = o->out                                   ? o->out
                                    : study->infer.out && o->n_arguments > 0 ? study->infer.out
                                                                             : out,
                             .report = o->n_arguments > 0 && o->model == NULL ? folder : NULL,
                             .unverified = o->unverified,
                             .draws = o->draws >= 0 ? o->draws : study->infer.draws,
                             .seed = o->seed >= 0 ? o->seed : study->infer.seed,
                             .json = o->json};
}

err_t command_infer(const par_t *par, const options_t *options)
{
    study_t study;
    TRY(par_agree(par, study_of(options, &study)));
    char *folder = run_folder_path(&study, NULL);
    char *model = run_folder_file(folder, "amortizer.h5");
    char *out = options->n_arguments > 0 ? run_folder_file(folder, "posterior.h5")
                                         : mem_copy_text("posterior.h5");
    infer_request_t request = request_of(options, &study, folder, model, out);
    bool did = false;
    err_t err = request.data == NULL
                    ? err_fail(ERR_USAGE,
                               "infer: no real data: give --data FILE, or infer.data in the study")
                    : job_infer(par, &study, &request, &did);
    if (err == OK && par->rank == 0)
        log_info(did ? "infer: %s"
                     : "infer: nothing to do, %s is of these weights, data and settings",
                 request.out);
    free(out);
    free(model);
    free(folder);
    study_free(&study);
    return err;
}
