// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/rating.h"

#include "cluster/mem.h"

#include <math.h>
#include <stddef.h>

ratings_t ratings_default(void)
{
    return (ratings_t){.calibration_excellent = 0.05,
                       .calibration_fair = 0.10,
                       .nrmse_excellent = 0.05,
                       .nrmse_good = 0.10,
                       .nrmse_fair = 0.15,
                       .contraction_low = 0.80,
                       .contraction_high = 0.95,
                       .overfitting = 1.1};
}

static const struct {
    const char *name;
    size_t at;
} rating_fields[RATING_VALUES] = {
    {"calibration_excellent", offsetof(ratings_t, calibration_excellent)},
    {"calibration_fair", offsetof(ratings_t, calibration_fair)},
    {"nrmse_excellent", offsetof(ratings_t, nrmse_excellent)},
    {"nrmse_good", offsetof(ratings_t, nrmse_good)},
    {"nrmse_fair", offsetof(ratings_t, nrmse_fair)},
    {"contraction_low", offsetof(ratings_t, contraction_low)},
    {"contraction_high", offsetof(ratings_t, contraction_high)},
    {"overfitting", offsetof(ratings_t, overfitting)},
};

void ratings_values(const ratings_t *at, rating_value_t out[RATING_VALUES])
{
    for (int i = 0; i < RATING_VALUES; i++)
        out[i] = (rating_value_t){
            rating_fields[i].name,
            *(const double *)(const void *)((const char *)at + rating_fields[i].at)};
}

void ratings_from_values(const rating_value_t values[RATING_VALUES], ratings_t *out)
{
    for (int i = 0; i < RATING_VALUES; i++)
        *(double *)(void *)((char *)out + rating_fields[i].at) = values[i].value;
}

bool ratings_equal(const ratings_t *a, const ratings_t *b)
{
    rating_value_t x[RATING_VALUES], y[RATING_VALUES];
    bool equal = true;
    ratings_values(a, x);
    ratings_values(b, y);
    for (int i = 0; i < RATING_VALUES; i++)
        equal = equal && x[i].value == y[i].value;
    return equal;
}

rated_t rate_calibration(const ratings_t *at, double error)
{
    if (error <= at->calibration_excellent)
        return (rated_t){RATING_GOOD, "excellent"};
    return error <= at->calibration_fair ? (rated_t){RATING_FAIR, "fair"}
                                         : (rated_t){RATING_POOR, "poor"};
}

rated_t rate_nrmse(const ratings_t *at, double nrmse)
{
    if (nrmse <= at->nrmse_good)
        return (rated_t){RATING_GOOD, nrmse <= at->nrmse_excellent ? "excellent" : "good"};
    return (rated_t){RATING_FAIR, nrmse <= at->nrmse_fair ? "fair" : "weak"};
}

rated_t rate_contraction(const ratings_t *at, double contraction, double calibration_error)
{
    bool trusted = calibration_error <= at->calibration_fair;
    if (isnan(contraction))
        return (rated_t){RATING_POOR, "unknown"};
    if (contraction > at->contraction_high)
        return trusted ? (rated_t){RATING_GOOD, "high"} : (rated_t){RATING_POOR, "overconfident"};
    return contraction < at->contraction_low ? (rated_t){RATING_FAIR, "low"}
                                             : (rated_t){RATING_GOOD, "medium"};
}

char *rating_words(const ratings_t *at, const char *name, const parameter_metrics_t *p)
{
    rated_t calibration = rate_calibration(at, p->calibration_error);
    rated_t contraction = rate_contraction(at, p->contraction, p->calibration_error);
    return mem_format(
        "%s: %s calibration; %s recovery; %s contraction%s", name, calibration.words,
        rate_nrmse(at, p->nrmse).words, contraction.words,
        calibration.rating == RATING_POOR
            ? " (its posteriors are not calibrated: neither recovery nor contraction is to be "
              "trusted)"
            : "");
}

char *ratings_text(const ratings_t *at)
{
    return mem_format(
        "Calibration error: excellent up to %g, fair up to %g, else poor. NRMSE (error relative to "
        "a guess from the prior): excellent up to %g, good up to %g, fair up to %g, else weak. "
        "Contraction (share of the prior variance that the data remove): low below %g, high above "
        "%g; high without calibration is overconfident. Bias in prior standard deviations.",
        at->calibration_excellent, at->calibration_fair, at->nrmse_excellent, at->nrmse_good,
        at->nrmse_fair, at->contraction_low, at->contraction_high);
}
