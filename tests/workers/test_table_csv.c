// SPDX-License-Identifier: Apache-2.0
// usage: test_table_csv GOLDEN_FOLDER
#include "workers/table_csv.h"
#include "workers/table_pack.h"

#include "cluster/mem.h"
#include "cluster/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *golden;

static const char *const rt[] = {"rt"};
static const table_columns_t signed_rt = {.n_columns = 1, .columns = rt, .sign = "response"};
static const table_csv_t people = {
    .id = "participant_id", .n_observables = 1, .observables = &signed_rt};
static const table_columns_t plain_rt = {.n_columns = 1, .columns = rt};
static const table_csv_t plain = {.id = "id", .n_observables = 1, .observables = &plain_rt};

typedef struct {
    char path[64];
} file_t;

static int file_make(void **state)
{
    file_t *f = MEM_NEW(file_t, 1);
    snprintf(f->path, sizeof f->path, "./test_table_csv.XXXXXX");
    int fd = mkstemp(f->path);
    *state = f;
    return fd < 0 ? -1 : close(fd);
}

static int file_remove(void **state)
{
    file_t *f = *state;
    unlink(f->path);
    free(f);
    return 0;
}

static const char *write_bytes(void **state, size_t n, const char *bytes)
{
    const file_t *f = *state;
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    return f->path;
}

static err_t read_csv(const char *path, const table_csv_t *config, table_t *t)
{
    table_sink_t keep = table_keeper(t);
    return table_read_csv(path, config, &keep, t);
}

static err_t read_text(void **state, const char *text, const table_csv_t *config, table_t *t)
{
    return read_csv(write_bytes(state, strlen(text), text), config, t);
}

static void assert_refused(void **state, const char *text, const table_csv_t *config,
                           const char *words)
{
    table_t t;
    assert_int_equal(read_text(state, text, config, &t), -ERR_FORMAT);
    if (!strstr(err_text(), words))
        fail_msg("\"%s\" is not in: %s", words, err_text());
    assert_int_equal(t.n, 0);
}

/* Sums of rt * response by awk: awk -F, '{s[$1] += $3 * $4}' */
static void real_reaction_times_are_signed_and_grouped(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/cavanagh_part.csv", golden);
    table_t t;
    assert_int_equal(read_csv(path, &people, &t), OK);
    const char *const ids[] = {"0", "5", "13"};
    const double sums[] = {8.031, 0.316, 0.893};
    assert_int_equal(t.n, 3);
    assert_int_equal(t.features[0], 1);
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        assert_string_equal(t.sets[i].id, ids[i]);
        assert_int_equal(t.sets[i].n[0], 12);
        assert_null(t.sets[i].problem);
        for (int k = 0; k < 12; k++)
            sum += (double)t.sets[i].values[0][k];
        assert_true(fabs(sum - sums[i]) < 1e-6);
    }
    assert_true(t.sets[0].values[0][4] == -1.14f);
    table_free(&t);
}

static void scattered_ids_are_grouped_by_first_appearance(void **state)
{
    table_t t;
    assert_int_equal(read_text(state, "rt,id\n1,b\n2,a\n3,b\n4,c\n5,a\n", &plain, &t), OK);
    assert_int_equal(t.n, 3);
    assert_string_equal(t.sets[0].id, "b");
    assert_string_equal(t.sets[1].id, "a");
    assert_string_equal(t.sets[2].id, "c");
    assert_true(t.sets[0].n[0] == 2 && t.sets[0].values[0][1] == 3);
    assert_true(t.sets[1].n[0] == 2 && t.sets[1].values[0][1] == 5);
    table_free(&t);
}

static void quotes_line_ends_and_other_bytes_are_read(void **state)
{
    table_t t;
    const char *text = "\xef\xbb\xbf\"id\",note,\"rt\"\r\n"
                       "\"M\xfcller, \"\"J\"\"\",\"two\r\nlines\",1.5\r\n"
                       "\r\n"
                       "b,, 2.5e-1 ";
    assert_int_equal(read_text(state, text, &plain, &t), OK);
    assert_int_equal(t.n, 2);
    assert_string_equal(t.sets[0].id, "M\xfcller, \"J\"");
    assert_true(t.sets[0].values[0][0] == 1.5f && t.sets[1].values[0][0] == 0.25f);
    table_free(&t);
}

