/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of what a command line can say: all commands in the user's order, and all options. main.c parses by them, and
 * the completion of shells is made of them.
 */
#ifndef COORDINATOR_COMMANDS_H
#define COORDINATOR_COMMANDS_H

#include "coordinator/command.h"

#include <stddef.h>

// of options_t: bool, const char *, int64_t
typedef enum { COMMANDS_FLAG, COMMANDS_TEXT, COMMANDS_WHOLE } command_value_t;

typedef struct {
    char letter; // in command_t.options
    char key;    // on the command line; 0: it has a long name alone
    const char *name, *value, *help;
    command_value_t type;
    size_t at;     // of the value in options_t
    int64_t least; // WHOLE
} command_option_t;

const command_t *commands_all(int *n);
const command_option_t *commands_options(int *n);
/* Whether a command takes an option. */
bool commands_takes(const command_t *command, const command_option_t *option);

#endif
