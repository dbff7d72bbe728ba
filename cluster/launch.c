// SPDX-License-Identifier: Apache-2.0
#include "cluster/launch.h"

#include "cluster/err.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SESSION_BYTES = 8 << 20, SESSION_BYTES_RANK = 4 << 20, NOT_STARTED = 127 };

static const int stop_signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

static const struct {
    const char *variable, *words;
} launchers[] = {{"OMPI_COMM_WORLD_SIZE", "given by mpirun (OMPI_COMM_WORLD_SIZE)"},
                 {"PMIX_RANK", "given by PMIx (PMIX_RANK)"},
                 {"PMI_RANK", "given by PMI (PMI_RANK)"}};
enum { N_LAUNCHERS = sizeof launchers / sizeof *launchers };

static int launch_given_by(void)
{
    int i = 0;
    while (i < N_LAUNCHERS && getenv(launchers[i].variable) == NULL)
        i++;
    return i;
}

bool launch_ranks_given(void)
{
    return launch_given_by() < N_LAUNCHERS;
}

const char *launch_ranks_found(void)
{
    int i = launch_given_by();
    return i < N_LAUNCHERS ? launchers[i].words : "none given: commands start their own by mpirun";
}

// Whole cores of the cgroup's quota, or INT_MAX where there is none.
static int launch_quota(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    long quota, period;
    int found = file == NULL ? 0 : fscanf(file, "%ld %ld", &quota, &period);
    if (file != NULL)
        fclose(file);
    return found == 2 && quota > 0 && period > 0 && quota / period < INT_MAX ? (int)(quota / period)
                                                                             : INT_MAX;
}

launch_cores_t launch_cores_found(void)
{
    cpu_set_t set;
    int online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    bool known = sched_getaffinity(0, sizeof set, &set) == 0;
    return (launch_cores_t){online, known ? CPU_COUNT(&set) : online, launch_quota()};
}

int launch_cores(void)
{
    launch_cores_t found = launch_cores_found();
    int cores = found.affinity < found.quota ? found.affinity : found.quota;
    return cores > 0 ? cores : 1;
}

err_t launch_find(const char *name, char **path)
{
    const char *folders = getenv("PATH");
    char file[PATH_MAX];
    *path = NULL;
    for (const char *at = folders == NULL ? "" : folders; *at != '\0';) {
        int length = (int)strcspn(at, ":");
        snprintf(file, sizeof file, "%.*s/%s", length, at, name);
        if (length > 0 && access(file, X_OK) == 0) {
            *path = mem_copy_text(file);
            return OK;
        }
        at += length + (at[length] == ':');
    }
    return err_fail(ERR_MISSING, "%s is not in PATH: install Open MPI (Debian: openmpi-bin)", name);
}

static void launch_terminal(void)
{
    struct winsize size = {.ws_col = 80};
    char columns[16];
    if (!isatty(STDERR_FILENO))
        return;
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    snprintf(columns, sizeof columns, "%d", size.ws_col > 0 ? size.ws_col : 80);
    setenv("INFERMILL_TERMINAL", columns, 1);
}

// mpirun's command line. All ranks are on this machine, so nothing but the loopback is needed, and a scheduler's
// allocation is not looked at. Unbound, since reader and lender threads need cores too, and two runs on one machine would
// bind to the same ones; a waiting rank yields, or it holds up the one it waits for (on two busy cores twenty times
// slower). Single-copy messages are refused by many containers.
static char **launch_command(int ranks, const session_t *session, int argc, char **argv)
{
    char count[16], self[PATH_MAX] = "";
    snprintf(count, sizeof count, "%d", ranks);
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0,
          "this program's path is not to be found");
    const char *fixed[] = {"mpirun",
                           "-q",
                           "--oversubscribe",
                           "--bind-to",
                           "none",
                           "--mca",
                           "btl",
                           "self,vader",
                           "--mca",
                           "pml",
                           "ob1",
                           "--mca",
                           "btl_vader_single_copy_mechanism",
                           "none",
                           "--mca",
                           "mpi_yield_when_idle",
                           "1",
                           "--mca",
                           "plm",
                           "isolated",
                           "--mca",
                           "ras",
                           "^slurm,tm,lsf,gridengine",
                           "--mca",
                           "oob_tcp_if_include",
                           "lo",
                           "--mca",
                           "orte_tmpdir_base",
                           session->path,
                           "--mca",
                           "btl_vader_backing_directory",
                           session->path,
                           "-n",
                           count,
                           geteuid() == 0 ? "--allow-run-as-root" : NULL};
    int n = 0;
    char **command = MEM_NEW(char *, (int)(sizeof fixed / sizeof *fixed) + argc + 1);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i] != NULL)
            command[n++] = mem_copy_text(fixed[i]);
    command[n++] = mem_copy_text(self);
    for (int i = 1; i < argc; i++)
        command[n++] = mem_copy_text(argv[i]);
    return command;
}

