// SPDX-License-Identifier: Apache-2.0
//
// Loaded before the C library (LD_PRELOAD): fsync of files with SLOW_SYNC_PART in their path takes SLOW_SYNC_SECONDS more.
// "begin PID PATH" and "end PID PATH" go to the file SLOW_SYNC_LOG, one write a line.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static int is_slow(const char *path)
{
    const char *part = getenv("SLOW_SYNC_PART");
    return part != NULL && strstr(path, part) != NULL;
}

static void note(const char *what, const char *path)
{
    char line[PATH_MAX + 64];
    const char *log = getenv("SLOW_SYNC_LOG");
    int fd = log == NULL ? -1 : open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    int n = snprintf(line, sizeof line, "%s %ld %s\n", what, (long)getpid(), path);
    if (write(fd, line, (size_t)n) != n)
        abort();
    close(fd);
}

/* Signals do not shorten it. */
static void sleep_whole(void)
{
    const char *seconds = getenv("SLOW_SYNC_SECONDS");
    struct timespec left = {seconds == NULL ? 3 : atoi(seconds), 0};
    while (nanosleep(&left, &left) != 0)
        continue;
}

int fsync(int fd)
{
    char path[PATH_MAX];
    int slow = path_of(fd, path) && is_slow(path);
    if (slow) {
        note("begin", path);
        sleep_whole();
    }
    int result = (int)syscall(SYS_fsync, fd);
    if (slow)
        note("end", path);
    return result;
}
