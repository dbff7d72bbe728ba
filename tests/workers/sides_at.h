/* SPDX-License-Identifier: Apache-2.0
 *
 * passage_sides of one x and one drift.
 */
#ifndef TESTS_WORKERS_SIDES_AT_H
#define TESTS_WORKERS_SIDES_AT_H

#include "workers/simulators/passage.h"

static inline passage_sides_t sides_at(double x, double m)
{
    passage_drift_t drift = passage_drift(m);
    return passage_sides(&drift, x);
}

#endif
