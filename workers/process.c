// SPDX-License-Identifier: Apache-2.0
#include "workers/process.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "workers/row.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { IN, OUT, ERROR, N_PIPES, TAIL_BYTES = 4096, READ_BYTES = 65536, LOOK_MS = 500 };
static const double end_grace = 0.5;

struct process {
    char **argv, *folder, *log_path;
    pid_t child;           // 0: not running
    int pipe[N_PIPES];     // our ends; -1: closed
    int status;            // of the last one that ended
    char *answer;          // what it said, not given out yet
    size_t held, room;     // bytes of it
    size_t given;          // of the line that was given out last, with its line feed
    int log;               // its stderr is written here; -1: not yet
    size_t logged;         // bytes
    char tail[TAIL_BYTES]; // of stderr, its last bytes
    size_t tail_length;
};

/* ---- ending ---- */

void process_status_words(int status, char out[PROCESS_WORDS])
{
    if (WIFSIGNALED(status))
        snprintf(out, PROCESS_WORDS, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, PROCESS_WORDS, "exit code %d", WEXITSTATUS(status));
}

// Ended, but not reaped: its number and that of its group stay its own.
static bool is_gone(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
}

static bool gone_within(pid_t child, double seconds)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    double start = log_clock();
    while (!is_gone(child)) {
        if (log_clock() - start >= seconds)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

int process_reap(pid_t child, int number, double grace)
{
    int status = 0;
    if (number != 0)
        kill(-child, number);
    gone_within(child, grace);
    kill(-child, SIGKILL); // it, or what it may have left behind
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

static void close_pipes(process_t *p)
{
    for (int i = 0; i < N_PIPES; i++) {
        if (p->pipe[i] >= 0)
            close(p->pipe[i]);
        p->pipe[i] = -1;
    }
}

/* ---- its stderr ---- */

static void open_log(process_t *p)
{
    p->log = open(p->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (p->log < 0) {
        log_warning("%s can not be written: %s", p->log_path, strerror(errno));
        free(p->log_path);
        p->log_path = NULL;
    } else if (p->tail_length > 0 && write(p->log, p->tail, p->tail_length) < 0) {
        p->logged = PROCESS_LOG_BYTES;
    }
}

static void keep_log(process_t *p, const char *text, size_t n)
{
    static const char full[] = "\n(this log is full: what follows is not kept)\n";
    if (p->log_path == NULL || p->logged >= PROCESS_LOG_BYTES)
        return;
    if (p->log < 0)
        open_log(p);
    if (p->log < 0)
        return;
    p->logged += n;
    bool whole = p->logged < PROCESS_LOG_BYTES;
    if (write(p->log, whole ? text : full, whole ? n : sizeof full - 1) < 0)
        p->logged = PROCESS_LOG_BYTES; // a full disk is met by what matters more
}

static void keep_tail(process_t *p, const char *text, size_t n)
{
    if (n > TAIL_BYTES) {
        text += n - TAIL_BYTES;
        n = TAIL_BYTES;
    }
    size_t old = p->tail_length + n > TAIL_BYTES ? TAIL_BYTES - n : p->tail_length;
    memmove(p->tail, p->tail + p->tail_length - old, old);
    memcpy(p->tail + old, text, n);
    p->tail_length = old + n;
}

// Takes what is there; closes the pipe at its end.
static void read_errors(process_t *p)
{
    char text[READ_BYTES];
    while (p->pipe[ERROR] >= 0) {
        ssize_t n = read(p->pipe[ERROR], text, sizeof text);
        if (n > 0) {
            keep_log(p, text, (size_t)n);
            keep_tail(p, text, (size_t)n);
        }
        if (n < (ssize_t)sizeof text) {
            if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                close(p->pipe[ERROR]);
                p->pipe[ERROR] = -1;
            }
            return;
        }
    }
}

static void last_line(const process_t *p, char *out, size_t cap)
{
    size_t end = p->tail_length;
    while (end > 0 && isspace((unsigned char)p->tail[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && p->tail[begin - 1] != '\n' && end - begin < cap - 1)
        begin--;
    row_words(p->tail + begin, end - begin, cap, out);
}

void process_obituary(const process_t *p, char out[PROCESS_WORDS])
{
    char how[PROCESS_WORDS], said[PROCESS_WORDS / 2];
    process_status_words(p->status, how);
    last_line(p, said, sizeof said);
    snprintf(out, PROCESS_WORDS, "%.60s%s%s", how, said[0] != '\0' ? "; it said: " : "", said);
}

/* ---- making and ending ---- */

process_t *process_create(const char *const *argv, const char *folder)
{
    process_t *p = MEM_NEW(process_t, 1);
    int n = 0;
    while (argv[n] != NULL)
        n++;
    p->argv = MEM_NEW(char *, n + 1);
    for (int i = 0; i < n; i++)
        p->argv[i] = mem_copy_text(argv[i]);
    p->folder = mem_copy_text(folder);
    p->log = -1;
    for (int i = 0; i < N_PIPES; i++)
        p->pipe[i] = -1;
    return p;
}

void process_log_to(process_t *p, const char *path)
{
    CHECK(p->log < 0, "the log is open already");
    free(p->log_path);
    p->log_path = mem_copy_text(path);
    if (p->tail_length > 0)
        open_log(p);
}

bool process_running(const process_t *p)
{
    return p->child > 0;
}

bool process_gone(process_t *p)
{
    read_errors(p);
    return p->child > 0 && is_gone(p->child);
}

void process_end(process_t *p)
{
    if (p->child == 0)
        return;
    if (p->pipe[IN] >= 0)
        close(p->pipe[IN]);
    p->pipe[IN] = -1;
    p->status = process_reap(p->child, SIGTERM, end_grace);
    p->child = 0;
    read_errors(p);
    close_pipes(p);
    p->held = p->given = 0;
}

void process_destroy(process_t **process)
{
    process_t *p = *process;
    if (p == NULL)
        return;
    process_end(p);
    if (p->log >= 0)
        close(p->log);
    for (char **word = p->argv; *word != NULL; word++)
        free(*word);
    free(p->argv);
    free(p->folder);
    free(p->log_path);
    free(p->answer);
    free(p);
    *process = NULL;
}

/* ---- starting ---- */

static bool of_mpi(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PMI_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

// The environment without MPI's own variables: a child that is linked to MPI would take itself for this rank. The texts are
// those of `environ`.
static char **clean_environment(void)
{
    int n = 0, kept = 0;
    while (environ[n] != NULL)
        n++;
    char **clean = MEM_NEW(char *, n + 1);
    for (int i = 0; i < n; i++)
        if (!of_mpi(environ[i]))
            clean[kept++] = environ[i];
    return clean;
}

typedef struct {
    process_t *process;
    char **environment;
    int end[N_PIPES]; // the child's ends
    sigset_t before;
    pid_t parent;
    volatile int error; // errno of the child's failure; the memory is ours, see spawn()
} spawn_t;

_Noreturn static void spawn_child(spawn_t *s)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    bool fine = getppid() == s->parent && chdir(s->process->folder) == 0;
    for (int i = 0; i < N_PIPES && fine; i++)
        fine = dup2(s->end[i], i) >= 0;
    if (fine) {
        close_range(N_PIPES, ~0U, 0);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvpe(s->process->argv[0], s->process->argv, s->environment);
    }
    s->error = errno != 0 ? errno : ESRCH;
    _exit(127);
}

// vfork: the child runs in our memory until it executes, so nothing is copied (a rank may be large), no handler that MPI
// registered for forks runs, and a failure is seen in s->error. All signals are blocked meanwhile.
static pid_t spawn(spawn_t *s)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &s->before);
    s->parent = getpid();
    s->error = 0;
    pid_t child = vfork();
    if (child == 0)
        spawn_child(s);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    return child;
}

static err_t make_pipes(process_t *p, spawn_t *s)
{
    for (int i = 0; i < N_PIPES; i++)
        s->end[i] = -1;
    for (int i = 0; i < N_PIPES; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return err_errno(ERR_IO, "%s: no pipe to it", p->argv[0]);
        // the child's ends above those that they are put on
        int theirs = fcntl(ends[i != IN], F_DUPFD_CLOEXEC, N_PIPES);
        close(ends[i != IN]);
        s->end[i] = theirs;
        p->pipe[i] = ends[i == IN];
        if (theirs < 0 || fcntl(p->pipe[i], F_SETFL, O_NONBLOCK) != 0)
            return err_errno(ERR_IO, "%s: no pipe to it", p->argv[0]);
    }
    return OK;
}

err_t process_start(process_t *p)
{
    CHECK(p->child == 0, "%s runs already", p->argv[0]);
    spawn_t s = {.process = p};
    err_t err = make_pipes(p, &s);
    if (err == OK) {
        s.environment = clean_environment();
        p->tail_length = 0;
        p->child = spawn(&s);
        free(s.environment);
        if (p->child < 0)
            err = err_errno(ERR_IO, "%s: no process for it", p->argv[0]);
    }
    for (int i = 0; i < N_PIPES; i++)
        if (s.end[i] >= 0)
            close(s.end[i]);
    if (err == OK && s.error != 0) {
        errno = s.error;
        err = err_errno(ERR_MISSING, "%s can not be started in %s", p->argv[0], p->folder);
        process_reap(p->child, 0, end_grace);
    }
    if (err != OK) {
        close_pipes(p);
        p->child = 0;
    }
    return err;
}

/* ---- asking ---- */

ssize_t process_write(int pipe, const void *bytes, size_t n)
{
    static const struct timespec at_once = {0};
    sigset_t pipe_signal, before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = write(pipe, bytes, n);
    int error = errno;
    if (written < 0 && error == EPIPE)
        sigtimedwait(&pipe_signal, NULL, &at_once); // the one we made
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

// Writes what the pipe takes; a reader that is gone is seen at its stdout.
static void send_some(process_t *p, const char *text, size_t length, size_t *sent)
{
    ssize_t n = process_write(p->pipe[IN], text + *sent, length - *sent);
    if (n < 0 && errno == EPIPE)
        *sent = length;
    if (n > 0)
        *sent += (size_t)n;
}

typedef enum { READ_MORE, READ_NOTHING, READ_END } read_t;

static read_t read_some(process_t *p, size_t limit)
{
    if (p->held + READ_BYTES + 1 > p->room) {
        p->room = 2 * p->room + READ_BYTES + 1;
        p->answer = MEM_GROW(p->answer, char, p->room);
    }
    size_t most = limit + 1 - p->held < READ_BYTES ? limit + 1 - p->held : READ_BYTES;
    ssize_t n = read(p->pipe[OUT], p->answer + p->held, most);
    if (n > 0)
        p->held += (size_t)n;
    if (n > 0)
        return READ_MORE;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? READ_NOTHING : READ_END;
}

static bool give_line(process_t *p, size_t seen, const char **line, size_t *length)
{
    char *end = memchr(p->answer + seen, '\n', p->held - seen);
    if (end == NULL)
        return false;
    *end = '\0';
    *line = p->answer;
    *length = (size_t)(end - p->answer);
    p->given = *length + 1;
    return true;
}

static void wait_for(process_t *p, bool sending, double left)
{
    struct pollfd fds[N_PIPES] = {{.fd = sending ? p->pipe[IN] : -1, .events = POLLOUT},
                                  {.fd = p->pipe[OUT], .events = POLLIN},
                                  {.fd = p->pipe[ERROR], .events = POLLIN}};
    int ms = left < 1e-3 * LOOK_MS ? (int)(1e3 * left) + 1 : LOOK_MS;
    poll(fds, N_PIPES, ms);
    if (fds[ERROR].revents != 0)
        read_errors(p);
}

process_outcome_t process_ask(process_t *p, const char *text, size_t length, size_t limit,
                              double seconds, const char **line, size_t *line_length)
{
    double start = log_clock();
    size_t sent = 0, seen = 0;
    p->held = p->held > p->given ? p->held - p->given : 0;
    p->given = 0;
    if (p->held > 0 || read_some(p, limit) == READ_MORE)
        return PROCESS_UNASKED;
    for (;;) {
        if (sent < length)
            send_some(p, text, length, &sent);
        bool gone = is_gone(p->child); // although a child of its own may keep its stdout open
        read_t got = read_some(p, limit);
        if (got == READ_MORE && give_line(p, seen, line, line_length))
            return PROCESS_ANSWERED;
        if (p->held > limit)
            return PROCESS_ENDLESS;
        if (got == READ_END || (got == READ_NOTHING && gone)) {
            gone_within(p->child, end_grace); // so that its exit code is its own
            return PROCESS_DIED;
        }
        seen = p->held;
        double left = start + seconds - log_clock();
        if (left <= 0)
            return PROCESS_TIMEOUT;
        if (got == READ_NOTHING)
            wait_for(p, sent < length, left);
    }
}
