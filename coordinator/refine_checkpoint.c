// SPDX-License-Identifier: Apache-2.0
//
// refine.h5: what trainer_state.h holds, the history, the reservoir of each slice as bytes (replay/<slice>), the feed's place,
// counts and sums, the settings and the hash of the offline weights.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/refine.h"
#include "coordinator/run_folder.h"
#include "coordinator/trainer_state.h"
#include "coordinator/training.h"
#include "storage/named_arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "infermill refinement";
enum { FORMAT_VERSION = 1 };

static trainer_state_t state_of(const refinement_t *r)
{
    return (trainer_state_t){r->trainer, r->trained.amortizer, r->best};
}

static void slice_name(int slice, char out[32])
{
    snprintf(out, 32, "replay/%d", slice);
}

/* ---- counts and sums: one call for each, whether it goes to the file or comes from it ---- */

typedef struct {
    arrays_writer_t *w;
    const arrays_t *a;
} file_t;

static err_t pass_integer(const file_t *f, const char *name, int64_t *value)
{
    return f->w ? arrays_put_integer(f->w, name, *value) : arrays_get_integer(f->a, name, value);
}

static err_t pass_real(const file_t *f, const char *name, double *value)
{
    return f->w ? arrays_put_real(f->w, name, *value) : arrays_get_real(f->a, name, value);
}

