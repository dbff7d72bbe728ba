/* SPDX-License-Identifier: Apache-2.0
 *
 * The exact posterior of one simulated row of a built-in model.
 */
#ifndef TESTS_WORKERS_EXACT_CASE_H
#define TESTS_WORKERS_EXACT_CASE_H

#include "cluster/mem.h"
#include "workers/exact.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    simulator_t *simulator;
    adapter_t *adapter;
    exact_t *exact;
    rows_t rows; // one
} exact_case_t;

/* `transforms` of the adapter, NULL: none. */
static inline adapter_t *exact_case_adapter(const schema_t *s, const adapter_config_t *transforms)
{
    adapter_parameter_t *parameters = MEM_NEW(adapter_parameter_t, s->n_parameters);
    adapter_observable_t observable = {
        .name = "y", .kind = OBSERVABLE_SET, .length = 1, .features = 1, .length_design = -1};
    adapter_t *adapter;
    for (int p = 0; p < s->n_parameters; p++)
        parameters[p] = (adapter_parameter_t){.name = s->parameters[p].name,
                                              .lower = s->parameters[p].lower,
                                              .upper = s->parameters[p].upper};
    adapter_shape_t shape = {.n_parameters = s->n_parameters,
                             .n_observables = 1,
                             .parameters = parameters,
                             .observables = &observable};
    err_t err = adapter_create(transforms, &shape, &adapter);
    CHECK(err == OK, "%s", err_text());
    free(parameters);
    return adapter;
}

/* Takes the simulator over, whose row `index` is simulated. */
static inline exact_case_t exact_case_of(simulator_t *simulator, int64_t index)
{
    exact_case_t c = {.simulator = simulator};
    c.rows = rows_create(simulator_schema(simulator), 1);
    err_t err = simulator_row(simulator, 3, RNG_BANK, index, &c.rows, 0);
    CHECK(err == OK && c.rows.status[0] == ROW_DONE, "row %ld", (long)index);
    c.rows.n = 1;
    c.adapter = exact_case_adapter(simulator_schema(simulator), NULL);
    err = exact_create(simulator, c.adapter, &c.exact);
    CHECK(err == OK, "%s", err_text());
    exact_set(c.exact, &c.rows, 0);
    return c;
}

static inline exact_case_t exact_case_make(const char *builtin, int64_t index)
{
    simulator_t *simulator;
    err_t err = simulator_load_builtin(builtin, &simulator);
    CHECK(err == OK, "%s", err_text());
    return exact_case_of(simulator, index);
}

static inline void exact_case_free(exact_case_t *c)
{
    exact_destroy(&c->exact);
    adapter_destroy(&c->adapter);
    rows_destroy(&c->rows);
    simulator_close(&c->simulator);
}

#endif
