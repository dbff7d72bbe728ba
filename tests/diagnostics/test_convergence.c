// SPDX-License-Identifier: Apache-2.0
// Takes tests/golden/trust.txt.
#include "diagnostics/convergence.h"

#include "cluster/mem.h"
#include "tests/diagnostics/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *golden_path;

static golden_t golden(const char *name, const char *what)
{
    char *full = mem_format("%s_%s", name, what);
    golden_t g = golden_read(golden_path, full);
    free(full);
    return g;
}

static void compare(const char *name, const char *what, double got)
{
    golden_t expected = golden(name, what);
    char *full = mem_format("%s_%s", name, what);
    golden_compare(full, 1, &got, expected.x, 1e-9);
    free(full);
    free(expected.x);
}

static void numbers_are_those_of_arviz(void **state)
{
    (void)state;
    const char *const names[] = {"free", "slow", "antithetic", "apart", "spread", "heavy", "one"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        golden_t x = golden(names[k], "chains"), shape = golden(names[k], "shape");
        convergence_t got = convergence((int)shape.x[0], (int64_t)shape.x[1], x.x);
        if (shape.x[0] > 1) // of a single chain ArviZ tells none; its halves are two
            compare(names[k], "rhat", got.rhat);
        else
            assert_true(got.rhat > 0.99);
        compare(names[k], "bulk", got.bulk);
        compare(names[k], "tail", got.tail);
        free(x.x);
        free(shape.x);
    }
}

static void what_can_not_be_judged_is_nan(void **state)
{
    (void)state;
    double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    convergence_t few = convergence(2, 3, x);
    assert_true(isnan(few.rhat) && isnan(few.bulk) && isnan(few.tail));
    x[5] = NAN;
    convergence_t bad = convergence(2, 4, x);
    assert_true(isnan(bad.rhat) && isnan(bad.bulk));
    for (int i = 0; i < 8; i++)
        x[i] = 2;
    convergence_t still = convergence(2, 4, x);
    assert_true(isnan(still.rhat) && still.bulk == 8 && still.tail == 8);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_convergence GOLDEN\n");
        return 2;
    }
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_arviz),
        cmocka_unit_test(what_can_not_be_judged_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