static void several_observables_and_features_share_a_row(void **state)
{
    const char *const xy[] = {"y", "x"};
    const table_columns_t columns[] = {{.n_columns = 2, .columns = xy}, plain_rt};
    const table_csv_t config = {.id = "id", .n_observables = 2, .observables = columns};
    table_t t;
    assert_int_equal(read_text(state, "id,x,y,rt\na,1,2,3\na,4,5,6\n", &config, &t), OK);
    const float expected[] = {2, 1, 5, 4};
    assert_int_equal(t.features[0], 2);
    assert_memory_equal(t.sets[0].values[0], expected, sizeof expected);
    assert_true(t.sets[0].n[1] == 2 && t.sets[0].values[1][1] == 6);
    table_free(&t);
}

static void what_may_be_missing_is_no_problem(void **state)
{
    const table_columns_t columns[] = {{.n_columns = 1, .columns = rt, .missing = true}};
    const table_csv_t config = {.id = "id", .n_observables = 1, .observables = columns};
    table_t t;
    assert_int_equal(read_text(state, "id,rt\na,1\na,\na,NA\nb,inf\n", &config, &t), OK);
    assert_null(t.sets[0].problem);
    assert_true(isnan(t.sets[0].values[0][1]) && isnan(t.sets[0].values[0][2]));
    assert_non_null(t.sets[1].problem);
    table_free(&t);
}

static void many_data_sets_and_long_ones_are_held(void **state)
{
    const file_t *f = *state;
    FILE *file = fopen(f->path, "w");
    fprintf(file, "id,rt\n");
    for (int k = 0; k < 200; k++)
        for (int i = 0; i < 300; i++)
            fprintf(file, "p%d,%d\n", i * 7919 % 300, k);
    fclose(file);
    table_t t;
    assert_int_equal(read_csv(f->path, &plain, &t), OK);
    assert_int_equal(t.n, 300);
    assert_string_equal(t.sets[1].id, "p119");
    for (int i = 0; i < 300; i++)
        assert_true(t.sets[i].n[0] == 200 && t.sets[i].values[0][199] == 199);
    table_free(&t);
}

static void what_is_wrong_with_values_is_a_problem_of_the_data_set(void **state)
{
    table_t t;
    const char *text = "participant_id,rt,response\n"
                       "a,1,1\n"
                       "b,-0.5,-1\n"
                       "c,,1\n"
                       "d,NaN,1\n"
                       "e,1,0\n"
                       "f,inf,1\n"
                       "g,1,NA\n"
                       "b,nan,1\n";
    assert_int_equal(read_text(state, text, &people, &t), OK);
    assert_null(t.sets[0].problem);
    assert_string_equal(t.sets[1].problem, "rt is negative in line 3");
    assert_true(t.sets[1].values[0][0] == 0.5f && isnan(t.sets[1].values[0][1]));
    assert_string_equal(t.sets[2].problem, "rt is NaN or empty in line 4");
    assert_true(isnan(t.sets[2].values[0][0]));
    assert_string_equal(t.sets[3].problem, "rt is NaN or empty in line 5");
    assert_string_equal(t.sets[4].problem, "response is 0 in line 6");
    assert_string_equal(t.sets[5].problem, "rt is infinite in line 7");
    assert_string_equal(t.sets[6].problem, "response is NaN or empty in line 8");
    table_free(&t);
}

static void negative_values_are_fine_without_a_sign_column(void **state)
{
    table_t t;
    assert_int_equal(read_text(state, "id,rt\na,-1\n", &plain, &t), OK);
    assert_true(t.sets[0].values[0][0] == -1 && t.sets[0].problem == NULL);
    table_free(&t);
}

static void a_missing_column_lists_those_that_are_there(void **state)
{
    assert_refused(state, "id,time,choice\na,1,1\n", &plain,
                   "no column \"rt\"; the columns are: id, time, choice");
    assert_refused(state, "subject,rt\na,1\n", &plain, "no column \"id\"");
    assert_refused(state, "participant_id,rt\na,1\n", &people, "no column \"response\"");
}

static void text_where_a_number_belongs_is_named_with_its_line(void **state)
{
    char words[128];
    snprintf(words, sizeof words, "%s:3: rt: got \"fast\", expected a number",
             ((file_t *)*state)->path);
    assert_refused(state, "id,rt\na,1\na,fast\n", &plain, words);
    assert_refused(state, "id,rt\na,1.5s\n", &plain, ":2: rt: got \"1.5s\"");
    assert_refused(state, "id,rt\na,0x10\n", &plain, ":2: rt: got \"0x10\"");
    assert_refused(state, "participant_id,rt,response\na,1,upper\n", &people,
                   ":2: response: got \"upper\"");
}

