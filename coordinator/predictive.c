// SPDX-License-Identifier: Apache-2.0
#include "coordinator/predictive.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/data_view.h"
#include "coordinator/real_sets.h"
#include "coordinator/run_folder.h"
#include "diagnostics/figure_predictive.h"
#include "diagnostics/figure_predictive_images.h"
#include "diagnostics/predictive_record.h"
#include "workers/infer.h"
#include "workers/replicate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_TAG = 72, PRINTED = 20 };
static const size_t group_bytes = 64u << 20; // of the replicates that are in memory at once

/* Letters: R replicates of a data set, P parameters, O observables, D design variables. */
typedef struct {
    const predictive_config_t *config;
    const par_t *par;
    const schema_t *schema;
    simulator_t *simulator;
    infer_t *infer; // on rank 0
    int64_t next;   // data set to look at, on rank 0
    bool from_file; // the same: posteriors; a ladder is not climbed twice where its draws are kept
    int64_t R, wanted;
    int64_t
        draws; // of a posterior, of which R are simulated from: a rung judges all that it was asked for
    progress_t progress;
    data_view_t view;
    predictive_record_t record; // on rank 0
    int n_pictures;             // on rank 0
    predictive_picture_t picture[FIGURE_PREDICTIVE_PANELS];
    int n_rows; // of images, where there is nothing else
    predictive_row_t row[FIGURE_PREDICTIVE_ROWS];
} stage_t;

/* Data sets whose replicates are simulated at once. */
typedef struct {
    int64_t n;
    int64_t *which;   // (n)
    real_sets_t real; // (n)
    double *draws;    // (n, R, P)
    rows_t rows;      // (n * R) on rank 0
} group_t;

/* ---- files ---- */

static char *place(const predictive_config_t *c, const char *in_folder, const char *ending)
{
    if (c->folder != NULL)
        return run_folder_file(c->folder, in_folder);
    size_t n = strlen(c->out);
    bool h5 = n > 3 && strcmp(c->out + n - 3, ".h5") == 0;
    return mem_format("%.*s.predictive.%s", (int)(h5 ? n - 3 : n), c->out, ending);
}

static char *stamp_of(const predictive_config_t *c)
{
    return mem_format("%s predictive %" PRId64 " of %" PRId64, c->stamp, c->study->infer.predictive,
                      c->study->infer.predictive_datasets);
}

static bool is_done(const predictive_config_t *c)
{
    char *path = place(c, "predictive.json", "json"), *stamp = stamp_of(c);
    bool done = predictive_record_has(path, "stamp", stamp);
    free(stamp);
    free(path);
    return done;
}

void predictive_clear(const predictive_config_t *config)
{
    char *json = place(config, "predictive.json", "json");
    if (file_exists(json) && !is_done(config))
        unlink(json);
    free(json);
}

/* "6 of 14 data sets; ", or nothing where all there is is one. */
static char *shown_words(const stage_t *s, int64_t shown)
{
    if (s->record.n == 1)
        return mem_copy_text("");
    return mem_format("%" PRId64 " of %" PRId64 " data sets; ", shown, s->record.n);
}

static err_t draw_panels(stage_t *s, const char *path, const stamp_t *stamp)
{
    int panels = predictive_panels(s->view.n, s->view.fields);
    char *shown = shown_words(s, (s->n_pictures + panels - 1) / panels);
    char *note = mem_format("%sdark: observed; blue: 50 %% and 90 %% of %" PRId64
                            " simulations; orange: outside",
                            shown, s->R);
    err_t err = figure_predictive(path, stamp, s->n_pictures, s->picture, note);
    free(shown);
    free(note);
    return err;
}

static err_t draw_rows(stage_t *s, const char *path, const stamp_t *stamp)
{
    char *shown = shown_words(s, s->n_rows);
    char *note =
        mem_format("%smean and sd of %" PRId64 " simulations, and three of them", shown, s->R);
    err_t err = figure_predictive_images(path, stamp, s->n_rows, s->row, note);
    free(shown);
    free(note);
    return err;
}

static err_t draw_picture(stage_t *s)
{
    stamp_t stamp = {.study = s->config->study->name,
                     .weights = s->config->trained->hash,
                     .title = "Posterior predictive check"};
    if (s->n_pictures == 0 && s->n_rows == 0)
        return OK;
    char *path = place(s->config, "posterior_predictive.png", "png");
    err_t err = s->n_pictures > 0 ? draw_panels(s, path, &stamp) : draw_rows(s, path, &stamp);
    free(path);
    s->record.picture = "posterior_predictive.png";
    return err;
}

