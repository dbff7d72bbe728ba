// SPDX-License-Identifier: Apache-2.0
#include "coordinator/held_out.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/bank_check.h"
#include "coordinator/collect.h"
#include "coordinator/run_folder.h"
#include "storage/bank.h"
#include "storage/named_arrays.h"
#include "workers/draw_ranks.h"
#include "workers/recheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { FIELD_F32, FIELD_F64, FIELD_I64, FIELD_I32, FIELD_U8 } field_type_t;

/* The arrays of a block of rows, once, for writing, reading and collecting. */
typedef struct {
    char name[96];
    field_type_t type;
    int64_t width; // values of a row
    size_t bytes;  // of a row
    void *data;
    bool observed; // an observable's
} field_t;

static field_t field(const char *prefix, const char *name, field_type_t type, int64_t width,
                     void *data)
{
    static const size_t bytes[] = {
        [FIELD_F32] = 4, [FIELD_F64] = 8, [FIELD_I64] = 8, [FIELD_I32] = 4, [FIELD_U8] = 1};
    field_t f = {.type = type, .width = width, .bytes = (size_t)width * bytes[type], .data = data};
    snprintf(f.name, sizeof f.name, "%s%s%s", prefix, *name ? "/" : "", name);
    return f;
}

static int fields_of(rows_t *rows, field_t *out)
{
    const schema_t *s = rows->schema;
    int n = 0;
    out[n++] = field("index", "", FIELD_I64, 1, rows->index);
    out[n++] = field("status", "", FIELD_U8, 1, rows->status);
    out[n++] = field("parameters", "", FIELD_F64, s->n_parameters, rows->parameters);
    out[n++] = field("length", "", FIELD_I32, s->n_observables, rows->length);
    if (s->n_design > 0)
        out[n++] = field("design", "", FIELD_F64, s->n_design, rows->design);
    for (int o = 0; o < s->n_observables; o++) {
        out[n] = field("observables", s->observables[o].name, FIELD_F32,
                       schema_size(&s->observables[o]), rows->observables[o]);
        out[n++].observed = true;
    }
    return n;
}

static err_t put_lengths(arrays_writer_t *w, const field_t *f, const int64_t dims[2])
{
    int64_t n = dims[0] * dims[1], *wide = MEM_NEW(int64_t, n);
    for (int64_t i = 0; i < n; i++)
        wide[i] = ((const int32_t *)f->data)[i];
    err_t err = arrays_put_i64(w, f->name, 2, dims, wide);
    free(wide);
    return err;
}

static err_t get_lengths(const arrays_t *a, const field_t *f, const int64_t dims[2])
{
    int64_t n = dims[0] * dims[1], *wide = MEM_NEW(int64_t, n);
    err_t err = arrays_get_i64(a, f->name, 2, dims, wide);
    for (int64_t i = 0; i < n && err == OK; i++)
        ((int32_t *)f->data)[i] = (int32_t)wide[i];
    free(wide);
    return err;
}

static err_t put_field(arrays_writer_t *w, const field_t *f, int64_t n)
{
    const int64_t dims[2] = {n, f->width};
    switch (f->type) {
    case FIELD_F32:
        return arrays_put_f32(w, f->name, 2, dims, f->data);
    case FIELD_F64:
        return arrays_put_f64(w, f->name, 2, dims, f->data);
    case FIELD_I64:
        return arrays_put_i64(w, f->name, 2, dims, f->data);
    case FIELD_I32:
        return put_lengths(w, f, dims);
    case FIELD_U8:
        return arrays_put_u8(w, f->name, 2, dims, f->data);
    }
    return OK;
}

static err_t get_field(const arrays_t *a, const field_t *f, int64_t n)
{
    const int64_t dims[2] = {n, f->width};
    switch (f->type) {
    case FIELD_F32:
        return arrays_get_f32(a, f->name, 2, dims, f->data);
    case FIELD_F64:
        return arrays_get_f64(a, f->name, 2, dims, f->data);
    case FIELD_I64:
        return arrays_get_i64(a, f->name, 2, dims, f->data);
    case FIELD_I32:
        return get_lengths(a, f, dims);
    case FIELD_U8:
        return arrays_get_u8(a, f->name, 2, dims, f->data);
    }
    return OK;
}

typedef struct {
    job_t *job;
    int64_t n;
    uint64_t seed;
    rows_t *rows;
} order_t;

