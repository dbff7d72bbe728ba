// SPDX-License-Identifier: Apache-2.0
#include "workers/recheck.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "storage/bank.h"
#include "workers/draw_ranks.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGGED = 5 }; // differences of a rank

static const char cure[] = "the simulator is no function of its seed: take all randomness from the "
                           "host table (or the given seed), and keep nothing from row to row";

/* ---- comparing ---- */

static bool same_value(const char *kind, const char *name, double first, double again, int64_t row,
                       char *what)
{
    if (memcmp(&first, &again, sizeof first) == 0)
        return true;
    snprintf(what, RECHECK_TEXT_CAP, "row %" PRId64 ", %s %s: got %.17g, expected %.17g", row, kind,
             name, again, first);
    return false;
}

static bool same_observable(const schema_observable_t *o, const float *first, const float *again,
                            int64_t row, char *what)
{
    int64_t n = schema_size(o), i = 0;
    while (i < n && memcmp(&first[i], &again[i], sizeof *first) == 0)
        i++;
    if (i < n)
        snprintf(what, RECHECK_TEXT_CAP,
                 "row %" PRId64 ", observable %s, value %" PRId64 ": got %.9g, expected %.9g", row,
                 o->name, i, (double)again[i], (double)first[i]);
    return i == n;
}

bool recheck_same(const rows_t *first, int64_t at, const rows_t *again, int64_t to,
                  char what[RECHECK_TEXT_CAP])
{
    const schema_t *s = first->schema;
    int64_t row = first->index[at];
    if (first->status[at] != again->status[to]) {
        snprintf(what, RECHECK_TEXT_CAP, "row %" PRId64 ", status: got %s, expected %s", row,
                 row_status_name(again->status[to]), row_status_name(first->status[at]));
        return false;
    }
    for (int i = 0; i < s->n_design; i++)
        if (!same_value("design", s->design[i].name, first->design[at * s->n_design + i],
                        again->design[to * s->n_design + i], row, what))
            return false;
    for (int i = 0; i < s->n_parameters; i++)
        if (!same_value("parameter", s->parameters[i].name,
                        first->parameters[at * s->n_parameters + i],
                        again->parameters[to * s->n_parameters + i], row, what))
            return false;
    for (int o = 0; o < s->n_observables; o++) {
        int64_t size = schema_size(&s->observables[o]);
        if (!same_observable(&s->observables[o], first->observables[o] + at * size,
                             again->observables[o] + to * size, row, what))
            return false;
    }
    return true;
}

/* ---- rows ---- */

// Simulates a row again; `what` is empty where it is the same, or where its outcome is not determined.
static err_t simulate_again(simulator_t *simulator, uint64_t seed, const rows_t *rows, int64_t at,
                            char what[RECHECK_TEXT_CAP])
{
    what[0] = '\0';
    if (row_status_may_change(rows->status[at]))
        return OK;
    rows_t again = rows_create(rows->schema, 1);
    err_t err = simulator_row(simulator, seed, RNG_BANK, rows->index[at], &again, 0);
    if (err == OK && !row_status_may_change(again.status[0]))
        recheck_same(rows, at, &again, 0, what);
    rows_destroy(&again);
    return err;
}

err_t recheck_row(simulator_t *simulator, uint64_t seed, const rows_t *rows, int64_t at)
{
    char what[RECHECK_TEXT_CAP];
    TRY(simulate_again(simulator, seed, rows, at, what));
    return what[0] == '\0' ? OK : err_fail(ERR_SIMULATOR, "simulated again, %s; %s", what, cure);
}

/* ---- a bank ---- */

static err_t check_model(bank_t *bank, const simulator_t *simulator, const char *folder)
{
    char *mine = schema_fingerprint(simulator_schema(simulator));
    bool same = strcmp(mine, bank_fingerprint(bank)) == 0;
    free(mine);
    if (bank_origin(bank) != NULL)
        return err_fail(ERR_USAGE, "%s: its rows were not simulated here, so they can not be again",
                        folder);
    if (!same)
        return err_fail(ERR_MISMATCH, "%s: the bank is of another model than the study", folder);
    return OK;
}

