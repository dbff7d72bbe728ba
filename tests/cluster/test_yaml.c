// SPDX-License-Identifier: Apache-2.0
#include "cluster/yaml.h"

#include "cluster/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *study, *path, *stop;
    int64_t rows, left_alone;
    double rate, decay;
    bool verbose;
    int summary;
    yaml_reals_t levels;
    yaml_texts_t columns;
    yaml_node_ref_t model;
} study_t;

static const char *const summaries[] = {"deep_set", "set_transformer", NULL};

#define AT(member) .offset = offsetof(study_t, member)
static const yaml_field_t bank_fields[] = {{"path", YAML_TEXT, AT(path), .fallback = "bank"},
                                           {"rows", YAML_INTEGER, AT(rows), .fallback = "2e4",
                                            .low = 1, .high = 1e12, .help = "rows of the bank"},
                                           {0}};
static const yaml_field_t until_fields[] = {{"when", YAML_TEXT, AT(stop), .required = true}, {0}};
static const yaml_field_t train_fields[] = {
    {"learning_rate", YAML_REAL, AT(rate), .fallback = "1e-3", .low = DBL_MIN, .high = 1},
    {"weight_decay", YAML_REAL, AT(decay), .fallback = "0", .low = 0, .high = INFINITY},
    {"epochs", YAML_INTEGER, AT(left_alone)},
    {"until", YAML_MAP, .fields = until_fields},
    {0}};
static const yaml_field_t study_fields[] = {
    {"study", YAML_TEXT, AT(study), .required = true, .help = "a name for it"},
    {"model", YAML_NODE, AT(model)},
    {"bank", YAML_MAP, .fields = bank_fields},
    {"train", YAML_MAP, .fields = train_fields},
    {"summary", YAML_WORD, AT(summary), .fallback = "set_transformer", .words = summaries},
    {"verbose", YAML_BOOL, AT(verbose), .fallback = "no"},
    {"levels", YAML_REALS, AT(levels), .fallback = "[0.5, 0.9]", .low = 0, .high = 1},
    {"columns", YAML_TEXTS, AT(columns), .fallback = "rt"},
    {0}};

typedef struct {
    arena_t *arena;
    yaml_doc_t *doc;
    study_t study;
} read_t;

static err_t read_study(const char *text, read_t *read)
{
    *read = (read_t){.arena = arena_create(), .study.left_alone = 77};
    TRY(yaml_read_text(text, "study.yaml", &read->doc));
    return yaml_fill(yaml_root(read->doc), study_fields, read->arena, &read->study);
}

static void forget(read_t *read)
{
    yaml_close(&read->doc);
    arena_destroy(&read->arena);
}

static void refuses(const char *text, const char *words)
{
    read_t read;
    err_t err = read_study(text, &read);
    if (!err_is(err, ERR_USAGE) || strcmp(err_text(), words) != 0)
        fail_msg("\"%s\" gave %s: %s, expected %s", text, err_name(err), err_text(), words);
    forget(&read);
}

static void defaults_fill_what_is_absent(void **state)
{
    (void)state;
    read_t read;
    assert_int_equal(read_study("study: a\n", &read), OK);
    assert_string_equal(read.study.path, "bank");
    assert_true(read.study.rows == 20000);
    assert_true(read.study.rate == 1e-3 && read.study.decay == 0);
    assert_true(read.study.left_alone == 77 && read.study.stop == NULL);
    assert_true(read.study.summary == 1 && !read.study.verbose);
    assert_true(read.study.levels.n == 2 && read.study.levels.at[1] == 0.9);
    assert_true(read.study.columns.n == 1);
    assert_string_equal(read.study.columns.at[0], "rt");
    assert_int_equal(yaml_node_kind(read.study.model), YAML_KIND_ABSENT);
    forget(&read);
}

