/* SPDX-License-Identifier: Apache-2.0
 *
 * amortizer.h5: one self-contained HDF5 file. h5py reads it by name:
 *     weights/<tensor>           (rows, cols) f32, the averaged weights of the best epoch
 *     scaling/parameter_mean ... standardisation of the first pass, f64
 *     distance/mean, cholesky, reference, summaries   of the validation rows, for "does this data set look like training?"
 *     reach/low, high            central 99 % of the inferred parameters among the validation rows; and
 *     reach/least, most          of each statistic of their data, both with reach/simulations (not in files made before)
 *     reach/middle, floor, ceiling   its median, and what one more simulation hardly ever lies beyond (not in files made before)
 *     history/training_loss, validation_loss          of each epoch
 *     held_out_rows              rows of the bank that were set aside for diagnosis, where there are any
 *     texts: refining, offline   of a refined one: by which settings, from which weights
 *     texts: model (declaration), study (the whole study file), adapter, network, training (settings), software, weights_hash
 */
#ifndef COORDINATOR_AMORTIZER_FILE_H
#define COORDINATOR_AMORTIZER_FILE_H

#include "cluster/err.h"
#include "diagnostics/distance.h"
#include "diagnostics/prior_reach.h"
#include "nn/amortizer.h"
#include "storage/schema.h"

typedef struct {
    schema_t schema;
    schema_t inferred; // the same with the parameters alone that are inferred
    amortizer_t *amortizer;
    distance_t distance;      // of the summaries of validation rows
    prior_reach_t reach;      // of the prior, by validation rows; n 0: not known
    char *study, *study_path; // text of the study it was made by
    char *training;           // study_training_text
    char *bank;               // fingerprint of the bank's model
    char *software;
    char *hash;             // of the weights: 16 hex digits
    char *refining;         // study_refining_text of what refined it; NULL: it was not
    char *offline;          // hash of the weights it was refined from, or NULL
    double validation_loss; // nats, standardised unbounded scale
    double training_seconds;
    int64_t training_rows;
    int64_t epochs;                            // of the history
    double *training_loss, *validation_losses; // (epochs)
    int64_t n_held_out;
    int64_t *held_out; // (n_held_out) rows of the bank, ascending: for diagnosis, never trained on
} trained_t;

/* Takes the model over from a schema, for the amortizer that is there. */
void trained_set_schema(trained_t *t, schema_t schema);
/* Fills in the hash, writes beside and renames. Not collective: one rank writes. */
err_t trained_save(trained_t *t, const char *path) ERR_MUST_CHECK;
/* ERR_MISSING, ERR_FORMAT (torn, foreign, made by a newer infermill). Not collective: each rank reads. */
err_t trained_load(const char *path, trained_t *out) ERR_MUST_CHECK;
void trained_free(trained_t *t);

#endif
