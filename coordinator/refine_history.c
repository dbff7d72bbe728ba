// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_history.h"

#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "coordinator/run_folder.h"
#include "diagnostics/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[REFINE_COLUMNS] = {[REFINE_FRESH] = "fresh_loss",
                                                  [REFINE_OFFLINE] = "offline_loss",
                                                  [REFINE_ERROR] = "gain_error",
                                                  [REFINE_TRAINING] = "training_loss",
                                                  [REFINE_VALIDATION] = "validation_loss",
                                                  [REFINE_RATE] = "learning_rate",
                                                  [REFINE_NORM] = "gradient_norm",
                                                  [REFINE_RANK_P] = "rank_test_p",
                                                  [REFINE_SECONDS] = "seconds",
                                                  [REFINE_ROWS] = "rows"};

double refine_history_gain(const refine_history_t *h, int64_t round)
{
    return h->column[REFINE_OFFLINE][round] - h->column[REFINE_FRESH][round];
}

/* Of round `r`, the latest: it is kept, or what was kept stays. */
static bool is_kept(const refine_history_t *h, int64_t r)
{
    int64_t top = 0;
    for (int64_t i = 1; i <= r; i++)
        if (refine_history_gain(h, i) > refine_history_gain(h, top))
            top = i;
    double *error = h->column[REFINE_ERROR];
    double less = refine_history_gain(h, top) - refine_history_gain(h, r);
    return r == 0 || less <= hypot(error[top], error[r]);
}

void refine_history_add(refine_history_t *h, const double row[REFINE_COLUMNS])
{
    if (h->n == h->capacity) {
        h->capacity = 2 * h->capacity + 16;
        for (int c = 0; c < REFINE_COLUMNS; c++)
            h->column[c] = MEM_GROW(h->column[c], double, h->capacity);
    }
    for (int c = 0; c < REFINE_COLUMNS; c++)
        h->column[c][h->n] = row[c];
    if (is_kept(h, h->n))
        h->best = h->n;
    h->n++;
}

void refine_history_free(refine_history_t *h)
{
    for (int c = 0; c < REFINE_COLUMNS; c++)
        free(h->column[c]);
    *h = (refine_history_t){.best = -1};
}

static void item(int column, size_t cap, char *out)
{
    snprintf(out, cap, "history/%s", names[column]);
}

err_t refine_history_put(const refine_history_t *h, arrays_writer_t *w)
{
    char name[64];
    for (int c = 0; c < REFINE_COLUMNS && h->n > 0; c++) {
        item(c, sizeof name, name);
        TRY(arrays_put_f64(w, name, 1, &h->n, h->column[c]));
    }
    return arrays_put_integer(w, "rounds_done", h->n);
}

static err_t get_columns(const arrays_t *a, int64_t n, double *column[REFINE_COLUMNS])
{
    char name[64];
    for (int c = 0; c < REFINE_COLUMNS && n > 0; c++) {
        item(c, sizeof name, name);
        TRY(arrays_get_f64(a, name, 1, &n, column[c]));
    }
    return OK;
}

err_t refine_history_get(refine_history_t *h, const arrays_t *a)
{
    int64_t n;
    TRY(arrays_get_integer(a, "rounds_done", &n));
    if (n < 0)
        return err_fail(ERR_FORMAT, "rounds_done is %ld", (long)n);
    double *column[REFINE_COLUMNS];
    for (int c = 0; c < REFINE_COLUMNS; c++)
        column[c] = MEM_NEW(double, n + 1);
    err_t err = get_columns(a, n, column);
    for (int64_t r = 0; r < n && err == OK; r++) {
        double row[REFINE_COLUMNS];
        for (int c = 0; c < REFINE_COLUMNS; c++)
            row[c] = column[c][r];
        refine_history_add(h, row);
    }
    for (int c = 0; c < REFINE_COLUMNS; c++)
        free(column[c]);
    return err;
}

json_t *refine_history_json(const refine_history_t *h)
{
    json_t *all = json_object();
    json_object_set_new(all, "best_round", json_integer(h->best + 1));
    for (int c = 0; c < REFINE_COLUMNS; c++) {
        json_t *values = json_array();
        for (int64_t r = 0; r < h->n; r++)
            json_array_append_new(values, json_number_or_null(h->column[c][r]));
        json_object_set_new(all, names[c], values);
    }
    return all;
}

err_t refine_history_write(const refine_history_t *h, const char *folder, const char *study)
{
    json_t *all = refine_history_json(h);
    char *path = run_folder_file(folder, "refine-history.json"),
         *picture = run_folder_file(folder, "refine.png");
    stamp_t stamp = {.title = "Refinement", .study = study, .weights = ""};
    const refine_losses_t losses = {.n = h->n,
                                    .best = h->best,
                                    .fresh = h->column[REFINE_FRESH],
                                    .offline = h->column[REFINE_OFFLINE],
                                    .validation = h->column[REFINE_VALIDATION]};
    json_object_set_new(all, "study", json_string(study));
    err_t err = json_write(path, all);
    if (err == OK)
        err = figure_refine(picture, &stamp, &losses);
    json_decref(all);
    free(path);
    free(picture);
    return err;
}
