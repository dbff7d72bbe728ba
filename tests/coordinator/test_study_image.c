// SPDX-License-Identifier: Apache-2.0
// Which networks infer an image, and what is said where a study asks for others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/mem.h"
#include "coordinator/study_adapter.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE  "  - {name: image, dims: [6, 4]}\n"
#define COLOUR "  - {name: image, dims: [6, 4, 3]}\n"
#define MU     "  - {name: mu}\n"
#define WEIGHT "  - {name: w, dims: [5], lower: 0}\n"

typedef struct {
    study_t study;
    schema_t schema;
} made_t;

static void make(const char *parameters, const char *sections, made_t *m)
{
    char *model = mem_format("name: m\nversion: \"1\"\nparameters:\n%sobservables:\n"
                             "  - {name: y, kind: image, dims: [6, 4, 1]}\n",
                             parameters);
    char *study = mem_format("study: pictures\nmodel: {builtin: location_scale}\n%s", sections);
    if (schema_parse(model, "model", &m->schema) != OK ||
        study_parse(study, "study.yaml", &m->study) != OK)
        fail_msg("%s", err_text());
    free(study);
    free(model);
}

static void made_free(made_t *m)
{
    study_free(&m->study);
    schema_free(&m->schema);
}

static amortizer_config_t network_of(const char *parameters, const char *sections, made_t *m)
{
    amortizer_config_t network;
    make(parameters, sections, m);
    if (study_network(&m->study, &m->schema, &network) != OK)
        fail_msg("%s", err_text());
    return network;
}

static void refuses(const char *parameters, const char *sections, const char *words)
{
    made_t m;
    amortizer_config_t network;
    make(parameters, sections, &m);
    assert_int_equal(study_network(&m.study, &m.schema, &network), -ERR_USAGE);
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
    made_free(&m);
}

static void an_image_is_inferred_by_diffusion_with_a_unet_of_its_size(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t c = network_of(IMAGE, "", &m);
    assert_int_equal(c.n_parameters, 24);
    assert_int_equal(c.inference.type, INFERENCE_DIFFUSION);
    assert_int_equal(c.inference.net.subnet, SUBNET_UNET);
    assert_true(c.inference.net.height == 6 && c.inference.net.image_width == 4 &&
                c.inference.net.channels == 1);
    assert_true(c.observables[0].direct);
    made_free(&m);
}

static void channels_are_the_third_dim(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t c = network_of(COLOUR, "network: {size: small}\n", &m);
    assert_int_equal(c.inference.net.channels, 3);
    assert_int_equal(c.inference.net.stage_width[0], 16);
    made_free(&m);
}

static void a_vector_or_scalars_keep_the_flow(void **state)
{
    (void)state;
    made_t m;
    amortizer_config_t c = network_of(MU WEIGHT, "", &m);
    assert_int_equal(c.n_parameters, 6);
    assert_int_equal(c.inference.type, INFERENCE_COUPLING_FLOW);
    made_free(&m);
}

static void another_network_is_refused_with_the_cure(void **state)
{
    (void)state;
    refuses(IMAGE, "network: {inference: {type: coupling_flow}}\n",
            "image is an image of 6 x 4, and coupling_flow does not see which pixels are "
            "neighbours: expected {type: diffusion, subnet: unet}");
    refuses(IMAGE, "network: {inference: {type: point}}\n", "point does not see");
    refuses(IMAGE, "network: {inference: {subnet: time_mlp}}\n", "diffusion without a unet");
    refuses(IMAGE, "network: {inference: {image_height: 4, image_width: 6}}\n",
            "a unet for images of 4 x 6 x 1, but image is 6 x 4: leave image_height");
}

static void an_image_stands_alone(void **state)
{
    (void)state;
    made_t m;
    refuses(IMAGE MU, "", "mu is beside it: drop one of them (adapter: - drop: [mu])");
    refuses(WEIGHT IMAGE, "", "drop one of them (adapter: - drop: [w])");
    amortizer_config_t c = network_of(WEIGHT IMAGE MU, "adapter:\n  - drop: [mu, w]\n", &m);
    assert_int_equal(c.n_parameters, 24);
    made_free(&m);
}

static void an_adapter_takes_an_array_by_its_name(void **state)
{
    (void)state;
    made_t m;
    adapter_t *adapter;
    double x[6] = {0.5, 1, 2, 3, 4, 5}, u[6];
    make(MU WEIGHT, "adapter:\n  - standardize: {w: false}\n", &m);
    assert_int_equal(study_adapter(&m.study, &m.schema, &adapter), OK);
    for (int k = 0; k < 6; k++) {
        assert_int_equal(adapter_after(adapter)->parameters[k].standardize, k == 0);
        assert_int_equal(adapter_after(adapter)->parameters[k].array, k == 0 ? 0 : 2);
    }
    adapter_free(adapter, x, u, NULL);
    assert_true(u[1] == 0 && u[0] == 0.5); // ln 1 of a positive value
    adapter_destroy(&adapter);
    made_free(&m);
}

static void adapter_refuses(const char *sections, const char *words)
{
    made_t m;
    adapter_t *adapter;
    make(MU WEIGHT, sections, &m);
    assert_int_equal(study_adapter(&m.study, &m.schema, &adapter), -ERR_USAGE);
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err_text(), words);
    made_free(&m);
}

static void a_part_of_an_array_is_refused(void **state)
{
    (void)state;
    adapter_refuses("adapter:\n  - drop: [\"w[2]\"]\n",
                    "drop: \"w[2]\" is one value of an array: name the array");
    adapter_refuses("adapter:\n  - ordered: [w]\n", "ordered: \"w\" is an array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_inferred_by_diffusion_with_a_unet_of_its_size),
        cmocka_unit_test(channels_are_the_third_dim),
        cmocka_unit_test(a_vector_or_scalars_keep_the_flow),
        cmocka_unit_test(another_network_is_refused_with_the_cure),
        cmocka_unit_test(an_image_stands_alone),
        cmocka_unit_test(an_adapter_takes_an_array_by_its_name),
        cmocka_unit_test(a_part_of_an_array_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
