// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/nn/golden_file.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-4;

golden_array_t golden_read(const golden_t *g, const char *path)
{
    golden_array_t a;
    h5_id_t set = H5_NONE;
    assert_int_equal(h5_dataset_open(g->file, path, &set), OK);
    assert_int_equal(h5_dataset_shape(set, &a.shape), OK);
    h5_drop(&set);
    a.shape.type = H5_TYPE_F32;
    a.value = MEM_NEW(float, h5_shape_values(&a.shape));
    assert_int_equal(h5_read(g->file, path, &a.shape, a.value), OK);
    return a;
}

static char *weight_path(h5_id_t file, const char *name)
{
    char *path = NULL;
    h5_id_t set = H5_NONE;
    assert_int_equal(h5_dataset_open(file, name, &set), OK);
    assert_int_equal(h5_get_text(set, "path", &path), OK);
    h5_drop(&set);
    return path;
}

static void take_weight(golden_t *g, const char *name)
{
    golden_array_t a = golden_read(g, name);
    int64_t n = h5_shape_values(&a.shape);
    if (!g->kernel_cols && a.shape.n_dims == 2)
        g->kernel_cols = a.shape.dims[1];
    g->weights = MEM_GROW(g->weights, float, g->n + n);
    memcpy(g->weights + g->n, a.value, (size_t)n * sizeof(float));
    g->n += n;
    free(a.value);
}

golden_t golden_open(const char *folder, const char *name)
{
    golden_t g = {.file = H5_NONE};
    char *file = mem_format("%s/%s", folder, name), **names;
    int64_t n;
    bool order_before = false;
    assert_int_equal(h5_open(file, &g.file), OK);
    assert_int_equal(h5_names(g.file, "weights", &n, &names), OK);
    for (int64_t k = 0; k < n; k++) {
        char *at = mem_format("weights/%03ld", (long)k), *path = weight_path(g.file, at);
        bool order = strstr(path, "permutation/") || strstr(path, "permutation_");
        bool inverse = order && order_before;
        g.act_norms += strstr(path, "act_norm") && strstr(path, "scale");
        if (!strstr(path, "seed_generator") && !inverse)
            take_weight(&g, at);
        order_before = order && !inverse;
        free(path);
        free(at);
    }
    h5_free_texts(n, &names);
    free(file);
    return g;
}

void golden_close(golden_t *g)
{
    h5_drop(&g->file);
    free(g->weights);
}

void golden_load(const golden_t *g, params_t *params)
{
    const float *from = g->weights;
    for (int k = 0; k < params_count(params); k++) {
        const param_t *p = params_at(params, k);
        assert_true(from + p->rows * p->cols <= g->weights + g->n);
        memcpy(params_tensor(params, k), from, (size_t)(p->rows * p->cols) * sizeof(float));
        from += p->rows * p->cols;
    }
    assert_ptr_equal(from, g->weights + g->n);
}

static golden_array_t read_weight(const golden_t *g, int number)
{
    char *path = mem_format("weights/%03d", number);
    golden_array_t a = golden_read(g, path);
    free(path);
    return a;
}

static int find(const params_t *params, const char *name)
{
    int id = params_find(params, name);
    if (id < 0)
        fail_msg("no weights %s", name);
    return id;
}

static int64_t size_of(const params_t *params, int id)
{
    return params_at(params, id)->rows * params_at(params, id)->cols;
}

void golden_load_one(const golden_t *g, params_t *params, const char *name, int number,
                     int64_t first)
{
    golden_array_t a = read_weight(g, number);
    int id = find(params, name);
    int64_t n = size_of(params, id), there = h5_shape_values(&a.shape);
    if (first + n > there)
        fail_msg("%s has %ld numbers, weights/%03d %ld", name, (long)n, number, (long)there);
    memcpy(params_tensor(params, id), a.value + first, (size_t)n * sizeof(float));
    free(a.value);
}

void golden_load_part(const golden_t *g, params_t *params, const char *name, int64_t at, int number)
{
    golden_array_t a = read_weight(g, number);
    int id = find(params, name);
    int64_t n = size_of(params, id), there = h5_shape_values(&a.shape);
    if (at + there > n)
        fail_msg("%s has %ld numbers, weights/%03d %ld", name, (long)n, number, (long)there);
    memcpy(params_tensor(params, id) + at, a.value, (size_t)there * sizeof(float));
    free(a.value);
}

void golden_assert_close(int64_t n, const float *got, const float *expected)
{
    for (int64_t k = 0; k < n; k++) {
        double difference = fabs((double)got[k] - (double)expected[k]);
        if (!(difference <= tolerance * (1e-3 + fabs((double)expected[k]))))
            fail_msg("entry %ld: got %.7g, expected %.7g", (long)k, (double)got[k],
                     (double)expected[k]);
    }
}
