/* SPDX-License-Identifier: Apache-2.0
 *
 * What predictive checks of real data sets came to, as files:
 *
 *     predictive.json  {"format": "infermill-predictive-1", "study", "weights", "stamp", "simulations" (of each data set),
 *                       "level", "not_checked": why there are none, or null, "words", "advice": [...], "picture",
 *                       "data_sets": [{"id", "reproduced", "p_value", "replicates", "failed", "words",
 *                                      "statistics": [{"observable", "statistic", "part", "observed", "low", "median",
 *                                                      "high", "below", "equal", "above", "p", "adjusted"}]}]}
 *     predictive.csv   the statistics alone, a line each
 */
#ifndef DIAGNOSTICS_PREDICTIVE_RECORD_H
#define DIAGNOSTICS_PREDICTIVE_RECORD_H

#include "cluster/err.h"
#include "diagnostics/predictive.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Everything is borrowed but the checks. */
typedef struct {
    const char *study;
    const char *weights;     // hash of the weights that drew
    const char *stamp;       // what the result depends on
    const char *not_checked; // why no data set was; NULL
    int64_t simulations;     // wanted of each data set
    const char *picture;     // its file; NULL: none was drawn
    int n_observables;
    const predictive_field_t *fields; // (O)
    int64_t n;
    const char **ids;           // (N)
    predictive_check_t *checks; // (N)
} predictive_record_t;

/* The outcome over all data sets in a sentence or two; the caller frees it. */
char *predictive_record_words(const predictive_record_t *record);

/* Both written beside and renamed. ERR_IO. */
err_t predictive_record_write(const predictive_record_t *record, const char *json_path,
                              const char *csv_path) ERR_MUST_CHECK;
/* The object of predictive.json, a new reference. ERR_MISSING: no file; ERR_FORMAT: not such a record. */
err_t predictive_record_read(const char *path, json_t **out) ERR_MUST_CHECK;
/* Whether the file is there with this text as member `name`. */
bool predictive_record_has(const char *path, const char *name, const char *text);

#endif
