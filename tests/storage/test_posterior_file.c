// SPDX-License-Identifier: Apache-2.0
// With two arguments (a path; "integers", "texts" or "arrays") it writes the example that check_posterior.py reads.
#include "storage/posterior_file.h"

#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/posterior_block.h"
#include "storage/posterior_summary.h"
#include "tests/storage/sample_array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { DATASETS = 5, DRAWS = 101, BLOCK = 2, P = 2, REFUSED = 2 };

static const char *const parameters[] = {"drift", "t0"};
static const char *const integer_ids[] = {"0", "7", "-3", "12", "100"};
static const char *const text_ids[] = {"0", "anna", "012", "M\xc3\xbcller", "1e3"};

static posterior_head_t example_head(const char *stamp)
{
    return (posterior_head_t){.datasets = DATASETS,
                              .draws = DRAWS,
                              .block_datasets = BLOCK,
                              .n_parameters = P,
                              .parameters = parameters,
                              .ids = integer_ids,
                              .stamp = stamp,
                              .model = "name: ddm\n",
                              .study = "study: reaction-times\n",
                              .weights = "9f3c21ab77e0d154",
                              .gate = "passed"};
}

/* Data set i, draw k: drift = i + sin k, t0 = 0.01 k (i + 1) - drift. */
static void example_draws(int64_t i, double *draws)
{
    for (int64_t k = 0; k < DRAWS; k++) {
        draws[k * P] = (double)i + sin((double)k);
        draws[k * P + 1] = 0.01 * (double)k * (double)(i + 1) - draws[k * P];
    }
}

static err_t write_block(const char *folder, const posterior_head_t *head, int64_t block)
{
    double draws[DRAWS * P];
    posterior_block_t *b = posterior_block_begin(head, block);
    for (int64_t k = 0; k < posterior_block_size(head, block); k++) {
        int64_t i = block * BLOCK + k;
        bool good = i != REFUSED;
        example_draws(i, draws);
        posterior_verdict_t verdict = {.accepted = good,
                                       .reason = good ? NULL : "rt is negative in line 7",
                                       .doubt = i == 3 ? "it leans" : NULL,
                                       .leans = i == 3,
                                       .n = 50 + i,
                                       .distance = 0.5 * (double)i,
                                       .p_value = good ? 1.0 / (double)(i + 1) : NAN,
                                       .edge_share = 0.001 * (double)i,
                                       .prior_edge_share = i == 3 ? NAN : 0.25 * (double)i,
                                       .rung = (posterior_rung_t)(i == 4 ? POSTERIOR_MCMC : i),
                                       .khat = 0.1 * (double)i,
                                       .ess = i == 0 ? NAN : 100.0 * (double)i,
                                       .rhat = i == 4 ? 1.002 : NAN};
        posterior_block_put(head, b, draws, &verdict);
    }
    err_t err = posterior_block_seal(folder, head, block, b);
    posterior_block_free(&b);
    return err;
}

/* mu, image (2, 3), sigma: value p of draw k of data set i is i + k / 8 + p / 128; data set 2 is refused. */
enum { ARRAY_P = 8 };

static double array_value(int64_t i, int64_t k, int p)
{
    return (double)i + (double)k / 8 + p / 128.0;
}

static posterior_head_t array_head(const schema_t *schema, const char **names)
{
    posterior_head_t head = example_head("arrays");
    for (int p = 0; p < ARRAY_P; p++)
        names[p] = schema->parameters[p].name;
    head.n_parameters = ARRAY_P;
    head.parameters = names;
    head.schema = schema;
    return head;
}

static err_t write_array_block(const char *folder, const posterior_head_t *head, int64_t block)
{
    double draws[DRAWS * ARRAY_P];
    posterior_block_t *b = posterior_block_begin(head, block);
    for (int64_t s = 0; s < posterior_block_size(head, block); s++) {
        int64_t i = block * BLOCK + s;
        posterior_verdict_t verdict = {.accepted = i != REFUSED};
        for (int64_t k = 0; k < DRAWS; k++)
            for (int p = 0; p < ARRAY_P; p++)
                draws[k * ARRAY_P + p] = array_value(i, k, p);
        posterior_block_put(head, b, draws, &verdict);
    }
    err_t err = posterior_block_seal(folder, head, block, b);
    posterior_block_free(&b);
    return err;
}

