// SPDX-License-Identifier: Apache-2.0
//
// The fixed tree over L leaves: node k of level j covers leaves [floor(k L / 2^j), floor((k + 1) L / 2^j)), so it depends
// on L alone. A node's sum lies with the owner of its first leaf, in the buffer of that leaf; where the right child has
// another owner, that one sends. Ranks have the leaves [floor(r L / R), floor((r + 1) L / R)): for R = 2^j these are the
// nodes of level j. Every rank meets the exchanges in the same (post-)order, so blocking sends do not deadlock.
#include "cluster/par.h"

#include <string.h>

enum { TREE_TAG = 7 };

typedef struct {
    const par_t *par;
    int leaves;
    size_t n; // values
    range_t own;
    double **mine, *received;
} tree_t;

static int tree_ranks(int leaves, int size)
{
    return size < leaves ? size : leaves;
}

int par_tree_owner(int leaves, int leaf, int size)
{
    CHECK(leaf >= 0 && leaf < leaves, "leaf %d of %d", leaf, leaves);
    return (int)((((int64_t)leaf + 1) * tree_ranks(leaves, size) - 1) / leaves);
}

range_t par_tree_share(int leaves, int rank, int size)
{
    int ranks = tree_ranks(leaves, size);
    return rank < ranks ? par_share(leaves, rank, ranks) : (range_t){leaves, leaves};
}

static void tree_add(size_t n, double *into, const double *other)
{
    for (size_t i = 0; i < n; i++)
        into[i] += other[i];
}

static double *tree_buffer(const tree_t *t, int64_t leaf)
{
    return t->mine[leaf - t->own.begin];
}

// Adds the sum that starts at leaf `right` to the one that starts at leaf `left`.
static void tree_join(const tree_t *t, int64_t left, int64_t right)
{
    int to = par_tree_owner(t->leaves, (int)left, t->par->size);
    int from = par_tree_owner(t->leaves, (int)right, t->par->size);
    int count = par_count((int64_t)t->n);
    if (to == from && to == t->par->rank) {
        tree_add(t->n, tree_buffer(t, left), tree_buffer(t, right));
    } else if (from == t->par->rank) {
        TRY_MPI(MPI_Send(tree_buffer(t, right), count, MPI_DOUBLE, to, TREE_TAG, t->par->comm));
    } else if (to == t->par->rank) {
        TRY_MPI(MPI_Recv(t->received, count, MPI_DOUBLE, from, TREE_TAG, t->par->comm,
                         MPI_STATUS_IGNORE));
        tree_add(t->n, tree_buffer(t, left), t->received);
    }
}

// Node k of a level with `width` nodes.
static void tree_node(const tree_t *t, int64_t k, int64_t width)
{
    int64_t begin = k * t->leaves / width, end = (k + 1) * t->leaves / width;
    if (end - begin < 2 || end <= t->own.begin || begin >= t->own.end)
        return;
    int64_t middle = (2 * k + 1) * t->leaves / (2 * width);
    tree_node(t, 2 * k, 2 * width);
    tree_node(t, 2 * k + 1, 2 * width);
    if (middle > begin && middle < end)
        tree_join(t, begin, middle);
}

void par_tree_sum_f64(const par_t *par, int leaves, size_t n, double **mine, double *sum)
{
    CHECK(leaves > 0, "a sum of %d blocks", leaves);
    tree_t t = {par, leaves, n, par_tree_share(leaves, par->rank, par->size), mine, sum};
    tree_node(&t, 0, 1);
    if (par->rank == 0 && n > 0)
        memcpy(sum, tree_buffer(&t, 0), n * sizeof *sum);
    par_broadcast(par, 0, n * sizeof *sum, sum);
}
