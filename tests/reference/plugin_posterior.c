// SPDX-License-Identifier: Apache-2.0
//
// The posterior of real data sets under a plugin that tells its prior and its likelihood, by long Markov chains on the
// unbounded scale (logarithms of what has one bound, log odds of what has two).
//
//     plugin_posterior [--draws N] MODEL.so DATA.csv ID COLUMN [DRAWS.csv]
//
// COLUMN is the one column of the model's one observable; each value of the column ID is a data set. stdout gets CSV: id,
// parameter, mean, sd, rhat, ess. DRAWS.csv gets every tenth draw of all chains, a column a parameter. Exit 1 where chains
// disagree (R-hat above 1.01).
#include "cluster/err.h"
#include "cluster/mem.h"
#include "tests/reference/mcmc.h"
#include "tests/reference/nelder_mead.h"
#include "tests/reference/table.h"
#include "workers/load.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 4, WARM_UP = 5000, DRAWS = 40000, SEED = 1978, TRIES = 500, THIN = 10 };
static const double most_rhat = 1.01;

typedef struct {
    simulator_t *simulator;
    const infermill_simulator_t *model;
    void *state;
    int dims;
} model_t;

typedef struct {
    const char *id; // borrowed from the table
    int64_t n;
    float *y; // (n)
} set_t;

typedef struct {
    const model_t *model;
    const set_t *set;
} target_t;

/* ---- scales ---- */

static double bounded(const infermill_parameter_t *p, double u, double *log_slope)
{
    if (isfinite(p->lower) && isfinite(p->upper)) {
        double share = 1 / (1 + exp(-u));
        *log_slope += log(p->upper - p->lower) - fabs(u) - 2 * log1p(exp(-fabs(u)));
        return p->lower + (p->upper - p->lower) * share;
    }
    if (!isfinite(p->lower) && !isfinite(p->upper))
        return u;
    *log_slope += u;
    return isfinite(p->lower) ? p->lower + exp(u) : p->upper - exp(u);
}

static double unbounded(const infermill_parameter_t *p, double x)
{
    if (isfinite(p->lower) && isfinite(p->upper))
        return log((x - p->lower) / (p->upper - x));
    if (!isfinite(p->lower) && !isfinite(p->upper))
        return x;
    return isfinite(p->lower) ? log(x - p->lower) : log(p->upper - x);
}

static double log_posterior(const void *context, const double *u)
{
    const target_t *t = context;
    const infermill_simulator_t *m = t->model->model;
    const float *const y[] = {t->set->y};
    double theta[MCMC_MAX_DIMS] = {0}, slope = 0, design[] = {(double)t->set->n};
    for (int d = 0; d < t->model->dims; d++)
        theta[d] = bounded(&m->parameters[d], u[d], &slope);
    double prior = m->log_prior(t->model->state, theta, design);
    if (!isfinite(slope) || prior == -INFINITY)
        return -INFINITY;
    double sum = prior + slope + m->log_likelihood(t->model->state, theta, design, y);
    return isnan(sum) ? -INFINITY : sum;
}

static double minus_log_posterior(const void *context, const double *u)
{
    return -log_posterior(context, u);
}

/* ---- one data set ---- */

// The best of many draws of the prior, taken uphill from there.
static err_t find_mode(const target_t *t, double *mode)
{
    rows_t row = rows_create(simulator_schema(t->model->simulator), 1);
    double best = -INFINITY;
    err_t err = OK;
    for (int i = 0; i < TRIES && err == OK; i++) {
        double u[MCMC_MAX_DIMS];
        err = simulator_row(t->model->simulator, SEED, RNG_CHECK, i, &row, 0);
        for (int d = 0; d < t->model->dims; d++)
            u[d] = unbounded(&t->model->model->parameters[d], row.parameters[d]);
        double value = err == OK && row.status[0] == ROW_DONE ? log_posterior(t, u) : -INFINITY;
        if (value > best) {
            best = value;
            memcpy(mode, u, sizeof u);
        }
    }
    rows_destroy(&row);
    if (err == OK && best == -INFINITY)
        return err_fail(ERR_FAILED, "%s: impossible under %d draws of the prior", t->set->id,
                        TRIES);
    if (err == OK)
        nelder_mead(t->model->dims, mode, 0.1, minus_log_posterior, t);
    return err;
}

static void start_near(const target_t *t, uint64_t index, const double *mode, double scale,
                       double *start)
{
    rng_t rng = rng_at(SEED, RNG_DIAGNOSE, index);
    for (int c = 0; c < CHAINS; c++)
        do
            for (int d = 0; d < t->model->dims; d++)
                start[c * t->model->dims + d] = mode[d] + scale * rng_normal(&rng);
        while (log_posterior(t, start + c * t->model->dims) == -INFINITY);
}

// x (chains, draws, dims) to the user's scale.
static void to_user_scale(const model_t *m, int64_t n, double *x)
{
    double unused = 0;
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < m->dims; d++)
            x[i * m->dims + d] = bounded(&m->model->parameters[d], x[i * m->dims + d], &unused);
}

static err_t print_summary(const target_t *t, int64_t draws, const double *x)
{
    double *one = MEM_NEW(double, CHAINS *draws), worst = 0;
    for (int d = 0; d < t->model->dims; d++) {
        for (int64_t i = 0; i < CHAINS * draws; i++)
            one[i] = x[i * t->model->dims + d];
        chain_stats_t s = chain_stats(CHAINS, draws, one);
        printf("%s,%s,%.6g,%.6g,%.4f,%.0f\n", t->set->id, t->model->model->parameters[d].name,
               s.mean, s.sd, s.rhat, s.ess);
        worst = fmax(worst, s.rhat);
    }
    free(one);
    if (worst > most_rhat)
        return err_fail(ERR_FAILED, "%s: R-hat %.4f, at most %g allowed", t->set->id, worst,
                        most_rhat);
    return OK;
}

