// SPDX-License-Identifier: Apache-2.0
#include "cluster/key_file.h"

#include "cluster/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { LINE_CAP = 128, KEY_LENGTH = WIRE_KEY_CAP - 1, KEY_BYTES = 32, OTHERS = 077 };

static const char *const prefixes[] = {
    [KEY_PUBLIC] = "infermill-public-key ", [KEY_SECRET] = "infermill-secret-key "};

/* ---- reading ---- */

static err_t check_mode(int file, const char *path)
{
    struct stat is;
    if (fstat(file, &is) != 0)
        return err_errno(ERR_IO, "%s", path);
    if (is.st_mode & OTHERS)
        return err_fail(ERR_USAGE,
                        "%s: mode %04o, expected 0600: others may read this secret key. Run: chmod "
                        "600 '%s'",
                        path, (unsigned)is.st_mode & 07777, path);
    return OK;
}

static err_t read_line(const char *path, key_kind_t kind, char line[LINE_CAP])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "key file %s", path);
    err_t err = kind == KEY_SECRET ? check_mode(file, path) : OK;
    ssize_t n = err == OK ? read(file, line, LINE_CAP - 1) : 0;
    if (n < 0)
        err = err_errno(ERR_IO, "key file %s", path);
    line[n > 0 ? n : 0] = '\0';
    close(file);
    return err;
}

static bool holds(const char *line, key_kind_t kind)
{
    return strncmp(line, prefixes[kind], strlen(prefixes[kind])) == 0;
}

static err_t parse_line(const char *path, key_kind_t kind, const char *line, char key[WIRE_KEY_CAP])
{
    uint8_t bytes[KEY_BYTES];
    const char *text = line + strlen(prefixes[kind]);
    if (kind == KEY_PUBLIC && holds(line, KEY_SECRET))
        return err_fail(ERR_FORMAT,
                        "%s: holds a secret key, expected a public one (NAME.public). A secret key "
                        "stays where it was made",
                        path);
    if (!holds(line, kind) || strcspn(text, "\r\n") != KEY_LENGTH)
        return err_fail(ERR_FORMAT, "%s: expected one line, \"%s\" and %d characters", path,
                        prefixes[kind], KEY_LENGTH);
    memcpy(key, text, KEY_LENGTH);
    key[KEY_LENGTH] = '\0';
    if (zmq_z85_decode(bytes, key) == NULL)
        return err_fail(ERR_FORMAT, "%s: its key is damaged (not Z85)", path);
    explicit_bzero(bytes, sizeof bytes);
    return OK;
}

err_t key_file_read(const char *path, key_kind_t kind, char key[WIRE_KEY_CAP])
{
    char line[LINE_CAP];
    err_t err = read_line(path, kind, line);
    if (err == OK)
        err = parse_line(path, kind, line, key);
    explicit_bzero(line, sizeof line);
    return err;
}

/* ---- writing ---- */

static bool write_line(int file, key_kind_t kind, const char *key)
{
    char line[LINE_CAP];
    int n = snprintf(line, sizeof line, "%s%s\n", prefixes[kind], key);
    bool written = fchmod(file, kind == KEY_SECRET ? 0600 : 0644) == 0 &&
                   write(file, line, (size_t)n) == n && fsync(file) == 0;
    explicit_bzero(line, sizeof line);
    return written;
}

// A secret is linked into place, which fails where there is one.
static err_t put_in_place(const char *beside, const char *path, key_kind_t kind)
{
    int failed = kind == KEY_SECRET ? link(beside, path) : rename(beside, path);
    if (failed && errno == EEXIST)
        return err_fail(ERR_FAILED, "%s: there is a key of this name; it is kept", path);
    return failed ? err_errno(ERR_IO, "%s can not be written", path) : OK;
}

err_t key_file_write(const char *path, key_kind_t kind, const char key[WIRE_KEY_CAP])
{
    const char *slash = strrchr(path, '/');
    char *beside = mem_format("%.*s.key-XXXXXX", slash != NULL ? (int)(slash + 1 - path) : 0, path);
    int file = mkostemp(beside, O_CLOEXEC);
    err_t err = OK;
    if (file < 0)
        err = err_errno(ERR_IO, "%s can not be written", path);
    else if (!write_line(file, kind, key))
        err = err_errno(ERR_IO, "%s can not be written", path);
    else
        err = put_in_place(beside, path, kind);
    if (file >= 0) {
        close(file);
        unlink(beside); // gone already where it was renamed
    }
    free(beside);
    return err;
}