static err_t write_record(stage_t *s)
{
    char *json = place(s->config, "predictive.json", "json"),
         *csv = place(s->config, "predictive.csv", "csv");
    err_t err = draw_picture(s);
    if (err == OK)
        err = predictive_record_write(&s->record, json, csv);
    free(json);
    free(csv);
    return err;
}

static void print_record(const predictive_record_t *r)
{
    char *words = predictive_record_words(r);
    printf("predictive checks: %s\n", words);
    int64_t shown = 0;
    for (int64_t i = 0; i < r->n; i++)
        if (!r->checks[i].reproduced && shown++ < PRINTED)
            printf("%-10.10s %s\n", r->ids[i], r->checks[i].words);
    if (shown > PRINTED)
        printf("... and %" PRId64 " more\n", shown - PRINTED);
    fflush(stdout);
    free(words);
}

/* ---- what is needed ---- */

static err_t open_simulator(stage_t *s)
{
    const predictive_config_t *c = s->config;
    TRY(learned_simulator(c->study, c->trained, c->data, &s->simulator));
    simulator_stop_on_failure(s->simulator, false);
    if (c->folder != NULL) {
        char name[32];
        snprintf(name, sizeof name, "simulator-%d.log", s->par->rank);
        char *path = run_folder_file(c->folder, name);
        simulator_log_to(s->simulator, path);
        free(path);
    }
    return OK;
}

/* Where posteriors come from, on rank 0. */
static void find_posteriors(stage_t *s)
{
    const predictive_config_t *c = s->config;
    bool climbed = c->exact->exact != NULL;
    s->draws = climbed ? c->head->draws : s->R;
    s->from_file = climbed && posterior_file_has_draws(c->out);
    infer_config_t config = learned_inference(c->trained, c->exact, c->seed, s->draws);
    if (!s->from_file)
        s->infer = infer_create(&config);
}

static void prepare(stage_t *s)
{
    const predictive_config_t *c = s->config;
    s->view = data_view_create(s->schema, amortizer_adapter(c->trained->amortizer));
    s->record = (predictive_record_t){.study = c->study->name,
                                      .weights = c->trained->hash,
                                      .stamp = stamp_of(c),
                                      .simulations = s->R,
                                      .n_observables = s->view.n,
                                      .fields = s->view.fields,
                                      .ids = MEM_NEW(const char *, s->wanted + 1),
                                      .checks = MEM_NEW(predictive_check_t, s->wanted + 1)};
    if (s->par->rank == 0)
        find_posteriors(s);
}

static void stage_close(stage_t *s)
{
    simulator_close(&s->simulator);
    infer_destroy(&s->infer);
    for (int64_t i = 0; i < s->record.n; i++)
        predictive_check_free(&s->record.checks[i]);
    for (int i = 0; i < s->n_pictures; i++) {
        free((char *)s->picture[i].title);
        free((char *)s->picture[i].line);
        predictive_panel_free(&s->picture[i].panel);
    }
    for (int i = 0; i < s->n_rows; i++)
        predictive_row_free(&s->row[i]);
    free(s->record.checks);
    free(s->record.ids);
    free((char *)s->record.stamp);
    free((char *)s->record.not_checked);
    data_view_free(&s->view);
}

/* ---- a group of data sets ---- */

static int64_t group_size(const stage_t *s)
{
    int64_t fit = (int64_t)(group_bytes / (rows_bytes(s->schema) * (size_t)s->R));
    return fit < 1 ? 1 : fit < s->wanted ? fit : s->wanted;
}

/* Of the next data set, (draws, P). */
static err_t posterior_of(stage_t *s, real_sets_t *one, bool *accepted, double *draws)
{
    const predictive_config_t *c = s->config;
    posterior_verdict_t verdict;
    if (s->from_file)
        return posterior_file_draws(c->out, c->head, s->next, accepted, draws);
    TRY(real_sets_load(c->data, 1, &s->next, one));
    infer_one(s->infer, &one->rows, 0, one->problem[0], draws, &verdict);
    *accepted = verdict.accepted;
    return OK;
}

/* R of all draws, evenly. */
static void spread(const stage_t *s, const double *all, double *out)
{
    int64_t P = s->schema->n_parameters;
    for (int64_t k = 0; k < s->R; k++)
        memcpy(out + k * P, all + k * s->draws / s->R * P, (size_t)P * sizeof *out);
}

/* On rank 0. */
static err_t find_accepted(stage_t *s, group_t *g)
{
    int64_t most = group_size(s), P = s->schema->n_parameters, values = s->R * P;
    double *all = MEM_NEW(double, s->draws *P);
    real_sets_t one = real_sets_create(s->config->data, 1);
    err_t err = OK;
    for (; s->next < s->config->data->n && g->n < most && s->record.n + g->n < s->wanted;
         s->next++) {
        bool accepted;
        err = posterior_of(s, &one, &accepted, all);
        if (err != OK)
            break;
        if (!accepted)
            continue;
        spread(s, all, g->draws + g->n * values);
        g->which[g->n++] = s->next;
    }
    real_sets_free(&one);
    free(all);
    return err;
}

