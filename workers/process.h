/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process that answers a line with a line. It runs in a process group of its own, in a given folder, without the
 * environment of MPI (OMPI_, PMIX_, PMI_), with no file of ours but its stdin, stdout and stderr, and is told to end
 * (SIGTERM) when this thread dies. Nothing it does can end us or fill our memory: the length of an answer is bounded by the
 * caller, its stderr by PROCESS_LOG_BYTES.
 */
#ifndef WORKERS_PROCESS_H
#define WORKERS_PROCESS_H

#include "cluster/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROCESS_LOG_BYTES = 16 << 20, PROCESS_WORDS = 200 };

typedef struct process process_t;

/* Not started yet. argv (NULL-terminated) and folder are copied. */
process_t *process_create(const char *const *argv, const char *folder);
void process_destroy(process_t **process); // ends it; NULL is fine
/* Where its stderr is appended to; made at the first line. Copied. */
void process_log_to(process_t *process, const char *path);

/* ERR_MISSING when the program can not be started, ERR_IO without pipes or processes. It must not be running. */
err_t process_start(process_t *process) ERR_MUST_CHECK;
bool process_running(const process_t *process); // started, and not ended by us
/* Whether it has ended by itself since it was started; then process_end. Takes in what it has said on stderr, so that one that
 * is not asked anything does not wait for a reader. */
bool process_gone(process_t *process);
/* Ends it with all of its group: SIGTERM, half a second, SIGKILL. Nothing where it does not run. */
void process_end(process_t *process);

typedef enum {
    PROCESS_ANSWERED,
    PROCESS_TIMEOUT,
    PROCESS_DIED,    // before its line was whole
    PROCESS_ENDLESS, // more bytes than the limit without a line end
    PROCESS_UNASKED, // it had said something before it was asked; the text was not sent
} process_outcome_t;

/* Sends `text` (`length` bytes with the line feed) and reads one line of at most `limit` bytes. `line` (without line feed,
 * with a 0 behind it) is valid until the next call. seconds 0: waits without end. Whatever but ANSWERED, the process should
 * be ended. */
process_outcome_t process_ask(process_t *process, const char *text, size_t length, size_t limit,
                              double seconds, const char **line, size_t *line_length);

/* How it ended, and its last line on stderr: "exit code 3; it said: no such file". After process_end. */
void process_obituary(const process_t *process, char out[PROCESS_WORDS]);

/* As write(), without the SIGPIPE where nobody reads any more: -1 with EPIPE. */
ssize_t process_write(int pipe, const void *bytes, size_t n);
/* Ends and reaps a child that leads a process group: sends `signal` to the group (0: none), waits for it to end for `grace`
 * seconds, then SIGKILL to the group. Returns its wait status. */
int process_reap(pid_t child, int signal, double grace);
/* "exit code 3", "signal 11 (Segmentation fault)" from a wait status. */
void process_status_words(int status, char out[PROCESS_WORDS]);

#endif
