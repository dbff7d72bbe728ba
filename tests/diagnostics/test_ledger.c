// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ledger.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N = 5000 };
static const char *const names[] = {"mu"};

static ledger_entry_t entry_of(int64_t at, char id[16], const char *verdict, bool refused, double p,
                               const double *value)
{
    snprintf(id, 16, "s%ld", (long)at);
    return (ledger_entry_t){at, id, verdict, 60, refused, p, value, value, value, value};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* p in an order without order: a permutation of 0 .. N - 1 over N. */
static void the_most_unusual_are_the_smallest_of_all(void **state)
{
    (void)state;
    static double sorted[N];
    char id[16];
    ledger_t l = ledger_create(N, 1, names, 0.05);
    for (int64_t i = 0; i < N; i++) {
        double value = (double)i;
        sorted[i] = (double)(i * 1999 % N) / N;
        ledger_entry_t e = entry_of(i, id, "accepted", false, sorted[i], &value);
        ledger_add(&l, &e);
    }
    ledger_finish(&l);
    qsort(sorted, N, sizeof *sorted, by_value);
    assert_true(l.accepted == N && l.refused == 0 && l.unusual == N / 20);
    assert_true(l.n_first == LEDGER_SHOWN && l.n_most == LEDGER_SHOWN);
    for (int k = 0; k < LEDGER_SHOWN; k++) {
        assert_true(l.most[k].p == sorted[k] && l.most[k].mean[0] == (double)l.most[k].at);
        assert_true(l.first[k].at == k && strtol(l.first[k].id + 1, NULL, 10) == k);
    }
    ledger_free(&l);
}

static void equals_stand_in_their_order(void **state)
{
    (void)state;
    char id[16];
    const double value = 1;
    ledger_t l = ledger_create(200, 1, names, 0.05);
    for (int64_t i = 0; i < 200; i++) {
        ledger_entry_t e = entry_of(i, id, "accepted", false, i % 2 ? 0.01 : NAN, &value);
        ledger_add(&l, &e);
    }
    ledger_finish(&l);
    assert_true(l.unusual == 100 && l.n_most == LEDGER_SHOWN);
    for (int k = 0; k < LEDGER_SHOWN; k++)
        assert_int_equal(l.most[k].at, 2 * k + 1);
    ledger_free(&l);
}

static void reasons_that_differ_in_numbers_are_one(void **state)
{
    (void)state;
    char id[16], why[64];
    const double none = NAN;
    ledger_t l = ledger_create(1000, 1, names, 0.05);
    for (int64_t i = 0; i < 1000;
         i++) { // 300 that differ in words, each once; 700 in numbers alone
        if (i < 300)
            snprintf(why, sizeof why, "no posterior: %c%c is odd", (char)('a' + i / 26),
                     (char)('a' + i % 26));
        else
            snprintf(why, sizeof why, "no posterior: n = %ld", (long)i);
        ledger_entry_t e =
            entry_of(i, id, i % 300 == 299 ? "no posterior: n = 7" : why, true, NAN, &none);
        ledger_add(&l, &e);
    }
    ledger_finish(&l);
    assert_true(l.refused == 1000 && l.unusual == 0 && l.n_most == 0);
    assert_true(l.n_refusals <= LEDGER_REASONS + 1);
    assert_string_equal(l.refusals[0].why, "other reasons");
    assert_int_equal(l.refusals[0].data_sets, 1000 - LEDGER_REASONS);
    ledger_free(&l);
}

static void all_of_a_few_are_kept(void **state)
{
    (void)state;
    char id[16];
    const double value = 1;
    ledger_t l = ledger_create(LEDGER_ALL, 1, names, 0.05);
    for (int64_t i = 0; i < LEDGER_ALL; i++) {
        ledger_entry_t e = entry_of(i, id, "no posterior: n = 3", i < 7, i < 7 ? NAN : 0, &value);
        ledger_add(&l, &e);
    }
    ledger_finish(&l);
    assert_true(l.n_first == LEDGER_ALL && l.n_most == 0 && l.unusual == LEDGER_ALL - 7);
    assert_true(l.n_refusals == 1 && l.refusals[0].data_sets == 7);
    assert_string_equal(l.refusals[0].first, "s0");
    ledger_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_unusual_are_the_smallest_of_all),
        cmocka_unit_test(equals_stand_in_their_order),
        cmocka_unit_test(reasons_that_differ_in_numbers_are_one),
        cmocka_unit_test(all_of_a_few_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
