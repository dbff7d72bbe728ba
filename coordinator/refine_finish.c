// SPDX-License-Identifier: Apache-2.0
//
// Which of the two is better: the refined network is measured and diagnosed on the data sets that the offline one was, and takes
// its place if it passes the gate and has the smaller loss.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/held_out.h"
#include "coordinator/json_out.h"
#include "coordinator/refine.h"
#include "coordinator/refine_compare.h"
#include "coordinator/refine_files.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_report.h"
#include "coordinator/training.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    refinement_t *r;
    refine_gain_t gain;
    gate_record_t offline, refined; // of both diagnoses, on rank 0
    bool passed, better;            // the refined one
} finish_t;

/* ---- the refined network ---- */

static void name_refined(refinement_t *r)
{
    free(r->trained.refining);
    free(r->trained.offline);
    r->trained.refining = mem_copy_text(r->settings);
    r->trained.offline = mem_copy_text(r->trained.hash);
    free(r->trained.software);
    r->trained.software = software_text();
}

static err_t save_refined(refinement_t *r)
{
    char *path = job_file(r->job, "amortizer-refined.h5");
    training_fit(&r->trained, &r->validation);
    err_t err = trained_save(&r->trained, path);
    free(path);
    return err;
}

/* The weights of the best round, and what else inference asks for; rank 0 writes. */
static err_t make_refined(refinement_t *r)
{
    const par_t *par = r->job->par;
    params_t *params = amortizer_params(r->trained.amortizer);
    memcpy(params_value(params), r->best, (size_t)params_size(params) * sizeof(float));
    r->trained.validation_loss = trainer_validate(r->trainer, &r->validation);
    name_refined(r);
    TRY(par_agree(par, par->rank == 0 ? save_refined(r) : OK));
    char *hash = par_broadcast_text(par, 0, r->trained.hash);
    free(r->trained.hash);
    r->trained.hash = hash;
    return OK;
}

static err_t measure(finish_t *f)
{
    refinement_t *r = f->r;
    rows_t held_out;
    TRY(held_out_get(r->job, &r->trained, r->job->study.diagnose.datasets,
                     (uint64_t)r->job->study.diagnose.seed, &held_out));
    f->gain = refine_compare(r, &held_out);
    rows_destroy(&held_out);
    return OK;
}

/* ---- both diagnoses ---- */

static err_t keep_gate(const job_t *job, const char *name, gate_record_t *out)
{
    char *now = job_file(job, "gate.json"), *kept = name ? job_file(job, name) : NULL;
    err_t err = gate_read(now, out);
    if (err == OK && kept != NULL)
        err = gate_write(kept, out);
    free(now);
    free(kept);
    return err;
}

static err_t install(finish_t *f)
{
    refinement_t *r = f->r;
    trained_t offline = {0};
    char *current = NULL;
    TRY(refine_files_offline(r->job, &offline, &current));
    free(current);
    err_t err = refine_files_gate(r->job, &offline, &f->offline);
    trained_free(&offline);
    TRY(err);
    return refine_files_install(r->job, &r->trained);
}

/* Diagnosed where it would be; taken back where it is not the better one. */
static err_t decide(finish_t *f)
{
    job_t *job = f->r->job;
    bool first = job->par->rank == 0, did = false, passed = false;
    TRY(par_agree(job->par, first ? install(f) : OK));
    TRY(job_diagnose(job, &did, &f->passed));
    f->better = f->passed && f->gain.gain > 0;
    TRY(par_agree(job->par, first ? keep_gate(job, "gate-refined.json", &f->refined) : OK));
    if (f->better)
        return OK;
    TRY(par_agree(job->par, first ? refine_files_take_back(job) : OK));
    return job_diagnose(job, &did, &passed);
}

/* ---- the record ---- */

