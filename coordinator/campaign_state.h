/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a study is, from the files of its bank and its results alone: nothing is locked, nothing is written, and it may be at work
 * on any machine that sees them.
 */
#ifndef COORDINATOR_CAMPAIGN_STATE_H
#define COORDINATOR_CAMPAIGN_STATE_H

#include "coordinator/study.h"
#include "diagnostics/json.h"
#include "storage/rows.h"

typedef struct {
    int64_t wanted, sealed;              // rows of the study; in shards
    int64_t journaled;                   // finished, and waiting for the rest of their shards
    int64_t by_status[ROW_STATUS_COUNT]; // of the sealed ones
    double
        rate; // rows a second since the writer began, with those that it found in journals; NAN: nobody writes
    double quiet;  // seconds since a shard was sealed; NAN: none was
    char *writer;  // who holds the bank's lock: "node17, process 4711, since ..."; NULL: nobody
    double silent; // seconds since it gave a sign of life, which it does every five; NAN: nobody

    int64_t epochs, wanted_epochs; // of training
    bool trained;
    double validation_loss; // of the last epoch; NAN before the first
    bool passes;
    char *gate; // "passes", or why it does not; NULL: nothing was diagnosed

    bool asked;     // the study has data
    int64_t blocks; // of data sets, sealed by an inference that is not done
    bool inferred;
} campaign_state_t;

/* `folder` is that of the results. ERR_FORMAT, ERR_MISMATCH where the bank is of another seed, ERR_IO. Not collective. */
err_t campaign_state_read(const study_t *study, const char *folder,
                          campaign_state_t *out) ERR_MUST_CHECK;
void campaign_state_free(campaign_state_t *state);

void campaign_state_print(const campaign_state_t *state);
json_t *campaign_state_json(const campaign_state_t *state); // the caller's
/* For Prometheus, in its text format 0.0.4, whose files node_exporter's textfile collector reads: a gauge a line, with the study's name
 * as a label; what is not known is left out. The caller frees it. */
char *campaign_state_metrics(const campaign_state_t *state, const char *study);

#endif
