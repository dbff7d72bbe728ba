// SPDX-License-Identifier: Apache-2.0
#include "workers/load.h"

#include "cluster/err.h"
#include "workers/simulators/simulators.h"

#include <stddef.h>

static const infermill_simulator_t *const builtin[] = {
    &ddm_simulator,       &gaussian_linear_simulator,
    &iat_ddm_simulator,   &location_scale_simulator,
    &sir_simulator,       &slcp_simulator,
    &two_moons_simulator,
};

int simulator_builtin_count(void)
{
    return (int)(sizeof builtin / sizeof builtin[0]);
}

const infermill_simulator_t *simulator_builtin(int i)
{
    CHECK(i >= 0 && i < simulator_builtin_count(), "built-in simulator %d of %d", i,
          simulator_builtin_count());
    return builtin[i];
}
