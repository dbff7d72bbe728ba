// SPDX-License-Identifier: Apache-2.0
//
// Posteriors of real data over ranks: the gate first, then blocks of data sets sealed one by one, joined at the end. While it works
// there is a folder OUT.blocks with the sealed blocks, the packed data, and a word on what is kept.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/infer_blocks.h"
#include "coordinator/infer_costs.h"
#include "coordinator/infer_keep.h"
#include "coordinator/inferred.h"
#include "coordinator/inferred_pictures.h"
#include "coordinator/job.h"
#include "coordinator/model_gate.h"
#include "coordinator/observed.h"
#include "coordinator/outside.h"
#include "coordinator/pairs.h"
#include "coordinator/predictive.h"
#include "coordinator/real_sets.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_report.h"
#include "coordinator/timings.h"
#include "diagnostics/gate.h"
#include "storage/lock.h"
#include "storage/posterior_file.h"
#include "storage/sync.h"
#include "workers/infer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const par_t *par;
    const study_t *study;
    const infer_request_t *request;
    trained_t trained;
    model_gate_t gate;
    bool unverified; // a guard refused, and a reason was given to go on
    real_data_t data;
    exact_model_t exact; // of the ladder
    const char **names;  // (P)
    posterior_head_t head;
    char *stamp, *blocks; // what the result depends on; folder of the sealed blocks
    char *packed;         // the data, in that folder
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
    char *words;
    TRY(outside_prior(f->par, &f->trained, &f->data, &words));
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

/* What the result depends on. The caller frees it. */
static char *stamp_of(const inference_t *f, posterior_keep_t keep, bool unverified)
{
    static const char *const kept[] = {"", " keep draws", " keep summary"};
    bool climbs = f->request->rungs != LADDER_AMORTIZED;
    char *words = ladder_words(f->request->rungs);
    char *stamp =
        mem_format("weights %s data %s draws %" PRId64 " seed %" PRId64 "%s%s%s%s", f->trained.hash,
                   f->data.hash, f->request->draws, f->request->seed, kept[keep],
                   climbs ? " ladder " : "", climbs ? words : "", unverified ? " unverified" : "");
    free(words);
    return stamp;
}

static void make_head(inference_t *f)
{
    const infer_request_t *r = f->request;
    int P = f->trained.inferred.n_parameters;
    f->names = MEM_NEW(const char *, P);
    for (int p = 0; p < P; p++)
        f->names[p] = f->trained.inferred.parameters[p].name;
    f->head = (posterior_head_t){
        .datasets = f->data.n,
        .draws = r->draws,
        .block_datasets = 1,
        .n_parameters = P,
        .parameters = f->names,
        .schema = &f->trained.inferred,
        .ids = f->data.ids,
        .n_groups = f->data.table.n_groups,
        .groups = (const char *const *)f->data.table.groups,
        .group = f->data.group,
        .model = f->trained.bank,
        .study = f->trained.study_path,
        .weights = f->trained.hash,
        .note = amortizer_is_marginal(f->trained.amortizer) ? AMORTIZER_MARGINAL_NOTE : NULL};
}

static err_t load_model(inference_t *f)
{
    TRY(trained_load(f->request->model, &f->trained));
    TRY(study_check_prior(f->study, &f->trained.schema));
    return ask_gate(f);
}

static err_t prepare(inference_t *f)
{
    TRY(par_agree(f->par, load_model(f)));
    TRY(real_data_open(f->par, f->request->data, f->study, &f->trained.schema,
                       amortizer_adapter(f->trained.amortizer), &f->data));
    TRY(par_agree(f->par,
                  exact_model_open(f->study, &f->trained, &f->data, f->request->rungs, &f->exact)));
    make_head(f);
    f->blocks = mem_format("%s.blocks", f->request->out);
    f->packed = mem_format("%s/data.pack", f->blocks);
    return par_agree(f->par, posterior_head_check(&f->head));
}

/* Whether the result is there. One that was made with what a person said of data outside the prior counts for the same request. */
static bool is_there(inference_t *f)
{
    bool any = f->request->keep == KEEP_AUTO;
    for (int keep = POSTERIOR_KEEP_BOTH; keep <= POSTERIOR_KEEP_SUMMARY; keep++)
        for (int unverified = f->unverified; unverified <= (f->request->unverified != NULL);
             unverified++) {
            if (any ? keep == POSTERIOR_KEEP_DRAWS : keep != (int)infer_keep(f->request->keep))
                continue;
            f->stamp = stamp_of(f, (posterior_keep_t)keep, unverified);
            if (posterior_file_is(f->request->out, f->stamp))
                return true;
            free(f->stamp);
            f->stamp = NULL;
        }
    return false;
}

