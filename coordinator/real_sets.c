// SPDX-License-Identifier: Apache-2.0
#include "coordinator/real_sets.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

real_sets_t real_sets_create(const real_data_t *data, int64_t capacity)
{
    return (real_sets_t){.rows = rows_create(data->schema, capacity),
                         .problem = MEM_NEW(char *, capacity)};
}

static void clear(real_sets_t *sets)
{
    for (int64_t i = 0; i < sets->rows.n; i++) {
        free(sets->problem[i]);
        sets->problem[i] = NULL;
    }
    sets->rows.n = 0;
}

void real_sets_free(real_sets_t *sets)
{
    if (sets->problem == NULL)
        return;
    clear(sets);
    free(sets->problem);
    rows_destroy(&sets->rows);
    *sets = (real_sets_t){0};
}

/* Copies what fits; a number of elements outside of what was trained is told by infer_refusal from the design. */
static void take_observable(const table_t *t, int64_t i, int at, rows_t *rows, int o)
{
    const schema_observable_t *field = &rows->schema->observables[o];
    int64_t size = schema_size(field), stride = schema_stride(field);
    int64_t all = t->sets[i].n[at] * t->features[at] / stride;
    int64_t n = all < field->dims[0] ? all : field->dims[0];
    float *values = rows->observables[o] + i * size;
    memset(values, 0, (size_t)size * sizeof *values);
    if (t->sets[i].values != NULL && n > 0)
        memcpy(values, t->sets[i].values[at], (size_t)(n * stride) * sizeof *values);
    rows->length[i * rows->schema->n_observables + o] = (int32_t)n;
    if (field->length_design >= 0)
        rows->design[i * rows->schema->n_design + field->length_design] = (double)all;
}

/* What the adapter drops is 0, a design variable that is not known its lowest value. */
static void take_set(const real_data_t *data, const table_t *t, int64_t i, rows_t *rows)
{
    const schema_t *s = data->schema;
    double *design = rows->design + i * s->n_design;
    for (int d = 0; d < s->n_design; d++)
        design[d] = s->design[d].lower;
    for (int k = 0; k < data->design.n; k++)
        design[data->design.which[k]] = t->sets[i].design[k];
    for (int o = 0, at = 0; o < s->n_observables; o++)
        if (adapter_uses_observable(data->adapter, o))
            take_observable(t, i, at++, rows, o);
}

/* The first that is wrong: with a value, with the file, with a number. Repeated rows are looked for where a row is a line. */
static char *problem_of(const real_data_t *data, table_t *t, int64_t i)
{
    char *problem = t->sets[i].problem;
    t->sets[i].problem = NULL;
    if (problem == NULL && !data->hdf5)
        problem = table_repeats(t, i);
    return problem ? problem : real_data_shape_problem(data, t, i);
}

err_t real_sets_load(const real_data_t *data, int64_t n, const int64_t *which, real_sets_t *sets)
{
    CHECK(n <= sets->rows.capacity, "%ld data sets, room for %ld", (long)n,
          (long)sets->rows.capacity);
    table_t t;
    clear(sets);
    TRY(table_pack_read(data->pack, n, which, &t));
    sets->rows.n = n;
    for (int64_t i = 0; i < n; i++) {
        sets->rows.index[i] = which[i];
        take_set(data, &t, i, &sets->rows);
        sets->problem[i] = problem_of(data, &t, i);
    }
    table_free(&t);
    return OK;
}

err_t real_sets_load_range(const real_data_t *data, int64_t begin, int64_t end, real_sets_t *sets)
{
    int64_t *which = MEM_NEW(int64_t, end - begin + 1);
    for (int64_t i = begin; i < end; i++)
        which[i - begin] = i;
    err_t err = real_sets_load(data, end - begin, which, sets);
    free(which);
    return err;
}
