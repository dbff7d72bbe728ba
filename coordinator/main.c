// SPDX-License-Identifier: Apache-2.0
//
// The program: finds the command, reads its options, gives it ranks, and is the only place that exits.
#include "cluster/launch.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "cluster/yaml.h"
#include "coordinator/commands.h"
#include "coordinator/study.h"
#include "coordinator/study_check.h"
#include "coordinator/study_draws.h"
#include "storage/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONG_KEYS = 256 }; // beyond all characters

static int key_of(const command_option_t *row)
{
    return row->key != 0 ? row->key : LONG_KEYS + row->letter;
}

typedef struct {
    const command_t *command;
    options_t *options;
} parse_t;

static int64_t whole(struct argp_state *state, const char *name, const char *text, int64_t low)
{
    int64_t value;
    if (!yaml_parse_integer(text, &value) || value < low)
        argp_error(state, "--%s: got \"%s\", expected a whole number of at least %ld", name, text,
                   (long)low);
    return value;
}

static error_t parse_argument(struct argp_state *state, char *text, parse_t *parse)
{
    options_t *o = parse->options;
    if (o->n_arguments >= parse->command->most)
        argp_error(state, "unexpected argument \"%s\"", text);
    o->arguments[o->n_arguments++] = text;
    return 0;
}

static void take_value(struct argp_state *state, const command_option_t *row, char *text,
                       options_t *out)
{
    void *at = (char *)out + row->at;
    switch (row->type) {
    case COMMANDS_FLAG:
        *(bool *)at = true;
        return;
    case COMMANDS_TEXT:
        *(const char **)at = text;
        return;
    case COMMANDS_WHOLE:
        *(int64_t *)at = whole(state, row->name, text, row->least);
        return;
    }
}

static error_t parse_one(int key, char *text, struct argp_state *state)
{
    parse_t *parse = state->input;
    if (key == ARGP_KEY_ARG)
        return parse_argument(state, text, parse);
    if (key == ARGP_KEY_END && parse->options->n_arguments < parse->command->least)
        argp_error(state, "expected %s", parse->command->arguments);
    int n;
    const command_option_t *rows = commands_options(&n);
    for (int i = 0; i < n; i++)
        if (key == key_of(&rows[i])) {
            take_value(state, &rows[i], text, parse->options);
            return 0;
        }
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

/* The options that a command takes, as argp wants them; the caller frees it. */
static struct argp_option *argp_table(const command_t *command)
{
    int n, taken = 0;
    const command_option_t *rows = commands_options(&n);
    struct argp_option *table = MEM_NEW(struct argp_option, n + 1);
    for (int i = 0; i < n; i++)
        if (commands_takes(command, &rows[i]))
            table[taken++] = (struct argp_option){
                rows[i].name, key_of(&rows[i]), rows[i].value, 0, rows[i].help, 0};
    return table;
}

static void parse_options(const command_t *command, int argc, char **argv, options_t *out)
{
    struct argp_option *table = argp_table(command);
    *out = (options_t){.rows = -1, .seed = -1, .draws = -1, .datasets = -1, .epochs = -1};
    out->arguments = MEM_NEW(const char *, argc);
    parse_t parse = {command, out};
    char *doc = command->more ? mem_copy_text(command->more) : mem_format("%s.", command->help);
    struct argp argp = {
        .options = table, .parser = parse_one, .args_doc = command->arguments, .doc = doc};
    char *name = mem_format("infermill %s", command->name);
    argv[0] = name; // argp and getopt print it
    argp_err_exit_status = err_exit_code(-ERR_USAGE);
    argp_parse(&argp, argc, argv, 0, NULL, &parse);
    free(doc);
    free(table);
}

static void print_usage(FILE *out)
{
    int n;
    const command_t *commands = commands_all(&n);
    fprintf(out, "usage: infermill COMMAND ...\n\n");
    for (int i = 0; i < n; i++)
        fprintf(out, "  %-10s %-16s %s\n", commands[i].name, commands[i].arguments,
                commands[i].help);
    fprintf(out, "\n`infermill COMMAND --help` tells its options; `infermill study` the settings "
                 "of a study file.\n");
}

static _Noreturn void unknown_command(const char *name)
{
    int n;
    const command_t *commands = commands_all(&n);
    const char **names = MEM_NEW(const char *, n);
    for (int i = 0; i < n; i++)
        names[i] = commands[i].name;
    const char *near = yaml_nearest(name, n, names);
    fprintf(stderr, "infermill: unknown command \"%s\"", name);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "\n", near);
    print_usage(stderr);
    exit(err_exit_code(-ERR_USAGE));
}

