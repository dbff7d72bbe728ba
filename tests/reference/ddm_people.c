// SPDX-License-Identifier: Apache-2.0
//
// The posterior of the built-in simulator ddm for each person of a CSV file (participant_id, rt, response), by a long
// Markov chain on prior and likelihood (lapses included), and the maximum of the likelihood beside it. Given a summary
// of another method (CSV: id, parameter, mean, sd) it compares: exit 1 when a mean lies further than 0.25 sd off, or a
// ratio of sds outside 0.8 to 1.25.
//
//     ddm_people [--csv | --json] [--draws N] PEOPLE.csv [SUMMARY.csv]
#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "tests/reference/mcmc.h"
#include "tests/reference/nelder_mead.h"
#include "tests/reference/table.h"
#include "workers/load.h"

#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V, A, T0, DIMS, CHAINS = 4, WARM_UP = 5000, DRAWS = 40000, SEED = 2011 };
static const double mean_limit = 0.25, ratio_low = 0.8, ratio_high = 1.25;

typedef enum { PRINT_TABLE, PRINT_CSV, PRINT_JSON } print_t;

typedef struct {
    const char *id; // borrowed from the table
    int64_t n;
    float *y; // (n) signed reaction times
    double fastest;
    const infermill_simulator_t *model;
    chain_stats_t posterior[DIMS];
    double mle[DIMS], log_likelihood;
} person_t;

typedef struct {
    int64_t n;
    person_t *at; // (n) in the order of the file
} people_t;

static person_t *person_of(people_t *people, const char *id)
{
    for (int64_t i = 0; i < people->n; i++)
        if (strcmp(people->at[i].id, id) == 0)
            return &people->at[i];
    people->at = MEM_GROW(people->at, person_t, people->n + 1);
    people->at[people->n] = (person_t){.id = id, .fastest = INFINITY};
    return &people->at[people->n++];
}

static err_t read_people(const table_t *table, people_t *people)
{
    int64_t id, rt, response;
    TRY(table_column(table, "participant_id", &id));
    TRY(table_column(table, "rt", &rt));
    TRY(table_column(table, "response", &response));
    for (int64_t i = 0; i < table->rows; i++) {
        double time, answer;
        TRY(table_number(table, i, rt, &time));
        TRY(table_number(table, i, response, &answer));
        if (!(time > 0.0 && isfinite(time)))
            return err_fail(ERR_FORMAT, "row %lld: a reaction time of %g", (long long)i + 1, time);
        person_t *p = person_of(people, table->cell[i * table->columns + id]);
        p->y = MEM_GROW(p->y, float, p->n + 1);
        p->y[p->n++] = (float)(answer > 0.0 ? time : -time);
        p->fastest = fmin(p->fastest, time);
    }
    return OK;
}

static void people_free(people_t *people)
{
    for (int64_t i = 0; i < people->n; i++)
        free(people->at[i].y);
    free(people->at);
}

static void to_user_scale(const double *x, double *theta)
{
    theta[V] = x[V];
    theta[A] = exp(x[A]);
    theta[T0] = exp(x[T0]);
}

static double minus_log_likelihood(const void *context, const double *x)
{
    const person_t *p = context;
    const float *const y[] = {p->y};
    double theta[DIMS], design[] = {(double)p->n};
    to_user_scale(x, theta);
    return -p->model->log_likelihood(NULL, theta, design, y);
}

static double log_posterior(const void *context, const double *x)
{
    const person_t *p = context;
    double theta[DIMS], prior;
    to_user_scale(x, theta);
    prior = p->model->log_prior(NULL, theta, NULL);
    return prior == -INFINITY ? prior : prior + x[A] + x[T0] - minus_log_likelihood(p, x);
}