static void what_was_meant_is_said(void **state)
{
    assert_refused(state, "ID ,rt\na,1\n", &plain, "did you mean \"ID \"? Names must agree");
    assert_refused(state, "id,rtt\na,1\n", &plain, "did you mean \"rtt\"?");
    assert_refused(state, "id;rt\na;1,5\n", &plain,
                   "separated by semicolons: separate by commas, and write numbers with a point");
    assert_refused(state, "id\trt\na\t1\n", &plain, "separated by tabs: separate by commas");
    assert_refused(state, "a,1.5\na,2\n", &plain, "the first line must name the columns");
    assert_refused(state, "who,when\na,1\n", &plain,
                   "infer.id and infer.columns of the study name those to read");
    assert_refused(state, "id,rt\na,\"1,5\"\n", &plain, "with a point: 1.5, not 1,5");
    assert_refused(state, "id,rt\na,n/a\n", &plain, "or nothing or NA where it is missing");
    assert_refused(state, "id,rt\na,1,5\n", &plain, "a decimal comma makes two of one");
    assert_refused(state, "id,rt,rt\na,1,1\n", &plain,
                   "columns 2 and 3 are both called \"rt\": rename one of them");
}

static void what_is_no_csv_is_told_by_its_first_bytes(void **state)
{
    static const struct {
        const char *bytes, *words;
        size_t n;
    } files[] = {
        {"PK\x03\x04\x14\0", "a workbook (xlsx, ods) or another zip, expected a CSV file: save", 6},
        {"\xFF\xFEi\0d\0", "text in UTF-16, expected a CSV file: save it as CSV in UTF-8", 6},
        {"\x89HDF\r\n\x1a\n", "an HDF5 file, expected a CSV file: give it a name that ends in", 8},
        {"<!DOCTYPE html>", "a web page, expected a CSV file", 15},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        table_t t;
        assert_int_equal(read_csv(write_bytes(state, files[i].n, files[i].bytes), &plain, &t),
                         -ERR_FORMAT);
        if (!strstr(err_text(), files[i].words))
            fail_msg("\"%s\" is not in: %s", files[i].words, err_text());
    }
}

static void rows_that_stand_twice_are_found(void **state)
{
    text_t text = text_create();
    text_add(&text, "id,rt\n");
    for (int time = 0; time < 2; time++)
        for (int i = 0; i < 12; i++)
            text_add(&text, "twice,%d\ncoins,%d\nother,%d\n", i, i % 2, i + 12 * time);
    table_t t;
    assert_int_equal(read_text(state, text.data, &plain, &t), OK);
    char *problem = table_repeats(&t, 0);
    assert_non_null(strstr(problem, "its rows stand twice in the file: from its row 13 on"));
    assert_null(table_repeats(&t, 1));
    assert_null(table_repeats(&t, 2));
    free(problem);
    table_free(&t);
    text_free(&text);
}

static void broken_files_are_refused(void **state)
{
    assert_refused(state, "", &plain, "the file is empty");
    assert_refused(state, "\n\n", &plain, "the file is empty");
    assert_refused(state, "id,rt\n", &plain, "a header and no rows");
    assert_refused(state, "id,rt\na,1,2\n", &plain, ":2: 3 values, the header has 2");
    assert_refused(state, "id,rt\na,1\nb\n", &plain, ":3: 1 values, the header has 2");
    assert_refused(state, "id,rt\n,1\n", &plain, ":2: id is empty");
    assert_refused(state, "id,rt\na,1\n\"b,2\nc,3\n", &plain, ":3: a quote is not closed");
    assert_refused(state, "id,rt\n\"a\"b,1\n", &plain, ":2: text after a closing quote");
}

static void a_zero_byte_and_a_huge_line_are_refused(void **state)
{
    table_t t;
    assert_int_equal(read_csv(write_bytes(state, 12, "id,rt\na\0b,1\n"), &plain, &t), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), ":2: a zero byte"));
    size_t n = 3u << 20;
    char *huge = mem_alloc(n, 1);
    memset(huge, 'x', n);
    memcpy(huge, "id,rt\n", 6);
    assert_int_equal(read_csv(write_bytes(state, n, huge), &plain, &t), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), ":2: a line of more than"));
    free(huge);
}

