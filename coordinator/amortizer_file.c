// SPDX-License-Identifier: Apache-2.0
#include "coordinator/amortizer_file.h"

#include "cluster/mem.h"
#include "coordinator/study_adapter.h"
#include "storage/named_arrays.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char FORMAT[] = "infermill amortizer";
enum { FORMAT_VERSION = 3 };

/* One call for each stored array, whether it goes to the file or comes from it. */
typedef struct {
    arrays_writer_t *w; // writing
    arrays_t *a;        // reading
} file_t;

static err_t pass_f32(file_t *f, const char *name, int n_dims, const int64_t *dims, float *data)
{
    return f->w ? arrays_put_f32(f->w, name, n_dims, dims, data)
                : arrays_get_f32(f->a, name, n_dims, dims, data);
}

static err_t pass_f64(file_t *f, const char *name, int n_dims, const int64_t *dims, double *data)
{
    return f->w ? arrays_put_f64(f->w, name, n_dims, dims, data)
                : arrays_get_f64(f->a, name, n_dims, dims, data);
}

static err_t pass_vector(file_t *f, const char *name, int64_t n, double *data)
{
    return n > 0 ? pass_f64(f, name, 1, &n, data) : OK;
}

static err_t pass_text(file_t *f, const char *name, char **text)
{
    return f->w ? arrays_put_text(f->w, name, *text) : arrays_get_text(f->a, name, text);
}

static err_t pass_real(file_t *f, const char *name, double *value)
{
    return f->w ? arrays_put_real(f->w, name, *value) : arrays_get_real(f->a, name, value);
}

static err_t pass_weights(file_t *f, params_t *params)
{
    for (int id = 0; id < params_count(params); id++) {
        const param_t *p = params_at(params, id);
        char name[256];
        snprintf(name, sizeof name, "weights/%s", p->name);
        TRY(pass_f32(f, name, 2, (int64_t[]){p->rows, p->cols}, params_tensor(params, id)));
    }
    return OK;
}

static err_t pass_scaling(file_t *f, const adapter_shape_t *s, const scaling_t *c)
{
    TRY(pass_vector(f, "scaling/parameter_mean", s->n_parameters, c->parameter_mean));
    TRY(pass_vector(f, "scaling/parameter_sd", s->n_parameters, c->parameter_sd));
    TRY(pass_vector(f, "scaling/design_mean", s->n_design, c->design_mean));
    TRY(pass_vector(f, "scaling/design_sd", s->n_design, c->design_sd));
    for (int o = 0; o < s->n_observables; o++) {
        char name[256];
        int64_t features = s->observables[o].features;
        snprintf(name, sizeof name, "scaling/observable_mean/%s", s->observables[o].name);
        TRY(pass_vector(f, name, features, c->observable_mean[o]));
        snprintf(name, sizeof name, "scaling/observable_sd/%s", s->observables[o].name);
        TRY(pass_vector(f, name, features, c->observable_sd[o]));
    }
    return OK;
}

static err_t pass_distance(file_t *f, distance_t *d)
{
    int64_t width = d->d;
    TRY(pass_vector(f, "distance/mean", width, d->mean));
    TRY(pass_f64(f, "distance/cholesky", 2, (int64_t[]){width, width}, d->cholesky));
    TRY(pass_vector(f, "distance/reference", d->n, d->reference));
    if (d->kept == 0)
        return OK;
    return pass_f32(f, "distance/summaries", 2, (int64_t[]){d->kept, width}, d->summaries);
}

static err_t pass_reach(file_t *f, prior_reach_t *r)
{
    TRY(pass_vector(f, "reach/low", r->d, r->low));
    TRY(pass_vector(f, "reach/high", r->d, r->high));
    TRY(pass_vector(f, "reach/least", r->k, r->least));
    TRY(pass_vector(f, "reach/most", r->k, r->most));
    if (f->w || arrays_has(f->a, "reach/floor")) {
        TRY(pass_vector(f, "reach/middle", r->k, r->middle));
        TRY(pass_vector(f, "reach/floor", r->k, r->floor));
        TRY(pass_vector(f, "reach/ceiling", r->k, r->ceiling));
    }
    return f->w ? arrays_put_integer(f->w, "reach_simulations", r->n)
                : arrays_get_integer(f->a, "reach_simulations", &r->n);
}