// The best of eight starts; x becomes the maximum on the unbounded scale.
static void maximise(person_t *p, double *x)
{
    double best = INFINITY;
    for (int start = 0; start < 8; start++) {
        double y[DIMS] = {start & 1 ? 1.0 : -1.0, log(start & 2 ? 2.5 : 1.2),
                          log(p->fastest * (start & 4 ? 0.95 : 0.6))};
        double value = nelder_mead(DIMS, y, 0.2, minus_log_likelihood, p);
        if (value < best) {
            best = value;
            memcpy(x, y, sizeof y);
        }
    }
    p->log_likelihood = -best;
    to_user_scale(x, p->mle);
}

static void sample(person_t *p, uint64_t index, const double *mode, int64_t draws)
{
    const double scale[DIMS] = {0.1, 0.03, 0.03};
    const mcmc_config_t config = {.dims = DIMS,
                                  .chains = CHAINS,
                                  .warm_up = WARM_UP,
                                  .draws = draws,
                                  .seed = SEED,
                                  .index = index};
    double start[CHAINS][DIMS];
    rng_t rng = rng_at(SEED, RNG_DIAGNOSE, index);
    for (int c = 0; c < CHAINS; c++)
        for (int d = 0; d < DIMS; d++)
            start[c][d] = mode[d] + 5.0 * scale[d] * rng_normal(&rng);
    double *x = MEM_NEW(double, CHAINS *draws *DIMS), *one = MEM_NEW(double, CHAINS *draws);
    mcmc_run(&config, &start[0][0], scale, log_posterior, p, x);
    for (int d = 0; d < DIMS; d++) {
        for (int64_t i = 0; i < CHAINS * draws; i++)
            one[i] = d == V ? x[i * DIMS + d] : exp(x[i * DIMS + d]);
        p->posterior[d] = chain_stats(CHAINS, draws, one);
    }
    free(x);
    free(one);
}

static void fit(people_t *people, const infermill_simulator_t *model, int64_t draws)
{
    for (int64_t i = 0; i < people->n; i++) {
        person_t *p = &people->at[i];
        double mode[DIMS];
        p->model = model;
        maximise(p, mode);
        sample(p, (uint64_t)i, mode, draws);
    }
}

static void print_table(const people_t *people)
{
    printf("%-8s %5s %-4s %9s %8s %9s %8s %8s\n", "id", "n", "", "mean", "sd", "mle", "R-hat",
           "ess");
    for (int64_t i = 0; i < people->n; i++)
        for (int d = 0; d < DIMS; d++) {
            const person_t *p = &people->at[i];
            const chain_stats_t *s = &p->posterior[d];
            printf("%-8s %5lld %-4s %9.4f %8.4f %9.4f %8.4f %8.0f\n", p->id, (long long)p->n,
                   p->model->parameters[d].name, s->mean, s->sd, p->mle[d], s->rhat, s->ess);
        }
}

static void print_csv(const people_t *people)
{
    printf("id,parameter,mean,sd,mle\n");
    for (int64_t i = 0; i < people->n; i++)
        for (int d = 0; d < DIMS; d++) {
            const person_t *p = &people->at[i];
            printf("%s,%s,%.6g,%.6g,%.6g\n", p->id, p->model->parameters[d].name,
                   p->posterior[d].mean, p->posterior[d].sd, p->mle[d]);
        }
}

