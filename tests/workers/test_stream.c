// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "tests/storage/sample_bank.h"
#include "tests/workers/stream_echo.h"
#include "workers/stream_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

enum { ROWS = 40, FIRST = 200, RUN = 77, FRAMES = 100000, HASH_AT = MESSAGE_HEAD + 20 };

/* ---- messages to work on ---- */

// Rows as a simulator leaves them: those of the sample model whose sigma lies in its support.
static rows_t some_rows(const schema_t *schema)
{
    rows_t rows = rows_create(schema, ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        sample_row(5, FIRST + i, &rows, i);
        rows.parameters[2 * i + 1] = 0.06 + fabs(rows.parameters[2 * i + 1]);
        if (rows.status[i] != ROW_DONE)
            rows_set_reason(&rows, i, i % 2 == 0 ? "no root in [0, 1]" : "\xce\xb1 too large");
    }
    rows.n = ROWS;
    rows.status[3] = ROW_ERROR; // one that failed without a word, and knows nothing
    rows_set_reason(&rows, 3, NULL);
    rows.design[3] = NAN;
    rows.parameters[6] = NAN;
    rows.length[6] = 0;
    memset(rows.observables[0] + 3 * 14, 0, 14 * sizeof(float));
    return rows;
}

static stream_message_t message_of_rows(const schema_t *schema)
{
    rows_t rows = some_rows(schema);
    stream_rows_t packed = stream_pack_rows(RUN, &rows, 0, ROWS);
    rows_destroy(&rows);
    return (stream_message_t){stream_rows_head(&packed), packed.n, (char *)packed.data};
}

enum { SAMPLES = 15 };

// One of each type, STATUS as question and answer, BYE with and without a reason.
static stream_message_t sample_message(int which, const schema_t *schema)
{
    stream_welcome_t welcome = {
        RUN, 12, 1000, 190, 4096, (char *)"study: \xce\xb1\n", (char *)"name: m\n"};
    switch (which) {
    case 0:
        return stream_write_hello(
            &(stream_hello_t){4711, "node17", "x86_64 avx2 fma", "glibc 2.36", "infermill 0.1.0"});
    case 1:
        return stream_write_ready(&(stream_ready_t){RUN, "ddm-1-9f3c21ab77e0d154"});
    case 2:
        return stream_write_ask(&(stream_ask_t){RUN, 3, 4096, 1e-3});
    case 3:
        return message_of_rows(schema);
    case 4:
        return stream_write_beat(&(stream_beat_t){RUN, 12345, 60.5, 0.25});
    case 5:
        return stream_write_bye(&(stream_bye_t){RUN, "the simulator asks to stop"});
    case 6:
        return stream_write_bye(&(stream_bye_t){RUN, ""});
    case 7:
        return stream_write_welcome(&welcome);
    case 8:
        return stream_write_lease(&(stream_lease_t){RUN, 3, 4096, 5000});
    case 9:
        return stream_write_kept(&(stream_kept_t){RUN, 4096, 4200});
    case 10:
        return stream_write_run(STREAM_DONE, RUN);
    case 11:
        return stream_write_run(STREAM_WHO, UINT64_MAX);
    case 12:
        return stream_write_refused("another model");
    case 13:
        return stream_write_status(NULL);
    default:
        return stream_write_status("{\"rows\": 1}\n");
    }
}

static bool echoes(const stream_message_t *m, const schema_t *schema, bool *accepted)
{
    return stream_echoes(m->head.n, m->head.bytes, m->n, m->data, schema, accepted);
}

/* ---- tests ---- */

static void every_message_comes_back_as_it_was(void **state)
{
    const schema_t *schema = *state;
    for (int i = 0; i < SAMPLES; i++) {
        bool accepted;
        stream_message_t m = sample_message(i, schema);
        assert_true(echoes(&m, schema, &accepted));
        if (!accepted)
            fail_msg("%s is refused: %s", stream_name(message_type(&m.head)), err_text());
        free(m.data);
    }
    assert_string_equal(stream_name(STREAM_HELLO), "HELLO");
    assert_string_equal(stream_name(STREAM_STATUS), "STATUS");
    assert_string_equal(stream_name(STREAM_STATUS + 1), "unknown");
}