static err_t write_array_blocks(const char *folder, const posterior_head_t *head)
{
    for (int64_t block = 0; block < posterior_blocks(head); block++)
        TRY(write_array_block(folder, head, block));
    return OK;
}

static err_t write_arrays(const char *folder, const char *path)
{
    const char *names[ARRAY_P];
    schema_t schema = sample_array_schema();
    posterior_head_t head = array_head(&schema, names);
    err_t err = write_array_blocks(folder, &head);
    if (err == OK)
        err = posterior_join(folder, &head, path);
    posterior_blocks_remove(folder);
    schema_free(&schema);
    return err;
}

static err_t write_example(const char *path, const char *ids)
{
    posterior_head_t head = example_head("stamp-1");
    if (strcmp(ids, "texts") == 0) {
        head.ids = text_ids;
        head.unverified = head.note = "a first look";
    }
    char *folder = mem_format("%s.blocks", path);
    mkdir(folder, 0777);
    err_t err;
    if (strcmp(ids, "arrays") == 0) {
        err = write_arrays(folder, path);
        free(folder);
        return err;
    }
    for (int64_t block = 0; block < posterior_blocks(&head); block++)
        TRY_TO(done, write_block(folder, &head, block));
    TRY_TO(done, posterior_join(folder, &head, path));
    posterior_blocks_remove(folder);
done:
    free(folder);
    return err;
}

/* ---- tests ---- */

typedef struct {
    char folder[64], blocks[96], path[96];
} place_t;

static int place_make(void **state)
{
    place_t *p = MEM_NEW(place_t, 1);
    snprintf(p->folder, sizeof p->folder, "./test_posterior.XXXXXX");
    if (!mkdtemp(p->folder))
        return -1;
    snprintf(p->blocks, sizeof p->blocks, "%s/blocks", p->folder);
    snprintf(p->path, sizeof p->path, "%s/posterior.h5", p->folder);
    *state = p;
    return mkdir(p->blocks, 0777);
}

static int place_remove(void **state)
{
    place_t *p = *state;
    posterior_blocks_remove(p->blocks);
    unlink(p->path);
    rmdir(p->folder);
    free(p);
    return 0;
}

static void a_killed_inference_knows_what_is_done(void **state)
{
    const place_t *p = *state;
    posterior_head_t head = example_head("stamp-1"), other = example_head("stamp-2");
    assert_int_equal(posterior_blocks(&head), 3);
    assert_int_equal(posterior_block_size(&head, 2), 1);
    assert_int_equal(write_block(p->blocks, &head, 1), OK);
    assert_true(posterior_block_done(p->blocks, &head, 1));
    assert_false(posterior_block_done(p->blocks, &head, 0));
    assert_false(posterior_block_done(p->blocks, &other, 1));
    assert_string_equal(err_text(), "");
}

static void assert_draws(const char *path, const posterior_head_t *head)
{
    double draws[DRAWS * ARRAY_P];
    bool accepted;
    for (int64_t i = 0; i < head->datasets; i++) {
        assert_int_equal(posterior_file_draws(path, head, i, &accepted, draws), OK);
        assert_true(accepted == (i != REFUSED));
        for (int64_t k = 0; k < DRAWS * ARRAY_P; k++)
            assert_true(accepted ? draws[k] == array_value(i, k / ARRAY_P, (int)(k % ARRAY_P))
                                 : isnan(draws[k]));
    }
}

