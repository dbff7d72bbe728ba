// SPDX-License-Identifier: Apache-2.0
#include "cluster/machine_check.h"

#include "cluster/launch.h"
#include "cluster/mem.h"
#include "cluster/session.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Half of FEWEST_FILES is what reading a bank takes (64 shards kept open), MPI and ZeroMQ; a hub takes two more for each of
 * its connections (wire_start_for raises the limit itself, up to the hard one). */
enum { FEWEST_FILES = 256, GOOD_FILES = 4096 };
enum { SHARED_BYTES = 64 << 20 };

void machine_check_cores(int online, int affinity, int quota, findings_t *out)
{
    int usable = affinity < quota ? affinity : quota;
    finding_verdict_t verdict =
        usable < 1 || (usable == 1 && online > 1) ? FINDING_WARNING : FINDING_OK;
    char limit[64] = "no quota";
    if (quota < INT_MAX)
        snprintf(limit, sizeof limit, "a quota of %d", quota);
    findings_add(out, verdict, "cores", "%d of %d by affinity, %s", affinity, online, limit);
    findings_advise(out,
                    "ranks that this process starts share one core of %d: ask the scheduler for "
                    "more (--cpus-per-task, or --ntasks with srun), or lift taskset or the "
                    "container's limit",
                    online);
}

void machine_check_threads(const char *variable, const char *value, findings_t *out)
{
    char *end = NULL;
    long threads = value == NULL ? 0 : strtol(value, &end, 10);
    bool number = value == NULL || (end != value && *end == '\0' && threads > 0);
    findings_add(out, number && threads <= 1 ? FINDING_OK : FINDING_WARNING, variable, "%s",
                 value == NULL ? "not set" : value);
    findings_advise(out,
                    "each rank, and each simulator that a rank starts, may start so many "
                    "threads on the same cores: export %s=1",
                    variable);
}

void machine_check_files(long long soft, long long hard, findings_t *out)
{
    finding_verdict_t verdict = hard < FEWEST_FILES ? FINDING_FAILED
                                : hard < GOOD_FILES ? FINDING_WARNING
                                                    : FINDING_OK;
    findings_add(out, verdict, "open files", "limit %lld, hard limit %lld", soft, hard);
    findings_advise(out,
                    "a process wants %d at least, a hub two for each worker: raise the hard limit "
                    "to %d (`ulimit -Hn`, nofile in /etc/security/limits.conf)",
                    FEWEST_FILES, GOOD_FILES);
}

/* A rank may well be bound to one core. */
static void check_cores(findings_t *out)
{
    launch_cores_t cores = launch_cores_found();
    if (!launch_ranks_given())
        machine_check_cores(cores.online, cores.affinity, cores.quota, out);
}

static void check_files(findings_t *out)
{
    struct rlimit limit = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    long long most = LLONG_MAX;
    machine_check_files(limit.rlim_cur > (rlim_t)most ? most : (long long)limit.rlim_cur,
                        limit.rlim_max > (rlim_t)most ? most : (long long)limit.rlim_max, out);
}

/* MPI_Get_library_version may be called before MPI_Init. */
static void check_library(findings_t *out)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    MPI_Get_library_version(version, &length);
    version[strcspn(version, ",\n")] = '\0';
    findings_add(out, FINDING_OK, "MPI", "%s", version);
}

static void check_launcher(findings_t *out)
{
    char *path;
    if (launch_find("mpirun", &path) == OK) {
        findings_add(out, FINDING_OK, "mpirun", "%s", path);
        free(path);
        return;
    }
    findings_add(out, FINDING_WARNING, "mpirun", "not in PATH");
    findings_advise(out, "commands can not start ranks by themselves (under srun they need not): "
                         "install Open MPI (Debian: openmpi-bin) or load its module");
    err_clear();
}

static void check_shared(findings_t *out)
{
    session_t session;
    if (session_open(SHARED_BYTES, &session) != OK) {
        findings_add(out, FINDING_FAILED, "shared memory", "%s", err_text());
        findings_advise(out, "make /dev/shm or /tmp writable: ranks of one launch meet there");
        err_clear();
        return;
    }
    bool shm = strncmp(session.path, "/dev/shm/", strlen("/dev/shm/")) == 0;
    findings_add(out, shm ? FINDING_OK : FINDING_WARNING, "shared memory",
                 shm ? "/dev/shm" : "/tmp: /dev/shm is not writable or has less than %d MB",
                 SHARED_BYTES >> 20);
    findings_advise(out, "messages between ranks of this machine would go through a disk: mount "
                         "/dev/shm larger (docker: --shm-size=1g)");
    session_close(&session);
}

void machine_check(findings_t *out)
{
    static const char *const variables[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                            "MKL_NUM_THREADS"};
    check_library(out);
    check_launcher(out);
    findings_add(out, FINDING_OK, "ranks", "%s", launch_ranks_found());
    check_cores(out);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        machine_check_threads(variables[i], getenv(variables[i]), out);
    check_files(out);
    check_shared(out);
}