static void what_is_read_is_what_was_written(void **state)
{
    stream_hello_t hello = {4711, "node17", "x86_64", "glibc 2.36", "infermill"}, hello_read;
    stream_message_t m = stream_write_hello(&hello);
    assert_int_equal(stream_read_hello(&m.head, m.n, m.data, &hello_read), OK);
    assert_int_equal(hello_read.pid, 4711);
    assert_string_equal(hello_read.host, "node17");
    assert_string_equal(hello_read.software, "infermill");
    free(m.data);
    stream_welcome_t
        w = {RUN, UINT64_MAX, 500, 100, 1 << 20, (char *)"study: s", (char *)"name: m"},
        w_read;
    m = stream_write_welcome(&w);
    assert_int_equal(stream_read_welcome(&m.head, m.n, m.data, &w_read), OK);
    assert_true(w_read.seed == UINT64_MAX && w_read.beat_ms == 500 && w_read.row_bytes == 100);
    assert_string_equal(w_read.study, "study: s");
    assert_string_equal(w_read.model, "name: m");
    stream_welcome_free(&w_read);
    free(m.data);
    stream_beat_t beat = {RUN, 7, 1.5, 2.5}, beat_read;
    m = stream_write_beat(&beat);
    assert_int_equal(stream_read_beat(&m.head, 0, NULL, &beat_read), OK);
    assert_true(beat_read.rows == 7 && beat_read.simulating == 1.5 && beat_read.waiting == 2.5);
    (void)state;
}

static void a_writer_makes_texts_clean(void **state)
{
    char why[STREAM_WORDS_CAP];
    stream_message_t m = stream_write_refused("two\nlines \xff");
    assert_int_equal(stream_read_refused(&m.head, m.n, m.data, why), OK);
    assert_string_equal(why, "two lines ?");
    free(m.data);
    stream_hello_t hello = {1, "a\nb", "c", "d", ""}, out;
    memset(hello.host + 3, 'x', sizeof hello.host - 4);
    m = stream_write_hello(&hello);
    assert_int_equal(stream_read_hello(&m.head, m.n, m.data, &out), OK);
    assert_memory_equal(out.host, "a bxxx", 6);
    assert_string_equal(out.libm, "d");
    assert_string_equal(out.software, "");
    free(m.data);
    (void)state;
}

// Each message with one thing wrong in it is refused, with the words that tell what.
static void expect_refusal(stream_message_t m, err_code_t code, const char *words,
                           const schema_t *schema)
{
    stream_message_t back;
    err_t err = stream_echo(&m.head, m.n, m.data, schema, &back);
    assert_true(err_is(err, code));
    if (strstr(err_text(), words) == NULL)
        fail_msg("\"%s\" without \"%s\"", err_text(), words);
    free(m.data);
}

