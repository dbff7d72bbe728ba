// SPDX-License-Identifier: Apache-2.0
#include "workers/native.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "workers/guard.h"
#include "workers/host.h"
#include "workers/prior.h"
#include "workers/row.h"

#include <math.h>
#include <stdlib.h>

struct native {
    const infermill_simulator_t *table;
    const schema_t *schema;
    const char *where;
    bool guarded;
    const native_ranks_t *ranks; // of a draw, or NULL
    native_progress_t *progress;
    void *state;                 // of table->create
    int most;                    // rows in one call
    infermill_random_t *random;  // (most)
    infermill_random_t **handle; // (most) -> random
    int *code;                   // (most) what simulate said
    float **observable;          // [O] -> the first row of a call
};

static void mark(native_t *n, int64_t row, int64_t count)
{
    atomic_store(&n->progress->row, row);
    atomic_store(&n->progress->count, count);
    atomic_store(&n->progress->started, log_clock());
}

static void enter(const native_t *n, const int64_t *first)
{
    if (n->guarded)
        guard_enter(n->where, first, &n->progress->row);
}

static void leave(const native_t *n)
{
    if (n->guarded)
        guard_leave();
}

static int make_state(native_t *n)
{
    const native_ranks_t *r = n->ranks;
    if (r != NULL)
        return n->table->create_on_ranks(&n->state, r->communicator, r->rank, r->size);
    return n->table->create != NULL ? n->table->create(&n->state) : 0;
}

err_t native_create(const infermill_simulator_t *table, const schema_t *schema, const char *where,
                    bool guarded, const native_ranks_t *ranks, native_progress_t *progress,
                    native_t **out)
{
    native_t *n = MEM_NEW(native_t, 1);
    *n = (native_t){.table = table,
                    .schema = schema,
                    .where = where,
                    .guarded = guarded,
                    .ranks = ranks,
                    .progress = progress,
                    .most = table->simulate_batch != NULL ? REQUEST_MOST_ROWS : 1};
    mark(n, -1, 0);
    enter(n, NULL);
    int code = make_state(n);
    leave(n);
    if (code != 0) {
        free(n);
        return err_fail(ERR_SIMULATOR, "%s: simulator %s could not make its state", where,
                        table->name);
    }
    n->random = MEM_NEW(infermill_random_t, n->most);
    n->handle = MEM_NEW(infermill_random_t *, n->most);
    n->code = MEM_NEW(int, n->most);
    n->observable = MEM_NEW(float *, table->n_observables);
    for (int i = 0; i < n->most; i++)
        n->handle[i] = &n->random[i];
    *out = n;
    return OK;
}

void native_destroy(native_t **native)
{
    native_t *n = *native;
    if (n == NULL)
        return;
    if (n->table->destroy != NULL)
        n->table->destroy(n->state);
    free(n->random);
    free(n->handle);
    free(n->code);
    free(n->observable);
    free(n);
    *native = NULL;
}

// What another kind of processor rounds otherwise must not part the ranks of a draw.
static void share(const native_t *n, int count, double *drawn)
{
    if (n->ranks != NULL)
        n->ranks->share(n->ranks->self, (size_t)count * sizeof *drawn, drawn);
}

// Draws design and parameters of row i of the request, with the random numbers of `slot`. False: it is not simulated.
static err_t draw(native_t *n, const request_t *r, int64_t i, int slot, bool *ready)
{
    const schema_t *schema = n->schema;
    infermill_random_t *random = &n->random[slot];
    int64_t at = r->at + i;
    double *design = &r->rows->design[at * schema->n_design];
    double *parameters = &r->rows->parameters[at * schema->n_parameters];
    char why[ROW_REASON_CAP] = "";
    *ready = false;
    host_random_start(random, r->seed, r->stream, r->first + i);
    mark(n, i, 1);
    if (!r->given && n->table->draw_design != NULL)
        n->table->draw_design(n->state, simulator_host(), random, design);
    else if (!r->given)
        row_draw_design(schema, &random->rng, design);
    share(n, schema->n_design, design);
    if (!row_design_fits(schema, design, why))
        return err_fail(ERR_SIMULATOR, "%s: row %ld: %s", schema->name, (long)(r->first + i), why);
    if (!r->given && r->prior != NULL)
        prior_draw(r->prior, &random->rng, parameters);
    else if (!r->given)
        n->table->prior(n->state, simulator_host(), random, design, parameters);
    share(n, schema->n_parameters, parameters);
    if (!row_parameters_fit(schema, parameters, why))
        return err_fail(ERR_SIMULATOR, "%s: row %ld: %s", schema->name, (long)(r->first + i), why);
    row_begin(r->rows, at, r->first + i);
    *ready = !random->misused && row_parameters_inside(schema, parameters, why);
    if (!*ready)
        row_fail(r->rows, at, r->first + i, ROW_NONFINITE, random->misused ? random->reason : why);
    return OK;
}