static err_t pass_counts(const file_t *f, refinement_t *r)
{
    struct {
        const char *name;
        int64_t *value;
    } counts[] = {{"chunks", &r->n_chunks},
                  {"step", &r->step},
                  {"rows", &r->rows},
                  {"sums/rows", &r->sums.rows},
                  {"sums/steps", &r->sums.steps},
                  {"position", &r->position},
                  {"n_consumed", &r->n_consumed},
                  {"fed/workers", &r->fed.workers},
                  {"fed/bytes_most", &r->fed.bytes_most},
                  {"fed/twice", &r->fed.twice}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        TRY(pass_integer(f, counts[i].name, counts[i].value));
    return OK;
}

static err_t pass_sums(const file_t *f, refinement_t *r)
{
    struct {
        const char *name;
        double *value;
    } sums[] = {{"sums/fresh", &r->sums.fresh},
                {"sums/offline", &r->sums.offline},
                {"sums/squares", &r->sums.squares},
                {"sums/products", &r->sums.products},
                {"sums/counts", &r->sums.counts},
                {"sums/training", &r->sums.training},
                {"fed/rows_per_second", &r->fed.rows_per_second},
                {"fed/waiting", &r->fed.waiting},
                {"seconds", &r->seconds},
                {"waited", &r->waited}};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        TRY(pass_real(f, sums[i].name, sums[i].value));
    return OK;
}

/* ---- writing ---- */

/* The state of one slice, from the rank that has it to all; the caller frees it. Collective. */
static void *slice_state(const refinement_t *r, int slice, int64_t *bytes)
{
    const par_t *par = r->job->par;
    int owner = par_tree_owner(r->plan.slices, slice, par->size), k = 0;
    if (owner == par->rank) {
        while (trainer_slice(r->trainer, k) != slice)
            k++;
        *bytes = (int64_t)replay_bytes(r->replay, k);
    }
    par_broadcast(par, owner, sizeof *bytes, bytes);
    void *state = mem_alloc((size_t)*bytes, 1);
    if (owner == par->rank)
        replay_to_bytes(r->replay, k, state);
    par_broadcast(par, owner, (size_t)*bytes, state);
    return state;
}

/* Every rank walks through the slices, rank 0 writes. Collective. */
static err_t put_replay(const refinement_t *r, arrays_writer_t *w)
{
    err_t err = OK;
    for (int slice = 0; slice < r->plan.slices; slice++) {
        char name[32];
        int64_t bytes;
        void *state = slice_state(r, slice, &bytes);
        slice_name(slice, name);
        if (w != NULL && err == OK)
            err = arrays_put_u8(w, name, 1, &bytes, state);
        free(state);
    }
    return err;
}

static err_t put_rest(refinement_t *r, arrays_writer_t *w)
{
    const trainer_state_t state = state_of(r);
    const file_t file = {.w = w};
    TRY(trainer_state_put(&state, w));
    TRY(refine_history_put(&r->history, w));
    TRY(pass_counts(&file, r));
    TRY(pass_sums(&file, r));
    if (r->n_consumed > 0)
        TRY(arrays_put_i64(w, "consumed", 1, &r->n_consumed, r->consumed));
    TRY(arrays_put_text(w, "settings", r->settings));
    return arrays_put_text(w, "offline", r->trained.hash);
}

static err_t save(refinement_t *r, const char *path)
{
    arrays_writer_t *w = NULL;
    bool first = r->job->par->rank == 0;
    TRY(par_agree(r->job->par, first ? arrays_writer_open(path, FORMAT, FORMAT_VERSION, &w) : OK));
    err_t mine = put_replay(r, w);
    if (first && mine == OK)
        mine = put_rest(r, w);
    if (first && mine == OK)
        mine = arrays_finish(&w);
    arrays_abandon(&w);
    return par_agree(r->job->par, mine);
}

err_t refine_checkpoint_save(refinement_t *r, double seconds, double waited)
{
    double before[2] = {r->seconds, r->waited};
    char *path = job_file(r->job, "refine.h5");
    trainer_collect(r->trainer);
    r->seconds = seconds;
    r->waited = waited;
    err_t err = save(r, path);
    r->seconds = before[0];
    r->waited = before[1];
    free(path);
    return err;
}

/* ---- reading ---- */

static err_t get_replay(refinement_t *r, const arrays_t *a)
{
    for (int k = 0; k < trainer_slice_count(r->trainer); k++) {
        char name[32];
        int n_dims;
        int64_t dims[ARRAYS_MAX_DIMS];
        slice_name(trainer_slice(r->trainer, k), name);
        TRY(arrays_shape(a, name, &n_dims, dims));
        void *state = mem_alloc((size_t)dims[0], 1);
        err_t err = arrays_get_u8(a, name, 1, dims, state);
        if (err == OK)
            err = replay_from_bytes(r->replay, k, (size_t)dims[0], state);
        free(state);
        TRY(err_context(err, "%s", name));
    }
    return OK;
}

static err_t check_counts(const refinement_t *r)
{
    int64_t first = r->job->study.bank.rows, end = first + r->plan.rows;
    if (r->n_chunks < 0 || r->n_chunks > r->plan.chunks)
        return err_fail(ERR_FORMAT, "%" PRId64 " chunks, expected 0 to %" PRId64, r->n_chunks,
                        r->plan.chunks);
    if (r->position < first || r->position > end || r->n_consumed < 0 ||
        r->n_consumed > r->plan.rows)
        return err_fail(ERR_FORMAT,
                        "fresh rows up to %" PRId64 " and %" PRId64 " more, expected %" PRId64
                        " to %" PRId64,
                        r->position, r->n_consumed, first, end);
    return OK;
}

static err_t get_all(refinement_t *r, const arrays_t *a)
{
    const trainer_state_t state = state_of(r);
    const file_t file = {.a = a};
    TRY(trainer_state_get(&state, a));
    TRY(refine_history_get(&r->history, a));
    TRY(pass_counts(&file, r));
    TRY(check_counts(r));
    TRY(pass_sums(&file, r));
    r->consumed = MEM_GROW(r->consumed, int64_t, r->n_consumed + 1);
    if (r->n_consumed > 0)
        TRY(arrays_get_i64(a, "consumed", 1, &r->n_consumed, r->consumed));
    return get_replay(r, a);
}

char *refine_settings_object(const char *before, const char *now)
{
    static const char key[] = "refine.rows: "; // the first line of both
    char *difference = settings_difference(before, now);
    if (difference == NULL || strncmp(before, key, strlen(key)) != 0 ||
        strncmp(now, key, strlen(key)) != 0)
        return difference;
    const char *rest = strchr(before, '\n'), *rest_now = strchr(now, '\n');
    bool grown = strtoll(now + strlen(key), NULL, 10) > strtoll(before + strlen(key), NULL, 10);
    if (!grown || settings_difference(rest, rest_now) != NULL)
        return difference;
    free(difference);
    return NULL;
}

/* `same`: to be gone on with. ERR_MISMATCH: to be kept. */
static err_t compare(const refinement_t *r, const arrays_t *a, const char *path, bool *same)
{
    char *settings = NULL, *offline = NULL, *difference = NULL;
    err_t err;
    *same = false;
    TRY_TO(done, arrays_get_text(a, "settings", &settings));
    TRY_TO(done, arrays_get_text(a, "offline", &offline));
    difference = refine_settings_object(settings, r->settings);
    if (strcmp(offline, r->trained.hash) != 0)
        log_info("refine: %s is of another offline network: begins anew", path);
    else if (difference != NULL && !r->job->again)
        err = err_fail(ERR_MISMATCH,
                       "%s is of other settings: %s: give --again to refine anew, or another --out",
                       path, difference);
    else
        *same = strcmp(settings, r->settings) == 0;
done:
    free(difference);
    free(settings);
    free(offline);
    return err;
}

static err_t load(refinement_t *r, const char *path, bool *found)
{
    arrays_t *a = NULL;
    TRY(arrays_open(path, FORMAT, FORMAT_VERSION, &a));
    err_t err = compare(r, a, path, found);
    if (err == OK && *found)
        err = err_context(get_all(r, a), "%s", path);
    arrays_close(&a);
    return err;
}

err_t refine_checkpoint_load(refinement_t *r, bool *found)
{
    char *path = job_file(r->job, "refine.h5");
    *found = false;
    err_t err = par_agree(r->job->par, file_exists(path) ? load(r, path, found) : OK);
    free(path);
    return err;
}
