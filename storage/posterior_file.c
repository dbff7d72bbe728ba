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
enum { VERSION = 1, MEASURES = POSTERIOR_MEASURES };
static const char *const measure_names[MEASURES] = {[MEASURE_DISTANCE] = "distance",
                                                    [MEASURE_P_VALUE] = "p_value",
                                                    [MEASURE_EDGE_SHARE] = "edge_share",
                                                    [MEASURE_PRIOR_EDGE_SHARE] = "prior_edge_share",
                                                    [MEASURE_KHAT] = "khat",
                                                    [MEASURE_ESS] = "ess",
                                                    [MEASURE_RHAT] = "rhat"};

const char *const posterior_rung_names[POSTERIOR_RUNGS] = {[POSTERIOR_AMORTIZED] = "amortized",
                                                           [POSTERIOR_PSIS] = "psis",
                                                           [POSTERIOR_MCMC] = "mcmc",
                                                           [POSTERIOR_UNANSWERED] = "none",
                                                           [POSTERIOR_REFUSED] = ""};

err_t posterior_head_check(const posterior_head_t *head)
{
    static const char *const taken[] = {"dataset",   "chain",       "draw",
                                        "parameter", "parameter_2", "correlation"};
    if (head->datasets < 1 || head->draws < 1 || head->block_datasets < 1)
        return err_fail(ERR_USAGE,
                        "posterior: %" PRId64 " data sets, %" PRId64 " draws, blocks of %" PRId64
                        ": expected 1 or more",
                        head->datasets, head->draws, head->block_datasets);
    int n;
    schema_variable_t *all = posterior_variables(head, &n);
    err_t err = OK;
    for (int k = 0; k < n && err == OK; k++) {
        const char *name = all[k].name;
        bool bad = strchr(name, '/') != NULL || name[0] == '\0';
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
            bad = bad || strcmp(name, taken[i]) == 0;
        if (bad)
            err = err_fail(
                ERR_USAGE,
                "a posterior file can not hold a parameter called \"%s\": rename it in the model",
                name);
    }
    free(all);
    return err;
}

/* The file while it is written: what the blocks are copied into. Letters as in posterior_block.h. */
typedef struct {
    const posterior_head_t *head;
    h5_id_t file;
    int V, S;                          // declared parameters, and those of them that are scalars
    schema_variable_t *variables;      // (V)
    h5_id_t *draws;                    // (V)
    h5_id_t (*summary)[SUMMARY_COUNT]; // (V)
    h5_id_t correlation, accepted, reason, doubt, rung, group, length, measures[MEASURES];
} join_t;

static bool has_draws(const join_t *j)
{
    return j->head->keep != POSTERIOR_KEEP_SUMMARY;
}

static bool has_summary(const join_t *j)
{
    return j->head->keep != POSTERIOR_KEEP_DRAWS;
}

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

// "group/image_dim_0"; the caller frees it.
static char *dim_path(const char *group, const schema_variable_t *v, int d)
{
    return mem_format("%s/%s_dim_%d", group, v->name, d);
}

static err_t array_scales(h5_id_t file, const char *group, const schema_variable_t *v)
{
    err_t err = OK;
    for (int d = 0; d < v->n_dims && err == OK; d++) {
        char *path = dim_path(group, v, d);
        err = count_scale(file, path, v->dims[d]);
        free(path);
    }
    return err;
}

static err_t correlation_scales(const join_t *j)
{
    const char **names = MEM_NEW(const char *, j->S + 1);
    int n = 0;
    for (int k = 0; k < j->V; k++)
        if (j->variables[k].n_dims == 0)
            names[n++] = j->variables[k].name;
    err_t err = text_scale(j->file, "summary/parameter", n, names);
    if (err == OK)
        err = text_scale(j->file, "summary/parameter_2", n, names);
    free(names);
    return err;
}

static err_t draws_scales(const join_t *j)
{
    TRY(id_scale(j->file, "posterior/dataset", j->head->datasets, j->head->ids));
    TRY(count_scale(j->file, "posterior/chain", 1));
    TRY(count_scale(j->file, "posterior/draw", j->head->draws));
    for (int k = 0; k < j->V; k++)
        TRY(array_scales(j->file, "posterior", &j->variables[k]));
    return OK;
}

