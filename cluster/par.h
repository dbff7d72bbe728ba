/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks: MPI's start and end, agreement, shares, and sums whose order does not depend on the number of ranks.
 * A failed MPI call can not be trusted any further: it dies with MPI's own words.
 */
#ifndef CLUSTER_PAR_H
#define CLUSTER_PAR_H

#include "cluster/err.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    MPI_Comm comm;
    int rank, size;
} par_t;

typedef struct {
    int64_t begin, end; // [begin, end)
} range_t;

/* MPI_Init_thread with MPI_THREAD_FUNNELED, own duplicate of the world, MPI_ERRORS_RETURN on it. Collective. */
par_t par_start(int *argc, char ***argv);
/* Collective. */
void par_stop(par_t *par);
/* Dies with MPI's text when the call did not succeed. For MPI calls on a communicator of par_start. */
#define TRY_MPI(call) par_check((call), #call, __FILE__, __LINE__)
void par_check(int mpi_code, const char *call, const char *file, int line);

/* Collective. The worst code of all ranks, the same everywhere; where it is not OK the text of the lowest rank that has
 * it is copied to all, so each may return it. "rank 3 on node17: ..." where the ranks differ; a failure that all ranks
 * share names none, nor does one of rank 0, which does for all what is done once. That rank keeps its trace, the others have none. Call it after any local part that can fail and
 * before the next collective call. */
err_t par_agree(const par_t *par, err_t mine) ERR_MUST_CHECK;
/* Collective. True where any rank says true. */
bool par_any(const par_t *par, bool mine);
/* Collective. True where all ranks share this machine's memory. */
bool par_one_host(const par_t *par);

/* Collective. */
void par_barrier(const par_t *par);
/* Waits asleep until root calls it too: for ranks that may have to wait for long, on cores that others could use. Root does
 * not wait. Collective. */
void par_await(const par_t *par, int root);
void par_broadcast(const par_t *par, int root, size_t bytes, void *data);
int64_t par_sum_i64(const par_t *par, int64_t mine);
double par_max_f64(const par_t *par, double mine);
/* Collective. Text (or NULL) from root to all; the caller frees it on every rank. */
char *par_broadcast_text(const par_t *par, int root, const char *text);

/* The ranks of one colour (0 or more), in their order, as ranks of their own; give it back with par_release. Collective. */
par_t par_split(const par_t *par, int colour);
/* The ranks that share this machine's memory, in their order; give it back with par_release. Collective. */
par_t par_node(const par_t *par);
/* Gives back what par_split or par_node made. Collective over its ranks. */
void par_release(par_t *part);
/* This rank alone, from MPI_COMM_SELF; not to be given back. Not collective. */
par_t par_alone(void);
/* Contiguous share of [0, n): rank r has [r n / size, (r + 1) n / size). Not collective. */
range_t par_share(int64_t n, int rank, int size);
/* Narrows a count to MPI's int; dies when it does not fit. */
int par_count(int64_t n);

/* The sum of `leaves` blocks of n numbers along one fixed binary tree, so that it is the same bit for bit for every number
 * of ranks. Leaf i belongs to rank par_tree_owner(leaves, i, size): contiguous shares, whole subtrees where the number of
 * ranks is a power of two; ranks beyond the leaves own none. mine[k] is this rank's k-th leaf (ascending) and is
 * overwritten. The total lands in `sum` on every rank; `sum` must not be one of the leaves. Nothing is allocated.
 * Collective. */
int par_tree_owner(int leaves, int leaf, int size);
range_t par_tree_share(int leaves, int rank, int size); // the leaves of a rank; not collective
void par_tree_sum_f64(const par_t *par, int leaves, size_t n, double **mine, double *sum);

#endif
