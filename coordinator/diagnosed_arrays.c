// SPDX-License-Identifier: Apache-2.0
#include "coordinator/diagnosed_arrays.h"

#include "cluster/mem.h"
#include "diagnostics/figure_images.h"
#include "storage/schema_array.h"

#include <stdlib.h>

/* ---- numbers ---- */

static array_group_t *groups_of(const schema_t *schema, int n)
{
    array_group_t *groups = MEM_NEW(array_group_t, n);
    for (int k = 0; k < n; k++) {
        schema_variable_t v = schema_variable(schema, k);
        groups[k] = (array_group_t){v.name, v.first, v.n, v.n_dims > 0};
    }
    return groups;
}

static void show_some(diagnosed_arrays_t *a, int n, const digest_t *digest, const metrics_t *all,
                      const char **names)
{
    int *which = MEM_NEW(int, digest->d + 1);
    int shown = arrays_shown(all, digest, n, a->groups, which);
    a->digest = arrays_digest(digest, shown, which);
    a->shown = arrays_pick(all, shown, which);
    a->shown_names = MEM_NEW(const char *, shown);
    for (int k = 0; k < shown; k++)
        a->shown_names[k] = names[which[k]];
    free(which);
}

diagnosed_arrays_t diagnosed_arrays(const trained_t *trained, const digest_t *digest,
                                    const metrics_t *all, const char **names, double limit)
{
    const schema_t *schema = &trained->inferred;
    diagnosed_arrays_t a = {.metrics = *all,
                            .names = names,
                            .samples = {.digest = digest, .names = names},
                            .shown = *all,
                            .has = schema_has_arrays(schema)};
    if (!a.has)
        return a;
    int n = schema_variable_count(schema);
    a.groups = groups_of(schema, n);
    a.names = MEM_NEW(const char *, n);
    a.arrays = MEM_NEW(array_metrics_t, n);
    for (int k = 0; k < n; k++)
        a.names[k] = a.groups[k].name;
    a.metrics = arrays_metrics(all, digest, n, a.groups, limit, a.arrays);
    show_some(&a, n, digest, all, names);
    return a;
}

static samples_t samples_shown(const diagnosed_arrays_t *a)
{
    return a->has ? (samples_t){.digest = &a->digest, .names = a->shown_names} : a->samples;
}

err_t diagnosed_arrays_draw(const diagnosed_arrays_t *a, const job_t *job, const trained_t *trained)
{
    samples_t samples = samples_shown(a);
    return pictures_of_diagnosis(job, trained, &samples, &a->shown);
}

void diagnosed_arrays_free(diagnosed_arrays_t *a)
{
    if (!a->has)
        return;
    metrics_free(&a->metrics);
    metrics_free(&a->shown);
    digest_free(&a->digest);
    free(a->arrays);
    free(a->groups);
    free(a->names);
    free(a->shown_names);
}

/* ---- images ---- */

static bool find_image(const schema_t *schema, image_target_t *out)
{
    schema_variable_t v;
    for (int p = 0; p < schema->n_parameters; p += v.n) {
        v = schema_variable_at(schema, p);
        if (v.n_dims < 2)
            continue;
        *out = (image_target_t){.name = v.name,
                                .first = p,
                                .height = v.dims[0],
                                .width = v.dims[1],
                                .channels = v.n_dims > 2 ? v.dims[2] : 1};
        return true;
    }
    return false;
}

/* The first image that is observed, of the first data sets. */
static void take_observed(const rows_t *rows, const float **each, image_samples_t *s)
{
    for (int o = 0; o < rows->schema->n_observables && s->observed == NULL; o++) {
        const schema_observable_t *image = &rows->schema->observables[o];
        if (image->kind != KIND_IMAGE)
            continue;
        for (int64_t i = 0; i < s->sets; i++)
            each[i] = rows->observables[o] + i * schema_size(image);
        s->observed = each;
        s->height = image->dims[0];
        s->width = image->dims[1];
        s->channels = image->dims[2];
    }
}

static err_t draw_images(const job_t *job, const trained_t *trained, const image_target_t *target,
                         const digest_t *digest, const image_samples_t *samples,
                         const metrics_t *all)
{
    char *images = job_file(job, "images.png"), *pixels = job_file(job, "pixels.png");
    stamp_t stamp = {.title = "Images", .study = job->study.name, .weights = trained->hash};
    err_t err = figure_images(images, &stamp, target, digest, samples);
    stamp.title = "Pixels";
    if (err == OK)
        err = figure_pixels(pixels, &stamp, target, digest, all);
    free(images);
    free(pixels);
    return err;
}

err_t pictures_of_images(const job_t *job, const trained_t *trained, const rows_t *rows,
                         const posteriors_t *posteriors, const metrics_t *all)
{
    image_target_t target;
    image_samples_t samples = {
        .sets = posteriors->kept_sets, .draws = posteriors->kept_draws, .kept = posteriors->kept};
    if (!find_image(&trained->inferred, &target))
        return OK;
    const float **observed = MEM_NEW(const float *, samples.sets + 1);
    take_observed(rows, observed, &samples);
    err_t err = draw_images(job, trained, &target, &posteriors->digest, &samples, all);
    free(observed);
    return err;
}
