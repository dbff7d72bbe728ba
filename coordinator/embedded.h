/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are built into the program (embed.cmake), as they were when it was built: those of coordinator/new, which
 * `infermill new` writes, and of coordinator/skill, which `infermill skill` installs.
 */
#ifndef COORDINATOR_EMBEDDED_H
#define COORDINATOR_EMBEDDED_H

typedef struct {
    const char *name, *text; // name: below its folder
} embedded_file_t;

extern const embedded_file_t new_files[], skill_files[]; // each ends with a NULL name

#endif