static void values_are_read_by_type(void **state)
{
    (void)state;
    read_t read;
    assert_int_equal(
        read_study(
            "%YAML 1.1\n---\n"
            "# a comment\n"
            "study: 'a: b # c'\n"
            "model: {plugin: ./x.so}\n"
            "bank:\n  rows: 20_000\n  path: \"\\u00e9/b\"\n"
            "train: {learning_rate: 1, weight_decay: .inf, epochs: 1e6, until: {when: 5 pm}}\n"
            "summary: deep_set\n"
            "verbose: True\n"
            "levels: [0, 1, 5e-1]\n"
            "columns: [rt, \"\"]\n",
            &read),
        OK);
    assert_string_equal(read.study.study, "a: b # c");
    assert_string_equal(yaml_node_text(yaml_node_get(read.study.model, "plugin")), "./x.so");
    assert_true(read.study.rows == 20000 && read.study.left_alone == 1000000);
    assert_string_equal(read.study.path, "\xc3\xa9/b");
    assert_true(read.study.rate == 1 && isinf(read.study.decay));
    assert_string_equal(read.study.stop, "5 pm");
    assert_true(read.study.summary == 0 && read.study.verbose);
    assert_true(read.study.levels.n == 3 && read.study.levels.at[2] == 0.5);
    assert_true(read.study.columns.n == 2 && *read.study.columns.at[1] == '\0');
    forget(&read);
}

static void a_key_without_a_value_is_an_empty_map(void **state)
{
    (void)state;
    read_t read;
    assert_int_equal(read_study("study: a\nbank:\n#  rows: 5\ntrain: ~\n", &read), OK);
    assert_true(read.study.rows == 20000);
    forget(&read);
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    refuses("study: a\nbank:\n  row: 5\n",
            "study.yaml:3: bank: unknown key \"row\"; did you mean \"rows\"?");
    refuses("study: a\nsumary: deep_set\n",
            "study.yaml:2: unknown key \"sumary\"; did you mean \"summary\"?");
    refuses("study: a\ntrain: {learn: 3}\n",
            "study.yaml:2: train: unknown key \"learn\"; did you mean \"learning_rate\"?");
    refuses("study: a\nbank: {colour: 3}\n",
            "study.yaml:2: bank: unknown key \"colour\", expected one of path, rows");
    refuses("study: a\nbank: {<<: 3}\n",
            "study.yaml:2: bank: unknown key \"<<\", expected one of path, rows");
}

static void missing_keys_are_named(void **state)
{
    (void)state;
    refuses("bank: {rows: 5}\n",
            "study.yaml:1: the key \"study\" is missing, expected a text (a name for it)");
    refuses("study: a\ntrain:\n  until: {}\n",
            "study.yaml:3: train.until: the key \"when\" is missing, expected a text");
}

static void wrong_types_say_what_was_expected(void **state)
{
    (void)state;
    refuses("study: [a]\n", "study.yaml:1: study: got a sequence, expected a text (a name for it)");
    refuses("study:\n", "study.yaml:1: study: got nothing, expected a text (a name for it)");
    refuses("study: a\nbank: 5\n", "study.yaml:2: bank: got 5, expected a map of keys and values");
    refuses("study: a\nverbose: maybe\n",
            "study.yaml:2: verbose: got \"maybe\", expected true or false");
    refuses("study: a\nverbose: \"yes\"\n",
            "study.yaml:2: verbose: got \"yes\", expected true or false");
    refuses("study: a\nsummary: set_transfomer\n",
            "study.yaml:2: summary: got \"set_transfomer\", expected one of deep_set, "
            "set_transformer; did you mean "
            "\"set_transformer\"?");
    refuses("study: a\nsummary: {}\n",
            "study.yaml:2: summary: got a map, expected one of deep_set, set_transformer");
    refuses("study: a\nlevels: 0.5\n",
            "study.yaml:2: levels: got 0.5, expected a sequence of numbers, each from 0 to 1");
    refuses("study: a\nlevels:\n - 0.5\n - x\n",
            "study.yaml:4: levels[1]: got \"x\", expected a number from 0 to 1");
    refuses("study: a\ncolumns:\n  b: 1\n",
            "study.yaml:2: columns: got a map, expected a text or a sequence of texts");
    refuses("study: a\ncolumns: [[b]]\n",
            "study.yaml:2: columns[0]: got a sequence, expected a text");
    refuses("- study\n", "study.yaml:1: got a sequence, expected a map of keys and values");
    refuses("study\n", "study.yaml:1: got \"study\", expected a map of keys and values");
}

