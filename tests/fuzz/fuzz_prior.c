// SPDX-License-Identifier: Apache-2.0
// `parameters:` of a study, for a model of four parameters: what is accepted can be drawn from, inside its support and with
// a density.
#include "cluster/mem.h"
#include "tests/fuzz/fuzz.h"
#include "workers/prior.h"

#include <math.h>
#include <stdlib.h>

enum { P = 4 };

static schema_t model(void)
{
    static const char *const names[P] = {"a", "b", "c", "d"};
    schema_t s = {.name = mem_copy_text("m"), .version = mem_copy_text("1"), .n_parameters = P};
    s.parameters = MEM_NEW(schema_parameter_t, P);
    for (int p = 0; p < P; p++)
        s.parameters[p] = (schema_parameter_t){
            .name = mem_copy_text(names[p]), .lower = -INFINITY, .upper = INFINITY};
    return s;
}

static void draw_from(const prior_t *prior)
{
    double x[P], lower, upper;
    for (uint64_t row = 0; row < 3; row++) {
        rng_t r = rng_at(1, RNG_CHECK, row);
        prior_draw(prior, &r, x);
        for (int p = 0; p < P; p++) {
            prior_support(prior, p, &lower, &upper);
            CHECK(isfinite(x[p]) && x[p] > lower && x[p] < upper, "%s drew %.17g",
                  prior_text(prior, p), x[p]);
        }
        CHECK(!isnan(prior_log_density(prior, x)), "no density: %s ...", prior_text(prior, 0));
    }
}

static err_t use(yaml_doc_t *doc, arena_t *arena, const schema_t *schema)
{
    prior_lines_t lines;
    prior_t *prior = NULL;
    TRY(prior_read(yaml_root(doc), "study.yaml", arena, &lines));
    if (lines.n == 0)
        return OK;
    TRY(prior_create(&lines, schema, &prior));
    draw_from(prior);
    prior_destroy(&prior);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yaml_doc_t *doc = NULL;
    arena_t *arena = arena_create();
    schema_t schema = model();
    char *text = fuzz_text(data, size);
    err_t err = yaml_read_text(text, "study.yaml", &doc);
    if (err == OK)
        err = use(doc, arena, &schema);
    fuzz_expect_words(err);
    yaml_close(&doc);
    free(text);
    schema_free(&schema);
    arena_destroy(&arena);
    return 0;
}
