// SPDX-License-Identifier: Apache-2.0
#include "cluster/capture.h"

#include "cluster/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(const char *const *argv, const int pipes[2], pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    int code =
        posix_spawnp(child, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static char *read_all(int from)
{
    char piece[4096];
    ssize_t n;
    text_t said = text_create();
    while ((n = read(from, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            text_add_bytes(&said, (size_t)n, piece);
    if (said.length > 0 && said.data[said.length - 1] == '\n')
        said.data[said.length - 1] = '\0';
    return said.data;
}

static err_t end_of(pid_t child, const char *name)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(ERR_IO, "%s: waiting for it", name);
    if (WIFSIGNALED(status))
        return err_fail(ERR_IO, "%s was ended by signal %d", name, WTERMSIG(status));
    return WEXITSTATUS(status) == 0
               ? OK
               : err_fail(ERR_IO, "%s ended with %d", name, WEXITSTATUS(status));
}

err_t capture_run(const char *const *argv, char **text)
{
    int pipes[2];
    pid_t child;
    *text = NULL;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return err_errno(ERR_IO, "%s: no pipe", argv[0]);
    int code = start(argv, pipes, &child);
    close(pipes[1]);
    if (code != 0) {
        close(pipes[0]);
        errno = code;
        return err_errno(code == ENOENT ? ERR_MISSING : ERR_IO, "%s can not be run", argv[0]);
    }
    char *said = read_all(pipes[0]);
    close(pipes[0]);
    err_t err = end_of(child, argv[0]);
    if (err == OK)
        *text = said;
    else
        free(said);
    return err;
}
