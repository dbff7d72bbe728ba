// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "nn/op.h"
#include "nn/transport.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static const transport_config_t usual = {.reg = 0.1, .steps = 20000, .tolerance = 1e-5};

static void fill_normal(uint64_t seed, int64_t n, float *x)
{
    rng_t rng = rng_at(seed, RNG_CHECK, 0);
    rng_fill_normal_f32(&rng, (size_t)n, x);
}

static int solve(int64_t n, const float *cost, const transport_config_t *config, float *plan)
{
    float *work = MEM_NEW(float, transport_plan_work(n) + 1);
    int steps = transport_plan(n, cost, config, plan, work);
    free(work);
    return steps;
}

static double row_sum(int64_t n, const float *plan, int64_t i)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++)
        sum += (double)plan[i * n + j];
    return sum;
}

static double col_sum(int64_t n, const float *plan, int64_t j)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)plan[i * n + j];
    return sum;
}

static void test_costs_are_squared_distances(void **state)
{
    const float theta[] = {0, 1, 2, 3}, z[] = {1, 1, -1, 0};
    float cost[4];
    (void)state;
    transport_cost(2, 2, theta, z, cost);
    assert_memory_equal(cost, ((const float[]){1, 2, 5, 18}), sizeof cost);
}

/* When no f moves by more than 1e-5, a column is off its sum by at most the factor exp(1e-5 / reg) - 1 = 1e-4, and float32
 * exponents of about 100 leave another 1e-5. */
static void test_the_plan_has_its_marginals(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= MOST; n *= 4) {
        float theta[MOST * 3], z[MOST * 3], *cost = MEM_NEW(float, n *n),
                                            *plan = MEM_NEW(float, n *n);
        fill_normal(1, n * 3, theta);
        fill_normal(2, n * 3, z);
        transport_cost(n, 3, theta, z, cost);
        assert_true(solve(n, cost, &usual, plan) < usual.steps);
        for (int64_t i = 0; i < n; i++) {
            assert_true(fabs(row_sum(n, plan, i) * (double)n - 1) < 3e-5);
            assert_true(fabs(col_sum(n, plan, i) * (double)n - 1) < 2e-4);
        }
        free(cost);
        free(plan);
    }
}

static void test_it_ends_after_the_steps_it_is_given(void **state)
{
    (void)state;
    float theta[MOST], z[MOST], *cost = MEM_NEW(float, MOST *MOST),
                                *plan = MEM_NEW(float, MOST *MOST);
    fill_normal(1, MOST, theta);
    fill_normal(2, MOST, z);
    transport_cost(MOST, 1, theta, z, cost);
    transport_config_t short_one = {.reg = 0.01, .steps = 3, .tolerance = 0};
    assert_int_equal(solve(MOST, cost, &short_one, plan), 3);
    for (int64_t i = 0; i < MOST; i++)
        assert_true(fabs(row_sum(MOST, plan, i) * MOST - 1) < 1e-4);
    assert_int_equal(solve(0, cost, &usual, plan), 0);
    free(cost);
    free(plan);
}

/* Least cost of all assignments of rows k ..n to the columns that are still free. */
static double best_assignment(int64_t n, const float *cost, int64_t k, unsigned used)
{
    double best = k == n ? 0 : INFINITY;
    for (int64_t j = 0; j < n && k < n; j++)
        if (!(used & 1u << j))
            best = fmin(best,
                        (double)cost[k * n + j] + best_assignment(n, cost, k + 1, used | 1u << j));
    return best;
}

/* Among plans of the same marginals the regularised one costs at most reg (H(P) - H(assignment)) <= reg ln n more than the
 * best assignment, and never less; marginals off by 1e-3 shift that by 1e-3 of the cost. */
static void test_with_little_regularisation_it_is_the_best_assignment(void **state)
{
    enum { N = 7 };
    const transport_config_t sharp = {.reg = 0.01, .steps = 20000, .tolerance = 1e-6};
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        float theta[2 * N], z[2 * N], cost[N * N], plan[N * N];
        fill_normal(2 * seed, 2 * N, theta);
        fill_normal(2 * seed + 1, 2 * N, z);
        transport_cost(N, 2, theta, z, cost);
        solve(N, cost, &sharp, plan);
        double best = best_assignment(N, cost, 0, 0) / N, got = 0;
        for (int k = 0; k < N * N; k++)
            got += (double)plan[k] * (double)cost[k];
        assert_true(got >= best * 0.999 && got <= best * 1.001 + 0.01 * log(N));
    }
}

/* Two conditions, (1, 0) and (0, 1), that say on which side theta lies. theta and z of the pairs are drawn as in training. */
typedef struct {
    float theta[MOST], z[MOST], condition[2 * MOST], cost[MOST * MOST], plan[MOST * MOST];
} sides_t;

static void make_sides(sides_t *s)
{
    fill_normal(3, MOST, s->z);
    fill_normal(4, MOST, s->theta);
    for (int i = 0; i < MOST; i++) {
        s->theta[i] = (i % 2 ? 2.0f : -2.0f) + 0.3f * s->theta[i];
        s->condition[2 * i] = i % 2 ? 0.0f : 1.0f;
        s->condition[2 * i + 1] = i % 2 ? 1.0f : 0.0f;
    }
    transport_cost(MOST, 1, s->theta, s->z, s->cost);
    solve(MOST, s->cost, &usual, s->plan);
}