static void draws_of_a_data_set_are_read_back(void **state)
{
    const place_t *p = *state;
    const char *names[ARRAY_P];
    schema_t schema = sample_array_schema();
    posterior_head_t head = array_head(&schema, names);
    bool accepted;
    double draws[DRAWS * ARRAY_P];
    assert_false(posterior_file_has_draws(p->path));
    assert_int_equal(write_arrays(p->blocks, p->path), OK);
    assert_true(posterior_file_has_draws(p->path));
    assert_draws(p->path, &head);
    assert_int_not_equal(posterior_file_draws(p->path, &head, head.datasets, &accepted, draws), OK);
    assert_non_null(strstr(err_text(), p->path));
    schema_free(&schema);
}

static void joining_asks_for_every_block_of_this_inference(void **state)
{
    const place_t *p = *state;
    posterior_head_t head = example_head("stamp-1"), other = example_head("stamp-2");
    assert_int_equal(write_block(p->blocks, &head, 0), OK);
    assert_int_equal(write_block(p->blocks, &head, 1), OK);
    assert_int_equal(posterior_join(p->blocks, &head, p->path), -ERR_MISSING);
    assert_non_null(strstr(err_text(), "0000002.h5"));
    assert_int_equal(access(p->path, F_OK), -1);
    assert_int_equal(write_block(p->blocks, &other, 2), OK);
    assert_int_equal(posterior_join(p->blocks, &head, p->path), -ERR_MISMATCH);
    assert_non_null(strstr(err_text(), "stamp-2, expected stamp-1"));
    assert_int_equal(write_block(p->blocks, &head, 2), OK);
    assert_int_equal(posterior_join(p->blocks, &head, p->path), OK);
}

static void the_joined_file_holds_draws_and_verdicts_by_name(void **state)
{
    const place_t *p = *state;
    posterior_head_t head = example_head("stamp-1");
    for (int64_t block = 0; block < 3; block++)
        assert_int_equal(write_block(p->blocks, &head, block), OK);
    assert_int_equal(posterior_join(p->blocks, &head, p->path), OK);
    h5_id_t file;
    double t0[DATASETS * DRAWS], one[DRAWS * P];
    uint8_t accepted[DATASETS];
    h5_shape_t shape = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {DATASETS, 1, DRAWS}};
    h5_shape_t flags = h5_vector(H5_TYPE_U8, DATASETS);
    int64_t n;
    char **reasons;
    assert_int_equal(h5_open(p->path, &file), OK);
    assert_int_equal(h5_read(file, "posterior/t0", &shape, t0), OK);
    assert_int_equal(h5_read(file, "verdict/accepted", &flags, accepted), OK);
    assert_int_equal(h5_read_texts(file, "verdict/reason", &n, &reasons), OK);
    assert_int_equal(n, DATASETS);
    for (int64_t i = 0; i < DATASETS; i++) {
        assert_int_equal(accepted[i], i != REFUSED);
        assert_string_equal(reasons[i], i == REFUSED ? "rt is negative in line 7" : "");
        example_draws(i, one);
        for (int k = 0; k < DRAWS; k++)
            assert_true(i == REFUSED ? isnan(t0[i * DRAWS + k])
                                     : t0[i * DRAWS + k] == one[k * P + 1]);
    }
    h5_free_texts(n, &reasons);
    assert_int_equal(h5_close(&file), OK);
}

static void an_array_keeps_its_dims(void **state)
{
    const place_t *p = *state;
    static double image[DATASETS][DRAWS][2][3];
    double mean[DATASETS][2][3], correlation[DATASETS][2][2];
    h5_shape_t draws = {.type = H5_TYPE_F64, .n_dims = 5, .dims = {DATASETS, 1, DRAWS, 2, 3}};
    h5_shape_t means = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {DATASETS, 2, 3}};
    h5_shape_t scalars = {.type = H5_TYPE_F64, .n_dims = 3, .dims = {DATASETS, 2, 2}};
    h5_id_t file;
    assert_int_equal(write_example(p->path, "arrays"), OK);
    assert_int_equal(h5_open(p->path, &file), OK);
    assert_int_equal(h5_read(file, "posterior/image", &draws, image), OK);
    assert_int_equal(h5_read(file, "summary/image/mean", &means, mean), OK);
    assert_int_equal(h5_read(file, "summary/correlation", &scalars, correlation), OK);
    for (int64_t i = 0; i < DATASETS; i++)
        for (int v = 0; v < 6; v++) {
            for (int64_t k = 0; k < DRAWS; k++)
                assert_true(i == REFUSED ? isnan(image[i][k][v / 3][v % 3])
                                         : image[i][k][v / 3][v % 3] == array_value(i, k, 1 + v));
            assert_true(i == REFUSED ||
                        fabs(mean[i][v / 3][v % 3] - array_value(i, DRAWS / 2, 1 + v)) < 1e-12);
        }
    assert_true(fabs(correlation[0][0][1] - 1) < 1e-12); // of mu and sigma
    assert_int_equal(h5_close(&file), OK);
}