/* ---- the folder of blocks ---- */

static err_t lock_blocks(inference_t *f)
{
    TRY(sync_make_folder(f->blocks));
    lock_new_run(f->run);
    return lock_take(f->blocks, f->run, LOCK_WATCH_SECONDS, &f->lock);
}

static err_t open_folder(inference_t *f)
{
    TRY(par_agree(f->par, f->par->rank == 0 ? lock_blocks(f) : OK));
    par_broadcast(f->par, 0, sizeof f->run, f->run);
    return real_data_stage(f->par, &f->data, f->packed);
}

/* Sealed blocks stay. On rank 0. */
static void close_folder(inference_t *f)
{
    if (f->lock == NULL)
        return;
    unlink(f->packed);
    lock_release(&f->lock);
    rmdir(f->blocks);
}

static void inference_close(inference_t *f)
{
    real_data_close(&f->data);
    close_folder(f);
    inferred_free(&f->result);
    exact_model_close(&f->exact);
    model_gate_free(&f->gate);
    trained_free(&f->trained);
    free(f->names);
    free(f->stamp);
    free(f->blocks);
    free(f->packed);
}

/* What is kept is decided once, on rank 0: an inference that goes on finds less room on the disk, for its own blocks. */
static err_t decide_keep(inference_t *f, posterior_keep_t *keep)
{
    err_t err = OK;
    char *path = mem_format("%s/keep", f->blocks);
    if (f->par->rank == 0)
        err = f->request->keep == KEEP_AUTO ? infer_keep_by_room(path, &f->head, keep) : OK;
    if (f->request->keep != KEEP_AUTO)
        *keep = infer_keep(f->request->keep);
    free(path);
    TRY(par_agree(f->par, err));
    par_broadcast(f->par, 0, sizeof *keep, keep);
    return OK;
}

/* A block that is lost in a crash should cost no more than some seconds of chains. */
static int64_t block_size(const inference_t *f)
{
    int64_t size = posterior_block_choice(&f->head), most = size;
    if (f->request->rungs != LADDER_AMORTIZED)
        most = f->request->rungs & LADDER_AMORTIZED ? 64 : f->request->rungs & LADDER_PSIS ? 16 : 4;
    return size < most ? size : most;
}

static err_t finish_head(inference_t *f)
{
    TRY(ask_prior(f));
    TRY(decide_keep(f, &f->head.keep));
    f->stamp = stamp_of(f, f->head.keep, f->unverified);
    f->head.stamp = f->stamp;
    f->head.gate = f->gate.words;
    f->head.unverified = f->unverified ? f->request->unverified : NULL;
    f->head.block_datasets = block_size(f);
    return OK;
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
                                   .inferred = f->result.ledger.n > 0 ? &f->result.table : NULL};
    return study_report(&report);
}

/* The posterior of one data set once more: a block need not keep its draws. */
static err_t draw_pairs(inference_t *f, int64_t at, bool *drawn)
{
    infer_config_t config =
        learned_inference(&f->trained, &f->exact, f->request->seed, f->head.draws);
    infer_t *infer = infer_create(&config);
    real_sets_t set = real_sets_create(&f->data, 1);
    double *draws = MEM_NEW(double, f->head.draws * f->head.n_parameters);
    posterior_verdict_t verdict;
    err_t err = real_sets_load(&f->data, 1, &at, &set);
    if (err == OK) {
        infer_one(infer, &set.rows, 0, set.problem[0], draws, &verdict);
        err = pairs_of_real(f->request->report, f->study->name, &f->trained, f->data.ids[at],
                            f->head.draws, draws, drawn);
    }
    free(draws);
    real_sets_free(&set);
    infer_destroy(&infer);
    return err;
}

static err_t read_result(inference_t *f)
{
    bool drawn = false;
    TRY(inferred_read(f->blocks, &f->head, &f->result));
    if (f->request->report != NULL && f->result.first_accepted >= 0)
        TRY(draw_pairs(f, f->result.first_accepted, &drawn));
    report_inferred_t *t = &f->result.table;
    ladder_costs_t costs = infer_costs_read(f->blocks);
    if (f->exact.exact != NULL)
        inferred_tell_costs(&f->result, f->request->rungs, &costs);
    t->ledger = &f->result.ledger;
    t->pairs_picture = drawn ? "pairs.png" : NULL;
    t->data = f->request->data;
    t->posterior = f->request->out;
    t->draws = f->head.draws;
    t->seed = f->request->seed;
    t->misfit = &f->result.misfit;
    t->group = f->study->infer.group;
    return OK;
}

