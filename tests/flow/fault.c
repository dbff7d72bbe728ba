// SPDX-License-Identifier: Apache-2.0
//
// Loaded before the C library (LD_PRELOAD): the n-th call of one kind on a path that holds FAULT_PART fails.
//     FAULT_KIND   write, sync, rename, open (for writing), reserve, truncate, close, unlink, mkdir or link
//     FAULT_AT     n, from 1, counted in each process
//     FAULT_ERROR  ENOSPC, EIO, EDQUOT, EINTR; or "short": a write that takes half of its bytes and says so
//     FAULT_STAYS  set: every later call of this kind fails too, as on a full disk
//     FAULT_RANK   only in this rank (OMPI_COMM_WORLD_RANK)
//     FAULT_LOG    file that gets a line "KIND N PATH" for each failure
// What fails is not done at all, but for close, which closes and then says that it failed.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].number;
    return 0;
}

static const char *setting(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? "" : text;
}

static void note(const char *kind, long n, const char *path)
{
    char line[PATH_MAX + 64];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, setting("FAULT_LOG"),
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    int length = snprintf(line, sizeof line, "%s %ld %s\n", kind, n, path);
    if (syscall(SYS_write, fd, line, (size_t)length) != length)
        abort();
    syscall(SYS_close, fd);
}

static bool mine(const char *kind, const char *path)
{
    const char *part = setting("FAULT_PART"), *rank = setting("FAULT_RANK");
    return strcmp(setting("FAULT_KIND"), kind) == 0 && part[0] != '\0' && path != NULL &&
           strstr(path, part) != NULL &&
           (rank[0] == '\0' || strcmp(rank, setting("OMPI_COMM_WORLD_RANK")) == 0);
}

// Whether this call fails; errno is then set.
static bool fails(const char *kind, const char *path)
{
    if (!mine(kind, path))
        return false;
    long n = atomic_fetch_add(&calls, 1) + 1, at = atol(setting("FAULT_AT"));
    if (n != at && !(n > at && setting("FAULT_STAYS")[0] != '\0'))
        return false;
    note(kind, n, path);
    errno = error_of(setting("FAULT_ERROR"));
    return true;
}

static bool fd_fails(const char *kind, int fd)
{
    char link[64], path[PATH_MAX];
    if (strcmp(setting("FAULT_KIND"), kind) != 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    int before = errno;
    bool failed = fails(kind, path);
    if (!failed)
        errno = before;
    return failed;
}

/* ---- writing ---- */

// How many of n bytes may be written: all, half (of one: one), or none (-1).
static ssize_t allowed(int fd, size_t n)
{
    if (!fd_fails("write", fd))
        return (ssize_t)n;
    return errno != 0 ? -1 : (ssize_t)(n - n / 2);
}

ssize_t write(int fd, const void *data, size_t n)
{
    ssize_t may = allowed(fd, n);
    return may < 0 ? -1 : syscall(SYS_write, fd, data, (size_t)may);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    ssize_t may = allowed(fd, n);
    return may < 0 ? -1 : syscall(SYS_pwrite64, fd, data, (size_t)may, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return pwrite64(fd, data, n, at);
}

static size_t bytes_of(const struct iovec *piece, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += piece[i].iov_len;
    return sum;
}

// Pieces one by one, until `may` bytes are written. at < 0: where the file stands.
static ssize_t write_pieces(int fd, const struct iovec *piece, int n, off64_t at, size_t may)
{
    size_t done = 0;
    for (int i = 0; i < n && done < may; i++) {
        size_t want = piece[i].iov_len < may - done ? piece[i].iov_len : may - done;
        ssize_t wrote =
            at < 0 ? syscall(SYS_write, fd, piece[i].iov_base, want)
                   : syscall(SYS_pwrite64, fd, piece[i].iov_base, want, at + (off64_t)done);
        if (wrote < 0)
            return done > 0 ? (ssize_t)done : -1;
        done += (size_t)wrote;
        if ((size_t)wrote < want)
            break;
    }
    return (ssize_t)done;
}

ssize_t writev(int fd, const struct iovec *piece, int n)
{
    ssize_t may = allowed(fd, bytes_of(piece, n));
    return may < 0 ? -1 : write_pieces(fd, piece, n, -1, (size_t)may);
}

ssize_t pwritev64(int fd, const struct iovec *piece, int n, off64_t at)
{
    ssize_t may = allowed(fd, bytes_of(piece, n));
    return may < 0 ? -1 : write_pieces(fd, piece, n, at, (size_t)may);
}

ssize_t pwritev(int fd, const struct iovec *piece, int n, off_t at)
{
    return pwritev64(fd, piece, n, at);
}

/* ---- files and folders ---- */

static int open_any(int folder, const char *path, int flags, mode_t mode)
{
    if ((flags & O_ACCMODE) != O_RDONLY && fails("open", path))
        return -1;
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_any(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_any(folder, path, flags, mode);
}

int close(int fd)
{
    bool failed = fd_fails("close", fd);
    int error = errno, result = (int)syscall(SYS_close, fd);
    if (failed)
        errno = error;
    return failed ? -1 : result;
}

int fsync(int fd)
{
    return fd_fails("sync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fd_fails("sync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
    return fd_fails("reserve", fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int ftruncate64(int fd, off64_t n)
{
    return fd_fails("truncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int ftruncate(int fd, off_t n)
{
    return ftruncate64(fd, n);
}

int truncate(const char *path, off_t n)
{
    return fails("truncate", path) ? -1 : (int)syscall(SYS_truncate, path, n);
}

int rename(const char *from, const char *to)
{
    return fails("rename", to) ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to)
{
    return fails("link", to) ? -1 : (int)syscall(SYS_link, from, to);
}

int unlink(const char *path)
{
    return fails("unlink", path) ? -1 : (int)syscall(SYS_unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}
