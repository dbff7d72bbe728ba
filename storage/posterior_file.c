// SPDX-License-Identifier: Apache-2.0
#include "storage/posterior_file.h"

#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/posterior_block.h"
#include "storage/posterior_summary.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const FORMAT = "infermill posterior";
enum { VERSION = 1, MEASURES = 3 };
static const char *const measure_names[MEASURES] = {"distance", "p_value", "edge_share"};

err_t posterior_head_check(const posterior_head_t *head)
{
    static const char *const taken[] = {"dataset",   "chain",       "draw",
                                        "parameter", "parameter_2", "correlation"};
    if (head->datasets < 1 || head->draws < 1 || head->block_datasets < 1)
        return err_fail(ERR_USAGE,
                        "posterior: %" PRId64 " data sets, %" PRId64 " draws, blocks of %" PRId64
                        ": expected 1 or more",
                        head->datasets, head->draws, head->block_datasets);
    for (int p = 0; p < head->n_parameters; p++) {
        const char *name = head->parameters[p];
        bool bad = strchr(name, '/') != NULL || name[0] == '\0';
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
            bad = bad || strcmp(name, taken[i]) == 0;
        if (bad)
            return err_fail(
                ERR_USAGE,
                "a posterior file can not hold a parameter called \"%s\": rename it in the model",
                name);
    }
    return OK;
}

/* The file while it is written: what the blocks are copied into. Letters as in posterior_block.h. */
typedef struct {
    const posterior_head_t *head;
    h5_id_t file;
    h5_id_t *draws;                    // (P)
    h5_id_t (*summary)[SUMMARY_COUNT]; // (P)
    h5_id_t correlation, accepted, length, measures[MEASURES];
    int64_t n_reasons;
    char **reasons; // (datasets)
} join_t;

/* ---- scales ---- */

static err_t close_after(err_t err, h5_id_t *id)
{
    if (err != OK) {
        h5_drop(id);
        return err;
    }
    return h5_close(id);
}

static err_t make_scale(h5_id_t file, const char *path)
{
    h5_id_t scale;
    TRY(h5_dataset_open(file, path, &scale));
    return close_after(h5_make_scale(scale, strrchr(path, '/') + 1), &scale);
}

/* 0, 1, 2, ... */
static err_t count_scale(h5_id_t file, const char *path, int64_t n)
{
    int64_t *number = MEM_NEW(int64_t, n);
    for (int64_t i = 0; i < n; i++)
        number[i] = i;
    h5_shape_t shape = h5_vector(H5_TYPE_I64, n);
    err_t err = h5_write(file, path, &shape, number);
    free(number);
    TRY(err);
    return make_scale(file, path);
}

static err_t text_scale(h5_id_t file, const char *path, int64_t n, const char *const *texts)
{
    TRY(h5_write_texts(file, path, n, texts));
    return make_scale(file, path);
}

/* "-12" but not "012", "+1", "1e3" or what 64 bits do not hold. */
static bool plain_integer(const char *text, int64_t *value)
{
    char back[24];
    *value = strtoll(text, NULL, 10);
    snprintf(back, sizeof back, "%" PRId64, *value);
    return strcmp(back, text) == 0;
}

static err_t id_scale(h5_id_t file, const char *path, int64_t n, const char *const *ids)
{
    int64_t *number = MEM_NEW(int64_t, n);
    bool integers = true;
    for (int64_t i = 0; i < n && integers; i++)
        integers = plain_integer(ids[i], &number[i]);
    h5_shape_t shape = h5_vector(H5_TYPE_I64, n);
    err_t err =
        integers ? h5_write(file, path, &shape, number) : h5_write_texts(file, path, n, ids);
    free(number);
    TRY(err);
    return make_scale(file, path);
}

static err_t write_scales(const join_t *j)
{
    const posterior_head_t *head = j->head;
    static const char *const ids[] = {"posterior/dataset", "summary/dataset", "verdict/dataset"};
    for (int i = 0; i < 3; i++)
        TRY(id_scale(j->file, ids[i], head->datasets, head->ids));
    TRY(count_scale(j->file, "posterior/chain", 1));
    TRY(count_scale(j->file, "posterior/draw", head->draws));
    TRY(text_scale(j->file, "summary/parameter", head->n_parameters, head->parameters));
    return text_scale(j->file, "summary/parameter_2", head->n_parameters, head->parameters);
}

