/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors. A function that files, peers or user input can make fail returns err_t; the text of the error (cause first,
 * then one line for each frame it passed) waits in a thread-local buffer until somebody prints or clears it. Bugs and
 * exhausted memory do not return: they call die(), which ends all ranks.
 *
 * A message says what, where, got and expected:
 *     return err_fail(ERR_FORMAT, "%s: row %ld: got %ld bytes, expected %ld", path, row, got, expected);
 */
#ifndef CLUSTER_ERR_H
#define CLUSTER_ERR_H

#include <stdbool.h>

/* name, exit code of the program, words for a person */
#define ERR_LIST(X)                                                                                \
    X(OK, 0, "done")                                                                               \
    X(ERR_FAILED, 1, "failed")                                                                     \
    X(ERR_IO, 1, "input or output failed")                                                         \
    X(ERR_FORMAT, 1, "not in the expected format")                                                 \
    X(ERR_MISMATCH, 1, "belongs to something else")                                                \
    X(ERR_MISSING, 1, "does not exist")                                                            \
    X(ERR_LOCKED, 1, "held by another run")                                                        \
    X(ERR_SIMULATOR, 1, "the simulator failed")                                                    \
    X(ERR_DIVERGED, 1, "training diverged")                                                        \
    X(ERR_PEER, 1, "another rank failed")                                                          \
    X(ERR_USAGE, 2, "wrong use or wrong study")                                                    \
    X(ERR_GATE, 3, "the gate refuses")                                                             \
    X(ERR_STOPPED, 4, "stopped on request, resumable")

#define ERR_ENUM(name, exit_code, words) name,
typedef enum { ERR_LIST(ERR_ENUM) ERR_COUNT } err_code_t;
#undef ERR_ENUM
typedef int err_t; // 0, or minus one of err_code_t: the worst of several ranks is the smallest

#define ERR_MUST_CHECK __attribute__((warn_unused_result))

/* Starts an error: clears the old text, formats the cause, returns `-code`. */
err_t err_fail(err_code_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As err_fail, with ": strerror(errno)" appended. */
err_t err_errno(err_code_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the place an error passed through; returns err. Used by TRY. */
err_t err_frame(err_t err, const char *file, int line);
/* Puts words before the cause ("reading participants.csv: ..."); returns err. Without an error (OK) it does nothing. */
err_t err_context(err_t err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The cause alone, and the frames alone (empty when there are none). Valid until the next error of this thread. */
const char *err_text(void);
const char *err_trace(void);
void err_clear(void);
/* Takes over a text made elsewhere (another rank, another thread). */
void err_set_text(const char *text);

bool err_is(err_t err, err_code_t code);
const char *err_name(err_t err);  // "ERR_IO"
const char *err_words(err_t err); // "input or output failed"
int err_exit_code(err_t err);     // 0 done, 1 failed, 2 usage, 3 gate, 4 stopped

#define TRY(call)                                                                                  \
    do {                                                                                           \
        err_t try_err_ = (call);                                                                   \
        if (try_err_ != OK)                                                                        \
            return err_frame(try_err_, __FILE__, __LINE__);                                        \
    } while (0)

/* For functions that hold resources: needs a local `err_t err` and a label that frees them and returns err. */
#define TRY_TO(label, call)                                                                        \
    do {                                                                                           \
        err = (call);                                                                              \
        if (err != OK) {                                                                           \
            err_frame(err, __FILE__, __LINE__);                                                    \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

/* Ends this program on all its ranks: prints place and message, then MPI_Abort where MPI runs (err_mpi.c), else abort
 * (err_serial.c). A program links one of the two objects. */
_Noreturn void die(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void err_abort(void); // what die() ends with; not for other callers

/* An invariant of our own code, always on. The message gives the values. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            die(__FILE__, __LINE__, __VA_ARGS__);                                                  \
    } while (0)

#endif
