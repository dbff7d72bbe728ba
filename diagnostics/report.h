/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of a study: report.md, report.html (one self-contained file, pictures inside) and report.json, with the same
 * content: the verdict in words first, then a section for each thing there is to say (report_section.h).
 */
#ifndef DIAGNOSTICS_REPORT_H
#define DIAGNOSTICS_REPORT_H

#include "cluster/err.h"
#include "diagnostics/advice.h"
#include "diagnostics/gate.h"
#include "diagnostics/group_means.h"
#include "diagnostics/history.h"
#include "diagnostics/ledger.h"
#include "diagnostics/misfit.h"
#include "diagnostics/rating.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *file;    // name inside the report's folder: "recovery.png"
    const char *title;   // "Recovery"
    const char *reading; // a sentence on how to read it; NULL: that of report_reading(file)
} report_picture_t;
/* How to read the pictures of figures.h, by file name; "" for others. */
const char *report_reading(const char *file);

/* What was asked: the model as it declares itself. */
typedef struct {
    const char *name;
    const char *what;  // "greater than 0", "set of 20 to 200 numbers"
    const char *prior; // NULL: the simulator's own, or it has none
} report_variable_t;
typedef struct {
    const char *name, *version, *description;
    int n_parameters, n_observables, n_design;
    const report_variable_t *parameters, *observables, *design;
} report_model_t;

/* The bank. */
typedef struct {
    const char *path, *fingerprint;
    const char *origin; // where imported rows come from; NULL: they were simulated here
    int64_t rows;
    double seconds; // of simulating, summed over ranks
    int n_outcomes; // kinds of outcome that occur
    struct {
        const char *name; // "done"
        int64_t rows;
    } outcome[8];
    const char *failures; // which rows fail, where and why, in lines; NULL: none did
} report_simulations_t;

typedef struct {
    history_verdict_t verdict;
    int64_t epochs, rows, validation_rows, n_weights;
    double seconds;
    double training_loss, validation_loss; // at the best epoch
    double overfitting;                    // the limit of verdict.ratio
    const char *network;                   // the networks as text
} report_training_t;

/* A rung of the ladder that posteriors went up. */
typedef struct {
    const char *name;        // "psis"; the last is "none"
    const char *first;       // ids of some that it made; NULL: not told
    int64_t tried, answered; // data sets; tried 0: not known
    double seconds;          // of all that were tried, summed over ranks
} report_rung_t;

/* Posteriors of real data sets. */
typedef struct {
    const ledger_t *ledger;
    const char *const *ids;       // of all data sets, for those that `misfit` names
    const char *data, *posterior; // files
    int64_t draws, seed;
    const misfit_t *misfit;         // all of them together; NULL: not judged
    const char *misfit_picture;     // summary_distance.png; NULL: not drawn
    const char *pairs_picture;      // NULL: none
    const char *population_picture; // population.png; NULL: none
    const char *group;              // what data sets are grouped by; NULL: they are not
    const group_means_t *groups;    // of the ledger's parameters
    const char *groups_picture;     // population_groups.png; NULL: none
    int n_rungs;                    // 0: the amortizer alone
    const report_rung_t *rungs;
} report_inferred_t;

/* Whether a classifier that sees the data tells the truth from posterior draws, and how much the learned summaries know. */
typedef struct {
    int64_t data_sets;      // 0: not tried
    int parameters;         // that it saw
    double share, error, p; // truths scored above a draw: 0.5 by guessing; see workers/truth_test.h
    int n_known;
    double *known; // (n_known) canonical correlations of summaries with parameters
    double chance; // what the largest would be for summaries that know nothing
} report_told_t;
/* A share that is more than chance and matters, and all of it in words, which the caller frees. */
bool report_told_found(const report_told_t *told);
char *report_told_words(const report_told_t *told);

/* Everything is borrowed; what is NULL (or NAN, or 0 rows) is left out of the report. */
typedef struct {
    const char *study, *created;         // created: date and time as text
    const char *study_path, *study_text; // the study file and what stands in it
    const char *weights;                 // hash of the weights that it is about
    const report_model_t *model;
    const report_simulations_t *simulations;
    const report_training_t *training;
    const gate_record_t *gate;   // verdict and metrics; NULL: trained, not checked yet
    ratings_t ratings;           // where one rating ends and the next begins
    const advice_list_t *advice; // what to do next; NULL: what an earlier report says stays
    const json_t *refine;        // refine.json: what refinement gave; NULL: there was none
    const json_t *automatic;     // auto.json: what `run --auto` did; NULL: it was not used
    const report_told_t *told;
    int n_pictures;
    const report_picture_t *pictures;
    const report_inferred_t *inferred;
    const json_t *predictive;            // what predictive.json holds (predictive_record.h)
    const char *bank, *software, *hosts; // fingerprint of the bank; "4 ranks on node7"
} report_t;

/* Writes the three files into `folder`, where the pictures are. ERR_MISSING: a picture is not there. ERR_IO. */
err_t report_write(const char *folder, const report_t *report) ERR_MUST_CHECK;

/* The verdict in a sentence, as all three begin; the caller frees it. */
char *report_verdict(const report_t *report);

#endif
