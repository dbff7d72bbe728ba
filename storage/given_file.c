// SPDX-License-Identifier: Apache-2.0
#include "storage/given_file.h"

#include <sys/stat.h>

err_t given_file_check(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        return OK;
    return err_fail(
        ERR_USAGE,
        "%s: it is %s, expected a file: it is read more than once. Write it to a file first", path,
        S_ISFIFO(info.st_mode)   ? "a pipe"
        : S_ISSOCK(info.st_mode) ? "a socket"
                                 : "a device");
}
