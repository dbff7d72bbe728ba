/* SPDX-License-Identifier: Apache-2.0
 *
 * A model for questions: a set of pairs whose number is the design variable n, an image of 2 x 2, a setting, and two
 * parameters, one of which is an array.
 */
#ifndef TESTS_WORKERS_QUESTION_CASE_H
#define TESTS_WORKERS_QUESTION_CASE_H

#include "cluster/mem.h"
#include "nn/adapter.h"
#include "workers/answer.h"

#include <math.h>
#include <string.h>

typedef struct {
    schema_t schema;
    adapter_t *adapter;
} question_case_t;

static inline question_case_t question_case_make(void)
{
    static const char about[] = "{\"name\":\"m\",\"version\":\"1\",\"parameters\":[{\"name\":\"a\"}"
                                ",{\"name\":\"b\",\"dims\":[2]}],"
                                "\"design\":[{\"name\":\"n\",\"lower\":1,\"upper\":4,\"integer\":"
                                "true},{\"name\":\"t\",\"lower\":0,"
                                "\"upper\":9}],\"observables\":[{\"name\":\"y\",\"kind\":\"set\","
                                "\"dims\":[\"n\",2]},{\"name\":"
                                "\"z\",\"kind\":\"image\",\"dims\":[2,2,1]}]}";
    question_case_t c;
    bool batch;
    err_t err = description_read(about, strlen(about), "here", &c.schema, &batch);
    CHECK(err == OK, "%s", err_text());
    adapter_observable_t observables[2] = {
        {.name = "y", .kind = OBSERVABLE_SET, .length = 4, .features = 2},
        {.name = "z",
         .kind = OBSERVABLE_IMAGE,
         .length = 4,
         .features = 1,
         .height = 2,
         .width = 2,
         .length_design = -1}};
    adapter_parameter_t parameters[3] = {
        {.name = "a", .lower = -INFINITY, .upper = INFINITY},
        {.name = "b[0]", .lower = -INFINITY, .upper = INFINITY, .array = 1},
        {.name = "b[1]", .lower = -INFINITY, .upper = INFINITY, .array = 1}};
    adapter_design_t design[2] = {{.name = "n", .lower = 1, .upper = 4}, {.name = "t", .upper = 9}};
    adapter_shape_t shape = {3, 2, 2, parameters, design, observables};
    err = adapter_create(NULL, &shape, &c.adapter);
    CHECK(err == OK, "%s", err_text());
    return c;
}

static inline void question_case_free(question_case_t *c)
{
    adapter_destroy(&c->adapter);
    schema_free(&c->schema);
}

#endif
