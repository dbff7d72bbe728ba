// SPDX-License-Identifier: Apache-2.0
//
// Digests of posteriors over all ranks, and the same on this rank alone: every bit must be the same.
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/posterior.h"
#include "coordinator/study.h"
#include "workers/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 41, DRAWS = 30 };

static const char STUDY[] = "study: a\nmodel: {builtin: location_scale}\n"
                            "network: {inference: {type: coupling_flow, size: small}}\n";

typedef struct {
    par_t world, self;
    simulator_t *simulator;
    study_t study;
    amortizer_t *amortizer;
    rows_t rows;
} setup_t;

static int fill(setup_t *s)
{
    for (int64_t i = 0; i < SETS; i++)
        if (simulator_row(s->simulator, 1, RNG_CHECK, i, &s->rows, i) != OK)
            return 1;
    s->rows.n = SETS;
    return 0;
}

static err_t make(setup_t *s, const par_t *par, posteriors_t *out)
{
    return posteriors_make(par, s->amortizer, &s->rows, s->rows.parameters, DRAWS, 7, "test", out);
}

static void digests_do_not_depend_on_ranks(void **state)
{
    setup_t *s = *state;
    posteriors_t together, alone;
    assert_int_equal(make(s, &s->world, &together), OK);
    assert_int_equal(make(s, &s->self, &alone), OK);
    int d = alone.digest.d;
    if (s->world.rank == 0) {
        assert_int_equal(d, 2);
        assert_memory_equal(together.digest.value, alone.digest.value,
                            (size_t)(SETS * d) * sizeof(digest_value_t));
        assert_memory_equal(together.digest.joint, alone.digest.joint,
                            SETS * sizeof(digest_joint_t));
        assert_memory_equal(together.digest.correlation, alone.digest.correlation,
                            (size_t)d * sizeof(double));
        assert_memory_equal(together.summaries, alone.summaries,
                            (size_t)(SETS * alone.width) * sizeof(float));
        assert_true(alone.n_statistics == 7 + 1); // of a set with one feature, and its length
        assert_memory_equal(together.statistics, alone.statistics,
                            (size_t)(SETS * alone.n_statistics) * sizeof(float));
        assert_memory_equal(together.kept, alone.kept,
                            (size_t)(together.kept_sets * DRAWS * d) * sizeof(double));
    }
    assert_int_equal(alone.exchange[0].sets, SETS);
    assert_memory_equal(together.exchange, alone.exchange, sizeof *alone.exchange);
    assert_true(shape_sums(DRAWS, d) == 3 && alone.shape[2] != 0);
    assert_memory_equal(together.shape, alone.shape, 3 * sizeof *alone.shape);
    posteriors_free(&together);
    posteriors_free(&alone);
}

/* What rank 0 alone has is sent to those who need it, and all draw the same as from rows of their own. */
static void observables_come_from_rank_0(void **state)
{
    setup_t *s = *state;
    posteriors_t alone, together;
    int64_t values = SETS * schema_size(&s->rows.schema->observables[0]);
    assert_int_equal(make(s, &s->self, &alone), OK);
    if (s->world.rank != 0)
        for (int64_t i = 0; i < values; i++)
            s->rows.observables[0][i] = NAN;
    assert_int_equal(make(s, &s->world, &together), OK);
    if (s->world.rank == 0) {
        assert_memory_equal(together.digest.value, alone.digest.value,
                            (size_t)(SETS * alone.digest.d) * sizeof(digest_value_t));
    } else {
        int64_t left = 0; // of others' data sets nothing comes
        for (int64_t i = 0; i < values; i++)
            left += isnan(s->rows.observables[0][i]);
        assert_true(left > 0 && left < values);
    }
    posteriors_free(&together);
    posteriors_free(&alone);
    assert_int_equal(fill(s), 0);
}

/* The digest is that of the draws, by the data sets whose draws are kept. */
static void kept_draws_are_those_that_were_digested(void **state)
{
    setup_t *s = *state;
    posteriors_t p;
    assert_int_equal(make(s, &s->self, &p), OK);
    assert_true(p.kept_sets == POSTERIOR_KEPT_SETS && p.kept_draws == DRAWS);
    for (int64_t i = 0; i < p.kept_sets; i++) {
        double sum = 0;
        for (int64_t j = 0; j < DRAWS; j++)
            sum += p.kept[(i * DRAWS + j) * p.digest.d];
        assert_true(sum / DRAWS == p.digest.value[i * p.digest.d].mean);
    }
    posteriors_free(&p);
}

static void a_bad_truth_fails_on_every_rank(void **state)
{
    setup_t *s = *state;
    posteriors_t p;
    double kept = s->rows.parameters[5];
    s->rows.parameters[5] = NAN;
    assert_true(err_is(make(s, &s->world, &p), ERR_FAILED));
    assert_non_null(strstr(err_text(), "data set 2: true value of parameter 1 is nan"));
    s->rows.parameters[5] = kept;
    posteriors_free(&p);
}

/* Last: the request stays. */
static void a_request_to_stop_ends_all_ranks(void **state)
{
    setup_t *s = *state;
    posteriors_t p;
    if (s->world.rank == 0)
        stop_request();
    assert_true(err_is(make(s, &s->world, &p), ERR_STOPPED));
    posteriors_free(&p);
}

static int set_up(setup_t *s)
{
    amortizer_config_t config;
    if (simulator_load_builtin("location_scale", &s->simulator) != OK ||
        study_parse(STUDY, "a.yaml", &s->study) != OK ||
        study_network(&s->study, simulator_schema(s->simulator), &config) != OK ||
        amortizer_create(&config, 1, &s->amortizer) != OK)
        return 1;
    s->rows = rows_create(simulator_schema(s->simulator), SETS);
    return fill(s);
}

static void tear_down(setup_t *s)
{
    rows_destroy(&s->rows);
    amortizer_destroy(&s->amortizer);
    simulator_close(&s->simulator);
    study_free(&s->study);
}

int main(int argc, char **argv)
{
    setup_t setup = {.world = par_start(&argc, &argv), .self = par_alone()};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(digests_do_not_depend_on_ranks, &setup),
        cmocka_unit_test_prestate(observables_come_from_rank_0, &setup),
        cmocka_unit_test_prestate(kept_draws_are_those_that_were_digested, &setup),
        cmocka_unit_test_prestate(a_bad_truth_fails_on_every_rank, &setup),
        cmocka_unit_test_prestate(a_request_to_stop_ends_all_ranks, &setup),
    };
    if (set_up(&setup) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("posterior", tests, NULL, NULL);
    tear_down(&setup);
    par_stop(&setup.world);
    return failed;
}
