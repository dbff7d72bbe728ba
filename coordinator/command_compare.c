// SPDX-License-Identifier: Apache-2.0
//
// Posterior draws against reference draws of the same data sets, by the classifier two-sample test.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/command.h"
#include "coordinator/json_out.h"
#include "storage/h5.h"
#include "workers/c2st.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DRAWS = 10000, NAMES_CAP = 64 };
static const char TOGETHER[] = "reference_posterior";

/* Draws of n data sets in a file: /reference_posterior (data set, draw, parameter), or /posterior/<name> (data set, chain,
 * draw) each, as `infer` and ArviZ write them. */
typedef struct {
    const char *path;
    h5_id_t file;
    bool together;
    int d;
    char *name[NAMES_CAP]; // of scalars, where they are not together
    int64_t n, chains, draws;
} source_t;

static err_t shape_of(const source_t *s, const char *path, h5_shape_t *shape)
{
    h5_id_t dataset = H5_NONE;
    TRY(h5_dataset_open(s->file, path, &dataset));
    err_t err = h5_dataset_shape(dataset, shape);
    h5_drop(&dataset);
    return err;
}

static char *path_of(const char *name)
{
    return mem_format("posterior/%s", name);
}

/* A parameter where it has three dimensions; the scales of the dimensions have one, arrays have more. */
static err_t take_name(source_t *s, const char *name)
{
    h5_shape_t shape;
    char *path = path_of(name);
    if (strcmp(name, "dataset") == 0 || strcmp(name, "chain") == 0 || strcmp(name, "draw") == 0) {
        free(path);
        return OK;
    }
    err_t err = shape_of(s, path, &shape);
    free(path);
    TRY(err);
    if (shape.n_dims != 3)
        return OK;
    if (s->d == NAMES_CAP)
        return err_fail(ERR_USAGE, "%s: more than %d parameters", s->path, NAMES_CAP);
    if (s->d > 0 &&
        (shape.dims[0] != s->n || shape.dims[1] != s->chains || shape.dims[2] != s->draws))
        return err_fail(ERR_FORMAT, "%s: posterior/%s has another shape than posterior/%s", s->path,
                        name, s->name[0]);
    s->n = shape.dims[0];
    s->chains = shape.dims[1];
    s->draws = shape.dims[2];
    s->name[s->d++] = mem_copy_text(name);
    return OK;
}

static err_t open_by_name(source_t *s)
{
    int64_t n;
    char **names;
    if (!h5_has(s->file, "posterior"))
        return err_fail(ERR_FORMAT,
                        "%s: neither /%s (data set, draw, parameter) nor /posterior/<name> (data "
                        "set, chain, draw) is there",
                        s->path, TOGETHER);
    TRY(h5_names(s->file, "posterior", &n, &names));
    err_t err = OK;
    for (int64_t i = 0; i < n && err == OK; i++)
        err = take_name(s, names[i]);
    h5_free_texts(n, &names);
    if (err == OK && s->d == 0)
        err = err_fail(ERR_FORMAT, "%s: no parameter in /posterior", s->path);
    return err;
}

static err_t source_open(const char *path, source_t *s)
{
    h5_shape_t shape;
    *s = (source_t){.path = path, .file = H5_NONE};
    TRY(h5_open(path, &s->file));
    s->together = h5_has(s->file, TOGETHER);
    if (!s->together)
        return open_by_name(s);
    TRY(shape_of(s, TOGETHER, &shape));
    if (shape.n_dims != 3)
        return err_fail(ERR_FORMAT,
                        "%s: /%s has %d dimensions, expected 3 (data set, draw, parameter)", path,
                        TOGETHER, shape.n_dims);
    s->n = shape.dims[0];
    s->chains = 1;
    s->draws = shape.dims[1];
    s->d = (int)shape.dims[2];
    return OK;
}

static void source_close(source_t *s)
{
    for (int k = 0; k < s->d && !s->together; k++)
        free(s->name[k]);
    h5_drop(&s->file);
}

