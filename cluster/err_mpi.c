// SPDX-License-Identifier: Apache-2.0
#include "cluster/err.h"

#include <mpi.h>
#include <stdlib.h>

void err_abort(void)
{
    int started = 0, stopped = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&stopped);
    if (started && !stopped)
        MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}
