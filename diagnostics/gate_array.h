/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gate says of parameters that are arrays (arrays.h), beside the medians that stand among its parameters.
 *
 *     gate.json, where there are arrays:  "arrays": [{"name", "passed", "why", "values", "constant", numbers}]
 */
#ifndef DIAGNOSTICS_GATE_ARRAY_H
#define DIAGNOSTICS_GATE_ARRAY_H

#include "diagnostics/gate.h"

#include <jansson.h>

/* Adds the arrays of the subject to a record that is being made: its verdict, and a reason for each that does not pass. */
void gate_arrays_judge(gate_record_t *record, const char *const *names,
                       const array_metrics_t *arrays);
void gate_arrays_free(gate_record_t *record);

/* Of the k-th array: "image: 784 values, of which 36 never vary and are left out; calibration error 0.031 in the median, 0.12 at
 * worst; ...". The caller frees it. */
char *gate_array_words(const gate_record_t *record, int k);

json_t *gate_arrays_json(const gate_record_t *record); // NULL: there are none
bool gate_arrays_parse(const json_t *list,
                       gate_record_t *record); // false: not as written; NULL: none
/* The verdict on arrays once more, from their numbers; false where it is another. */
bool gate_arrays_follow(const gate_record_t *record, bool *all);

#endif
