// SPDX-License-Identifier: Apache-2.0
#include "cluster/ranks_check.h"

#include "cluster/mem.h"
#include "cluster/par_shared.h"
#include "cluster/text.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_ROUNDS = 5, NEAR_BYTES = 64 };
/* A network file system may show a new file late; clocks only date what people read. */
static const double SEEN_WITHIN = 5, CLOCKS_WITHIN = 1;

/* ---- judging ---- */

/* The first rank of a host speaks for it. */
static bool first_of_host(const ranks_card_t *cards, int rank)
{
    for (int r = 0; r < rank; r++)
        if (strcmp(cards[r].host, cards[rank].host) == 0)
            return false;
    return true;
}

typedef struct {
    int ranks, cores; // on this host; cores that any of its ranks may be put on
} host_t;

static host_t host_of(int n, const ranks_card_t *cards, int rank)
{
    host_t host = {0, 0};
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int r = 0; r < n; r++)
        if (strcmp(cards[r].host, cards[rank].host) == 0) {
            host.ranks++;
            CPU_OR(&all, &all, &cards[r].affinity);
        }
    host.cores = CPU_COUNT(&all);
    return host;
}

static void judge_cores(int n, const ranks_card_t *cards, findings_t *out)
{
    text_t crowded = text_create();
    int hosts = 0, most = 0;
    for (int r = 0; r < n; r++) {
        if (!first_of_host(cards, r))
            continue;
        host_t host = host_of(n, cards, r);
        char *words = mem_format("%s: %d ranks on %d cores", cards[r].host, host.ranks, host.cores);
        if (host.ranks > host.cores)
            text_add_item(&crowded, words);
        free(words);
        most = host.ranks > most ? host.ranks : most;
        hosts++;
    }
    findings_add(out, crowded.length == 0 ? FINDING_OK : FINDING_WARNING, "ranks on cores",
                 "%d ranks on %d host%s%s%s", n, hosts, hosts == 1 ? "" : "s",
                 crowded.length == 0 ? ", each with a core of its own" : "; ", crowded.data);
    findings_advise(out, "ranks that share a core wait for each other: start fewer, or let the "
                         "launcher bind each to a core of its own (mpirun --bind-to core, srun "
                         "--cpu-bind=cores)");
    text_free(&crowded);
}

static void judge_clocks(int n, const ranks_card_t *cards, findings_t *out)
{
    int worst = 0;
    for (int r = 1; r < n; r++)
        if (fabs(cards[r].ahead) > fabs(cards[worst].ahead))
            worst = r;
    findings_add(out, fabs(cards[worst].ahead) <= CLOCKS_WITHIN ? FINDING_OK : FINDING_WARNING,
                 "clocks of ranks", "%s is %+.3f s from %s", cards[worst].host, cards[worst].ahead,
                 cards[0].host);
    findings_advise(out, "dates in logs and reports will not agree: let chrony or ntpd set the "
                         "clocks (locks do not depend on them)");
}

static void judge_memory(int n, const ranks_card_t *cards, findings_t *out)
{
    int apart = 0;
    for (int r = 0; r < n; r++)
        apart += cards[r].near < host_of(n, cards, r).ranks;
    findings_add(out, apart == 0 ? FINDING_OK : FINDING_WARNING, "memory of ranks",
                 apart == 0 ? "read by the other ranks of a host"
                            : "%d ranks can not be read by the others of their host",
                 apart);
    findings_advise(out, "gradients then travel as messages, more slowly: start ranks as one user "
                         "in one container, with /proc open to it (hidepid=0, no "
                         "PR_SET_DUMPABLE 0)");
}

static bool blind_host(int n, const ranks_card_t *cards, const char *host)
{
    for (int r = 0; r < n; r++)
        if (strcmp(cards[r].host, host) == 0 && cards[r].sees == 0)
            return true;
    return false;
}

static void judge_folder(int n, const ranks_card_t *cards, findings_t *out)
{
    text_t blind = text_create();
    if (cards[0].sees < 0)
        return text_free(&blind);
    for (int r = 0; r < n; r++)
        if (first_of_host(cards, r) && blind_host(n, cards, cards[r].host))
            text_add_item(&blind, cards[r].host);
    findings_add(out, blind.length == 0 ? FINDING_OK : FINDING_FAILED, "folder of ranks",
                 blind.length == 0 ? "the same on all hosts" : "another one, or none, on %s",
                 blind.data);
    findings_advise(out,
                    "a bank lies in a folder that all hosts share: choose one on the shared "
                    "file system, or start ranks on %s alone",
                    cards[0].host);
    text_free(&blind);
}

