// SPDX-License-Identifier: Apache-2.0
#include "workers/isolate.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "workers/native.h"
#include "workers/process.h"
#include "workers/row.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT_BYTES = 512, MOST_BYTES = 4 << 20 };
static const double create_seconds = 300; // for a plugin to make its state
static const double end_grace = 1.0;

/* In shared memory: this, then the arrays of the rows, then their reasons. */
typedef struct {
    request_t request; // its `rows` is not used
    native_progress_t progress;
    err_t err; // of native_run
    char text[TEXT_BYTES];
} shared_t;

typedef struct {
    const infermill_simulator_t *table;
    const schema_t *schema;
    const char *where;
    double timeout;
    shared_t *shared;
    size_t bytes; // of the shared memory
    rows_t rows;  // the shared ones
    char (*reason)[ROW_REASON_CAP];
    pid_t child;     // 0: none
    int ask, answer; // our ends of the pipes
    int deaths;      // in a row, without a finished row
} isolate_t;

/* ---- shared memory ---- */

static void *take(char **at, int64_t count, size_t size)
{
    void *here = *at;
    *at += ((size_t)count * size + 63) / 64 * 64;
    return here;
}

// Lays the block out; with base NULL only its size is counted.
static size_t lay_out(isolate_t *s, char *base, int64_t n)
{
    const schema_t *schema = s->schema;
    char *at = base;
    rows_t *rows = &s->rows;
    s->shared = take(&at, 1, sizeof *s->shared);
    rows->schema = schema;
    rows->capacity = n;
    rows->index = take(&at, n, sizeof *rows->index);
    rows->status = take(&at, n, sizeof *rows->status);
    rows->seconds = take(&at, n, sizeof *rows->seconds);
    rows->parameters = take(&at, n * schema->n_parameters, sizeof *rows->parameters);
    rows->design = take(&at, n * schema->n_design, sizeof *rows->design);
    rows->length = take(&at, n * schema->n_observables, sizeof *rows->length);
    for (int o = 0; o < schema->n_observables; o++)
        rows->observables[o] = take(&at, n * schema_size(&schema->observables[o]), sizeof(float));
    s->reason = take(&at, n, sizeof *s->reason);
    return (size_t)(at - base);
}

static void share(isolate_t *s)
{
    int64_t fit = MOST_BYTES / (int64_t)(rows_bytes(s->schema) + ROW_REASON_CAP);
    int64_t n = fit < 1 ? 1 : fit < REQUEST_MOST_ROWS ? fit : REQUEST_MOST_ROWS;
    s->rows.observables = MEM_NEW(float *, s->schema->n_observables);
    s->rows.reason = MEM_NEW(char *, n); // of the child alone
    s->bytes = lay_out(s, NULL, n);
    void *memory = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED, "no %zu bytes of shared memory", s->bytes);
    lay_out(s, memory, n);
}

/* ---- the child ---- */

static void keep_reasons(isolate_t *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const char *words = s->rows.reason[i];
        snprintf(s->reason[i], sizeof s->reason[i], "%s", words == NULL ? "" : words);
    }
}

static void child_answer(isolate_t *s, native_t **native)
{
    shared_t *shared = s->shared;
    request_t request = shared->request;
    int64_t done;
    request.rows = &s->rows;
    request.at = 0;
    shared->err = OK;
    if (*native == NULL)
        shared->err =
            native_create(s->table, s->schema, s->where, false, NULL, &shared->progress, native);
    if (shared->err == OK)
        shared->err = native_run(*native, &request, &done);
    if (shared->err != OK)
        snprintf(shared->text, sizeof shared->text, "%s", err_text());
    keep_reasons(s, request.n);
}

static void child_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Keeps nothing of the parent open: neither its sockets nor its files should outlive it here.
static void child_files(int ask, int answer)
{
    int low = ask < answer ? ask : answer, high = ask < answer ? answer : ask;
    if (low > 3)
        close_range(3, (unsigned)low - 1, 0);
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
}

