// SPDX-License-Identifier: Apache-2.0
#include "coordinator/history.h"

#include "cluster/mem.h"
#include "coordinator/json_out.h"
#include "coordinator/run_folder.h"
#include "diagnostics/figures.h"

#include <stdlib.h>
#include <string.h>

static const char *const keys[HISTORY_COLUMNS] = {[HISTORY_TRAINING] = "training_loss",
                                                  [HISTORY_VALIDATION] = "validation_loss",
                                                  [HISTORY_RATE] = "learning_rate",
                                                  [HISTORY_NORM] = "gradient_norm",
                                                  [HISTORY_SECONDS] = "seconds"};

void history_add(history_t *h, const double row[HISTORY_COLUMNS])
{
    if (h->n == h->capacity) {
        h->capacity = 2 * h->capacity + 16;
        for (int c = 0; c < HISTORY_COLUMNS; c++)
            h->column[c] = MEM_GROW(h->column[c], double, h->capacity);
    }
    for (int c = 0; c < HISTORY_COLUMNS; c++)
        h->column[c][h->n] = row[c];
    const double *validation = h->column[HISTORY_VALIDATION];
    if (h->n == 0 || validation[h->n] < validation[h->best])
        h->best = h->n;
    h->n++;
}

void history_free(history_t *h)
{
    for (int c = 0; c < HISTORY_COLUMNS; c++)
        free(h->column[c]);
    memset(h, 0, sizeof *h);
}

int64_t history_waited(const history_t *h)
{
    return h->n - 1 - h->best;
}

err_t history_write(const history_t *h, const char *folder, const char *study)
{
    json_t *all = json_pack("{s:s,s:I}", "study", study, "best_epoch", (json_int_t)h->best + 1);
    for (int c = 0; c < HISTORY_COLUMNS; c++) {
        json_t *values = json_array();
        for (int64_t e = 0; e < h->n; e++)
            json_array_append_new(values, json_number_or_null(h->column[c][e]));
        json_object_set_new(all, keys[c], values);
    }
    char *path = run_folder_file(folder, "history.json"),
         *picture = run_folder_file(folder, "loss.png");
    stamp_t stamp = {.title = "Loss", .study = study, .weights = ""};
    err_t err = json_write(path, all);
    if (err == OK)
        err = figure_loss(picture, &stamp, h->n, h->column[HISTORY_TRAINING],
                          h->column[HISTORY_VALIDATION]);
    json_decref(all);
    free(path);
    free(picture);
    return err;
}