static err_t read_one(const source_t *s, const char *path, int64_t i, double *out)
{
    h5_id_t dataset = H5_NONE;
    TRY(h5_dataset_open(s->file, path, &dataset));
    err_t err = h5_read_rows(dataset, i, 1, H5_TYPE_F64, out);
    h5_drop(&dataset);
    return err;
}

/* All draws of data set i, (chains * draws, d), parameters in the order of `as`. */
static err_t read_draws(const source_t *s, const source_t *as, int64_t i, double *out)
{
    int64_t draws = s->chains * s->draws;
    if (s->together)
        return read_one(s, TOGETHER, i, out);
    double *column = MEM_NEW(double, draws);
    err_t err = OK;
    for (int k = 0; k < s->d && err == OK; k++) {
        char *path = path_of(as->together ? s->name[k] : as->name[k]);
        err = read_one(s, path, i, column);
        for (int64_t j = 0; j < draws && err == OK; j++)
            out[j * s->d + k] = column[j];
        free(path);
    }
    free(column);
    return err;
}

static bool has_name(const source_t *s, const char *name)
{
    for (int k = 0; k < s->d; k++)
        if (strcmp(s->name[k], name) == 0)
            return true;
    return false;
}

static err_t check_pair(const source_t *ours, const source_t *theirs)
{
    if (ours->d != theirs->d)
        return err_fail(ERR_USAGE, "%s has %d parameters, %s %d", ours->path, ours->d, theirs->path,
                        theirs->d);
    for (int k = 0; k < ours->d && !ours->together && !theirs->together; k++)
        if (!has_name(theirs, ours->name[k]))
            return err_fail(ERR_USAGE, "%s: parameter %s is not in %s", ours->path, ours->name[k],
                            theirs->path);
    if (ours->n != theirs->n)
        return err_fail(ERR_USAGE,
                        "%s has %" PRId64 " data sets, %s %" PRId64 ": expected the same ones, in "
                        "the same order",
                        ours->path, ours->n, theirs->path, theirs->n);
    return OK;
}