/* The blocks of this rank. */
static err_t simulate_here(void *user)
{
    const order_t *o = user;
    job_t *job = o->job;
    for (int64_t b = 0; b < collect_blocks(o->n); b++) {
        range_t range = collect_range(o->n, b);
        int64_t rows_here = range.end - range.begin, done;
        if (collect_owner(job->par, b) != job->par->rank)
            continue;
        TRY(simulator_rows(job->simulator, o->seed, RNG_HELD_OUT, range.begin, rows_here, o->rows,
                           range.begin, &done));
        if (done < rows_here)
            return err_fail(ERR_STOPPED, "stopped on request while simulating held-out data sets; "
                                         "the same command begins them anew");
    }
    return OK;
}

/* What the file must say to be used again; the caller frees it. */
static char *identity(const job_t *job, const trained_t *trained, int64_t n, uint64_t seed)
{
    if (trained->n_held_out > 0)
        return mem_format("%s data sets %ld set aside for weights %s", trained->bank, (long)n,
                          trained->hash);
    char *fingerprint = schema_fingerprint(job->schema);
    char *text = mem_format("%s seed %lu data sets %ld", fingerprint, (unsigned long)seed, (long)n);
    free(fingerprint);
    return text;
}

static err_t save(const char *path, const char *what, rows_t *rows, int64_t n)
{
    field_t *fields = MEM_NEW(field_t, rows->schema->n_observables + 5);
    int count = fields_of(rows, fields);
    arrays_writer_t *w = NULL;
    err_t err = arrays_writer_open(path, "infermill held-out data sets", 1, &w);
    if (err == OK)
        err = arrays_put_text(w, "identity", what);
    for (int i = 0; i < count && err == OK; i++)
        err = put_field(w, &fields[i], n);
    if (err == OK)
        err = arrays_finish(&w);
    arrays_abandon(&w);
    free(fields);
    return err;
}

static err_t load(const char *path, const char *what, rows_t *rows, int64_t n, bool *fits)
{
    arrays_t *a = NULL;
    char *found = NULL;
    *fits = false;
    TRY(arrays_open(path, "infermill held-out data sets", 1, &a));
    err_t err = arrays_get_text(a, "identity", &found);
    *fits = err == OK && strcmp(found, what) == 0;
    field_t *fields = MEM_NEW(field_t, rows->schema->n_observables + 5);
    int count = fields_of(rows, fields);
    for (int i = 0; i < count && err == OK && *fits; i++)
        err = get_field(a, &fields[i], n);
    free(fields);
    free(found);
    arrays_close(&a);
    return err;
}

/* From the ranks that simulated them to rank 0. */
static void collect(const par_t *par, rows_t *rows, int64_t n)
{
    field_t *fields = MEM_NEW(field_t, rows->schema->n_observables + 5);
    int count = fields_of(rows, fields);
    for (int i = 0; i < count; i++)
        collect_rows(par, n, fields[i].bytes, fields[i].data);
    free(fields);
}

/* From rank 0 to all, but for the observables. */
static void share(const par_t *par, rows_t *rows)
{
    field_t *fields = MEM_NEW(field_t, rows->schema->n_observables + 5);
    int count = fields_of(rows, fields);
    for (int i = 0; i < count; i++)
        if (!fields[i].observed)
            par_broadcast(par, 0, (size_t)rows->n * fields[i].bytes, fields[i].data);
    free(fields);
}

static void keep_done(rows_t *rows, int64_t simulated, int64_t wanted)
{
    rows->n = 0;
    for (int64_t i = 0; i < simulated && rows->n < wanted; i++)
        if (rows->status[i] == ROW_DONE) {
            if (i != rows->n)
                rows_copy(rows, i, rows, rows->n);
            rows->n++;
        }
}

/* On rank 0 the first n that finish; where draws are rejected, more are simulated, up to MOST_TRIES a data set. */
static err_t simulate_enough(job_t *job, int64_t n, uint64_t seed, rows_t *out)
{
    enum { MOST_TRIES = 64 };
    for (int64_t total = n; total <= MOST_TRIES * n; total *= 2) {
        rows_destroy(out);
        *out = rows_create_untouched(job->schema, total);
        order_t order = {job, total, seed, out};
        TRY(par_agree(job->par, draw_ranks_turns(job->par, job->simulator, simulate_here, &order)));
        collect(job->par, out, total);
        if (job->par->rank == 0)
            keep_done(out, total, n);
        par_broadcast(job->par, 0, sizeof out->n, &out->n);
        if (out->n == n)
            return OK;
    }
    return err_fail(ERR_SIMULATOR,
                    "of %ld held-out data sets only %ld of the %ld wanted could be simulated",
                    (long)(MOST_TRIES * n), (long)out->n, (long)n);
}

