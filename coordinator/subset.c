// SPDX-License-Identifier: Apache-2.0
#include "coordinator/subset.h"

#include <math.h>
#include <string.h>

/* Moves `keep` random elements of n to the front (the first steps of Fisher-Yates), each of `stride` floats. */
static void pick_elements(float *values, int64_t n, int64_t keep, int64_t stride, rng_t rng)
{
    for (int64_t i = 0; i < keep; i++) {
        int64_t j = rng_integer(&rng, i, n - 1);
        for (int64_t f = 0; f < stride; f++) {
            float value = values[i * stride + f];
            values[i * stride + f] = values[j * stride + f];
            values[j * stride + f] = value;
        }
    }
}

static void cut_row(rows_t *rows, int64_t at, int design, int64_t keep, rng_t rng)
{
    const schema_t *s = rows->schema;
    for (int o = 0; o < s->n_observables; o++) {
        const schema_observable_t *field = &s->observables[o];
        if (field->length_design != design || field->kind != KIND_SET)
            continue;
        float *values = rows->observables[o] + at * schema_size(field);
        int32_t *length = &rows->length[at * s->n_observables + o];
        pick_elements(values, *length, keep, schema_stride(field), rng);
        *length = (int32_t)keep;
    }
    rows->design[at * s->n_design + design] = (double)keep;
}

/* Only where every observable of this length is a set. */
static bool may_cut(const schema_t *s, int design)
{
    bool used = false;
    for (int o = 0; o < s->n_observables; o++)
        if (s->observables[o].length_design == design) {
            if (s->observables[o].kind != KIND_SET)
                return false;
            used = true;
        }
    return used;
}

void subset_rows(const rows_t *rows, double share, rng_t *rng, rows_t *out)
{
    const schema_t *s = rows->schema;
    out->n = rows->n;
    for (int64_t i = 0; i < rows->n; i++) {
        rows_copy(rows, i, out, i);
        for (int d = 0; d < s->n_design; d++) {
            double chance = rng_uniform(rng);
            uint64_t seed = rng_u64(rng);
            int64_t n = (int64_t)out->design[i * s->n_design + d],
                    least = (int64_t)ceil(s->design[d].lower);
            int64_t keep = n > least ? rng_integer(rng, least, n) : n;
            if (chance < share && keep < n && may_cut(s, d))
                cut_row(out, i, d, keep, rng_at(seed, RNG_TRAIN, 0));
        }
    }
}
