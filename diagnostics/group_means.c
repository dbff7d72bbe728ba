// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/group_means.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

group_means_t group_means_create(int n, const char *const *names, int d)
{
    return (group_means_t){.n = n,
                           .d = d,
                           .names = names,
                           .count = MEM_NEW(int64_t, n + 1),
                           .mean = MEM_NEW(double, n *d + 1),
                           .squares = MEM_NEW(double, n *d + 1)};
}

void group_means_free(group_means_t *g)
{
    free(g->count);
    free(g->mean);
    free(g->squares);
    *g = (group_means_t){0};
}

void group_means_add(group_means_t *g, int group, const double *x)
{
    double n = (double)++g->count[group];
    for (int k = 0; k < g->d; k++) {
        double *mean = &g->mean[group * g->d + k], before = x[k] - *mean;
        *mean += before / n;
        g->squares[group * g->d + k] += before * (x[k] - *mean);
    }
}

double group_means_sd(const group_means_t *g, int group, int k)
{
    int64_t n = g->count[group];
    return n < 2 ? NAN : sqrt(g->squares[group * g->d + k] / (double)(n - 1));
}

typedef struct {
    int64_t count;
    int group;
} sized_t;

static int by_size(const void *a, const void *b)
{
    const sized_t *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->group < y->group ? -1 : x->group > y->group;
}

int group_means_order(const group_means_t *g, int *order)
{
    sized_t *all = MEM_NEW(sized_t, g->n + 1);
    int n = 0;
    for (int i = 0; i < g->n; i++)
        if (g->count[i] > 0)
            all[n++] = (sized_t){g->count[i], i};
    qsort(all, (size_t)n, sizeof *all, by_size);
    for (int i = 0; i < n; i++)
        order[i] = all[i].group;
    free(all);
    return n;
}
