// SPDX-License-Identifier: Apache-2.0
// Amortizers of every kind of observable, every summary network and every inference network, through the same checks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "nn/amortizer.h"
#include "nn/network_fields.h"
#include "tests/nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 4, P = 2, LONGEST = 9, SIDE = 8, MOST = SIDE * SIDE, DRAWS = 6 };

static double lower[MOST], upper[MOST];

// One observable of some kind beside a plain vector of three numbers.
typedef struct {
    amortizer_config_t config;
    amortizer_observable_t observables[2];
    amortizer_t *a;
    amortizer_work_t *train, *loss, *evaluate;
    int n_parameters;
    double parameters[SETS * MOST];
    int32_t length[SETS * 2];
    float y[SETS * MOST * 2], x[SETS * 3];
    const float *fields[2];
    batch_t batch;
} case_t;

static amortizer_observable_t shape_of(observable_kind_t kind)
{
    switch (kind) {
    case OBSERVABLE_VECTOR:
        return (amortizer_observable_t){.kind = kind, .max_length = 1, .features = 5};
    case OBSERVABLE_SET:
    case OBSERVABLE_SERIES:
        return (amortizer_observable_t){.kind = kind, .max_length = LONGEST, .features = 2};
    case OBSERVABLE_IMAGE:
        break;
    }
    return (amortizer_observable_t){
        .kind = kind, .max_length = SIDE * SIDE, .features = 1, .height = SIDE, .width = SIDE};
}

static void fill(case_t *c)
{
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < SETS; i++) {
        for (int j = 0; j < c->n_parameters; j++)
            c->parameters[i * c->n_parameters + j] = 0.6 + rng_uniform(&rng);
        c->length[2 * i] = i == 1 ? 0 : i == 2 ? 1 : LONGEST - i;
        c->length[2 * i + 1] = 3;
    }
    rng_fill_normal_f32(&rng, SETS * MOST * 2, c->y);
    rng_fill_normal_f32(&rng, SETS * 3, c->x);
    c->fields[0] = c->y;
    c->fields[1] = c->x;
    c->batch = (batch_t){SETS, c->parameters, NULL, c->length, c->fields};
}

static void begin(case_t *c)
{
    assert_int_equal(amortizer_create(&c->config, 3, &c->a), OK);
    fill(c);
    amortizer_calibrate(c->a, &c->batch);
    weights_perturb(amortizer_params(c->a), 4, 0.03);
    c->train = amortizer_work_create(c->a, WORK_TRAIN, SETS, 0);
    c->loss = amortizer_work_create(c->a, WORK_LOSS, SETS, 0);
    c->evaluate = amortizer_work_create(c->a, WORK_EVALUATE, 1, DRAWS);
}

static case_t *prepare(observable_kind_t kind, int n_parameters)
{
    case_t *c = MEM_NEW(case_t, 1);
    c->n_parameters = n_parameters;
    for (int j = 0; j < MOST; j++) {
        lower[j] = j == 0 ? 0.5 : -INFINITY;
        upper[j] = INFINITY;
    }
    c->observables[0] = shape_of(kind);
    c->observables[1] =
        (amortizer_observable_t){.kind = OBSERVABLE_VECTOR, .max_length = 1, .features = 3};
    c->config = (amortizer_config_t){.n_parameters = n_parameters,
                                     .n_observables = 2,
                                     .lower = lower,
                                     .upper = upper,
                                     .observables = c->observables};
    amortizer_config_default(&c->config, INFERENCE_COUPLING_FLOW, SIZE_SMALL, false);
    c->observables[0].summary.quantiles = kind == OBSERVABLE_SET;
    c->config.inference.flow.width = 8;
    return c;
}

static void end(case_t **c)
{
    amortizer_work_destroy(&(*c)->train);
    amortizer_work_destroy(&(*c)->loss);
    amortizer_work_destroy(&(*c)->evaluate);
    amortizer_destroy(&(*c)->a);
    free(*c);
    *c = NULL;
}

