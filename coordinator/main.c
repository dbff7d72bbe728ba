// SPDX-License-Identifier: Apache-2.0
//
// The program: finds the command, reads its options, gives it ranks, and is the only place that exits.
#include "cluster/launch.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "cluster/yaml.h"
#include "coordinator/command.h"
#include "coordinator/study.h"
#include "coordinator/study_check.h"
#include "coordinator/study_draws.h"
#include "storage/h5.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char run_more[] =
    "Simulates, trains, diagnoses and infers: whatever is missing, in this order. A second call "
    "does nothing.\v"
    "Results lie in the folder named by the study, beside the study file.\n\n"
    "Where the study has `refine:`, an amortizer that passes the gate goes on with fresh "
    "simulations "
    "by workers on this machine (refine.workers), as `infermill refine` does with workers "
    "anywhere.\n\n"
    "--auto: where the gate does not pass, the report's first advice that is a setting is taken "
    "(more "
    "simulations, more epochs, another network ...) and all begins again with it, within "
    "--max-rows "
    "and --max-time (or `auto:` of the study). What was decided is in auto.json and in the report; "
    "the "
    "settings reached are in study-auto.yaml, the study file stays as it is.";

static const char refine_more[] =
    "The amortizer, whose gate has passed, goes on learning from fresh simulations (`refine:` of "
    "the "
    "study), which workers send: start `infermill worker --connect ENDPOINT` wherever there are "
    "cores, at any time, and end them at any time.\v"
    "Every fresh row is kept in the bank. The better of the two networks by loss on held-out data, "
    "if "
    "it passes the gate, is amortizer.h5 afterwards; the other stays beside it, and the report "
    "tells "
    "the gain. -j N: ranks that train. To listen beyond this machine needs keys (`infermill "
    "keys`). "
    "The result does not depend on ranks, workers or interruptions (order: index).";

static const char serve_more[] =
    "Clients send one data set each, as a line of JSON over ZeroMQ, and get summary, draws and "
    "verdict back:\n\n"
    "  {\"id\": 7, \"observables\": {\"y\": [0.1, 2.3]}, \"design\": {}, \"draws\": 100}\n"
    "  {\"id\": 7, \"verdict\": {\"accepted\": true, ...}, \"summary\": {\"mu\": {\"mean\": ...}}, "
    "...}\v"
    "Any client of ZeroMQ will do (REQ, or DEALER with several questions at once). {\"about\": "
    "true} "
    "tells what is served. Who finds the queue full is told so (\"busy\"). -j N: threads that "
    "compute. Default: tcp://127.0.0.1:5556; beyond this machine only with keys (`infermill "
    "keys`). "
    "Weights without a passed gate are not served (exit 3), unless --unverified REASON says why. "
    "Ends "
    "with SIGINT or SIGTERM, after what it has taken in.";

static const char compare_more[] =
    "C2ST: 0.5 when draws and reference can not be told apart, 1 when always. A file holds "
    "/posterior/<name> (data set, chain, draw), as `infer` and ArviZ write it, or "
    "/reference_posterior (data set, draw, parameter). --draws: at most, of each (10,000).";
static const char bank_more[] =
    "info DIR                       what it holds, what its rows cost, which fail and where\n"
    "verify DIR                     whether every byte is as it was written\n"
    "import DIR --declaration MODEL.yaml FILE...\n"
    "                               simulations written elsewhere: .h5, .csv, name=FILE.npy "
    "(resumes)\n"
    "merge OUT DIR...               banks of one model as one; rows keep their origin (resumes)\n"
    "export DIR FILE.h5|FILE.csv    all rows as one file\v"
    "An import refuses values outside the declared bounds and a file that was imported before; "
    "rows "
    "with NaN are kept as nonfinite. A merge refuses the same rows twice. Both are written by "
    "ranks "
    "(one by default). Columns of a CSV are named as parameters, design variables and observables "
    "are: y.0, y.1 ... of a vector, y.3.1 of a matrix; an export shows it.";

static const char worker_more[] =
    "Simulates for a hub (`infermill refine`): looks for it as long as it takes, works, and ends "
    "when "
    "the hub has no more work. It may be started and killed at any time.\v"
    "A study with a built-in model comes from the hub. For another simulator bring the study file "
    "and name it: its `model:` and `parameters:` are used, and must be the hub's.\n\n"
    "-j N starts N processes here (default: this one alone); one that is killed by a signal is "
    "started again. A hub on another machine wants keys (`infermill keys`).";

static const char keys_more[] =
    "new NAME            makes NAME.secret, which stays here, and NAME.public\n"
    "admit FILE.public   lets the holder of that key in\n"
    "list                keys of one's own and admitted ones\n"
    "revoke NAME         shuts an admitted key out, at once and where it is connected already\v"
    "Keys let workers on other machines in; on one machine none are needed. Each side makes its "
    "own "
    "and admits the other's .public file: the hub knows its workers, and they know the hub. "
    "Secrets are files of mode 0600 and are never printed.";

