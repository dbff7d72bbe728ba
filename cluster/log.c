// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_CAP = 1024, SHORT_CAP = 64 };
static const double REWRITE_SECONDS = 0.1, PLAIN_SECONDS = 10;

static struct {
    pthread_mutex_t lock;
    log_level_t level;
    int rank;
    FILE *file;
    bool line_open; // a progress line stands on the terminal, the cursor behind it
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
static const char *const level_words[] = {
    [LOG_ERROR] = "error: ", [LOG_WARNING] = "warning: ", [LOG_INFO] = "", [LOG_DEBUG] = "debug: "};

double log_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void log_set(log_level_t level, int rank)
{
    pthread_mutex_lock(&log_state.lock);
    log_state.level = level;
    log_state.rank = rank;
    pthread_mutex_unlock(&log_state.lock);
}

err_t log_level_of(const char *what, const char *word, log_level_t *out)
{
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
        if (strcmp(word, level_names[level]) == 0) {
            *out = (log_level_t)level;
            return OK;
        }
    return err_fail(ERR_USAGE, "%s: got \"%s\", expected error, warning, info or debug", what,
                    word);
}

err_t log_to_file(const char *path)
{
    FILE *file = NULL;
    if (path != NULL && (file = fopen(path, "ae")) == NULL)
        return err_errno(ERR_IO, "%s: the log can not be opened", path);
    pthread_mutex_lock(&log_state.lock);
    if (log_state.file != NULL)
        fclose(log_state.file);
    log_state.file = file;
    pthread_mutex_unlock(&log_state.lock);
    return OK;
}

static void write_to_file(const char *text)
{
    if (log_state.file == NULL)
        return;
    char when[SHORT_CAP];
    struct tm local;
    time_t now = time(NULL);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(log_state.file, "%s  %s\n", when, text);
    fflush(log_state.file);
}

/* One write a line, so that lines of several ranks do not mix. An empty `end` leaves a progress line open. */
static void write_to_stderr(const char *text, const char *end)
{
    fprintf(stderr, "%s%s%s", log_state.line_open ? "\r\033[K" : "", text, end);
    fflush(stderr);
    log_state.line_open = *end == '\0';
}

static void log_line(log_level_t level, const char *format, va_list args)
{
    char line[LINE_CAP];
    size_t used = 0;
    pthread_mutex_lock(&log_state.lock);
    bool printed = log_state.rank == 0 || level <= LOG_WARNING;
    if (level <= log_state.level && (printed || log_state.level == LOG_DEBUG)) {
        if (log_state.rank != 0)
            used = (size_t)snprintf(line, sizeof line, "rank %d: ", log_state.rank);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s", level_words[level]);
        vsnprintf(line + used, sizeof line - used, format, args);
        if (printed)
            write_to_stderr(line, "\n");
        write_to_file(line);
    }
    pthread_mutex_unlock(&log_state.lock);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        log_line(level, format, args);                                                             \
        va_end(args);                                                                              \
    }
LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warning, LOG_WARNING)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
#undef LOG_FUNCTION