static void wrong_numbers_say_why(void **state)
{
    (void)state;
    static const char *const expected = "expected an integer from 1 to 1e12 (rows of the bank)";
    static const struct {
        const char *value, *why;
    } cases[] = {
        {"20000 rows", "got \"20000 rows\", text after the number"},
        {"1.5", "got 1.5, not a whole number"},
        {"many", "got \"many\""},
        {"\"5\"", "got \"5\", a text in quotes"},
        {"1e30", "got 1e30, too large"},
        {"0x10", "got \"0x10\", text after the number"},
        {"1__0", "got \"1__0\", text after the number"},
        {".nan", "got \".nan\""},
        {"[5]", "got a sequence"},
        {"", "got nothing"},
        {"-5", "-5 is out of range"},
        {"1e13", "1e13 is out of range"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100], words[300];
        snprintf(text, sizeof text, "study: a\nbank:\n\n  rows: %s\n", cases[i].value);
        snprintf(words, sizeof words, "study.yaml:4: bank.rows: %s, %s", cases[i].why, expected);
        refuses(text, words);
    }
    refuses("study: a\ntrain: {learning_rate: 0}\n",
            "study.yaml:2: train.learning_rate: 0 is out of range, expected a number greater than "
            "0, at most 1");
    refuses(
        "study: a\ntrain: {weight_decay: -1}\n",
        "study.yaml:2: train.weight_decay: -1 is out of range, expected a number of at least 0");
}

static void what_is_not_one_plain_document_is_refused(void **state)
{
    (void)state;
    refuses("", "study.yaml:1: the file is empty, expected keys and values");
    refuses("# only a comment\n", "study.yaml:1: the file is empty, expected keys and values");
    refuses("study: a\n---\nstudy: b\n",
            "study.yaml:2: a second document starts here, expected one");
    refuses("study: a\nbank: {rows: 1}\nstudy: b\n",
            "study.yaml:3: the key \"study\" stands here again, first in line 1");
    refuses("model:\n  a:\n    - {b: 1, b: 1}\n",
            "study.yaml:3: model.a[0]: the key \"b\" stands here again, first in line 3");
    refuses("study: &a x\n",
            "study.yaml:1: an anchor (&name) is not supported, expected a plain value");
    refuses("study: *a\n",
            "study.yaml:1: an alias (*name) is not supported, expected the value itself");
    refuses("study: !!str x\n",
            "study.yaml:1: a tag (!name) is not supported, expected a plain value");
    refuses("model: !x {}\n",
            "study.yaml:1: a tag (!name) is not supported, expected a plain value");
    refuses("study: \"a\\0b\"\n", "study.yaml:1: study: the text holds a zero byte");
    refuses("[a]: 1\n", "study.yaml:1: a key is a map or a sequence, expected a word");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[1001];
    memset(text, '[', 1000);
    text[1000] = '\0';
    refuses(text, "study.yaml:1: nested deeper than 32 levels");
}

static void broken_yaml_names_the_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"study: a\nlevels: [1, 2\n", "study: a\n\tbank: 1\n",
                                        "study: a\nbank: \"x\n",     "study: a\nbank: \xff\n",
                                        "study: a\n\x01\n",          "study: a\n}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        read_t read;
        assert_true(err_is(read_study(texts[i], &read), ERR_USAGE));
        int line = 0;
        assert_int_equal(sscanf(err_text(), "study.yaml:%d: not YAML: ", &line), 1);
        assert_in_range(line, 2, 3);
        forget(&read);
    }
}