static err_t pass_texts(file_t *f, trained_t *t)
{
    TRY(pass_text(f, "study", &t->study));
    TRY(pass_text(f, "study_path", &t->study_path));
    TRY(pass_text(f, "training", &t->training));
    TRY(pass_text(f, "bank", &t->bank));
    TRY(pass_text(f, "software", &t->software));
    TRY(pass_text(f, "weights_hash", &t->hash));
    TRY(pass_real(f, "validation_loss", &t->validation_loss));
    TRY(f->w ? arrays_put_integer(f->w, "training_rows", t->training_rows)
             : arrays_get_integer(f->a, "training_rows", &t->training_rows));
    return pass_real(f, "training_seconds", &t->training_seconds);
}

/* Of one that was refined. */
static err_t pass_refining(file_t *f, trained_t *t)
{
    if (f->w ? t->refining == NULL : !arrays_has(f->a, "refining"))
        return OK;
    TRY(pass_text(f, "refining", &t->refining));
    return pass_text(f, "offline", &t->offline);
}

static err_t pass_history(file_t *f, trained_t *t)
{
    TRY(pass_vector(f, "history/training_loss", t->epochs, t->training_loss));
    return pass_vector(f, "history/validation_loss", t->epochs, t->validation_losses);
}

static err_t pass_held_out(file_t *f, trained_t *t)
{
    int64_t n = t->n_held_out;
    if (n == 0)
        return OK;
    return f->w ? arrays_put_i64(f->w, "held_out_rows", 1, &n, t->held_out)
                : arrays_get_i64(f->a, "held_out_rows", 1, &n, t->held_out);
}

static char *hash_of(amortizer_t *a)
{
    params_t *params = amortizer_params(a);
    char text[ARRAYS_HASH_CAP];
    weights_hash((size_t)params_size(params), params_value(params), text);
    return mem_copy_text(text);
}

/* ---- writing ---- */

static err_t save_all(file_t *f, trained_t *t)
{
    char *model = schema_text(&t->schema),
         *adapter = adapter_config_text(adapter_config(amortizer_adapter(t->amortizer))),
         *network = amortizer_config_text(amortizer_config(t->amortizer));
    err_t err;
    TRY_TO(done, pass_text(f, "model", &model));
    TRY_TO(done, pass_text(f, "adapter", &adapter));
    TRY_TO(done, pass_text(f, "network", &network));
    TRY_TO(done, pass_texts(f, t));
    TRY_TO(done, pass_refining(f, t));
    TRY_TO(done, pass_history(f, t));
    TRY_TO(done, pass_held_out(f, t));
    TRY_TO(done, pass_scaling(f, adapter_after(amortizer_adapter(t->amortizer)),
                              amortizer_scaling(t->amortizer)));
    TRY_TO(done, pass_distance(f, &t->distance));
    if (t->reach.n > 0)
        TRY_TO(done, pass_reach(f, &t->reach));
    TRY_TO(done, pass_weights(f, amortizer_params(t->amortizer)));
done:
    free(model);
    free(adapter);
    free(network);
    return err;
}

err_t trained_save(trained_t *t, const char *path)
{
    file_t f = {0};
    free(t->hash);
    t->hash = hash_of(t->amortizer);
    TRY(arrays_writer_open(path, FORMAT, FORMAT_VERSION, &f.w));
    err_t err = save_all(&f, t);
    if (err == OK)
        err = arrays_finish(&f.w);
    arrays_abandon(&f.w);
    return err;
}

/* ---- reading ---- */

void trained_set_schema(trained_t *t, schema_t schema)
{
    const int *which;
    int n = adapter_kept(amortizer_adapter(t->amortizer), &which);
    schema_free(&t->schema);
    schema_free(&t->inferred);
    t->schema = schema;
    t->inferred = schema_with_parameters(&schema, n, which);
}