/* 1234567 -> "1,234,567" */
static void format_count(int64_t value, size_t cap, char *out)
{
    char digits[SHORT_CAP];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value), used = 0;
    for (size_t i = 0; i < length && used + 2 < cap; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

/* Three digits are enough for a person: "31,400", "4.25", "0.0312". */
static void format_rate(double rate, size_t cap, char *out)
{
    if (rate >= 100) {
        double unit = pow(10, floor(log10(rate)) - 2);
        format_count((int64_t)(round(rate / unit) * unit), cap, out);
    } else {
        snprintf(out, cap, "%.3g", rate);
    }
}

/* "1:23", "2:05:09", "3 d 04:00" */
static void format_seconds(double seconds, size_t cap, char *out)
{
    long long s = (long long)fmin(seconds + 0.5, 1e15), minutes = s / 60, hours = minutes / 60;
    if (hours >= 48)
        snprintf(out, cap, "%lld d %02lld:%02lld", hours / 24, hours % 24, minutes % 60);
    else if (hours >= 1)
        snprintf(out, cap, "%lld:%02lld:%02lld", hours, minutes % 60, s % 60);
    else
        snprintf(out, cap, "%lld:%02lld", minutes, s % 60);
}

static int terminal_columns(void)
{
    const char *told = getenv("INFERMILL_TERMINAL");
    if (told != NULL && *told != '\0')
        return atoi(told) > 0 ? atoi(told) : 80;
    struct winsize size;
    if (!isatty(STDERR_FILENO))
        return 0;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

progress_t progress_start(const char *what, const char *unit, int64_t done, int64_t total)
{
    double now = log_clock();
    return (progress_t){.what = what,
                        .unit = unit,
                        .total = total,
                        .first = done,
                        .started = now,
                        .filed = now,
                        .columns = terminal_columns()};
}

typedef struct {
    size_t used;
    char text[LINE_CAP];
} line_t;

static void line_add(line_t *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_add(line_t *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line->text + line->used, sizeof line->text - line->used, format, args);
    va_end(args);
    line->used += (size_t)(more < 0 ? 0 : more);
    if (line->used >= sizeof line->text)
        line->used = sizeof line->text - 1;
}

/* Cuts after so many characters (not bytes) of UTF-8. */
static void line_cut(line_t *line, int columns)
{
    int seen = 0;
    for (size_t i = 0; i < line->used; i++) {
        bool starts = ((unsigned char)line->text[i] & 0xC0) != 0x80;
        if (starts && ++seen > columns) {
            line->text[i] = '\0';
            line->used = i;
        }
    }
}

static double progress_rate(const progress_t *p, int64_t done, double now)
{
    double seconds = now - p->started;
    return seconds > 0 ? (double)(done - p->first) / seconds : 0;
}

/* Slow work counts by the minute or the hour. */
static void add_rate(line_t *line, const progress_t *p, double rate)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{1, "s"}, {60, "min"}, {3600, "h"}};
    char text[SHORT_CAP];
    size_t i = rate >= 0.1 ? 0 : rate >= 0.01 ? 1 : 2;
    if (rate <= 0)
        return;
    format_rate(rate * units[i].seconds, sizeof text, text);
    line_add(line, "  %s %s/%s", text, p->unit, units[i].name);
}

static void compose(line_t *line, const progress_t *p, int64_t done, double now, const char *note)
{
    char count[SHORT_CAP], total[SHORT_CAP], left[SHORT_CAP];
    double rate = progress_rate(p, done, now);
    format_count(done, sizeof count, count);
    line_add(line, "%s  %s", p->what, count);
    if (p->total > 0) {
        format_count(p->total, sizeof total, total);
        line_add(line, " / %s %s  %d %%", total, p->unit,
                 (int)(100.0 * (double)done / (double)p->total));
    } else {
        line_add(line, " %s", p->unit);
    }
    add_rate(line, p, rate);
    if (p->total > done && rate > 0) {
        format_seconds((double)(p->total - done) / rate, sizeof left, left);
        line_add(line, "  %s left", left);
    }
    if (note != NULL)
        line_add(line, "  %s", note);
}

void progress_show(progress_t *p, int64_t done, const char *note)
{
    double now = log_clock();
    bool rewrite = p->columns > 0 && now - p->shown >= REWRITE_SECONDS;
    bool plain = now - p->filed >= PLAIN_SECONDS;
    if ((!rewrite && !plain) || log_state.level < LOG_INFO)
        return;
    line_t line = {0};
    compose(&line, p, done, now, note);
    pthread_mutex_lock(&log_state.lock);
    if (plain) {
        write_to_file(line.text);
        p->filed = now;
        if (p->columns == 0)
            write_to_stderr(line.text, "\n");
    }
    if (rewrite) {
        line_cut(&line, p->columns - 1);
        write_to_stderr(line.text, "");
        p->shown = now;
    }
    pthread_mutex_unlock(&log_state.lock);
}

void progress_end(progress_t *p, int64_t done, const char *note)
{
    double now = log_clock();
    char count[SHORT_CAP], took[SHORT_CAP];
    line_t line = {0};
    format_count(done, sizeof count, count);
    format_seconds(now - p->started, sizeof took, took);
    line_add(&line, "%s  %s %s in %s", p->what, count, p->unit, took);
    add_rate(&line, p, progress_rate(p, done, now));
    if (note != NULL)
        line_add(&line, "  %s", note);
    log_info("%s", line.text);
}