_Noreturn static void child_main(isolate_t *s, int ask, int answer, pid_t parent)
{
    native_t *native = NULL;
    char byte;
    struct rlimit no_core = {0, 0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setrlimit(RLIMIT_CORE, &no_core); // a crash is told by its row
    child_signals();
    child_files(ask, answer);
    while (read(ask, &byte, 1) == 1) {
        child_answer(s, &native);
        if (write(answer, &byte, 1) != 1)
            break;
    }
    native_destroy(&native);
    _exit(0);
}

static err_t start(isolate_t *s)
{
    int ask[2], answer[2];
    if (pipe2(ask, O_CLOEXEC) != 0)
        return err_errno(ERR_IO, "%s: no pipe to its process", s->where);
    if (pipe2(answer, O_CLOEXEC) != 0) {
        err_t err = err_errno(ERR_IO, "%s: no pipe to its process", s->where);
        close(ask[0]);
        close(ask[1]);
        return err;
    }
    pid_t parent = getpid();
    s->child = fork();
    if (s->child == 0)
        child_main(s, ask[0], answer[1], parent);
    if (s->child > 0)
        setpgid(s->child, s->child); // here too: whoever is first
    close(ask[0]);
    close(answer[1]);
    s->ask = ask[1];
    s->answer = answer[0];
    if (s->child > 0)
        return OK;
    err_t err = err_errno(ERR_IO, "%s: no process for it", s->where);
    close(s->ask);
    close(s->answer);
    s->child = 0;
    return err;
}

/* ---- the parent ---- */

static int end(isolate_t *s, int number)
{
    close(s->ask);
    close(s->answer);
    int status = process_reap(s->child, number, number == SIGKILL ? 0 : end_grace);
    s->child = 0;
    return status;
}

// Seconds until the call that the child is in takes too long; INFINITY without a limit.
static double time_left(const isolate_t *s)
{
    const native_progress_t *p = &s->shared->progress;
    int64_t row = atomic_load(&p->row), count = atomic_load(&p->count);
    double limit = row < 0 ? create_seconds : s->timeout * (double)(count > 0 ? count : 1);
    if (row >= 0 && s->timeout <= 0)
        return INFINITY;
    return atomic_load(&p->started) + limit - log_clock();
}

typedef enum { ANSWERED, DIED, LATE } outcome_t;

static outcome_t wait_for(isolate_t *s)
{
    struct pollfd from = {.fd = s->answer, .events = POLLIN};
    for (;;) {
        double left = time_left(s);
        if (s->timeout > 0 && left > s->timeout)
            left = s->timeout; // the child may come to a call with less time
        int ms = left > 1e3 ? 1000000 : left <= 0 ? 0 : (int)(1e3 * left) + 1;
        int ready = poll(&from, 1, ms);
        char byte;
        if (ready > 0)
            return read(s->answer, &byte, 1) == 1 ? ANSWERED : DIED;
        if (ready == 0 && time_left(s) <= 0)
            return LATE;
    }
}

static outcome_t ask(isolate_t *s)
{
    return process_write(s->ask, "", 1) == 1 ? wait_for(s) : DIED;
}

static void hand_over(isolate_t *s, const request_t *r, int64_t from, int64_t n, bool fresh)
{
    const schema_t *schema = s->schema;
    native_progress_t *p = &s->shared->progress;
    s->shared->request = *r;
    s->shared->request.first = r->first + from;
    s->shared->request.n = n;
    atomic_store(&p->done, 0);
    atomic_store(&p->row, fresh ? -1 : 0);
    atomic_store(&p->count, 1);
    atomic_store(&p->started, log_clock());
    for (int64_t i = 0; i < n; i++) {
        row_unknown(&s->rows, i);
        if (!r->given)
            continue;
        memcpy(&s->rows.parameters[i * schema->n_parameters],
               &r->rows->parameters[(r->at + from + i) * schema->n_parameters],
               (size_t)schema->n_parameters * sizeof(double));
        if (schema->n_design > 0)
            memcpy(&s->rows.design[i * schema->n_design],
                   &r->rows->design[(r->at + from + i) * schema->n_design],
                   (size_t)schema->n_design * sizeof(double));
    }
}

static void fetch(isolate_t *s, const request_t *r, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        rows_copy(&s->rows, i, r->rows, r->at + from + i);
        rows_set_reason(r->rows, r->at + from + i, s->reason[i]);
    }
    if (n > 0)
        s->deaths = 0;
}

