// SPDX-License-Identifier: Apache-2.0
//
// Is the amortizer right? Held-out simulations, their posteriors, the numbers, the pictures, the gate record.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/diagnosed_arrays.h"
#include "coordinator/held_out.h"
#include "coordinator/pairs.h"
#include "coordinator/pictures.h"
#include "coordinator/posterior.h"
#include "coordinator/run_folder.h"
#include "coordinator/study_advice.h"
#include "coordinator/study_report.h"
#include "coordinator/timings.h"
#include "coordinator/truth_check.h"
#include "diagnostics/gate_array.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the record is about these weights, data sets and limits. */
static bool record_fits(const gate_record_t *record, const job_t *job, const char *hash)
{
    const study_t *s = &job->study;
    return strcmp(record->weights, hash) == 0 && record->seed == (uint64_t)s->diagnose.seed &&
           record->draws == s->diagnose.draws && record->first_row == 0 &&
           record->rows == s->diagnose.datasets && record->level == s->diagnose.band_level &&
           record->limits.calibration_error == s->diagnose.calibration_error &&
           record->limits.ecdf_deviation == s->diagnose.ecdf_deviation &&
           record->limits.rank_r2 == s->diagnose.rank_r2 &&
           record->limits.data_sets == s->diagnose.minimum_datasets &&
           ratings_equal(&record->ratings, &s->diagnose.ratings);
}

/* A record that is torn or of something else only means that there is work to do. */
static bool is_done(const job_t *job, const char *hash, bool *passed)
{
    char *path = job_file(job, "gate.json"), *report = job_file(job, "report.md");
    gate_record_t record = {0};
    bool done = false;
    if (gate_read(path, &record) == OK) {
        done = record_fits(&record, job, hash) && file_exists(report);
        *passed = record.passed;
    } else {
        err_clear();
    }
    gate_free(&record);
    free(report);
    free(path);
    return done;
}

static const char **names_of(const schema_t *schema)
{
    const char **names = MEM_NEW(const char *, schema->n_parameters);
    for (int p = 0; p < schema->n_parameters; p++)
        names[p] = schema->parameters[p].name;
    return names;
}

/* True values of the parameters that are inferred: (n, R). */
static double *inferred_truth(const trained_t *trained, const rows_t *rows)
{
    const int *which;
    int n = adapter_kept(amortizer_adapter(trained->amortizer), &which);
    double *truth = MEM_NEW(double, rows->n *n + 1);
    for (int64_t i = 0; i < rows->n; i++)
        for (int r = 0; r < n; r++)
            truth[i * n + r] = rows->parameters[i * rows->schema->n_parameters + which[r]];
    return truth;
}

static void print_arrays(const gate_record_t *record)
{
    for (int k = 0; k < record->n_arrays; k++) {
        char *words = gate_array_words(record, k);
        printf("%s\n", words);
        free(words);
    }
}

static void print_metrics(const gate_record_t *record)
{
    printf("%-14s %11s %10s %9s %9s %9s %11s %8s\n", "parameter", "calibration", "ECDF dev.",
           "coverage", "NRMSE", "R", "contraction", "gate");
    for (int p = 0; p < record->n_parameters; p++) {
        const parameter_metrics_t *m = &record->parameters[p].metrics;
        printf("%-14s %11.3f %10.3f %9.3f %9.3f %9.3f %11.3f %8s\n", record->parameters[p].name,
               m->calibration_error, m->ecdf_deviation, m->coverage_95, m->nrmse, m->correlation,
               m->contraction, record->parameters[p].passed ? "passes" : "fails");
    }
    print_arrays(record);
    for (int i = 0; i < record->n_reasons; i++)
        printf("gate: %s\n", record->reasons[i]);
    if (record->remark[0] != '\0')
        printf("note: %s\n", record->remark);
    for (int p = 0; p < record->n_parameters; p++)
        if (record->parameters[p].where[0] != '\0')
            printf("where: %s: %s\n", record->parameters[p].name, record->parameters[p].where);
    fflush(stdout);
}

/* What is known of the held-out data sets: features, and the design that the networks see. */
typedef struct {
    metrics_data_t data;
    float *features;
    double *design;
    const char **design_names;
} known_t;

