// SPDX-License-Identifier: Apache-2.0
// Flow matching and diffusion against outputs of BayesFlow 2.1.0 with its weights (golden/peer/README.md):
//     test_golden_solved FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/diffusion.h"
#include "nn/flow_matching.h"
#include "nn/noise_schedule.h"
#include "tests/nn/golden_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 2, TIME_EMBED = 32 }; // of both files
enum { MOST_D = 8 };

static const char *folder;

typedef struct {
    golden_t golden;
    const inference_kind_t *kind;
    params_t *params;
    void *net, *eval;
    golden_array_t theta, z, condition;
    int64_t n, d, conditions;
} case_t;

static case_t make(const char *file, inference_type_t type, solver_t solver, int steps)
{
    case_t c = {.golden = golden_open(folder, file), .kind = inference_table[type]};
    inference_config_t config;
    c.theta = golden_read(&c.golden, "inputs/theta");
    c.z = golden_read(&c.golden, "inputs/z_in");
    c.condition = golden_read(&c.golden, "inputs/conditions");
    c.n = c.theta.shape.dims[0];
    c.d = c.theta.shape.dims[1];
    c.conditions = c.condition.shape.dims[1];
    inference_config_default(type, SIZE_BASE, &config);
    config.net.depth = BLOCKS;
    config.net.width = (int)c.golden.kernel_cols;
    config.net.time_embed = TIME_EMBED;
    config.golden = true;
    config.solver = solver;
    config.steps = steps;
    inference_shape_t shape = {c.d, c.conditions, 0};
    assert_int_equal(inference_config_check(&shape, &config), OK);
    c.params = params_create();
    c.net = c.kind->make(c.params, "inference", &shape, &config);
    params_seal(c.params, 1);
    golden_load(&c.golden, c.params);
    c.eval = c.kind->eval_create(c.net, c.params);
    return c;
}

static void end(case_t *c)
{
    c->kind->eval_destroy(c->eval);
    c->kind->destroy(c->net);
    params_destroy(&c->params);
    free(c->theta.value);
    free(c->z.value);
    free(c->condition.value);
    golden_close(&c->golden);
}

static void give(case_t *c, int64_t i)
{
    c->kind->eval_condition(c->eval, c->condition.value + i * c->conditions, NULL);
}

// Five data sets with one draw each: theta from z in 20 equal Euler steps.
static void check_carried(case_t *c,
                          void (*carry)(void *eval, int64_t n, float *x, double *log_density))
{
    golden_array_t expected = golden_read(&c->golden, "outputs/theta_from_z_in_euler20");
    for (int64_t i = 0; i < c->n; i++) {
        give(c, i);
        carry(c->eval, 1, c->z.value + i * c->d, NULL);
    }
    golden_assert_close(c->n * c->d, c->z.value, expected.value);
    free(expected.value);
}

// The reference's 40 steps of Dormand and Prince have an error far below the tolerance; so have 40 of RK4.
static void check_density(case_t *c)
{
    golden_array_t expected = golden_read(&c->golden, "outputs/log_density_rk45_40");
    for (int64_t i = 0; i < c->n; i++) {
        double log_density;
        give(c, i);
        c->kind->eval_density(c->eval, 1, c->theta.value + i * c->d, &log_density);
        golden_assert_close(1, &(float){(float)log_density}, &expected.value[i]);
    }
    free(expected.value);
}

static void flow_matching_carries_noise_to_the_golden_draws(void **state)
{
    (void)state;
    case_t c = make("flow_matching.h5", INFERENCE_FLOW_MATCHING, SOLVER_EULER, 20);
    check_carried(&c, flow_matching_carry);
    end(&c);
}

static void flow_matching_gives_the_golden_densities(void **state)
{
    (void)state;
    case_t c = make("flow_matching.h5", INFERENCE_FLOW_MATCHING, SOLVER_RK4, 40);
    check_density(&c);
    end(&c);
}

static void diffusion_gives_the_golden_velocities(void **state)
{
    (void)state;
    case_t c = make("diffusion.h5", INFERENCE_DIFFUSION, SOLVER_EULER, 20);
    golden_array_t time = golden_read(&c.golden, "inputs/time");
    golden_array_t log_snr = golden_read(&c.golden, "outputs/log_snr");
    golden_array_t expected = golden_read(&c.golden, "outputs/velocity_ode");
    float *v = MEM_NEW(float, c.n *c.d);
    for (int64_t i = 0; i < c.n; i++) {
        double t = (double)time.value[i];
        float got = (float)noise_at(SCHEDULE_COSINE, t).log_snr;
        golden_assert_close(1, &got, log_snr.value + i);
        give(&c, i);
        diffusion_velocity(c.eval, t, 1, c.theta.value + i * c.d, v + i * c.d, NULL);
    }
    golden_assert_close(c.n * c.d, v, expected.value);
    free(v);
    free(time.value);
    free(log_snr.value);
    free(expected.value);
    end(&c);
}

static void diffusion_carries_noise_to_the_golden_draws(void **state)
{
    (void)state;
    case_t c = make("diffusion.h5", INFERENCE_DIFFUSION, SOLVER_EULER, 20);
    check_carried(&c, diffusion_carry);
    end(&c);
}

// x and the integral of the divergence, of one draw
static void augmented(void *user, double t, const double *state, double *dstate)
{
    case_t *c = user;
    float x[MOST_D], dx[MOST_D];
    for (int64_t j = 0; j < c->d; j++)
        x[j] = (float)state[j];
    diffusion_velocity(c->eval, t, 1, x, dx, &dstate[c->d]);
    for (int64_t j = 0; j < c->d; j++)
        dstate[j] = (double)dx[j];
}

static double log_normal(int64_t d, const double *x)
{
    double sum = 0.0;
    for (int64_t j = 0; j < d; j++)
        sum -= 0.5 * x[j] * x[j] + 0.5 * log(2.0 * M_PI);
    return sum;
}

// Lambda falls so fast near t = 0 that 40 steps leave an error which we have to share: the same steps of the same method.
static void diffusion_gives_the_golden_densities(void **state)
{
    (void)state;
    case_t c = make("diffusion.h5", INFERENCE_DIFFUSION, SOLVER_RK4, 40);
    golden_array_t expected = golden_read(&c.golden, "outputs/log_density_rk45_40");
    ode_config_t steps = {.method = ODE_DOPRI5, .steps = 40};
    ode_t *ode = ode_create();
    for (int64_t i = 0; i < c.n; i++) {
        double x[MOST_D + 1] = {0.0};
        for (int64_t j = 0; j < c.d; j++)
            x[j] = (double)c.theta.value[i * c.d + j];
        give(&c, i);
        ode_solve(ode, &steps, augmented, &c, 1, c.d + 1, 0.0, 1.0, x);
        golden_assert_close(1, &(float){(float)(log_normal(c.d, x) + x[c.d])}, expected.value + i);
    }
    ode_destroy(&ode);
    free(expected.value);
    end(&c);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER (with flow_matching.h5, diffusion.h5)\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_matching_carries_noise_to_the_golden_draws),
        cmocka_unit_test(flow_matching_gives_the_golden_densities),
        cmocka_unit_test(diffusion_gives_the_golden_velocities),
        cmocka_unit_test(diffusion_carries_noise_to_the_golden_draws),
        cmocka_unit_test(diffusion_gives_the_golden_densities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