static void print_json(const people_t *people)
{
    json_t *root = json_array();
    for (int64_t i = 0; i < people->n; i++)
        for (int d = 0; d < DIMS; d++) {
            const person_t *p = &people->at[i];
            const chain_stats_t *s = &p->posterior[d];
            json_array_append_new(root, json_pack("{s:s, s:I, s:s, s:f, s:f, s:f, s:f, s:f}", "id",
                                                  p->id, "trials", (json_int_t)p->n, "parameter",
                                                  p->model->parameters[d].name, "mean", s->mean,
                                                  "sd", s->sd, "mle", p->mle[d], "rhat", s->rhat,
                                                  "ess", s->ess));
        }
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

static void print_people(const people_t *people, print_t how)
{
    switch (how) {
    case PRINT_TABLE:
        print_table(people);
        break;
    case PRINT_CSV:
        print_csv(people);
        break;
    case PRINT_JSON:
        print_json(people);
        break;
    }
}

static err_t find_summary(const table_t *table, const char *id, const char *parameter, double *mean,
                          double *sd)
{
    int64_t column[4];
    TRY(table_column(table, "id", &column[0]));
    TRY(table_column(table, "parameter", &column[1]));
    TRY(table_column(table, "mean", &column[2]));
    TRY(table_column(table, "sd", &column[3]));
    for (int64_t i = 0; i < table->rows; i++) {
        const char **row = table->cell + i * table->columns;
        if (strcmp(row[column[0]], id) == 0 && strcmp(row[column[1]], parameter) == 0) {
            TRY(table_number(table, i, column[2], mean));
            return table_number(table, i, column[3], sd);
        }
    }
    return err_fail(ERR_MISSING, "the summary has no %s of person %s", parameter, id);
}

// stderr, so that --csv and --json stay readable by programs
static err_t compare(const people_t *people, const table_t *summary)
{
    int broken = 0;
    fprintf(stderr, "%-8s %-4s %12s %9s\n", "id", "", "(mean-m)/sd", "sd ratio");
    for (int64_t i = 0; i < people->n; i++)
        for (int d = 0; d < DIMS; d++) {
            const person_t *p = &people->at[i];
            const char *name = p->model->parameters[d].name;
            double mean = 0.0, sd = 0.0;
            TRY(find_summary(summary, p->id, name, &mean, &sd));
            double off = (mean - p->posterior[d].mean) / p->posterior[d].sd,
                   ratio = sd / p->posterior[d].sd;
            bool fine = fabs(off) <= mean_limit && ratio >= ratio_low && ratio <= ratio_high;
            broken += !fine;
            fprintf(stderr, "%-8s %-4s %+12.3f %9.3f%s\n", p->id, name, off, ratio,
                    fine ? "" : "  <--");
        }
    if (broken > 0)
        return err_fail(
            ERR_FAILED,
            "%d of %lld are further off than %g sd, or their sd ratio is not in %g to %g", broken,
            (long long)people->n * DIMS, mean_limit, ratio_low, ratio_high);
    return OK;
}

static err_t run(const char *data, const char *summary_path, print_t how, int64_t draws)
{
    table_t table = {0}, summary = {0};
    people_t people = {0};
    simulator_t *ddm = NULL;
    err_t err;
    TRY_TO(done, table_read(data, &table));
    if (summary_path != NULL)
        TRY_TO(done, table_read(summary_path, &summary));
    TRY_TO(done, simulator_load_builtin("ddm", &ddm));
    TRY_TO(done, read_people(&table, &people));
    fit(&people, simulator_table(ddm), draws);
    print_people(&people, how);
    if (summary_path != NULL)
        TRY_TO(done, compare(&people, &summary));
done:
    people_free(&people);
    simulator_close(&ddm);
    table_free(&table);
    table_free(&summary);
    return err;
}

static int usage(void)
{
    fprintf(stderr, "usage: ddm_people [--csv | --json] [--draws N] PEOPLE.csv [SUMMARY.csv]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const struct option options[] = {{"csv", no_argument, NULL, 'c'},
                                     {"json", no_argument, NULL, 'j'},
                                     {"draws", required_argument, NULL, 'd'},
                                     {0}};
    print_t how = PRINT_TABLE;
    int64_t draws = DRAWS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?')
            return usage();
        if (option == 'd')
            draws = strtoll(optarg, NULL, 10);
        else
            how = option == 'c' ? PRINT_CSV : PRINT_JSON;
    }
    if (optind >= argc || argc - optind > 2 || draws < 100)
        return usage();
    err_t err = run(argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL, how, draws);
    if (err != OK)
        fprintf(stderr, "ddm_people: %s\n", err_text());
    return err_exit_code(err);
}
