/* SPDX-License-Identifier: Apache-2.0
 *
 * What to do next: from the numbers of the training and of the diagnosis, the changes that promise most, each with its
 * reason and with the setting to change. The same numbers give the same advice. The order is that in which they should be
 * tried: what makes all other numbers meaningless first (divergence, too few data sets), then what the model can not tell
 * (labels, parameters that are not identified apart), then training, then networks.
 */
#ifndef DIAGNOSTICS_ADVICE_H
#define DIAGNOSTICS_ADVICE_H

#include "diagnostics/gate.h"
#include "diagnostics/history.h"
#include "diagnostics/posterior_shape.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ADVICE_DIVERGED,     // a lower learning rate
    ADVICE_DATASETS,     // more data sets to check on
    ADVICE_LABELS,       // an order of parameters whose labels switch
    ADVICE_UNDERTRAINED, // more epochs
    ADVICE_OVERFITTING,  // more simulations
    ADVICE_RATE,         // a lower learning rate: the best epoch came early
    ADVICE_IGNORED, // ranks can be told from the data: more learned summaries, or a network to learn them
    ADVICE_SUMMARY,     // more learned summaries
    ADVICE_MODES,       // an inference network for several modes or sharp posteriors
    ADVICE_NETWORK,     // a larger network
    ADVICE_SIMULATIONS, // more simulations
    ADVICE_SKEWED,      // a logarithm
    ADVICE_APART,       // two parameters that are not identified apart
    ADVICE_UNINFORMED,  // data that say little about a parameter
    ADVICE_RULES
} advice_rule_t;
const char *advice_rule_name(advice_rule_t rule); // "overfitting"

/* Settings and shapes that the numbers came from. NULL and 0: not known, or there is none. */
typedef struct {
    int64_t rows;                      // bank.rows
    int64_t epochs;                    // train.epochs
    int64_t datasets;                  // diagnose.datasets
    double learning_rate;              // train.learning_rate
    const char *size;                  // network.size: small, base, large
    const char *inference, *transform; // network.inference.type and .transform
    int summary_dim;                   // network.summary.summary_dim; 0: no learned summaries
    bool patience_used;                // training ended by train.patience
    int d;                             // parameters that are inferred
    const double *lower, *upper;       // (D) declared support
    const double *truth_low;           // (D) smallest true value of the data sets
    const double *truth_skewness;      // (D)
    const history_verdict_t *training; // NULL: no history
    const gate_record_t *gate;         // NULL: not diagnosed
    const posterior_shape_t *shape;    // NULL: no draws at hand
} advice_facts_t;

enum { ADVICE_SETTINGS = 2 };
typedef struct {
    advice_rule_t rule;
    char *reason; // "At the end the validation loss lies 34 % above the training loss."
    char *what;   // "Simulate more: 60,000 instead of 20,000."
    int n_settings;
    struct {
        const char *key; // "bank.rows"
        char *value;     // "60000"
    } setting[ADVICE_SETTINGS];
    bool
        automatic; // `run --auto` may do it: the setting is one value, and the question that is asked stays the same
} advice_t;

typedef struct {
    int n;
    advice_t *at;
} advice_list_t;

/* Empty where nothing is to be done. Free with advice_free. */
advice_list_t advise(const advice_facts_t *facts);
void advice_free(advice_list_t *list);

/* Skewness of n values: the mean of cubed standard scores; NaN without spread. */
double advice_skewness(int64_t n, const double *x);

#endif
