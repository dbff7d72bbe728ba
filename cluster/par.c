// SPDX-License-Identifier: Apache-2.0
#include "cluster/par.h"

#include "cluster/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_CAP = 2048, PIECE_BYTES = 1 << 30 };

par_t par_start(int *argc, char ***argv)
{
    int level;
    par_t par;
    TRY_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level));
    CHECK(level >= MPI_THREAD_FUNNELED, "MPI offers thread level %d, MPI_THREAD_FUNNELED is needed",
          level);
    TRY_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &par.comm));
    TRY_MPI(MPI_Comm_set_errhandler(par.comm, MPI_ERRORS_RETURN));
    TRY_MPI(MPI_Comm_rank(par.comm, &par.rank));
    TRY_MPI(MPI_Comm_size(par.comm, &par.size));
    return par;
}

void par_stop(par_t *par)
{
    TRY_MPI(MPI_Comm_free(&par->comm));
    TRY_MPI(MPI_Finalize());
    *par = (par_t){.comm = MPI_COMM_NULL};
}

void par_check(int mpi_code, const char *call, const char *file, int line)
{
    if (mpi_code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(mpi_code, text, &length);
    die(file, line, "%s: %s", call, text);
}

// Lowest rank that has the worst code; `differ` where not all ranks have it.
static err_t par_worst(const par_t *par, err_t mine, int *rank, bool *differ)
{
    struct {
        int code, rank;
    } local = {mine, par->rank}, worst;
    int best;
    TRY_MPI(MPI_Allreduce(&local, &worst, 1, MPI_2INT, MPI_MINLOC, par->comm));
    *rank = worst.rank;
    *differ = false;
    if (worst.code == OK)
        return OK;
    TRY_MPI(MPI_Allreduce(&mine, &best, 1, MPI_INT, MPI_MAX, par->comm));
    *differ = best != worst.code;
    return worst.code;
}

static void par_name_rank(const par_t *par, err_t err)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "";
    int length;
    TRY_MPI(MPI_Get_processor_name(host, &length));
    err_context(err, "rank %d on %s", par->rank, host);
}

err_t par_agree(const par_t *par, err_t mine)
{
    int rank;
    bool differ;
    char text[TEXT_CAP] = "";
    err_t worst = par_worst(par, mine, &rank, &differ);
    if (worst == OK)
        return OK;
    if (par->rank == rank) {
        if (err_text()[0] == '\0')
            err_set_text(err_words(worst));
        if (differ && rank != 0)
            par_name_rank(par, worst);
        snprintf(text, sizeof text, "%s", err_text());
    }
    par_broadcast(par, rank, sizeof text, text);
    if (par->rank != rank)
        err_set_text(text);
    return worst;
}

bool par_any(const par_t *par, bool mine)
{
    int local = mine, any;
    TRY_MPI(MPI_Allreduce(&local, &any, 1, MPI_INT, MPI_MAX, par->comm));
    return any != 0;
}

bool par_one_host(const par_t *par)
{
    par_t node = par_node(par);
    int here = node.size;
    par_release(&node);
    return !par_any(par, here != par->size);
}

void par_barrier(const par_t *par)
{
    TRY_MPI(MPI_Barrier(par->comm));
}

void par_await(const par_t *par, int root)
{
    const struct timespec nap = {.tv_nsec = 200000};
    char token = 0;
    int done = 0;
    MPI_Request request;
    TRY_MPI(MPI_Ibcast(&token, 1, MPI_BYTE, root, par->comm, &request));
    TRY_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    while (!done) {
        nanosleep(&nap, NULL);
        TRY_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    }
}

void par_broadcast(const par_t *par, int root, size_t bytes, void *data)
{
    char *at = data;
    while (bytes > 0) {
        size_t piece = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
        TRY_MPI(MPI_Bcast(at, (int)piece, MPI_BYTE, root, par->comm));
        at += piece;
        bytes -= piece;
    }
}

int64_t par_sum_i64(const par_t *par, int64_t mine)
{
    int64_t sum;
    TRY_MPI(MPI_Allreduce(&mine, &sum, 1, MPI_INT64_T, MPI_SUM, par->comm));
    return sum;
}

double par_max_f64(const par_t *par, double mine)
{
    double most;
    TRY_MPI(MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, par->comm));
    return most;
}

char *par_broadcast_text(const par_t *par, int root, const char *text)
{
    int64_t bytes = text != NULL && par->rank == root ? (int64_t)strlen(text) + 1 : 0;
    par_broadcast(par, root, sizeof bytes, &bytes);
    if (bytes == 0)
        return NULL;
    char *copy = mem_alloc((size_t)bytes, 1);
    if (par->rank == root)
        memcpy(copy, text, (size_t)bytes);
    par_broadcast(par, root, (size_t)bytes, copy);
    return copy;
}

par_t par_split(const par_t *par, int colour)
{
    par_t part = {.comm = MPI_COMM_NULL};
    TRY_MPI(MPI_Comm_split(par->comm, colour, par->rank, &part.comm));
    TRY_MPI(MPI_Comm_set_errhandler(part.comm, MPI_ERRORS_RETURN));
    TRY_MPI(MPI_Comm_rank(part.comm, &part.rank));
    TRY_MPI(MPI_Comm_size(part.comm, &part.size));
    return part;
}

par_t par_node(const par_t *par)
{
    par_t node = {.comm = MPI_COMM_NULL};
    TRY_MPI(
        MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank, MPI_INFO_NULL, &node.comm));
    TRY_MPI(MPI_Comm_set_errhandler(node.comm, MPI_ERRORS_RETURN));
    TRY_MPI(MPI_Comm_rank(node.comm, &node.rank));
    TRY_MPI(MPI_Comm_size(node.comm, &node.size));
    return node;
}

void par_release(par_t *part)
{
    TRY_MPI(MPI_Comm_free(&part->comm));
}

par_t par_alone(void)
{
    return (par_t){.comm = MPI_COMM_SELF, .rank = 0, .size = 1};
}

range_t par_share(int64_t n, int rank, int size)
{
    CHECK(n >= 0 && n <= INT64_MAX / size && rank >= 0 && rank < size,
          "share %d of %d of %ld items", rank, size, (long)n);
    return (range_t){n * rank / size, n * (rank + 1) / size};
}

int par_count(int64_t n)
{
    CHECK(n >= 0 && n <= INT_MAX, "%ld items do not fit MPI's count", (long)n);
    return (int)n;
}
