// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "coordinator/trainer_state.h"
#include "coordinator/training.h"
#include "storage/named_arrays.h"

#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "infermill checkpoint";
enum { FORMAT_VERSION = 1 };

/* "train.epochs: 40": key up to the colon, value behind it with its space. */
typedef struct {
    const char *at;
    int key, all; // bytes
} line_t;

static line_t line_at(const char *text)
{
    int all = (int)strcspn(text, "\n"), key = (int)strcspn(text, ":\n");
    return (line_t){text, key, all};
}

static const char *behind(line_t line)
{
    return line.at + line.all + (line.at[line.all] == '\n');
}

static bool same_key(line_t a, line_t b)
{
    return a.key == b.key && memcmp(a.at, b.at, (size_t)a.key) == 0;
}

static bool same_line(line_t a, line_t b)
{
    return a.all == b.all && memcmp(a.at, b.at, (size_t)a.all) == 0;
}

static bool has_key(const char *text, line_t key)
{
    for (; *text; text = behind(line_at(text)))
        if (same_key(line_at(text), key))
            return true;
    return false;
}

static char *value_of(line_t line)
{
    int colon = line.key < line.all;
    return mem_format("%.*s", line.all - line.key - colon, line.at + line.key + colon);
}

static char *against(line_t key, char *a, char *b)
{
    char *words = mem_format("%.*s:%s against%s", key.key, key.at, a, b);
    free(a);
    free(b);
    return words;
}

char *settings_difference(const char *a, const char *b)
{
    for (; *a && *b; a = behind(line_at(a)), b = behind(line_at(b))) {
        line_t mine = line_at(a), other = line_at(b);
        if (same_line(mine, other))
            continue;
        if (same_key(mine, other))
            return against(mine, value_of(mine), value_of(other));
        if (has_key(b, mine))
            return against(other, mem_copy_text(" none"), value_of(other));
        return against(mine, value_of(mine), mem_copy_text(" none"));
    }
    if (*a)
        return against(line_at(a), value_of(line_at(a)), mem_copy_text(" none"));
    return *b ? against(line_at(b), mem_copy_text(" none"), value_of(line_at(b))) : NULL;
}

static trainer_state_t state_of(const training_t *t)
{
    return (trainer_state_t){t->trainer, t->trained.amortizer, t->best};
}

static const char *const column_names[HISTORY_COLUMNS] = {
    [HISTORY_TRAINING] = "history/training_loss",
    [HISTORY_VALIDATION] = "history/validation_loss",
    [HISTORY_RATE] = "history/learning_rate",
    [HISTORY_NORM] = "history/gradient_norm",
    [HISTORY_SECONDS] = "history/seconds"};

static err_t put_all(arrays_writer_t *w, const training_t *t)
{
    trainer_state_t state = state_of(t);
    TRY(trainer_state_put(&state, w));
    for (int c = 0; c < HISTORY_COLUMNS && t->history.n > 0; c++)
        TRY(arrays_put_f64(w, column_names[c], 1, &t->history.n, t->history.column[c]));
    TRY(arrays_put_integer(w, "epochs_done", t->history.n));
    TRY(arrays_put_integer(w, "best_epoch", t->history.best));
    TRY(arrays_put_integer(w, "epoch", t->epoch));
    TRY(arrays_put_integer(w, "step", t->step));
    TRY(arrays_put_real(w, "loss_sum", t->loss_sum));
    TRY(arrays_put_real(w, "seconds", t->seconds));
    TRY(arrays_put_text(w, "training", t->trained.training));
    return arrays_put_text(w, "bank", t->trained.bank);
}

err_t checkpoint_save(const training_t *t, const char *path)
{
    arrays_writer_t *w = NULL;
    TRY(arrays_writer_open(path, FORMAT, FORMAT_VERSION, &w));
    err_t err = put_all(w, t);
    if (err == OK)
        err = arrays_finish(&w);
    arrays_abandon(&w);
    return err;
}

static err_t get_history(arrays_t *a, history_t *h)
{
    int64_t n, best;
    TRY(arrays_get_integer(a, "epochs_done", &n));
    TRY(arrays_get_integer(a, "best_epoch", &best));
    double *column[HISTORY_COLUMNS];
    err_t err = OK;
    for (int c = 0; c < HISTORY_COLUMNS; c++) {
        column[c] = MEM_NEW(double, n + 1);
        if (err == OK && n > 0)
            err = arrays_get_f64(a, column_names[c], 1, &n, column[c]);
    }
    for (int64_t e = 0; e < n && err == OK; e++) {
        double row[HISTORY_COLUMNS];
        for (int c = 0; c < HISTORY_COLUMNS; c++)
            row[c] = column[c][e];
        history_add(h, row);
    }
    for (int c = 0; c < HISTORY_COLUMNS; c++)
        free(column[c]);
    TRY(err);
    return h->best == best
               ? OK
               : err_fail(ERR_FORMAT, "best epoch %ld, expected %ld", (long)best, (long)h->best);
}

static err_t get_all(arrays_t *a, training_t *t)
{
    trainer_state_t state = state_of(t);
    TRY(trainer_state_get(&state, a));
    TRY(get_history(a, &t->history));
    TRY(arrays_get_integer(a, "epoch", &t->epoch));
    TRY(arrays_get_integer(a, "step", &t->step));
    TRY(arrays_get_real(a, "loss_sum", &t->loss_sum));
    return arrays_get_real(a, "seconds", &t->seconds);
}

static err_t same_settings(arrays_t *a, const training_t *t, const char *path)
{
    char *training = NULL, *bank = NULL, *difference = NULL;
    err_t err;
    TRY_TO(done, arrays_get_text(a, "training", &training));
    TRY_TO(done, arrays_get_text(a, "bank", &bank));
    difference = settings_difference(training, t->trained.training);
    if (strcmp(bank, t->trained.bank) != 0)
        err = err_fail(ERR_MISMATCH,
                       "%s is of model %s, the study's is %s: give --again to train anew", path,
                       bank, t->trained.bank);
    else if (difference != NULL)
        err = err_fail(ERR_MISMATCH,
                       "%s is of other settings: %s: give --again to train anew, or another --out",
                       path, difference);
done:
    free(difference);
    free(bank);
    free(training);
    return err;
}

err_t checkpoint_load(training_t *t, const char *path)
{
    arrays_t *a = NULL;
    TRY(arrays_open(path, FORMAT, FORMAT_VERSION, &a));
    err_t err = same_settings(a, t, path);
    if (err == OK)
        err = err_context(get_all(a, t), "%s", path);
    arrays_close(&a);
    return err;
}
