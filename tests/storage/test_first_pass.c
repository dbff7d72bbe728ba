// SPDX-License-Identifier: Apache-2.0
#include "storage/first_pass.h"

#include "cluster/mem.h"
#include "tests/storage/memory_bank.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 10000 };

static shuffle_t *plan(int64_t rows, int64_t validation_rows)
{
    shuffle_config_t config = shuffle_config_default();
    config.rows = rows;
    config.validation_rows = validation_rows;
    shuffle_t *s = NULL;
    assert_int_equal(shuffle_create(&config, &s), OK);
    return s;
}

static void assert_close(double got, double expected)
{
    assert_true(fabs(got - expected) <= 1e-10 * (1 + fabs(expected)));
}

/* Mean and population sd by two plain passes in long double. */
typedef struct {
    long double sum, squares;
    int64_t n;
} plain_t;

static void plain_add(plain_t *p, double shift, double x)
{
    p->sum += (long double)x - (long double)shift;
    p->squares += ((long double)x - (long double)shift) * ((long double)x - (long double)shift);
    p->n++;
}

static void assert_plain(const plain_t *p, double shift, double mean, double sd)
{
    long double m = p->sum / (long double)p->n;
    assert_close(mean, shift + (double)m);
    assert_close(sd, sqrt((double)(p->squares / (long double)p->n - m * m)));
}

static void means_and_sds_are_those_of_a_plain_sum(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 700);
    first_pass_t got;
    assert_int_equal(first_pass_run(&(first_pass_config_t){.bank = bank, .shuffle = s}, &got), OK);
    plain_t p = {0}, N = {0}, y = {0}, v = {0};
    for (int64_t i = 0; i < ROWS; i++) {
        if (!shuffle_is_usable(s, i))
            continue;
        plain_add(&p, 5000, (double)i + 0.5);
        plain_add(&N, 3, (double)(2 + i % 3));
        plain_add(&v, 5000, (double)i);
        for (int64_t e = 0; e < 2 + i % 3; e++)
            plain_add(&y, 5000, (double)i + 0.25 * (double)e);
    }
    assert_int_equal(got.rows, ROWS - 700);
    assert_plain(&p, 5000, got.parameter_mean[0], got.parameter_sd[0]);
    assert_plain(&N, 3, got.design_mean[0], got.design_sd[0]);
    assert_int_equal(got.features[0], 2);
    assert_plain(&y, 5000, got.observable_mean[0][0], got.observable_sd[0][0]);
    assert_close(got.observable_mean[0][1], -got.observable_mean[0][0]);
    assert_int_equal(got.features[1], 2);
    assert_plain(&v, 5000, got.observable_mean[1][1], got.observable_sd[1][1]);
    first_pass_free(&got);
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

static void a_constant_column_has_sd_one(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 0);
    first_pass_t got;
    assert_int_equal(first_pass_run(&(first_pass_config_t){.bank = bank, .shuffle = s}, &got), OK);
    assert_true(got.observable_mean[1][0] == 1 && got.observable_sd[1][0] == 1);
    first_pass_free(&got);
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

// One parameter, no design, one observable of two columns and one value.
static err_t tenth(void *user, const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    static const float value = 3;
    *(int64_t *)user += 1;
    out->parameters[0] = 0.1 + 0 * rows->parameters[at * rows->schema->n_parameters];
    out->observables[0] = &value;
    out->values[0] = 1;
    return OK;
}

static err_t refuse(void *user, const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    (void)user, (void)out;
    return err_fail(ERR_USAGE, "row %ld can not be read", (long)rows->index[at]);
}

static void the_transform_is_called_for_each_row_and_rounding_is_no_spread(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 100);
    int64_t calls = 0;
    first_pass_t got;
    first_pass_config_t config = {.bank = bank,
                                  .shuffle = s,
                                  .transform = tenth,
                                  .user = &calls,
                                  .shape = {1, 0, 1, (int64_t[]){2}, NULL}};
    assert_int_equal(first_pass_run(&config, &got), OK);
    assert_int_equal(calls, ROWS - 100);
    assert_close(got.parameter_mean[0], 0.1);
    assert_true(got.parameter_sd[0] == 1);
    assert_int_equal(got.features[0], 2);
    assert_true(got.observable_mean[0][0] == 3 && got.observable_mean[0][1] == 0);
    assert_int_equal(got.rows, ROWS - 100);
    first_pass_free(&got);
    config.transform = refuse;
    assert_true(err_is(first_pass_run(&config, &got), ERR_USAGE));
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

