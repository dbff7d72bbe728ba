// SPDX-License-Identifier: Apache-2.0
#include "storage/sealed_file.h"

#include "cluster/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *sealed_part(const char *path)
{
    return mem_format("%s.part", path);
}

void sealed_remove_part(const char *path)
{
    char *part = sealed_part(path);
    unlink(part);
    free(part);
}

static err_t sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return err_errno(ERR_IO, "%s: can not be opened to sync it", path);
    err_t err = fsync(fd) == 0 ? OK : err_errno(ERR_IO, "%s: fsync", path);
    close(fd);
    return err;
}

static err_t sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path   ? mem_copy_text("/")
                   : slash != NULL ? mem_format("%.*s", (int)(slash - path), path)
                                   : mem_copy_text(".");
    err_t err = sync_path(folder, O_RDONLY | O_DIRECTORY);
    free(folder);
    return err;
}

err_t sealed_rename(const char *path)
{
    char *part = sealed_part(path);
    err_t err;
    TRY_TO(done, sync_path(part, O_RDONLY));
    if (rename(part, path) != 0)
        TRY_TO(done, err_errno(ERR_IO, "%s: can not become %s", part, path));
    TRY_TO(done, sync_folder_of(path));
done:
    if (err != OK)
        unlink(part);
    free(part);
    return err;
}
