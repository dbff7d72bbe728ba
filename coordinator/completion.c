// SPDX-License-Identifier: Apache-2.0
//
// What a word may be is read off how the tables name it: DIR is a folder, FILE or PATH a file, STUDY a study file, and of
// info|verify|... one of these words.
#include "coordinator/completion.h"

#include "coordinator/commands.h"

#include <string.h>

typedef enum { NOTHING, FOLDER, FILES, STUDY_FILE, N_KINDS } kind_t;

static const char *const bash_kinds[N_KINDS] = {"nothing", "folder", "file", "study"};
static const char *const zsh_kinds[N_KINDS] = {" ", "_files -/", "_files",
                                               "_files -g \"*.yaml(-.)\""};

/* Beside the commands of the table. */
static const struct {
    const char *name, *help;
} plain[] = {{"study", "the settings of a study file, with their defaults"},
             {"help", "the commands"},
             {"--help", "the commands"},
             {"--version", "the version"}};
enum { N_PLAIN = sizeof plain / sizeof *plain };

static kind_t kind_of(const char *name)
{
    if (strstr(name, "STUDY") != NULL)
        return STUDY_FILE;
    if (strstr(name, "DIR") != NULL || strstr(name, "FOLDER") != NULL)
        return FOLDER;
    if (strstr(name, "FILE") != NULL || strstr(name, "PATH") != NULL || strstr(name, ".h5") != NULL)
        return FILES;
    return NOTHING;
}

/* The length of info|verify|...: 0 where the arguments begin otherwise. */
static int verbs_length(const command_t *command)
{
    int length = (int)strcspn(command->arguments, " ");
    return memchr(command->arguments, '|', (size_t)length) != NULL ? length : 0;
}

/* What follows the verbs, or what all arguments are. */
static kind_t arguments_kind(const command_t *command)
{
    return verbs_length(command) == 0 ? kind_of(command->arguments)
           : command->most > 1        ? FILES
                                      : NOTHING;
}

static void add_verbs(text_t *out, const command_t *command)
{
    int length = verbs_length(command);
    for (int i = 0; i < length; i++)
        text_add(out, "%c", command->arguments[i] == '|' ? ' ' : command->arguments[i]);
}

/* ---- bash ---- */

static void bash_command(text_t *out, const command_t *command)
{
    int n;
    const command_option_t *options = commands_options(&n);
    text_add(out, "    %s)\n        kind=%s verbs='", command->name,
             bash_kinds[arguments_kind(command)]);
    add_verbs(out, command);
    text_add(out, "'\n        options='--help");
    for (int i = 0; i < n; i++)
        if (commands_takes(command, &options[i]))
            text_add(out, " --%s", options[i].name);
    text_add(out, "'\n        ;;\n");
}

static void bash_value(text_t *out, const command_option_t *option)
{
    if (option->value == NULL)
        return;
    text_add(out, "    --%s", option->name);
    if (option->key != 0)
        text_add(out, " | -%c", option->key);
    text_add(out, ") kind=%s verbs= ;;\n", bash_kinds[kind_of(option->value)]);
}