/* The next accepted data sets and draws of their posteriors, found on rank 0 and handed to all. */
static err_t next_group(stage_t *s, group_t *g)
{
    int64_t values = s->R * s->schema->n_parameters;
    g->n = 0;
    TRY(par_agree(s->par, s->par->rank == 0 ? find_accepted(s, g) : OK));
    par_broadcast(s->par, 0, sizeof g->n, &g->n);
    par_broadcast(s->par, 0, (size_t)g->n * sizeof *g->which, g->which);
    par_broadcast(s->par, 0, (size_t)(g->n * values) * sizeof *g->draws, g->draws);
    return par_agree(s->par, real_sets_load(s->config->data, g->n, g->which, &g->real));
}

/* This rank's replicates: of all n * R in turn, each size-th. */
static err_t simulate_here(stage_t *s, const group_t *g, rows_t *mine)
{
    int64_t P = s->schema->n_parameters, all = g->n * s->R;
    for (int64_t u = s->par->rank, at = 0; u < all; u += s->par->size, at++) {
        if (stop_requested())
            return err_fail(ERR_STOPPED, "infer: stopped on request during the predictive checks; "
                                         "the posterior is written, the same command begins the "
                                         "checks anew");
        TRY(replicate_row(s->simulator, (uint64_t)s->config->seed, &g->real.rows, u / s->R,
                          u % s->R, g->draws + u * P, mine, at));
        if (s->par->rank == 0)
            progress_show(&s->progress, s->record.n * s->R + u + 1, NULL);
    }
    return OK;
}

/* Unit u lies in row u of rank 0's rows afterwards. */
static void collect(const stage_t *s, const group_t *g, const rows_t *mine, rows_t *out)
{
    size_t bytes = rows_bytes(s->schema);
    int64_t all = g->n * s->R, size = s->par->size;
    for (int64_t r = 0; r < size; r++) {
        int64_t n = all > r ? (all - r + size - 1) / size : 0;
        if (n == 0 || (s->par->rank != 0 && s->par->rank != r))
            continue;
        char *packed = mem_alloc((size_t)n, bytes);
        int count = par_count(n * (int64_t)bytes);
        for (int64_t k = 0; k < n && s->par->rank == r; k++)
            rows_pack(mine, k, packed + (size_t)k * bytes);
        if (r != 0 && s->par->rank == r)
            TRY_MPI(MPI_Send(packed, count, MPI_BYTE, 0, ROWS_TAG, s->par->comm));
        else if (r != 0)
            TRY_MPI(MPI_Recv(packed, count, MPI_BYTE, (int)r, ROWS_TAG, s->par->comm,
                             MPI_STATUS_IGNORE));
        for (int64_t k = 0; k < n && s->par->rank == 0; k++)
            rows_unpack(packed + (size_t)k * bytes, out, r + k * size);
        free(packed);
    }
}

static char *panel_title(const predictive_panel_t *p, const char *id, bool alone)
{
    if (alone)
        return mem_copy_text(id);
    if (p->feature < 0)
        return mem_format("%s: %s", id, p->observable);
    return mem_format("%s: %s, feature %" PRId64, id, p->observable, p->feature + 1);
}

static char *panel_line(const predictive_check_t *c)
{
    if (isnan(c->p_value))
        return mem_copy_text("not judged: simulations failed");
    return mem_format("%s (p = %.2g)", c->reproduced ? "reproduced" : "not reproduced", c->p_value);
}

/* The panels of the data set that was checked last, while there is room for all of them (of the first: for some). */
static void keep_panels(stage_t *s, const predictive_set_t *observed, int64_t r,
                        const predictive_set_t *replicates)
{
    int panels = predictive_panels(s->view.n, s->view.fields);
    bool room = s->n_pictures == 0 || s->n_pictures + panels <= FIGURE_PREDICTIVE_PANELS;
    for (int k = 0; k < panels && r > 0 && room && s->n_pictures < FIGURE_PREDICTIVE_PANELS; k++) {
        predictive_panel_t panel =
            predictive_panel(s->view.n, s->view.fields, k, observed, r, replicates);
        s->picture[s->n_pictures++] =
            (predictive_picture_t){panel_title(&panel, s->record.ids[s->record.n - 1], panels == 1),
                                   panel_line(&s->record.checks[s->record.n - 1]), panel};
    }
}

