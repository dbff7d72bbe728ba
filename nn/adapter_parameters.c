// SPDX-License-Identifier: Apache-2.0
#include "nn/adapter_impl.h"

#include "cluster/mem.h"
#include "nn/constrained.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_MEMBERS = 256 }; // of a group

void adapter_begin_parameters(adapter_t *a)
{
    int n = a->before.n_parameters;
    a->dropped = ARENA_NEW(a->arena, bool, n + 1);
    a->own_scale = ARENA_NEW(a->arena, bool, n + 1);
    a->maps = ARENA_NEW(a->arena, interval_map_t, n + 1);
    a->group = ARENA_NEW(a->arena, int, n + 1);
    a->blocks = ARENA_NEW(a->arena, adapter_block_t, n + 1);
    for (int p = 0; p < n; p++) {
        a->maps[p] = interval_map(a->before.parameters[p].lower, a->before.parameters[p].upper);
        a->group[p] = -1;
    }
}

/* ---- transforms of one ---- */

static err_t add_step(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item, int p)
{
    interval_map_t *map = &a->maps[p];
    const char *name = item->name;
    if (map->n == INTERVAL_MAX_STEPS)
        return adapter_wrong(a, t, "%s has more than %d transforms", name, INTERVAL_MAX_STEPS);
    if (t->kind != ADAPTER_CONSTRAIN) {
        interval_step_t step = t->kind == ADAPTER_LOG ? INTERVAL_LOG : INTERVAL_SQRT;
        return interval_add(map, step, 0.0, 0.0)
                   ? OK
                   : adapter_wrong(a, t,
                                   "%s lies in (%g, %g), expected a support that does not reach "
                                   "below 0: put constrain: {%s: {lower: 0}} before it",
                                   name, map->lower, map->upper, name);
    }
    return interval_add(map, INTERVAL_NARROW, item->lower, item->upper)
               ? OK
               : adapter_wrong(a, t, "%s lies in (%g, %g), and nothing of that in (%g, %g)", name,
                               map->lower, map->upper, item->lower, item->upper);
}

err_t adapter_add_parameter(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                            int p)
{
    if (t->kind == ADAPTER_STANDARDIZE) {
        a->own_scale[p] = !item->standardize;
        return OK;
    }
    if (a->group[p] >= 0)
        return adapter_wrong(a, t, "%s belongs to a group (%s): its numbers are free already",
                             item->name, adapter_kind_word(a->blocks[a->group[p]].kind));
    if (t->kind != ADAPTER_DROP)
        return add_step(a, t, item, p);
    a->dropped[p] = true;
    return OK;
}

/* ---- groups ---- */

static err_t group_size(const adapter_t *a, const adapter_transform_t *t, adapter_block_t *b)
{
    bool covariance = t->kind == ADAPTER_COVARIANCE;
    if (t->kind == ADAPTER_SIMPLEX || t->kind == ADAPTER_ORDERED) {
        b->n_free = t->kind == ADAPTER_SIMPLEX ? t->n - 1 : t->n;
        return t->n >= 2 && t->n <= MOST_MEMBERS
                   ? OK
                   : adapter_wrong(a, t, "got %d parameters, expected 2 to %d", t->n, MOST_MEMBERS);
    }
    b->n_free = t->n;
    b->side = covariance ? covariance_side(t->n) : correlation_side(t->n);
    return b->side > 0
               ? OK
               : adapter_wrong(a, t,
                               "got %d parameters, expected 1, 3, 6, 10, ... = K (K %c 1) / 2 of a "
                               "matrix of K rows, at most %d",
                               t->n, covariance ? '+' : '-', CONSTRAINED_MAX_SIDE);
}

// On the diagonal of a covariance?
static bool is_diagonal(int i)
{
    int row = 0;
    while (row * (row + 1) / 2 + row < i)
        row++;
    return row * (row + 1) / 2 + row == i;
}

