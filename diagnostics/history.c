// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/history.h"

#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double least_scale = 1; // nat

static int64_t history_first_bad(int64_t n, const double *training, const double *validation)
{
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(training[i]) || !isfinite(validation[i]))
            return i;
    }
    return -1;
}

int64_t history_best(int64_t n, const double *validation)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(validation[i]) && (best < 0 || validation[i] < validation[best]))
            best = i;
    }
    return best;
}

static double history_ratio(int64_t n, const double *training, const double *validation,
                            double gain)
{
    int64_t last = n / 10 < 1 ? 1 : n / 10 > 5 ? 5 : n / 10;
    double train = stats_mean(last, training + n - last),
           valid = stats_mean(last, validation + n - last);
    return 1 + (valid - train) / fmax(fmax(fabs(train), gain), least_scale);
}

static bool history_still_falling(int64_t n, const double *validation, double gain)
{
    int64_t window = n / 5 < 4 ? 4 : n / 5, half = window / 2;
    if (n < window)
        return false;
    double before = stats_mean(half, validation + n - 2 * half),
           after = stats_mean(half, validation + n - half);
    return before - after > 0.01 * fmax(fabs(after), gain);
}

static void history_words(history_verdict_t *v, int64_t n, int64_t bad)
{
    size_t cap = sizeof v->words;
    if (n == 0) {
        snprintf(v->words, cap, "No epoch was trained.");
    } else if (v->diverged) {
        snprintf(v->words, cap,
                 "Training diverged: the loss of epoch %ld is not finite. Lower the learning rate, "
                 "or look for extreme "
                 "values in the simulations.",
                 (long)bad + 1);
    } else if (v->overfitting) {
        snprintf(v->words, cap,
                 "The network overfits: at the end the validation loss lies %.0f %% above the "
                 "training loss. The weights of "
                 "epoch %ld (smallest validation loss) are the ones to use; more simulations or a "
                 "smaller network help.",
                 100 * (v->ratio - 1), (long)v->best + 1);
    } else if (v->undertrained) {
        snprintf(v->words, cap,
                 "Training ended too early: the validation loss was still falling in the last "
                 "epochs. Train for more than "
                 "%ld epochs.",
                 (long)n);
    } else {
        snprintf(v->words, cap,
                 "Training went well: %ld epochs, smallest validation loss at epoch %ld, "
                 "validation and training loss "
                 "agree.",
                 (long)n, (long)v->best + 1);
    }
}

history_verdict_t history_inspect(int64_t n, const double *training, const double *validation,
                                  double overfitting)
{
    int64_t bad = history_first_bad(n, training, validation);
    history_verdict_t v = {.best = history_best(n, validation), .diverged = bad >= 0, .ratio = NAN};
    if (!v.diverged && n >= 2) {
        double gain = validation[0] - validation[v.best];
        v.ratio = history_ratio(n, training, validation, gain);
        v.overfitting = v.ratio > overfitting;
        v.undertrained = !v.overfitting && history_still_falling(n, validation, gain);
    }
    history_words(&v, n, bad);
    return v;
}