/* ---- set aside in the bank ---- */

static err_t check_bank(const bank_t *bank, const char *folder, const trained_t *trained, int64_t n)
{
    if (strcmp(bank_fingerprint(bank), trained->bank) != 0)
        return err_fail(ERR_MISMATCH,
                        "bank %s holds the model %s, the amortizer was trained on rows of %s",
                        folder, bank_fingerprint(bank), trained->bank);
    if (trained->held_out[n - 1] >= bank_rows(bank))
        return err_fail(ERR_MISMATCH,
                        "bank %s has %ld rows, row %ld was set aside in training: this is not the "
                        "bank of the amortizer",
                        folder, (long)bank_rows(bank), (long)trained->held_out[n - 1]);
    return OK;
}

static err_t read_set_aside(bank_t *bank, const char *folder, const trained_t *trained, int64_t n,
                            rows_t *out)
{
    rows_t one = rows_create(out->schema, 1);
    err_t err = check_bank(bank, folder, trained, n);
    for (int64_t i = 0; i < n && err == OK; i++) {
        int64_t row = trained->held_out[i];
        err = bank_read(bank, row, row + 1, &one);
        if (err == OK && one.status[0] != ROW_DONE)
            err =
                err_fail(ERR_MISMATCH, "bank %s: row %ld is not done any more", folder, (long)row);
        if (err == OK)
            rows_copy(&one, 0, out, i);
    }
    rows_destroy(&one);
    return err;
}

static err_t take_from_bank(const job_t *job, const trained_t *trained, int64_t n, rows_t *out)
{
    const char *folder = job->study.bank.path;
    bank_t *bank = NULL;
    if (n > trained->n_held_out)
        return err_fail(ERR_USAGE,
                        "diagnose.datasets: got %ld, but %ld rows of the bank were set aside in "
                        "training: train anew with train.held_out_rows: %ld (--again)",
                        (long)n, (long)trained->n_held_out, (long)n);
    TRY(bank_open(folder, &bank));
    err_t err = read_set_aside(bank, folder, trained, n, out);
    bank_close(&bank);
    return err;
}

/* Data sets of another simulator than that of training would judge the amortizer by what it never learned. */
static err_t check_simulator(job_t *job)
{
    err_t err = recheck_simulator(job->par, job->simulator, job->study.bank.path,
                                  job->study.diagnose.recheck_rows);
    return err_context(err, "diagnose");
}

static err_t check_twins(job_t *job, const rows_t *rows)
{
    char *fingerprint = schema_fingerprint(job->schema);
    twin_key_t *keys = job->par->rank == 0 ? twins_keys(rows) : NULL;
    err_t err = bank_check_held_out(job->par, job->study.bank.path, fingerprint, rows->n, keys);
    free(keys);
    free(fingerprint);
    return err;
}

/* Complete on rank 0. */
static err_t make(job_t *job, const trained_t *trained, int64_t n, uint64_t seed, rows_t *rows)
{
    bool set_aside = trained->n_held_out > 0, first = job->par->rank == 0;
    if (first && set_aside)
        log_info("diagnose: %ld rows of the bank that were set aside in training", (long)n);
    if (first && !set_aside)
        log_info("diagnose: simulating %ld held-out data sets", (long)n);
    if (set_aside)
        return par_agree(job->par, first ? take_from_bank(job, trained, n, rows) : OK);
    TRY(check_simulator(job));
    TRY(simulate_enough(job, n, seed, rows));
    return check_twins(job, rows);
}

/* Whether rank 0 has them from the file; one that is torn or foreign is made anew. */
static bool load_here(const job_t *job, const char *path, const char *what, rows_t *rows)
{
    bool fits = false;
    if (job->par->rank == 0 && file_exists(path) && load(path, what, rows, rows->n, &fits) != OK) {
        err_clear();
        fits = false;
    }
    return fits;
}

err_t held_out_get(job_t *job, const trained_t *trained, int64_t n, uint64_t seed, rows_t *out)
{
    char *path = job_file(job, "held_out.h5"), *what = identity(job, trained, n, seed);
    bool first = job->par->rank == 0;
    *out = rows_create_untouched(job->schema, n);
    out->n = n;
    err_t err = OK;
    if (par_any(job->par, first && !load_here(job, path, what, out))) {
        err = make(job, trained, n, seed, out);
        if (err == OK)
            err = par_agree(job->par, first ? save(path, what, out, n) : OK);
    }
    if (err == OK)
        share(job->par, out);
    else
        rows_destroy(out);
    free(what);
    free(path);
    return err;
}