// What a declared support has to hold.
static void range_of_member(adapter_kind_t kind, int i, double *lower, double *upper)
{
    *lower = -INFINITY;
    *upper = INFINITY;
    if (kind == ADAPTER_SIMPLEX || (kind == ADAPTER_COVARIANCE && is_diagonal(i)))
        *lower = 0.0;
    if (kind == ADAPTER_CORRELATION)
        *lower = -1.0;
    if (kind == ADAPTER_SIMPLEX || kind == ADAPTER_CORRELATION)
        *upper = 1.0;
}

static err_t check_member(const adapter_t *a, const adapter_transform_t *t, int i, int p)
{
    const interval_map_t *map = &a->maps[p];
    const char *name = t->items[i].name;
    if (a->group[p] >= 0)
        return adapter_wrong(a, t, "%s belongs to a group already (%s)", name,
                             adapter_kind_word(a->blocks[a->group[p]].kind));
    if (t->kind == ADAPTER_ORDERED)
        return OK;
    double lower, upper;
    range_of_member(t->kind, i, &lower, &upper);
    if (map->n > 0)
        return adapter_wrong(a, t, "%s is transformed already, expected it as the model has it",
                             name);
    if (map->lower > lower || map->upper < upper)
        return adapter_wrong(a, t,
                             "%s has the support (%g, %g), expected one that holds all of (%g, %g)",
                             name, map->lower, map->upper, lower, upper);
    return OK;
}

static err_t check_same_support(const adapter_t *a, const adapter_transform_t *t,
                                const int *members)
{
    const interval_map_t *first = &a->maps[members[0]];
    for (int i = 1; i < t->n; i++) {
        const interval_map_t *map = &a->maps[members[i]];
        if (!interval_same(first, map))
            return adapter_wrong(a, t,
                                 "%s has the support (%g, %g) and %s (%g, %g), expected the same "
                                 "support and transforms",
                                 t->items[0].name, first->lower, first->upper, t->items[i].name,
                                 map->lower, map->upper);
    }
    return OK;
}

err_t adapter_add_group(adapter_t *a, const adapter_transform_t *t, const int *members)
{
    adapter_block_t *b = &a->blocks[a->n_blocks];
    *b = (adapter_block_t){.kind = t->kind, .n = t->n, .map = a->maps[members[0]]};
    TRY(group_size(a, t, b));
    for (int i = 0; i < t->n; i++)
        TRY(check_member(a, t, i, members[i]));
    if (t->kind == ADAPTER_ORDERED)
        TRY(check_same_support(a, t, members));
    b->member = ARENA_NEW(a->arena, int, t->n);
    for (int i = 0; i < t->n; i++) {
        b->member[i] = members[i];
        a->group[members[i]] = a->n_blocks;
    }
    a->n_blocks++;
    return OK;
}

bool adapter_is_simplex(const adapter_t *a, int n, char *const *names)
{
    for (int k = 0; k < a->n_blocks; k++) {
        const adapter_block_t *b = &a->blocks[k];
        int found = 0;
        for (int i = 0; i < b->n; i++)
            for (int j = 0; j < n; j++)
                found += strcmp(a->before.parameters[b->member[i]].name, names[j]) == 0;
        if (!b->alone && b->kind == ADAPTER_SIMPLEX && found == n && b->n == n)
            return true;
    }
    return false;
}

/* ---- the end ---- */

static void add_alone(adapter_t *a, int p)
{
    adapter_block_t *b = &a->blocks[a->n_blocks];
    *b = (adapter_block_t){.alone = true, .n = 1, .n_free = 1, .map = a->maps[p]};
    b->member = ARENA_NEW(a->arena, int, 1);
    b->member[0] = p;
    a->group[p] = a->n_blocks++;
}

// Free numbers stand in the order in which their block comes first among the parameters.
static void place_free(adapter_t *a)
{
    bool *placed = ARENA_NEW(a->arena, bool, a->n_blocks + 1);
    for (int p = 0; p < a->before.n_parameters; p++) {
        adapter_block_t *b = a->dropped[p] ? NULL : &a->blocks[a->group[p]];
        if (b == NULL || placed[a->group[p]])
            continue;
        placed[a->group[p]] = true;
        b->first = a->after.n_parameters;
        a->after.n_parameters += b->n_free;
    }
}

