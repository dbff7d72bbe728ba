/* SPDX-License-Identifier: Apache-2.0
 *
 * What was meant by a path that is no study file: a study of nearly this name, or the one inside or beside a folder.
 */
#ifndef COORDINATOR_STUDY_NEAR_H
#define COORDINATOR_STUDY_NEAR_H

/* "; did you mean good.yaml?", or "" where nothing is near. The caller frees it. */
char *study_near(const char *path);

#endif