static known_t known_of(const trained_t *trained, const posteriors_t *p, const rows_t *rows)
{
    const schema_t *schema = rows->schema;
    int f = p->width + p->n_statistics, n_design = 0;
    known_t k = {.features = MEM_NEW(float, rows->n *f + 1),
                 .design = MEM_NEW(double, rows->n * schema->n_design + 1),
                 .design_names = MEM_NEW(const char *, schema->n_design + 1)};
    for (int64_t i = 0; i < rows->n; i++) {
        memcpy(k.features + i * f, p->summaries + i * p->width, (size_t)p->width * sizeof(float));
        memcpy(k.features + i * f + p->width, p->statistics + i * p->n_statistics,
               (size_t)p->n_statistics * sizeof(float));
    }
    for (int j = 0; j < schema->n_design; j++)
        if (adapter_uses_design(amortizer_adapter(trained->amortizer), j))
            k.design_names[n_design++] = schema->design[j].name;
    for (int64_t i = 0; i < rows->n; i++)
        for (int j = 0, at = 0; j < schema->n_design; j++)
            if (adapter_uses_design(amortizer_adapter(trained->amortizer), j))
                k.design[i * n_design + at++] = rows->design[i * schema->n_design + j];
    k.data = (metrics_data_t){f, k.features, n_design, k.design};
    return k;
}

static void known_free(known_t *k)
{
    free(k->features);
    free(k->design);
    free(k->design_names);
}

/* The report with what to do next. Advice on single values is not for the values of an array. */
static err_t report(const job_t *job, const trained_t *trained, const posteriors_t *posteriors,
                    const gate_record_t *record, const report_told_t *told)
{
    bool single = record->n_arrays == 0;
    const digest_t *digest = &posteriors->digest;
    posterior_shape_t shape = {0};
    if (single)
        shape = posterior_shape(digest->n, digest->s, digest->d, posteriors->shape,
                                posteriors->exchange);
    advice_list_t advice =
        study_advice(&job->study, trained, record, single ? digest : NULL, &shape);
    const study_report_t what = {.par = job->par,
                                 .folder = job->folder,
                                 .study = &job->study,
                                 .trained = trained,
                                 .gate = record,
                                 .advice = &advice,
                                 .told = told};
    err_t err = study_report(&what);
    if (err == OK && !record->passed && advice.n > 0)
        log_info("diagnose: what to try first: %s %s", advice.at[0].reason, advice.at[0].what);
    advice_free(&advice);
    posterior_shape_free(&shape);
    return err;
}

/* On rank 0: numbers, record, pictures, report. The gate record is written last: where it is, everything is. */
static err_t judge(job_t *job, const trained_t *trained, const rows_t *held_out,
                   const posteriors_t *posteriors, const double *fresh, gate_record_t *record)
{
    const study_t *s = &job->study;
    const char **names = names_of(&trained->inferred);
    char *remark = exchange_words(posteriors->digest.d, posteriors->exchange, names);
    char *csv = job_file(job, "metrics.csv"), *gate = job_file(job, "gate.json");
    known_t known = known_of(trained, posteriors, held_out);
    gate_limits_t limits = {s->diagnose.calibration_error, s->diagnose.ecdf_deviation,
                            s->diagnose.rank_r2, s->diagnose.minimum_datasets};
    gate_subject_t subject = {.study = s->name,
                              .weights = trained->hash,
                              .bank = trained->bank,
                              .seed = (uint64_t)s->diagnose.seed,
                              .first_row = 0,
                              .ratings = &s->diagnose.ratings,
                              .remark = remark,
                              .n_design = known.data.n_design,
                              .design_names = known.design_names};
    metrics_t metrics = metrics_compute(&posteriors->digest, s->diagnose.band_level);
    report_told_t told = {0};
    err_t err = OK;
    if (fresh != NULL)
        told = truth_check(posteriors, fresh, known.data.n_features, known.data.features);
    metrics_of_data(&metrics, &posteriors->digest, &known.data);
    diagnosed_arrays_t by =
        diagnosed_arrays(trained, &posteriors->digest, &metrics, names, limits.calibration_error);
    subject.arrays = by.arrays;
    *record = gate_judge(&by.metrics, by.names, &limits, &subject);
    TRY_TO(done, metrics_write_csv(&metrics, names, csv));
    TRY_TO(done, diagnosed_arrays_draw(&by, job, trained));
    TRY_TO(done, pictures_of_images(job, trained, held_out, posteriors, &metrics));
    TRY_TO(done, pairs_of_held_out(job->folder, s->name, trained, posteriors, held_out));
    TRY_TO(done, report(job, trained, posteriors, record, &told));
    TRY_TO(done, gate_write(gate, record));
    truth_check_print(&told);
done:
    truth_check_free(&told);
    known_free(&known);
    diagnosed_arrays_free(&by);
    metrics_free(&metrics);
    free(names);
    free(remark);
    free(gate);
    free(csv);
    return err;
}

