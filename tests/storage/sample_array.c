// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/sample_array.h"

#include "cluster/mem.h"
#include "storage/schema_array.h"

#include <math.h>

static void add(schema_t *s, const char *name, int n_dims, int64_t height, int64_t width)
{
    schema_parameter_t declared = {.name = mem_copy_text(name),
                                   .unit = mem_copy_text("lux"),
                                   .lower = -INFINITY,
                                   .upper = INFINITY,
                                   .n_dims = n_dims,
                                   .dims = {height, width}};
    err_t err = schema_add_parameter(s, &declared);
    CHECK(err == OK, "%s", err_text());
}

schema_t sample_array_schema_of(int64_t height, int64_t width)
{
    schema_t s = {.name = mem_copy_text("pictures"),
                  .version = mem_copy_text("1"),
                  .description = mem_copy_text(""),
                  .n_observables = 1,
                  .observables = MEM_NEW(schema_observable_t, 1)};
    add(&s, "mu", 0, 0, 0);
    add(&s, "image", 2, height, width);
    add(&s, "sigma", 0, 0, 0);
    s.observables[0] = (schema_observable_t){.name = mem_copy_text("y"),
                                             .kind = KIND_VECTOR,
                                             .n_dims = 1,
                                             .dims = {2},
                                             .length_design = -1,
                                             .lower = -INFINITY,
                                             .upper = INFINITY};
    return s;
}

schema_t sample_array_schema(void)
{
    return sample_array_schema_of(2, 3);
}

void sample_array_row(int64_t index, rows_t *rows, int64_t at)
{
    const schema_t *s = rows->schema;
    rows->index[at] = index;
    rows->status[at] = ROW_DONE;
    rows->seconds[at] = 0;
    rows->length[at] = 2;
    for (int k = 0; k < s->n_parameters; k++)
        rows->parameters[at * s->n_parameters + k] = (double)index + k / 16.0;
    for (int k = 0; k < 2; k++)
        rows->observables[0][at * 2 + k] = (float)index;
}
