// SPDX-License-Identifier: Apache-2.0
#include "coordinator/bank_check.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "coordinator/collect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- finished rows ---- */

err_t bank_check_finished(const char *bank, int64_t rows, const uint8_t *status, double limit)
{
    int64_t by[ROW_STATUS_COUNT] = {0};
    for (int64_t i = 0; i < rows; i++)
        by[status[i]]++;
    int64_t failed = by[ROW_NONFINITE] + by[ROW_ERROR] + by[ROW_TIMEOUT] + by[ROW_CRASHED];
    if ((double)failed <= limit * (double)rows)
        return OK;
    text_t list = text_create();
    for (int s = ROW_NONFINITE; s < ROW_STATUS_COUNT; s++) {
        char *item = mem_format("%" PRId64 " %s", by[s], row_status_name((row_status_t)s));
        if (by[s] > 0)
            text_add_item(&list, item);
        free(item);
    }
    err_t err = err_fail(ERR_FORMAT,
                         "bank %s: %" PRId64 " of %" PRId64
                         " rows failed (%s), more than bank.failure_limit "
                         "(%g): a posterior would be that of the draws which happen to work. "
                         "`infermill bank info %s` tells where they fail: mend the simulator, or "
                         "narrow the prior",
                         bank, failed, rows, list.data, limit, bank);
    text_free(&list);
    return err;
}

/* ---- rows that differ ---- */

static bool parameter_varies(const rows_t *rows, int p)
{
    int P = rows->schema->n_parameters;
    for (int64_t i = 1; i < rows->n; i++)
        if (rows->parameters[i * P + p] != rows->parameters[p])
            return true;
    return false;
}

static bool observable_varies(const rows_t *rows, int o)
{
    int O = rows->schema->n_observables;
    int64_t size = schema_size(&rows->schema->observables[o]);
    const float *values = rows->observables[o];
    for (int64_t i = 1; i < rows->n; i++)
        if (rows->length[i * O + o] != rows->length[o] ||
            memcmp(values + i * size, values, (size_t)size * sizeof *values) != 0)
            return true;
    return false;
}

static err_t check_parameters(const char *bank, const rows_t *rows, const adapter_t *adapter)
{
    const int *which;
    int n = adapter_kept(adapter, &which);
    for (int r = 0; r < n; r++) {
        const schema_parameter_t *parameter = &rows->schema->parameters[which[r]];
        if (parameter->n_dims == 0 && !parameter_varies(rows, which[r]))
            return err_fail(ERR_FORMAT,
                            "bank %s: parameter %s is %g in all %" PRId64
                            " rows that were looked at, so nothing can "
                            "be learned of it: give it a prior, or leave it out (adapter: [drop: "
                            "[%s]])",
                            bank, parameter->name, rows->parameters[which[r]], rows->n,
                            parameter->name);
    }
    return OK;
}

err_t bank_check_varied(const char *bank, const rows_t *rows, const adapter_t *adapter)
{
    TRY(check_parameters(bank, rows, adapter));
    for (int o = 0; o < rows->schema->n_observables; o++)
        if (adapter_uses_observable(adapter, o) && observable_varies(rows, o))
            return OK;
    return err_fail(ERR_FORMAT,
                    "bank %s: the data are the same in all %" PRId64
                    " rows that were looked at, so nothing can be "
                    "learned from them: let the simulator use its parameters and its seed, and "
                    "begin another bank",
                    bank, rows->n);
}

/* ---- rows that are held back ---- */

err_t guarded_rows_transform(void *user, const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    guarded_rows_t *g = user;
    if (twins_find(g->held_back, rows, at) >= 0)
        return err_fail(ERR_FORMAT,
                        "bank %s: row %" PRId64
                        ", to be trained on, is the same simulation as one that is held back for "
                        "validation or diagnosis: %s",
                        g->bank, rows->index[at], TWINS_CURE);
    return adapted_rows_transform(g->adapted, rows, at, out);
}

static err_t look_at(bank_t *bank, int64_t row, const twins_t *held_out, rows_t *one,
                     const char *folder)
{
    TRY(bank_read(bank, row, row + 1, one));
    int64_t twin = twins_find(held_out, one, 0);
    if (twin < 0)
        return OK;
    return err_fail(ERR_FORMAT,
                    "diagnose: held-out data set %" PRId64 " is the same simulation as row %" PRId64
                    " of bank %s, which was trained "
                    "on, so it tells nothing of new data: %s",
                    twin, row, folder, TWINS_CURE);
}

static err_t look_through(const par_t *par, bank_t *bank, const char *folder,
                          const twins_t *held_out)
{
    int64_t n = bank_rows(bank), step = rows_of_block(bank_schema(bank));
    rows_t rows = rows_create(bank_schema(bank), step), one = rows_create(bank_schema(bank), 1);
    err_t err = OK;
    for (int64_t begin = par->rank * step; begin < n && err == OK; begin += par->size * step) {
        err = bank_read_head(bank, begin, begin + step < n ? begin + step : n, &rows);
        for (int64_t i = 0; i < rows.n && err == OK; i++)
            if (twins_parameters(held_out, &rows, i) >= 0)
                err = look_at(bank, begin + i, held_out, &one, folder);
    }
    rows_destroy(&one);
    rows_destroy(&rows);
    return err;
}

static err_t held_out_here(const par_t *par, const char *folder, const char *fingerprint,
                           const twins_t *held_out)
{
    bank_t *bank = NULL;
    TRY(bank_open_if_there(folder, &bank));
    if (bank == NULL)
        return OK;
    err_t err = OK;
    if (strcmp(bank_fingerprint(bank), fingerprint) == 0)
        err = look_through(par, bank, folder, held_out);
    bank_close(&bank);
    return err;
}

err_t bank_check_held_out(const par_t *par, const char *folder, const char *fingerprint, int64_t n,
                          const twin_key_t *keys)
{
    twin_key_t *mine = MEM_NEW(twin_key_t, n + 1);
    if (par->rank == 0)
        memcpy(mine, keys, (size_t)n * sizeof *mine);
    par_broadcast(par, 0, (size_t)n * sizeof *mine, mine);
    twins_t *twins = twins_create(n, mine);
    err_t err = twins_among(twins, "diagnose: held-out data sets");
    if (err == OK)
        err = held_out_here(par, folder, fingerprint, twins);
    twins_destroy(&twins);
    free(mine);
    return par_agree(par, err);
}