// The i-th of n rows, one in each part.
static int64_t chosen_row(const bank_t *bank, int64_t n, int64_t i)
{
    rng_t r = rng_at(bank_seed(bank), RNG_CHECK, (uint64_t)i);
    range_t part = par_share(bank_rows(bank), (int)i, (int)n);
    return part.begin + (int64_t)rng_below(&r, (uint64_t)(part.end - part.begin));
}

static err_t check_one(bank_t *bank, simulator_t *simulator, int64_t row, rows_t *held,
                       recheck_report_t *out)
{
    char what[RECHECK_TEXT_CAP];
    TRY(bank_read(bank, row, row + 1, held));
    TRY(simulate_again(simulator, bank_seed(bank), held, 0, what));
    if (what[0] != '\0' && out->different++ < LOGGED)
        log_warning("check: simulated again, %s", what);
    if (row_status_may_change(held->status[0]))
        out->undetermined++;
    else
        out->checked++;
    return OK;
}

static err_t check_share(const par_t *par, bank_t *bank, simulator_t *simulator, int64_t n,
                         recheck_report_t *out)
{
    rows_t held = rows_create(bank_schema(bank), 1);
    err_t err = OK;
    for (int64_t i = par->rank; i < n && err == OK && !stop_requested(); i += par->size)
        err = check_one(bank, simulator, chosen_row(bank, n, i), &held, out);
    rows_destroy(&held);
    if (err == OK && stop_requested())
        err = err_fail(ERR_STOPPED, "stopped on request after %" PRId64 " checked rows",
                       out->checked);
    return err;
}

// What one rank is to look at.
typedef struct {
    const par_t *par;
    simulator_t *simulator;
    const char *folder;
    int64_t rows;
} share_t;

typedef struct {
    share_t share;
    recheck_report_t *out;
} check_t;

static err_t check_here(void *user)
{
    const check_t *c = user;
    const share_t *s = &c->share;
    bank_t *bank = NULL;
    TRY(bank_open(s->folder, &bank));
    err_t err = check_model(bank, s->simulator, s->folder);
    int64_t n = s->rows < bank_rows(bank) ? s->rows : bank_rows(bank);
    if (err == OK)
        err = check_share(s->par, bank, s->simulator, par_count(n), c->out);
    bank_close(&bank);
    return err;
}

err_t recheck_bank(const par_t *par, simulator_t *simulator, const char *folder, int64_t rows,
                   recheck_report_t *out)
{
    check_t check = {{par, simulator, folder, rows}, out};
    *out = (recheck_report_t){0};
    TRY(par_agree(par, draw_ranks_turns(par, simulator, check_here, &check)));
    out->checked = par_sum_i64(par, out->checked);
    out->different = par_sum_i64(par, out->different);
    out->undetermined = par_sum_i64(par, out->undetermined);
    if (out->different > 0)
        return err_fail(ERR_SIMULATOR,
                        "%" PRId64 " of %" PRId64
                        " rows came out differently when simulated again; "
                        "%s",
                        out->different, out->checked, cure);
    return OK;
}

/* ---- is it the simulator of this bank? ---- */

static bool near(double a, double b)
{
    if (!isfinite(a) || !isfinite(b))
        return isnan(a) ? isnan(b) : a == b;
    return fabs(a - b) <= RECHECK_NEAR * fmax(fabs(a), fabs(b));
}

/* The first number that is clearly another one, or NULL. */
static const char *clear_difference(const rows_t *first, const rows_t *again)
{
    const schema_t *s = first->schema;
    if (first->status[0] != again->status[0])
        return "status";
    for (int i = 0; i < s->n_parameters; i++)
        if (!near(first->parameters[i], again->parameters[i]))
            return s->parameters[i].name;
    for (int o = 0; o < s->n_observables && first->status[0] == ROW_DONE; o++)
        for (int64_t i = 0; i < schema_size(&s->observables[o]); i++)
            if (!near(first->observables[o][i], again->observables[o][i]))
                return s->observables[o].name;
    return NULL;
}