static void what_is_not_kept_is_not_there(void **state)
{
    const place_t *p = *state;
    static const struct {
        posterior_keep_t keep;
        bool draws, summary;
    } cases[] = {{POSTERIOR_KEEP_BOTH, true, true},
                 {POSTERIOR_KEEP_DRAWS, true, false},
                 {POSTERIOR_KEEP_SUMMARY, false, true}};
    double mean[3][DATASETS];
    h5_shape_t shape = h5_vector(H5_TYPE_F64, DATASETS);
    for (int c = 0; c < 3; c++) {
        posterior_head_t head = example_head("stamp-1");
        h5_id_t file;
        head.keep = cases[c].keep;
        for (int64_t block = 0; block < 3; block++)
            assert_int_equal(write_block(p->blocks, &head, block), OK);
        assert_true(posterior_block_done(p->blocks, &head, 1));
        assert_int_equal(posterior_join(p->blocks, &head, p->path), OK);
        assert_int_equal(h5_open(p->path, &file), OK);
        assert_true(h5_has(file, "posterior/t0") == cases[c].draws);
        assert_true(h5_has(file, "summary/t0/mean") == cases[c].summary);
        if (cases[c].summary)
            assert_int_equal(h5_read(file, "summary/t0/mean", &shape, mean[c]), OK);
        int64_t n;
        char **doubts;
        assert_int_equal(h5_read_texts(file, "verdict/doubt", &n, &doubts), OK);
        assert_string_equal(doubts[3], "it leans");
        assert_string_equal(doubts[2], "");
        h5_free_texts(n, &doubts);
        assert_int_equal(h5_close(&file), OK);
    }
    assert_memory_equal(mean[0], mean[2], sizeof mean[0]);
}

static void blocks_are_large_but_many(void **state)
{
    (void)state;
    posterior_head_t head = example_head("");
    assert_int_equal(posterior_block_choice(&head), 1); // fewer data sets than blocks
    head.datasets = 6400;
    assert_int_equal(posterior_block_choice(&head), 100);
    head.datasets = 1000000;
    head.draws = 1000;
    assert_int_equal(posterior_block_choice(&head), (32 << 20) / (P * 1005 * 8));
    head.keep = POSTERIOR_KEEP_SUMMARY;
    assert_int_equal(posterior_block_choice(&head), 4096);
    head.draws = 1 << 30;
    head.keep = POSTERIOR_KEEP_BOTH;
    assert_int_equal(posterior_block_choice(&head), 1);
}

static void a_file_is_known_by_its_stamp(void **state)
{
    const place_t *p = *state;
    assert_false(posterior_file_is(p->path, "stamp-1"));
    assert_int_equal(write_example(p->path, "integers"), OK);
    assert_true(posterior_file_is(p->path, "stamp-1"));
    assert_false(posterior_file_is(p->path, "stamp-2"));
    assert_string_equal(err_text(), "");
}

static void names_that_are_taken_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"drift", "chain"}, *const slash[] = {"a/b", "t0"};
    posterior_head_t head = example_head("");
    assert_int_equal(posterior_head_check(&head), OK);
    head.parameters = bad;
    assert_int_equal(posterior_head_check(&head), -ERR_USAGE);
    assert_non_null(strstr(err_text(), "\"chain\""));
    head.parameters = slash;
    assert_int_equal(posterior_head_check(&head), -ERR_USAGE);
    head = example_head("");
    head.datasets = 0;
    assert_int_equal(posterior_head_check(&head), -ERR_USAGE);
}