static const command_t commands[] = {
    {"new", "NAME",
     "a study folder that builds and runs: simulator in C, CMake file, study, README", NULL, "q", 1,
     1, false, command_new},
    {"models", "", "list the built-in simulators", NULL, "J", 0, 0, false, command_models},
    {"simulate", "STUDY", "fill the bank with simulations (resumes)", NULL, "jrsbORKqJ", 1, 1, true,
     command_simulate},
    {"train", "STUDY", "train the amortizer from the bank (resumes)", NULL, "jobeaqJ", 1, 1, true,
     command_train},
    {"refine", "STUDY", "go on training with fresh simulations that workers send (resumes)",
     refine_more, "joaEkHqJ", 1, 1, true, command_refine},
    {"diagnose", "STUDY",
     "check the amortizer on held-out simulations; write report and gate record", NULL, "jondqJ", 1,
     1, true, command_diagnose},
    {"infer", "[STUDY]", "posterior for every real data set (resumes)", NULL, "jomDdGVusqJ", 0, 1,
     true, command_infer},
    {"serve", "[STUDY]", "answer questions for the posterior of one data set, in milliseconds",
     serve_more, "jmduskYEq", 0, 1, false, command_serve},
    {"compare", "POSTERIOR.h5 REFERENCE.h5",
     "how well a classifier tells posterior draws from reference draws of the same data sets",
     compare_more, "dqJ", 2, 2, false, command_compare},
    {"run", "STUDY", "simulate, train, diagnose, refine, infer: what is missing", run_more,
     "joaAXTqJ", 1, 1, true, command_run},
    {"bank", "info|verify|import|merge|export DIR ...",
     "what a bank holds and whether it is whole; banks from files and from banks", bank_more,
     "jcSfqJ", 2, INT_MAX, false, command_bank},
    {"worker", "[STUDY]", "simulate for a hub; comes and goes at any time", worker_more, "jCYHkPLq",
     0, 1, false, command_worker},
    {"status", "", "how a refinement goes, asked of its hub from anywhere", NULL, "CYHkqJ", 0, 0,
     false, command_status},
    {"keys", "new|admit|list|revoke ...", "who may connect from other machines (CURVE keys)",
     keys_more, "kqJ", 1, 2, false, command_keys},
    {"skill", "", "guidance for assistants (an Agent Skill): what it is; --install writes it", NULL,
     "Iq", 0, 0, false, command_skill},
    {"bench", "", "each stage against this machine's limit, measured in the same run", NULL, "jqJ",
     0, 0, true, command_bench},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

typedef enum { FLAG, TEXT, WHOLE } value_t; // of options_t: bool, const char *, int64_t

typedef struct {
    char letter; // in command_t.options
    char key;    // on the command line; 0: it has a long name alone
    const char *name, *value, *help;
    value_t type;
    size_t at;     // of the value in options_t
    int64_t least; // WHOLE
} option_row_t;

#define AT(member) offsetof(options_t, member)

static const option_row_t option_rows[] = {
    {'j', 'j', "jobs", "N",
     "ranks on this machine (default: all cores); under mpirun or srun the ranks given", WHOLE,
     AT(ranks), 1},
    {'r', 0, "rows", "N", "simulations, instead of the study's bank.rows", WHOLE, AT(rows), 1},
    {'s', 0, "seed", "N", "instead of the study's seed", WHOLE, AT(seed), 0},
    {'b', 0, "bank", "DIR", "folder of the bank, instead of the study's", TEXT, AT(bank), 0},
    {'o', 'o', "out", "PATH",
     "where results go, instead of the study's folder (infer: the posterior file)", TEXT, AT(out),
     0},
    {'e', 0, "epochs", "N", "instead of the study's train.epochs", WHOLE, AT(epochs), 1},
    {'a', 0, "again", NULL, "train anew although there is an amortizer of other settings", FLAG,
     AT(again), 0},
    {'n', 0, "datasets", "N", "held-out data sets, instead of the study's", WHOLE, AT(datasets),
     STUDY_FEWEST_DATASETS},
    {'d', 0, "draws", "N", "posterior draws of each data set, instead of the study's", WHOLE,
     AT(draws), 1},
    {'m', 0, "model", "FILE", "amortizer to use", TEXT, AT(model), 0},
    {'G', 0, "keep", "WHAT",
     "draws, summary or both of each posterior; auto: both while they fit the disk", TEXT, AT(keep),
     0},
    {'V', 0, "ladder", "RUNGS",
     "amortized,psis,mcmc or some of them: a data set goes up to the first rung that answers", TEXT,
     AT(ladder), 0},
    {'D', 0, "data", "FILE", "CSV or HDF5 of real data sets", TEXT, AT(data), 0},
    {'u', 0, "unverified", "REASON",
     "go on without a passed gate, or with data that the prior never produces; the reason is "
     "written into the file",
     TEXT, AT(unverified), 0},
    {'c', 0, "declaration", "FILE",
     "import: the model's declaration in YAML, or the bank.yaml of a bank of it", TEXT,
     AT(declaration), 0},
    {'S', 0, "shard-rows", "N",
     "import, merge: rows of a shard of the new bank (default: 4096; the first bank's)", WHOLE,
     AT(shard_rows), 1},
    {'O', 0, "observations-only", "FILE.h5",
     "a synthetic population: --rows data sets of a --seed of its own, without their parameters, "
     "for "
     "`infer --data FILE.h5`; no bank",
     TEXT, AT(observations), 0},
    {'R', 0, "retry", NULL, "simulate rows that timed out or crashed again", FLAG, AT(retry), 0},
    {'K', 0, "check", "K",
     "simulate K finished rows again and compare them bit for bit with the bank", WHOLE, AT(check),
     1},
    {'f', 0, "done", NULL, "export: only rows that are done", FLAG, AT(done), 0},
    {'A', 0, "auto", NULL,
     "run: while the gate does not pass, follow the report's advice within a budget", FLAG,
     AT(automatic), 0},
    {'X', 0, "max-rows", "N", "budget of --auto: simulations of the bank, at most", WHOLE,
     AT(max_rows), 1},
    {'T', 0, "max-time", "TIME", "budget of --auto: 90s, 30m, 2h", TEXT, AT(max_time), 0},
    {'E', 0, "listen", "ENDPOINT",
     "where others connect: of refine instead of the study's refine.listen", TEXT, AT(listen), 0},
    {'I', 0, "install", "DIR", "write the skill to DIR/infermill", TEXT, AT(install), 0},
    {'C', 0, "connect", "ENDPOINT", "the hub, such as tcp://127.0.0.1:5555", TEXT, AT(connect), 0},
    {'Y', 0, "key", "NAME", "own key for it (default: the only secret there is)", TEXT, AT(key), 0},
    {'H', 0, "hub-key", "NAME", "the hub's key, as it is admitted here; of refine: its own", TEXT,
     AT(hub_key), 0},
    {'k', 0, "keys", "DIR",
     "folder of keys (default: $INFERMILL_KEYS, else infermill/keys in $XDG_CONFIG_HOME or "
     "~/.config)",
     TEXT, AT(keys), 0},
    {'P', 0, "patience", "SECONDS", "without a hub, then fail (default: wait for ever)", WHOLE,
     AT(patience), 1},
    {'L', 0, "simulator-log", NULL,
     "keep what a command simulator says on stderr in ./simulator-worker-PID.log", FLAG,
     AT(simulator_log), 0},
    {'q', 'q', "quiet", NULL, "warnings and errors only", FLAG, AT(quiet), 0},
    {'J', 'J', "json", NULL, "print the answer as JSON", FLAG, AT(json), 0},
};
enum { N_OPTIONS = sizeof option_rows / sizeof *option_rows, LONG_KEYS = 256 };

static int key_of(const option_row_t *row)
{
    return row->key != 0 ? row->key : LONG_KEYS + (int)(row - option_rows);
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

static void take_value(struct argp_state *state, const option_row_t *row, char *text,
                       options_t *out)
{
    void *at = (char *)out + row->at;
    switch (row->type) {
    case FLAG:
        *(bool *)at = true;
        return;
    case TEXT:
        *(const char **)at = text;
        return;
    case WHOLE:
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
    for (int i = 0; i < N_OPTIONS; i++)
        if (key == key_of(&option_rows[i])) {
            take_value(state, &option_rows[i], text, parse->options);
            return 0;
        }
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static void parse_options(const command_t *command, int argc, char **argv, options_t *out)
{
    struct argp_option table[N_OPTIONS + 1];
    int n = 0;
    for (int i = 0; i < N_OPTIONS; i++) {
        const option_row_t *row = &option_rows[i];
        if (strchr(command->options, row->letter) != NULL)
            table[n++] = (struct argp_option){row->name, key_of(row), row->value, 0, row->help, 0};
    }
    table[n] = (struct argp_option){0};
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
}

static void print_usage(FILE *out)
{
    fprintf(out, "usage: infermill COMMAND ...\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-9s %-16s %s\n", commands[i].name, commands[i].arguments,
                commands[i].help);
    fprintf(out, "\n`infermill COMMAND --help` tells its options; `infermill study` the settings "
                 "of a study file.\n");
}

static const command_t *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = yaml_nearest(name, N_COMMANDS, names);
    fprintf(stderr, "infermill: unknown command \"%s\"", name);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "\n", near);
    print_usage(stderr);
    exit(err_exit_code(-ERR_USAGE));
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

static int dispatch(const command_t *command, int argc, char **argv)
{
    options_t options;
    char **kept = MEM_NEW(char *, argc + 1); // argp permutes argv, the launcher needs it as it was
    memcpy(kept, argv, (size_t)argc * sizeof *argv);
    parse_options(command, argc - 1, argv + 1, &options);
    options.level = level_wanted(&options);
    bool bank = command->run == command_bank; // some of its verbs write, and none reads a study
    int code = 0, ranks = command->ranks ? launch_cores() : bank ? command_bank_ranks(&options) : 0;
    if (ranks == 0) {
        log_set(options.level, 0);
        code = report(command->run(NULL, &options), options.quiet);
    } else if (launch_ranks_given()) {
        code = run_on_ranks(command, &options, argc, argv);
    } else if (bank || (code = check_study(&options, &ranks)) == 0) {
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