static const char *const mg[] = {"mg"};
static const table_csv_t dosed = {
    .id = "id", .n_observables = 1, .observables = &plain_rt, .n_design = 1, .design = mg};

static void design_is_one_number_a_data_set(void **state)
{
    table_t t;
    assert_int_equal(
        read_text(state, "id,mg,rt\na,5,1\nb,2.5,2\na,5,3\nc,1,1\nc,2,1\nd,,4\n", &dosed, &t), OK);
    assert_true(t.n_design == 1 && t.sets[0].design[0] == 5 && t.sets[1].design[0] == 2.5);
    assert_null(t.sets[0].problem);
    assert_null(t.sets[1].problem);
    assert_string_equal(t.sets[2].problem,
                        "mg is a design variable, one number a data set, but differs in line 6");
    assert_string_equal(t.sets[3].problem, "mg is NaN or empty in line 7");
    table_free(&t);
    assert_refused(state, "id,rt\na,1\n", &dosed, "there is no column \"mg\"");
    assert_refused(state, "id,mg,rt\na,much,1\n", &dosed, "mg: got \"much\"");
}

static const table_csv_t grouped = {
    .id = "id", .n_observables = 1, .observables = &plain_rt, .group = "land"};

static void each_data_set_is_of_one_group(void **state)
{
    table_t t;
    const char *text =
        "id,land,rt\na,Chad,5\nb,Peru,2\na,Chad,3\nc,,1\nd,Chad,1\nd,Peru,2\nc,Peru,2\n";
    assert_int_equal(read_text(state, text, &grouped, &t), OK);
    assert_int_equal(t.n_groups, 2);
    assert_string_equal(t.groups[0], "Chad");
    assert_string_equal(t.groups[1], "Peru");
    assert_true(t.sets[0].group == 0 && t.sets[1].group == 1 && t.sets[2].group == -1);
    assert_null(t.sets[0].problem);
    const char *differs = "land sorts data sets into groups, one each, but differs in line ";
    assert_int_equal(strncmp(t.sets[3].problem, differs, strlen(differs)), 0);
    assert_int_equal(strncmp(t.sets[2].problem, differs, strlen(differs)), 0);
    table_free(&t);
    assert_refused(state, "id,rt\na,1\n", &grouped, "there is no column \"land\"");
}

static void groups_are_few(void **state)
{
    char *text = mem_copy_text("id,land,rt\n");
    table_t t;
    for (int i = 0; i <= TABLE_MOST_GROUPS; i++) {
        char *longer = mem_format("%sp%d,land %d,1\n", text, i, i);
        free(text);
        text = longer;
    }
    assert_refused(state, text, &grouped,
                   ":1002: land: \"land 1000\" is the group after 1000 others");
    text[strlen(text) - strlen("p1000,land 1000,1\n")] = '\0';
    assert_int_equal(read_text(state, text, &grouped, &t), OK);
    assert_int_equal(t.n_groups, TABLE_MOST_GROUPS);
    table_free(&t);
    free(text);
}

/* Rows of 300 data sets in turn, of each as many as its number is long, some broken. */
static void write_in_turn(const char *path, int rows)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "id,x,y,rt\n");
    for (int k = 0; k < rows; k++)
        for (int i = 0; i < 300; i++)
            if (k <= i % 7)
                fprintf(file, "p%d,%d,%g,%s%d\n", i, k, i + k / 8.0, i == 7 ? "-" : "", i);
    fclose(file);
}

