// SPDX-License-Identifier: Apache-2.0
#include "cluster/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_CAP = 2048, TRACE_CAP = 1024 };

static _Thread_local char err_cause[TEXT_CAP];
static _Thread_local char err_frames[TRACE_CAP];

static const struct {
    const char *name, *words;
    int exit_code;
} err_table[ERR_COUNT] = {
#define ERR_ROW(name, exit_code, words) {#name, words, exit_code},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

err_t err_fail(err_code_t code, const char *format, ...)
{
    va_list args;
    char text[TEXT_CAP]; // the arguments may point into the old text
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(err_cause, text, sizeof text);
    err_frames[0] = '\0';
    return -(err_t)code;
}

err_t err_errno(err_code_t code, const char *format, ...)
{
    int saved = errno;
    char text[TEXT_CAP];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_fail(code, "%s: %s", text, strerror(saved));
}

err_t err_frame(err_t err, const char *file, int line)
{
    size_t used = strlen(err_frames);
    snprintf(err_frames + used, sizeof err_frames - used, "  at %s:%d\n", file, line);
    return err;
}

err_t err_context(err_t err, const char *format, ...)
{
    char words[TEXT_CAP], cause[TEXT_CAP];
    va_list args;
    if (err == OK)
        return OK;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    memcpy(cause, err_cause, sizeof cause);
    int used = snprintf(err_cause, sizeof err_cause, "%s: ", words);
    if (used > 0 && (size_t)used < sizeof err_cause)
        snprintf(err_cause + used, sizeof err_cause - (size_t)used, "%s", cause);
    return err;
}

const char *err_text(void)
{
    return err_cause;
}

const char *err_trace(void)
{
    return err_frames;
}

void err_clear(void)
{
    err_cause[0] = err_frames[0] = '\0';
}

void err_set_text(const char *text)
{
    snprintf(err_cause, sizeof err_cause, "%s", text);
    err_frames[0] = '\0';
}

bool err_is(err_t err, err_code_t code)
{
    return err == -(err_t)code;
}

static int err_row(err_t err)
{
    return err <= 0 && err > -ERR_COUNT ? -err : ERR_FAILED;
}

const char *err_name(err_t err)
{
    return err_table[err_row(err)].name;
}

const char *err_words(err_t err)
{
    return err_table[err_row(err)].words;
}

int err_exit_code(err_t err)
{
    return err_table[err_row(err)].exit_code;
}

void die(const char *file, int line, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "infermill: fatal at %s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
    err_abort();
}
