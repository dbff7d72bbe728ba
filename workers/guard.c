// SPDX-License-Identifier: Apache-2.0
#include "workers/guard.h"

#include "cluster/err.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { N_CRASHES = sizeof crashes / sizeof *crashes, STACK_BYTES = 1 << 16, MESSAGE_BYTES = 1024 };

// A signal handler is handed nothing, so what it tells lies here.
static struct {
    bool inside;
    const char *where;
    const int64_t *first;
    const _Atomic int64_t *row;
    struct sigaction before[N_CRASHES];
    stack_t stack_before;
    char stack[STACK_BYTES]; // the plugin's own may have overflowed
} fence;

typedef struct {
    char text[MESSAGE_BYTES];
    size_t n;
} message_t;

static void add(message_t *m, const char *text)
{
    for (; *text != '\0' && m->n < sizeof m->text; text++)
        m->text[m->n++] = *text;
}

static void add_number(message_t *m, int64_t number)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    add(m, at);
}

static const char *name_of(int number)
{
    switch (number) {
    case SIGSEGV:
        return "segmentation fault";
    case SIGBUS:
        return "bus error";
    case SIGFPE:
        return "arithmetic error";
    case SIGILL:
        return "illegal instruction";
    default:
        return "abort";
    }
}

// Only what is safe in a signal handler: no stdio, no memory.
static void on_crash(int number)
{
    message_t m = {.n = 0};
    add(&m, "error: the simulator plugin ");
    add(&m, fence.where);
    add(&m, " crashed (");
    add(&m, name_of(number));
    if (fence.first == NULL) {
        add(&m, ") while it was loaded\n");
    } else {
        add(&m, ") in row ");
        add_number(&m, *fence.first + atomic_load(fence.row));
        add(&m, "; with `model: {plugin: ..., isolate: true}` such rows are marked and the "
                "campaign goes on\n");
    }
    ssize_t written = write(STDERR_FILENO, m.text, m.n);
    (void)written;
    _exit(1);
}

void guard_enter(const char *where, const int64_t *first, const _Atomic int64_t *row)
{
    CHECK(!fence.inside, "%s: a plugin is being called already", where);
    fence.inside = true;
    fence.where = where;
    fence.first = first;
    fence.row = row;
    stack_t stack = {.ss_sp = fence.stack, .ss_size = sizeof fence.stack};
    sigaltstack(&stack, &fence.stack_before);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < N_CRASHES; i++)
        sigaction(crashes[i], &action, &fence.before[i]);
}

void guard_leave(void)
{
    for (int i = 0; i < N_CRASHES; i++)
        sigaction(crashes[i], &fence.before[i], NULL);
    sigaltstack(&fence.stack_before, NULL);
    fence.inside = false;
}