/* Of data that are images alone: the first of them. */
static void keep_row(stage_t *s, const predictive_set_t *observed, int64_t r,
                     const predictive_set_t *replicates)
{
    if (predictive_panels(s->view.n, s->view.fields) > 0 || r == 0 ||
        s->n_rows == FIGURE_PREDICTIVE_ROWS)
        return;
    int64_t at = s->record.n - 1;
    s->row[s->n_rows++] = predictive_row(
        &s->view.fields[0], 0, s->schema->observables[s->view.which[0]].dims[0], observed, r,
        replicates, mem_copy_text(s->record.ids[at]), panel_line(&s->record.checks[at]));
}

static void check_one(stage_t *s, const group_t *g, int64_t j)
{
    int F = s->view.n;
    int64_t done = 0, *n = MEM_NEW(int64_t, (s->R + 1) * F);
    const float **values = MEM_NEW(const float *, (s->R + 1) * F);
    predictive_set_t *replicates = MEM_NEW(predictive_set_t, s->R);
    predictive_set_t observed = data_view_set(&s->view, &g->real.rows, j, n, values);
    for (int64_t u = j * s->R; u < (j + 1) * s->R; u++)
        if (g->rows.status[u] == ROW_DONE) {
            int64_t at = (done + 1) * F;
            replicates[done++] = data_view_set(&s->view, &g->rows, u, n + at, values + at);
        }
    s->record.ids[s->record.n] = s->config->data->ids[g->which[j]];
    s->record.checks[s->record.n++] =
        predictive_check(F, s->view.fields, &observed, done, replicates, s->R - done);
    keep_panels(s, &observed, done, replicates);
    keep_row(s, &observed, done, replicates);
    free(replicates);
    free(values);
    free(n);
}

static err_t one_group(stage_t *s, group_t *g)
{
    int64_t all = g->n * s->R, here = all / s->par->size + 1;
    rows_t mine = rows_create(s->schema, here);
    err_t err = par_agree(s->par, simulate_here(s, g, &mine));
    if (err == OK) {
        g->rows = rows_create(s->schema, s->par->rank == 0 ? all : 1);
        collect(s, g, &mine, &g->rows);
        for (int64_t j = 0; j < g->n && s->par->rank == 0; j++)
            check_one(s, g, j);
        rows_destroy(&g->rows);
    }
    rows_destroy(&mine);
    return err;
}

static err_t all_groups(stage_t *s)
{
    int64_t most = group_size(s);
    group_t g = {.which = MEM_NEW(int64_t, most),
                 .real = real_sets_create(s->config->data, most),
                 .draws = MEM_NEW(double, most * s->R * s->schema->n_parameters)};
    if (s->par->rank == 0)
        s->progress = progress_start("predictive checks", "simulations", 0, s->wanted * s->R);
    err_t err = next_group(s, &g);
    while (err == OK && g.n > 0) {
        err = one_group(s, &g);
        if (err == OK)
            err = next_group(s, &g);
    }
    if (s->par->rank == 0 && err == OK)
        progress_end(&s->progress, s->record.n * s->R, NULL);
    real_sets_free(&g.real);
    free(g.which);
    free(g.draws);
    return err;
}

/* ---- the stage ---- */

/* Checks that can not be made are a line in the record. */
static err_t give_up(stage_t *s, err_t err)
{
    if (err == OK || err_is(err, ERR_STOPPED) || err_is(err, ERR_IO))
        return err;
    s->record.not_checked = mem_copy_text(err_text());
    if (s->par->rank == 0)
        log_warning("infer: no predictive checks: %s", err_text());
    err_clear();
    return OK;
}

static err_t check_all(stage_t *s)
{
    err_t err = par_agree(s->par, open_simulator(s));
    if (err == OK)
        err = all_groups(s);
    TRY(give_up(s, err));
    err_t mine = s->par->rank == 0 ? write_record(s) : OK;
    if (s->par->rank == 0 && mine == OK && !s->config->quiet)
        print_record(&s->record);
    return par_agree(s->par, mine);
}

bool predictive_wanted(const predictive_config_t *config)
{
    return config->study->infer.predictive > 0 &&
           par_any(config->par, config->par->rank == 0 && !is_done(config));
}

err_t predictive_run(const predictive_config_t *config)
{
    const study_t *study = config->study;
    int64_t wanted = study->infer.predictive_datasets;
    stage_t s = {.config = config,
                 .par = config->par,
                 .schema = &config->trained->schema,
                 .R = study->infer.predictive,
                 .wanted = wanted < config->data->n ? wanted : config->data->n};
    prepare(&s);
    err_t err = check_all(&s);
    stage_close(&s);
    return err;
}
