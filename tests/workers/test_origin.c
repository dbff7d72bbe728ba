// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "workers/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "- rows: [0, 4096]\n"
                           "  first_row: 0\n"
                           "  seed: 18446744073709551615\n"
                           "  fingerprint: m-1-00\n"
                           "  study: \"\"\n"
                           "  created: \"2026-03-01T12:00:00Z\"\n"
                           "  runs:\n"
                           "    - aa\n"
                           "    - bb\n"
                           "- rows: [4096, 5096]\n"
                           "  first_row: 7\n"
                           "  files:\n"
                           "    - name: \"my sims: 1.csv\"\n"
                           "      bytes: 81234\n"
                           "      xxh3: \"9f3c21ab77e0d154\"\n"
                           "    - name: b.npy\n"
                           "      bytes: 5\n"
                           "      xxh3: \"0000000000000001\"\n";

static void what_is_written_is_read_back(void **state)
{
    origin_t origin;
    (void)state;
    assert_int_equal(origin_parse(text, "test", &origin), OK);
    assert_int_equal(origin.n, 2);
    assert_true(origin.parts[0].seed == UINT64_MAX);
    assert_int_equal(origin.parts[0].n_runs, 2);
    assert_int_equal(origin.parts[1].n_files, 2);
    assert_true(origin.parts[1].files[0].hash == 0x9f3c21ab77e0d154u);
    assert_int_equal(origin_rows(&origin), 5096);
    char *again = origin_text(&origin);
    assert_string_equal(again, text);
    free(again);
    origin_free(&origin);
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "- rows: [1, 4]\n  first_row: 0\n  seed: 1\n",               // a gap
        "- rows: [0, 4]\n  first_row: 0\n",                          // neither seed nor files
        "- rows: [0, 4]\n  first_row: 0\n  seed: x\n",               // no number
        "- rows: [0, 4]\n  first_row: 0\n  seed: 1\n  colour: red\n" // an unknown key
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        origin_t origin;
        assert_true(err_is(origin_parse(bad[i], "test", &origin), ERR_FORMAT));
        assert_int_equal(origin.n, 0);
    }
}

static void simulated(origin_t *o, uint64_t seed, int64_t first, int64_t n, const char *bank)
{
    int64_t at = origin_rows(o);
    origin_add(o, (origin_part_t){.begin = at,
                                  .end = at + n,
                                  .first = first,
                                  .seed = seed,
                                  .fingerprint = mem_copy_text("m-1-00"),
                                  .bank = mem_copy_text(bank)});
}

static void rows_of_one_seed_overlap_or_not(void **state)
{
    origin_t origin = {0};
    (void)state;
    simulated(&origin, 1, 0, 10, "one");
    simulated(&origin, 1, 10, 10, "two"); // goes on where the first ends
    simulated(&origin, 2, 0, 10, "three");
    assert_int_equal(origin_check(&origin), OK);
    simulated(&origin, 1, 15, 100, "four");
    assert_true(err_is(origin_check(&origin), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "two and four hold the same rows: 15 to 19 of seed 1"));
    origin_free(&origin);
}

static void imported(origin_t *o, int n, const uint64_t *hashes)
{
    int64_t at = origin_rows(o);
    origin_part_t part = {.begin = at, .end = at + 10, .n_files = n};
    part.files = MEM_NEW(origin_file_t, n);
    for (int i = 0; i < n; i++)
        part.files[i] = (origin_file_t){mem_copy_text("f"), 100, hashes[i]};
    origin_add(o, part);
}

static void files_are_the_same_when_all_of_a_set_are(void **state)
{
    origin_t origin = {0};
    (void)state;
    imported(&origin, 2, (uint64_t[]){1, 2});
    imported(&origin, 2, (uint64_t[]){1, 3}); // shares one array
    imported(&origin, 1, (uint64_t[]){1});
    simulated(&origin, 1, 0, 10, "one");
    assert_int_equal(origin_check(&origin), OK);
    imported(&origin, 2, (uint64_t[]){3, 1});
    assert_true(err_is(origin_check(&origin), ERR_MISMATCH));
    assert_non_null(strstr(err_text(), "imported from a file of 100 bytes"));
    origin_free(&origin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(rows_of_one_seed_overlap_or_not),
        cmocka_unit_test(files_are_the_same_when_all_of_a_set_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