static void files_are_read_and_missing_ones_named(void **state)
{
    (void)state;
    yaml_doc_t *doc = NULL;
    assert_true(err_is(yaml_read_file("no/such.yaml", &doc), ERR_MISSING));
    assert_non_null(strstr(err_text(), "no/such.yaml"));
    assert_true(err_is(yaml_read_file(".", &doc), ERR_IO));
    assert_true(err_is(yaml_read_file("/dev/zero", &doc), ERR_USAGE));
    assert_null(doc);
    char path[] = "test_yaml-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("a:\n  - b\n", file);
    fclose(file);
    assert_int_equal(yaml_read_file(path, &doc), OK);
    assert_string_equal(yaml_node_text(yaml_node_item(yaml_node_get(yaml_root(doc), "a"), 0)), "b");
    yaml_close(&doc);
    yaml_close(&doc);
    unlink(path);
}

static void nodes_can_be_walked(void **state)
{
    (void)state;
    yaml_doc_t *doc = NULL;
    assert_int_equal(yaml_read_text("list:\n  - name: x\n  - 'q'\nnone:\n", "w", &doc), OK);
    yaml_node_ref_t root = yaml_root(doc), list = yaml_node_get(root, "list");
    assert_int_equal(yaml_node_kind(root), YAML_KIND_MAPPING);
    assert_int_equal(yaml_node_count(root), 2);
    assert_string_equal(yaml_node_key(root, 1), "none");
    assert_null(yaml_node_key(root, 2));
    assert_int_equal(yaml_node_kind(list), YAML_KIND_SEQUENCE);
    assert_int_equal(yaml_node_line(list), 1);
    assert_int_equal(yaml_node_line(yaml_node_item(list, 1)), 3);
    assert_int_equal(yaml_node_kind(yaml_node_item(list, 2)), YAML_KIND_ABSENT);
    assert_int_equal(yaml_node_kind(yaml_node_item(list, -1)), YAML_KIND_ABSENT);
    assert_true(yaml_node_quoted(yaml_node_item(list, 1)));
    assert_true(yaml_node_null(yaml_node_get(root, "none")));
    assert_null(yaml_node_text(list));
    assert_int_equal(yaml_node_kind(yaml_node_get(list, "x")), YAML_KIND_ABSENT);
    assert_int_equal(yaml_node_count(yaml_node_get(root, "absent")), 0);
    yaml_node_ref_t name = yaml_node_get(yaml_node_item(list, 0), "name");
    assert_true(err_is(yaml_node_error(name, "is %d", 5), ERR_USAGE));
    assert_string_equal(err_text(), "w:2: list[0].name: is 5");
    assert_true(err_is(yaml_node_error(yaml_node_get(root, "absent"), "gone"), ERR_USAGE));
    assert_string_equal(err_text(), "w: gone");
    yaml_close(&doc);
}

static void integers_are_whole_and_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"1e6", 1000000},
                {"1.5e3", 1500},
                {"1_000", 1000},
                {"2.0", 2},
                {"1200e-2", 12},
                {"0e99999", 0},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",     "-",
                                      "1.5",  "1e",
                                      "e5",   ".",
                                      "1e-1", "9223372036854775808",
                                      "1e19", "1e999999999999",
                                      " 1",   "1 ",
                                      "1_",   "_1",
                                      "0x1",  "1,000",
                                      "--1",  "inf",
                                      "1.2.3"};
    int64_t value = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!yaml_parse_integer(good[i].text, &value) || value != good[i].value)
            fail_msg("\"%s\" gave %lld", good[i].text, (long long)value);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (yaml_parse_integer(bad[i], &value))
            fail_msg("\"%s\" gave %lld", bad[i], (long long)value);
}

