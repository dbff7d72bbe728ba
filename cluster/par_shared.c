// SPDX-License-Identifier: Apache-2.0
#include "cluster/par_shared.h"

#include "cluster/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 4096 }; // bytes before the memory itself: its token

/* How a rank's memory is found, and known again. */
typedef struct {
    uint64_t token; // 0: it has none to show
    uint64_t bytes;
    int64_t pid;
    int32_t fd, island;
    char host[64];
} card_t;

struct par_shared {
    const par_t *par;
    int fd;
    card_t *card; // (size)
    char **at;    // (size): where a rank's memory is mapped, head first; NULL: not near
    bool everywhere;
};

static uint64_t new_token(const par_t *par)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t x = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return (x ^ ((uint64_t)getpid() << 40)) * 0x9e3779b97f4a7c15u + 2 * (uint64_t)par->rank + 1;
}

// Memory of this rank alone will do where the system has none to share.
static void make_mine(par_shared_t *s, card_t *mine)
{
    size_t all = HEAD + mine->bytes;
    void *at = MAP_FAILED;
    s->fd = memfd_create("infermill", MFD_CLOEXEC);
    if (s->fd >= 0 && ftruncate(s->fd, (off_t)all) == 0)
        at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (at == MAP_FAILED) {
        mine->token = 0;
        at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    CHECK(at != MAP_FAILED, "out of memory: %zu bytes", all);
    memcpy(at, &mine->token, sizeof mine->token);
    s->at[s->par->rank] = at;
}

static char *map_card(const card_t *card)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/fd/%d", card->pid, card->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t all = HEAD + card->bytes;
    off_t end = lseek(fd, 0, SEEK_END); // of another machine's card: any file may be there
    char *at = end == (off_t)all ? mmap(NULL, all, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (at == MAP_FAILED)
        return NULL;
    if (memcmp(at, &card->token, sizeof card->token) == 0)
        return at;
    munmap(at, all);
    return NULL;
}

static void unmap(par_shared_t *s, int rank)
{
    if (s->at[rank] != NULL)
        munmap(s->at[rank], HEAD + s->card[rank].bytes);
    s->at[rank] = NULL;
}

static void map_others(par_shared_t *s)
{
    const card_t *mine = &s->card[s->par->rank];
    for (int r = 0; r < s->par->size; r++) {
        const card_t *card = &s->card[r];
        bool may = r != s->par->rank && card->token != 0 && mine->token != 0 &&
                   card->island == mine->island && strcmp(card->host, mine->host) == 0;
        if (may)
            s->at[r] = map_card(card);
    }
}

// A rank that could not map this one can not be answered by reading.
static void keep_mutual(par_shared_t *s)
{
    int size = s->par->size;
    char *i_see = MEM_NEW(char, size), *sees_me = MEM_NEW(char, size);
    bool all = true;
    for (int r = 0; r < size; r++)
        i_see[r] = s->at[r] != NULL;
    TRY_MPI(MPI_Alltoall(i_see, 1, MPI_CHAR, sees_me, 1, MPI_CHAR, s->par->comm));
    for (int r = 0; r < size; r++) {
        if (!sees_me[r] && r != s->par->rank)
            unmap(s, r);
        all = all && s->at[r] != NULL;
    }
    s->everywhere = !par_any(s->par, !all);
    free(i_see);
    free(sees_me);
}

par_shared_t *par_shared_create(const par_t *par, size_t bytes, int island)
{
    par_shared_t *s = MEM_NEW(par_shared_t, 1);
    *s = (par_shared_t){.par = par, .fd = -1};
    s->at = MEM_NEW(char *, par->size);
    s->card = MEM_NEW(card_t, par->size);
    card_t mine = {.token = new_token(par), .bytes = bytes, .pid = getpid(), .island = island};
    if (gethostname(mine.host, sizeof mine.host - 1) != 0)
        mine.token = 0;
    make_mine(s, &mine);
    mine.fd = s->fd;
    TRY_MPI(MPI_Allgather(&mine, sizeof mine, MPI_BYTE, s->card, sizeof mine, MPI_BYTE, par->comm));
    map_others(s);
    keep_mutual(s);
    if (s->fd >= 0)
        close(s->fd);
    return s;
}

void par_shared_destroy(par_shared_t **shared)
{
    par_shared_t *s = *shared;
    if (s == NULL)
        return;
    for (int r = 0; r < s->par->size; r++)
        unmap(s, r);
    free(s->at);
    free(s->card);
    free(s);
    *shared = NULL;
}

void *par_shared_mine(const par_shared_t *s)
{
    return s->at[s->par->rank] + HEAD;
}

const void *par_shared_of(const par_shared_t *s, int rank)
{
    return s->at[rank] != NULL ? s->at[rank] + HEAD : NULL;
}

bool par_shared_everywhere(const par_shared_t *s)
{
    return s->everywhere;
}
