// SPDX-License-Identifier: Apache-2.0
#include "nn/graph_plan.h"

#include "cluster/mem.h"
#include "nn/op.h"

#include <stdlib.h>

#define BUFFER_ALIGN 16 // floats

typedef struct {
    float **where; // the pointer to set
    size_t floats, offset;
    int first, last; // life, both ends included
    int order;       // breaks ties, so that the plan is a function of the graph alone
} buffer_t;

typedef struct {
    int n; // nodes
    int count;
    buffer_t *buffer; // (at most 3n + 1)
} plan_t;

/* Times of use of each tensor by those made from it. */
typedef struct {
    int last_forward, last_backward, first_backward; // -1, -1, 2n where there is none
    int last_stage;                                  // latest stage that reads it
} uses_t;

static int backward_time(int n, int id)
{
    return 2 * n - 1 - id;
}

static bool reads_input(const tensor_t *t, int k)
{
    int skips = BACKWARD_SKIPS_INPUTS | (k == 0 ? BACKWARD_SKIPS_FIRST : 0);
    return t->wants_grad && !(t->kind->skips & skips);
}

static bool reads_result(const tensor_t *t)
{
    return t->kind != NULL && t->wants_grad && !(t->kind->skips & BACKWARD_SKIPS_RESULT);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void find_uses(int n, tensor_t *const *node, uses_t *uses)
{
    for (int i = 0; i < n; i++)
        uses[i] = (uses_t){-1, -1, 2 * n, 0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < node[i]->n_in; k++) {
            uses_t *u = &uses[node[i]->in[k]->id];
            int back = backward_time(n, i);
            u->last_forward = i;
            u->last_stage = larger(u->last_stage, node[i]->stage);
            if (reads_input(node[i], k) && back > u->last_backward)
                u->last_backward = back;
            if (node[i]->wants_grad && back < u->first_backward)
                u->first_backward = back;
        }
}

static void add(plan_t *p, float **where, size_t floats, int first, int last)
{
    size_t rounded = (floats + BUFFER_ALIGN - 1) / BUFFER_ALIGN * BUFFER_ALIGN;
    p->buffer[p->count] = (buffer_t){where, rounded, 0, first, last, p->count};
    p->count++;
}

static void add_value(plan_t *p, const graph_t *g, tensor_t *t, const uses_t *u)
{
    int last = larger(larger(t->id, u->last_forward), u->last_backward), end = 2 * p->n;
    if (reads_result(t))
        last = larger(last, backward_time(p->n, t->id));
    bool again = graph_mode(g) == GRAPH_SLOPE && last >= p->n;
    bool stands = t->stage < GRAPH_STAGES - 1 && (t->kept || u->last_stage > t->stage);
    bool always = t->kind == NULL || again || stands;
    add(p, &t->value, graph_full_floats(g, t), always ? 0 : t->id, always || t->kept ? end : last);
}

static void add_node(plan_t *p, const graph_t *g, tensor_t *t, const uses_t *u)
{
    int back = backward_time(p->n, t->id), end = 2 * p->n;
    size_t floats = graph_full_floats(g, t);
    if (t->param >= 0)
        return;
    add_value(p, g, t, u);
    if (t->wants_grad)
        add(p, &t->grad, floats, u->first_backward < back ? u->first_backward : back,
            t->kind == NULL ? end : back);
    bool again = graph_mode(g) == GRAPH_SLOPE;
    if (t->wants_grad && t->keep_floats > 0)
        add(p, &t->keep, t->keep_floats, again ? 0 : t->id, again ? end : back);
}

static int by_size(const void *a, const void *b)
{
    const buffer_t *x = a, *y = b;
    if (x->floats != y->floats)
        return x->floats > y->floats ? -1 : 1;
    return x->order - y->order;
}

/* The lowest gap among placed[0 .. n), which are sorted by offset, and puts b there. */
static void place(buffer_t **placed, int n, buffer_t *b)
{
    size_t offset = 0;
    for (int k = 0; k < n; k++) {
        const buffer_t *q = placed[k];
        if (q->last < b->first || q->first > b->last)
            continue;
        if (q->offset >= offset + b->floats)
            break;
        if (q->offset + q->floats > offset)
            offset = q->offset + q->floats;
    }
    b->offset = offset;
    int at = n;
    for (; at > 0 && placed[at - 1]->offset > offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = b;
}

static size_t place_all(plan_t *p)
{
    buffer_t **placed = MEM_NEW(buffer_t *, p->count);
    size_t total = 0;
    qsort(p->buffer, (size_t)p->count, sizeof *p->buffer, by_size);
    for (int k = 0; k < p->count; k++) {
        buffer_t *b = &p->buffer[k];
        place(placed, k, b);
        if (b->offset + b->floats > total)
            total = b->offset + b->floats;
    }
    free(placed);
    return total;
}

float *graph_plan(const graph_t *g, int n, tensor_t *const *node, float **scratch, size_t *bytes)
{
    plan_t p = {n, 0, MEM_NEW(buffer_t, 3 * n + 1)};
    uses_t *uses = MEM_NEW(uses_t, n + 1);
    size_t most_scratch = 1;
    find_uses(n, node, uses);
    for (int i = 0; i < n; i++) {
        add_node(&p, g, node[i], &uses[i]);
        if (node[i]->scratch_floats > most_scratch)
            most_scratch = node[i]->scratch_floats;
    }
    add(&p, scratch, most_scratch, 0, 2 * n);
    size_t floats = place_all(&p);
    float *memory = mem_alloc(floats, sizeof *memory);
    for (int k = 0; k < p.count; k++)
        *p.buffer[k].where = memory + p.buffer[k].offset;
    *bytes = floats * sizeof *memory;
    free(uses);
    free(p.buffer);
    return memory;
}