static json_t *calibration(const finish_t *f)
{
    json_t *all = json_array();
    for (int p = 0; p < f->refined.n_parameters && p < f->offline.n_parameters; p++) {
        const gate_parameter_t *a = &f->offline.parameters[p], *b = &f->refined.parameters[p];
        json_t *one = json_pack("{s:s}", "parameter", b->name);
        json_object_set_new(one, "offline", json_number_or_null(a->metrics.calibration_error));
        json_object_set_new(one, "refined", json_number_or_null(b->metrics.calibration_error));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *held_out(const refine_gain_t *g)
{
    json_t *o = json_pack("{s:I}", "data_sets", (json_int_t)g->data_sets);
    json_object_set_new(o, "offline_loss", json_number_or_null(g->offline_loss));
    json_object_set_new(o, "refined_loss", json_number_or_null(g->refined_loss));
    json_object_set_new(o, "gain", json_number_or_null(g->gain));
    json_object_set_new(o, "error", json_number_or_null(g->error));
    return o;
}

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : 0;
}

/* Of the slices of all ranks. Collective. */
static json_t *reservoir(const refinement_t *r)
{
    const par_t *par = r->job->par;
    replay_figures_t f = replay_figures(r->replay);
    int64_t taken = par_sum_i64(par, f.taken), used = par_sum_i64(par, f.used),
            evicted = par_sum_i64(par, f.evicted), once = par_sum_i64(par, f.once),
            age = par_sum_i64(par, f.age_sum), held = par_sum_i64(par, f.held);
    double most = par_max_f64(par, (double)f.most_uses),
           oldest = par_max_f64(par, (double)f.age_most);
    json_t *o = json_pack("{s:I,s:I}", "taken", (json_int_t)taken, "held", (json_int_t)held);
    json_object_set_new(o, "uses_mean", json_real(share(used, taken)));
    json_object_set_new(o, "uses_most", json_integer((json_int_t)most));
    json_object_set_new(o, "once", json_real(share(once, evicted)));
    json_object_set_new(o, "age_mean", json_real(share(age, used)));
    json_object_set_new(o, "age_most", json_integer((json_int_t)oldest));
    return o;
}

static json_t *rank_test(const refinement_t *r)
{
    const double *p = r->history.column[REFINE_RANK_P];
    double least = NAN;
    for (int64_t i = 0; i < r->history.n; i++)
        least = fmin(p[i], least); // a number, where one of them is
    json_t *o = json_pack("{s:i}", "parameters", r->job->schema->n_parameters);
    json_object_set_new(o, "p", json_number_or_null(p[r->history.n - 1]));
    json_object_set_new(o, "p_least", json_number_or_null(least));
    json_object_set_new(o, "p_of_all", json_number_or_null(least * (double)r->history.n));
    return o;
}

static void put_feed(json_t *o, const refinement_t *r)
{
    json_object_set_new(o, "seconds", json_real(r->seconds));
    json_object_set_new(o, "trainer_waiting",
                        json_real(r->seconds > 0 ? r->waited / r->seconds : 0));
    json_object_set_new(o, "workers_waiting", json_number_or_null(r->fed.waiting));
    json_object_set_new(o, "workers", json_integer(r->fed.workers));
    json_object_set_new(o, "rows_per_second", json_number_or_null(r->fed.rows_per_second));
    json_object_set_new(o, "bytes_most", json_integer(r->fed.bytes_most));
    json_object_set_new(o, "twice", json_integer(r->fed.twice));
}

/* Takes the reservoir's part over. */
static json_t *record_of(const finish_t *f, json_t *of_reservoir)
{
    const refinement_t *r = f->r;
    bool index = r->job->study.refine.order == ORDER_INDEX;
    json_t *o = json_object();
    json_object_set_new(o, "settings", json_string(r->settings));
    json_object_set_new(o, "offline", json_string(r->trained.offline));
    json_object_set_new(o, "refined", json_string(r->trained.hash));
    json_object_set_new(o, "kept", json_string(f->better ? "refined" : "offline"));
    json_object_set_new(o, "gate_passed", json_boolean(f->passed));
    json_object_set_new(o, "held_out", held_out(&f->gain));
    json_object_set_new(o, "calibration", calibration(f));
    json_object_set_new(o, "rows", json_integer(r->plan.rows));
    json_object_set_new(o, "rows_done", json_integer(r->rows));
    json_object_set_new(o, "rounds", json_integer(r->plan.rounds));
    json_object_set_new(o, "order", json_string(index ? "index" : "arrival"));
    put_feed(o, r);
    json_object_set_new(o, "reservoir", of_reservoir);
    json_object_set_new(o, "rank_test", rank_test(r));
    json_object_set_new(o, "history", refine_history_json(&r->history));
    return o;
}

static void say(const finish_t *f)
{
    const refine_gain_t *g = &f->gain;
    log_info("refine: on %ld held-out data sets the refined network's loss is %.4f, the offline "
             "one's %.4f: a gain of %.4f nats, standard error %.4f",
             (long)g->data_sets, g->refined_loss, g->offline_loss, g->gain, g->error);
    if (f->better)
        log_info("refine: the refined network is amortizer.h5 now, the offline one stays as "
                 "amortizer-offline.h5");
    else
        log_warning(
            "refine: the offline network stays amortizer.h5, since the refined one (kept as "
            "amortizer-refined.h5) %s",
            f->passed ? "is not better" : "does not pass the gate");
}

static err_t write_record(const finish_t *f, json_t *record)
{
    const job_t *job = f->r->job;
    char *path = job_file(job, "refine.json");
    err_t err = refine_files_tidy(job, f->better);
    if (err == OK)
        err = json_write(path, record);
    free(path);
    TRY(err);
    say(f);
    return study_report_again(job->par, job->folder, &job->study);
}

err_t refine_finish(refinement_t *r)
{
    finish_t f = {.r = r};
    const par_t *par = r->job->par;
    json_t *record = NULL;
    err_t err = make_refined(r);
    if (err == OK)
        err = measure(&f);
    if (err == OK)
        err = decide(&f);
    if (err == OK) {
        record = record_of(&f, reservoir(r));
        err = par_agree(par, par->rank == 0 ? write_record(&f, record) : OK);
    }
    json_decref(record);
    gate_free(&f.offline);
    gate_free(&f.refined);
    return err;
}

/* ---- whether it is done already ---- */

static err_t compare_settings(const job_t *job, const json_t *record, bool *same)
{
    char *now = study_refining_text(&job->study);
    const char *before = json_text(record, "settings");
    char *difference = refine_settings_object(before, now);
    err_t err = OK;
    *same = strcmp(before, now) == 0;
    if (difference != NULL && !job->again)
        err = err_fail(ERR_MISMATCH,
                       "the amortizer in %s was refined with other settings: %s: give --again to "
                       "refine anew, or another --out",
                       job->folder, difference);
    free(difference);
    free(now);
    return err;
}

err_t refine_is_done(const job_t *job, const trained_t *offline, const char *current, bool *done)
{
    char *path = job_file(job, "refine.json");
    json_t *record = json_load_file(path, 0, NULL);
    bool same = false;
    err_t err = OK;
    free(path);
    if (strcmp(json_text(record, "offline"), offline->hash) == 0)
        err = compare_settings(job, record, &same);
    *done = same && strcmp(json_text(record, json_text(record, "kept")), current) == 0;
    json_decref(record);
    return err;
}