static void place_kept(adapter_t *a)
{
    int *place = ARENA_NEW(a->arena, int, a->before.n_parameters + 1);
    a->kept = ARENA_NEW(a->arena, int, a->before.n_parameters + 1);
    for (int p = 0; p < a->before.n_parameters; p++)
        if (!a->dropped[p]) {
            place[p] = a->n_kept;
            a->kept[a->n_kept++] = p;
        }
    for (int k = 0; k < a->n_blocks; k++) {
        adapter_block_t *b = &a->blocks[k];
        b->place = ARENA_NEW(a->arena, int, b->n);
        for (int i = 0; i < b->n; i++)
            b->place[i] = place[b->member[i]];
    }
}

static void name_free(adapter_t *a)
{
    a->after.parameters = ARENA_NEW(a->arena, adapter_parameter_t, a->after.n_parameters + 1);
    for (int k = 0; k < a->n_blocks; k++) {
        const adapter_block_t *b = &a->blocks[k];
        for (int i = 0; i < b->n_free; i++) {
            const char *name = a->before.parameters[b->member[i]].name;
            a->after.parameters[b->first + i] = (adapter_parameter_t){
                .name = b->alone
                            ? arena_copy_text(a->arena, name)
                            : arena_format(a->arena, "%s of %s", adapter_kind_word(b->kind), name),
                .lower = -INFINITY,
                .upper = INFINITY,
                .standardize = !a->own_scale[b->member[i]],
                .array = b->alone ? a->before.parameters[b->member[i]].array : 0};
        }
    }
}

err_t adapter_end_parameters(adapter_t *a)
{
    for (int p = 0; p < a->before.n_parameters; p++)
        if (!a->dropped[p] && a->group[p] < 0)
            add_alone(a, p);
    place_free(a);
    place_kept(a);
    name_free(a);
    if (a->after.n_parameters > 0)
        return OK;
    return err_fail(ERR_USAGE, "%s: adapter: every parameter is dropped, expected one to infer",
                    a->config.where ? a->config.where : "the study");
}

/* ---- at work ---- */

static double free_ordered(const adapter_block_t *b, const double *x, double *u)
{
    double v[MOST_MEMBERS], log_slope = 0.0;
    for (int i = 0; i < b->n; i++)
        v[i] = interval_free(&b->map, x[i], &log_slope);
    return log_slope + ordered_free(b->n, v, u);
}

static double free_group(const adapter_block_t *b, const double *x, double *u)
{
    if (b->kind == ADAPTER_SIMPLEX)
        return simplex_free(b->n, x, u);
    if (b->kind == ADAPTER_ORDERED)
        return free_ordered(b, x, u);
    return b->kind == ADAPTER_COVARIANCE ? covariance_free(b->side, x, u)
                                         : correlation_free(b->side, x, u);
}

void adapter_free(const adapter_t *a, const double *parameters, double *u, double *log_jacobian)
{
    double sum = 0.0, x[MOST_MEMBERS];
    for (int k = 0; k < a->n_blocks; k++) {
        const adapter_block_t *b = &a->blocks[k];
        if (b->alone) {
            u[b->first] = interval_free(&b->map, parameters[b->member[0]], &sum);
            continue;
        }
        for (int i = 0; i < b->n; i++)
            x[i] = parameters[b->member[i]];
        sum += free_group(b, x, u + b->first);
    }
    if (log_jacobian)
        *log_jacobian = sum;
}

// Where rounding made neighbours equal they are set apart, from the upper end down where there is no room above.
static void set_apart(const interval_map_t *map, int n, double *x)
{
    for (int i = 1; i < n; i++)
        if (x[i] <= x[i - 1])
            x[i] = nextafter(x[i - 1], INFINITY);
    double most = map->to;
    for (int i = n - 1; i >= 0 && x[i] >= most; i--)
        most = x[i] = nextafter(most, -INFINITY);
}

