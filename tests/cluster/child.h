/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a function in a child process, so that it may die, catch signals or change process-wide state, and takes what it
 * says on stderr.
 */
#ifndef TESTS_CLUSTER_CHILD_H
#define TESTS_CLUSTER_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_CAP = 16384 };

/* Returns the wait status; `said` holds stderr. The child exits with 0 where the body returns. */
static inline int child_run(void (*body)(void), char said[CHILD_CAP])
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used + 1 < CHILD_CAP && (got = read(ends[0], said + used, CHILD_CAP - 1 - used)) > 0)
        used += (size_t)got;
    said[used] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
}

/* Did the body end in die(), saying these words? */
static inline bool child_dies(void (*body)(void), const char *words)
{
    char said[CHILD_CAP];
    int status = child_run(body, said);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(said, words) != NULL;
    if (!died)
        fprintf(stderr, "wait status %d, said: %s\n", status, said);
    return died;
}

#endif