static err_t make_amortizer(trained_t *t, const amortizer_config_t *config, adapter_t **adapter,
                            const char *path)
{
    amortizer_config_t shapes;
    arena_t *arena = arena_create();
    amortizer_config_adapt(&shapes, *adapter, arena);
    arena_destroy(&arena);
    if (shapes.n_parameters != config->n_parameters || shapes.n_design != config->n_design ||
        shapes.n_observables != config->n_observables)
        return err_fail(ERR_FORMAT,
                        "%s: the adapter gives %d parameters, %d observables, %d design variables, "
                        "the network has %d, %d, %d",
                        path, shapes.n_parameters, shapes.n_observables, shapes.n_design,
                        config->n_parameters, config->n_observables, config->n_design);
    TRY(amortizer_create(config, 0, &t->amortizer));
    amortizer_set_adapter(t->amortizer, adapter);
    return OK;
}

static err_t load_network(file_t *f, trained_t *t, const char *path)
{
    char *model = NULL, *network = NULL, *list = NULL;
    arena_t *arena = arena_create();
    adapter_t *adapter = NULL;
    schema_t schema = {0};
    amortizer_config_t config;
    err_t err;
    TRY_TO(done, pass_text(f, "model", &model));
    TRY_TO(done, pass_text(f, "adapter", &list));
    TRY_TO(done, pass_text(f, "network", &network));
    TRY_TO(done, schema_parse(model, path, &schema));
    TRY_TO(done, study_adapter_parse(list, path, &schema, &adapter));
    TRY_TO(done, amortizer_config_parse(network, path, arena, &config));
    TRY_TO(done, make_amortizer(t, &config, &adapter, path));
    trained_set_schema(t, schema);
    schema = (schema_t){0};
done:
    schema_free(&schema);
    adapter_destroy(&adapter);
    arena_destroy(&arena);
    free(model);
    free(list);
    free(network);
    return err;
}

static scaling_t empty_scaling(arena_t *arena, const adapter_shape_t *s)
{
    scaling_t c = {.parameter_mean = ARENA_NEW(arena, double, s->n_parameters),
                   .parameter_sd = ARENA_NEW(arena, double, s->n_parameters),
                   .design_mean = ARENA_NEW(arena, double, s->n_design),
                   .design_sd = ARENA_NEW(arena, double, s->n_design),
                   .observable_mean = ARENA_NEW(arena, double *, s->n_observables),
                   .observable_sd = ARENA_NEW(arena, double *, s->n_observables)};
    for (int o = 0; o < s->n_observables; o++) {
        c.observable_mean[o] = ARENA_NEW(arena, double, s->observables[o].features);
        c.observable_sd[o] = ARENA_NEW(arena, double, s->observables[o].features);
    }
    return c;
}

static err_t load_scaling(file_t *f, trained_t *t)
{
    arena_t *arena = arena_create();
    const adapter_shape_t *shape = adapter_after(amortizer_adapter(t->amortizer));
    scaling_t scaling = empty_scaling(arena, shape);
    err_t err = pass_scaling(f, shape, &scaling);
    if (err == OK)
        amortizer_set_scaling(t->amortizer, &scaling);
    arena_destroy(&arena);
    return err;
}

static err_t load_distance(file_t *f, distance_t *d)
{
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS];
    TRY(arrays_shape(f->a, "distance/cholesky", &n_dims, dims));
    int64_t width = dims[0];
    TRY(arrays_shape(f->a, "distance/reference", &n_dims, dims));
    *d = (distance_t){.n = dims[0],
                      .d = (int)width,
                      .mean = MEM_NEW(double, width),
                      .cholesky = MEM_NEW(double, width *width),
                      .reference = MEM_NEW(double, dims[0])};
    if (arrays_has(f->a, "distance/summaries")) {
        TRY(arrays_shape(f->a, "distance/summaries", &n_dims, dims));
        d->kept = dims[0];
        d->summaries = MEM_NEW(float, d->kept *width);
    }
    return pass_distance(f, d);
}