static err_t draw_and_judge(job_t *job, const trained_t *trained, rows_t *held_out,
                            gate_record_t *record)
{
    const study_t *s = &job->study;
    posteriors_t posteriors;
    double *truth = inferred_truth(trained, held_out);
    err_t err = posteriors_make(job->par, trained->amortizer, held_out, truth, s->diagnose.draws,
                                (uint64_t)s->diagnose.seed, "diagnose", &posteriors);
    double *fresh = NULL;
    if (err == OK && s->diagnose.truth_test)
        fresh =
            truth_check_draws(job->par, trained->amortizer, held_out, (uint64_t)s->diagnose.seed);
    if (err == OK)
        err = par_agree(job->par, job->par->rank == 0
                                      ? judge(job, trained, held_out, &posteriors, fresh, record)
                                      : OK);
    free(fresh);
    posteriors_free(&posteriors);
    free(truth);
    return err;
}

static err_t diagnose(job_t *job, const trained_t *trained, bool *passed)
{
    const study_t *s = &job->study;
    rows_t held_out;
    gate_record_t record = {0};
    TRY(job_claim(job));
    TRY(held_out_get(job, trained, s->diagnose.datasets, (uint64_t)s->diagnose.seed, &held_out));
    err_t err = draw_and_judge(job, trained, &held_out, &record);
    *passed = par_any(job->par, record.passed);
    if (err == OK && job->par->rank == 0)
        print_metrics(&record);
    gate_free(&record);
    rows_destroy(&held_out);
    return err;
}

static err_t load_for(const job_t *job, const char *path, trained_t *out)
{
    TRY(trained_load(path, out));
    char *difference = schema_difference(&out->schema, job->schema);
    err_t err = OK;
    if (difference != NULL)
        err = err_fail(ERR_MISMATCH, "%s was trained for another model: %s", path, difference);
    free(difference);
    return err;
}

err_t job_diagnose(job_t *job, bool *did, bool *passed)
{
    char *path = job_file(job, "amortizer.h5");
    trained_t trained = {0};
    *did = *passed = false;
    err_t err = par_agree(job->par, load_for(job, path, &trained));
    free(path);
    if (err == OK) {
        bool done = is_done(job, trained.hash, passed);
        *did = par_any(job->par, !done);
        double started = log_clock();
        if (*did) {
            err = diagnose(job, &trained, passed);
            timings_add(job->par, job->folder, "diagnose", started, err);
        }
    }
    trained_free(&trained);
    return err;
}

err_t command_diagnose(const par_t *par, const options_t *options)
{
    job_t job;
    bool did = false, passed = false;
    TRY(job_open(par, options, &job));
    err_t err = job_diagnose(&job, &did, &passed);
    if (err == OK && !did && par->rank == 0)
        log_info("diagnose: nothing to do, %s/gate.json is of these weights and settings",
                 job.folder);
    if (err == OK && par->rank == 0)
        log_info("diagnose: the gate %s; %s/report.html", passed ? "passes" : "does not pass",
                 job.folder);
    if (err == OK && !passed)
        err = err_fail(ERR_GATE, "the gate does not pass: see %s/report.md", job.folder);
    job_close(&job);
    return err;
}
