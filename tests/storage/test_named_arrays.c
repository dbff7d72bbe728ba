// SPDX-License-Identifier: Apache-2.0
#include "storage/named_arrays.h"

#include "cluster/mem.h"
#include "storage/h5.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct {
    char folder[64], path[96];
} place_t;

static int place_make(void **state)
{
    place_t *p = MEM_NEW(place_t, 1);
    snprintf(p->folder, sizeof p->folder, "./test_named_arrays.XXXXXX");
    if (!mkdtemp(p->folder))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/model.h5", p->folder);
    *state = p;
    return 0;
}

static int place_remove(void **state)
{
    place_t *p = *state;
    unlink(p->path);
    rmdir(p->folder);
    free(p);
    return 0;
}

static const int64_t dims[] = {2, 3}, six = 6;
static const float weight[] = {1, 2, 3, -4, 5.5f, 6e-9f};
static const double scale[] = {1, 2, 3, 4, 5, 1e-300};
static const int64_t order[] = {1, -2, 3, INT64_MAX, INT64_MIN, 0};
static const uint8_t flags[] = {0, 1, 255, 3, 4, 5};
static const char *const text = "study: reaction-times\nname: M\xc3\xbcller\n";

static void write_model(const char *path, int64_t version)
{
    arrays_writer_t *w;
    assert_int_equal(arrays_writer_open(path, "infermill amortizer", version, &w), OK);
    assert_int_equal(arrays_put_f32(w, "weights/summary/layer0/weight", 2, dims, weight), OK);
    assert_int_equal(arrays_put_f64(w, "scale/mean", 1, &six, scale), OK);
    assert_int_equal(arrays_put_i64(w, "order", 1, &six, order), OK);
    assert_int_equal(arrays_put_u8(w, "flags", 1, &six, flags), OK);
    assert_int_equal(arrays_put_f32(w, "empty", 1, (const int64_t[]){0}, weight), OK);
    assert_int_equal(arrays_put_text(w, "study", text), OK);
    assert_int_equal(arrays_put_text(w, "nothing", ""), OK);
    assert_int_equal(arrays_put_integer(w, "step", 12345678901), OK);
    assert_int_equal(arrays_put_real(w, "loss", -0.25), OK);
    assert_int_equal(arrays_finish(&w), OK);
    assert_null(w);
}

static arrays_t *open_model(const char *path)
{
    arrays_t *a;
    assert_int_equal(arrays_open(path, "infermill amortizer", 1, &a), OK);
    return a;
}

static void what_was_put_is_got(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    arrays_t *a = open_model(path);
    float f[6];
    double d[6], loss;
    int64_t i[6], step;
    uint8_t u[6];
    char *t;
    assert_int_equal(arrays_get_f32(a, "weights/summary/layer0/weight", 2, dims, f), OK);
    assert_int_equal(arrays_get_f64(a, "scale/mean", 1, &six, d), OK);
    assert_int_equal(arrays_get_i64(a, "order", 1, &six, i), OK);
    assert_int_equal(arrays_get_u8(a, "flags", 1, &six, u), OK);
    assert_int_equal(arrays_get_f32(a, "empty", 1, (const int64_t[]){0}, NULL), OK);
    assert_memory_equal(f, weight, sizeof f);
    assert_memory_equal(d, scale, sizeof d);
    assert_memory_equal(i, order, sizeof i);
    assert_memory_equal(u, flags, sizeof u);
    assert_int_equal(arrays_get_text(a, "study", &t), OK);
    assert_string_equal(t, text);
    free(t);
    assert_int_equal(arrays_get_text(a, "nothing", &t), OK);
    assert_string_equal(t, "");
    free(t);
    assert_int_equal(arrays_get_integer(a, "step", &step), OK);
    assert_int_equal(arrays_get_real(a, "loss", &loss), OK);
    assert_true(step == 12345678901 && loss == -0.25);
    arrays_close(&a);
}

static void the_contents_are_listed_in_order(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    arrays_t *a = open_model(path);
    int n_dims;
    int64_t got[ARRAYS_MAX_DIMS];
    assert_int_equal(arrays_count(a), 9);
    assert_string_equal(arrays_name(a, 0), "weights/summary/layer0/weight");
    assert_string_equal(arrays_name(a, 8), "loss");
    assert_true(arrays_has(a, "scale/mean"));
    assert_false(arrays_has(a, "scale"));
    assert_int_equal(arrays_shape(a, "weights/summary/layer0/weight", &n_dims, got), OK);
    assert_true(n_dims == 2 && got[0] == 2 && got[1] == 3);
    arrays_close(&a);
}

static void missing_and_wrongly_shaped_arrays_are_named(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    arrays_t *a = open_model(path);
    float f[6];
    double d[6];
    char *t;
    assert_int_equal(arrays_get_f32(a, "weights/head", 1, &six, f), -ERR_MISSING);
    assert_non_null(strstr(err_text(), "no \"weights/head\""));
    assert_int_equal(
        arrays_get_f32(a, "weights/summary/layer0/weight", 2, (const int64_t[]){3, 2}, f),
        -ERR_FORMAT);
    assert_non_null(
        strstr(err_text(), "\"weights/summary/layer0/weight\" is f32 2x3, expected f32 3x2"));
    assert_int_equal(arrays_get_f64(a, "weights/summary/layer0/weight", 2, dims, d), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "is f32 2x3, expected f64 2x3"));
    assert_int_equal(arrays_get_text(a, "loss", &t), -ERR_FORMAT);
    arrays_close(&a);
}

