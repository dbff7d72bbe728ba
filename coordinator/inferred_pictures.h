/* SPDX-License-Identifier: Apache-2.0
 *
 * The pictures of an inference of many data sets: summary_distance.png, population.png (of POPULATION_FEWEST or more), and
 * population_groups.png (where they are sorted into groups).
 */
#ifndef COORDINATOR_INFERRED_PICTURES_H
#define COORDINATOR_INFERRED_PICTURES_H

#include "coordinator/amortizer_file.h"
#include "coordinator/inferred.h"
#include "coordinator/study.h"

/* Draws those there is something to show in into `folder`, and tells the table of their names. Not collective. */
err_t inferred_pictures(const char *folder, const study_t *study, const trained_t *trained,
                        inferred_t *result) ERR_MUST_CHECK;

#endif
