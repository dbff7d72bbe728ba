// SPDX-License-Identifier: Apache-2.0
//
// The hub's thread against workers that are played step by step over real sockets of the loopback.
#include "coordinator/hub.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/shard_write.h"
#include "tests/coordinator/fake_worker.h"
#include "tests/storage/sample_bank.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { SEED = 3, ROWS = 100, ROOM = 40, BEAT_MS = 200 };

typedef struct {
    schema_t schema;
    shard_origin_t here;
    used_rows_t used;
    row_ring_t *ring;
    hub_t *hub;
    rows_t rows; // of a worker
} world_t;

static const char *program; // infermill, of the command line

static int set_up(void **state)
{
    world_t *w = MEM_NEW(world_t, 1);
    w->schema = sample_schema();
    w->here = shard_origin(&w->schema);
    w->used = used_rows_create(0, 0, NULL);
    row_ring_plan_t plan = {&w->schema, 0, ROWS, ROOM, 10, false, &w->used};
    w->ring = row_ring_create(&plan);
    w->rows = rows_create(&w->schema, ROWS);
    hub_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                           .study = "a test",
                           .text = "study: a test\n",
                           .schema = &w->schema,
                           .seed = SEED,
                           .cpu = w->here.cpu,
                           .libm = w->here.libm,
                           .end = ROWS,
                           .capacity = ROOM,
                           .ring = w->ring,
                           .beat_ms = BEAT_MS};
    assert_int_equal(hub_open(&config, &w->hub), OK);
    hub_lock(w->hub);
    hub_window(w->hub, ROOM);
    hub_unlock(w->hub);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;
    hub_close(&w->hub, false);
    row_ring_destroy(&w->ring);
    rows_destroy(&w->rows);
    used_rows_destroy(&w->used);
    free(w->here.model);
    schema_free(&w->schema);
    free(w);
    return 0;
}

// Rows as a simulator leaves them: those of the sample that are not done have their values.
static void simulate(world_t *w, int64_t begin, int64_t end)
{
    w->rows.n = 0;
    for (int64_t row = begin; row < end; row++) {
        int64_t at = w->rows.n++;
        sample_row(SEED, row, &w->rows, at);
        w->rows.status[at] = ROW_DONE;
        w->rows.parameters[2 * at + 1] = 1; // inside its bounds
        w->rows.observables[1][3 * at + 1] = 0.5f;
        rows_set_reason(&w->rows, at, NULL);
    }
}

static feed_report_t report(world_t *w)
{
    feed_worker_t *workers;
    hub_lock(w->hub);
    feed_report_t r = hub_report(w->hub, &workers);
    hub_unlock(w->hub);
    free(workers);
    return r;
}

// Waits until so many rows were put; the test fails where they do not come.
static void wait_for_rows(world_t *w, int64_t n)
{
    double until = log_clock() + 10;
    hub_lock(w->hub);
    while (row_ring_tally(w->ring).put < n && log_clock() < until)
        hub_wait(w->hub, 100);
    assert_int_equal(row_ring_tally(w->ring).put, n);
    hub_unlock(w->hub);
}

static void admit(world_t *w, fake_t *f, int64_t pid)
{
    fake_open(f, hub_endpoint(w->hub));
    assert_true(fake_admitted(f, &w->schema, pid));
}

static void rows_go_from_a_worker_to_the_ring(void **state)
{
    world_t *w = *state;
    fake_t f;
    stream_lease_t lease;
    stream_kept_t kept;
    admit(w, &f, 1);
    for (int64_t number = 1, row = 0; row < 20; number++, row = lease.end) {
        fake_ask(&f, number, 5, 0.01);
        assert_true(fake_leased(&f, &lease));
        assert_int_equal(lease.number, number);
        assert_int_equal(lease.begin, row);
        simulate(w, lease.begin, lease.end);
        fake_rows(&f, &w->rows, 0, w->rows.n);
        wait_for_rows(w, lease.end);
        for (int64_t i = 0; i < w->rows.n; i++)
            assert_false(sample_differs(&w->rows, i, row_ring_rows(w->ring),
                                        row_ring_place(w->ring, lease.begin + i), 1));
    }
    hub_lock(w->hub);
    hub_kept(w->hub, row_ring_giver(w->ring, 3), 3, 7);
    hub_unlock(w->hub);
    assert_true(fake_hears(&f, STREAM_KEPT));
    assert_int_equal(stream_read_kept(&f.head, 0, NULL, &kept), OK);
    assert_int_equal(kept.begin, 3);
    assert_int_equal(kept.end, 7);
    fake_close(&f);
}

