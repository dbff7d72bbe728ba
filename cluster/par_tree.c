// SPDX-License-Identifier: Apache-2.0
//
// The fixed tree over L leaves: node k of level j covers leaves [floor(k L / 2^j), floor((k + 1) L / 2^j)), so it depends
// on L alone. A node's sum lies with the owner of its first leaf, in the buffer of that leaf; where the right child has
// another owner, that one sends. Ranks have the leaves [floor(r L / R), floor((r + 1) L / R)): for R = 2^j these are the
// nodes of level j. Every rank meets the exchanges in the same (post-)order, so blocking sends do not deadlock.
#include "cluster/par.h"

#include <string.h>

enum { TREE_TAG = 7 };

typedef void (*tree_add_t)(size_t n, void *into, const void *other);

typedef struct {
    const par_t *par;
    int leaves;
    size_t n, width; // values, bytes of one
    MPI_Datatype type;
    tree_add_t add;
    range_t own;
    void **mine;
    void *received;
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

static void tree_add_f32(size_t n, void *into, const void *other)
{
    float *a = into;
    const float *b = other;
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
}

static void tree_add_f64(size_t n, void *into, const void *other)
{
    double *a = into;
    const double *b = other;
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
}

static void *tree_buffer(const tree_t *t, int64_t leaf)
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
        t->add(t->n, tree_buffer(t, left), tree_buffer(t, right));
    } else if (from == t->par->rank) {
        TRY_MPI(MPI_Send(tree_buffer(t, right), count, t->type, to, TREE_TAG, t->par->comm));
    } else if (to == t->par->rank) {
        TRY_MPI(
            MPI_Recv(t->received, count, t->type, from, TREE_TAG, t->par->comm, MPI_STATUS_IGNORE));
        t->add(t->n, tree_buffer(t, left), t->received);
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

static void tree_sum(tree_t *t, void *sum)
{
    CHECK(t->leaves > 0, "a sum of %d blocks", t->leaves);
    t->own = par_tree_share(t->leaves, t->par->rank, t->par->size);
    t->received = sum;
    tree_node(t, 0, 1);
    if (t->par->rank == 0 && t->n > 0)
        memcpy(sum, tree_buffer(t, 0), t->n * t->width);
    par_broadcast(t->par, 0, t->n * t->width, sum);
}

void par_tree_sum_f32(const par_t *par, int leaves, size_t n, float **mine, float *sum)
{
    tree_t t = {par, leaves, n, sizeof *sum, MPI_FLOAT, tree_add_f32, {0, 0}, (void **)mine, NULL};
    tree_sum(&t, sum);
}

void par_tree_sum_f64(const par_t *par, int leaves, size_t n, double **mine, double *sum)
{
    tree_t t = {par, leaves, n, sizeof *sum, MPI_DOUBLE, tree_add_f64, {0, 0}, (void **)mine, NULL};
    tree_sum(&t, sum);
}
