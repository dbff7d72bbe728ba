// SPDX-License-Identifier: Apache-2.0
#include "coordinator/worker_pool.h"

#include "cluster/log.h"
#include "cluster/mem.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double longest_back_off = 60, settled_seconds = 60;
static const int stop_signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

typedef struct {
    pid_t child;         // 0: not running
    double started, due; // times of log_clock; when it is to be started
    double back_off;
    bool ended;
    int code;
} place_t;

typedef struct {
    const worker_pool_t *plan;
    place_t *place; // (n)
    sigset_t set, before;
    bool asked; // to stop
} pool_t;

// Signals are taken one by one, so none is lost. An ignored SIGHUP (nohup) stays so.
static void block_signals(pool_t *p)
{
    sigemptyset(&p->set);
    sigaddset(&p->set, SIGCHLD);
    for (int i = 0; i < N_STOP_SIGNALS; i++)
        sigaddset(&p->set, stop_signals[i]);
    sigprocmask(SIG_BLOCK, &p->set, &p->before);
}

_Noreturn static void be_child(const pool_t *p, int place, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(err_exit_code(-ERR_STOPPED));
    sigprocmask(SIG_SETMASK, &p->before, NULL);
    int code = p->plan->work(place, p->plan->user);
    fflush(NULL);
    _exit(code);
}

static err_t start(pool_t *p, int i)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        be_child(p, i, parent);
    if (child < 0)
        return err_errno(ERR_FAILED, "worker %d of %d can not be started", i + 1, p->plan->n);
    p->place[i].child = child;
    p->place[i].started = log_clock();
    return OK;
}

static void start_again_later(pool_t *p, int i, int signal_number)
{
    place_t *place = &p->place[i];
    double now = log_clock();
    if (now - place->started > settled_seconds)
        place->back_off = p->plan->back_off;
    place->due = now + place->back_off;
    log_warning("worker %d of %d was killed by signal %d (%s); it is started again in %g s", i + 1,
                p->plan->n, signal_number, strsignal(signal_number), place->back_off);
    place->back_off = fmin(2 * place->back_off, longest_back_off);
}

static void settle(pool_t *p, int i, int status)
{
    place_t *place = &p->place[i];
    place->child = 0;
    if (WIFSIGNALED(status) && !p->asked) {
        start_again_later(p, i, WTERMSIG(status));
        return;
    }
    place->ended = true;
    place->code = WIFEXITED(status) ? WEXITSTATUS(status) : err_exit_code(-ERR_STOPPED);
}

static void reap(pool_t *p)
{
    int status;
    for (int i = 0; i < p->plan->n; i++)
        if (p->place[i].child > 0 &&
            waitpid(p->place[i].child, &status, WNOHANG) == p->place[i].child)
            settle(p, i, status);
}

static void ask_to_stop(pool_t *p)
{
    p->asked = true;
    for (int i = 0; i < p->plan->n; i++) {
        if (p->place[i].child > 0)
            kill(p->place[i].child, SIGTERM);
        else
            p->place[i].ended = true; // those that wait to be started
    }
}

// The first failure to start one ends all.
static err_t start_due(pool_t *p)
{
    err_t err = OK;
    for (int i = 0; i < p->plan->n && err == OK && !p->asked; i++)
        if (p->place[i].child == 0 && !p->place[i].ended && log_clock() >= p->place[i].due)
            err = start(p, i);
    if (err != OK)
        ask_to_stop(p);
    return err;
}

static bool all_ended(const pool_t *p)
{
    for (int i = 0; i < p->plan->n; i++)
        if (!p->place[i].ended)
            return false;
    return true;
}

static err_t tend(pool_t *p)
{
    static const struct timespec look = {.tv_nsec = 200000000};
    err_t err = OK;
    while (!all_ended(p)) {
        if (err == OK)
            err = start_due(p);
        int number = sigtimedwait(&p->set, NULL, &look);
        if (number > 0 && number != SIGCHLD)
            ask_to_stop(p);
        reap(p);
    }
    return err;
}

static err_t verdict(const pool_t *p)
{
    int usage = 0, failed = 0, stopped = p->asked;
    for (int i = 0; i < p->plan->n; i++) {
        int code = p->place[i].code;
        usage += code == err_exit_code(-ERR_USAGE);
        stopped += code == err_exit_code(-ERR_STOPPED);
        failed += code != 0 && code != err_exit_code(-ERR_STOPPED);
    }
    if (failed > 0)
        return err_fail(usage == failed ? ERR_USAGE : ERR_FAILED,
                        "%d of %d workers failed; what they said stands above", failed, p->plan->n);
    return stopped > 0 ? err_fail(ERR_STOPPED, "stopped on request") : OK;
}

err_t worker_pool_run(const worker_pool_t *plan)
{
    pool_t p = {.plan = plan, .place = MEM_NEW(place_t, plan->n)};
    for (int i = 0; i < plan->n; i++)
        p.place[i].back_off = plan->back_off;
    block_signals(&p);
    err_t err = tend(&p);
    sigprocmask(SIG_SETMASK, &p.before, NULL);
    if (err == OK)
        err = verdict(&p);
    free(p.place);
    return err;
}
