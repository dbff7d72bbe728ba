/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program tells a person while it works: lines on stderr (and in the run's log file), and one progress line.
 * Rank 0 speaks for all; other ranks print only warnings and errors, with their rank before the text. The log file is one
 * for all ranks: each line is appended by one write. At LOG_DEBUG it also gets what the other ranks do not print.
 */
#ifndef CLUSTER_LOG_H
#define CLUSTER_LOG_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } log_level_t;

/* The level and the rank are process-wide. Default: LOG_INFO, rank 0, no file. */
void log_set(log_level_t level, int rank);
/* The level of a word: error, warning, info or debug. ERR_USAGE for another; `what` names where it stands. */
err_t log_level_of(const char *what, const char *word, log_level_t *out) ERR_MUST_CHECK;
/* Also appends every line, with its time, to this file. NULL closes it. ERR_IO. Not collective. */
err_t log_to_file(const char *path) ERR_MUST_CHECK;

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A running count with rate and time left. On a terminal one line that is rewritten ten times a second at most,
 * elsewhere a plain line every 10 seconds. The terminal is found by isatty, or, below a launcher that hides it, by the
 * environment variable INFERMILL_TERMINAL=<columns>. Use it on rank 0. */
typedef struct {
    const char *what, *unit; // "simulate", "rows"; borrowed
    int64_t total, first;    // first: done before this run (resumed); not counted in the rate
    double started, shown,
        filed;   // seconds of a monotonic clock: start, last rewrite, last plain line
    int columns; // 0: not a terminal
} progress_t;

progress_t progress_start(const char *what, const char *unit, int64_t done, int64_t total);
/* `note` (may be NULL) stands at the end of the line: "loss 0.31". */
void progress_show(progress_t *p, int64_t done, const char *note);
/* Ends the line with the totals. */
void progress_end(progress_t *p, int64_t done, const char *note);

/* Seconds of a monotonic clock. */
double log_clock(void);

#endif