static bool all_finite(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* At most `most` of the draws (n, d), evenly chosen, moved to the front; returns how many. */
static int64_t thin(int64_t n, int d, int64_t most, double *draws)
{
    int64_t kept = n < most ? n : most;
    for (int64_t i = 0; i < kept; i++)
        memmove(draws + i * d, draws + i * n / kept * d, (size_t)d * sizeof *draws);
    return kept;
}

typedef struct {
    int64_t n;
    c2st_t *score; // accuracy NaN: no posterior
} comparison_t;

static err_t compare_one(const source_t *ours, const source_t *theirs, int64_t i, int64_t most,
                         c2st_t *out)
{
    int64_t n = ours->chains * ours->draws, m = theirs->chains * theirs->draws;
    double *x = MEM_NEW(double, n * ours->d), *y = MEM_NEW(double, m * ours->d);
    classifier_config_t config = classifier_config_default();
    err_t err = read_draws(ours, ours, i, x);
    if (err == OK)
        err = read_draws(theirs, ours, i, y);
    if (err == OK && !all_finite(m * ours->d, y))
        err = err_fail(ERR_FORMAT, "%s: data set %" PRId64 " has draws that are not finite",
                       theirs->path, i);
    *out = (c2st_t){.accuracy = NAN, .auc = NAN};
    if (err == OK && all_finite(n * ours->d, x)) {
        n = thin(n, ours->d, most, x);
        m = thin(m, ours->d, most, y);
        *out = c2st(&config, n, x, m, y, ours->d);
    }
    free(x);
    free(y);
    return err;
}

static err_t compare_all(const source_t *ours, const source_t *theirs, int64_t most,
                         comparison_t *out)
{
    int64_t fewest = ours->chains * ours->draws, m = theirs->chains * theirs->draws;
    fewest = m < fewest ? m : fewest;
    if (fewest < 100 || most < 100)
        return err_fail(ERR_USAGE,
                        "compare: got %" PRId64 " draws of a data set, expected 100 or "
                        "more, better thousands: infer with more draws",
                        fewest < most ? fewest : most);
    out->n = ours->n;
    out->score = MEM_NEW(c2st_t, ours->n);
    progress_t progress = progress_start("compare", "data sets", 0, ours->n);
    for (int64_t i = 0; i < ours->n; i++) {
        TRY(compare_one(ours, theirs, i, most, &out->score[i]));
        progress_show(&progress, i + 1, NULL);
    }
    progress_end(&progress, ours->n, NULL);
    return OK;
}

/* Mean over the data sets that have a posterior, and its standard error (over data sets; of a single one: its own). */
static int64_t mean_of(const comparison_t *c, double *mean, double *error)
{
    int64_t n = 0;
    double sum = 0, squares = 0, own = 0;
    for (int64_t i = 0; i < c->n; i++)
        if (!isnan(c->score[i].accuracy)) {
            n++;
            sum += c->score[i].accuracy;
            squares += c->score[i].accuracy * c->score[i].accuracy;
            own = c->score[i].accuracy_error;
        }
    *mean = sum / (double)n;
    double variance = (squares - sum * sum / (double)n) / ((double)(n - 1) * (double)n);
    *error = n > 1 ? sqrt(fmax(variance, 0)) : own;
    return n;
}

static void print_text(const comparison_t *c)
{
    double mean, error;
    int64_t n = mean_of(c, &mean, &error);
    printf("%-10s %8s %8s %8s %8s\n", "data set", "C2ST", "error", "AUC", "error");
    for (int64_t i = 0; i < c->n; i++) {
        const c2st_t *s = &c->score[i];
        if (isnan(s->accuracy))
            printf("%-10" PRId64 " no posterior\n", i);
        else
            printf("%-10" PRId64 " %8.3f %8.3f %8.3f %8.3f\n", i, s->accuracy, s->accuracy_error,
                   s->auc, s->auc_error);
    }
    if (n > 0)
        printf("mean C2ST %.3f +- %.3f of %" PRId64
               " data sets; 0.5: draws and reference can not be "
               "told apart, 1: always\n",
               mean, error, n);
}

static void print_json(const comparison_t *c)
{
    double mean, error;
    int64_t n = mean_of(c, &mean, &error);
    json_t *root = json_object(), *sets = json_array();
    for (int64_t i = 0; i < c->n; i++) {
        const c2st_t *s = &c->score[i];
        json_t *set = json_object();
        json_object_set_new(set, "c2st", json_number_or_null(s->accuracy));
        json_object_set_new(set, "c2st_error", json_number_or_null(s->accuracy_error));
        json_object_set_new(set, "auc", json_number_or_null(s->auc));
        json_object_set_new(set, "auc_error", json_number_or_null(s->auc_error));
        json_array_append_new(sets, set);
    }
    json_object_set_new(root, "data_sets", sets);
    json_object_set_new(root, "compared", json_integer(n));
    json_object_set_new(root, "mean", json_number_or_null(n > 0 ? mean : NAN));
    json_object_set_new(root, "mean_error", json_number_or_null(n > 0 ? error : NAN));
    json_print(root);
    json_decref(root);
}

err_t command_compare(const par_t *par, const options_t *options)
{
    (void)par;
    source_t ours, theirs = {.file = H5_NONE};
    comparison_t comparison = {0};
    err_t err = source_open(options->arguments[0], &ours);
    if (err == OK)
        err = source_open(options->arguments[1], &theirs);
    if (err == OK)
        err = check_pair(&ours, &theirs);
    if (err == OK)
        err = compare_all(&ours, &theirs, options->draws > 0 ? options->draws : MOST_DRAWS,
                          &comparison);
    if (err == OK && options->json)
        print_json(&comparison);
    else if (err == OK)
        print_text(&comparison);
    free(comparison.score);
    source_close(&theirs);
    source_close(&ours);
    return err;
}