static err_t summary_scales(const join_t *j)
{
    TRY(id_scale(j->file, "summary/dataset", j->head->datasets, j->head->ids));
    for (int k = 0; k < j->V; k++)
        TRY(array_scales(j->file, "summary", &j->variables[k]));
    return j->S > 0 ? correlation_scales(j) : OK;
}

static err_t write_scales(const join_t *j)
{
    if (has_draws(j))
        TRY(draws_scales(j));
    if (has_summary(j))
        TRY(summary_scales(j));
    return id_scale(j->file, "verdict/dataset", j->head->datasets, j->head->ids);
}

static err_t attach(const join_t *j, h5_id_t dataset, int d, const char *scale_path)
{
    h5_id_t scale;
    TRY(h5_dataset_open(j->file, scale_path, &scale));
    return close_after(h5_attach_scale(dataset, d, scale), &scale);
}

/* Makes a data set with a scale for each of its dimensions. */
static err_t make(const join_t *j, const char *path, const h5_shape_t *shape,
                  const char *const *scales, h5_id_t *out)
{
    TRY(h5_dataset_create(j->file, path, shape, out));
    for (int d = 0; d < shape->n_dims; d++)
        TRY(attach(j, *out, d, scales[d]));
    return OK;
}

/* ---- the empty file ---- */

/* Of a declared parameter: `shape` and its scales hold the dimensions before those of an array. */
static err_t make_variable(const join_t *j, const char *group, const char *path, h5_shape_t shape,
                           const char *const *scales, const schema_variable_t *v, h5_id_t *out)
{
    const char *all[H5_MAX_DIMS];
    char *own[SCHEMA_MAX_DIMS] = {0};
    for (int d = 0; d < shape.n_dims; d++)
        all[d] = scales[d];
    for (int d = 0; d < v->n_dims; d++) {
        own[d] = dim_path(group, v, d);
        all[shape.n_dims] = own[d];
        shape.dims[shape.n_dims++] = v->dims[d];
    }
    err_t err = make(j, path, &shape, all, out);
    for (int d = 0; d < v->n_dims; d++)
        free(own[d]);
    return err;
}

static err_t make_parameter(join_t *j, int k)
{
    const posterior_head_t *head = j->head;
    const schema_variable_t *v = &j->variables[k];
    static const char *const axes[] = {"posterior/dataset", "posterior/chain", "posterior/draw"};
    static const char *const of_summary[] = {"summary/dataset"};
    h5_shape_t draws = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {head->datasets, 1, head->draws}};
    h5_shape_t one = h5_vector(H5_TYPE_F64, head->datasets);
    char *path = mem_format("posterior/%s", v->name);
    err_t err =
        has_draws(j) ? make_variable(j, "posterior", path, draws, axes, v, &j->draws[k]) : OK;
    free(path);
    for (int s = 0; s < SUMMARY_COUNT && err == OK && has_summary(j); s++) {
        path = mem_format("summary/%s/%s", v->name, summary_name((posterior_summary_t)s));
        err = make_variable(j, "summary", path, one, of_summary, v, &j->summary[k][s]);
        free(path);
    }
    return err;
}

static err_t make_texts(const join_t *j, const char *path, h5_id_t *out)
{
    TRY(h5_texts_create(j->file, path, j->head->datasets, out));
    return attach(j, *out, 0, "verdict/dataset");
}

static err_t make_verdicts(join_t *j)
{
    static const char *const axis[] = {"verdict/dataset"};
    int64_t n = j->head->datasets;
    h5_shape_t flag = h5_vector(H5_TYPE_U8, n), count = h5_vector(H5_TYPE_I64, n),
               real = h5_vector(H5_TYPE_F64, n);
    TRY(make(j, "verdict/accepted", &flag, axis, &j->accepted));
    TRY(make_texts(j, "verdict/reason", &j->reason));
    TRY(make_texts(j, "verdict/doubt", &j->doubt));
    TRY(make_texts(j, "verdict/rung", &j->rung));
    if (j->head->n_groups > 0)
        TRY(make_texts(j, "verdict/group", &j->group));
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
    int64_t S = j->S;
    h5_shape_t correlation = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {j->head->datasets, S, S}};
    TRY(write_attributes(j));
    TRY(write_scales(j));
    for (int k = 0; k < j->V; k++)
        TRY(make_parameter(j, k));
    if (S > 0 && has_summary(j))
        TRY(make(j, "summary/correlation", &correlation, axes, &j->correlation));
    return make_verdicts(j);
}

