// SPDX-License-Identifier: Apache-2.0
//
// Steps over all ranks, and the same steps on this rank alone: the weights must be the same in every bit.
#include "cluster/mem.h"
#include "coordinator/exchange.h"
#include "coordinator/study.h"
#include "coordinator/trainer.h"
#include "workers/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLICES = 5, SLICE_ROWS = 8, STEPS = 6, VALIDATION = 70 };

/* Weights enough for several buckets of the exchange. */
static const char STUDY[] = "study: a\nmodel: {builtin: location_scale}\n"
                            "network: {inference: {type: coupling_flow, width: 192}}\n";

typedef struct {
    par_t world, self;
    simulator_t *simulator;
    study_t study;
    amortizer_config_t config;
} setup_t;

static trainer_config_t settings(void)
{
    trainer_config_t c = {.slices = SLICES,
                          .slice_rows = SLICE_ROWS,
                          .seed = 3,
                          .subsets = 0.5,
                          .adamw = adamw_config_default(),
                          .schedule = {.peak = 1e-3, .warmup = 2, .total = STEPS}};
    return c;
}

static rows_t simulated(const setup_t *s, int64_t first, int64_t n)
{
    rows_t rows = rows_create(simulator_schema(s->simulator), n);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(simulator_row(s->simulator, 1, RNG_CHECK, first + i, &rows, i), OK);
    rows.n = n;
    return rows;
}

static double train(const setup_t *s, const par_t *par, amortizer_t *a)
{
    trainer_config_t config = settings();
    trainer_t *t = trainer_create(par, &config, simulator_schema(s->simulator), a);
    double loss, norm, last = 0;
    for (int64_t step = 0; step < STEPS; step++) {
        for (int k = 0; k < trainer_slice_count(t); k++) {
            rows_t rows =
                simulated(s, (step * SLICES + trainer_slice(t, k)) * SLICE_ROWS, SLICE_ROWS);
            trainer_add(t, step, k, &rows);
            rows_destroy(&rows);
        }
        assert_int_equal(trainer_finish_step(t, step, &loss, &norm), OK);
        assert_true(isfinite(loss) && norm > 0);
    }
    rows_t validation = simulated(s, 100000, VALIDATION);
    trainer_use_average(t);
    last = trainer_validate(t, &validation);
    trainer_use_raw(t);
    rows_destroy(&validation);
    trainer_destroy(&t);
    return last;
}

static void weights_do_not_depend_on_ranks(void **state)
{
    setup_t *s = *state;
    amortizer_t *together = NULL, *alone = NULL;
    assert_int_equal(amortizer_create(&s->config, 1, &together), OK);
    assert_int_equal(amortizer_create(&s->config, 1, &alone), OK);
    double a = train(s, &s->world, together), b = train(s, &s->self, alone);
    size_t bytes = (size_t)params_size(amortizer_params(alone)) * sizeof(float);
    assert_true(bytes > 3 * EXCHANGE_BUCKET * sizeof(float));
    assert_memory_equal(params_value(amortizer_params(together)),
                        params_value(amortizer_params(alone)), bytes);
    assert_true(a == b);
    amortizer_destroy(&together);
    amortizer_destroy(&alone);
}

static void a_loss_that_is_not_finite_stops_on_every_rank(void **state)
{
    setup_t *s = *state;
    amortizer_t *a = NULL;
    assert_int_equal(amortizer_create(&s->config, 1, &a), OK);
    trainer_config_t config = settings();
    trainer_t *t = trainer_create(&s->world, &config, simulator_schema(s->simulator), a);
    size_t bytes = (size_t)params_size(amortizer_params(a)) * sizeof(float);
    float *before = mem_alloc(bytes, 1);
    memcpy(before, params_value(amortizer_params(a)), bytes);
    for (int k = 0; k < trainer_slice_count(t); k++) {
        rows_t rows = simulated(s, 0, SLICE_ROWS);
        if (trainer_slice(t, k) == SLICES - 1) // every element: a subset of them keeps some
            for (int i = 0; i < rows.length[0]; i++)
                rows.observables[0][i] = NAN;
        trainer_add(t, 0, k, &rows);
        rows_destroy(&rows);
    }
    double loss, norm;
    assert_true(err_is(trainer_finish_step(t, 0, &loss, &norm), ERR_DIVERGED));
    assert_memory_equal(before, params_value(amortizer_params(a)), bytes);
    free(before);
    trainer_destroy(&t);
    amortizer_destroy(&a);
}

static int set_up(void **state)
{
    setup_t *s = *state;
    return simulator_load_builtin("location_scale", &s->simulator) != OK ||
           study_parse(STUDY, "a.yaml", &s->study) != OK ||
           study_network(&s->study, simulator_schema(s->simulator), &s->config) != OK;
}

static int tear_down(void **state)
{
    setup_t *s = *state;
    simulator_close(&s->simulator);
    study_free(&s->study);
    return 0;
}

int main(int argc, char **argv)
{
    setup_t setup = {.world = par_start(&argc, &argv)};
    setup.self = (par_t){.comm = MPI_COMM_SELF, .rank = 0, .size = 1};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(weights_do_not_depend_on_ranks, &setup),
        cmocka_unit_test_prestate(a_loss_that_is_not_finite_stops_on_every_rank, &setup),
    };
    void *state = &setup;
    if (set_up(&state) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("trainer", tests, NULL, NULL);
    tear_down(&state);
    par_stop(&setup.world);
    return failed;
}
