// SPDX-License-Identifier: Apache-2.0
#include "coordinator/data_view.h"

#include "cluster/mem.h"
#include "nn/adapter.h"

#include <stdlib.h>

data_view_t data_view_create(const schema_t *schema, const adapter_t *adapter)
{
    data_view_t d = {.schema = schema,
                     .which = MEM_NEW(int, schema->n_observables),
                     .fields = MEM_NEW(predictive_field_t, schema->n_observables)};
    for (int o = 0; o < schema->n_observables; o++) {
        const schema_observable_t *field = &schema->observables[o];
        bool image = field->kind == KIND_IMAGE && field->n_dims > 1;
        if (!adapter_uses_observable(adapter, o))
            continue;
        int64_t elements = field->dims[0] * (image ? field->dims[1] : 1);
        d.which[d.n] = o;
        d.fields[d.n++] = (predictive_field_t){.name = field->name,
                                               .kind = (predictive_kind_t)field->kind,
                                               .elements = elements,
                                               .features = schema_size(field) / elements};
    }
    d.n_items = predictive_items(d.n, d.fields, NULL);
    d.items = MEM_NEW(predictive_item_t, d.n_items);
    predictive_items(d.n, d.fields, d.items);
    return d;
}

void data_view_free(data_view_t *view)
{
    free(view->which);
    free(view->fields);
    free(view->items);
    *view = (data_view_t){0};
}

predictive_set_t data_view_set(const data_view_t *view, const rows_t *rows, int64_t at, int64_t *n,
                               const float **values)
{
    for (int f = 0; f < view->n; f++) {
        int o = view->which[f];
        const schema_observable_t *field = &view->schema->observables[o];
        n[f] = rows->length[at * view->schema->n_observables + o] * view->fields[f].elements /
               field->dims[0];
        values[f] = rows->observables[o] + at * schema_size(field);
    }
    return (predictive_set_t){n, values};
}

void data_view_statistics(const data_view_t *view, const rows_t *rows, int64_t at, double *out)
{
    int64_t *n = MEM_NEW(int64_t, view->n);
    const float **values = MEM_NEW(const float *, view->n);
    data_view_set(view, rows, at, n, values);
    for (int k = 0; k < view->n_items; k++) {
        int f = view->items[k].observable;
        out[k] = predictive_value(&view->fields[f], &view->items[k], n[f], values[f]);
    }
    free(values);
    free(n);
}