static err_t load_reach(file_t *f, prior_reach_t *r)
{
    int n_dims;
    int64_t d[ARRAYS_MAX_DIMS], k[ARRAYS_MAX_DIMS];
    if (!arrays_has(f->a, "reach/low") || !arrays_has(f->a, "reach/least"))
        return OK;
    TRY(arrays_shape(f->a, "reach/low", &n_dims, d));
    TRY(arrays_shape(f->a, "reach/least", &n_dims, k));
    *r = (prior_reach_t){.d = (int)d[0],
                         .k = (int)k[0],
                         .low = MEM_NEW(double, d[0]),
                         .high = MEM_NEW(double, d[0]),
                         .least = MEM_NEW(double, k[0]),
                         .most = MEM_NEW(double, k[0]),
                         .middle = MEM_NEW(double, k[0]),
                         .floor = MEM_NEW(double, k[0]),
                         .ceiling = MEM_NEW(double, k[0])};
    for (int s = 0; s < r->k; s++) { // a file made before these were kept
        r->floor[s] = -INFINITY;
        r->ceiling[s] = INFINITY;
    }
    return pass_reach(f, r);
}

static err_t load_history(file_t *f, trained_t *t)
{
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS] = {0};
    if (!arrays_has(f->a, "history/training_loss"))
        return OK;
    TRY(arrays_shape(f->a, "history/training_loss", &n_dims, dims));
    t->epochs = dims[0];
    t->training_loss = MEM_NEW(double, dims[0]);
    t->validation_losses = MEM_NEW(double, dims[0]);
    return pass_history(f, t);
}

static err_t load_held_out(file_t *f, trained_t *t)
{
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS] = {0};
    if (!arrays_has(f->a, "held_out_rows"))
        return OK;
    TRY(arrays_shape(f->a, "held_out_rows", &n_dims, dims));
    t->n_held_out = dims[0];
    t->held_out = MEM_NEW(int64_t, dims[0]);
    return pass_held_out(f, t);
}

static err_t check_hash(const trained_t *t, const char *path)
{
    char *found = hash_of(t->amortizer);
    err_t err = OK;
    if (strcmp(found, t->hash) != 0)
        err =
            err_fail(ERR_FORMAT, "%s: weights have the hash %s, expected %s: the file was changed",
                     path, found, t->hash);
    free(found);
    return err;
}

static err_t load_all(file_t *f, const char *path, trained_t *t)
{
    TRY(load_network(f, t, path));
    TRY(pass_texts(f, t));
    TRY(pass_refining(f, t));
    TRY(load_scaling(f, t));
    TRY(load_history(f, t));
    TRY(load_held_out(f, t));
    TRY(load_distance(f, &t->distance));
    TRY(load_reach(f, &t->reach));
    TRY(pass_weights(f, amortizer_params(t->amortizer)));
    if (t->distance.d != amortizer_summary_width(t->amortizer))
        return err_fail(ERR_FORMAT, "%s: distance of %d summaries, expected %d", path,
                        t->distance.d, amortizer_summary_width(t->amortizer));
    if (t->reach.n > 0 && t->reach.d != t->inferred.n_parameters)
        return err_fail(ERR_FORMAT, "%s: reach of %d parameters, expected %d", path, t->reach.d,
                        t->inferred.n_parameters);
    return check_hash(t, path);
}

err_t trained_load(const char *path, trained_t *out)
{
    file_t f = {0};
    struct stat status;
    memset(out, 0, sizeof *out);
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return err_fail(ERR_FORMAT, "%s: it is a folder, expected an amortizer: %s/amortizer.h5?",
                        path, path);
    err_t err = arrays_open(path, FORMAT, FORMAT_VERSION, &f.a);
    if (err_is(err, ERR_MISSING))
        return err_context(err, "no amortizer (made by `infermill train`)");
    TRY(err);
    err = load_all(&f, path, out);
    arrays_close(&f.a);
    if (err != OK)
        trained_free(out);
    return err;
}

void trained_free(trained_t *t)
{
    schema_free(&t->schema);
    schema_free(&t->inferred);
    amortizer_destroy(&t->amortizer);
    distance_free(&t->distance);
    prior_reach_free(&t->reach);
    free(t->study);
    free(t->study_path);
    free(t->training);
    free(t->bank);
    free(t->software);
    free(t->hash);
    free(t->refining);
    free(t->offline);
    free(t->training_loss);
    free(t->validation_losses);
    free(t->held_out);
    memset(t, 0, sizeof *t);
}
