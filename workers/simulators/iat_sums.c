// SPDX-License-Identifier: Apache-2.0
//
// Groups, condition and answer, are told apart by weights of 0 and 1 rather than by branches, so that all trials of all groups
// become vector code in the order in which they came.
#include "workers/simulators/iat_sums.h"

#include "workers/simulators/lanes.h"
#include "workers/simulators/passage_many.h"

#include <math.h>

enum { N = IAT_TRIALS };
_Static_assert(N % LANES == 0, "no vector is left half full");

// Weights of 1 and 0: of a condition, whether or not a trial counts; of those of it that count; of wrong answers.
typedef struct {
    double all[IAT_CONDITIONS][N], counts[IAT_CONDITIONS][N], wrong[N];
    double x[N], pull[N]; // x is PASSAGE_MANY_NONE of trials that do not count
} trials_t;

typedef struct {
    double least, most, start[2], scale[IAT_CONDITIONS];
} given_t;

VEC_INLINE double find_passage(const given_t *g, double time, double wrong, double second)
{
    double start = (1.0 - wrong) * g->start[0] + wrong * g->start[1];
    return (time - start) * ((1.0 - second) * g->scale[0] + second * g->scale[1]);
}

VEC_INLINE void read_trials(trials_t *t, const given_t *g, const float *y)
{
    for (int i = 0; i < N; i++) {
        double signed_time = y[2 * i], which = y[2 * i + 1], time = fabs(signed_time);
        double in = ((time >= g->least) & (time <= g->most)) ? 1.0 : 0.0;
        double wrong = signed_time < 0.0 ? 1.0 : 0.0;
        double first = ((which >= 1.0) & (which < 2.0)) ? 1.0 : 0.0;
        double second = ((which >= 2.0) & (which < 3.0)) ? 1.0 : 0.0;
        double x = find_passage(g, time, wrong, second);
        t->all[0][i] = first;
        t->all[1][i] = second;
        t->counts[0][i] = first * in;
        t->counts[1][i] = second * in;
        t->wrong[i] = wrong;
        t->x[i] = lane_choose((first + second) * in > 0.0, x, PASSAGE_MANY_NONE);
    }
}

VEC_INLINE double sum(const double *x)
{
    double lane[LANES] = {0};
    for (int i = 0; i < N; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l];
    return lanes_sum(lane);
}

VEC_INLINE double dot(const double *x, const double *y)
{
    double lane[LANES] = {0};
    for (int i = 0; i < N; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l] * y[i + l];
    return lanes_sum(lane);
}

VEC_INLINE void sum_condition(const trials_t *t, int k, iat_condition_t *of)
{
    double counts = sum(t->counts[k]);
    of->uncounted = sum(t->all[k]) - counts;
    of->n[1] = dot(t->counts[k], t->wrong);
    of->n[0] = counts - of->n[1];
    of->x = dot(t->counts[k], t->x);
}

VEC_INLINE void sum_slopes(const trials_t *t, iat_condition_t *of)
{
    double right[N], wrong[N];
    for (int i = 0; i < N; i++) {
        double slope = t->pull[i] / t->x[i];
        right[i] = (1.0 - t->wrong[i]) * slope;
        wrong[i] = t->wrong[i] * slope;
    }
    for (int k = 0; k < IAT_CONDITIONS; k++) {
        of[k].slope[0] = dot(t->counts[k], right);
        of[k].slope[1] = dot(t->counts[k], wrong);
        of[k].pull = dot(t->counts[k], t->pull);
    }
}

VEC_KERNEL iat_sums_t iat_sums(const iat_scales_t *scales, const float *y, int slopes)
{
    const given_t g = {.least = scales->least,
                       .most = scales->most,
                       .start = {scales->start[0], scales->start[1]},
                       .scale = {1.0 / scales->unit[0], 1.0 / scales->unit[1]}};
    trials_t t;
    iat_sums_t sums;
    double n = 0.0;
    read_trials(&t, &g, y);
    for (int k = 0; k < IAT_CONDITIONS; k++) {
        sum_condition(&t, k, &sums.of[k]);
        n += sums.of[k].n[0] + sums.of[k].n[1];
    }
    passage_many_t all = passage_many(N, t.x, N - (int)n, slopes ? t.pull : NULL);
    sums.outside = all.outside;
    sums.log_density = all.log_density;
    if (slopes)
        sum_slopes(&t, sums.of);
    return sums;
}