static void print_draws(const target_t *t, int64_t draws, const double *x, FILE *out)
{
    for (int64_t i = 0; i < CHAINS * draws; i += THIN) {
        fprintf(out, "%s", t->set->id);
        for (int d = 0; d < t->model->dims; d++)
            fprintf(out, ",%.7g", x[i * t->model->dims + d]);
        fputc('\n', out);
    }
}

static err_t sample(const target_t *t, uint64_t index, int64_t draws, FILE *out)
{
    const mcmc_config_t config = {.dims = t->model->dims,
                                  .chains = CHAINS,
                                  .warm_up = WARM_UP,
                                  .draws = draws,
                                  .seed = SEED,
                                  .index = index};
    double mode[MCMC_MAX_DIMS], start[CHAINS * MCMC_MAX_DIMS], scale[MCMC_MAX_DIMS];
    TRY(find_mode(t, mode));
    start_near(t, index, mode, 0.05, start);
    for (int d = 0; d < t->model->dims; d++)
        scale[d] = 0.05;
    int64_t n = CHAINS * draws;
    double *x = MEM_NEW(double, n * t->model->dims);
    mcmc_run(&config, start, scale, log_posterior, t, x);
    to_user_scale(t->model, n, x);
    if (out != NULL)
        print_draws(t, draws, x, out);
    err_t err = print_summary(t, draws, x);
    free(x);
    return err;
}

/* ---- all of them ---- */

static err_t model_open(const char *path, model_t *m)
{
    TRY(simulator_load_plugin(path, &m->simulator));
    m->model = simulator_table(m->simulator);
    m->dims = m->model->n_parameters;
    if (m->model->log_prior == NULL || m->model->log_likelihood == NULL ||
        m->model->n_observables != 1 || m->model->n_design > 1 || m->dims > MCMC_MAX_DIMS)
        return err_fail(ERR_USAGE,
                        "%s: expected log_prior, log_likelihood, one observable, at "
                        "most its length as design and %d parameters",
                        path, MCMC_MAX_DIMS);
    if (m->model->create != NULL && m->model->create(&m->state) != 0)
        return err_fail(ERR_SIMULATOR, "%s: create failed", path);
    return OK;
}

static void model_close(model_t *m)
{
    if (m->state != NULL && m->model->destroy != NULL)
        m->model->destroy(m->state);
    simulator_close(&m->simulator);
}

static set_t *set_of(int64_t *n, set_t **sets, const char *id)
{
    for (int64_t i = 0; i < *n; i++)
        if (strcmp((*sets)[i].id, id) == 0)
            return &(*sets)[i];
    *sets = MEM_GROW(*sets, set_t, *n + 1);
    (*sets)[*n] = (set_t){.id = id};
    return &(*sets)[(*n)++];
}

static err_t read_sets(const table_t *table, const char *id, const char *column, int64_t *n,
                       set_t **sets)
{
    int64_t id_at, value_at;
    TRY(table_column(table, id, &id_at));
    TRY(table_column(table, column, &value_at));
    for (int64_t i = 0; i < table->rows; i++) {
        double value;
        TRY(table_number(table, i, value_at, &value));
        set_t *s = set_of(n, sets, table->cell[i * table->columns + id_at]);
        s->y = MEM_GROW(s->y, float, s->n + 1);
        s->y[s->n++] = (float)value;
    }
    return OK;
}

static void print_heads(const model_t *m, FILE *out)
{
    printf("id,parameter,mean,sd,rhat,ess\n");
    if (out == NULL)
        return;
    fprintf(out, "id");
    for (int d = 0; d < m->dims; d++)
        fprintf(out, ",%s", m->model->parameters[d].name);
    fputc('\n', out);
}

static err_t run(char **argv, FILE *out, int64_t draws)
{
    table_t table = {0};
    model_t model = {0};
    set_t *sets = NULL;
    int64_t n = 0;
    err_t err;
    TRY_TO(done, model_open(argv[0], &model));
    TRY_TO(done, table_read(argv[1], &table));
    TRY_TO(done, read_sets(&table, argv[2], argv[3], &n, &sets));
    print_heads(&model, out);
    for (int64_t i = 0; i < n; i++) {
        target_t target = {&model, &sets[i]};
        TRY_TO(done, sample(&target, (uint64_t)i, draws, out));
    }
done:
    for (int64_t i = 0; i < n; i++)
        free(sets[i].y);
    free(sets);
    table_free(&table);
    model_close(&model);
    return err;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: plugin_posterior [--draws N] MODEL.so DATA.csv ID COLUMN [DRAWS.csv]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const struct option options[] = {{"draws", required_argument, NULL, 'd'}, {0}};
    int64_t draws = DRAWS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?')
            return usage();
        draws = strtoll(optarg, NULL, 10);
    }
    if (argc - optind < 4 || argc - optind > 5 || draws < 100)
        return usage();
    FILE *out = argc - optind == 5 ? fopen(argv[optind + 4], "w") : NULL;
    err_t err = argc - optind == 5 && out == NULL
                    ? err_fail(ERR_IO, "%s: can not be written", argv[optind + 4])
                    : run(argv + optind, out, draws);
    if (out != NULL)
        fclose(out);
    if (err != OK)
        fprintf(stderr, "plugin_posterior: %s\n", err_text());
    return err_exit_code(err);
}