static double restore_ordered(const adapter_block_t *b, const double *u, double *x)
{
    double v[MOST_MEMBERS], log_slope = ordered_restore(b->n, u, v);
    for (int i = 0; i < b->n; i++)
        x[i] = interval_restore(&b->map, v[i], &log_slope);
    set_apart(&b->map, b->n, x);
    return log_slope;
}

static double restore_group(const adapter_block_t *b, const double *u, double *x)
{
    if (b->kind == ADAPTER_SIMPLEX)
        return simplex_restore(b->n, u, x);
    if (b->kind == ADAPTER_ORDERED)
        return restore_ordered(b, u, x);
    return b->kind == ADAPTER_COVARIANCE ? covariance_restore(b->side, u, x)
                                         : correlation_restore(b->side, u, x);
}

void adapter_restore(const adapter_t *a, const double *u, double *kept, double *log_jacobian)
{
    double sum = 0.0, x[MOST_MEMBERS];
    for (int k = 0; k < a->n_blocks; k++) {
        const adapter_block_t *b = &a->blocks[k];
        if (b->alone) {
            kept[b->place[0]] = interval_restore(&b->map, u[b->first], &sum);
            continue;
        }
        sum += restore_group(b, u + b->first, x);
        for (int i = 0; i < b->n; i++)
            kept[b->place[i]] = x[i];
    }
    if (log_jacobian)
        *log_jacobian = sum;
}

/* ---- support ---- */

static bool outside(const adapter_t *a, const adapter_block_t *b, int i, double x,
                    char why[ADAPTER_WHY])
{
    const adapter_parameter_t *p = &a->before.parameters[b->member[i]];
    double lower = p->lower, upper = p->upper, low, high;
    if (b->alone || b->kind == ADAPTER_ORDERED) {
        lower = b->map.from;
        upper = b->map.to;
    } else {
        range_of_member(b->kind, i, &low, &high);
        lower = fmax(lower, low);
        upper = fmin(upper, high);
    }
    if (x > lower && x < upper)
        return false;
    snprintf(why, ADAPTER_WHY, "%.60s = %g, expected a number above %g and below %g", p->name, x,
             lower, upper);
    return true;
}

static bool holds(const adapter_block_t *b, const double *x)
{
    if (b->alone)
        return true;
    if (b->kind == ADAPTER_SIMPLEX)
        return simplex_holds(b->n, x);
    if (b->kind == ADAPTER_ORDERED)
        return ordered_holds(b->n, x);
    return b->kind == ADAPTER_COVARIANCE ? covariance_holds(b->side, x)
                                         : correlation_holds(b->side, x);
}

static void say_why(const adapter_t *a, const adapter_block_t *b, char why[ADAPTER_WHY])
{
    const char *first = a->before.parameters[b->member[0]].name,
               *last = a->before.parameters[b->member[b->n - 1]].name;
    const char *words = b->kind == ADAPTER_SIMPLEX   ? "do not sum to 1"
                        : b->kind == ADAPTER_ORDERED ? "do not ascend"
                                                     : "are no positive definite matrix";
    snprintf(why, ADAPTER_WHY, "%.60s ... %.60s %s (%s)", first, last, words,
             adapter_kind_word(b->kind));
}

bool adapter_supports_why(const adapter_t *a, const double *parameters, char why[ADAPTER_WHY])
{
    why[0] = '\0';
    for (int k = 0; k < a->n_blocks; k++) {
        const adapter_block_t *b = &a->blocks[k];
        double x[MOST_MEMBERS];
        for (int i = 0; i < b->n; i++) {
            x[i] = parameters[b->member[i]];
            if (outside(a, b, i, x[i], why))
                return false;
        }
        if (holds(b, x))
            continue;
        say_why(a, b, why);
        return false;
    }
    return true;
}

bool adapter_supports(const adapter_t *a, const double *parameters)
{
    char why[ADAPTER_WHY];
    return adapter_supports_why(a, parameters, why);
}
