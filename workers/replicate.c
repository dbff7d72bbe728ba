// SPDX-License-Identifier: Apache-2.0
#include "workers/replicate.h"

err_t replicate_row(simulator_t *simulator, uint64_t seed, const rows_t *real, int64_t i, int64_t k,
                    const double *parameters, rows_t *out, int64_t at)
{
    CHECK(k >= 0 && k < REPLICATE_MOST, "replicate %ld of a data set", (long)k);
    int64_t index = real->index[i] * REPLICATE_MOST + k;
    return simulator_row_given(simulator, seed, RNG_PREDICTIVE, index, parameters,
                               real->design + i * real->schema->n_design, out, at);
}