static void judge_locks(int n, const ranks_card_t *cards, findings_t *out)
{
    int tried = 0, open_to = -1;
    for (int r = 1; r < n; r++) {
        tried += cards[r].shut >= 0;
        open_to = cards[r].shut == 0 && open_to < 0 ? r : open_to;
    }
    if (tried == 0)
        return;
    if (open_to < 0)
        findings_add(out, FINDING_OK, "locks of ranks", "fcntl locks hold between ranks");
    else
        findings_add(out, FINDING_WARNING, "locks of ranks",
                     "rank %d on %s gets an fcntl lock that rank 0 on %s holds", open_to,
                     cards[open_to].host, cards[0].host);
    findings_advise(out, "lines of a bank's catalog are ordered by them: write with one node, or "
                         "mount with locks between nodes (Lustre: flock, not localflock)");
}

void ranks_check_cards(int n, const ranks_card_t *cards, findings_t *out)
{
    judge_cores(n, cards, out);
    judge_clocks(n, cards, out);
    judge_memory(n, cards, out);
    judge_folder(n, cards, out);
    judge_locks(n, cards, out);
}

/* ---- asking ---- */

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ranks leave a barrier some time apart, which the round with the smallest difference has least of. */
static double clock_ahead(const par_t *par)
{
    double ahead = INFINITY;
    for (int i = 0; i < CLOCK_ROUNDS; i++) {
        par_barrier(par);
        double mine = wall_clock(), first = mine;
        par_broadcast(par, 0, sizeof first, &first);
        ahead = fabs(mine - first) < fabs(ahead) ? mine - first : ahead;
    }
    return ahead;
}

static int32_t count_near(const par_t *par)
{
    par_shared_t *shared = par_shared_create(par, NEAR_BYTES, 0);
    int32_t near = 0;
    for (int r = 0; r < par->size; r++)
        near += par_shared_of(shared, r) != NULL;
    par_barrier(par);
    par_shared_destroy(&shared);
    return near;
}

static bool take_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_SETLK, &whole) == 0;
}

/* Rank 0: a file in the folder, open and locked where it can be; path NULL: none can be made. */
typedef struct {
    char *path;
    int fd;
    bool locked;
} mark_t;

static mark_t mark_make(const char *folder)
{
    mark_t mark = {.path = mem_format("%s/.infermill-doctor-XXXXXX", folder)};
    mark.fd = mkstemp(mark.path);
    if (mark.fd >= 0) {
        mark.locked = take_lock(mark.fd);
        return mark;
    }
    free(mark.path);
    mark.path = NULL;
    return mark;
}

static void mark_remove(mark_t *mark)
{
    if (mark->path == NULL)
        return;
    close(mark->fd);
    unlink(mark->path);
    free(mark->path);
}

static bool seen_soon(const char *path)
{
    static const struct timespec pause = {.tv_nsec = 50000000};
    double start = wall_clock();
    while (access(path, F_OK) != 0) {
        if (wall_clock() - start > SEEN_WITHIN)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static int32_t shut_out(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    bool got = take_lock(fd);
    close(fd);
    return !got;
}

static void look_for_mark(const par_t *par, const char *folder, ranks_card_t *mine)
{
    mark_t mark = {.path = NULL};
    if (par->rank == 0)
        mark = mark_make(folder);
    char *path = par_broadcast_text(par, 0, mark.path);
    bool locked = par_any(par, mark.locked);
    mine->sees = path == NULL ? -1 : seen_soon(path);
    mine->shut = par->rank > 0 && locked && mine->sees == 1 ? shut_out(path) : -1;
    par_barrier(par);
    mark_remove(&mark);
    free(path);
}

void ranks_check(const par_t *par, const char *folder, findings_t *out)
{
    ranks_card_t mine;
    memset(&mine, 0, sizeof mine);
    gethostname(mine.host, sizeof mine.host - 1);
    sched_getaffinity(0, sizeof mine.affinity, &mine.affinity);
    mine.ahead = clock_ahead(par);
    mine.near = count_near(par);
    look_for_mark(par, folder, &mine);
    ranks_card_t *cards = MEM_NEW(ranks_card_t, par->size);
    TRY_MPI(MPI_Gather(&mine, sizeof mine, MPI_BYTE, cards, sizeof mine, MPI_BYTE, 0, par->comm));
    if (par->rank == 0)
        ranks_check_cards(par->size, cards, out);
    free(cards);
}
