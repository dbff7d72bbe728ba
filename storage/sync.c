// SPDX-License-Identifier: Apache-2.0
#include "storage/sync.h"

#include "cluster/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

err_t sync_make_folder(const char *path)
{
    char *copy = mem_copy_text(path);
    err_t err = OK;
    for (char *at = copy; err == OK && at != NULL;) {
        at = strchr(at + 1, '/');
        if (at != NULL)
            *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            err = err_errno(ERR_IO, "%s: the folder can not be made", copy);
        if (at != NULL)
            *at = '/';
    }
    free(copy);
    return err;
}

static err_t sync_opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return err_errno(ERR_IO, "%s", path);
    // some network file systems refuse to sync a folder; they need no sync either
    int failed = fsync(fd) != 0 && errno != EINVAL;
    err_t err = failed ? err_errno(ERR_IO, "%s: sync", path) : OK;
    close(fd);
    return err;
}

void sync_begin(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)sync_file_range(fd, 0, 0,
                          SYNC_FILE_RANGE_WRITE); // a hint: the sync itself tells what failed
    close(fd);
}

err_t sync_file(const char *path)
{
    return sync_opened(path, O_RDONLY);
}

err_t sync_folder_of(const char *path)
{
    char *copy = mem_copy_text(path);
    err_t err = sync_opened(dirname(copy), O_RDONLY | O_DIRECTORY);
    free(copy);
    return err;
}

err_t sync_rename(const char *from, const char *to)
{
    TRY(sync_file(from));
    if (rename(from, to) != 0)
        return err_errno(ERR_IO, "%s: can not become %s", from, to);
    return sync_folder_of(to);
}

// offset < 0: where the file stands
static err_t write_whole(int fd, const char *path, int64_t offset, size_t n, const char *data)
{
    for (size_t done = 0; done < n;) {
        ssize_t wrote = offset < 0
                            ? write(fd, data + done, n - done)
                            : pwrite(fd, data + done, n - done, (off_t)(offset + (int64_t)done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote == 0)
            errno = ENOSPC;
        if (wrote <= 0)
            return err_errno(ERR_IO, "%s: %zu bytes to write", path, n);
        done += (size_t)wrote;
    }
    return OK;
}

err_t sync_write(int fd, const char *path, size_t n, const void *data)
{
    return write_whole(fd, path, -1, n, data);
}

err_t sync_write_at(int fd, const char *path, int64_t offset, size_t n, const void *data)
{
    return write_whole(fd, path, offset, n, data);
}

static err_t write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "%s", path);
    err_t err = sync_write(fd, path, strlen(text), text);
    if (close(fd) != 0 && err == OK)
        err = err_errno(ERR_IO, "%s: close", path);
    return err;
}

err_t sync_replace(const char *path, const char *text)
{
    char *part = mem_format("%s.part-%ld", path, (long)getpid());
    err_t err;
    TRY_TO(done, write_text(part, text));
    TRY_TO(done, sync_rename(part, path));
done:
    if (err != OK)
        unlink(part);
    free(part);
    return err;
}

static err_t look_at_space(const char *path, int fd, int64_t bytes)
{
    struct statvfs space;
    if (fstatvfs(fd, &space) != 0)
        return err_errno(ERR_IO, "%s", path);
    double there = (double)space.f_bavail * (double)space.f_frsize;
    if (there < (double)bytes)
        return err_fail(ERR_IO, "%s: no space for %ld bytes: the disk has %.0f left", path,
                        (long)bytes, there);
    return OK;
}

static err_t reserve(const char *path, int64_t bytes, int mode)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "%s: no place for %ld bytes", path, (long)bytes);
    int failed;
    do
        failed = fallocate(fd, mode, 0, bytes);
    while (failed && errno == EINTR);
    err_t err = OK;
    if (failed && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
        err = look_at_space(path, fd, bytes);
    else if (failed)
        err = err_errno(ERR_IO, "%s: no space for %ld bytes", path, (long)bytes);
    close(fd);
    return err;
}

err_t sync_reserve(const char *path, int64_t bytes)
{
    return reserve(path, bytes, 0);
}

err_t sync_reserve_quietly(const char *path, int64_t bytes)
{
    return reserve(path, bytes, FALLOC_FL_KEEP_SIZE);
}

err_t sync_trim(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || truncate(path, info.st_size) != 0)
        return err_errno(ERR_IO, "%s", path);
    return OK;
}

err_t sync_read_text(const char *path, char **text, int64_t *bytes)
{
    *text = NULL;
    *bytes = 0;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s", path);
    size_t used = 0, cap = 4096, got;
    char *buffer = MEM_GROW(NULL, char, cap);
    while ((got = fread(buffer + used, 1, cap - used - 1, file)) > 0) {
        used += got;
        if (cap - used < 2) {
            cap *= 2;
            buffer = MEM_GROW(buffer, char, cap);
        }
    }
    err_t err = ferror(file) ? err_errno(ERR_IO, "%s", path) : OK;
    fclose(file);
    buffer[used] = '\0';
    if (err != OK) {
        free(buffer);
        return err;
    }
    *text = buffer;
    *bytes = (int64_t)used;
    return OK;
}

void sync_remove_parts(const char *folder, const char *keep)
{
    DIR *listing = opendir(folder);
    if (listing == NULL)
        return;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        if (strstr(entry->d_name, ".part-") != NULL && strstr(entry->d_name, keep) == NULL)
            unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

err_t sync_remove_folder(const char *path)
{
    enum { OPEN_FOLDERS = 8 };
    if (nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return err_fail(ERR_IO, "%s: it can not be removed: %s", path, strerror(errno));
    return OK;
}
