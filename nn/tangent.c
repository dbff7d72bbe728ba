// SPDX-License-Identifier: Apache-2.0
#include "nn/tangent.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdlib.h>

/* One for each node up to `out`. */
typedef struct {
    tensor_t *node;    // NULL: `out` was not made from it
    tensor_t *tangent; // NULL: zero
    bool given;        // an input: what it was made from does not matter
} place_t;

/* Inputs come before what is made from them, so one walk down from `out` meets each node after all that use it. */
static void find_sources(tensor_t *out, place_t *place)
{
    place[out->id].node = out;
    for (int i = out->id; i >= 0; i--) {
        tensor_t *t = place[i].node;
        for (int k = 0; t != NULL && !place[i].given && k < t->n_in; k++)
            place[t->in[k]->id].node = t->in[k];
    }
}

static tensor_t *tangent_of(graph_t *g, tensor_t *t, const place_t *place)
{
    tensor_t *in[OP_MAX_INPUTS];
    bool moves = false;
    for (int k = 0; k < t->n_in; k++) {
        in[k] = place[t->in[k]->id].tangent;
        moves |= in[k] != NULL;
    }
    if (!moves)
        return NULL;
    CHECK(t->kind->tangent != NULL, "%s has no tangent", t->kind->name);
    return t->kind->tangent(g, t, in);
}

tensor_t *graph_tangent(graph_t *g, tensor_t *out, int n, tensor_t *const *input,
                        tensor_t *const *tangent)
{
    int last = out->id;
    place_t *place = MEM_NEW(place_t, last + 1);
    for (int k = 0; k < n; k++) {
        if (input[k]->id > last)
            continue;
        CHECK(tangent[k] == NULL ||
                  (tensor_same_rows(input[k], tangent[k]) && input[k]->cols == tangent[k]->cols),
              "tangent %d has another shape than its input", k);
        place[input[k]->id] = (place_t){NULL, tangent[k], true};
    }
    find_sources(out, place);
    for (int i = 0; i <= last; i++)
        if (place[i].node != NULL && !place[i].given)
            place[i].tangent = tangent_of(g, place[i].node, place);
    tensor_t *result = place[last].tangent;
    free(place);
    return result != NULL ? op_stop(g, result) : NULL;
}

tensor_t *tangent_or_zero(graph_t *g, tensor_t *t, tensor_t *tangent)
{
    return tangent != NULL ? tangent : op_scale(g, t, 0, 0);
}

tensor_t *tangent_sum(graph_t *g, tensor_t *a, tensor_t *b)
{
    return a == NULL ? b : b == NULL ? a : op_add(g, a, b);
}
