/* SPDX-License-Identifier: Apache-2.0
 *
 * How a simulator is written for infermill. This header stands alone: include it, fill one constant table, export one
 * function that returns it, and build a shared object:
 *
 *     cc -O2 -shared -fPIC my_model.c -o my_model.so           # study.yaml:  model: {plugin: ./my_model.so}
 *
 * Interface 2 added `unit` to what is declared, and `simulate_batch`; a study may give the prior, then `prior` may be NULL.
 * Interface 3 added parameters that are arrays (`n_dims`, `dims`). Interface 4 added gradients. Interface 5 added
 * `create_on_ranks`, for draws that take several MPI ranks. A plugin
 * that is built against another interface is refused: build it anew against this header; what is left out of an initialiser
 * is 0 and means what it meant before.
 *
 * A simulator calls no MPI (but see create_on_ranks), prints nothing, never exits, and takes all its randomness from the
 * host: what it returns is then a function of (seed, row) alone, and a bank is the same for any number of ranks and any
 * crash.
 */
#ifndef INFERMILL_SIMULATOR_H
#define INFERMILL_SIMULATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INFERMILL_ABI      5u
#define INFERMILL_MAX_DIMS 3

/* What the fields mean to the networks. */
typedef enum {
    INFERMILL_VECTOR = 0, /* fixed length, order matters */
    INFERMILL_SET = 1,    /* exchangeable rows: dims = {n, features} */
    INFERMILL_SERIES = 2, /* ordered rows:      dims = {n, features} */
    INFERMILL_IMAGE = 3   /* dims = {height, width, channels} */
} infermill_kind_t;

typedef struct {
    const char *name;
    double lower, upper; /* the support, open; -INFINITY and INFINITY where there is no bound */
    const char *unit;    /* for people, "s"; NULL: none told */
    int n_dims; /* 0: one number; 1 .. INFERMILL_MAX_DIMS: an array, {28, 28} or {28, 28, 3}: an image */
    int64_t dims[INFERMILL_MAX_DIMS]; /* of an array, row-major */
} infermill_parameter_t;

/* A known setting of one experiment, drawn anew for each row. Where it is the length of an observable it is an integer. */
typedef struct {
    const char *name;
    double lower, upper; /* both included */
    int integer;         /* 1: whole numbers */
    const char *unit;    /* NULL: none told */
} infermill_design_t;

typedef struct {
    const char *name;
    infermill_kind_t kind;
    int n_dims;                       /* 1 .. INFERMILL_MAX_DIMS */
    int64_t dims[INFERMILL_MAX_DIMS]; /* row-major; where dim_design says so, the largest size */
    /* -1: fixed; else the design variable that gives this size. Only the first dim may vary: {0, -1}. */
    int dim_design[INFERMILL_MAX_DIMS];
    double lower,
        upper;        /* outside is refused in real data; -INFINITY, INFINITY: any finite value */
    const char *unit; /* NULL: none told */
} infermill_observable_t;

/* Random numbers, bound to the row being simulated. Valid during the call that receives it. */
typedef struct infermill_random infermill_random_t;
typedef struct {
    uint32_t abi, size; /* new members are added at the end; `size` tells which are there */
    double (*uniform)(infermill_random_t *);             /* in (0, 1) */
    double (*normal)(infermill_random_t *);              /* N(0, 1) */
    double (*exponential)(infermill_random_t *);         /* mean 1 */
    double (*gamma)(infermill_random_t *, double shape); /* scale 1 */
    double (*beta)(infermill_random_t *, double a, double b);
    double (*student_t)(infermill_random_t *, double degrees);
    int64_t (*integer)(infermill_random_t *, int64_t low, int64_t high); /* both included */
    int64_t (*poisson)(infermill_random_t *, double mean);
    int64_t (*binomial)(infermill_random_t *, int64_t n, double p);
    int64_t (*negative_binomial)(infermill_random_t *, double size,
                                 double p); /* failures before `size` successes */
    void (*fill_uniform)(infermill_random_t *, int64_t n, double *out);
    void (*fill_normal)(infermill_random_t *, int64_t n, double *out);
    /* Puts the reason of a rejected draw or of a stop beside the row; copied. */
    void (*explain)(infermill_random_t *, const char *reason);
} infermill_host_t;