static void a_second_pass_puts_values_to_their_data_sets(void **state)
{
    const file_t *f = *state;
    const char *const xy[] = {"x", "y"};
    const table_columns_t columns[] = {{.n_columns = 2, .columns = xy},
                                       {.n_columns = 1, .columns = rt, .sign = "x"}};
    const table_csv_t config = {.id = "id", .n_observables = 2, .observables = columns};
    table_t all, counted, some;
    table_pack_t *pack;
    char path[96];
    snprintf(path, sizeof path, "%s.pack", f->path);
    write_in_turn(f->path, 9);
    assert_int_equal(read_csv(f->path, &config, &all), OK);
    assert_int_equal(table_read_csv(f->path, &config, NULL, &counted), OK);
    assert_null(counted.sets[0].values);
    assert_int_equal(table_pack_create(path, &counted, &pack), OK);
    table_sink_t sink = table_pack_sink(pack);
    assert_int_equal(table_again_csv(f->path, &config, &sink, &counted), OK);
    assert_int_equal(table_pack_finish(pack), OK);
    table_pack_close(&pack);
    assert_int_equal(table_pack_open(path, &pack), OK);
    const int64_t which[] = {299, 7, 5};
    assert_int_equal(table_pack_read(pack, 3, which, &some), OK);
    for (int k = 0; k < 3; k++) {
        const table_set_t *a = &all.sets[which[k]], *b = &some.sets[k],
                          *c = &counted.sets[which[k]];
        assert_true(a->n[0] == which[k] % 7 + 1 && b->n[0] == a->n[0] && b->n[1] == a->n[1]);
        assert_true(a->hash[0] == c->hash[0] && a->hash[1] == c->hash[1]);
        assert_memory_equal(a->values[0], b->values[0], (size_t)(2 * a->n[0]) * sizeof(float));
        for (int64_t j = 0; j < a->n[1]; j++) // x is 0 in the first row: no sign
            assert_true(j == 0 ? isnan(b->values[1][j]) : a->values[1][j] == b->values[1][j]);
        assert_string_equal(b->problem, c->problem);
    }
    assert_non_null(strstr(some.sets[1].problem, "x is 0"));
    table_free(&some);
    table_free(&counted);
    table_free(&all);
    table_pack_close(&pack);
    unlink(path);
}

static void a_file_that_changes_between_the_passes_is_told(void **state)
{
    const file_t *f = *state;
    table_t t;
    const int rows[] = {8, 3, 2}; // more, as many, fewer
    write_in_turn(f->path, 3);
    assert_int_equal(table_read_csv(f->path, &plain, NULL, &t), OK);
    for (int k = 0; k < 3; k++) {
        write_in_turn(f->path, rows[k]);
        assert_int_equal(table_again_csv(f->path, &plain, NULL, &t),
                         rows[k] == 3 ? OK : -ERR_MISMATCH);
    }
    assert_int_equal(table_again_csv(write_bytes(state, 12, "id,rt\nq7,1\n"), &plain, NULL, &t),
                     -ERR_MISMATCH);
    assert_non_null(strstr(err_text(), "it was changed while it was read"));
    assert_int_equal(t.n, 300);
    table_free(&t);
}

static void what_is_no_pack_is_refused(void **state)
{
    table_pack_t *pack;
    assert_int_equal(table_pack_open("./no-such.pack", &pack), -ERR_MISSING);
    assert_int_equal(table_pack_open(write_bytes(state, 10, "IMPACK1\0ab"), &pack), -ERR_FORMAT);
    assert_non_null(strstr(err_text(), "ends too soon"));
    char bytes[64] = "something else";
    assert_int_equal(table_pack_open(write_bytes(state, 64, bytes), &pack), -ERR_FORMAT);
    assert_null(pack);
}

static void a_missing_file_is_said_to_be_missing(void **state)
{
    (void)state;
    table_t t;
    assert_int_equal(read_csv("./no-such.csv", &plain, &t), -ERR_MISSING);
    assert_int_equal(read_csv("/", &plain, &t), -ERR_IO);
}

#define FILED(f) cmocka_unit_test_setup_teardown(f, file_make, file_remove)

int main(int argc, char **argv)
{
    golden = argc > 1 ? argv[1] : "tests/golden";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_reaction_times_are_signed_and_grouped),
        FILED(scattered_ids_are_grouped_by_first_appearance),
        FILED(quotes_line_ends_and_other_bytes_are_read),
        FILED(several_observables_and_features_share_a_row),
        FILED(what_may_be_missing_is_no_problem),
        FILED(many_data_sets_and_long_ones_are_held),
        FILED(what_is_wrong_with_values_is_a_problem_of_the_data_set),
        FILED(negative_values_are_fine_without_a_sign_column),
        FILED(a_missing_column_lists_those_that_are_there),
        FILED(text_where_a_number_belongs_is_named_with_its_line),
        FILED(what_was_meant_is_said),
        FILED(what_is_no_csv_is_told_by_its_first_bytes),
        FILED(rows_that_stand_twice_are_found),
        FILED(a_second_pass_puts_values_to_their_data_sets),
        FILED(a_file_that_changes_between_the_passes_is_told),
        FILED(what_is_no_pack_is_refused),
        FILED(broken_files_are_refused),
        FILED(a_zero_byte_and_a_huge_line_are_refused),
        FILED(design_is_one_number_a_data_set),
        FILED(each_data_set_is_of_one_group),
        FILED(groups_are_few),
        cmocka_unit_test(a_missing_file_is_said_to_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