typedef struct {
    int64_t checked, others;
    char field[RECHECK_TEXT_CAP]; // in which a row is clearly another one
} likeness_t;

static err_t compare_row(bank_t *bank, simulator_t *simulator, int64_t row, likeness_t *out)
{
    rows_t first = rows_create(bank_schema(bank), 1), again = rows_create(bank_schema(bank), 1);
    err_t err = bank_read(bank, row, row + 1, &first);
    bool determined = err == OK && !row_status_may_change(first.status[0]);
    if (determined)
        err = simulator_row(simulator, bank_seed(bank), RNG_BANK, row, &again, 0);
    determined = determined && err == OK && !row_status_may_change(again.status[0]);
    const char *field = determined ? clear_difference(&first, &again) : NULL;
    out->checked += determined;
    out->others += field != NULL;
    if (field != NULL)
        snprintf(out->field, sizeof out->field, "%s", field);
    rows_destroy(&first);
    rows_destroy(&again);
    return err;
}

typedef struct {
    share_t share;
    likeness_t out;
} comparison_t;

static err_t compare_here(void *user)
{
    comparison_t *c = user;
    const share_t *s = &c->share;
    bank_t *bank = NULL;
    err_t err = bank_open(s->folder, &bank);
    if (err == OK)
        err = check_model(bank, s->simulator, s->folder);
    if (err != OK) {
        log_debug("no row was simulated again: %s", err_text());
        err_clear();
        bank_close(&bank);
        return OK;
    }
    int64_t n = s->rows < bank_rows(bank) ? s->rows : bank_rows(bank);
    for (int64_t i = s->par->rank; i < n && err == OK && !stop_requested(); i += s->par->size)
        err = compare_row(bank, s->simulator, chosen_row(bank, n, i), &c->out);
    bank_close(&bank);
    return err;
}

err_t recheck_simulator(const par_t *par, simulator_t *simulator, const char *folder, int64_t rows)
{
    comparison_t comparison = {.share = {par, simulator, folder, rows}};
    TRY(par_agree(par, draw_ranks_turns(par, simulator, compare_here, &comparison)));
    likeness_t mine = comparison.out;
    int64_t checked = par_sum_i64(par, mine.checked), others = par_sum_i64(par, mine.others);
    if (2 * others <= checked)
        return OK;
    return par_agree(
        par, mine.others == 0
                 ? OK
                 : err_fail(ERR_MISMATCH,
                            "the simulator is not the one that bank %s was made by: %" PRId64
                            " of %" PRId64
                            " of its rows come out otherwise when simulated again (in %s). Was it "
                            "changed since? Give it a new version, simulate and train anew, or "
                            "take the change back. Is it no function of its seed (`infermill "
                            "simulate --check` tells)? Then set diagnose.recheck_rows: 0",
                            folder, others, checked, mine.field));
}

/* ---- one sealed row ---- */

static err_t check_sealed(bank_t *bank, simulator_t *simulator, const char *folder,
                          double most_seconds)
{
    if (bank_rows(bank) == 0 || check_model(bank, simulator, folder) != OK)
        return OK;
    recheck_report_t report = {0};
    rows_t held = rows_create(bank_schema(bank), 1);
    int64_t row = chosen_row(bank, 1, 0);
    err_t err = bank_read_costs(bank, row, row + 1, &held);
    if (err == OK && held.seconds[0] < most_seconds)
        err = check_one(bank, simulator, row, &held, &report);
    rows_destroy(&held);
    if (report.different > 0)
        log_warning("simulate: a row of the bank comes out differently now: it was made on another "
                    "kind of processor, or by another build of the simulator under the same "
                    "version, or the simulator is no function of its seed (`--check` tells more)");
    return err;
}

void recheck_sealed(simulator_t *simulator, const char *folder, double most_seconds)
{
    bank_t *bank = NULL;
    err_t err = bank_open(folder, &bank);
    if (err == OK)
        err = check_sealed(bank, simulator, folder, most_seconds);
    if (err != OK)
        log_debug("simulate: no sealed row was checked: %s", err_text());
    err_clear();
    bank_close(&bank);
}
