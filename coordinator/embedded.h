/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are built into the program (embed.cmake), as they were when it was built: those of coordinator/new, which
 * `infermill new` writes, of coordinator/skill, which `infermill skill` installs, and of cluster/slurm, which `infermill submit` submits.
 */
#ifndef COORDINATOR_EMBEDDED_H
#define COORDINATOR_EMBEDDED_H

typedef struct {
    const char *name, *text; // name: below its folder
} embedded_file_t;

/* Each ends with a NULL name. */
extern const embedded_file_t new_files[], skill_files[], slurm_files[];

#endif
