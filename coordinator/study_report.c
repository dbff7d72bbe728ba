// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_report.h"

#include "cluster/mem.h"
#include "coordinator/auto_log.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_model.h"
#include "diagnostics/json.h"
#include "diagnostics/predictive_record.h"
#include "workers/failures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const report_picture_t all_pictures[] = {
    {.file = "recovery.png", .title = "Recovery"},
    {.file = "calibration_ecdf.png", .title = "Calibration"},
    {.file = "coverage.png", .title = "Coverage"},
    {.file = "rank_histogram.png", .title = "Ranks"},
    {.file = "z_score_contraction.png", .title = "Contraction and z-score"},
    {.file = "images.png",
     .title = "Images",
     .reading = "Each draw is an image that could be the truth. Their mean is smooth where they "
                "differ, and the sd shows "
                "where that is."},
    {.file = "pixels.png",
     .title = "Pixel by pixel",
     .reading = "White is right for calibration error and ECDF deviation, mid grey is fair. Where "
                "the contraction is dark the "
                "data tell most."},
    {.file = "pairs_held_out.png", .title = "Posterior of a held-out simulation"},
    {.file = "loss.png", .title = "Loss"}};
enum { ALL_PICTURES = sizeof all_pictures / sizeof *all_pictures };

/* Those of the checks are about the gate's weights: without it loss.png alone. */
static int pictures_there(const char *folder, bool checked, report_picture_t *out)
{
    int n = 0;
    for (int i = checked ? 0 : ALL_PICTURES - 1; i < ALL_PICTURES; i++) {
        char *path = run_folder_file(folder, all_pictures[i].file);
        if (file_exists(path))
            out[n++] = all_pictures[i];
        free(path);
    }
    return n;
}

static void date_text(size_t cap, char *out)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, cap, "%Y-%m-%d %H:%M UTC", &parts);
}

static char *hosts_text(const par_t *par)
{
    char host[64];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    return mem_format("%d rank%s, first on %s", par->size, par->size == 1 ? "" : "s", host);
}

/* ---- the bank ---- */

/* Where and why rows fail: all rows are read once, their parameters and costs alone. */
static err_t failures_words(bank_t *bank, char **out)
{
    const schema_t *schema = bank_schema(bank);
    failures_t *f = failures_create(schema, FAILURES_CAPACITY_ALL);
    int64_t block = rows_of_block(schema), n = bank_rows(bank);
    rows_t rows = rows_create(schema, block);
    err_t err = OK;
    for (int64_t at = 0; at < n && err == OK; at += block) {
        int64_t end = at + block < n ? at + block : n;
        err = bank_read_head(bank, at, end, &rows);
        if (err == OK)
            err = bank_read_costs(bank, at, end, &rows);
        if (err == OK)
            failures_add_rows(f, &rows, 0, rows.n);
    }
    if (err == OK)
        *out = failures_text(f);
    rows_destroy(&rows);
    failures_destroy(&f);
    return err;
}

static err_t simulations_of(const study_report_t *what, report_simulations_t *out, char **words)
{
    bank_info_t info = bank_info(what->bank);
    *out = (report_simulations_t){.path = what->study->bank.path,
                                  .fingerprint = bank_fingerprint(what->bank),
                                  .origin = bank_origin(what->bank),
                                  .rows = info.rows,
                                  .seconds = info.seconds};
    for (int s = ROW_DONE; s < ROW_STATUS_COUNT; s++)
        if (s == ROW_DONE || info.by_status[s] > 0) {
            out->outcome[out->n_outcomes].name = row_status_name((row_status_t)s);
            out->outcome[out->n_outcomes++].rows = info.by_status[s];
        }
    if (out->n_outcomes > 1)
        TRY(failures_words(what->bank, words));
    out->failures = *words;
    return OK;
}

/* ---- the training ---- */

