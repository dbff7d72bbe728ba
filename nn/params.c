// SPDX-License-Identifier: Apache-2.0
#include "nn/params.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PARAM_ALIGN 16 // floats

typedef struct {
    init_kind_t init;
    double scale;
} initial_t;

struct params {
    int count, room;
    param_t *tensor;    // (count)
    initial_t *initial; // (count)
    int64_t size;
    float *value; // (size); NULL before params_seal
};

params_t *params_create(void)
{
    return MEM_NEW(params_t, 1);
}

void params_destroy(params_t **p)
{
    if (*p == NULL)
        return;
    for (int k = 0; k < (*p)->count; k++)
        free((*p)->tensor[k].name);
    free((*p)->tensor);
    free((*p)->initial);
    free((*p)->value);
    free(*p);
    *p = NULL;
}

static bool is_random(init_kind_t init)
{
    return init >= INIT_NORMAL;
}

static int add(params_t *p, const char *name, param_t shape, initial_t initial)
{
    CHECK(p->value == NULL, "%s: added after params_seal", name);
    CHECK(shape.rows > 0 && shape.cols > 0, "%s: %ld x %ld", name, (long)shape.rows,
          (long)shape.cols);
    CHECK(params_find(p, name) < 0, "%s: added twice", name);
    if (p->count == p->room) {
        p->room = p->room == 0 ? 64 : 2 * p->room;
        p->tensor = MEM_GROW(p->tensor, param_t, p->room);
        p->initial = MEM_GROW(p->initial, initial_t, p->room);
    }
    shape.name = mem_copy_text(name);
    shape.offset = p->size;
    p->tensor[p->count] = shape;
    p->initial[p->count] = initial;
    p->size += (shape.rows * shape.cols + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
    return p->count++;
}

int params_add(params_t *p, const char *name, int64_t rows, int64_t cols, init_kind_t init,
               double scale)
{
    param_t shape = {
        .rows = rows, .cols = cols, .trainable = true, .decay = rows > 1 || is_random(init)};
    return add(p, name, shape, (initial_t){init, scale});
}

int params_add_fixed(params_t *p, const char *name, int64_t rows, int64_t cols)
{
    param_t shape = {.rows = rows, .cols = cols};
    return add(p, name, shape, (initial_t){INIT_ZERO, 0});
}

static void fill_constant(float *x, int64_t n, double value)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)value;
}

static void fill_normal(float *x, int64_t n, double sd, rng_t *r)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(sd * rng_normal(r));
}

static void fill_uniform(float *x, int64_t n, double limit, rng_t *r)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(limit * (2 * rng_uniform(r) - 1));
}

/* Removes from v its parts along the first k of the orthonormal vectors q, then scales it to length 1. */
static void orthonormalise(const double *q, int64_t k, int64_t n, double *v)
{
    for (int pass = 0; pass < 2; pass++) // twice is enough (Giraud et al. 2005)
        for (int64_t j = 0; j < k; j++) {
            double dot = 0;
            for (int64_t i = 0; i < n; i++)
                dot += q[j * n + i] * v[i];
            for (int64_t i = 0; i < n; i++)
                v[i] -= dot * q[j * n + i];
        }
    double square = 0;
    for (int64_t i = 0; i < n; i++)
        square += v[i] * v[i];
    for (int64_t i = 0; i < n; i++)
        v[i] /= sqrt(square);
}

/* Gram-Schmidt of a normal matrix along its shorter side: the factor Q whose R has a positive diagonal, which is
 * uniform over orthogonal matrices (Mezzadri 2007). */
static void fill_orthogonal(float *x, int64_t rows, int64_t cols, double gain, rng_t *r)
{
    int64_t vectors = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    double *q = MEM_NEW(double, vectors *length);
    rng_fill_normal(r, (size_t)(vectors * length), q);
    for (int64_t k = 0; k < vectors; k++)
        orthonormalise(q, k, length, q + k * length);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            x[i * cols + j] = (float)(gain * (rows < cols ? q[i * length + j] : q[j * length + i]));
    free(q);
}

static void fill(float *x, const param_t *t, initial_t initial, rng_t *r)
{
    int64_t n = t->rows * t->cols;
    switch (initial.init) {
    case INIT_ZERO:
        break;
    case INIT_ONE:
        fill_constant(x, n, 1);
        break;
    case INIT_CONSTANT:
        fill_constant(x, n, initial.scale);
        break;
    case INIT_NORMAL:
        fill_normal(x, n, initial.scale, r);
        break;
    case INIT_GLOROT_UNIFORM:
        fill_uniform(x, n, initial.scale * sqrt(6.0 / (double)(t->rows + t->cols)), r);
        break;
    case INIT_HE_NORMAL:
        fill_normal(x, n, initial.scale * sqrt(2.0 / (double)t->rows), r);
        break;
    case INIT_ORTHOGONAL:
        fill_orthogonal(x, t->rows, t->cols, initial.scale, r);
        break;
    }
}

void params_seal(params_t *p, uint64_t seed)
{
    CHECK(p->value == NULL, "params_seal called twice");
    p->value = MEM_NEW(float, p->size > 0 ? p->size : 1);
    for (int k = 0; k < p->count; k++) {
        rng_t r = rng_at(seed, RNG_INITIAL, (uint64_t)k);
        fill(p->value + p->tensor[k].offset, &p->tensor[k], p->initial[k], &r);
    }
}

int params_count(const params_t *p)
{
    return p->count;
}

const param_t *params_at(const params_t *p, int id)
{
    CHECK(id >= 0 && id < p->count, "weights %d of %d", id, p->count);
    return &p->tensor[id];
}

int params_find(const params_t *p, const char *name)
{
    for (int k = 0; k < p->count; k++)
        if (strcmp(p->tensor[k].name, name) == 0)
            return k;
    return -1;
}

int64_t params_size(const params_t *p)
{
    return p->size;
}

int64_t params_weights(const params_t *p)
{
    int64_t n = 0;
    for (int k = 0; k < p->count; k++)
        if (p->tensor[k].trainable)
            n += p->tensor[k].rows * p->tensor[k].cols;
    return n;
}

float *params_value(params_t *p)
{
    CHECK(p->value != NULL, "weights read before params_seal");
    return p->value;
}

float *params_tensor(params_t *p, int id)
{
    return params_value(p) + params_at(p, id)->offset;
}
