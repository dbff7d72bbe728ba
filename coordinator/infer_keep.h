/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of posteriors: draws, summaries or both. A million data sets with a thousand draws of six parameters are 48 GB of draws,
 * and need twice that on the disk while they are joined.
 */
#ifndef COORDINATOR_INFER_KEEP_H
#define COORDINATOR_INFER_KEEP_H

#include "cluster/err.h"
#include "storage/posterior_file.h"

typedef enum { KEEP_AUTO, KEEP_BOTH, KEEP_DRAWS, KEEP_SUMMARY } infer_keep_t;
extern const char *const infer_keep_words[]; // as infer_keep_t; NULL-terminated

/* ERR_USAGE for another word. */
err_t infer_keep_read(const char *word, int *out) ERR_MUST_CHECK;
/* Of anything but KEEP_AUTO. */
posterior_keep_t infer_keep(int keep);
/* Both while the draws take less than half of the free disk, else summaries, which is told. The decision is written into the file
 * `path`, beside which the blocks will lie; where that is there already it holds, so that an inference which goes on decides
 * the same. Not collective. ERR_IO; ERR_FORMAT for a file with another word. */
err_t infer_keep_by_room(const char *path, const posterior_head_t *head,
                         posterior_keep_t *out) ERR_MUST_CHECK;

#endif