static const command_t *find_command(const char *name)
{
    int n;
    const command_t *commands = commands_all(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    unknown_command(name);
}

static int report(err_t err, bool quiet)
{
    if (err == OK)
        return 0;
    if (err_is(err, ERR_STOPPED))
        log_warning("%s", err_text());
    else
        log_error("%s", err_text());
    if (!quiet && getenv("INFERMILL_TRACE") != NULL)
        fputs(err_trace(), stderr);
    return err_exit_code(err);
}

/* HDF5 crashes at its end on a file that it could not close. */
static _Noreturn void leave(int code)
{
    fflush(NULL);
    _exit(code);
}

/* What INFERMILL_LOG says; else -q tells warnings alone. */
static log_level_t level_wanted(const options_t *options)
{
    log_level_t level = options->quiet ? LOG_WARNING : LOG_INFO;
    const char *word = getenv("INFERMILL_LOG");
    if (word != NULL && *word != '\0' && log_level_of("INFERMILL_LOG", word, &level) != OK)
        exit(report(-ERR_USAGE, options->quiet));
    return level;
}

/* All ranks end together with the same code: par_agree has made it so. */
static int run_on_ranks(const command_t *command, const options_t *options, int argc, char **argv)
{
    par_t par = par_start(&argc, &argv);
    stop_install();
    log_set(options->level, par.rank);
    study_draws_tell(&par);
    err_t err = par_agree(&par, command->run(&par, options));
    int code = err_exit_code(err);
    if (par.rank == 0)
        report(err, options->quiet);
    if (par_any(&par, h5_stuck()))
        leave(code);
    par_stop(&par);
    return code;
}

/* A wrong study is told before any rank is started; how many its draws allow. */
static int check_study(const options_t *options, int *ranks)
{
    if (options->n_arguments == 0)
        return 0;
    study_t study;
    err_t err = study_read(options->arguments[0], &study);
    if (err == OK)
        *ranks = study_draws_ranks(&study, *ranks, study_draws_memory());
    study_free(&study);
    return report(err, options->quiet);
}

/* Ranks that it is started with where the command line does not say so; 0: it needs none. */
static int default_ranks(const command_t *command, const options_t *options)
{
    if (command->run == command_bank) // some of its verbs write
        return command_bank_ranks(options);
    if (command->run == command_doctor) // looks at the ranks that it is given
        return launch_ranks_given();
    return command->ranks ? launch_cores() : 0;
}

static int dispatch(const command_t *command, int argc, char **argv)
{
    options_t options;
    char **kept = MEM_NEW(char *, argc + 1); // argp permutes argv, the launcher needs it as it was
    memcpy(kept, argv, (size_t)argc * sizeof *argv);
    parse_options(command, argc - 1, argv + 1, &options);
    options.level = level_wanted(&options);
    int code = 0, ranks = default_ranks(command, &options);
    if (ranks == 0) {
        log_set(options.level, 0);
        code = report(command->run(NULL, &options), options.quiet);
    } else if (launch_ranks_given()) {
        code = run_on_ranks(command, &options, argc, argv);
    } else if (!command->ranks || (code = check_study(&options, &ranks)) == 0) {
        code = launch_self(options.ranks ? (int)options.ranks : ranks, argc, kept);
    }
    free(options.arguments);
    free(kept);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return err_exit_code(-ERR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("infermill %s\n", INFERMILL_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "study") == 0) {
        study_print_settings(stdout);
        return 0;
    }
    int code = dispatch(find_command(argv[1]), argc, argv);
    if (h5_stuck())
        leave(code);
    return code;
}
