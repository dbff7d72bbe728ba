/* SPDX-License-Identifier: Apache-2.0
 *
 * The study file: what is simulated, learned, checked and inferred. Everything but `study` and `model` has a default that
 * works; whatever the table in study.c does not know is refused with file, line, key and the nearest right key.
 * Paths in a study are relative to the folder of the study file.
 */
#ifndef COORDINATOR_STUDY_H
#define COORDINATOR_STUDY_H

#include "cluster/arena.h"
#include "cluster/err.h"
#include "diagnostics/rating.h"
#include "nn/amortizer.h"
#include "storage/schema.h"
#include "workers/load.h"
#include "workers/prior.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What becomes of a row that fails by itself (error, timeout, crash). */
typedef enum { FAILURE_MARK, FAILURE_STOP } failure_t;

/* In which order fresh rows are trained on: by index (the result is a function of the settings), or as they come. */
typedef enum { ORDER_INDEX, ORDER_ARRIVAL } row_order_t;

/* Where an observable's values stand in a CSV of real data. */
typedef struct {
    char *observable;
    int n_columns;
    char **columns; // one a feature, in order
    char *
        sign; // a column whose sign multiplies the value (then the value itself must not be negative), or NULL
} study_columns_t;

/* Which column of a CSV holds a design variable. */
typedef struct {
    char *variable, *column;
} study_design_t;

typedef struct {
    arena_t *arena;             // owns all texts
    char *path, *folder, *text; // the file, its folder, its content
    char *name, *slug;          // "Reaction times" -> "reaction-times"
    struct {
        char *builtin,
            *plugin; // one of these, command and declaration; the last two files as full paths
        char *declaration;      // of a model whose simulator is not here
        yaml_texts_t command;   // program and arguments
        char *timeout;          // as written, or NULL
        double timeout_seconds; // 0: none
        bool isolate;
        int on_failure;           // failure_t
        int64_t ranks_per_draw;   // MPI ranks of one draw
        int64_t threads_per_draw; // 0: not told
        char *memory_per_draw;    // as written, or NULL
        double memory_bytes;      // 0: not told
    } model;
    prior_lines_t parameters; // priors that replace those of the simulator; none: n is 0
    adapter_config_t adapter; // transforms between simulator and networks; none: n is 0
    struct {
        char *path;                     // full
        int64_t rows, seed, shard_rows; // rows 0: all that a declared model's bank has
        yaml_texts_t import;            // files of simulations made elsewhere, full paths
        int compress;                   // 0: not, 1: deflate
        double journal_seconds, failure_limit;
    } bank;
    struct {
        int64_t epochs, batch_size, slices, validation_rows, held_out_rows, patience, window_rows,
            seed;
        double learning_rate, weight_decay, clip_norm, warmup, average, subsets;
        char *stage; // folder for a copy of the bank on each node, as written, or NULL
        bool stage_keep;
    } train;
    struct {
        int64_t rows; // fresh ones; 0: the study does not refine
        int64_t rounds, uses, chunk_rows, reservoir_rows, look_ahead_rows, workers, seed;
        double bank_share, learning_rate;
        int order;           // row_order_t
        char *listen, *keys; // keys: full path, or NULL
    } refine;
    struct {
        int64_t datasets, draws, seed, recheck_rows;
        double calibration_error, ecdf_deviation, rank_r2, band_level;
        int64_t minimum_datasets;
        ratings_t ratings; // limits of the words in the report
        bool truth_test;
    } diagnose;
    struct {
        char *data, *out, *id; // data and out as full paths, NULL where not given
        char *group; // CSV column, or data set of an HDF5 file, that sorts data sets; NULL: none
        int64_t draws, seed, misfit_draws;
        int n_columns;
        study_columns_t *columns;
        int n_design;
        study_design_t *design;
        int64_t predictive, predictive_datasets; // simulations of each; 0: no predictive checks
        int keep;                                // infer_keep_t
        yaml_texts_t ladder;                     // as written; n 0: the amortizer alone
    } infer;
    struct {
        int64_t rows; // 0: no limit
        double minutes;
    } automatic;       // budget of `run --auto`
    double stop_grace; // seconds a draw may go on after a request to stop
} study_t;

/* Reads and checks. ERR_USAGE with file and line for what is wrong in it, ERR_MISSING for no file. */
err_t study_read(const char *path, study_t *out) ERR_MUST_CHECK;
/* The same from text (an amortizer carries the study it was made by); `path` names it in messages and gives the folder. */
err_t study_parse(const char *text, const char *path, study_t *out) ERR_MUST_CHECK;
void study_free(study_t *study);

/* Loads the simulator that `model:` names, with the priors of `parameters:`. */
err_t study_simulator(const study_t *study, simulator_t **out) ERR_MUST_CHECK;
/* Networks for this model: shapes from its declaration behind the study's adapter (study_adapter.h), the rest from the study
 * (study_network.h). The arrays live in the study's arena. */
err_t study_network(const study_t *study, const schema_t *schema,
                    amortizer_config_t *out) ERR_MUST_CHECK;
/* Whether an amortizer of this model was trained under the study's priors. ERR_MISMATCH names the first that differs. */
err_t study_check_prior(const study_t *study, const schema_t *trained) ERR_MUST_CHECK;
/* What training depends on, a line each ("train.epochs: 40"): equal texts mean equal weights. The caller frees it. */
char *study_training_text(const study_t *study, const amortizer_config_t *network);

/* The same of refinement: its settings alone, those of training stand in the amortizer it starts from. Where it listens and
 * by how many workers it is fed are not among them. The caller frees it. */
char *study_refining_text(const study_t *study);

/* The settings with type, default and help, for --help. */
void study_print_settings(FILE *out);

#endif
