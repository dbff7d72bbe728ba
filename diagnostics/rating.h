/* SPDX-License-Identifier: Apache-2.0
 *
 * Ratings of the numbers about a parameter, for people. Calibration is trusted first: where it is poor, how sharp and how
 * near the posteriors are says nothing.
 */
#ifndef DIAGNOSTICS_RATING_H
#define DIAGNOSTICS_RATING_H

#include "diagnostics/metrics.h"

typedef enum { RATING_GOOD, RATING_FAIR, RATING_POOR } rating_t;
typedef struct {
    rating_t rating;
    const char *words; // "excellent"
} rated_t;

/* Where one rating ends and the next begins. */
typedef struct {
    double calibration_excellent, calibration_fair; // calibration errors up to these; else poor
    double nrmse_excellent, nrmse_good, nrmse_fair; // NRMSE up to these; else weak
    double contraction_low, contraction_high;       // below: low; above: high; else medium
    double overfitting; // history.h: ratio above which a network overfits
} ratings_t;
ratings_t ratings_default(void); // 0.05, 0.10; 0.05, 0.10, 0.15; 0.80, 0.95; 1.1
bool ratings_equal(const ratings_t *a, const ratings_t *b);

/* Each limit under its name. */
typedef struct {
    const char *name;
    double value;
} rating_value_t;
enum { RATING_VALUES = 8 };
void ratings_values(const ratings_t *at, rating_value_t out[RATING_VALUES]);
void ratings_from_values(const rating_value_t values[RATING_VALUES], ratings_t *out); // by place

/* NaN is rated poor by the first, weak by the second, unknown by the third. */
rated_t rate_calibration(const ratings_t *at, double error);
rated_t rate_nrmse(const ratings_t *at, double nrmse);
/* "overconfident" where the contraction is high and the calibration poor. */
rated_t rate_contraction(const ratings_t *at, double contraction, double calibration_error);

/* A parameter in a line: "mu: excellent calibration; good recovery; high contraction". The caller frees it. */
char *rating_words(const ratings_t *at, const char *name, const parameter_metrics_t *p);
/* The limits in a line, for below a table. The caller frees it. */
char *ratings_text(const ratings_t *at);

#endif