// Row `row` of those asked for is the one that the child died of.
static err_t mark_failed(isolate_t *s, const request_t *r, int64_t from, int64_t row, bool late,
                         int status)
{
    char how[PROCESS_WORDS], why[ROW_REASON_CAP];
    int64_t index = r->first + from + row, at = r->at + from + row;
    process_status_words(status, how);
    if (late)
        snprintf(why, sizeof why, "longer than %g s", s->timeout);
    else
        snprintf(why, sizeof why, "the plugin ended with %s", how);
    s->rows.seconds[row] = log_clock() - atomic_load(&s->shared->progress.started);
    rows_copy(&s->rows, row, r->rows, at);
    row_fail(r->rows, at, index, late ? ROW_TIMEOUT : ROW_CRASHED, why);
    s->deaths += !late;
    if (s->deaths < MOST_DEATHS)
        return OK;
    return err_fail(ERR_SIMULATOR,
                    "%s: died %d times without finishing a row, the last time in row %ld: %s",
                    s->where, s->deaths, (long)index, why);
}

// The child died in rows [from, ...) of the request, or is too late: what it was at is marked, where that is one row. Of a
// batch nobody knows which; and a late one may have gone on before it was ended. Such rows are asked for again.
static err_t mourn(isolate_t *s, const request_t *r, int64_t from, bool late, int64_t *done)
{
    const native_progress_t *p = &s->shared->progress;
    char how[PROCESS_WORDS];
    int64_t seen = atomic_load(&p->row);
    int status = end(s, late ? SIGKILL : 0);
    int64_t row = atomic_load(&p->row);
    *done = atomic_load(&p->done);
    process_status_words(status, how);
    if (row < 0)
        return err_fail(ERR_SIMULATOR, "%s: the plugin %s%s while it made its state", s->where,
                        late ? "was silent" : "ended with ", late ? "" : how);
    fetch(s, r, from, *done);
    if (row != seen || row != *done || atomic_load(&p->count) > 1)
        return OK;
    ++*done;
    return mark_failed(s, r, from, row, late, status);
}

// Rows [from, from + n) of the request; finishes the first *done of them, perhaps not all.
static err_t serve(isolate_t *s, const request_t *r, int64_t from, int64_t n, int64_t *done)
{
    bool fresh = s->child == 0;
    if (fresh)
        TRY(start(s));
    hand_over(s, r, from, n, fresh);
    outcome_t outcome = ask(s);
    if (outcome != ANSWERED)
        return mourn(s, r, from, outcome == LATE, done);
    *done = s->shared->err == OK ? n : atomic_load(&s->shared->progress.done);
    fetch(s, r, from, *done);
    if (s->shared->err == OK)
        return OK;
    return err_fail((err_code_t)-s->shared->err, "%s", s->shared->text);
}

static err_t isolate_run(void *self, const request_t *r, int64_t *done)
{
    isolate_t *s = self;
    bool singly = false; // after a death: the rest of this request
    while (*done < r->n) {
        int64_t left = r->n - *done, finished = 0;
        int64_t n = singly ? 1 : left < s->rows.capacity ? left : s->rows.capacity;
        err_t err = serve(s, r, *done, n, &finished);
        *done += finished;
        TRY(err);
        singly = singly || finished < n;
    }
    return OK;
}

static void isolate_close(void *self)
{
    isolate_t *s = self;
    if (s->child > 0)
        end(s, 0);
    munmap(s->shared, s->bytes);
    free(s->rows.observables);
    free(s->rows.reason);
    free(s);
}

void *isolate_create(const infermill_simulator_t *table, const schema_t *schema, const char *where,
                     double timeout, engine_t *engine)
{
    isolate_t *s = MEM_NEW(isolate_t, 1);
    *s = (isolate_t){.table = table, .schema = schema, .where = where, .timeout = timeout};
    share(s);
    *engine = (engine_t){.run = isolate_run,
                         .close = isolate_close,
                         .needs_prior = table->prior == NULL,
                         .groups = true};
    return s;
}
