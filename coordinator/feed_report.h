/* SPDX-License-Identifier: Apache-2.0
 *
 * How a refinement goes, in numbers: what its hub knows and what its trainer says, as JSON between processes and as lines
 * for people.
 */
#ifndef COORDINATOR_FEED_REPORT_H
#define COORDINATOR_FEED_REPORT_H

#include "cluster/err.h"
#include "storage/rows.h"

#include <stddef.h>
#include <stdint.h>

enum { FEED_NAME_CAP = 160 };

/* What the trainer tells those who ask how it goes. */
typedef struct {
    int64_t round, rounds;
    double fresh_loss; // of the latest chunk before it was trained on; NAN: none yet
    double waiting;    // share of the trainer's time in which it waited for rows
} feed_trainer_t;

typedef struct {
    char name[FEED_NAME_CAP]; // "node17:4711": host and process
    int64_t rows, twice;      // rows that were taken from it; that others had brought before
    double rows_per_second;   // lately
    double waiting;           // share of its time without work, lately
    double silent;            // seconds since it was heard
} feed_worker_t;

typedef struct {
    int64_t rows, total;    // fresh rows that are there, of all
    int64_t found;          // of them in the bank at the opening
    int64_t used;           // of them handed out
    double rows_per_second; // of all workers, lately
    double waiting;         // share of their time in which the workers that are there had no work
    int64_t by_status[ROW_STATUS_COUNT]; // of the rows that came
    int64_t twice;                       // rows that came more than once and were dropped
    int64_t lent_again;                  // rows, because who had them was slow
    int64_t bad_messages;
    int64_t refused;          // peers: another simulator or protocol, or bad messages
    size_t bytes, bytes_most; // of rows in memory, now and at most
    int n_workers;
    const feed_worker_t *workers; // (n_workers) that are there
} feed_report_t;

/* JSON text for `study`, on one line; the caller frees it. */
char *feed_report_json(const char *study, const feed_report_t *report,
                       const feed_trainer_t *trainer);
/* The same, as some lines for people; the caller frees it. ERR_FORMAT where it is not such a text. */
err_t feed_report_lines(const char *json, char **out) ERR_MUST_CHECK;

#endif
