// SPDX-License-Identifier: Apache-2.0
// Banks that were damaged: what verify, reading and resuming say.
#define BANK_WRITE
#include "storage/bank.h"

#include "cluster/mem.h"
#include "cluster/rng.h"
#include "storage/shard_fields.h"
#include "tests/storage/sample_bank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_ROWS = 600, ROWS = 1500, MAX_FINDINGS = 64 };
static const uint64_t SEED = 99;

typedef struct {
    par_t par;
    schema_t schema;
    char *folder; // a bank of ROWS rows, made anew for each test
} ward_t;

static bank_plan_t plan_of(const ward_t *w)
{
    return (bank_plan_t){.folder = w->folder,
                         .schema = &w->schema,
                         .seed = SEED,
                         .rows = ROWS,
                         .shard_rows = SHARD_ROWS,
                         .study = "damage"};
}

static err_t fill(const ward_t *w)
{
    bank_plan_t plan = plan_of(w);
    bank_writer_t *writer;
    err_t err = OK;
    TRY(bank_writer_open(&w->par, &plan, &writer));
    for (int64_t k = 0; k < bank_writer_open_shards(writer) && err == OK; k++) {
        int64_t shard = bank_writer_open_shard(writer, k);
        range_t range = bank_writer_range(writer, shard);
        rows_t rows = rows_create(&w->schema, SHARD_ROWS);
        sample_rows(SEED, range.begin, range.end, &rows);
        err = bank_seal(writer, &w->par, 1, &shard, &rows);
        rows_destroy(&rows);
    }
    TRY(bank_writer_close(&writer));
    return err;
}

static int make_bank(void **state)
{
    ward_t *w = *state;
    w->folder = sample_folder();
    return fill(w) == OK ? 0 : -1;
}

static int remove_bank(void **state)
{
    ward_t *w = *state;
    sample_remove(w->folder);
    free(w->folder);
    return 0;
}

typedef struct {
    int n;
    int64_t shard[MAX_FINDINGS], first[MAX_FINDINGS], end[MAX_FINDINGS];
    char what[MAX_FINDINGS][256];
} findings_t;

static void take(void *user, int64_t shard, int64_t first, int64_t end, const char *what)
{
    findings_t *f = user;
    assert_true(f->n < MAX_FINDINGS);
    f->shard[f->n] = shard;
    f->first[f->n] = first;
    f->end[f->n] = end;
    snprintf(f->what[f->n++], sizeof f->what[0], "%s", what);
}

static err_t verify(const ward_t *w, findings_t *f)
{
    bank_t *bank;
    *f = (findings_t){0};
    TRY(bank_open(w->folder, &bank));
    err_t err = bank_verify(bank, take, f);
    bank_close(&bank);
    return err;
}

// Where a piece of memory lies in a file.
static int64_t position(const char *folder, const char *name, const void *bytes, size_t n)
{
    int64_t size;
    char *data = sample_bytes(folder, name, &size), *found = memmem(data, (size_t)size, bytes, n);
    int64_t at = found ? found - data : -1;
    free(data);
    assert_true(at >= 0);
    return at;
}

/* ---- verify ---- */

static void a_whole_bank_has_no_findings(void **state)
{
    findings_t f;
    assert_int_equal(verify(*state, &f), OK);
    assert_int_equal(f.n, 0);
}

// A byte of each field of row 900 (shard 1, its second chunk: rows 856 to 1111), found by the row's own values.
static void a_flipped_byte_names_shard_and_rows(void **state)
{
    ward_t *w = *state;
    rows_t row = rows_create(&w->schema, 1);
    findings_t f;
    sample_row(SEED, 900, &row, 0);
    const void *values[] = {&row.index[0], &row.parameters[0], &row.parameters[1],
                            row.observables[0], row.observables[1]};
    size_t bytes[] = {8, 8, 8, 24, 12};
    for (int i = 0; i < 5; i++) {
        int64_t at = position(w->folder, "shards/0000001.h5", values[i], bytes[i]);
        sample_flip(w->folder, "shards/0000001.h5", at);
        assert_true(err_is(verify(w, &f), ERR_FORMAT));
        assert_int_equal(f.n, 1);
        assert_int_equal(f.shard[0], 1);
        assert_int_equal(f.first[0], 856);
        assert_int_equal(f.end[0], 1112);
        sample_flip(w->folder, "shards/0000001.h5", at);
    }
    assert_int_equal(verify(w, &f), OK);
    rows_destroy(&row);
}