static void a_newer_version_is_refused(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 3);
    arrays_t *a;
    assert_int_equal(arrays_open(path, "infermill amortizer", 1, &a), -ERR_FORMAT);
    assert_non_null(
        strstr(err_text(), "made by a newer infermill: format 3, this one reads up to 1"));
    assert_null(a);
}

static void another_format_is_refused(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    arrays_t *a;
    assert_int_equal(arrays_open(path, "infermill checkpoint", 1, &a), -ERR_FORMAT);
    assert_non_null(
        strstr(err_text(), "is \"infermill amortizer\", expected \"infermill checkpoint\""));
    h5_id_t file;
    assert_int_equal(h5_create(path, &file), OK);
    assert_int_equal(h5_close(&file), OK);
    assert_int_equal(arrays_open(path, "infermill checkpoint", 1, &a), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "no \"infermill checkpoint\""));
}

static void a_missing_file_and_a_missing_folder_are_errors(void **state)
{
    (void)state;
    arrays_t *a;
    arrays_writer_t *w;
    assert_int_equal(arrays_open("./no-such-file.h5", "infermill amortizer", 1, &a), -ERR_MISSING);
    assert_int_equal(arrays_writer_open("./no-such-folder/a.h5", "infermill amortizer", 1, &w),
                     -ERR_IO);
    assert_null(w);
}

/* Finds the bytes of `weight` in the file and changes one. */
static void damage(const char *path)
{
    FILE *f = fopen(path, "r+b");
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    char *at = memmem(bytes, n, weight, sizeof weight);
    assert_non_null(at);
    fseek(f, at - bytes, SEEK_SET);
    fputc(*at ^ 1, f);
    fclose(f);
}

static void a_changed_byte_is_found(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    damage(path);
    arrays_t *a = open_model(path);
    float f[6];
    assert_int_equal(arrays_get_f32(a, "weights/summary/layer0/weight", 2, dims, f), -ERR_FORMAT);
    assert_non_null(
        strstr(err_text(), "\"weights/summary/layer0/weight\" does not match its checksum"));
    arrays_close(&a);
}

static void a_truncated_file_is_refused(void **state)
{
    const char *path = ((place_t *)*state)->path;
    write_model(path, 1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    arrays_t *a;
    assert_int_equal(arrays_open(path, "infermill amortizer", 1, &a), -ERR_FORMAT);
}

static void the_old_file_stays_until_the_new_one_is_whole(void **state)
{
    const place_t *p = *state;
    write_model(p->path, 1);
    arrays_writer_t *w;
    assert_int_equal(arrays_writer_open(p->path, "infermill amortizer", 1, &w), OK);
    assert_int_equal(arrays_put_real(w, "loss", 7), OK);
    arrays_t *a = open_model(p->path);
    assert_int_equal(arrays_count(a), 9);
    arrays_close(&a);
    arrays_abandon(&w);
    char part[128];
    snprintf(part, sizeof part, "%s.part", p->path);
    assert_int_equal(access(part, F_OK), -1);
    a = open_model(p->path);
    arrays_close(&a);
}

static void equal_content_gives_equal_bytes(void **state)
{
    const place_t *p = *state;
    static char first[1 << 20], second[1 << 20];
    char *const into[] = {first, second};
    size_t n[2];
    for (int k = 0; k < 2; k++) {
        write_model(p->path, 1);
        FILE *f = fopen(p->path, "rb");
        n[k] = fread(into[k], 1, sizeof first, f);
        fclose(f);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(first, second, n[0]);
}

/* XXH3_64bits of no bytes is 2d06800538d394c2 (published test vector). */
static void weights_have_a_name_of_16_digits(void **state)
{
    (void)state;
    char none[ARRAYS_HASH_CAP], some[ARRAYS_HASH_CAP];
    weights_hash(0, weight, none);
    weights_hash(6, weight, some);
    assert_string_equal(none, "2d06800538d394c2");
    assert_int_equal(strlen(some), 16);
    assert_string_not_equal(some, none);
}

#define PLACED(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(what_was_put_is_got),
        PLACED(the_contents_are_listed_in_order),
        PLACED(missing_and_wrongly_shaped_arrays_are_named),
        PLACED(a_newer_version_is_refused),
        PLACED(another_format_is_refused),
        cmocka_unit_test(a_missing_file_and_a_missing_folder_are_errors),
        PLACED(a_changed_byte_is_found),
        PLACED(a_truncated_file_is_refused),
        PLACED(the_old_file_stays_until_the_new_one_is_whole),
        PLACED(equal_content_gives_equal_bytes),
        cmocka_unit_test(weights_have_a_name_of_16_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