/* The table. `abi` and `size` come first and are checked: a plugin built for another interface is refused. */
typedef struct {
    uint32_t abi;  /* INFERMILL_ABI */
    uint32_t size; /* sizeof(infermill_simulator_t) */
    const char *name, *version, *description;
    int n_parameters, n_observables, n_design;
    const infermill_parameter_t *parameters;
    const infermill_observable_t *observables;
    const infermill_design_t *design; /* NULL where n_design is 0 */

    /* State of one rank, made once; both may be NULL. create returns 0, or not 0 for failure. */
    int (*create)(void **state);
    void (*destroy)(void *state);

    /* Draws design (n_design values). NULL: each uniform between its bounds. */
    void (*draw_design)(void *state, const infermill_host_t *, infermill_random_t *,
                        double *design);
    /* Draws parameters from the prior, given the design: the values of each in the order of the declaration, those of an
     * array side by side (without arrays n_parameters values). NULL: the study gives the priors of all parameters
     * (`parameters:`); where it gives them this function is not called. Arrays have the simulator's own prior. */
    void (*prior)(void *state, const infermill_host_t *, infermill_random_t *, const double *design,
                  double *parameters);
    /* Simulates one row. observables[k] has room for the largest size of observable k; rows of a varying first dim
     * beyond the design's value are left alone. Returns 0 done; > 0 this draw is rejected (the row is kept with its
     * status); < 0 stop the campaign. May be NULL where simulate_batch is there. A crash ends the campaign with a message
     * that names the row; where the study says `isolate: true` or `timeout:`, the row is marked and the campaign goes on. */
    int (*simulate)(void *state, const infermill_host_t *, infermill_random_t *,
                    const double *parameters, const double *design, float *const *observables);

    /* Optional (NULL): natural logarithms, up to no constant; -INFINITY outside the support. */
    double (*log_prior)(void *state, const double *parameters, const double *design);
    double (*log_likelihood)(void *state, const double *parameters, const double *design,
                             const float *const *observables);

    /* Optional (NULL): simulates n rows in one call, for simulators that work on many at once. random[i] are the numbers
     * of row i; parameters (n, all values of a row), design (n, n_design), observables[k] (n, largest size of observable k), all
     * row-major. code[i] is what simulate would return; the return value is 0, or < 0 to stop the campaign. n depends on
     * ranks and timing, so what row i becomes must not depend on n or on the rows beside it: mind sums whose order changes
     * with n. Where it is there, simulate is not called. */
    int (*simulate_batch)(void *state, const infermill_host_t *, int n,
                          infermill_random_t *const *random, const double *parameters,
                          const double *design, float *const *observables, int *code);

    /* Optional (NULL): the same as log_prior and log_likelihood, and their derivatives by each value of the parameters. Where
     * the result is -INFINITY the derivatives are not looked at. */
    double (*log_prior_gradient)(void *state, const double *parameters, const double *design,
                                 double *gradient);
    double (*log_likelihood_gradient)(void *state, const double *parameters, const double *design,
                                      const float *const *observables, double *gradient);

    /* Optional (NULL): makes the state of a simulator whose draws take several MPI ranks each (model.ranks_per_draw in the
     * study), instead of `create`. `communicator` is a Fortran handle, so that this header needs no mpi.h: the plugin, built
     * against the same MPI, says MPI_Comm_f2c((MPI_Fint)communicator). It has rank 0 .. size - 1, belongs to this state
     * alone until `destroy` has returned, and is not to be freed; MPI is initialised for MPI_THREAD_FUNNELED. Every rank
     * calls every function of the table with the same arguments and the same random numbers: take equal numbers
     * everywhere or use none of them. Of the observables those of one rank are kept, any of them, so all have to hold the
     * result (MPI_Allreduce, MPI_Allgather). Where the ranks return different codes, the least counts if it is below 0, else
     * the greatest. No function may be left by one rank while others wait for it. Returns 0, or not 0 for failure, on
     * whichever rank. */
    int (*create_on_ranks)(void **state, int64_t communicator, int rank, int size);
} infermill_simulator_t;

/* The one symbol of a plugin. */
typedef const infermill_simulator_t *(*infermill_entry_t)(void);
const infermill_simulator_t *infermill_simulator(void);

#ifdef __cplusplus
}
#endif
#endif
