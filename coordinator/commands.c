// SPDX-License-Identifier: Apache-2.0
#include "coordinator/commands.h"

#include "coordinator/study_check.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

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

static const char submit_more[] =
    "Submits simulate, train, diagnose and infer (and with `refine:` in the study a hub and an "
    "array "
    "of workers) as jobs that wait for each other, and prints their numbers.\v"
    "The script that they run is RESULTS/slurm/stage.sbatch, and stays as it is where you edit it. "
    "A job "
    "near its time limit, or preempted, saves what it has and is queued again; so is one that is "
    "killed. A second `submit` goes on with what is missing. --cancel cancels; `infermill status "
    "STUDY` "
    "tells how far it is.\n\n"
    "$INFERMILL_LAUNCH starts the ranks (default: srun --mpi=pmix --wait=60; mpirun does as well), "
    "$INFERMILL is the program (default: this one), $INFERMILL_RETRIES how often a killed job is "
    "queued "
    "again (5).";

static const char keys_more[] =
    "new NAME            makes NAME.secret, which stays here, and NAME.public\n"
    "admit FILE.public   lets the holder of that key in\n"
    "list                keys of one's own and admitted ones\n"
    "revoke NAME         shuts an admitted key out, at once and where it is connected already\v"
    "Keys let workers on other machines in; on one machine none are needed. Each side makes its "
    "own "
    "and admits the other's .public file: the hub knows its workers, and they know the hub. "
    "Secrets are files of mode 0600 and are never printed.";

static const char doctor_more[] =
    "Looks at MPI, HDF5, ZeroMQ, BLAS, cores and limits of this machine, and at a folder (default: "
    "this one) where a bank shall lie: its file system, locks, renames, speed, space, clock.\v"
    "Where something is not as it should be, the line below says what to do. Exit code 1 where a "
    "check failed, 0 where there are at most warnings. Under mpirun or srun it looks at all the "
    "ranks it was given: whether they share the folder, the clock, cores and memory.";

static const char completion_more[] =
    "Prints a script for the shell: where the package is installed, it is in place.\v"
    "  bash   eval \"$(infermill completion bash)\"     in ~/.bashrc\n"
    "  zsh    infermill completion zsh >DIR/_infermill   DIR: a folder of $fpath";

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
    {"submit", "STUDY", "the stages of a study as dependent Slurm jobs (resumes)", submit_more,
     "oNpBtUxwyzq", 1, 1, false, command_submit},
    {"status", "[STUDY]",
     "how far a study is, from its files alone; or a refinement, asked of its hub from anywhere",
     NULL, "CYHkoMqJ", 0, 1, false, command_status},
    {"keys", "new|admit|list|revoke ...", "who may connect from other machines (CURVE keys)",
     keys_more, "kqJ", 1, 2, false, command_keys},
    {"skill", "", "guidance for assistants (an Agent Skill): what it is; --install writes it", NULL,
     "Iq", 0, 0, false, command_skill},
    {"doctor", "[FOLDER]", "whether this machine and a folder are fit, and what to do where not",
     doctor_more, "J", 0, 1, false, command_doctor},
    {"completion", "bash|zsh", "what lets a shell complete commands, options and files",
     completion_more, "", 1, 1, false, command_completion},
    {"bench", "", "each stage against this machine's limit, measured in the same run", NULL, "jqJ",
     0, 0, true, command_bench},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

#define FLAG       COMMANDS_FLAG
#define TEXT       COMMANDS_TEXT
#define WHOLE      COMMANDS_WHOLE
#define AT(member) offsetof(options_t, member)

static const command_option_t option_rows[] = {
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
    {'p', 0, "partition", "NAME", "of each job", TEXT, AT(partition), 0},
    {'N', 0, "nodes", "N", "of each job but a worker's", TEXT, AT(nodes), 0},
    {'B', 0, "ntasks-per-node", "N", "ranks on each node", TEXT, AT(tasks), 0},
    {'t', 0, "time", "TIME",
     "limit of each job, as sbatch takes it; a job that needs more is queued again", TEXT, AT(time),
     0},
    {'U', 0, "account", "NAME", "that each job is charged to", TEXT, AT(account), 0},
    {'x', 0, "sbatch", "OPTIONS",
     "further options of sbatch for each job, with blanks between them", TEXT, AT(sbatch), 0},
    {'w', 0, "workers", "N", "jobs that simulate for a refinement (default: 1)", WHOLE, AT(workers),
     1},
    {'y', 0, "dry-run", NULL, "write the script and print the commands, submit nothing", FLAG,
     AT(dry_run), 0},
    {'z', 0, "cancel", NULL, "cancel the jobs of this study", FLAG, AT(cancel), 0},
    {'M', 0, "metrics", "FILE.prom",
     "of a study: write gauges for Prometheus (node_exporter's textfile collector) instead, whole "
     "or not "
     "at all",
     TEXT, AT(metrics), 0},
    {'q', 'q', "quiet", NULL, "warnings and errors only", FLAG, AT(quiet), 0},
    {'J', 'J', "json", NULL, "print the answer as JSON", FLAG, AT(json), 0},
};
enum { N_OPTIONS = sizeof option_rows / sizeof *option_rows };

const command_t *commands_all(int *n)
{
    *n = N_COMMANDS;
    return commands;
}

const command_option_t *commands_options(int *n)
{
    *n = N_OPTIONS;
    return option_rows;
}

bool commands_takes(const command_t *command, const command_option_t *option)
{
    return strchr(command->options, option->letter) != NULL;
}
