/* SPDX-License-Identifier: Apache-2.0
 *
 * What a diagnosis shows of a model with parameters that are arrays: numbers by declared parameter, pictures of some values
 * and of whole images. Rank 0 alone.
 */
#ifndef COORDINATOR_DIAGNOSED_ARRAYS_H
#define COORDINATOR_DIAGNOSED_ARRAYS_H

#include "coordinator/pictures.h"
#include "coordinator/posterior.h"
#include "diagnostics/arrays.h"

/* Of a model without arrays it is what was put in. */
typedef struct {
    metrics_t metrics;       // by declared parameter
    const char **names;      // of them
    array_metrics_t *arrays; // of them; .values 0: no array
    samples_t samples;       // of the values that pictures show, without arrays
    metrics_t shown;         // of these values
    bool has;                // whether there are arrays, then what follows is owned
    digest_t digest;
    array_group_t *groups;
    const char **shown_names;
} diagnosed_arrays_t;

/* `names` are of all values, `limit` is the gate's for the calibration error. Everything is borrowed; free with diagnosed_arrays_free. */
diagnosed_arrays_t diagnosed_arrays(const trained_t *trained, const digest_t *digest,
                                    const metrics_t *all, const char **names, double limit);
/* The pictures of figures.h. */
err_t diagnosed_arrays_draw(const diagnosed_arrays_t *a, const job_t *job,
                            const trained_t *trained) ERR_MUST_CHECK;
void diagnosed_arrays_free(diagnosed_arrays_t *a);

/* images.png and pixels.png, where an image is inferred; `rows` are the held-out data sets. */
err_t pictures_of_images(const job_t *job, const trained_t *trained, const rows_t *rows,
                         const posteriors_t *posteriors, const metrics_t *all) ERR_MUST_CHECK;

#endif
