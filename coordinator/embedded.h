/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that `infermill new` writes: those of coordinator/new, as they were when the program was built.
 */
#ifndef COORDINATOR_NEW_FILES_H
#define COORDINATOR_NEW_FILES_H

typedef struct {
    const char *name, *text;
} new_file_t;

extern const new_file_t new_files[]; // ends with a NULL name

#endif