// Every 97th byte of a shard: none goes unseen, wherever it lies.
static void a_flipped_byte_anywhere_is_found(void **state)
{
    ward_t *w = *state;
    int64_t size;
    findings_t f;
    free(sample_bytes(w->folder, "shards/0000002.h5", &size));
    for (int64_t at = 0; at < size; at += 97) {
        sample_flip(w->folder, "shards/0000002.h5", at);
        assert_true(err_is(verify(w, &f), ERR_FORMAT));
        assert_true(f.n > 0);
        assert_int_equal(f.shard[0], 2);
        sample_flip(w->folder, "shards/0000002.h5", at);
    }
    assert_int_equal(verify(w, &f), OK);
}

/* ---- random flips ---- */

enum { SHARD_FLIPS = 800, CATALOG_FLIPS = 200 };

static void flip(const ward_t *w, const char *name, int64_t at, int mask)
{
    char *path = mem_format("%s/%s", w->folder, name);
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ mask, file);
    fclose(file);
    free(path);
}

// The rows that a byte of a shard file belongs to, counted from the shard's first: those of a chunk, or all.
static void rows_of_byte(const ward_t *w, const bank_shard_t *shard, int64_t at, int64_t *begin,
                         int64_t *end)
{
    *begin = 0;
    *end = shard->rows;
    for (int k = 0; k < shard->n_layout; k++) {
        int64_t bytes = (int64_t)shard_field(&w->schema, k).row_bytes,
                row = (at - shard->layout[k]) / bytes;
        if (at < shard->layout[k] || row >= shard->rows)
            continue;
        *begin = row / BANK_CHUNK_ROWS * BANK_CHUNK_ROWS;
        *end = *begin + BANK_CHUNK_ROWS < shard->rows ? *begin + BANK_CHUNK_ROWS : shard->rows;
    }
}

static void random_flips_of_shards_name_shard_and_rows(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    findings_t f;
    rng_t r = rng_at(SEED, RNG_CHECK, 1);
    int64_t in_rows = 0;
    assert_int_equal(bank_open(w->folder, &bank), OK);
    for (int i = 0; i < SHARD_FLIPS; i++) {
        const bank_shard_t *shard = bank_shard(bank, (int)rng_below(&r, 3));
        int64_t at = (int64_t)rng_below(&r, (uint64_t)shard->bytes), begin, end;
        int mask = 1 + (int)rng_below(&r, 255);
        rows_of_byte(w, shard, at, &begin, &end);
        in_rows += end - begin < shard->rows;
        flip(w, shard->file, at, mask);
        assert_true(err_is(verify(w, &f), ERR_FORMAT));
        assert_int_equal(f.n, 1);
        assert_int_equal(f.shard[0], shard->shard);
        assert_int_equal(f.first[0], shard->first_row + begin);
        assert_int_equal(f.end[0], shard->first_row + end);
        flip(w, shard->file, at, mask);
    }
    assert_true(in_rows > SHARD_FLIPS / 2);
    assert_int_equal(verify(w, &f), OK);
    bank_close(&bank);
}

