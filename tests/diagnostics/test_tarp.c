// SPDX-License-Identifier: Apache-2.0
// The peer's numbers against NumPy and SciPy; ours against what is known of uniform and of wrong counts.
#include "diagnostics/tarp.h"
#include "tests/diagnostics/golden.h"

#include "cluster/mem.h"
#include "cluster/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

enum { N = 40, S = 21, D = 3 };

static tarp_t compute(const digest_t *g)
{
    ecdf_null_t *null = log_gamma_null(g->n, g->s, 1);
    tarp_t t = tarp_compute(g, null);
    ecdf_null_destroy(&null);
    return t;
}

/* The golden file has counts for every shift of the references; ours is one of them. */
static void numbers_are_the_peers(void **state)
{
    golden_t draws = golden_read(*state, "draws"), truth = golden_read(*state, "truth");
    golden_t nearer = golden_read(*state, "tarp_nearer"), peer = golden_read(*state, "tarp_peer");
    digest_t g;
    assert_int_equal(digest_of_draws(N, S, D, draws.x, truth.x, &g), OK);
    int shift = 0, same = 0;
    for (int s = 0; s < N - 1; s++) {
        int equal = 1;
        for (int i = 0; i < N; i++)
            equal &= nearer.x[s * N + i] == g.joint[i].nearer;
        same += equal;
        shift = equal ? s : shift;
    }
    assert_int_equal(same, 1);
    tarp_t t = compute(&g);
    const double got[] = {t.peer_atc, t.peer_ks_p};
    golden_compare("tarp_peer", 2, got, peer.x + 2 * shift, 1e-12);
    digest_free(&g);
    free(draws.x);
    free(truth.x);
    free(nearer.x);
    free(peer.x);
}

static void two_sample_p_is_scipys(void **state)
{
    golden_t want = golden_read(*state, "two_sample_p");
    double got[21];
    for (int k = 1; k <= 21; k++)
        got[k - 1] = tarp_two_sample_p(21, k / 21.0);
    golden_compare("two_sample_p", 21, got, want.x, 1e-12);
    assert_true(tarp_two_sample_p(21, 0) == 1);
    free(want.x);
}

/* Counts (N) by a rule, of S = 99 draws. */
static tarp_t of_counts(int n, double power)
{
    digest_t g = digest_create(n, 99, 1);
    for (int i = 0; i < n; i++)
        g.joint[i] = (digest_joint_t){.nearer = (int32_t)(100 * pow((i + 0.5) / n, power))};
    tarp_t t = compute(&g);
    digest_free(&g);
    return t;
}

/* f = u^p: ECP(a) = a^(1/p), atc = (1 - 2^-(1+1/p)) / (1 + 1/p) - 3/8. Counts are cut to whole numbers: 1/99 at most. */
static void area_and_deviation_are_what_they_say(void **state)
{
    (void)state;
    tarp_t right = of_counts(1000, 1), narrow = of_counts(1000, 0.5);
    assert_true(fabs(right.atc) < 0.011 && right.deviation < 0.02 && right.log_gamma > 0);
    assert_true(fabs(narrow.atc - ((1 - 0.125) / 3 - 0.375)) < 0.011);
    assert_true(fabs(narrow.deviation - 0.25) < 0.02 && narrow.log_gamma < 0); // max of a - a^2
}

/* Counts that are never small: bins between the smallest and the largest see nothing. */
static void ours_sees_what_the_peers_bins_hide(void **state)
{
    (void)state;
    digest_t g = digest_create(300, 99, 1);
    rng_t r = rng_at(1, RNG_CHECK, 0);
    for (int i = 0; i < 300; i++)
        g.joint[i] = (digest_joint_t){.nearer = (int32_t)rng_integer(&r, 20, 99)};
    tarp_t t = compute(&g);
    assert_true(t.peer_ks_p > 0.05);
    assert_true(t.deviation > 0.15 && t.log_gamma < -10);
    digest_free(&g);
}

int main(int argc, char **argv)
{
    void *path = argc > 1 ? argv[1] : "diagnostics.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(numbers_are_the_peers, path),
        cmocka_unit_test_prestate(two_sample_p_is_scipys, path),
        cmocka_unit_test(area_and_deviation_are_what_they_say),
        cmocka_unit_test(ours_sees_what_the_peers_bins_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