static void bash_tables(text_t *out)
{
    int n_commands, n_options;
    const command_t *commands = commands_all(&n_commands);
    const command_option_t *options = commands_options(&n_options);
    text_add(out, "    local kind=nothing verbs= options= commands='");
    for (int i = 0; i < n_commands; i++)
        text_add(out, "%s ", commands[i].name);
    for (int i = 0; i < N_PLAIN; i++)
        text_add(out, "%s%s", plain[i].name, i + 1 < N_PLAIN ? " " : "'\n");
    text_add(out, "    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < n_commands; i++)
        bash_command(out, &commands[i]);
    text_add(out, "    esac\n    case $previous in\n");
    for (int i = 0; i < n_options; i++)
        bash_value(out, &options[i]);
    text_add(out, "    esac\n");
}

void completion_bash(text_t *out)
{
    text_add(out,
             "# made by `infermill completion bash`\n"
             "_infermill()\n{\n"
             "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
             "    if [[ $current == = ]]; then # bash cuts --bank=DIR into three words\n"
             "        current=\n"
             "    elif [[ $previous == = ]]; then\n"
             "        previous=${COMP_WORDS[COMP_CWORD-2]}\n"
             "    fi\n"
             "    COMPREPLY=()\n");
    bash_tables(out);
    text_add(out,
             "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$current\")\n"
             "    elif [[ $current == -* ]]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
             "    elif [[ $COMP_CWORD -eq 2 && -n $verbs ]]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$current\")\n"
             "    else\n"
             "        case $kind in\n"
             "        folder) mapfile -t COMPREPLY < <(compgen -d -- \"$current\") ;;\n"
             "        file) mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n"
             "        study) mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- \"$current\"; "
             "compgen -d -- \"$current\") ;;\n"
             "        esac\n"
             "        [[ $kind == nothing ]] || compopt -o filenames 2>/dev/null\n"
             "    fi\n}\n"
             "complete -F _infermill infermill\n");
}

/* ---- zsh ---- */

/* Inside '...' and [...], or before a colon. */
static void zsh_escaped(text_t *out, const char *words)
{
    for (const char *c = words; *c != '\0'; c++) {
        if (*c == '\'')
            text_add(out, "'\\''");
        else
            text_add(out, strchr("[]:\\", *c) != NULL ? "\\%c" : "%c", *c);
    }
}

static void zsh_option(text_t *out, const command_option_t *option)
{
    const char *joined = option->value != NULL ? "=" : "";
    text_add(out, " \\\n            ");
    if (option->key != 0)
        text_add(out, "'(-%c --%s)'{-%c%s,--%s%s}", option->key, option->name, option->key,
                 option->value != NULL ? "+" : "", option->name, joined);
    else
        text_add(out, "--%s%s", option->name, joined);
    text_add(out, "'[");
    zsh_escaped(out, option->help);
    text_add(out, "]");
    if (option->value != NULL) {
        text_add(out, ":");
        zsh_escaped(out, option->value);
        text_add(out, ":%s", zsh_kinds[kind_of(option->value)]);
    }
    text_add(out, "'");
}

static void zsh_command(text_t *out, const command_t *command)
{
    int n;
    const command_option_t *options = commands_options(&n);
    text_add(out, "    %s)\n        _arguments '--help[all options]'", command->name);
    for (int i = 0; i < n; i++)
        if (commands_takes(command, &options[i]))
            zsh_option(out, &options[i]);
    if (verbs_length(command) > 0) {
        text_add(out, " \\\n            '1:what to do:(");
        add_verbs(out, command);
        text_add(out, ")'");
    }
    if (arguments_kind(command) != NOTHING)
        text_add(out, " \\\n            '*:argument:%s'", zsh_kinds[arguments_kind(command)]);
    text_add(out, "\n        ;;\n");
}

static void zsh_name(text_t *out, const char *name, const char *help)
{
    text_add(out, "        '%s:", name);
    zsh_escaped(out, help);
    text_add(out, "'\n");
}

void completion_zsh(text_t *out)
{
    int n;
    const command_t *commands = commands_all(&n);
    text_add(out, "#compdef infermill\n# made by `infermill completion zsh`\n_infermill()\n{\n"
                  "    local -a commands=(\n");
    for (int i = 0; i < n; i++)
        zsh_name(out, commands[i].name, commands[i].help);
    for (int i = 0; i < N_PLAIN; i++)
        zsh_name(out, plain[i].name, plain[i].help);
    text_add(out, "    )\n"
                  "    if ((CURRENT == 2)); then\n"
                  "        _describe command commands\n"
                  "        return\n"
                  "    fi\n"
                  "    shift words\n"
                  "    ((CURRENT--))\n"
                  "    case $words[1] in\n");
    for (int i = 0; i < n; i++)
        zsh_command(out, &commands[i]);
    text_add(out, "    esac\n}\n"
                  "if [[ $funcstack[1] == _infermill ]]; then\n"
                  "    _infermill \"$@\"\n"
                  "else\n"
                  "    compdef _infermill infermill\n"
                  "fi\n");
}
