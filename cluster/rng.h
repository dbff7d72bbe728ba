/* SPDX-License-Identifier: Apache-2.0
 *
 * Random streams. A stream is a value, made from (seed, stream, index); nothing else decides what it gives, so results
 * do not depend on ranks, order or crashes. Philox 4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"), from Random123: key = (seed, 0), counter = (index, stream, block, 0).
 *
 * Everything is exact (rejection where it is needed), none of it is tuned to a CPU; results can differ in last bits
 * between math libraries, because of exp and log. Arguments outside the stated domain (NaN too) are bugs of the caller
 * and die: whoever hands over a user's numbers checks them first. Counts saturate at RNG_COUNT_MAX.
 */
#ifndef CLUSTER_RNG_H
#define CLUSTER_RNG_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define RNG_COUNT_MAX INT64_C(1000000000000000000)

/* What a stream is for. Two uses never share one: rows of a bank, held-out data sets, training, inference ... */
typedef enum {
    RNG_BANK = 0,        // index: row of the bank
    RNG_HELD_OUT = 1,    // index: data set of `diagnose`
    RNG_INITIAL = 2,     // index: parameter tensor
    RNG_SHUFFLE = 3,     // index: epoch (and slice)
    RNG_TRAIN = 4,       // index: step and slice (dropout, augmentation)
    RNG_INFER = 5,       // index: data set
    RNG_DIAGNOSE = 6,    // index: free
    RNG_CHECK = 7,       // index: free; tests
    RNG_VALIDATE = 8,    // index: block of validation rows (noise and times of their loss)
    RNG_ADAPTER = 9,     // index: length of a set, or which observable; subsets and noise
    RNG_PREDICTIVE = 10, // index: replicate of a real data set
    RNG_REPLAY =
        11, // index: chunk of fresh rows and slice (which rows of the reservoir, and the order)
    RNG_REFINE = 12,     // index: step and slice of refinement, as RNG_TRAIN
    RNG_MISFIT = 20,     // index: which test of observed against simulated data sets
    RNG_CLASSIFIER = 21, // index: fold (its order of rows), 0: the folds themselves
    RNG_CLASSIFIED = 22, // index: data set (the draws that the classifier sees)
    RNG_PSIS = 23,       // index: data set (resampling by importance)
    RNG_CHAINS = 24,     // index: data set (Markov chains on its exact posterior)
} rng_stream_t;

enum { RNG_WORDS = 4 }; // of one Philox block

typedef struct {
    uint64_t key, index, stream, block; // block: the next one
    uint64_t word[RNG_WORDS];
    double spare; // second normal of a pair
    int used;     // words of `word` already given; RNG_WORDS: none left
    int has_spare;
} rng_t;

rng_t rng_at(uint64_t seed, uint64_t stream, uint64_t index);
/* Computes the next block of words; called by rng_u64. */
void rng_refill(rng_t *r);

static inline uint64_t rng_u64(rng_t *r)
{
    if (r->used == RNG_WORDS)
        rng_refill(r);
    return r->word[r->used++];
}

/* In (0, 1), never 0 or 1: the midpoints of 2^52 equal cells, so that u and 1 - u are both exact. */
static inline double rng_uniform(rng_t *r)
{
    return ((double)(int64_t)(rng_u64(r) >> 12) + 0.5) * 0x1p-52;
}

/* Mean 1; never 0. */
static inline double rng_exponential(rng_t *r)
{
    return -log(rng_uniform(r));
}

uint64_t rng_below(rng_t *r, uint64_t n);                 // 0 .. n-1, unbiased (Lemire 2019); n > 0
int64_t rng_integer(rng_t *r, int64_t low, int64_t high); // low .. high, both included
double rng_normal(rng_t *r);                              // N(0, 1) (Marsaglia and Bray 1964)
double rng_gamma(rng_t *r, double shape);       // scale 1; shape > 0 (Marsaglia and Tsang 2000)
double rng_beta(rng_t *r, double a, double b);  // a, b > 0
double rng_student_t(rng_t *r, double degrees); // degrees > 0; may overflow to +-inf below 0.01
double rng_cauchy(rng_t *r);
int64_t rng_poisson(rng_t *r, double mean);          // mean >= 0 (PTRS, Hoermann 1993)
int64_t rng_binomial(rng_t *r, int64_t n, double p); // n >= 0, 0 <= p <= 1 (BTRS, Hoermann 1993)
int64_t rng_negative_binomial(rng_t *r, double size,
                              double p);   // failures before `size` > 0 successes; 0 < p <= 1
int64_t rng_geometric(rng_t *r, double p); // failures before the first success; 0 < p <= 1
/* Weights are >= 0, finite, and not all 0; they need not sum to 1. A weight of 0 is never chosen. */
int64_t rng_categorical(rng_t *r, int n, const double *weight);
void rng_multinomial(rng_t *r, int64_t trials, int n, const double *weight, int64_t *out); // (n)
void rng_dirichlet(rng_t *r, int n, const double *concentration,
                   double *out); // (n); concentrations > 0
void rng_fill_uniform(rng_t *r, size_t n, double *out);
void rng_fill_normal(rng_t *r, size_t n, double *out);
void rng_fill_normal_f32(rng_t *r, size_t n, float *out);
void rng_shuffle(rng_t *r, size_t n, int64_t *items); // Fisher-Yates

#endif