/* numpy.quantile([1, 2, 4, 8], q); mean and ddof = 1 of the same; r of (1, 2, 4, 8) with (1, 3, 2, 9). */
static void summaries_are_those_of_numpy(void **state)
{
    (void)state;
    const double x[] = {1, 2, 4, 8}, draws[] = {8, 9, 1, 1, 4, 2, 2, 3};
    double summary[2 * SUMMARY_COUNT], r[4];
    assert_true(fabs(posterior_quantile(4, x, 0.1) - 1.3) < 1e-15);
    assert_true(posterior_quantile(4, x, 1) == 8);
    posterior_summarize(4, 2, draws, summary);
    posterior_correlate(4, 2, draws, 2, (int[]){0, 1}, r);
    assert_true(summary[SUMMARY_MEAN] == 3.75);
    assert_true(fabs(summary[SUMMARY_SD] - 3.0956959368344519) < 1e-15);
    assert_true(summary[SUMMARY_MEDIAN] == 3);
    assert_true(fabs(summary[SUMMARY_Q025] - 1.075) < 1e-15 &&
                fabs(summary[SUMMARY_Q975] - 7.7) < 1e-14);
    assert_true(fabs(r[1] - 0.9212772401159601) < 1e-14 && r[1] == r[2] && r[0] == 1 && r[3] == 1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Against a full sort, for every small number of draws, with many that are equal. */
static void quantiles_are_those_of_a_sort(void **state)
{
    (void)state;
    enum { MOST = 300 };
    double x[MOST], sorted[MOST], summary[SUMMARY_COUNT];
    uint64_t seed = 1;
    for (int n = 2; n <= MOST; n++) {
        for (int i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            x[i] = sorted[i] = (double)(seed >> 40) / (n % 3 ? 1 : 1e6);
            if (n % 3 == 0)
                x[i] = sorted[i] = floor(x[i]);
        }
        posterior_summarize(n, 1, x, summary);
        qsort(sorted, (size_t)n, sizeof *sorted, by_value);
        assert_true(summary[SUMMARY_Q025] == posterior_quantile(n, sorted, 0.025));
        assert_true(summary[SUMMARY_MEDIAN] == posterior_quantile(n, sorted, 0.5));
        assert_true(summary[SUMMARY_Q975] == posterior_quantile(n, sorted, 0.975));
    }
}

static void a_nan_draw_gives_no_summary(void **state)
{
    (void)state;
    const double draws[] = {8, 9, 1, NAN};
    double summary[2 * SUMMARY_COUNT], r[4];
    posterior_summarize(2, 2, draws, summary);
    posterior_correlate(2, 2, draws, 2, (int[]){0, 1}, r);
    assert_true(isnan(summary[SUMMARY_MEAN]) && isnan(summary[SUMMARY_COUNT + SUMMARY_SD]) &&
                isnan(r[0]));
}

#define PLACED(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)

int main(int argc, char **argv)
{
    if (argc == 3)
        return err_exit_code(write_example(argv[1], argv[2]));
    const struct CMUnitTest tests[] = {
        PLACED(a_killed_inference_knows_what_is_done),
        PLACED(joining_asks_for_every_block_of_this_inference),
        PLACED(the_joined_file_holds_draws_and_verdicts_by_name),
        PLACED(an_array_keeps_its_dims),
        PLACED(draws_of_a_data_set_are_read_back),
        PLACED(what_is_not_kept_is_not_there),
        cmocka_unit_test(blocks_are_large_but_many),
        PLACED(a_file_is_known_by_its_stamp),
        cmocka_unit_test(names_that_are_taken_are_refused),
        cmocka_unit_test(summaries_are_those_of_numpy),
        cmocka_unit_test(quantiles_are_those_of_a_sort),
        cmocka_unit_test(a_nan_draw_gives_no_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
