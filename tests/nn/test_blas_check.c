// SPDX-License-Identifier: Apache-2.0
#include "nn/blas_check.h"
#include "nn/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/cluster/findings_seen.h"

static void one_thread_and_kernels_are_good(void **state)
{
    (void)state;
    findings_t list = findings_create();
    blas_check_given("SkylakeX", 1, "AVX-512", &list);
    assert_int_equal(list.n, 2);
    assert_int_equal(findings_count(&list, FINDING_OK), 2);
    assert_string_equal(list.all[0].found, "OpenBLAS for SkylakeX, 1 thread");
    findings_free(&list);
}

static void threads_and_old_processors_are_told(void **state)
{
    (void)state;
    findings_t list = findings_create();
    blas_check_given("Nehalem", 16, NULL, &list);
    assert_int_equal(findings_count(&list, FINDING_WARNING), 2);
    assert_string_equal(list.all[0].found, "OpenBLAS for Nehalem, 16 threads");
    assert_non_null(strstr(list.all[0].advice, "OPENBLAS_NUM_THREADS=1"));
    assert_true(last_is(&list, FINDING_WARNING, "none for this CPU"));
    findings_free(&list);
}

/* A kernel that is named is there. */
static void what_is_named_computes(void **state)
{
    (void)state;
    float a[16] = {1}, b[16] = {2}, c[16] = {0};
    const gemm_t p = {
        .m = 4, .n = 4, .k = 4, .a = {a, 4, 1}, .b = {b, 4, 1}, .alpha = 1, .c = c, .ldc = 4};
    assert_int_equal(gemm_run(&p), gemm_kernel() != NULL);
    findings_t list = findings_create();
    blas_check(&list);
    assert_int_equal(finding_of(&list, "own kernels")->verdict,
                     gemm_kernel() != NULL ? FINDING_OK : FINDING_WARNING);
    findings_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_and_kernels_are_good),
        cmocka_unit_test(threads_and_old_processors_are_told),
        cmocka_unit_test(what_is_named_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
