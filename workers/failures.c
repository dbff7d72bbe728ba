// SPDX-License-Identifier: Apache-2.0
// Rows collected, packed and merged. Packed: magic, P, capacity; then of each status n, sum, least, most, nan (P), rows kept,
// each as index and values, other reasons, kinds of reasons, each as row, count, bytes and text. All in 8-byte words.
#include "workers/failures.h"

#include "cluster/mem.h"
#include "workers/failures_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t magic = 0x3173656c69616669; // "ifailes1"

// Rows with many values (images) are kept as far as this many bytes go.
static int64_t bounded(const schema_t *schema, int64_t capacity)
{
    const int64_t bytes = 64 << 20, row = (schema->n_parameters + 1) * (int64_t)sizeof(double);
    int64_t most = bytes / row;
    return capacity < most ? capacity : most;
}

failures_t *failures_create(const schema_t *schema, int64_t capacity)
{
    failures_t *f = MEM_NEW(failures_t, 1);
    CHECK(capacity > 0, "a sample of %ld rows", (long)capacity);
    f->schema = schema;
    f->capacity = bounded(schema, capacity);
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        f->by_status[s].sample = row_sample_create(schema->n_parameters + 1, f->capacity);
        f->by_status[s].nan = MEM_NEW(int64_t, schema->n_parameters);
    }
    return f;
}

void failures_destroy(failures_t **failures)
{
    failures_t *f = *failures;
    if (f == NULL)
        return;
    for (int s = 0; s < ROW_STATUS_COUNT; s++) {
        row_sample_free(&f->by_status[s].sample);
        reasons_free(&f->by_status[s].reasons);
        free(f->by_status[s].nan);
    }
    free(f);
    *failures = NULL;
}

/* ---- collected ---- */

static void count_seconds(outcome_t *o, double sum, double least, double most)
{
    o->least = o->n == 0 || least < o->least ? least : o->least;
    o->most = o->n == 0 || most > o->most ? most : o->most;
    o->sum += sum;
}

void failures_add(failures_t *f, int64_t index, const double *parameters, double seconds,
                  row_status_t status, const char *reason)
{
    enum { FEW = 64 };
    int n = f->schema->n_parameters;
    double few[FEW + 1], *values = n <= FEW ? few : MEM_NEW(double, n + 1);
    outcome_t *o = &f->by_status[status];
    if (status != ROW_MISSING) {
        seconds = isfinite(seconds) ? seconds : 0;
        memcpy(values, parameters, (size_t)n * sizeof *values);
        values[n] = seconds;
        row_sample_add(&o->sample, index, values);
        count_seconds(o, seconds, seconds, seconds);
        o->n++;
        for (int p = 0; p < n; p++)
            o->nan[p] += isnan(parameters[p]) != 0;
        if (reason != NULL && reason[0] != '\0')
            reasons_add(&o->reasons, index, reason, 1);
    }
    if (values != few)
        free(values);
}

void failures_add_rows(failures_t *f, const rows_t *rows, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        failures_add(f, rows->index[i], rows->parameters + i * f->schema->n_parameters,
                     rows->seconds[i], (row_status_t)rows->status[i], rows->reason[i]);
}

int64_t failures_count(const failures_t *f, row_status_t status)
{
    return f->by_status[status].n;
}

int64_t failures_rows(const failures_t *f)
{
    int64_t n = 0;
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        n += f->by_status[s].n;
    return n;
}

double failures_share(const failures_t *f)
{
    int64_t n = failures_rows(f);
    return n == 0 ? 0 : (double)(n - f->by_status[ROW_DONE].n) / (double)n;
}

int64_t failures_nan(const failures_t *f, int parameter, row_status_t status)
{
    return f->by_status[status].nan[parameter];
}

/* ---- packed ---- */

typedef struct {
    char *at;
    size_t used, room;
} pack_t;

static void put(pack_t *p, const void *data, size_t bytes)
{
    size_t padded = (bytes + 7) / 8 * 8;
    if (p->used + padded > p->room) {
        p->room = 2 * (p->used + padded);
        p->at = MEM_GROW(p->at, char, p->room);
    }
    memset(p->at + p->used, 0, padded);
    memcpy(p->at + p->used, data, bytes);
    p->used += padded;
}

static void put_integer(pack_t *p, int64_t value)
{
    put(p, &value, sizeof value);
}

