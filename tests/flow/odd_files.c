// SPDX-License-Identifier: Apache-2.0
//
// LD_PRELOAD: a file system that lacks what ODD names: "fcntl" and "flock" refuse locks, "free" grants each lock to everybody,
// "link" knows no hard links, "rename" takes the old file away a moment before the new one is there.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool odd(const char *what)
{
    const char *wanted = getenv("ODD");
    return wanted != NULL && strcmp(wanted, what) == 0;
}

static int refuse(int number)
{
    errno = number;
    return -1;
}

int fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (command == F_SETLK && odd("fcntl"))
        return refuse(ENOLCK);
    if (command == F_SETLK && odd("free"))
        return 0;
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

/* Of files alone: launches lock folders of their own in memory. */
int flock(int fd, int operation)
{
    struct stat info;
    bool file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (file && odd("flock"))
        return refuse(ENOSYS);
    return file && odd("free") ? 0 : (int)syscall(SYS_flock, fd, operation);
}

int link(const char *from, const char *to)
{
    return odd("link") ? refuse(EPERM) : (int)syscall(SYS_link, from, to);
}

int rename(const char *from, const char *to)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    if (odd("rename")) {
        unlink(to);
        nanosleep(&moment, NULL);
    }
    return (int)syscall(SYS_rename, from, to);
}