static err_t join(inference_t *f)
{
    TRY(posterior_join(f->blocks, &f->head, f->request->out));
    if (f->request->json)
        TRY(inferred_print_json(f->blocks, &f->head));
    else
        inferred_print(&f->result);
    char *word = mem_format("%s/keep", f->blocks);
    unlink(word);
    free(word);
    infer_costs_remove(f->blocks);
    posterior_blocks_remove(f->blocks);
    if (f->request->report != NULL)
        TRY(inferred_pictures(f->request->report, f->study, &f->trained, &f->result));
    return write_report(f);
}

static predictive_config_t predictive_config(const inference_t *f)
{
    return (predictive_config_t){.par = f->par,
                                 .study = f->study,
                                 .trained = &f->trained,
                                 .data = &f->data,
                                 .stamp = f->stamp,
                                 .folder = f->request->report,
                                 .out = f->request->out,
                                 .exact = &f->exact,
                                 .head = &f->head,
                                 .seed = f->request->seed,
                                 .quiet = f->request->json};
}

static err_t infer_all(inference_t *f)
{
    bool first = f->par->rank == 0;
    TRY(finish_head(f));
    predictive_config_t config = predictive_config(f);
    if (first)
        predictive_clear(&config);
    const infer_blocks_t blocks = {.par = f->par,
                                   .trained = &f->trained,
                                   .data = &f->data,
                                   .head = &f->head,
                                   .folder = f->blocks,
                                   .run = f->run,
                                   .exact = &f->exact,
                                   .seed = f->request->seed};
    TRY(infer_blocks(&blocks));
    TRY(par_agree(f->par, first ? read_result(f) : OK));
    TRY(observed_judge(f->par, &f->trained, &f->data, f->result.distance,
                       f->study->infer.misfit_draws, &f->result.misfit));
    return par_agree(f->par, first ? join(f) : OK);
}

/* Whether the model with these posteriors produces such data; the report tells. */
static err_t check_model(inference_t *f)
{
    predictive_config_t config = predictive_config(f);
    TRY(predictive_run(&config));
    return par_agree(f->par, f->par->rank == 0 ? write_report(f) : OK);
}

static err_t infer(inference_t *f, bool *did)
{
    TRY(prepare(f));
    bool anew = par_any(f->par, f->par->rank == 0 && !is_there(f)),
         check = f->study->infer.predictive > 0;
    if (!anew) {
        char *stamp = par_broadcast_text(f->par, 0, f->stamp);
        free(f->stamp);
        f->stamp = stamp;
        predictive_config_t config = predictive_config(f);
        check = predictive_wanted(&config);
    }
    *did = anew || check;
    if (*did)
        TRY(open_folder(f));
    if (anew)
        TRY(infer_all(f));
    return check ? check_model(f) : OK;
}

err_t job_infer(const par_t *par, const study_t *study, const infer_request_t *request, bool *did)
{
    inference_t f = {.par = par, .study = study, .request = request};
    *did = false;
    double started = log_clock();
    err_t err = infer(&f, did);
    if (request->report != NULL && (*did || err != OK))
        timings_add(par, request->report, "infer", started, err);
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
                             .keep = study->infer.keep,
                             .rungs = infer_rungs(study),
                             .json = o->json};
}

ladder_rungs_t infer_rungs(const study_t *study)
{
    ladder_rungs_t rungs = LADDER_AMORTIZED;
    const yaml_texts_t *words = &study->infer.ladder;
    if (words->n > 0) {
        err_t err = ladder_read(words->n, (const char *const *)words->at, &rungs);
        CHECK(err == OK, "%s", err_text()); // the study was checked
    }
    return rungs;
}

/* "amortized,psis" */
static err_t read_rungs(const char *text, ladder_rungs_t *out)
{
    enum { MOST = 8 };
    const char *words[MOST];
    char *copy = mem_copy_text(text), *rest = copy;
    int n = 0;
    while (rest != NULL && n < MOST)
        words[n++] = strsep(&rest, ",");
    err_t err = err_context(ladder_read(n, words, out), "--ladder");
    free(copy);
    return err;
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
    err_t err = options->keep != NULL ? infer_keep_read(options->keep, &request.keep) : OK;
    if (err == OK && options->ladder != NULL)
        err = read_rungs(options->ladder, &request.rungs);
    if (err == OK && request.data == NULL)
        err = err_fail(ERR_USAGE,
                       "infer: no real data: give --data FILE, or infer.data in the study");
    if (err == OK)
        err = job_infer(par, &study, &request, &did);
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