static void reals_are_decimal_and_finite_or_inf(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0.1", 0.1},        {".5", 0.5},   {"5.", 5},          {"-1e-3", -1e-3},
                {"1_000.5", 1000.5}, {"1E3", 1000}, {".inf", INFINITY}, {"-.INF", -INFINITY},
                {"+.Inf", INFINITY}, {"1e-400", 0}};
    static const char *const bad[] = {"",   "nan", ".nan", "inf", "0x1p3", "1e400",
                                      "1 ", "1e+", "1..2", "1d3", "1.5 s"};
    double value = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!yaml_parse_real(good[i].text, &value) || value != good[i].value)
            fail_msg("\"%s\" gave %g", good[i].text, value);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (yaml_parse_real(bad[i], &value))
            fail_msg("\"%s\" gave %g", bad[i], value);
}

static void quoted_text_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain",
                                        "",
                                        "a b",
                                        "yes",
                                        "No",
                                        "null",
                                        "~",
                                        "1e6",
                                        "-",
                                        "- a",
                                        "a: b",
                                        "# c",
                                        "a#b",
                                        "\"q\"",
                                        "it's",
                                        "back\\slash",
                                        "two\nlines\n",
                                        "tab\t",
                                        "\x7f\x01",
                                        "\xc3\xa9t\xc3\xa9",
                                        "\xc2\x85\xc2\x9f",
                                        "\xe2\x80\xa8",
                                        "{a}",
                                        "[b",
                                        "&c",
                                        "*d",
                                        "!e",
                                        "%f",
                                        "@g",
                                        "`h",
                                        " lead",
                                        "trail ",
                                        "./x.so",
                                        "/a/b-c_d.e",
                                        "0.5",
                                        ".inf",
                                        "<<",
                                        "=",
                                        "a,b",
                                        "?"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *quoted = yaml_quote(texts[i]), text[200];
        yaml_doc_t *doc = NULL;
        snprintf(text, sizeof text, "k: %s\nl: [%s, %s]\n", quoted, quoted, quoted);
        assert_int_equal(yaml_read_text(text, "quoted", &doc), OK);
        yaml_node_ref_t list = yaml_node_get(yaml_root(doc), "l");
        assert_string_equal(yaml_node_text(yaml_node_get(yaml_root(doc), "k")), texts[i]);
        assert_string_equal(yaml_node_text(yaml_node_item(list, 1)), texts[i]);
        yaml_close(&doc);
        free(quoted);
    }
    char *plain = yaml_quote("./x.so"), *word = yaml_quote("ddm");
    assert_string_equal(word, "ddm");
    free(plain);
    free(word);
}

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const words[] = {"epochs", "batch_size", "learning_rate", "seed"};
    assert_string_equal(yaml_nearest("epoch", 4, words), "epochs");
    assert_string_equal(yaml_nearest("Seed", 4, words), "seed");
    assert_string_equal(yaml_nearest("batchsize", 4, words), "batch_size");
    assert_string_equal(yaml_nearest("batch", 4, words), "batch_size");
    assert_string_equal(yaml_nearest("leraning_rate", 4, words), "learning_rate");
    assert_null(yaml_nearest("x", 4, words));
    assert_null(yaml_nearest("", 4, words));
    assert_null(yaml_nearest("network", 4, words));
    assert_null(yaml_nearest("epochs", 0, words));
}

/* Mutated study files are read or refused in words; the sanitizers look for the rest. YAML_ROUNDS asks for more of them. */
static void joined(const char *text, const char *key, const char *value)
{
    yaml_doc_t *doc;
    assert_int_equal(yaml_read_text(text, "study.yaml", &doc), OK);
    yaml_node_ref_t node = yaml_node_get(yaml_node_get(yaml_root(doc), "p"), key);
    assert_string_equal(yaml_node_text(node), value);
    yaml_close(&doc);
}

