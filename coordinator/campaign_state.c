// SPDX-License-Identifier: Apache-2.0
#include "coordinator/campaign_state.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "coordinator/run_folder.h"
#include "diagnostics/gate.h"
#include "storage/bank.h"
#include "storage/journal.h"
#include "storage/lock.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- the bank ---- */

/* Seconds of a file's last change; NAN where it is not there. */
static double changed(const char *folder, const char *file)
{
    char *path = mem_format("%s/%s", folder, file);
    struct stat info;
    double at = stat(path, &info) == 0
                    ? (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec
                    : NAN;
    free(path);
    return at;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds since "2026-03-01 12:00:00 UTC". */
static double seconds_since(const char *text)
{
    struct tm tm = {0};
    return strptime(text, "%Y-%m-%d %H:%M:%S", &tm) != NULL ? now() - (double)timegm(&tm) : NAN;
}

static void read_last_shard(const study_t *study, const bank_t *bank, campaign_state_t *s)
{
    double last = NAN;
    for (int i = 0; i < bank_shard_count(bank); i++)
        last = fmax(last, changed(study->bank.path, bank_shard(bank, i)->file));
    s->quiet = isnan(last) ? NAN : fmax(0, now() - last);
}

static bool is_sealed(const bank_t *bank, int64_t shard)
{
    int low = 0, high = bank_shard_count(bank);
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (bank_shard(bank, middle)->shard < shard)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bank_shard_count(bank) && bank_shard(bank, low)->shard == shard;
}

static bool is_of_run(const char *journal, const char *run)
{
    return strncmp(journal, run, strlen(run)) == 0;
}

/* Those of `run` (NULL: none) are counted in *made, too. */
static err_t read_journals(const study_t *study, const bank_t *bank, const char *run,
                           campaign_state_t *s, int64_t *made)
{
    bank_card_t card;
    journal_list_t list;
    TRY(bank_card_read(study->bank.path, &card));
    err_t err = journal_list(study->bank.path, &card, NULL, &list);
    for (int64_t i = 0; err == OK && i < list.n; i++) {
        if (is_sealed(bank, list.entry[i].row / card.shard_rows))
            continue;
        s->journaled++;
        *made += run != NULL && is_of_run(list.file[list.entry[i].file], run);
    }
    if (err == OK)
        journal_list_free(&list);
    bank_card_free(&card);
    return err;
}

/* Who writes, and how fast: rows that this run has put into journals and shards since it took the lock. */
static err_t read_work(const study_t *study, const bank_t *bank, campaign_state_t *s)
{
    char *path = mem_format("%s/lock", study->bank.path);
    json_t *lock = json_load_file(path, 0, NULL);
    const char *run = lock ? json_text(lock, "run") : NULL;
    int64_t made = 0;
    free(path);
    err_t err = read_journals(study, bank, run, s, &made);
    if (run != NULL) {
        for (int i = 0; i < bank_shard_count(bank); i++)
            if (strcmp(bank_shard(bank, i)->run, run) == 0)
                made += bank_shard(bank, i)->rows;
        s->writer = mem_format("%s, process %" PRId64 ", since %s", json_text(lock, "host"),
                               json_whole(lock, "pid"), json_text(lock, "since"));
        s->silent = now() - changed(study->bank.path, "lock");
        double seconds = seconds_since(json_text(lock, "since"));
        s->rate = made > 0 && seconds > 0 ? (double)made / seconds : NAN;
    }
    json_decref(lock);
    return err;
}

static err_t read_bank(const study_t *study, campaign_state_t *s)
{
    bank_t *bank = NULL;
    TRY(bank_open_if_there(study->bank.path, &bank));
    if (bank == NULL)
        return OK;
    bank_info_t info = bank_info(bank);
    s->sealed = info.rows;
    memcpy(s->by_status, info.by_status, sizeof s->by_status);
    err_t err = OK;
    if (bank_origin(bank) == NULL && bank_seed(bank) != (uint64_t)study->bank.seed)
        err = err_fail(ERR_MISMATCH, "bank %s: its seed is %" PRIu64 ", that of %s %" PRId64,
                       study->bank.path, bank_seed(bank), study->path, study->bank.seed);
    if (err == OK)
        err = read_work(study, bank, s);
    read_last_shard(study, bank, s);
    bank_close(&bank);
    return err;
}

/* ---- the results ---- */

static void read_training(const char *folder, campaign_state_t *s)
{
    char *history = run_folder_file(folder, "history.json"),
         *amortizer = run_folder_file(folder, "amortizer.h5");
    json_t *said = json_load_file(history, 0, NULL);
    s->epochs = (int64_t)json_array_size(json_object_get(said, "training_loss"));
    const json_t *losses = json_object_get(said, "validation_loss"),
                 *last = json_array_get(losses, json_array_size(losses) - 1);
    s->validation_loss = json_is_number(last) ? json_number_value(last) : NAN;
    s->trained = file_exists(amortizer);
    json_decref(said);
    free(amortizer);
    free(history);
}

static void read_gate(const char *folder, campaign_state_t *s)
{
    char *path = run_folder_file(folder, "gate.json");
    gate_record_t gate;
    err_t err = gate_read(path, &gate);
    if (err == OK) {
        s->passes = gate.passed;
        s->gate = mem_copy_text(gate.passed          ? "passes"
                                : gate.n_reasons > 0 ? gate.reasons[0]
                                                     : "does not pass");
        gate_free(&gate);
    } else if (!err_is(err, ERR_MISSING)) {
        s->gate = mem_copy_text(err_text());
    }
    free(path);
}

static int64_t count_blocks(const char *folder)
{
    int64_t n = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e = dir ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        size_t length = strspn(e->d_name, "0123456789");
        n += length == 7 && strcmp(e->d_name + length, ".h5") == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

static void read_inference(const study_t *study, const char *folder, campaign_state_t *s)
{
    char *out = study->infer.out ? mem_copy_text(study->infer.out)
                                 : run_folder_file(folder, "posterior.h5");
    char *blocks = mem_format("%s.blocks", out);
    s->asked = study->infer.data != NULL;
    s->inferred = file_exists(out);
    s->blocks = count_blocks(blocks);
    free(blocks);
    free(out);
}

err_t campaign_state_read(const study_t *study, const char *folder, campaign_state_t *out)
{
    *out = (campaign_state_t){.wanted = study->bank.rows,
                              .wanted_epochs = study->train.epochs,
                              .rate = NAN,
                              .quiet = NAN,
                              .silent = NAN};
    TRY(read_bank(study, out));
    read_training(folder, out);
    read_gate(folder, out);
    read_inference(study, folder, out);
    return OK;
}

void campaign_state_free(campaign_state_t *s)
{
    free(s->writer);
    free(s->gate);
}

/* ---- told ---- */

static double seconds_left(const campaign_state_t *s)
{
    int64_t rest = s->wanted - s->sealed - s->journaled;
    return rest > 0 ? (double)rest / s->rate : NAN;
}

static char *failures_of(const campaign_state_t *s)
{
    text_t t = text_create();
    for (int k = ROW_DONE + 1; k < ROW_STATUS_COUNT; k++)
        if (s->by_status[k] > 0)
            text_add(&t, "%s%s %" PRId64, t.length ? ", " : "", row_status_name((row_status_t)k),
                     s->by_status[k]);
    return t.data;
}

static void print_bank(const campaign_state_t *s)
{
    int64_t done = s->sealed + s->journaled;
    char *failures = failures_of(s);
    double left = seconds_left(s);
    if (done > s->wanted) // those of a refinement, or all of a bank that was simulated elsewhere
        printf("simulate  %" PRId64 " rows", done);
    else
        printf("simulate  %" PRId64 " of %" PRId64 " rows", done, s->wanted);
    if (s->journaled > 0)
        printf(", %" PRId64 " of them in journals", s->journaled);
    if (failures[0] != '\0')
        printf("; %s", failures);
    if (!isnan(s->rate) && done < s->wanted)
        printf("; %.3g rows/s", s->rate);
    if (!isnan(left))
        printf(", %d:%02d:%02d left", (int)(left / 3600), (int)fmod(left / 60, 60),
               (int)fmod(left, 60));
    printf("\n");
    if (s->writer != NULL)
        printf("          written by %s", s->writer);
    if (s->writer != NULL && s->silent > LOCK_WATCH_SECONDS)
        printf(", of which there was no sign for %.0f s", s->silent);
    if (s->writer != NULL)
        printf("\n");
    if (!isnan(s->quiet) && done < s->wanted)
        printf("          the last shard was sealed %.0f s ago\n", s->quiet);
    free(failures);
}

void campaign_state_print(const campaign_state_t *s)
{
    print_bank(s);
    if (s->trained)
        printf("train     done, %" PRId64 " epochs\n", s->epochs);
    else
        printf("train     %" PRId64 " of %" PRId64 " epochs\n", s->epochs, s->wanted_epochs);
    printf("diagnose  %s%s\n", s->gate ? "the gate: " : "not done", s->gate ? s->gate : "");
    if (s->inferred)
        printf("infer     done\n");
    else if (s->asked)
        printf("infer     %" PRId64 " blocks of data sets sealed\n", s->blocks);
}

json_t *campaign_state_json(const campaign_state_t *s)
{
    json_t *status = json_object();
    for (int k = ROW_DONE; k < ROW_STATUS_COUNT; k++)
        json_object_set_new(status, row_status_name((row_status_t)k),
                            json_integer(s->by_status[k]));
    return json_pack(
        "{s:{s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:s?,s:o},s:{s:b,s:I,s:I,s:o},s:{s:s?},s:{s:b,s:b,s:I}}",
        "simulate", "rows", (json_int_t)s->wanted, "sealed", (json_int_t)s->sealed, "journaled",
        (json_int_t)s->journaled, "status", status, "rows_per_second", json_number_or_null(s->rate),
        "seconds_left", json_number_or_null(seconds_left(s)), "seconds_since_shard",
        json_number_or_null(s->quiet), "writer", s->writer, "writer_silent_seconds",
        json_number_or_null(s->silent), "train", "done", s->trained, "epochs",
        (json_int_t)s->epochs, "epochs_wanted", (json_int_t)s->wanted_epochs, "validation_loss",
        json_number_or_null(s->validation_loss), "diagnose", "gate", s->gate, "infer", "wanted",
        s->asked, "done", s->inferred, "blocks", (json_int_t)s->blocks);
}

/* ---- for Prometheus ---- */

typedef struct {
    text_t text;
    char *study; // as the value of a label
} gauges_t;

static char *label_value(const char *name)
{
    text_t t = text_create();
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            text_add_bytes(&t, 1, "\\");
        if (*name == '\n')
            text_add(&t, "\\n");
        else
            text_add_bytes(&t, 1, name);
    }
    return t.data;
}

static void add_head(gauges_t *m, const char *name, const char *help)
{
    text_add(&m->text, "# HELP infermill_%s %s\n# TYPE infermill_%s gauge\n", name, help, name);
}

static void add_gauge(gauges_t *m, const char *name, const char *help, double value)
{
    if (!isfinite(value))
        return;
    add_head(m, name, help);
    text_add(&m->text, "infermill_%s{study=\"%s\"} %.17g\n", name, m->study, value);
}

static void add_rows(gauges_t *m, const campaign_state_t *s)
{
    add_head(m, "rows", "Rows in sealed shards, by how they ended.");
    for (int k = ROW_DONE; k < ROW_STATUS_COUNT; k++)
        text_add(&m->text, "infermill_rows{study=\"%s\",status=\"%s\"} %" PRId64 "\n", m->study,
                 row_status_name((row_status_t)k), s->by_status[k]);
    add_gauge(m, "rows_wanted", "Rows that the study asks for.", (double)s->wanted);
    add_gauge(m, "rows_journaled", "Rows that are finished and wait for their shards.",
              (double)s->journaled);
    add_gauge(m, "rows_per_second", "Rate of the run that writes the bank.", s->rate);
    add_gauge(m, "writer_silent_seconds", "Since the run that writes the bank gave a sign of life.",
              s->silent);
}

char *campaign_state_metrics(const campaign_state_t *s, const char *study)
{
    gauges_t m = {text_create(), label_value(study)};
    add_rows(&m, s);
    add_gauge(&m, "epochs", "Epochs that are trained.", (double)s->epochs);
    add_gauge(&m, "validation_loss", "Of the last epoch.", s->validation_loss);
    add_gauge(&m, "trained", "1 once training is done.", s->trained);
    add_gauge(&m, "gate_passes", "1 where the gate passes, 0 where it does not.",
              s->gate ? (double)s->passes : NAN);
    add_gauge(&m, "inference_blocks", "Blocks of data sets, sealed by an inference at work.",
              (double)s->blocks);
    add_gauge(&m, "inferred", "1 once there is a posterior file.", s->inferred);
    free(m.study);
    return m.text.data;
}
