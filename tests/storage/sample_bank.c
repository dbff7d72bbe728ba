// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/sample_bank.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

schema_t sample_schema(void)
{
    schema_t s = {.name = mem_copy_text("sample"),
                  .version = mem_copy_text("1"),
                  .description = mem_copy_text("rows for tests: \"quoted\", with a comma"),
                  .n_parameters = 2,
                  .n_observables = 2,
                  .n_design = 1};
    s.parameters = MEM_NEW(schema_parameter_t, 2);
    s.design = MEM_NEW(schema_design_t, 1);
    s.observables = MEM_NEW(schema_observable_t, 2);
    s.parameters[0] =
        (schema_parameter_t){.name = mem_copy_text("mu"), .lower = -INFINITY, .upper = INFINITY};
    s.parameters[1] =
        (schema_parameter_t){.name = mem_copy_text("sigma"), .lower = 0.05, .upper = INFINITY};
    s.design[0] =
        (schema_design_t){.name = mem_copy_text("n"), .lower = 3, .upper = 7, .integer = true};
    s.observables[0] = (schema_observable_t){.name = mem_copy_text("y"),
                                             .kind = KIND_SET,
                                             .n_dims = 2,
                                             .dims = {7, 2},
                                             .length_design = 0,
                                             .lower = -INFINITY,
                                             .upper = INFINITY};
    s.observables[1] = (schema_observable_t){.name = mem_copy_text("z"),
                                             .kind = KIND_VECTOR,
                                             .n_dims = 1,
                                             .dims = {3},
                                             .length_design = -1,
                                             .lower = 0,
                                             .upper = 1};
    return s;
}

void sample_row(uint64_t seed, int64_t index, rows_t *rows, int64_t at)
{
    rng_t r = rng_at(seed, RNG_CHECK, (uint64_t)index);
    int64_t n = rng_integer(&r, 3, 7);
    float *y = rows->observables[0] + at * 14, *z = rows->observables[1] + at * 3;
    rows->index[at] = index;
    rows->status[at] = (uint8_t)(rng_below(&r, 20) == 0 ? ROW_REJECTED : ROW_DONE);
    rows->seconds[at] = rng_uniform(&r);
    rows->design[at] = (double)n;
    for (int p = 0; p < 2; p++)
        rows->parameters[at * 2 + p] = rng_normal(&r);
    rows->length[at * 2] = (int32_t)n;
    rows->length[at * 2 + 1] = 3;
    for (int64_t i = 0; i < 14; i++)
        y[i] = i < 2 * n ? (float)rng_normal(&r) : 0.0f;
    for (int i = 0; i < 3; i++)
        z[i] = (float)rng_uniform(&r);
    if (rng_below(&r, 50) == 0) {
        rows->status[at] = ROW_NONFINITE;
        z[1] = NAN;
    }
}

void sample_rows(uint64_t seed, int64_t begin, int64_t end, rows_t *rows)
{
    for (int64_t i = begin; i < end; i++)
        sample_row(seed, i, rows, rows->n++);
}

int sample_differs(const rows_t *a, int64_t i, const rows_t *b, int64_t k, int with_seconds)
{
    return a->index[i] != b->index[k] || a->status[i] != b->status[k] ||
           a->design[i] != b->design[k] || (with_seconds && a->seconds[i] != b->seconds[k]) ||
           memcmp(a->parameters + 2 * i, b->parameters + 2 * k, 2 * sizeof(double)) != 0 ||
           memcmp(a->length + 2 * i, b->length + 2 * k, 2 * sizeof(int32_t)) != 0 ||
           memcmp(a->observables[0] + 14 * i, b->observables[0] + 14 * k, 14 * sizeof(float)) !=
               0 ||
           memcmp(a->observables[1] + 3 * i, b->observables[1] + 3 * k, 3 * sizeof(float)) != 0;
}

char *sample_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = mem_format("%s/infermill-test-XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(path) != NULL, "no folder for tests below %s", path);
    return path;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void sample_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *sample_bytes(const char *folder, const char *name, int64_t *bytes)
{
    char *path = mem_format("%s/%s", folder, name);
    FILE *file = fopen(path, "rbe");
    CHECK(file != NULL, "%s is not there", path);
    fseek(file, 0, SEEK_END);
    *bytes = ftell(file);
    rewind(file);
    char *data = mem_alloc((size_t)*bytes + 1, 1);
    CHECK(fread(data, 1, (size_t)*bytes, file) == (size_t)*bytes, "%s can not be read", path);
    fclose(file);
    free(path);
    return data;
}

void sample_flip(const char *folder, const char *name, int64_t at)
{
    char *path = mem_format("%s/%s", folder, name);
    FILE *file = fopen(path, "r+be");
    CHECK(file != NULL, "%s is not there", path);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(~byte & 255, file);
    fclose(file);
    free(path);
}