/* ---- block after block ---- */

/* Values of an array side by side: from (values, rows) to (rows, values). */
static void interleave(int values, int64_t rows, int64_t stride, const double *from, double *to)
{
    for (int v = 0; v < values; v++)
        for (int64_t i = 0; i < rows; i++)
            to[i * values + v] = from[v * stride + i];
}

static err_t copy_parameter(const join_t *j, const posterior_block_t *b, int64_t first, int k,
                            double *room)
{
    const schema_variable_t *v = &j->variables[k];
    int64_t per_value = b->n * j->head->draws;
    if (has_draws(j)) {
        interleave(v->n, per_value, per_value, b->draws + v->first * per_value, room);
        TRY(h5_write_rows(j->draws[k], first, b->n, H5_TYPE_F64, room));
    }
    for (int s = 0; s < SUMMARY_COUNT && has_summary(j); s++) {
        const double *summary = b->summary + ((int64_t)v->first * SUMMARY_COUNT + s) * b->n;
        interleave(v->n, b->n, SUMMARY_COUNT * b->n, summary, room);
        TRY(h5_write_rows(j->summary[k][s], first, b->n, H5_TYPE_F64, room));
    }
    return OK;
}

static err_t copy_parameters(const join_t *j, const posterior_block_t *b, int64_t first)
{
    int widest = 1;
    for (int k = 0; k < j->V; k++)
        widest = j->variables[k].n > widest ? j->variables[k].n : widest;
    double *room = MEM_NEW(double, b->n *(has_draws(j) ? j->head->draws : 1) * widest);
    err_t err = OK;
    for (int k = 0; k < j->V && err == OK; k++)
        err = copy_parameter(j, b, first, k, room);
    free(room);
    return err;
}

static err_t copy_words(const join_t *j, const posterior_block_t *b, int64_t first)
{
    const char **reasons, **doubts;
    posterior_block_words(b, &reasons, &doubts);
    err_t err = h5_write_text_rows(j->reason, first, b->n, reasons);
    if (err == OK)
        err = h5_write_text_rows(j->doubt, first, b->n, doubts);
    free(reasons);
    free(doubts);
    return err;
}

/* Of data set i of a block whose first one is `first` among all. */
typedef const char *name_of_t(const join_t *j, const posterior_block_t *b, int64_t first,
                              int64_t i);

static const char *rung_of(const join_t *j, const posterior_block_t *b, int64_t first, int64_t i)
{
    (void)j, (void)first;
    return posterior_rung_names[b->rung[i]];
}

static const char *group_of(const join_t *j, const posterior_block_t *b, int64_t first, int64_t i)
{
    (void)b;
    int group = j->head->group[first + i];
    return group >= 0 ? j->head->groups[group] : "";
}

static err_t copy_names(const join_t *j, const posterior_block_t *b, int64_t first, h5_id_t to,
                        name_of_t *name_of)
{
    const char **names = MEM_NEW(const char *, b->n);
    for (int64_t i = 0; i < b->n; i++)
        names[i] = name_of(j, b, first, i);
    err_t err = h5_write_text_rows(to, first, b->n, names);
    free(names);
    return err;
}

static err_t copy_block(const join_t *j, const posterior_block_t *b, int64_t first)
{
    TRY(copy_parameters(j, b, first));
    if (j->S > 0 && has_summary(j))
        TRY(h5_write_rows(j->correlation, first, b->n, H5_TYPE_F64, b->correlation));
    TRY(h5_write_rows(j->accepted, first, b->n, H5_TYPE_U8, b->accepted));
    TRY(h5_write_rows(j->length, first, b->n, H5_TYPE_I64, b->length));
    for (int m = 0; m < MEASURES; m++)
        TRY(h5_write_rows(j->measures[m], first, b->n, H5_TYPE_F64, b->measures + m * b->n));
    TRY(copy_names(j, b, first, j->rung, rung_of));
    if (j->head->n_groups > 0)
        TRY(copy_names(j, b, first, j->group, group_of));
    return copy_words(j, b, first);
}

