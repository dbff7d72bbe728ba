// SPDX-License-Identifier: Apache-2.0
//
// A live session holds a lock on its folder; a folder whose lock can be had belongs to a launch that was killed.
#include "cluster/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char session_prefix[] = "infermill-";

enum { SESSION_TRIES = 8, NFTW_FDS = 16 };

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    remove(path);
    return 0;
}

static int session_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    struct stat status;
    bool ours = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 &&
                status.st_uid == geteuid() && status.st_nlink > 0;
    if (ours)
        return fd;
    close(fd);
    return -1;
}

static void session_sweep(const char *base)
{
    DIR *dir = opendir(base);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        session_t old;
        int length = snprintf(old.path, sizeof old.path, "%s/%s", base, entry->d_name);
        if (strncmp(entry->d_name, session_prefix, strlen(session_prefix)) != 0 ||
            length >= (int)sizeof old.path)
            continue;
        old.lock = session_lock(old.path);
        if (old.lock >= 0)
            session_close(&old);
    }
    closedir(dir);
}

static const char *session_base(size_t bytes)
{
    struct statvfs shm;
    bool usable = access("/dev/shm", W_OK | X_OK) == 0 && statvfs("/dev/shm", &shm) == 0 &&
                  (size_t)shm.f_bavail * shm.f_frsize >= bytes;
    return usable ? "/dev/shm" : "/tmp";
}

err_t session_open(size_t bytes, session_t *out)
{
    const char *base = session_base(bytes);
    session_sweep(base);
    for (int i = 0; i < SESSION_TRIES;
         i++) { // a sweep beside us can take the folder before it is locked
        snprintf(out->path, sizeof out->path, "%s/%sXXXXXX", base, session_prefix);
        if (mkdtemp(out->path) == NULL)
            return err_errno(ERR_IO, "can not make a folder in %s", base);
        out->lock = session_lock(out->path);
        if (out->lock >= 0)
            return OK;
    }
    return err_fail(ERR_IO, "can not lock a folder in %s", base);
}

void session_close(session_t *session)
{
    nftw(session->path, remove_entry, NFTW_FDS, FTW_DEPTH | FTW_PHYS);
    close(session->lock);
    session->lock = -1;
}