static stream_message_t with_protocol(stream_message_t m, uint8_t protocol)
{
    m.head.bytes[MESSAGE_HEAD] = protocol;
    return m;
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
    const schema_t *s = *state;
    stream_welcome_t w = {RUN, 1, 1000, 100, 100 + STREAM_REASON_MOST, (char *)"s", (char *)"m"};
    expect_refusal(with_protocol(sample_message(0, s), 9), ERR_MISMATCH, "protocol 9, expected 1",
                   s);
    expect_refusal(with_protocol(sample_message(7, s), 9), ERR_MISMATCH, "different versions", s);
    expect_refusal(stream_write_ready(&(stream_ready_t){0, "x"}), ERR_FORMAT, "run 0", s);
    expect_refusal(stream_write_ready(&(stream_ready_t){1, ""}), ERR_FORMAT, "0 bytes of data", s);
    expect_refusal(stream_write_ask(&(stream_ask_t){1, 0, 1, 0}), ERR_FORMAT, "number 0", s);
    expect_refusal(stream_write_ask(&(stream_ask_t){1, 1, 0, 0}), ERR_FORMAT, "0 rows", s);
    expect_refusal(stream_write_ask(&(stream_ask_t){1, 1, 1, NAN}), ERR_FORMAT, "nan s", s);
    expect_refusal(stream_write_beat(&(stream_beat_t){1, -1, 0, 0}), ERR_FORMAT, "-1 rows", s);
    expect_refusal(stream_write_beat(&(stream_beat_t){1, 1, 0, -2}), ERR_FORMAT, "-2 s waiting", s);
    expect_refusal(stream_write_lease(&(stream_lease_t){1, 1, 5, 5}), ERR_FORMAT, "[5, 5)", s);
    expect_refusal(stream_write_lease(&(stream_lease_t){1, 1, -1, 5}), ERR_FORMAT, "[-1, 5)", s);
    expect_refusal(stream_write_kept(&(stream_kept_t){1, 6, 5}), ERR_FORMAT, "[6, 5)", s);
    expect_refusal(stream_write_run(STREAM_DONE, 0), ERR_FORMAT, "DONE: run 0", s);
    w.beat_ms = 1;
    expect_refusal(stream_write_welcome(&w), ERR_FORMAT, "a beat of 1 ms", s);
    w.beat_ms = 1000;
    w.block_bytes--;
    expect_refusal(stream_write_welcome(&w), ERR_FORMAT, "blocks of 344 bytes", s);
    w.block_bytes++;
    w.model = (char *)"";
    expect_refusal(stream_write_welcome(&w), ERR_FORMAT, "data", s);
}

static stream_message_t rows_with(const schema_t *schema, void (*change)(rows_t *rows))
{
    rows_t rows = some_rows(schema);
    change(&rows);
    stream_rows_t packed = stream_pack_rows(RUN, &rows, 0, ROWS);
    rows_destroy(&rows);
    return (stream_message_t){stream_rows_head(&packed), packed.n, (char *)packed.data};
}

enum {
    DONE_ROW = 1
}; // a row of some_rows that is done; 5 values of each of its sets are used at most

static void missing(rows_t *r)
{
    r->status[DONE_ROW] = ROW_MISSING;
}
static void strange_status(rows_t *r)
{
    r->status[DONE_ROW] = ROW_STATUS_COUNT;
}
static void other_index(rows_t *r)
{
    r->index[DONE_ROW]++;
}
static void early(rows_t *r)
{
    for (int i = 0; i < ROWS; i++)
        r->index[i] -= FIRST - ECHO_BEGIN + 1;
}
static void long_set(rows_t *r)
{
    r->length[2 * DONE_ROW] = 1 << 30;
}
static void behind_the_set(rows_t *r)
{
    r->observables[0][DONE_ROW * 14 + 13] = -0.0f;
    r->design[DONE_ROW] = r->length[2 * DONE_ROW] = 4;
    memset(r->observables[0] + DONE_ROW * 14 + 8, 0, 5 * sizeof(float));
}
static void infinite(rows_t *r)
{
    r->observables[1][DONE_ROW * 3 + 2] = INFINITY;
}
static void outside(rows_t *r)
{
    r->parameters[2 * DONE_ROW + 1] = 0.01;
}
static void on_the_edge(rows_t *r)
{
    r->parameters[2 * DONE_ROW + 1] = 0.05;
}
static void unfit_design(rows_t *r)
{
    r->design[DONE_ROW] = 8;
}
static void done_with_reason(rows_t *r)
{
    rows_set_reason(r, DONE_ROW, "why not");
}
static void took_nan(rows_t *r)
{
    r->seconds[DONE_ROW] = NAN;
}

