// SPDX-License-Identifier: Apache-2.0
// `infermill worker` as a program of its own, against the tests' hub (tests/workers/small_hub.h).
#include "cluster/keyring.h"
#include "cluster/mem.h"
#include "coordinator/study.h"
#include "tests/storage/sample_bank.h"
#include "tests/workers/small_hub.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_ARGUMENTS = 16 };

static const char builtin_study[] = "study: built in\n"
                                    "model: {builtin: two_moons}\n"
                                    "parameters:\n"
                                    "  theta0: uniform(-0.5, 0.9)\n"
                                    "  theta1: uniform(-1, 0.25)\n";

typedef struct {
    const char *program, *commands; // files
    char *folder;
} fixture_t;

typedef struct {
    pid_t pid;
    char *log; // its stderr
} worker_t;

/* ---- the program ---- */

static worker_t start_worker(const fixture_t *f, int n, const char *const *arguments)
{
    char *argv[MOST_ARGUMENTS] = {(char *)f->program, (char *)"worker"};
    worker_t w = {.log = mem_format("%s/log", f->folder)};
    for (int i = 0; i < n; i++)
        argv[2 + i] = (char *)arguments[i];
    unlink(w.log);
    w.pid = fork();
    if (w.pid == 0) {
        int log = open(w.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (log < 0 || dup2(log, STDERR_FILENO) < 0 || chdir(f->folder) != 0)
            _exit(99);
        execv(f->program, argv);
        _exit(99);
    }
    return w;
}

static worker_t start_for(const fixture_t *f, const small_hub_t *hub, const char *study,
                          const char *jobs)
{
    const char *arguments[] = {"--connect", wire_endpoint(hub->socket), jobs,
                               study != NULL ? study : "--quiet"};
    return start_worker(f, 4, arguments);
}

static void step(small_hub_t *hub, const worker_t *w)
{
    int status;
    assert_int_equal(waitpid(w->pid, &status, WNOHANG), 0); // it has not ended
    small_hub_step(hub, 100);
}

// Serves until it ends; its exit code.
static int serve(small_hub_t *hub, worker_t *w)
{
    int status;
    while (waitpid(w->pid, &status, WNOHANG) == 0)
        small_hub_step(hub, 20);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int wait_for(worker_t *w)
{
    int status;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_said(const fixture_t *f, worker_t *w, const char *words)
{
    int64_t bytes;
    char *said = sample_bytes(f->folder, "log", &bytes);
    said[bytes] = '\0';
    if (strstr(said, words) == NULL)
        fail_msg("it did not say \"%s\", but: %s", words, said);
    free(said);
    free(w->log);
}

/* ---- studies ---- */

typedef struct {
    study_t study;
    simulator_t *simulator;
    char *model;
} model_t;

static model_t model_of(const char *text, const char *path)
{
    model_t m;
    if (study_parse(text, path, &m.study) != OK || study_simulator(&m.study, &m.simulator) != OK)
        fail_msg("%s", err_text());
    m.model = schema_text(simulator_schema(m.simulator));
    return m;
}

static void model_free(model_t *m)
{
    free(m->model);
    simulator_close(&m->simulator);
    study_free(&m->study);
}

static void assert_as_simulated(const small_hub_t *hub, const model_t *m)
{
    int64_t done;
    rows_t direct = rows_create(hub->schema, hub->end);
    assert_int_equal(
        simulator_rows(m->simulator, hub->welcome.seed, RNG_BANK, 0, hub->end, &direct, 0, &done),
        OK);
    assert_int_equal(rows_hash(&direct, 0, hub->end), rows_hash(&hub->rows, 0, hub->end));
    rows_destroy(&direct);
}

static void open_hub(small_hub_t *hub, const model_t *m)
{
    small_hub_open(hub, NULL, simulator_schema(m->simulator), 1, m->study.text, m->model);
}

/* ---- tests ---- */

static void a_built_in_model_comes_from_the_hub(void **state)
{
    small_hub_t hub;
    model_t m = model_of(builtin_study, "study.yaml");
    open_hub(&hub, &m);
    worker_t w = start_for(*state, &hub, NULL, "-j1");
    assert_int_equal(serve(&hub, &w), 0);
    assert_as_simulated(&hub, &m);
    small_hub_close(&hub);
    model_free(&m);
    free(w.log);
}

// Killed in the middle of its work; what it was lent is lent again.
static void a_killed_process_is_started_again(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    model_t m = model_of(builtin_study, "study.yaml");
    open_hub(&hub, &m);
    worker_t w = start_for(f, &hub, NULL, "-j1");
    while (hub.came < 64)
        step(&hub, &w);
    assert_int_equal(kill((pid_t)hub.pid, SIGKILL), 0);
    int64_t killed = hub.pid;
    while (hub.pid == killed)
        step(&hub, &w);
    assert_true(hub.pid != w.pid);
    hub.next = 0;
    assert_int_equal(serve(&hub, &w), 0);
    assert_as_simulated(&hub, &m);
    assert_said(f, &w, "worker 1 of 1 was killed by signal 9");
    small_hub_close(&hub);
    model_free(&m);
}

static void several_processes_share_the_work(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    model_t m = model_of(builtin_study, "study.yaml");
    open_hub(&hub, &m);
    hub.next = hub.end; // nothing is lent until both are there
    worker_t w = start_for(f, &hub, NULL, "-j2");
    while (hub.readies < 2)
        step(&hub, &w);
    assert_int_equal(kill(w.pid, SIGTERM), 0);
    assert_int_equal(serve(&hub, &w), 4);
    while (small_hub_step(&hub, 100))
        continue;
    assert_int_equal(hub.byes, 2);
    small_hub_close(&hub);
    model_free(&m);
    assert_said(f, &w, "stopped on request");
}

static void a_command_wants_its_study_here(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    char *text =
             mem_format("study: command\nmodel: {command: [python3, %s/moody.py]}\n", f->commands),
         *path = mem_format("%s/study.yaml", f->folder);
    model_t m = model_of(text, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    open_hub(&hub, &m);
    hub.end = 40;
    worker_t w = start_for(f, &hub, NULL, "-j1");
    assert_int_equal(serve(&hub, &w), 2);
    assert_int_equal(hub.readies, 0);
    assert_said(f, &w, "is not run on a hub's word");
    w = start_for(f, &hub, path, "-j1");
    assert_int_equal(serve(&hub, &w), 0);
    assert_as_simulated(&hub, &m);
    small_hub_close(&hub);
    model_free(&m);
    free(text);
    free(path);
    free(w.log);
}

// Another prior than the hub's is another model.
static void another_study_is_refused(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    model_t m = model_of(builtin_study, "study.yaml");
    char *path = mem_format("%s/other.yaml", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("study: other\nmodel: {builtin: two_moons}\n", file);
    fclose(file);
    open_hub(&hub, &m);
    worker_t w = start_for(f, &hub, path, "-j1");
    assert_int_equal(serve(&hub, &w), 1);
    assert_said(f, &w, "the simulator here is two_moons-1-");
    small_hub_close(&hub);
    model_free(&m);
    free(path);
}

static void keys_that_the_hub_admits_open_it(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    wire_keys_t keys;
    keyring_t *ring;
    char name[WIRE_NAME_CAP], *theirs = mem_format("%s/hub", f->folder),
                              *ours = mem_format("%s/worker", f->folder),
                              *hub_public = mem_format("%s/hub.public", theirs),
                              *our_public = mem_format("%s/w1.public", ours);
    assert_int_equal(keyring_make(theirs, "hub"), OK);
    assert_int_equal(keyring_make(ours, "w1"), OK);
    assert_int_equal(keyring_admit(ours, hub_public, name), OK);
    assert_int_equal(keyring_own(theirs, "hub", &keys), OK);
    assert_int_equal(keyring_open(theirs, &ring), OK);
    model_t m = model_of(builtin_study, "study.yaml");
    small_hub_open_with(&hub, simulator_schema(m.simulator), m.study.text, m.model, &keys, ring);
    const char *arguments[] = {
        "--connect", wire_endpoint(hub.socket), "--keys", ours, "--hub-key", "hub", "--patience",
        "2"};
    worker_t w = start_worker(f, 8, arguments);
    assert_int_equal(serve(&hub, &w), 1); // not admitted yet
    assert_int_equal(hub.hellos, 0);
    assert_said(f, &w, "no hub at");
    assert_int_equal(keyring_admit(theirs, our_public, name), OK);
    w = start_worker(f, 6, arguments);
    assert_int_equal(serve(&hub, &w), 0);
    assert_as_simulated(&hub, &m);
    small_hub_close(&hub);
    keyring_close(&ring);
    model_free(&m);
    free(w.log);
    free(theirs);
    free(ours);
    free(hub_public);
    free(our_public);
}

static void wrong_use_is_told(void **state)
{
    const fixture_t *f = *state;
    worker_t w = start_worker(f, 0, NULL);
    assert_int_equal(wait_for(&w), 2);
    assert_said(f, &w, "--connect is missing");
    const char *far[] = {"--connect", "tcp://192.0.2.1:5555"};
    w = start_worker(f, 2, far);
    assert_int_equal(wait_for(&w), 2);
    assert_said(f, &w, "keys");
    const char *no_hub_key[] = {"--connect", "tcp://127.0.0.1:5555", "--key", "me"};
    w = start_worker(f, 4, no_hub_key);
    assert_int_equal(wait_for(&w), 2);
    assert_said(f, &w, "want --hub-key");
}

int main(int argc, char **argv)
{
    fixture_t f = {argv[1], argv[2], sample_folder()};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_built_in_model_comes_from_the_hub, &f),
        cmocka_unit_test_prestate(a_killed_process_is_started_again, &f),
        cmocka_unit_test_prestate(several_processes_share_the_work, &f),
        cmocka_unit_test_prestate(a_command_wants_its_study_here, &f),
        cmocka_unit_test_prestate(another_study_is_refused, &f),
        cmocka_unit_test_prestate(keys_that_the_hub_admits_open_it, &f),
        cmocka_unit_test_prestate(wrong_use_is_told, &f),
    };
    CHECK(argc == 3, "usage: %s INFERMILL COMMANDS", argv[0]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sample_remove(f.folder);
    free(f.folder);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