static void a_comma_in_parentheses_does_not_end_a_value(void **state)
{
    (void)state;
    const char *flow = "p: {a: lognormal(-0.9, 0.5), b: uniform(0, 1), c: uniform(0,1), d: 3}";
    joined(flow, "a", "lognormal(-0.9, 0.5)");
    joined(flow, "b", "uniform(0, 1)");
    joined(flow, "c", "uniform(0, 1)");
    joined(flow, "d", "3");
    joined("p: {a: f(g(0, 1), 2,\n  3), b: 1}", "a", "f(g(0, 1), 2, 3)");
    joined("p: {x, y, z: f(1, 2)}", "z", "f(1, 2)");
    joined("p: {x, y, z: f(1, 2)}", "x", "");
    joined("p: {a: 'f(1', b: 2}", "a", "f(1");    // a text in quotes is whole
    joined("p: {a: f(1, b: 2}", "a", "f(1");      // nothing closes it
    joined("p: {a: f(1, b: 2), c}", "c", "");     // a pair with a value is no piece
    joined("p:\n  a: f(1, 2)\n", "a", "f(1, 2)"); // a block has no such trouble
}

static void random_changes_never_break_the_reader(void **state)
{
    (void)state;
    static const char study[] =
        "study: reaction-times\nmodel: {builtin: ddm}\nbank:\n  path: \"bank\"\n  rows: 20000\n"
        "train:\n  learning_rate: 1e-3\n  until: {when: 'five'}\nlevels: [0.5, 0.9]\n"
        "columns:\n  - rt\n  - id\nverbose: yes # all\n";
    static const char pool[] = "{}[]:,-#&*!|>'\"%@`?~ \n\t\\0aeé_.<\xff\x01";
    const char *rounds_told = getenv("YAML_ROUNDS");
    int rounds = rounds_told != NULL ? atoi(rounds_told) : 3000, refused = 0;
    rng_t r = rng_at(40, RNG_CHECK, 0);
    for (int round = 0; round < rounds; round++) {
        char text[sizeof study + 1];
        memcpy(text, study, sizeof study);
        for (uint64_t change = rng_below(&r, 6); change < 6; change++) {
            char *at = text + rng_below(&r, strlen(text));
            if (rng_below(&r, 5) == 0)
                *at = '\0'; // cut off
            else if (rng_below(&r, 4) == 0)
                memmove(at, at + 1, strlen(at));
            else
                *at = pool[rng_below(&r, sizeof pool - 1)];
            if (*text == '\0')
                break;
        }
        read_t read;
        err_t err = read_study(text, &read);
        refused += err != OK;
        if (err != OK && (!err_is(err, ERR_USAGE) || strncmp(err_text(), "study.yaml:", 11) != 0))
            fail_msg("\"%s\" gave %s: %s", text, err_name(err), err_text());
        forget(&read);
    }
    assert_in_range(refused, rounds / 2, rounds - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_absent),
        cmocka_unit_test(values_are_read_by_type),
        cmocka_unit_test(a_key_without_a_value_is_an_empty_map),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(wrong_types_say_what_was_expected),
        cmocka_unit_test(wrong_numbers_say_why),
        cmocka_unit_test(what_is_not_one_plain_document_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(broken_yaml_names_the_line),
        cmocka_unit_test(files_are_read_and_missing_ones_named),
        cmocka_unit_test(nodes_can_be_walked),
        cmocka_unit_test(integers_are_whole_and_fit),
        cmocka_unit_test(reals_are_decimal_and_finite_or_inf),
        cmocka_unit_test(quoted_text_reads_back),
        cmocka_unit_test(the_nearest_word_is_near),
        cmocka_unit_test(a_comma_in_parentheses_does_not_end_a_value),
        cmocka_unit_test(random_changes_never_break_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