static err_t settle(native_t *n, const request_t *r, int64_t i, int slot, double seconds)
{
    const infermill_random_t *random = &n->random[slot];
    int code = n->code[slot];
    int64_t at = r->at + i;
    char why[ROW_REASON_CAP] = "";
    if (code < 0)
        return err_fail(ERR_SIMULATOR, "%s: row %ld: the simulator asks to stop%s%s",
                        n->schema->name, (long)(r->first + i),
                        random->reason[0] != '\0' ? ": " : "", random->reason);
    bool finite = row_end(r->rows, at, why);
    row_status_t status = code > 0                     ? ROW_REJECTED
                          : finite && !random->misused ? ROW_DONE
                                                       : ROW_NONFINITE;
    r->rows->status[at] = (uint8_t)status;
    r->rows->seconds[at] = seconds;
    if (status != ROW_DONE)
        rows_set_reason(r->rows, at, random->reason[0] != '\0' || code > 0 ? random->reason : why);
    return OK;
}

// Simulates rows [i, i + count), whose random numbers stand in slots [slot, slot + count).
static err_t call(native_t *n, const request_t *r, int64_t i, int slot, int count)
{
    const schema_t *schema = n->schema;
    const double *parameters = &r->rows->parameters[(r->at + i) * schema->n_parameters];
    const double *design = &r->rows->design[(r->at + i) * schema->n_design];
    for (int o = 0; o < schema->n_observables; o++)
        n->observable[o] =
            r->rows->observables[o] + (r->at + i) * schema_size(&schema->observables[o]);
    mark(n, i, count);
    double start = log_clock();
    if (n->table->simulate_batch == NULL)
        n->code[slot] = n->table->simulate(n->state, simulator_host(), n->handle[slot], parameters,
                                           design, n->observable);
    else if (n->table->simulate_batch(n->state, simulator_host(), count, &n->handle[slot],
                                      parameters, design, n->observable, &n->code[slot]) < 0)
        n->code[slot] = -1;
    if (n->ranks != NULL)
        n->ranks->agree(n->ranks->self, count, &n->code[slot]);
    double seconds = (log_clock() - start) / count;
    for (int k = 0; k < count; k++)
        TRY(settle(n, r, i + k, slot + k, seconds));
    return OK;
}

// Rows [i, i + count): all are drawn, then those that can be are simulated, neighbours in one call.
static err_t run_group(native_t *n, const request_t *r, int64_t i, int count)
{
    int from = 0;
    bool ready = false;
    for (int k = 0; k < count; k++) {
        n->code[k] = 0;
        TRY(draw(n, r, i + k, k, &ready));
        if (ready)
            continue;
        if (k > from)
            TRY(call(n, r, i + from, from, k - from));
        from = k + 1;
    }
    return count > from ? call(n, r, i + from, from, count - from) : OK;
}

err_t native_run(native_t *n, const request_t *r, int64_t *done)
{
    err_t err = OK;
    *done = 0;
    atomic_store(&n->progress->done, 0);
    enter(n, &r->first);
    while (err == OK && *done < r->n) {
        int64_t left = r->n - *done;
        int count = left < n->most ? (int)left : n->most;
        err = run_group(n, r, *done, count);
        if (err == OK)
            *done += count;
        atomic_store(&n->progress->done, *done);
    }
    leave(n);
    return err;
}

void *native_state(native_t *native)
{
    return native->state;
}