static void workers_are_told_when_all_is_over(void **state)
{
    world_t *w = *state;
    fake_t f, late;
    admit(w, &f, 1);
    fake_say(&f, stream_write_beat(&(stream_beat_t){.run = f.run}));
    assert_true(fake_hears(&f, STREAM_BEAT)); // it is known from here on
    hub_lock(w->hub);
    hub_over(w->hub);
    hub_unlock(w->hub);
    assert_true(fake_hears(&f, STREAM_DONE));
    admit(w, &late, 2);
    fake_ask(&late, 1, 1, 0);
    assert_true(fake_hears(&late, STREAM_DONE));
    fake_close(&f);
    fake_close(&late);
}

static void *close_hub(void *argument)
{
    hub_close(argument, true);
    return NULL;
}

// A worker whose connection broke while the hub said good-bye hears it on the next one, and the hub waits for that.
static void a_worker_on_a_new_connection_is_told_too(void **state)
{
    world_t *w = *state;
    fake_t before, after;
    pthread_t closing;
    admit(w, &before, 1);
    fake_say(&before, stream_write_beat(&(stream_beat_t){.run = before.run}));
    assert_true(fake_hears(&before, STREAM_BEAT));
    fake_open(&after, hub_endpoint(w->hub));
    fake_say(&after, stream_write_beat(&(stream_beat_t){.run = before.run}));
    assert_true(fake_hears(&after, STREAM_WHO));
    assert_int_equal(pthread_create(&closing, NULL, close_hub, &w->hub), 0);
    assert_true(fake_hears(&before, STREAM_DONE));
    fake_hello(&after, 1);
    assert_true(fake_hears(&after, STREAM_WELCOME));
    assert_true(fake_hears(&after, STREAM_DONE));
    fake_say(&after, stream_write_bye(&(stream_bye_t){.run = before.run}));
    pthread_join(closing, NULL);
    fake_close(&before);
    fake_close(&after);
}

static void credit_waits_for_the_window(void **state)
{
    world_t *w = *state;
    fake_t f;
    stream_lease_t lease;
    admit(w, &f, 1);
    int64_t number = 1, row = 0;
    for (; row < ROOM; number++, row = lease.end) {
        fake_ask(&f, number, ROOM, 0);
        assert_true(fake_leased(&f, &lease));
        assert_true(lease.end <= ROOM);
        simulate(w, lease.begin, lease.end);
        fake_rows(&f, &w->rows, 0, w->rows.n);
    }
    fake_ask(&f, number, ROOM, 0);
    fake_say(&f, stream_write_beat(&(stream_beat_t){.run = f.run}));
    wait_for_rows(w, ROOM);
    int64_t used[10];
    hub_lock(w->hub);
    row_ring_use(w->ring, 10, used);
    row_ring_stored(w->ring, 0);
    row_ring_advance(w->ring);
    hub_window(w->hub, ROOM + 10);
    hub_unlock(w->hub);
    assert_true(fake_leased(&f, &lease));
    assert_int_equal(lease.number, number);
    assert_int_equal(lease.begin, ROOM);
    fake_close(&f);
}

static void the_rows_of_a_silent_worker_are_lent_again(void **state)
{
    world_t *w = *state;
    fake_t a, b;
    stream_lease_t lease;
    admit(w, &a, 1);
    fake_ask(&a, 1, 1, 0);
    assert_true(fake_leased(&a, &lease));
    admit(w, &b, 2);
    for (int64_t number = 1; lease.begin != 0 || number == 1; number++) { // until a's row comes up
        fake_ask(&b, number, 1, 0);
        assert_true(fake_leased(&b, &lease));
        simulate(w, lease.begin, lease.end);
        fake_rows(&b, &w->rows, 0, w->rows.n);
    }
    fake_close(&a);
    fake_close(&b);
}

static void what_comes_twice_is_dropped(void **state)
{
    world_t *w = *state;
    fake_t f;
    stream_lease_t lease;
    admit(w, &f, 1);
    fake_ask(&f, 1, 1, 0);
    assert_true(fake_leased(&f, &lease));
    simulate(w, 0, 1);
    fake_rows(&f, &w->rows, 0, 1);
    fake_rows(&f, &w->rows, 0, 1);
    simulate(w, ROOM, ROOM + 1); // not lent: beyond the window
    fake_rows(&f, &w->rows, 0, 1);
    fake_say(&f, stream_write_beat(&(stream_beat_t){.run = f.run}));
    assert_true(fake_hears(&f, STREAM_BEAT));
    feed_report_t r = report(w);
    assert_int_equal(r.rows, 1);
    assert_int_equal(r.twice, 2);
    assert_int_equal(r.bad_messages, 0);
    fake_close(&f);
}

