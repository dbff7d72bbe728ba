// SPDX-License-Identifier: Apache-2.0
//
// How far an amortizer of location_scale is from the truth: the Kullback-Leibler divergence of q from the true posterior
// (a grid in two dimensions), and the gap log p - log q at the true parameters, over held-out data sets.
//
//     location_scale_gap amortizer.h5 [data sets [limit in nats]]      exit 1 when the mean divergence is above the limit
#include "cluster/mem.h"
#include "coordinator/amortizer_file.h"
#include "coordinator/trainer.h"
#include "tests/reference/grid_posterior.h"
#include "workers/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20110 };

typedef struct {
    double sum, squares;
    int64_t n;
} mean_t;

static void mean_add(mean_t *m, double value)
{
    m->sum += value;
    m->squares += value * value;
    m->n++;
}

static double mean_value(const mean_t *m)
{
    return m->sum / (double)m->n;
}

static double mean_error(const mean_t *m)
{
    double mean = mean_value(m), n = (double)m->n;
    return sqrt((m->squares / n - mean * mean) / (n - 1));
}

/* log q at each node of the grid: the same data set under many parameters, in blocks. */
static void density_at_nodes(amortizer_work_t *work, const rows_t *row, int64_t n,
                             const double *parameters, double *out)
{
    enum { BLOCK = 32 };
    static const float *fields[1];
    rows_t block = rows_create(row->schema, BLOCK);
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        for (int64_t k = 0; k < m; k++) {
            rows_copy(row, 0, &block, k);
            memcpy(block.parameters + 2 * k, parameters + 2 * (i + k), 2 * sizeof(double));
        }
        batch_t batch = batch_of_rows(&block, 0, m, fields);
        amortizer_log_density(work, &batch, out + i);
    }
    rows_destroy(&block);
}

static double divergence(amortizer_work_t *work, const rows_t *row, const grid_posterior_t *grid)
{
    double *parameters = MEM_NEW(double, 2 * grid->n), *density = MEM_NEW(double, grid->n), sum = 0;
    for (int64_t i = 0; i < grid->n; i++) {
        parameters[2 * i] = grid->mu[i];
        parameters[2 * i + 1] = grid->sigma[i];
    }
    density_at_nodes(work, row, grid->n, parameters, density);
    for (int64_t i = 0; i < grid->n; i++)
        sum += grid->weight[i] * (grid->log_density[i] - density[i]);
    free(parameters);
    free(density);
    return sum;
}

static err_t measure(trained_t *t, simulator_t *simulator, int64_t n, mean_t *gap, mean_t *at_truth)
{
    rows_t row = rows_create(simulator_schema(simulator), 1);
    amortizer_work_t *work = amortizer_work_create(t->amortizer, WORK_EVALUATE, 32, 32);
    err_t err = OK;
    for (int64_t i = 0; i < n && err == OK; i++) {
        grid_posterior_t grid = {0};
        TRY_TO(done, simulator_row(simulator, SEED, RNG_CHECK, i, &row, 0));
        TRY_TO(done, grid_posterior(row.length[0], row.observables[0], 0.5, &grid));
        mean_add(gap, divergence(work, &row, &grid));
        double truth;
        density_at_nodes(work, &row, 1, row.parameters, &truth);
        mean_add(at_truth, grid_posterior_log_density(&grid, row.length[0], row.observables[0],
                                                      row.parameters[0], row.parameters[1]) -
                               truth);
        grid_posterior_free(&grid);
    }
done:
    amortizer_work_destroy(&work);
    rows_destroy(&row);
    return err;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: location_scale_gap amortizer.h5 [data sets [limit]]\n");
        return 2;
    }
    int64_t n = argc > 2 ? atol(argv[2]) : 2000;
    double limit = argc > 3 ? atof(argv[3]) : 0.05;
    trained_t trained = {0};
    simulator_t *simulator = NULL;
    mean_t gap = {0}, at_truth = {0};
    err_t err = trained_load(argv[1], &trained);
    if (err == OK)
        err = simulator_load_builtin("location_scale", &simulator);
    if (err == OK)
        err = measure(&trained, simulator, n, &gap, &at_truth);
    if (err == OK)
        printf("divergence from the true posterior %.4f +- %.4f nats; at the true parameters %.4f "
               "+- %.4f nats; "
               "%ld data sets\n",
               mean_value(&gap), mean_error(&gap), mean_value(&at_truth), mean_error(&at_truth),
               (long)n);
    else
        fprintf(stderr, "%s\n", err_text());
    simulator_close(&simulator);
    trained_free(&trained);
    return err != OK || mean_value(&gap) > limit;
}