static void put_outcome(pack_t *p, outcome_t *o)
{
    row_sample_t *s = &o->sample;
    row_sample_settle(s);
    reasons_sort(&o->reasons);
    put_integer(p, o->n);
    put(p, (double[]){o->sum, o->least, o->most}, 3 * sizeof(double));
    put(p, o->nan, (size_t)(s->width - 1) * sizeof *o->nan);
    put_integer(p, s->n);
    for (int64_t i = 0; i < s->n; i++)
        put(p, s->entries + (size_t)i * (size_t)(2 + s->width) + 1,
            (size_t)(1 + s->width) * sizeof *s->entries);
    put_integer(p, o->reasons.others);
    put_integer(p, o->reasons.n);
    for (int i = 0; i < o->reasons.n; i++) {
        const reason_t *kind = &o->reasons.kinds[i];
        put_integer(p, kind->row);
        put_integer(p, kind->count);
        put_integer(p, (int64_t)strlen(kind->example));
        put(p, kind->example, strlen(kind->example));
    }
}

size_t failures_pack(failures_t *f, void **out)
{
    pack_t p = {NULL, 0, 0};
    put_integer(&p, magic);
    put_integer(&p, f->schema->n_parameters);
    put_integer(&p, f->capacity);
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        put_outcome(&p, &f->by_status[s]);
    *out = p.at;
    return p.used;
}

/* ---- merged ---- */

typedef struct {
    const char *at;
    size_t left;
    bool bad;
} unpack_t;

static const void *take(unpack_t *u, int64_t count, size_t size)
{
    if (u->bad || count < 0 || (uint64_t)count > u->left / size) {
        u->bad = true;
        return NULL;
    }
    size_t padded = ((size_t)count * size + 7) / 8 * 8;
    const void *data = u->at;
    u->bad = padded > u->left;
    u->at += u->bad ? 0 : padded;
    u->left -= u->bad ? 0 : padded;
    return u->bad ? NULL : data;
}

static int64_t take_integer(unpack_t *u)
{
    int64_t value = 0;
    const void *data = take(u, 1, sizeof value);
    if (data != NULL)
        memcpy(&value, data, sizeof value);
    return value;
}

static void merge_sample(outcome_t *o, unpack_t *u)
{
    int width = o->sample.width;
    double *values = MEM_NEW(double, width);
    for (int64_t i = 0, n = take_integer(u); i < n && !u->bad; i++) {
        int64_t index = take_integer(u);
        const void *data = take(u, width, sizeof(double));
        if (data != NULL) {
            memcpy(values, data, (size_t)width * sizeof *values);
            row_sample_add(&o->sample, index, values);
        }
    }
    free(values);
}

static void merge_reasons(outcome_t *o, unpack_t *u)
{
    o->reasons.others += take_integer(u);
    for (int64_t i = 0, n = take_integer(u); i < n && !u->bad; i++) {
        int64_t row = take_integer(u), count = take_integer(u), bytes = take_integer(u);
        const char *text = take(u, bytes, 1);
        if (text != NULL) {
            char *copy =
                mem_format("%.*s", (int)(bytes < ROW_REASON_CAP ? bytes : ROW_REASON_CAP), text);
            reasons_add(&o->reasons, row, copy, count);
            free(copy);
        }
    }
}

static void merge_outcome(outcome_t *o, unpack_t *u)
{
    int64_t n = take_integer(u);
    double seconds[3] = {0};
    const void *data = take(u, 3, sizeof(double));
    if (data != NULL)
        memcpy(seconds, data, sizeof seconds);
    data = take(u, o->sample.width - 1, sizeof(int64_t));
    for (int p = 0; data != NULL && p < o->sample.width - 1; p++) {
        int64_t nan;
        memcpy(&nan, (const int64_t *)data + p, sizeof nan);
        o->nan[p] += nan;
    }
    if (n > 0)
        count_seconds(o, seconds[0], seconds[1], seconds[2]);
    o->n += n;
    merge_sample(o, u);
    merge_reasons(o, u);
}

err_t failures_merge(failures_t *f, size_t bytes, const void *packed)
{
    unpack_t u = {packed, bytes, false};
    if (take_integer(&u) != magic || take_integer(&u) != f->schema->n_parameters ||
        take_integer(&u) != f->capacity)
        return err_fail(ERR_FORMAT, "counts of failed rows: not those of this model");
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        merge_outcome(&f->by_status[s], &u);
    if (u.bad || u.left != 0)
        return err_fail(ERR_FORMAT, "counts of failed rows: %zu bytes that make no sense", bytes);
    return OK;
}
