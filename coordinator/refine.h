/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a refinement: an amortizer whose gate has passed goes on learning, from simulations that are made while it
 * learns. It begins with the offline weights, keeps scaling and adapter, and has an optimizer and a schedule of its own.
 *
 *   hub (feed.h) --chunk--> judged: loss under the averaged weights, and under the offline ones
 *                       --> reservoir (replay.h) --+
 *   bank of the offline training, its rows --------+--> batches --> steps (trainer.h)
 *
 * Each fresh row is judged before it is trained on. With `order: index` the weights are a function of the settings and the
 * offline weights: of neither ranks nor workers, nor of how often it was stopped. Used by refine.c (the loop), refine_start.c
 * (what it begins with), refine_checkpoint.c (to and from disk) and refine_finish.c (which network is the better one).
 *
 * In the folder of results:
 *     refine.h5                checkpoint, at the end of each round and every few minutes, between two chunks
 *     refine-history.json      what was measured, round by round; refine.png
 *     amortizer-refined.h5     the refined network; once it is found to be the better one it is amortizer.h5, and
 *     amortizer-offline.h5     with gate-offline.json is what it was refined from; else these two stay as
 *                              amortizer.h5 and gate.json, and the refined one has gate-refined.json
 *     refine.json              the decision and all numbers of the report; written last: where it is, all is done
 */
#ifndef COORDINATOR_REFINE_H
#define COORDINATOR_REFINE_H

#include "coordinator/amortizer_file.h"
#include "coordinator/feed.h"
#include "coordinator/job.h"
#include "coordinator/refine_history.h"
#include "coordinator/refine_plan.h"
#include "coordinator/replay.h"
#include "coordinator/trainer.h"
#include "storage/bank.h"
#include "storage/reader.h"
#include "storage/shuffle.h"

/* Of the chunks of the running round. A block is some rows (trainer.h), its gain the sum over them of offline loss - fresh
 * loss. */
typedef struct {
    double fresh, offline;            // losses, summed over rows
    double squares, products, counts; // over blocks: gain squared, gain times rows, rows squared
    double training;                  // over steps
    int64_t rows, steps;
} refine_sums_t;

/* What the feed told, for the report; on rank 0. */
typedef struct {
    int64_t workers, bytes_most, twice; // most workers at once
    double rows_per_second;             // of all, the most that was told
    double waiting; // share of their time, the latest that was told; NAN: none was
} refine_fed_t;

typedef struct {
    job_t *job; // borrowed
    refine_plan_t plan;
    trained_t trained; // the network that is refined
    bank_t *bank;
    shuffle_t *shuffle;
    reader_t *reader; // NULL: no batch has rows of the bank
    rows_t validation;
    trainer_t *trainer;
    replay_t *replay;
    rows_t chunk, batch; // as it came; of one slice in one step
    float *offline;      // (params_size) weights of the beginning
    float *best;         // (params_size) averaged weights of the best round
    refine_history_t history;
    refine_sums_t sums;
    refine_fed_t fed;
    int64_t n_chunks, step, rows;            // done: chunks, steps, fresh rows of status done
    int64_t position, n_consumed, *consumed; // of the feed, at the last checkpoint
    double seconds, waited;                  // before this start: altogether; waiting for rows
    char *settings;                          // study_refining_text
} refinement_t;

/* Takes `trained` over, and makes all that the loop needs but the feed. Collective; refine_free after an error too. */
err_t refine_start(refinement_t *r, trained_t *trained) ERR_MUST_CHECK;
void refine_free(refinement_t *r); // collective

/* From where the checkpoint is to the last round, with rows from the feed that `request` describes. ERR_STOPPED: saved, the same
 * command goes on. Collective. */
err_t refine_rounds(refinement_t *r, const refine_request_t *request) ERR_MUST_CHECK;

/* refine.h5 of exactly this refinement, where there is one: `found`. One of other settings is passed over where they differ by
 * more rows alone, or job->again; else ERR_MISMATCH names the first that differs. Collective. */
err_t refine_checkpoint_load(refinement_t *r, bool *found) ERR_MUST_CHECK;
/* After feed_keep. Collective. */
err_t refine_checkpoint_save(refinement_t *r, double seconds, double waited) ERR_MUST_CHECK;

/* The refined network is compared, diagnosed, and takes the place of the offline one if it is better; record and report.
 * Collective. */
err_t refine_finish(refinement_t *r) ERR_MUST_CHECK;
/* Whether refine.json says that this network was refined by these settings, with the result that amortizer.h5 is (`current`: its
 * hash). ERR_MISMATCH: it was by others, which are replaced where they differ by more rows alone, or by job->again. Not
 * collective. */
err_t refine_is_done(const job_t *job, const trained_t *offline, const char *current,
                     bool *done) ERR_MUST_CHECK;

/* The p-value of the rank test: Kolmogorov-Smirnov of each parameter, the reservoir against the first rows of the bank, the
 * smallest times the number of parameters. The same on every rank. ERR_FORMAT. Collective. */
err_t refine_rank_test(refinement_t *r, double *p) ERR_MUST_CHECK;

/* The difference of two texts of settings that may not be passed over; NULL: there is none, they are equal or differ by a
 * larger refine.rows in `now` alone. The caller frees it. */
char *refine_settings_object(const char *before, const char *now);

#endif
