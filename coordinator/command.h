/* SPDX-License-Identifier: Apache-2.0
 *
 * A command of the program: its options (argp), whether it wants ranks, and what it does. Each command has a file of its
 * own, command_<name>.c; commands.c holds the table.
 */
#ifndef COORDINATOR_COMMAND_H
#define COORDINATOR_COMMAND_H

#include "cluster/err.h"
#include "cluster/log.h"
#include "cluster/par.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/* Everything a command line can say; a command uses what its options fill. Texts are borrowed from argv. */
typedef struct {
    const char **arguments; // (n_arguments) positional
    int n_arguments;
    const char *out, *model, *data, *bank, *unverified, *declaration;
    int64_t rows, seed, draws, datasets, epochs; // -1: not given
    int64_t ranks;                               // 0: all cores
    int64_t shard_rows, check;                   // 0: not given
    bool json, again, quiet, done, retry;
    log_level_t level;         // of INFERMILL_LOG, or what `quiet` makes it
    bool automatic;            // run: follow the advice
    int64_t max_rows;          // 0: not given
    const char *max_time;      // NULL: not given
    const char *install;       // skill: a folder
    const char *keys;          // a folder of keys; NULL: keyring_folder() finds it
    const char *key, *hub_key; // names in it
    const char *connect;       // endpoint of a hub
    const char *listen;        // endpoint to be one
    const char *keep;          // infer: what; NULL: as the study says
    const char *ladder;        // infer: rungs with commas between them; NULL: as the study says
    const char *observations;  // simulate: the file that data sets alone go to; NULL: none
    int64_t patience;          // seconds; 0: not given
    bool simulator_log;
    const char *partition, *nodes, *tasks, *time,
        *account;         // submit: as sbatch takes them; NULL: it decides
    const char *sbatch;   // submit: further options of sbatch
    int64_t workers;      // submit: of a refinement; 0: not given
    const char *metrics;  // status: a file of them; NULL: none
    bool dry_run, cancel; // submit
} options_t;

typedef struct {
    const char *name, *arguments, *help; // "STUDY"; one line
    const char *more;                    // below the options in --help
    const char *options;                 // letters of commands.c's option list that it takes
    int least, most;                     // positional arguments
    bool ranks;                          // runs under mpirun, started by itself when needed
    err_t (*run)(
        const par_t *par,
        const options_t *options); // par: NULL where ranks is false. Collective where true.
} command_t;

err_t command_new(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_models(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_simulate(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_train(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_diagnose(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_infer(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_compare(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_refine(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_run(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_bank(const par_t *par, const options_t *options) ERR_MUST_CHECK;
/* Ranks that its verb is started with by default; 0: it needs none. */
int command_bank_ranks(const options_t *options);
err_t command_worker(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_serve(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_status(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_submit(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_keys(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_skill(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_doctor(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_completion(const par_t *par, const options_t *options) ERR_MUST_CHECK;
err_t command_bench(const par_t *par, const options_t *options) ERR_MUST_CHECK;

#endif
