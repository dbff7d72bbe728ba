// SPDX-License-Identifier: Apache-2.0
#include "coordinator/data_statistics.h"

#include "cluster/mem.h"
#include "diagnostics/predictive_statistic.h"

#include <stdlib.h>

struct data_statistics {
    const adapter_shape_t *shape; // behind the adapter
    adapter_work_t *work;
    predictive_field_t *fields;
    predictive_item_t *items;
    int n_items;
};

/* A vector's numbers are its elements here. */
static predictive_field_t field_of(const adapter_observable_t *o)
{
    static const predictive_kind_t kinds[] = {[OBSERVABLE_VECTOR] = PREDICTIVE_VECTOR,
                                              [OBSERVABLE_SET] = PREDICTIVE_SET,
                                              [OBSERVABLE_SERIES] = PREDICTIVE_SERIES,
                                              [OBSERVABLE_IMAGE] = PREDICTIVE_IMAGE};
    predictive_field_t f = {
        .name = o->name, .kind = kinds[o->kind], .elements = o->length, .features = o->features};
    if (o->kind == OBSERVABLE_VECTOR)
        f = (predictive_field_t){o->name, PREDICTIVE_VECTOR, o->length * o->features, 1};
    return f;
}

data_statistics_t *data_statistics_create(const adapter_t *adapter)
{
    data_statistics_t *s = MEM_NEW(data_statistics_t, 1);
    s->shape = adapter_after(adapter);
    s->work = adapter_work_create(adapter, 1);
    s->fields = MEM_NEW(predictive_field_t, s->shape->n_observables + 1);
    for (int o = 0; o < s->shape->n_observables; o++)
        s->fields[o] = field_of(&s->shape->observables[o]);
    s->n_items = predictive_items(s->shape->n_observables, s->fields, NULL);
    s->items = MEM_NEW(predictive_item_t, s->n_items + 1);
    predictive_items(s->shape->n_observables, s->fields, s->items);
    return s;
}

void data_statistics_destroy(data_statistics_t **s)
{
    if (*s == NULL)
        return;
    adapter_work_destroy(&(*s)->work);
    free((*s)->fields);
    free((*s)->items);
    free(*s);
    *s = NULL;
}

int data_statistics_count(const data_statistics_t *s)
{
    return s->n_items + s->shape->n_design;
}

static int64_t elements_of(const data_statistics_t *s, const batch_t *batch, int o)
{
    observable_kind_t kind = s->shape->observables[o].kind;
    bool varies = kind == OBSERVABLE_SET || kind == OBSERVABLE_SERIES;
    return varies ? batch->length[o] : s->fields[o].elements;
}

void data_statistics_of(data_statistics_t *s, const batch_t *batch, float *out)
{
    CHECK(batch->n == 1, "statistics of %ld data sets at once", (long)batch->n);
    batch_t adapted = adapter_batch(s->work, batch, ADAPTER_EVALUATION, NULL);
    for (int k = 0; k < s->n_items; k++) {
        int o = s->items[k].observable;
        out[k] = (float)predictive_value(&s->fields[o], &s->items[k], elements_of(s, &adapted, o),
                                         adapted.observables[o]);
    }
    for (int j = 0; j < s->shape->n_design; j++)
        out[s->n_items + j] = (float)adapted.design[j];
}
