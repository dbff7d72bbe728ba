// SPDX-License-Identifier: Apache-2.0
#include "workers/table.h"

#include <stdlib.h>

static void free_set(table_set_t *set, int n_observables)
{
    for (int o = 0; set->values && o < n_observables; o++)
        free(set->values[o]);
    free(set->values);
    free(set->n);
    free(set->design);
    free(set->lines);
    free(set->problem);
    free(set->id);
}

void table_free(table_t *table)
{
    for (int64_t i = 0; i < table->n; i++)
        free_set(&table->sets[i], table->n_observables);
    free(table->sets);
    free(table->features);
    *table = (table_t){0};
}