/* A worker sends rows again to a hub whose bank has them: it may forget them. Rows that nobody has stored are not called kept. */
static void rows_that_the_bank_has_are_kept(void **state)
{
    world_t *w = *state;
    fake_t f;
    stream_kept_t kept;
    int64_t used[20];
    admit(w, &f, 1);
    simulate(w, 0, 20);
    for (int64_t begin = 0; begin < 20;) { // a lease at a time
        stream_lease_t lease;
        fake_ask(&f, begin + 1, 20 - begin, 0);
        assert_true(fake_leased(&f, &lease));
        fake_rows(&f, &w->rows, lease.begin, lease.end < 20 ? lease.end : 20);
        begin = lease.end;
    }
    wait_for_rows(w, 20);
    hub_lock(w->hub);
    row_ring_use(w->ring, 20, used);
    row_ring_stored(w->ring, 0); // rows 0 to 9
    hub_unlock(w->hub);
    fake_rows(&f, &w->rows, 5, 15);
    assert_true(fake_hears(&f, STREAM_KEPT));
    assert_int_equal(stream_read_kept(&f.head, f.data.n, f.data.bytes, &kept), OK);
    assert_true(kept.begin == 5 && kept.end == 10);
    hub_lock(w->hub);
    row_ring_stored(w->ring, 1);
    row_ring_advance(w->ring);
    hub_unlock(w->hub);
    fake_rows(&f, &w->rows, 8, 20); // below the ring
    assert_true(fake_hears(&f, STREAM_KEPT));
    assert_int_equal(stream_read_kept(&f.head, f.data.n, f.data.bytes, &kept), OK);
    assert_true(kept.begin == 8 && kept.end == 20);
    fake_close(&f);
}

static void who_is_unknown_is_asked(void **state)
{
    world_t *w = *state;
    fake_t f;
    fake_open(&f, hub_endpoint(w->hub));
    f.run = 77; // of another hub
    fake_ask(&f, 1, 1, 0);
    assert_true(fake_hears(&f, STREAM_WHO));
    assert_true(fake_admitted(&f, &w->schema, 1));
    f.run = 77;
    simulate(w, 0, 1);
    fake_rows(&f, &w->rows, 0, 1);
    assert_true(fake_hears(&f, STREAM_WHO));
    assert_int_equal(report(w).rows, 0);
    assert_int_equal(report(w).bad_messages, 0);
    fake_close(&f);
}

static void assert_refused(world_t *w, fake_t *f, const char *got, const char *expected)
{
    char why[STREAM_WORDS_CAP];
    assert_true(fake_hears(f, STREAM_REFUSED));
    assert_int_equal(stream_read_refused(&f->head, f->data.n, f->data.bytes, why), OK);
    if (strstr(why, got) == NULL || strstr(why, expected) == NULL)
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", why, got, expected);
    assert_int_equal(report(w).refused, 1);
    fake_say(f, stream_write_status(NULL)); // and it is not listened to from now on
    fake_t other;
    fake_open(&other, hub_endpoint(w->hub));
    fake_say(&other, stream_write_status(NULL));
    assert_true(fake_hears(&other, STREAM_STATUS));
    assert_int_equal(wire_receive(f->socket, 100, NULL, &f->head), WIRE_NOTHING);
    fake_close(&other);
}

static void another_simulator_is_refused(void **state)
{
    world_t *w = *state;
    fake_t f;
    schema_t other = schema_copy(&w->schema);
    free(other.version);
    other.version = mem_copy_text("2");
    fake_open(&f, hub_endpoint(w->hub));
    assert_true(fake_admitted(&f, &other, 1));
    assert_refused(w, &f, "got sample-2-", "expected sample-1-");
    schema_free(&other);
    fake_close(&f);
}

static void another_protocol_is_refused(void **state)
{
    world_t *w = *state;
    fake_t f;
    fake_open(&f, hub_endpoint(w->hub));
    stream_message_t m = {.data = mem_copy_text("h\nc\nl\ns")};
    m.n = strlen(m.data);
    message_start(&m.head, STREAM_HELLO);
    message_put_u32(&m.head, STREAM_PROTOCOL + 1);
    message_put_i64(&m.head, 1);
    fake_say(&f, m);
    assert_refused(w, &f, "2", "1");
    fake_close(&f);
}

