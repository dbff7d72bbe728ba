/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion of commands, options and files in a shell: scripts made of the tables of commands.h.
 */
#ifndef COORDINATOR_COMPLETION_H
#define COORDINATOR_COMPLETION_H

#include "cluster/text.h"

/* Adds the script for bash, to be evaluated or lazily loaded by the name of the program. */
void completion_bash(text_t *out);
/* Adds the one for zsh: the file _infermill of a folder of $fpath. */
void completion_zsh(text_t *out);

#endif