static double loss_of(void *user)
{
    case_t *c = user;
    rng_t noise = rng_at(5, RNG_CHECK, 0);
    return amortizer_loss(c->loss, &c->batch, 0.5, &noise, NULL);
}

static void check_training(case_t *c, bool differences)
{
    params_t *params = amortizer_params(c->a);
    float *gradient = MEM_NEW(float, params_size(params));
    rng_t noise = rng_at(5, RNG_CHECK, 0);
    double trained = amortizer_loss(c->train, &c->batch, 0.5, &noise, gradient);
    double evaluated = loss_of(c);
    assert_true(isfinite(trained) && isfinite(evaluated));
    // the weights of times that a stable consistency model learns have dropout of their own
    if (c->config.inference.type != INFERENCE_STABLE_CONSISTENCY)
        assert_true(fabs(trained - evaluated) <= 1e-4 * (1.0 + fabs(evaluated)));
    // a loss of a few units is sure to about 1e-6, so differences over steps of 1e-3 to some 1e-3 of it
    if (differences)
        weights_check_gradient(params, loss_of, c, gradient, 1e-3, 3e-2);
    free(gradient);
}

static batch_t rest_of(const case_t *c, int first, const float *fields[2])
{
    const amortizer_observable_t *o = c->observables;
    fields[0] = c->y + first * o[0].max_length * o[0].features;
    fields[1] = c->x + first * 3;
    return (batch_t){SETS - first, c->parameters + first * c->n_parameters, NULL,
                     c->length + 2 * first, fields};
}

// Draws of each data set are the same with and without those before it.
static void check_draws(case_t *c)
{
    enum { SKIPPED = 2 };
    int p = c->n_parameters;
    double *all = MEM_NEW(double, SETS *DRAWS *p), *rest = MEM_NEW(double, SETS *DRAWS *p);
    rng_t rng[SETS];
    const float *fields[2];
    for (int i = 0; i < SETS; i++)
        rng[i] = rng_at(9, RNG_CHECK, (uint64_t)i);
    amortizer_sample(c->evaluate, &c->batch, DRAWS, rng, all, NULL);
    batch_t batch = rest_of(c, SKIPPED, fields);
    for (int i = 0; i < SETS - SKIPPED; i++)
        rng[i] = rng_at(9, RNG_CHECK, (uint64_t)(i + SKIPPED));
    amortizer_sample(c->evaluate, &batch, DRAWS, rng, rest, NULL);
    assert_memory_equal(all + SKIPPED * DRAWS * p, rest,
                        (size_t)((SETS - SKIPPED) * DRAWS * p) * sizeof *all);
    for (int k = 0; k < SETS * DRAWS; k++) {
        assert_true(isfinite(all[k * p]) && all[k * p] > lower[0]);
        assert_true(isfinite(all[k * p + 1]));
    }
    free(rest);
    free(all);
}

static void make_small(summary_config_t *s)
{
    s->summary_dim = 3;
    s->width = 8;
    s->embed_dim = 8;
    s->heads = 2;
    s->seeds = 2;
    s->recurrent = 6;
    s->filters = 4;
    s->dropout = 0.0;
    for (int k = 0; k < s->stages; k++)
        s->stage_width[k] = 4;
}

static void test_every_summary_network(void **state)
{
    (void)state;
    for (int type = 0; type < SUMMARY_TYPES; type++) {
        case_t *c = prepare(summary_table[type]->kind, P);
        amortizer_config_summary(&c->config, 0, (summary_type_t)type, SIZE_SMALL, false);
        make_small(&c->observables[0].summary);
        begin(c);
        check_training(c, true);
        check_draws(c);
        end(&c);
    }
}

static void choose(case_t *c, int type)
{
    amortizer_config_inference(&c->config, (inference_type_t)type, SIZE_SMALL, false);
    c->config.inference.flow.width = 8;
    c->config.inference.net.width = 16;
    c->config.inference.net.depth = 2;
}

// What consistency models hold fixed in their loss is no part of its gradient, so differences would not agree.
static bool has_stops(int type)
{
    return type == INFERENCE_CONSISTENCY || type == INFERENCE_STABLE_CONSISTENCY;
}