/* Makes a data set with a scale for each of its dimensions. */
static err_t make(const join_t *j, const char *path, const h5_shape_t *shape,
                  const char *const *scales, h5_id_t *out)
{
    TRY(h5_dataset_create(j->file, path, shape, out));
    for (int d = 0; d < shape->n_dims; d++) {
        h5_id_t scale;
        TRY(h5_dataset_open(j->file, scales[d], &scale));
        TRY(close_after(h5_attach_scale(*out, d, scale), &scale));
    }
    return OK;
}

/* ---- the empty file ---- */

static err_t make_parameter(join_t *j, int p)
{
    const posterior_head_t *head = j->head;
    static const char *const axes[] = {"posterior/dataset", "posterior/chain", "posterior/draw"};
    static const char *const of_summary[] = {"summary/dataset"};
    h5_shape_t draws = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {head->datasets, 1, head->draws}};
    h5_shape_t one = h5_vector(H5_TYPE_F64, head->datasets);
    char *path = mem_format("posterior/%s", head->parameters[p]);
    err_t err = make(j, path, &draws, axes, &j->draws[p]);
    free(path);
    for (int s = 0; s < SUMMARY_COUNT && err == OK; s++) {
        path = mem_format("summary/%s/%s", head->parameters[p], summary_name((summary_t)s));
        err = make(j, path, &one, of_summary, &j->summary[p][s]);
        free(path);
    }
    return err;
}

static err_t make_verdicts(join_t *j)
{
    static const char *const axis[] = {"verdict/dataset"};
    int64_t n = j->head->datasets;
    h5_shape_t flag = h5_vector(H5_TYPE_U8, n), count = h5_vector(H5_TYPE_I64, n),
               real = h5_vector(H5_TYPE_F64, n);
    TRY(make(j, "verdict/accepted", &flag, axis, &j->accepted));
    TRY(make(j, "verdict/n", &count, axis, &j->length));
    for (int m = 0; m < MEASURES; m++) {
        char path[32];
        snprintf(path, sizeof path, "verdict/%s", measure_names[m]);
        TRY(make(j, path, &real, axis, &j->measures[m]));
    }
    return OK;
}

static err_t write_attributes(const join_t *j)
{
    const posterior_head_t *head = j->head;
    h5_id_t file = j->file;
    TRY(h5_set_text(file, "format", FORMAT));
    TRY(h5_set_integer(file, "format_version", VERSION));
    TRY(h5_set_text(file, "software", "infermill " INFERMILL_VERSION));
    TRY(h5_set_text(file, "model", head->model));
    TRY(h5_set_text(file, "study", head->study));
    TRY(h5_set_text(file, "weights", head->weights));
    TRY(h5_set_text(file, "gate", head->gate));
    TRY(h5_set_text(file, "stamp", head->stamp));
    if (head->note)
        TRY(h5_set_text(file, "note", head->note));
    return head->unverified ? h5_set_text(file, "unverified", head->unverified) : OK;
}

static err_t make_all(join_t *j)
{
    static const char *const axes[] = {"summary/dataset", "summary/parameter",
                                       "summary/parameter_2"};
    int64_t P = j->head->n_parameters;
    h5_shape_t correlation = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {j->head->datasets, P, P}};
    TRY(write_attributes(j));
    TRY(write_scales(j));
    for (int p = 0; p < P; p++)
        TRY(make_parameter(j, p));
    TRY(make(j, "summary/correlation", &correlation, axes, &j->correlation));
    return make_verdicts(j);
}

/* ---- block after block ---- */

static err_t copy_parameter(const join_t *j, const posterior_block_t *b, int64_t first, int p)
{
    const double *draws = b->draws + p * b->n * j->head->draws;
    TRY(h5_write_rows(j->draws[p], first, b->n, H5_TYPE_F64, draws));
    for (int s = 0; s < SUMMARY_COUNT; s++) {
        const double *summary = b->summary + (p * SUMMARY_COUNT + s) * b->n;
        TRY(h5_write_rows(j->summary[p][s], first, b->n, H5_TYPE_F64, summary));
    }
    return OK;
}

static void copy_reasons(join_t *j, const posterior_block_t *b)
{
    const char *reason = (const char *)b->reasons;
    for (int64_t i = 0; i < b->n; i++) {
        j->reasons[j->n_reasons++] = mem_copy_text(reason);
        reason += strlen(reason) + 1;
    }
}

