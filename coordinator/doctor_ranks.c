// SPDX-License-Identifier: Apache-2.0
//
// The ranks print their findings as JSON into a pipe. Between them and this process stands a child that launches them, so
// that a launcher that hangs can be ended: mpirun and the ranks go with it.
#include "coordinator/doctor_ranks.h"

#include "cluster/err.h"
#include "cluster/launch.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/text.h"
#include "coordinator/findings_json.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char asked[] = "INFERMILL_DOCTOR_RANKS";
enum { MOST_RANKS = 2, ANSWER_SECONDS = 60, PIECE = 4096 };

bool doctor_ranks_asked(void)
{
    return getenv(asked) != NULL;
}

/* A core for each. */
static int ranks_to_start(void)
{
    int cores = launch_cores();
    return cores < MOST_RANKS ? cores : MOST_RANKS;
}

_Noreturn static void launch(const char *folder, const int ends[2])
{
    char name[] = "infermill", command[] = "doctor", json[] = "--json", rest[] = "--";
    char *arguments[] = {name, command, json, rest, mem_copy_text(folder), NULL};
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv(asked, "1", 1);
    _exit(
        launch_self(ranks_to_start(), (int)(sizeof arguments / sizeof *arguments) - 1, arguments));
}

/* All that comes until the other end is closed; false where that takes too long. */
static bool read_answer(int fd, text_t *answer)
{
    double start = log_clock();
    for (;;) {
        char piece[PIECE];
        double left = ANSWER_SECONDS - (log_clock() - start);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&ready, 1, (int)(1e3 * left)) <= 0)
            return false;
        ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0)
            return true;
        text_add_bytes(answer, (size_t)n, piece);
    }
}

/* What the launched ranks say; the launching process has ended afterwards. */
static err_t ask_ranks(const char *folder, text_t *answer)
{
    int ends[2], status;
    if (pipe(ends) != 0)
        return err_errno(ERR_IO, "a pipe for the ranks");
    pid_t child = fork();
    if (child == 0)
        launch(folder, ends);
    close(ends[1]);
    bool came = child > 0 && read_answer(ends[0], answer);
    close(ends[0]);
    if (child < 0)
        return err_errno(ERR_IO, "a process that starts ranks");
    if (!came)
        kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (!came)
        return err_fail(ERR_FAILED, "%d ranks gave no answer in %d s", ranks_to_start(),
                        ANSWER_SECONDS);
    if (answer->length == 0)
        return err_fail(ERR_FAILED, "%d ranks could not be started (its reason is told above)",
                        ranks_to_start());
    return OK;
}

void doctor_ranks(const char *folder, findings_t *out)
{
    text_t answer = text_create();
    int before = out->n;
    err_t err = ask_ranks(folder, &answer);
    if (err == OK)
        err = findings_read(answer.data, out);
    if (err == OK && out->n == before)
        err = err_fail(ERR_FORMAT, "ranks found nothing");
    if (err == OK)
        findings_add(out, FINDING_OK, "starting ranks", "%d started, met and ended",
                     ranks_to_start());
    else
        findings_add(out, FINDING_FAILED, "starting ranks", "%s", err_text());
    findings_advise(out,
                    "`mpirun -n %d hostname` tells more; in a container allow processes and "
                    "/dev/shm, and let them reach 127.0.0.1",
                    ranks_to_start());
    err_clear();
    text_free(&answer);
}