static void launch_command_free(char **command)
{
    for (char **word = command; *word != NULL; word++)
        free(*word);
    free(command);
}

_Noreturn static void launch_child(char **command, pid_t parent, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int nothing = open("/dev/null", O_RDONLY);
    if (getppid() != parent || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        _exit(NOT_STARTED);
    launch_terminal();
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(command[0], command);
    _exit(NOT_STARTED);
}

// Signals are taken one by one by sigtimedwait, so no handler is needed and none is lost. An ignored SIGHUP (nohup) stays so.
static void launch_block(sigset_t *set, sigset_t *before)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    signal(SIGCHLD, SIG_DFL);
    for (int i = 0; i < N_STOP_SIGNALS; i++) {
        sigaddset(set, stop_signals[i]);
        if (stop_signals[i] != SIGHUP)
            signal(stop_signals[i], SIG_DFL);
    }
    sigprocmask(SIG_BLOCK, set, before);
}

typedef struct {
    bool asked, forced; // to stop; to stop at once
} request_t;

// A request that comes while ranks are being started can be lost, so it is told again each second until they end.
static int launch_wait(pid_t child, const sigset_t *set, request_t *request)
{
    static const struct timespec second = {.tv_sec = 1};
    int status, interrupts = 0;
    *request = (request_t){false, false};
    while (waitpid(child, &status, WNOHANG) != child) {
        int number = request->asked ? sigtimedwait(set, NULL, &second) : sigwaitinfo(set, NULL);
        if (number == SIGCHLD || (number < 0 && errno == EINTR))
            continue;
        interrupts += number == SIGINT;
        *request = (request_t){true, interrupts > 1};
        kill(child, request->forced ? SIGTERM : SIGUSR1);
    }
    return status;
}

static int launch_killed(int number)
{
    log_error("a rank or mpirun was killed by signal %d (%s)%s", number, strsignal(number),
              number == SIGKILL ? ": was there too little memory?" : "");
    return err_exit_code(-ERR_FAILED);
}

static int launch_code(int status, request_t request)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    int stopped = err_exit_code(-ERR_STOPPED);
    if (request.forced || (request.asked && code == 128 + SIGUSR1)) // ranks that did not listen yet
        return stopped;
    if (code <= stopped)
        return code;
    if (code == NOT_STARTED)
        log_error("mpirun could not be started");
    return code > 128 ? launch_killed(code - 128) : err_exit_code(-ERR_FAILED);
}

static err_t launch_run(int ranks, int argc, char **argv, int *code)
{
    session_t session;
    sigset_t set, before;
    request_t request;
    char *mpirun;
    TRY(launch_find("mpirun", &mpirun));
    free(mpirun);
    TRY(session_open(SESSION_BYTES + (size_t)ranks * SESSION_BYTES_RANK, &session));
    char **command = launch_command(ranks, &session, argc, argv);
    pid_t parent = getpid();
    launch_block(&set, &before);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        launch_child(command, parent, &before);
    err_t err = child < 0 ? err_errno(ERR_IO, "can not start mpirun") : OK;
    if (err == OK) {
        int status = launch_wait(child, &set, &request);
        *code = launch_code(status, request);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    launch_command_free(command);
    session_close(&session);
    return err;
}

int launch_self(int ranks, int argc, char **argv)
{
    int code = 0;
    err_t err = launch_run(ranks, argc, argv, &code);
    if (err == OK)
        return code;
    log_error("%s", err_text());
    return err_exit_code(err);
}