static double mass_across(const float *plan)
{
    double sum = 0;
    for (int i = 0; i < MOST; i++)
        for (int j = 0; j < MOST; j++)
            sum += (i + j) % 2 ? (double)plan[i * MOST + j] : 0;
    return sum;
}

/* Without the term about half of the mass crosses, because the noise lies on both sides of zero under each condition. With
 * it at most 1 % of the pairs gain by crossing. */
static void test_unlike_conditions_are_kept_apart(void **state)
{
    sides_t *s = MEM_NEW(sides_t, 1);
    float *work = MEM_NEW(float, MOST *MOST);
    (void)state;
    make_sides(s);
    assert_true(mass_across(s->plan) > 0.3);
    double w = transport_keep_conditions(MOST, 2, s->condition, 0.01, s->cost, work);
    assert_true(w > 1);
    solve(MOST, s->cost, &usual, s->plan);
    assert_true(mass_across(s->plan) < 0.02);
    free(work);
    free(s);
}

/* All conditions alike: nothing is dear, whatever the weight. A condition of zeros is unlike every other. */
static void test_like_conditions_cost_nothing(void **state)
{
    const float alike[] = {1, 2, 2, 4, 0.5, 1}, zero[] = {0, 0, 1, 1, 1, 0};
    float cost[9] = {0}, work[9];
    (void)state;
    assert_true(transport_keep_conditions(3, 2, alike, 0.01, cost, work) >= 1);
    for (int k = 0; k < 9; k++)
        assert_true(fabs((double)cost[k]) < 0.2); // 2^20 roundings of 1e-7
    memset(cost, 0, sizeof cost);
    double w = transport_keep_conditions(3, 2, zero, 0.01, cost, work);
    assert_true(cost[0] == 0 && fabs((double)cost[1] - w) < 1e-6 && cost[2] == cost[1]);
}

/* Frequencies over 20,000 draws have a standard deviation of at most sqrt(0.25 / 20000) = 0.0035. */
static void test_rows_are_chosen_by_their_share(void **state)
{
    const float plan[9] = {0, 0.1f, 0.3f, 0.4f, 0, 0, 0.2f, 0.1f, 0.1f};
    const double share[9] = {0, 0.25, 0.75, 1, 0, 0, 0.5, 0.25, 0.25};
    int64_t count[9] = {0};
    rng_t rng = rng_at(7, RNG_CHECK, 0);
    (void)state;
    for (int k = 0; k < 20000; k++) {
        float uniform[3];
        int64_t choice[3];
        for (int i = 0; i < 3; i++)
            uniform[i] = (float)rng_uniform(&rng);
        transport_choose(3, plan, uniform, choice);
        for (int i = 0; i < 3; i++)
            count[3 * i + choice[i]]++;
    }
    for (int k = 0; k < 9; k++)
        assert_true(fabs((double)count[k] / 20000 - share[k]) < 4.5 * 0.0035);
    int64_t choice[3];
    transport_choose(3, plan, (const float[]){0, 0, 1}, choice);
    assert_true(choice[0] == 1 && choice[1] == 0 && choice[2] == 2);
}

/* Each row is one of the noise rows, and pairs lie nearer than they came. */
static void test_the_op_pairs_rows_again(void **state)
{
    (void)state;
    graph_t *g = graph_create(GRAPH_FORWARD, NULL, &(graph_limits_t){.sets = MOST, .draws = MOST});
    tensor_t *theta = graph_input(g, ROWS_DRAWS, 1, 2), *z = graph_input(g, ROWS_DRAWS, 1, 2);
    tensor_t *uniform = graph_input(g, ROWS_DRAWS, 1, 1);
    tensor_t *condition = graph_input(g, ROWS_SETS, 1, 3);
    tensor_t *paired = graph_keep(g, op_transport(g, theta, z, uniform, NULL));
    tensor_t *given = graph_keep(g, op_transport(g, theta, z, uniform, condition));
    graph_seal(g, NULL);
    for (int64_t n = MOST; n >= 0; n -= MOST / 2) {
        graph_begin(g, &(graph_batch_t){.sets = n, .draws = n});
        fill_normal(1, 2 * n, theta->value);
        fill_normal(2, 2 * n, z->value);
        fill_normal(3, 3 * n, condition->value);
        for (int64_t i = 0; i < n; i++)
            uniform->value[i] = 0.5f;
        graph_forward(g);
        double before = 0, after = 0, with_condition = 0;
        for (int64_t i = 0; i < 2 * n; i++) {
            before += pow((double)theta->value[i] - (double)z->value[i], 2);
            after += pow((double)theta->value[i] - (double)paired->value[i], 2);
            with_condition += pow((double)theta->value[i] - (double)given->value[i], 2);
        }
        assert_true(n == 0 || (after < 0.3 * before && with_condition <= before));
        for (int64_t i = 0; i < n; i++) {
            int found = 0;
            for (int64_t j = 0; j < n; j++)
                found |= memcmp(paired->value + 2 * i, z->value + 2 * j, 2 * sizeof(float)) == 0;
            assert_true(found);
        }
    }
    graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costs_are_squared_distances),
        cmocka_unit_test(test_the_plan_has_its_marginals),
        cmocka_unit_test(test_it_ends_after_the_steps_it_is_given),
        cmocka_unit_test(test_with_little_regularisation_it_is_the_best_assignment),
        cmocka_unit_test(test_unlike_conditions_are_kept_apart),
        cmocka_unit_test(test_like_conditions_cost_nothing),
        cmocka_unit_test(test_rows_are_chosen_by_their_share),
        cmocka_unit_test(test_the_op_pairs_rows_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
