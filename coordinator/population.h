/* SPDX-License-Identifier: Apache-2.0
 *
 * A synthetic population: simulated data sets without the parameters that made them, as a file of real data.
 */
#ifndef COORDINATOR_POPULATION_H
#define COORDINATOR_POPULATION_H

#include "coordinator/job.h"

/* Simulates the job's rows into a bank of its own, <path>.bank, which a stop leaves and the same call goes on with, writes those
 * that are done as HDF5 (bank_export.h, EXPORT_DATA; coordinator/real_data.h reads it) and removes that bank. `seeded`: the seed
 * was given for this. ERR_USAGE without, or where it is that of the study's own bank, whose rows are those that are learned from;
 * for a model that can not be simulated; for a file that is there. Collective. */
err_t population_write(job_t *job, bool seeded, const char *path) ERR_MUST_CHECK;

#endif
