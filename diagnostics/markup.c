// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/markup.h"

#include "cluster/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void text_add_csv(text_t *t, const char *cell)
{
    if (strpbrk(cell, ",\"\r\n") == NULL) {
        text_add_bytes(t, strlen(cell), cell);
        return;
    }
    text_add(t, "\"");
    for (const char *c = cell; *c; c++)
        text_add(t, *c == '"' ? "\"\"" : "%c", *c);
    text_add(t, "\"");
}

void text_add_html(text_t *t, const char *words)
{
    for (const char *c = words; *c; c++) {
        switch (*c) {
        case '&':
            text_add(t, "&amp;");
            break;
        case '<':
            text_add(t, "&lt;");
            break;
        case '>':
            text_add(t, "&gt;");
            break;
        case '"':
            text_add(t, "&quot;");
            break;
        case '\'':
            text_add(t, "&#39;");
            break;
        default:
            text_add_bytes(t, 1, c);
        }
    }
}

void text_add_markdown(text_t *t, const char *words)
{
    for (const char *c = words; *c; c++) {
        if (*c == '\n' || *c == '\r')
            text_add(t, " ");
        else
            text_add(t, strchr("\\`*_[]<>|#", *c) ? "\\%c" : "%c", *c);
    }
}

void text_add_base64(text_t *t, size_t n, const void *bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t word = (uint32_t)b[i] << 16;
        word |= i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0;
        word |= i + 2 < n ? b[i + 2] : 0;
        char four[4] = {digit[word >> 18], digit[word >> 12 & 63], digit[word >> 6 & 63],
                        digit[word & 63]};
        if (i + 2 >= n)
            four[3] = '=';
        if (i + 1 >= n)
            four[2] = '=';
        text_add_bytes(t, 4, four);
    }
}

static err_t file_write_all(int fd, const char *path, size_t n, const char *bytes)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(ERR_IO, "%s: writing failed", path);
        bytes += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0 ? OK : err_errno(ERR_IO, "%s: fsync failed", path);
}

static err_t file_write_new(const char *path, size_t n, const void *bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "%s: can not be written", path);
    err_t err = file_write_all(fd, path, n, bytes);
    if (close(fd) != 0 && err == OK)
        err = err_errno(ERR_IO, "%s: closing failed", path);
    return err;
}

err_t file_replace(const char *path, size_t n, const void *bytes)
{
    char *beside = mem_format("%s.part", path);
    err_t err = file_write_new(beside, n, bytes);
    if (err == OK && rename(beside, path) != 0)
        err = err_errno(ERR_IO, "%s: renaming to %s failed", beside, path);
    if (err != OK)
        unlink(beside);
    free(beside);
    return err;
}

err_t file_read(const char *path, text_t *out)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: can not be read", path);
    char block[16384];
    size_t n;
    *out = text_create();
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        text_add_bytes(out, n, block);
    err_t err = ferror(file) ? err_errno(ERR_IO, "%s: reading failed", path) : OK;
    fclose(file);
    if (err != OK)
        text_free(out);
    return err;
}