// Lines of a text up to a place in it.
static int line_of(const char *text, int64_t at)
{
    int line = 1;
    for (int64_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

static void random_flips_of_the_catalog_name_the_line(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    findings_t f;
    int64_t size;
    rng_t r = rng_at(SEED, RNG_CHECK, 2);
    char *text = sample_bytes(w->folder, "catalog.jsonl", &size);
    for (int i = 0; i < CATALOG_FLIPS; i++) {
        int64_t at = i == 0 ? size - 1 : (int64_t)rng_below(&r, (uint64_t)size);
        int mask = 1 + (int)rng_below(&r, 255);
        char *where = mem_format("catalog.jsonl:%d:", line_of(text, at));
        flip(w, "catalog.jsonl", at, mask);
        assert_true(err_is(bank_open(w->folder, &bank), ERR_FORMAT));
        assert_non_null(strstr(err_text(), where));
        flip(w, "catalog.jsonl", at, mask);
        free(where);
    }
    assert_int_equal(verify(w, &f), OK);
    free(text);
}

static void a_missing_shard_is_found(void **state)
{
    ward_t *w = *state;
    findings_t f;
    char *path = mem_format("%s/shards/0000001.h5", w->folder);
    unlink(path);
    assert_true(err_is(verify(w, &f), ERR_FORMAT));
    assert_int_equal(f.n, 1);
    assert_int_equal(f.first[0], 600);
    assert_int_equal(f.end[0], 1200);
    assert_non_null(strstr(f.what[0], "No such file"));
    free(path);
}

static void swapped_shards_are_both_found(void **state)
{
    ward_t *w = *state;
    findings_t f;
    char *one = mem_format("%s/shards/0000000.h5", w->folder),
         *two = mem_format("%s/shards/0000001.h5", w->folder),
         *aside = mem_format("%s/aside", w->folder);
    assert_int_equal(rename(one, aside), 0);
    assert_int_equal(rename(two, one), 0);
    assert_int_equal(rename(aside, two), 0);
    assert_true(err_is(verify(w, &f), ERR_FORMAT));
    assert_int_equal(f.n, 2);
    assert_int_equal(f.first[0], 0);
    assert_int_equal(f.first[1], SHARD_ROWS);
    free(aside);
    free(two);
    free(one);
}

/* ---- reading ---- */

static err_t read_rows(const ward_t *w, int64_t begin, int64_t end)
{
    bank_t *bank;
    rows_t rows = rows_create(&w->schema, end - begin);
    err_t err = bank_open(w->folder, &bank);
    if (err == OK)
        err = bank_read(bank, begin, end, &rows);
    bank_close(&bank);
    rows_destroy(&rows);
    return err;
}

static void cut(const ward_t *w, const char *name, int64_t off)
{
    int64_t size;
    char *path = mem_format("%s/%s", w->folder, name);
    free(sample_bytes(w->folder, name, &size));
    assert_int_equal(truncate(path, size - off), 0);
    free(path);
}

static void a_truncated_shard_is_named(void **state)
{
    ward_t *w = *state;
    findings_t f;
    cut(w, "shards/0000001.h5", 5000);
    assert_int_equal(read_rows(w, 0, 600), OK);
    assert_true(err_is(read_rows(w, 500, 700), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "shard 1, rows from 600"));
    assert_non_null(strstr(err_text(), "0000001.h5"));
    assert_non_null(strstr(err_text(), "bytes, the catalog has"));
    assert_true(err_is(verify(w, &f), ERR_FORMAT));
    assert_int_equal(f.shard[0], 1);
    assert_int_equal(f.first[0], 600);
}

static void a_shard_of_another_place_is_refused(void **state)
{
    ward_t *w = *state;
    char *from = mem_format("%s/shards/0000000.h5", w->folder),
         *to = mem_format("%s/shards/0000001.h5", w->folder);
    assert_int_equal(rename(from, to), 0);
    assert_true(err_is(read_rows(w, 600, 700), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "damaged, or another shard"));
    free(to);
    free(from);
}

static void a_shard_of_another_bank_is_refused(void **state)
{
    ward_t *w = *state;
    ward_t other = {.par = w->par, .schema = schema_copy(&w->schema), .folder = sample_folder()};
    free(other.schema.parameters[0].name);
    other.schema.parameters[0].name = mem_copy_text("nu");
    assert_int_equal(fill(&other), OK);
    char *from = mem_format("%s/shards/0000001.h5", other.folder);
    char *to = mem_format("%s/shards/0000001.h5", w->folder);
    assert_int_equal(rename(from, to), 0);
    assert_true(err_is(read_rows(w, 600, 700), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "0000001.h5"));
    free(to);
    free(from);
    sample_remove(other.folder);
    free(other.folder);
    schema_free(&other.schema);
}

static void replace_text(const ward_t *w, const char *name, const char *old, const char *new)
{
    int64_t size;
    char *path = mem_format("%s/%s", w->folder, name), *data = sample_bytes(w->folder, name, &size);
    data[size] = '\0';
    char *at = strstr(data, old);
    assert_non_null(at);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%.*s%s%s", (int)(at - data), data, new, at + strlen(old));
    fclose(file);
    free(data);
    free(path);
}

static void a_newer_bank_is_refused(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    replace_text(w, "bank.yaml", "format: 1", "format: 2\nnew_key: 3");
    assert_true(err_is(bank_open(w->folder, &bank), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "format 2"));
    assert_null(bank);
}

static void a_changed_model_text_is_refused(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    replace_text(w, "bank.yaml", "sigma", "sigmo");
    assert_true(err_is(bank_open(w->folder, &bank), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "fingerprint"));
}

static void a_missing_bank_says_what_makes_one(void **state)
{
    (void)state;
    bank_t *bank;
    assert_true(err_is(bank_open("/nonexistent/bank", &bank), ERR_MISSING));
    assert_non_null(strstr(err_text(), "infermill simulate"));
}

/* ---- the catalog ---- */

static void a_bad_line_in_the_middle_is_an_error(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    replace_text(w, "catalog.jsonl", "\"shard\":1,", "\"shard\":4,");
    assert_true(err_is(bank_open(w->folder, &bank), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "catalog.jsonl:2"));
}

static void a_torn_last_line_is_left_out(void **state)
{
    ward_t *w = *state;
    bank_t *bank;
    cut(w, "catalog.jsonl", 1); // all but its line feed
    assert_int_equal(bank_open(w->folder, &bank), OK);
    assert_int_equal(bank_rows(bank), 1200);
    bank_close(&bank);
}

/* ---- resuming ---- */

static void a_removed_shard_is_made_again(void **state)
{
    ward_t *w = *state;
    findings_t f;
    char *path = mem_format("%s/shards/0000001.h5", w->folder);
    unlink(path);
    assert_int_equal(fill(w), OK);
    assert_int_equal(verify(w, &f), OK);
    free(path);
}

static void a_damaged_sealed_shard_is_not_overwritten(void **state)
{
    ward_t *w = *state;
    cut(w, "shards/0000001.h5", 5000);
    assert_true(err_is(fill(w), ERR_FORMAT));
    assert_non_null(strstr(err_text(), "shard 1 is damaged"));
}

static void a_bad_shard_without_a_line_is_made_again(void **state)
{
    ward_t *w = *state;
    findings_t f;
    cut(w, "catalog.jsonl", 1);
    cut(w, "shards/0000002.h5", 5000);
    assert_int_equal(fill(w), OK);
    assert_int_equal(verify(w, &f), OK);
}

static void a_bank_without_costs_is_whole(void **state)
{
    ward_t *w = *state;
    findings_t f;
    char *path = mem_format("%s/costs/0000002.h5", w->folder);
    unlink(path);
    assert_int_equal(fill(w), OK);
    assert_int_equal(verify(w, &f), OK);
    free(path);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name, make_bank, remove_bank, &w                                                    \
    }

int main(int argc, char **argv)
{
    ward_t w = {.par = par_start(&argc, &argv), .schema = sample_schema()};
    const struct CMUnitTest tests[] = {
        TEST(a_whole_bank_has_no_findings),
        TEST(a_flipped_byte_names_shard_and_rows),
        TEST(a_flipped_byte_anywhere_is_found),
        TEST(random_flips_of_shards_name_shard_and_rows),
        TEST(random_flips_of_the_catalog_name_the_line),
        TEST(a_missing_shard_is_found),
        TEST(swapped_shards_are_both_found),
        TEST(a_truncated_shard_is_named),
        TEST(a_shard_of_another_place_is_refused),
        TEST(a_shard_of_another_bank_is_refused),
        TEST(a_newer_bank_is_refused),
        TEST(a_changed_model_text_is_refused),
        TEST(a_missing_bank_says_what_makes_one),
        TEST(a_bad_line_in_the_middle_is_an_error),
        TEST(a_torn_last_line_is_left_out),
        TEST(a_removed_shard_is_made_again),
        TEST(a_damaged_sealed_shard_is_not_overwritten),
        TEST(a_bad_shard_without_a_line_is_made_again),
        TEST(a_bank_without_costs_is_whole),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    schema_free(&w.schema);
    par_stop(&w.par);
    return failed;
}