// An array of two values, i and a constant, and a scalar i.
static err_t pair(void *user, const rows_t *rows, int64_t at, first_pass_row_t *out)
{
    static const float value = 3;
    (void)user;
    out->parameters[0] = out->parameters[2] = (double)rows->index[at];
    out->parameters[1] = -1;
    out->observables[0] = &value;
    out->values[0] = 1;
    return OK;
}

/* Of 0 .. N - 1: mean (N - 1) / 2, variance (N^2 - 1) / 12; together with as many times -1 the mean of both, and the mean of
 * the variances plus that of the squared distances of the means. */
static void values_of_an_array_have_one_mean_and_sd(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 0);
    first_pass_t got;
    first_pass_config_t config = {.bank = bank,
                                  .shuffle = s,
                                  .transform = pair,
                                  .shape = {3, 0, 1, (int64_t[]){1}, (int[]){1, 1, 0}}};
    double n = ROWS, mean = (n - 1) / 2, variance = (n * n - 1) / 12, half = (mean + 1) / 2;
    assert_int_equal(first_pass_run(&config, &got), OK);
    assert_int_equal(got.rows, ROWS);
    assert_close(got.parameter_mean[0], (mean - 1) / 2);
    assert_close(got.parameter_sd[0], sqrt(variance / 2 + half * half));
    assert_true(got.parameter_mean[1] == got.parameter_mean[0] &&
                got.parameter_sd[1] == got.parameter_sd[0]);
    assert_close(got.parameter_mean[2], mean);
    assert_close(got.parameter_sd[2], sqrt(variance));
    first_pass_free(&got);
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

/* Three ranks share the parts, each adds into zeros; the sum merges to the same bits. */
static void parts_shared_by_ranks_give_the_same_bits(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 700);
    first_pass_config_t config = {.bank = bank, .shuffle = s};
    int64_t n = first_pass_parts(&config), size = first_pass_part_size(&config);
    assert_int_equal(n, 3);
    double *sum = MEM_NEW(double, n *size);
    for (int64_t rank = 2; rank >= 0; rank--) {
        double *mine = MEM_NEW(double, n *size);
        assert_int_equal(first_pass_part(&config, rank, mine + rank * size), OK);
        for (int64_t i = 0; i < n * size; i++)
            sum[i] += mine[i];
        free(mine);
    }
    first_pass_t shared, alone;
    first_pass_merge(&config, sum, &shared);
    assert_int_equal(first_pass_run(&config, &alone), OK);
    assert_memory_equal(shared.parameter_mean, alone.parameter_mean, sizeof(double));
    assert_memory_equal(shared.parameter_sd, alone.parameter_sd, sizeof(double));
    assert_memory_equal(shared.observable_mean[0], alone.observable_mean[0], 2 * sizeof(double));
    assert_memory_equal(shared.observable_sd[0], alone.observable_sd[0], 2 * sizeof(double));
    first_pass_free(&shared);
    first_pass_free(&alone);
    free(sum);
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

static void an_error_of_the_bank_comes_back(void **state)
{
    (void)state;
    bank_t *bank = memory_bank_create(ROWS);
    shuffle_t *s = plan(ROWS, 0);
    memory_bank_fail_at(bank, 9000);
    first_pass_t got;
    assert_int_equal(first_pass_run(&(first_pass_config_t){.bank = bank, .shuffle = s}, &got),
                     -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "row 9000"));
    shuffle_destroy(&s);
    memory_bank_destroy(&bank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_sds_are_those_of_a_plain_sum),
        cmocka_unit_test(a_constant_column_has_sd_one),
        cmocka_unit_test(the_transform_is_called_for_each_row_and_rounding_is_no_spread),
        cmocka_unit_test(values_of_an_array_have_one_mean_and_sd),
        cmocka_unit_test(parts_shared_by_ranks_give_the_same_bits),
        cmocka_unit_test(an_error_of_the_bank_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
