// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "tests/sanitized.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* Differences are sure to about 1e-5 of the result's size (gradcheck.h); sums over a few dozen entries and results of a
 * few units leave 3e-4 as the bound. A wrong factor or a lost term shows as 0.05 or more. */
#define TOLERANCE 3e-4
#define SEEDS     (SANITIZED ? 1 : 3)

static void each_op_is_complete(void **state)
{
    (void)state;
    for (int k = 0; op_table[k] != NULL; k++) {
        const op_kind_t *op = op_table[k];
        if (op->name == NULL || op->check == NULL || op->forward == NULL || op->example == NULL)
            fail_msg("row %d of the op table (%s) has an empty slot", k, op->name);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(op->name, op_table[j]->name);
    }
}

/* False where the op has no such variant. */
static bool check_variant(const op_kind_t *op, int variant, int64_t *compared)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double worst = 0;
        int64_t n = 0;
        if (!gradcheck_run(op, variant, seed, &worst, &n)) {
            if (seed > 0)
                fail_msg("%s: variant %d exists for some seeds only", op->name, variant);
            return false;
        }
        if (!(worst <= TOLERANCE))
            fail_msg("%s: variant %d, seed %d: error %g", op->name, variant, (int)seed, worst);
        *compared += n;
    }
    return true;
}

static void each_gradient_equals_differences(void **state)
{
    (void)state;
    for (int k = 0; op_table[k] != NULL; k++) {
        int64_t compared = 0;
        for (int variant = 0; check_variant(op_table[k], variant, &compared); variant++)
            ;
        if (compared == 0)
            fail_msg("%s: no entry was compared", op_table[k]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_op_is_complete),
        cmocka_unit_test(each_gradient_equals_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
