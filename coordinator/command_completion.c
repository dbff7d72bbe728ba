// SPDX-License-Identifier: Apache-2.0
#include "coordinator/command.h"
#include "coordinator/completion.h"

#include <stdio.h>
#include <string.h>

err_t command_completion(const par_t *par, const options_t *options)
{
    (void)par;
    const char *shell = options->arguments[0];
    bool bash = strcmp(shell, "bash") == 0;
    if (!bash && strcmp(shell, "zsh") != 0)
        return err_fail(ERR_USAGE, "completion: got \"%s\", expected bash or zsh", shell);
    text_t script = text_create();
    (bash ? completion_bash : completion_zsh)(&script);
    fputs(script.data, stdout);
    text_free(&script);
    return OK;
}