static report_training_t training_of(const study_report_t *what)
{
    const trained_t *t = what->trained;
    double limit = what->study->diagnose.ratings.overfitting;
    report_training_t out = {
        .verdict = history_inspect(t->epochs, t->training_loss, t->validation_losses, limit),
        .epochs = t->epochs,
        .rows = t->training_rows,
        .validation_rows = what->study->train.validation_rows,
        .n_weights = params_weights(amortizer_params(t->amortizer)),
        .seconds = t->training_seconds,
        .training_loss = NAN,
        .validation_loss = NAN,
        .overfitting = limit};
    if (out.verdict.best >= 0) {
        out.training_loss = t->training_loss[out.verdict.best];
        out.validation_loss = t->validation_losses[out.verdict.best];
    }
    return out;
}

/* The checks of real data that lie in the folder, where they are about these weights; else NULL. */
static json_t *predictive_of(const study_report_t *what)
{
    char *path = run_folder_file(what->folder, "predictive.json");
    json_t *root = NULL;
    if (predictive_record_has(path, "weights", what->trained->hash) &&
        predictive_record_read(path, &root) != OK)
        err_clear();
    free(path);
    return root;
}

/* The refinement whose result these weights are; else NULL. */
static json_t *refine_of(const study_report_t *what)
{
    char *path = run_folder_file(what->folder, "refine.json");
    json_t *record = json_load_file(path, 0, NULL);
    free(path);
    if (strcmp(json_text(record, json_text(record, "kept")), what->trained->hash) == 0)
        return record;
    json_decref(record);
    return NULL;
}

err_t study_report(const study_report_t *what)
{
    report_picture_t pictures[ALL_PICTURES];
    report_simulations_t simulations;
    char date[64], *hosts = hosts_text(what->par), *failures = NULL;
    const trained_t *trained = what->trained;
    study_model_t model = study_model(&trained->schema, &trained->inferred);
    report_training_t training = training_of(what);
    char *network = amortizer_config_text(amortizer_config(trained->amortizer));
    training.network = network;
    json_t *log = auto_log_of(what->folder, what->study->text);
    date_text(sizeof date, date);
    json_t *predictive = predictive_of(what), *refine = refine_of(what);
    err_t err;
    if (what->bank != NULL)
        TRY_TO(done, simulations_of(what, &simulations, &failures));
    report_t report = {.study = what->study->name,
                       .study_path = what->study->path,
                       .study_text = what->study->text,
                       .created = date,
                       .weights = trained->hash,
                       .model = &model.model,
                       .simulations = what->bank ? &simulations : NULL,
                       .training = trained->epochs > 0 ? &training : NULL,
                       .gate = what->gate,
                       .ratings = what->study->diagnose.ratings,
                       .n_pictures = pictures_there(what->folder, what->gate != NULL, pictures),
                       .pictures = pictures,
                       .advice = what->advice,
                       .automatic = log,
                       .refine = refine,
                       .told = what->told,
                       .inferred = what->inferred,
                       .predictive = predictive,
                       .bank = trained->bank,
                       .software = trained->software,
                       .hosts = hosts};
    err = report_write(what->folder, &report);
done:
    json_decref(log);
    json_decref(predictive);
    json_decref(refine);
    study_model_free(&model);
    free(network);
    free(failures);
    free(hosts);
    return err;
}

err_t study_report_again(const par_t *par, const char *folder, const study_t *study)
{
    trained_t trained = {0};
    gate_record_t gate = {0};
    char *amortizer = run_folder_file(folder, "amortizer.h5"),
         *record = run_folder_file(folder, "gate.json");
    err_t err;
    TRY_TO(done, trained_load(amortizer, &trained));
    TRY_TO(done, gate_read(record, &gate));
    const study_report_t report = {
        .par = par, .folder = folder, .study = study, .trained = &trained, .gate = &gate};
    err = study_report(&report);
done:
    gate_free(&gate);
    trained_free(&trained);
    free(record);
    free(amortizer);
    return err;
}
