// SPDX-License-Identifier: Apache-2.0
#include "workers/seal_groups.h"

#include "cluster/mem.h"

#include <stdlib.h>

// The first rank of this rank's piece of its node.
static int leader_of_piece(const par_t *par, int most)
{
    MPI_Comm node;
    int rank, size, leader;
    TRY_MPI(MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank, MPI_INFO_NULL, &node));
    TRY_MPI(MPI_Comm_rank(node, &rank));
    TRY_MPI(MPI_Comm_size(node, &size));
    int *ranks = MEM_NEW(int, size);
    TRY_MPI(MPI_Allgather(&par->rank, 1, MPI_INT, ranks, 1, MPI_INT, node));
    int pieces = (size + most - 1) / most, piece = 0;
    while (par_share(size, piece, pieces).end <= rank)
        piece++;
    leader = ranks[par_share(size, piece, pieces).begin];
    free(ranks);
    TRY_MPI(MPI_Comm_free(&node));
    return leader;
}

seal_groups_t seal_groups_create(const par_t *par, int most)
{
    seal_groups_t g = {.of = MEM_NEW(int, par->size)};
    int leader = leader_of_piece(par, most), *leaders = MEM_NEW(int, par->size);
    TRY_MPI(MPI_Allgather(&leader, 1, MPI_INT, leaders, 1, MPI_INT, par->comm));
    for (int r = 0; r < par->size; r++)
        g.of[r] = leaders[r] == r ? g.n++ : g.of[leaders[r]];
    free(leaders);
    g.mine = par_split(par, g.of[par->rank]);
    return g;
}

void seal_groups_destroy(seal_groups_t *g)
{
    par_release(&g->mine);
    free(g->of);
    g->of = NULL;
}