static err_t copy_blocks(const join_t *j, const char *folder)
{
    for (int64_t block = 0; block < posterior_blocks(j->head); block++) {
        posterior_block_t *b;
        TRY(posterior_block_read(folder, j->head, block, true, &b));
        err_t err = copy_block(j, b, block * j->head->block_datasets);
        posterior_block_free(&b);
        TRY(err);
    }
    return OK;
}

/* The k-th data set that may be open, NULL past the last. */
static h5_id_t *open_dataset(join_t *j, int k)
{
    h5_id_t *rest[] = {&j->correlation, &j->accepted, &j->reason, &j->doubt,
                       &j->rung,        &j->group,    &j->length};
    int V = j->V, n_rest = sizeof rest / sizeof *rest;
    if (k < V)
        return &j->draws[k];
    k -= V;
    if (k < V * SUMMARY_COUNT)
        return &j->summary[k / SUMMARY_COUNT][k % SUMMARY_COUNT];
    k -= V * SUMMARY_COUNT;
    if (k < n_rest)
        return rest[k];
    k -= n_rest;
    return k < MEASURES ? &j->measures[k] : NULL;
}

static err_t finish(join_t *j)
{
    for (int k = 0; open_dataset(j, k); k++)
        if (*open_dataset(j, k) != H5_NONE)
            TRY(h5_close(open_dataset(j, k)));
    TRY(h5_flush(j->file));
    return h5_close(&j->file);
}

static void join_free(join_t *j)
{
    for (int k = 0; open_dataset(j, k); k++)
        h5_drop(open_dataset(j, k));
    h5_drop(&j->file);
    free(j->variables);
    free(j->draws);
    free(j->summary);
}

static join_t join_create(const posterior_head_t *head)
{
    join_t j = {.head = head, .file = H5_NONE};
    free(posterior_scalars(head, &j.S));
    j.variables = posterior_variables(head, &j.V);
    j.draws = MEM_NEW(h5_id_t, j.V);
    j.summary = mem_zero((size_t)j.V, sizeof *j.summary);
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

/* ---- reading ---- */

bool posterior_file_has_draws(const char *path)
{
    h5_id_t file;
    bool has = h5_open(path, &file) == OK;
    if (has) {
        has = h5_has(file, "posterior");
        h5_drop(&file);
    }
    err_clear();
    return has;
}

/* Row i of a data set, whose elements are n numbers. */
static err_t read_row(h5_id_t file, const char *path, int64_t i, h5_type_t type, void *out)
{
    h5_id_t dataset;
    TRY(h5_dataset_open(file, path, &dataset));
    return close_after(h5_read_rows(dataset, i, 1, type, out), &dataset);
}

/* From (draws, values) of one declared parameter into the columns of all. */
static err_t read_variable(h5_id_t file, const posterior_head_t *head, const schema_variable_t *v,
                           int64_t i, double *draws)
{
    double *own = MEM_NEW(double, head->draws * v->n);
    char *path = mem_format("posterior/%s", v->name);
    err_t err = read_row(file, path, i, H5_TYPE_F64, own);
    for (int64_t k = 0; k < head->draws && err == OK; k++)
        memcpy(draws + k * head->n_parameters + v->first, own + k * v->n,
               (size_t)v->n * sizeof *own);
    free(path);
    free(own);
    return err;
}

err_t posterior_file_draws(const char *path, const posterior_head_t *head, int64_t i,
                           bool *accepted, double *draws)
{
    h5_id_t file;
    uint8_t flag = 0;
    int n;
    schema_variable_t *all = posterior_variables(head, &n);
    err_t err = h5_open(path, &file);
    if (err == OK) {
        err = read_row(file, "verdict/accepted", i, H5_TYPE_U8, &flag);
        for (int k = 0; k < n && err == OK; k++)
            err = read_variable(file, head, &all[k], i, draws);
        h5_drop(&file);
    }
    free(all);
    *accepted = flag != 0;
    return err_context(err, "%s", path);
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
