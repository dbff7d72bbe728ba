/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of an inference: how many data sets were accepted, unusual or refused, and why; and the posteriors that a reader
 * wants to see: the first ones, and the most unusual. Filled in one data set after another; its memory does not grow with
 * their number.
 */
#ifndef DIAGNOSTICS_LEDGER_H
#define DIAGNOSTICS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LEDGER_ALL = 100,    // so many data sets are all kept
    LEDGER_SHOWN = 50,   // of more: the first and the most unusual, each
    LEDGER_REASONS = 200 // different reasons; what comes then counts as others
};

/* A data set; numbers are NaN where it has no posterior. */
typedef struct {
    int64_t at; // its number
    const char *id, *verdict;
    int64_t length; // elements
    bool refused;
    double p;                             // of its distance from simulated ones; NaN: unknown
    const double *mean, *sd, *low, *high; // (D) low and high: central 95 % interval
} ledger_entry_t;

typedef struct {
    char *why; // of the first data set it was said of
    char *masked;
    char *first; // id of that one
    int64_t at, data_sets;
} ledger_refusal_t;

typedef struct {
    int64_t n, seen; // data sets, and those that were added so far
    int d;
    const char *const *names; // (D), borrowed
    double unusual_below;
    int64_t accepted, unusual, refused;
    int64_t n_first, n_most;
    ledger_entry_t *first; // (n_first)
    ledger_entry_t *most;  // (n_most) the most unusual first; none where all are in `first`
    int n_refusals;
    ledger_refusal_t *refusals; // sorted by ledger_finish: the most frequent first
} ledger_t;

/* Of n data sets with D parameters; p below `unusual` is called unusual. */
ledger_t ledger_create(int64_t n, int d, const char *const *names, double unusual);
/* Data sets are added in their order; what the entry points to is copied where it is kept. Reasons that differ in their numbers
 * alone are one reason. */
void ledger_add(ledger_t *ledger, const ledger_entry_t *entry);
void ledger_finish(ledger_t *ledger);
void ledger_free(ledger_t *ledger);

#endif