static void test_every_inference_network(void **state)
{
    (void)state;
    for (int type = 0; type < INFERENCE_TYPES; type++) {
        case_t *c = prepare(OBSERVABLE_SET, P);
        choose(c, type);
        begin(c);
        check_training(c, !has_stops(type));
        check_draws(c);
        end(&c);
    }
}

static void test_parameters_that_form_an_image(void **state)
{
    (void)state;
    case_t *c = prepare(OBSERVABLE_IMAGE, SIDE * SIDE);
    choose(c, INFERENCE_DIFFUSION);
    time_net_config_t *n = &c->config.inference.net;
    n->subnet = SUBNET_UNET;
    n->height = n->image_width = SIDE;
    n->channels = 1;
    n->stages = 2;
    n->stage_width[0] = n->stage_width[1] = 4;
    n->stage_attention[0] = false;
    n->stage_attention[1] = true;
    n->blocks = 1;
    n->groups = 2;
    n->heads = 1;
    amortizer_config_route(&c->config);
    assert_true(c->observables[0].direct);
    begin(c);
    assert_int_equal(amortizer_summary_width(c->a), 2 + 3);
    check_training(c, true);
    check_draws(c);
    end(&c);
}

/* ---- ensembles ---- */

static void test_an_ensembles_density_is_the_mean_of_its_members(void **state)
{
    (void)state;
    case_t *c = prepare(OBSERVABLE_SET, P);
    c->config.members = 3;
    begin(c);
    check_training(c, true);
    check_draws(c);
    params_t *params = amortizer_params(c->a);
    assert_true(params_find(params, "member2/inference/layer0/scale") >= 0);
    double together[SETS], alone[3][SETS];
    amortizer_log_density(c->evaluate, &c->batch, together);
    for (int k = 0; k < 3; k++) { // all members given the weights of one
        case_t *one = prepare(OBSERVABLE_SET, P);
        begin(one);
        params_t *to = amortizer_params(one->a);
        for (int t = 0; t < params_count(to); t++) {
            const param_t *p = params_at(to, t);
            bool shared = strncmp(p->name, "features", 8) == 0;
            char *name = shared ? mem_format("%s", p->name) : mem_format("member%d/%s", k, p->name);
            int from = params_find(params, name);
            assert_true(from >= 0);
            memcpy(params_tensor(to, t), params_tensor(params, from),
                   (size_t)(p->rows * p->cols) * sizeof(float));
            free(name);
        }
        amortizer_log_density(one->evaluate, &one->batch, alone[k]);
        end(&one);
    }
    for (int i = 0; i < SETS; i++) {
        double mean = (exp(alone[0][i]) + exp(alone[1][i]) + exp(alone[2][i])) / 3.0;
        assert_true(fabs(together[i] - log(mean)) < 1e-5 * (1.0 + fabs(together[i])));
    }
    end(&c);
}

static void test_an_ensembles_draws_come_with_their_density(void **state)
{
    (void)state;
    case_t *c = prepare(OBSERVABLE_SET, P);
    c->config.members = 2;
    begin(c);
    double draws[SETS * DRAWS * P], log_q[SETS * DRAWS], again;
    rng_t rng[SETS];
    for (int i = 0; i < SETS; i++)
        rng[i] = rng_at(9, RNG_CHECK, (uint64_t)i);
    amortizer_sample(c->evaluate, &c->batch, DRAWS, rng, draws, log_q);
    for (int k = 0; k < DRAWS; k++) {
        batch_t one = {1, draws + k * P, NULL, c->length, c->fields};
        amortizer_log_density(c->evaluate, &one, &again);
        assert_true(fabs(again - log_q[k]) < 1e-3 * (1.0 + fabs(again)));
    }
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_summary_network),
        cmocka_unit_test(test_every_inference_network),
        cmocka_unit_test(test_parameters_that_form_an_image),
        cmocka_unit_test(test_an_ensembles_density_is_the_mean_of_its_members),
        cmocka_unit_test(test_an_ensembles_draws_come_with_their_density),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
