// SPDX-License-Identifier: Apache-2.0
//
// A draw on several ranks: heat spreads on a rod of 64 cells, which are divided over the ranks; k ~ U(0.05, 0.45) is how fast,
// and heat comes in at a random cell in each of 12 steps. Seen: 8 means of 8 cells, with noise, and how many ranks there
// were. For tests by environment: ROD_CRASH, ROD_FAIL, ROD_STOP: a draw with k above it aborts, is rejected, or stops, on the
// last rank alone; ROD_CREATE: the last rank can not make its state; ROD_HANG: a draw with k above it sleeps on the last
// rank, and ROD_STARTED is a file that is made then; ROD_MICROSECONDS: what a draw takes.
#include "workers/simulator.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CELLS = 64, STEPS = 12, SEEN = 8 };

typedef struct {
    MPI_Comm comm;
    int rank, size;
} rod_t;

static double setting(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 2 : atof(text);
}

static int create(void **state, int64_t communicator, int rank, int size)
{
    rod_t *rod = malloc(sizeof *rod);
    if (rod == NULL || (rank == size - 1 && getenv("ROD_CREATE") != NULL)) {
        free(rod);
        return 1;
    }
    *rod = (rod_t){MPI_Comm_f2c((MPI_Fint)communicator), rank, size};
    *state = rod;
    return 0;
}

static void draw(void *state, const infermill_host_t *host, infermill_random_t *random,
                 const double *design, double *parameters)
{
    (void)state, (void)design;
    parameters[0] = 0.05 + 0.4 * host->uniform(random);
}

// The cells beside this rank's, from its neighbours; the ends of the rod are cold.
static void exchange(const rod_t *rod, double *cell, int n)
{
    int left = rod->rank > 0 ? rod->rank - 1 : MPI_PROC_NULL,
        right = rod->rank < rod->size - 1 ? rod->rank + 1 : MPI_PROC_NULL;
    cell[0] = cell[n + 1] = 0;
    MPI_Sendrecv(&cell[1], 1, MPI_DOUBLE, left, 0, &cell[n + 1], 1, MPI_DOUBLE, right, 0, rod->comm,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(&cell[n], 1, MPI_DOUBLE, right, 1, &cell[0], 1, MPI_DOUBLE, left, 1, rod->comm,
                 MPI_STATUS_IGNORE);
}

static void step(const rod_t *rod, double k, int source, double *cell, int n)
{
    double next[CELLS + 2];
    int first = rod->rank * n;
    exchange(rod, cell, n);
    for (int i = 1; i <= n; i++)
        next[i] = cell[i] + k * (cell[i - 1] - 2 * cell[i] + cell[i + 1]);
    for (int i = 1; i <= n; i++)
        cell[i] = next[i] + (first + i - 1 == source);
}

static int mood(const rod_t *rod, double k)
{
    if (rod->rank < rod->size - 1)
        return 0;
    if (k > setting("ROD_CRASH"))
        abort();
    if (k > setting("ROD_HANG")) {
        FILE *file = fopen(getenv("ROD_STARTED"), "w");
        if (file != NULL) {
            fputs("hangs\n", file);
            fclose(file);
        }
        for (;;)
            sleep(1000);
    }
    return k > setting("ROD_STOP") ? -1 : k > setting("ROD_FAIL") ? 1 : 0;
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *parameters, const double *design, float *const *observables)
{
    const rod_t *rod = state;
    double cell[CELLS + 2] = {0}, mean[SEEN] = {0};
    int n = CELLS / rod->size;
    const char *pause = getenv("ROD_MICROSECONDS");
    (void)design;
    int code = mood(rod, parameters[0]);
    if (pause != NULL)
        usleep((useconds_t)atoi(pause));
    for (int t = 0; t < STEPS; t++)
        step(rod, parameters[0], (int)host->integer(random, 0, CELLS - 1), cell, n);
    for (int i = 0; i < n; i++)
        mean[(rod->rank * n + i) * SEEN / CELLS] += cell[i + 1] / (CELLS / SEEN);
    MPI_Allreduce(MPI_IN_PLACE, mean, SEEN, MPI_DOUBLE, MPI_SUM, rod->comm);
    for (int i = 0; i < SEEN; i++)
        observables[0][i] = (float)(mean[i] + 0.01 * host->normal(random));
    observables[1][0] = (float)rod->size;
    return code;
}

static const infermill_parameter_t parameters[] = {{.name = "k", .lower = 0.05, .upper = 0.45}};
static const infermill_observable_t observables[] = {
    {"heat", INFERMILL_VECTOR, 1, {SEEN}, {-1}, -INFINITY, INFINITY, NULL},
    {"ranks", INFERMILL_VECTOR, 1, {1}, {-1}, 1, 64, NULL}};

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "rod",
                                            .version = "1",
                                            .description = "for tests",
                                            .n_parameters = 1,
                                            .n_observables = 2,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .destroy = free,
                                            .prior = draw,
                                            .simulate = simulate,
                                            .create_on_ranks = create};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