static void three_bad_messages_are_enough(void **state)
{
    world_t *w = *state;
    fake_t f;
    admit(w, &f, 1);
    simulate(w, 0, 2);
    w->rows.parameters[1] = -1; // outside its bounds
    fake_rows(&f, &w->rows, 0, 2);
    stream_message_t m = {.n = 0};
    message_start(&m.head, STREAM_ASK); // without what belongs to it
    fake_say(&f, m);
    message_start(&m.head, 200);
    fake_say(&f, m);
    assert_refused(w, &f, "3 bad messages", "worker");
    assert_int_equal(report(w).bad_messages, 3);
    assert_int_equal(report(w).rows, 0);
    assert_int_equal(report(w).n_workers, 0);
    fake_close(&f);
}

static void the_status_is_told_to_whoever_asks(void **state)
{
    world_t *w = *state;
    fake_t f, asker;
    char *json, *lines;
    stream_lease_t lease;
    admit(w, &f, 4711);
    fake_ask(&f, 1, 1, 0);
    assert_true(fake_leased(&f, &lease));
    simulate(w, 0, 1);
    fake_rows(&f, &w->rows, 0, 1);
    wait_for_rows(w, 1);
    hub_lock(w->hub);
    hub_note(w->hub, &(feed_trainer_t){2, 10, -1.25, 0.5});
    hub_unlock(w->hub);
    fake_open(&asker, hub_endpoint(w->hub));
    fake_say(&asker, stream_write_status(NULL));
    assert_true(fake_hears(&asker, STREAM_STATUS));
    assert_int_equal(stream_read_status(&asker.head, asker.data.n, asker.data.bytes, &json), OK);
    json_t *root = json_loads(json, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "study")), "a test");
    assert_int_equal(json_integer_value(json_object_get(root, "rows")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "round")), 2);
    assert_true(json_real_value(json_object_get(root, "fresh_loss")) == -1.25);
    assert_int_equal(json_array_size(json_object_get(root, "workers")), 1);
    assert_int_equal(feed_report_lines(json, &lines), OK);
    assert_non_null(strstr(lines, "a test: round 2 of 10"));
    assert_non_null(strstr(lines, "1 of 100"));
    assert_non_null(strstr(lines, "fake:4711"));
    assert_true(err_is(feed_report_lines("[1]", &lines), ERR_FORMAT));
    json_decref(root);
    free(lines);
    free(json);
    fake_close(&f);
    fake_close(&asker);
}

static void assert_says(const char *command, int code, const char *words)
{
    char said[4096] = "";
    FILE *out = popen(command, "r");
    assert_non_null(out);
    size_t n = fread(said, 1, sizeof said - 1, out);
    said[n] = '\0';
    assert_int_equal(WEXITSTATUS(pclose(out)), code);
    if (strstr(said, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", said, words);
}

static void the_program_shows_the_status(void **state)
{
    world_t *w = *state;
    char *lines = mem_format("%s status --connect %s 2>&1", program, hub_endpoint(w->hub));
    char *json = mem_format("%s status --json --connect %s 2>&1", program, hub_endpoint(w->hub));
    char *nowhere = mem_format("%s status 2>&1", program);
    assert_says(lines, 0, "fresh rows  0 of 100, 0 used");
    assert_says(json, 0, "\"total\":100");
    assert_says(nowhere, 2, "--connect is missing");
    free(lines);
    free(json);
    free(nowhere);
}

static void a_process_that_connects_anew_is_the_same_worker(void **state)
{
    world_t *w = *state;
    fake_t f, again;
    stream_lease_t lease;
    admit(w, &f, 1);
    fake_ask(&f, 1, 1, 0);
    assert_true(fake_leased(&f, &lease));
    admit(w, &again, 1);
    fake_ask(&again, 2, 1, 0);
    assert_true(fake_leased(&again, &lease));
    assert_int_equal(lease.begin, 0); // its lease came back at once
    assert_int_equal(report(w).n_workers, 1);
    fake_close(&f);
    fake_close(&again);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    CHECK(argc == 2, "expected the program infermill");
    program = argv[1];
    log_set(LOG_ERROR, 0);
    const struct CMUnitTest tests[] = {
        TEST(rows_go_from_a_worker_to_the_ring),
        TEST(workers_are_told_when_all_is_over),
        TEST(a_worker_on_a_new_connection_is_told_too),
        TEST(credit_waits_for_the_window),
        TEST(the_rows_of_a_silent_worker_are_lent_again),
        TEST(what_comes_twice_is_dropped),
        TEST(rows_that_the_bank_has_are_kept),
        TEST(who_is_unknown_is_asked),
        TEST(another_simulator_is_refused),
        TEST(another_protocol_is_refused),
        TEST(three_bad_messages_are_enough),
        TEST(the_status_is_told_to_whoever_asks),
        TEST(the_program_shows_the_status),
        TEST(a_process_that_connects_anew_is_the_same_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