static err_t copy_block(join_t *j, const posterior_block_t *b, int64_t first)
{
    for (int p = 0; p < j->head->n_parameters; p++)
        TRY(copy_parameter(j, b, first, p));
    TRY(h5_write_rows(j->correlation, first, b->n, H5_TYPE_F64, b->correlation));
    TRY(h5_write_rows(j->accepted, first, b->n, H5_TYPE_U8, b->accepted));
    TRY(h5_write_rows(j->length, first, b->n, H5_TYPE_I64, b->length));
    for (int m = 0; m < MEASURES; m++)
        TRY(h5_write_rows(j->measures[m], first, b->n, H5_TYPE_F64, b->measures + m * b->n));
    copy_reasons(j, b);
    return OK;
}

static err_t copy_blocks(join_t *j, const char *folder)
{
    for (int64_t block = 0; block < posterior_blocks(j->head); block++) {
        posterior_block_t b;
        TRY(posterior_block_read(folder, j->head, block, &b));
        err_t err = copy_block(j, &b, block * j->head->block_datasets);
        posterior_block_free(&b);
        TRY(err);
    }
    return OK;
}

static err_t write_reasons(const join_t *j)
{
    h5_id_t reasons, scale;
    TRY(h5_write_texts(j->file, "verdict/reason", j->n_reasons, (const char *const *)j->reasons));
    TRY(h5_dataset_open(j->file, "verdict/reason", &reasons));
    TRY(h5_dataset_open(j->file, "verdict/dataset", &scale));
    TRY(close_after(h5_attach_scale(reasons, 0, scale), &scale));
    return h5_close(&reasons);
}

/* The k-th data set that is open, NULL past the last. */
static h5_id_t *open_dataset(join_t *j, int k)
{
    h5_id_t *rest[] = {&j->correlation, &j->accepted,    &j->length,
                       &j->measures[0], &j->measures[1], &j->measures[2]};
    int P = j->head->n_parameters, n_rest = sizeof rest / sizeof *rest;
    if (k < P)
        return &j->draws[k];
    k -= P;
    if (k < P * SUMMARY_COUNT)
        return &j->summary[k / SUMMARY_COUNT][k % SUMMARY_COUNT];
    k -= P * SUMMARY_COUNT;
    return k < n_rest ? rest[k] : NULL;
}

static err_t finish(join_t *j)
{
    TRY(write_reasons(j));
    for (int k = 0; open_dataset(j, k); k++)
        TRY(h5_close(open_dataset(j, k)));
    TRY(h5_flush(j->file));
    return h5_close(&j->file);
}

static void join_free(join_t *j)
{
    for (int k = 0; open_dataset(j, k); k++)
        h5_drop(open_dataset(j, k));
    h5_drop(&j->file);
    free(j->draws);
    free(j->summary);
    h5_free_texts(j->n_reasons, &j->reasons);
}

static join_t join_create(const posterior_head_t *head)
{
    int P = head->n_parameters;
    join_t j = {.head = head, .file = H5_NONE};
    j.draws = MEM_NEW(h5_id_t, P);
    j.summary = mem_zero((size_t)P, sizeof *j.summary);
    j.reasons = MEM_NEW(char *, head->datasets);
    for (int k = 0; open_dataset(&j, k); k++)
        *open_dataset(&j, k) = H5_NONE;
    return j;
}

err_t posterior_join(const char *folder, const posterior_head_t *head, const char *path)
{
    TRY(posterior_head_check(head));
    join_t j = join_create(head);
    char *part = mem_format("%s.part", path);
    err_t err;
    TRY_TO(done, h5_create(part, &j.file));
    TRY_TO(done, make_all(&j));
    TRY_TO(done, copy_blocks(&j, folder));
    TRY_TO(done, finish(&j));
    TRY_TO(done, sync_rename(part, path));
done:
    if (err != OK) {
        h5_divert(j.file);
        unlink(part);
    }
    join_free(&j);
    free(part);
    return err;
}

bool posterior_file_is(const char *path, const char *stamp)
{
    h5_id_t file;
    char *found = NULL;
    err_t err = h5_open(path, &file);
    if (err == OK) {
        err = h5_get_text(file, "stamp", &found);
        h5_drop(&file);
    }
    bool same = err == OK && strcmp(found, stamp) == 0;
    free(found);
    err_clear();
    return same;
}