static void rows_that_no_simulator_makes_are_refused(void **state)
{
    static const struct {
        void (*change)(rows_t *rows);
        const char *words;
    } cases[] = {{missing, "status 0"},
                 {strange_status, "status 7, expected 1 to 6"},
                 {other_index, "row 201: its index is 202"},
                 {early, "rows [99, 139), expected rows of [100,"},
                 {long_set, "length 1073741824, expected"},
                 {behind_the_set, "value 13 is -0, beyond its length"},
                 {infinite, "observable z: value 2 is inf"},
                 {outside, "parameter sigma is 0.01, declared between"},
                 {on_the_edge, "the edge of its open support"},
                 {unfit_design, "design variable n is 8, declared from 3 to 7"},
                 {done_with_reason, "it is done, and yet has a reason"},
                 {took_nan, "it took nan s"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refusal(rows_with(*state, cases[i].change), ERR_FORMAT, cases[i].words, *state);
}

static void rows_come_out_with_their_reasons(void **state)
{
    const schema_t *schema = *state;
    rows_t rows = some_rows(schema), back = rows_create(schema, ROWS),
           scratch = rows_create(schema, 1);
    stream_rows_t packed = stream_pack_rows(RUN, &rows, 0, ROWS), read;
    message_t head = stream_rows_head(&packed);
    assert_int_equal(stream_read_rows(&head, packed.n, packed.data, &read), OK);
    assert_int_equal(read.first, FIRST);
    assert_int_equal(read.count, ROWS);
    assert_int_equal(stream_check_rows(&read, FIRST, FIRST + ROWS, packed.n, &scratch), OK);
    for (uint32_t k = 1; k < ROWS; k += 2) // every second one
        stream_unpack_row(&read, k, &back, k);
    int reasons = 0;
    for (int64_t k = 1; k < ROWS; k += 2) {
        assert_int_equal(rows_hash(&rows, k, k + 1), rows_hash(&back, k, k + 1));
        assert_true(rows.seconds[k] == back.seconds[k]);
        assert_int_equal(rows.reason[k] == NULL, back.reason[k] == NULL);
        if (rows.reason[k] != NULL)
            assert_string_equal(rows.reason[k], back.reason[k]);
        reasons += rows.reason[k] != NULL;
    }
    assert_true(reasons > 0);
    free((char *)packed.data);
    rows_destroy(&rows);
    rows_destroy(&back);
    rows_destroy(&scratch);
}

static void a_block_has_room_for_a_row(void **state)
{
    schema_t schema = sample_schema();
    uint32_t bytes;
    assert_int_equal(stream_block_bytes(&schema, &bytes), OK);
    assert_int_equal(bytes, 1 << 18);
    schema.observables[1].dims[0] = 1 << 20;
    assert_int_equal(stream_block_bytes(&schema, &bytes), OK);
    assert_int_equal(bytes, rows_bytes(&schema) + STREAM_REASON_MOST);
    schema.observables[1].dims[0] = 1 << 29;
    assert_true(err_is(stream_block_bytes(&schema, &bytes), ERR_USAGE));
    schema.observables[1].dims[0] = 3;
    schema_free(&schema);
    (void)state;
}

/* ---- frames that are no messages ---- */

static void store_hash(stream_message_t *m)
{
    uint64_t hash = XXH3_64bits(m->data, m->n);
    if (message_type(&m->head) == STREAM_ROWS && m->head.n >= HASH_AT + sizeof hash)
        memcpy(m->head.bytes + HASH_AT, &hash, sizeof hash);
}

static void store_length(stream_message_t *m)
{
    uint32_t payload = (uint32_t)(m->head.n - MESSAGE_HEAD);
    memcpy(m->head.bytes + 4, &payload, sizeof payload);
}

static void flip_bits(rng_t *r, size_t n, void *bytes)
{
    for (int64_t k = n == 0 ? 0 : rng_integer(r, 1, 4); k > 0; k--)
        ((uint8_t *)bytes)[rng_below(r, n)] ^= (uint8_t)(1u << rng_below(r, 8));
}

static void cut(rng_t *r, stream_message_t *m)
{
    if (rng_below(r, 2) == 0)
        m->n = m->n == 0 ? 0 : (size_t)rng_below(r, m->n);
    else
        m->head.n = MESSAGE_HEAD + (size_t)rng_below(r, m->head.n - MESSAGE_HEAD + 1);
}

static void grow(rng_t *r, stream_message_t *m)
{
    size_t more = 1 + (size_t)rng_below(r, 40);
    m->data = MEM_GROW(m->data, char, m->n + more);
    for (size_t i = 0; i < more; i++)
        m->data[m->n++] = (char)rng_below(r, 256);
}

static void fill_randomly(rng_t *r, stream_message_t *m)
{
    for (size_t i = MESSAGE_HEAD; i < m->head.n; i++)
        m->head.bytes[i] = (uint8_t)rng_below(r, 256);
    for (size_t i = 0; i < m->n; i++)
        m->data[i] = (char)rng_below(r, 256);
}

static void mutate(rng_t *r, stream_message_t *m)
{
    switch (rng_below(r, 6)) {
    case 0:
        flip_bits(r, m->head.n, m->head.bytes);
        break;
    case 1:
        flip_bits(r, m->n, m->data);
        break;
    case 2:
        cut(r, m);
        break;
    case 3:
        grow(r, m);
        break;
    case 4:
        fill_randomly(r, m);
        break;
    case 5:
        m->head.bytes[3] = (uint8_t)(STREAM_HELLO + rng_below(r, 14));
        break;
    }
    if (rng_below(r, 2) == 0)
        store_length(m);
    if (rng_below(r, 2) == 0)
        store_hash(m);
}

// What is accepted comes back byte for byte, so all of it was understood: it is a message.
static void mutated_frames_are_refused_or_are_messages(void **state)
{
    const schema_t *schema = *state;
    int64_t taken = 0, refused = 0;
    rng_t r = rng_at(11, RNG_CHECK, 0);
    for (int i = 0; i < FRAMES; i++) {
        bool accepted;
        stream_message_t m = sample_message(i % SAMPLES, schema);
        mutate(&r, &m);
        if (!echoes(&m, schema, &accepted))
            fail_msg("frame %d, %s: what came back differs", i, stream_name(m.head.bytes[3]));
        taken += accepted;
        refused += !accepted;
        free(m.data);
    }
    assert_true(refused > FRAMES / 2);
    assert_true(taken > FRAMES / 100); // a number that became another one
}

static void every_truncation_is_refused(void **state)
{
    const schema_t *schema = *state;
    for (int i = 0; i < SAMPLES; i++) {
        bool accepted;
        stream_message_t m = sample_message(i, schema);
        for (size_t n = 0; n < m.head.n; n++) {
            assert_true(stream_echoes(n, m.head.bytes, m.n, m.data, schema, &accepted));
            assert_false(accepted);
        }
        stream_type_t type = message_type(&m.head);
        bool text_alone = type == STREAM_READY || type == STREAM_BYE || type == STREAM_HELLO ||
                          type == STREAM_REFUSED || type == STREAM_STATUS || type == STREAM_WELCOME;
        for (size_t n = 0; n < m.n && !text_alone; n++) { // a text may be shorter
            assert_true(stream_echoes(m.head.n, m.head.bytes, n, m.data, schema, &accepted));
            assert_false(accepted);
        }
        free(m.data);
    }
}

int main(void)
{
    schema_t schema = sample_schema();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_message_comes_back_as_it_was, &schema),
        cmocka_unit_test_prestate(what_is_read_is_what_was_written, &schema),
        cmocka_unit_test_prestate(a_writer_makes_texts_clean, &schema),
        cmocka_unit_test_prestate(what_makes_no_sense_is_refused_in_words, &schema),
        cmocka_unit_test_prestate(rows_that_no_simulator_makes_are_refused, &schema),
        cmocka_unit_test_prestate(rows_come_out_with_their_reasons, &schema),
        cmocka_unit_test_prestate(a_block_has_room_for_a_row, &schema),
        cmocka_unit_test_prestate(mutated_frames_are_refused_or_are_messages, &schema),
        cmocka_unit_test_prestate(every_truncation_is_refused, &schema),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    schema_free(&schema);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
