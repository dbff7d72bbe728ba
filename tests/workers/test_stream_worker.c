// SPDX-License-Identifier: Apache-2.0
// The worker runs on a thread of its own, the hub (small_hub.h) on the test's.
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "tests/workers/small_hub.h"
#include "workers/stream_worker.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RUN = 1000 };

typedef struct {
    const char *plugin;
    simulator_t *simulator; // for direct simulation, and the model's declaration
    char *model;
} fixture_t;

typedef struct {
    stream_worker_config_t config;
    const char *plugin;
    double grace;
    char endpoint[WIRE_ENDPOINT_CAP];
    pthread_t thread;
    stream_worker_report_t report;
    err_t err;
    char *words;
    atomic_bool ended, abandoned;
    int prepared;
} run_t;

/* ---- a worker ---- */

static err_t load_plugin(void *user, const stream_welcome_t *welcome, simulator_t **simulator,
                         double *grace)
{
    run_t *r = user;
    assert_string_equal(welcome->study, "study: test\n");
    r->prepared++;
    *grace = r->grace;
    return simulator_load_plugin(r->plugin, simulator);
}

static void note_abandon(void *user)
{
    run_t *r = user;
    atomic_store(&r->abandoned, true);
}

static void *work(void *argument)
{
    run_t *r = argument;
    r->err = stream_worker_run(&r->config, &r->report);
    r->words = mem_copy_text(err_text());
    atomic_store(&r->ended, true);
    return NULL;
}

static void start(run_t *r, const fixture_t *f, const char *endpoint, double patience)
{
    *r = (run_t){.plugin = f->plugin, .grace = 0.1};
    snprintf(r->endpoint, sizeof r->endpoint, "%s", endpoint);
    r->config = (stream_worker_config_t){.endpoint = r->endpoint,
                                         .patience = patience,
                                         .prepare = load_plugin,
                                         .abandon = note_abandon,
                                         .user = r};
    assert_int_equal(pthread_create(&r->thread, NULL, work, r), 0);
}

static err_t join(run_t *r)
{
    pthread_join(r->thread, NULL);
    return r->err;
}

static void serve_until_it_ends(small_hub_t *hub, run_t *r)
{
    while (!atomic_load(&r->ended))
        small_hub_step(hub, 10);
    while (small_hub_step(hub, 100))
        continue;
}

static void step(small_hub_t *hub, run_t *r)
{
    assert_false(atomic_load(&r->ended));
    small_hub_step(hub, 100);
}

static void open_hub(small_hub_t *hub, const fixture_t *f, const char *endpoint, uint64_t run)
{
    small_hub_open(hub, endpoint, simulator_schema(f->simulator), run, "study: test\n", f->model);
}

/* ---- tests ---- */

static void assert_as_simulated(const small_hub_t *hub, const fixture_t *f, int64_t end)
{
    int64_t done;
    simulator_t *simulator; // as the mood is now
    assert_int_equal(simulator_load_plugin(f->plugin, &simulator), OK);
    rows_t direct = rows_create(simulator_schema(simulator), end);
    assert_int_equal(
        simulator_rows(simulator, hub->welcome.seed, RNG_BANK, 0, end, &direct, 0, &done), OK);
    assert_int_equal(done, end);
    assert_int_equal(rows_hash(&direct, 0, end), rows_hash(&hub->rows, 0, end));
    for (int64_t i = 0; i < end; i++) {
        assert_int_equal(direct.reason[i] == NULL, hub->rows.reason[i] == NULL);
        if (direct.reason[i] != NULL)
            assert_string_equal(direct.reason[i], hub->rows.reason[i]);
    }
    rows_destroy(&direct);
    simulator_close(&simulator);
}

static void rows_are_those_of_a_campaign(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    open_hub(&hub, f, NULL, RUN);
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_int_equal(join(&r), OK);
    assert_int_equal(hub.came, SMALL_HUB_ROWS);
    assert_int_equal(r.report.rows, SMALL_HUB_ROWS);
    assert_true(r.report.simulating <= r.report.seconds);
    assert_int_equal(hub.byes, 1);
    assert_string_equal(hub.why, "");
    char *fingerprint = schema_fingerprint(simulator_schema(f->simulator));
    assert_string_equal(hub.fingerprint, fingerprint);
    free(fingerprint);
    assert_as_simulated(&hub, f, SMALL_HUB_ROWS);
    small_hub_close(&hub);
    free(r.words);
}

static void failed_rows_keep_status_and_reason(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    setenv("MOODY_REJECT", "0.8", 1);
    setenv("MOODY_NONFINITE", "0.6", 1);
    open_hub(&hub, f, NULL, RUN);
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_int_equal(join(&r), OK);
    int by_status[ROW_STATUS_COUNT] = {0};
    for (int i = 0; i < SMALL_HUB_ROWS; i++)
        by_status[hub.rows.status[i]]++;
    assert_true(by_status[ROW_REJECTED] > 0 && by_status[ROW_NONFINITE] > 0);
    assert_as_simulated(&hub, f, SMALL_HUB_ROWS);
    unsetenv("MOODY_REJECT");
    unsetenv("MOODY_NONFINITE");
    small_hub_close(&hub);
    free(r.words);
}

// The first hub takes rows and dies before any is durable; the second one gets them without lending them.
static void a_hub_that_was_restarted_gets_rows_again(void **state)
{
    const fixture_t *f = *state;
    small_hub_t first, second;
    run_t r;
    char endpoint[WIRE_ENDPOINT_CAP];
    open_hub(&first, f, NULL, RUN);
    first.keeps = false;
    first.end = 100;
    snprintf(endpoint, sizeof endpoint, "%s", wire_endpoint(first.socket));
    start(&r, f, endpoint, 30);
    while (first.came < 64)
        step(&first, &r);
    small_hub_close(&first);
    open_hub(&second, f, endpoint, RUN + 1);
    second.next = 100; // it lends nothing of what the first one had lent
    second.end = 120;
    while (second.came < 64 + 20)
        step(&second, &r);
    for (int i = 0; i < 64; i++)
        assert_true(second.have[i]);
    assert_true(second.hellos >= 1);
    assert_int_equal(r.prepared, 1); // the simulator stays
    second.next = 64;
    second.end = 120;
    second.lease = 120;
    serve_until_it_ends(&second, &r);
    assert_int_equal(join(&r), OK);
    assert_as_simulated(&second, f, 120);
    small_hub_close(&second);
    free(r.words);
}

static void what_is_durable_is_not_sent_again(void **state)
{
    const fixture_t *f = *state;
    small_hub_t first, second;
    run_t r;
    char endpoint[WIRE_ENDPOINT_CAP];
    open_hub(&first, f, NULL, RUN);
    first.end = 64; // all of it is kept; the worker asks for more in vain
    snprintf(endpoint, sizeof endpoint, "%s", wire_endpoint(first.socket));
    start(&r, f, endpoint, 30);
    while (first.came < 48)
        step(&first, &r);
    first.silent = true; // KEPT is on its way; DONE is not said
    usleep(200000);
    small_hub_close(&first);
    open_hub(&second, f, endpoint, RUN + 1);
    second.next = 48;
    second.end = 64;
    for (int i = 0; i < 48; i++)
        second.have[i] = true;
    second.came = 48;
    serve_until_it_ends(&second, &r);
    assert_int_equal(join(&r), OK);
    assert_int_equal(second.twice, 0);
    small_hub_close(&second);
    free(r.words);
}

static void another_model_is_refused_by_the_worker(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    schema_t other = schema_copy(simulator_schema(f->simulator));
    free(other.version);
    other.version = mem_copy_text("2");
    char *text = schema_text(&other);
    small_hub_open(&hub, NULL, &other, RUN, "study: test\n", text);
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_true(err_is(join(&r), ERR_MISMATCH));
    assert_non_null(strstr(r.words, "moody-2-"));
    assert_non_null(strstr(r.words, "moody-1-"));
    assert_int_equal(hub.readies, 0);
    assert_int_equal(hub.byes, 1); // and the hub hears why
    assert_non_null(strstr(hub.why, "moody-1-"));
    small_hub_close(&hub);
    schema_free(&other);
    free(text);
    free(r.words);
}

static void a_hub_may_refuse(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    open_hub(&hub, f, NULL, RUN);
    hub.refuses = "not today";
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_true(err_is(join(&r), ERR_MISMATCH));
    assert_non_null(strstr(r.words, "refuses this worker: not today"));
    small_hub_close(&hub);
    free(r.words);
}

static void a_simulator_with_a_memory_is_found(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    setenv("MOODY_MEMORY", "0.5", 1);
    open_hub(&hub, f, NULL, RUN);
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_true(err_is(join(&r), ERR_SIMULATOR));
    assert_non_null(strstr(r.words, "no function of its seed"));
    assert_int_equal(hub.came, 0);
    assert_non_null(strstr(hub.why, "no function of its seed"));
    unsetenv("MOODY_MEMORY");
    small_hub_close(&hub);
    free(r.words);
}

// Four of ten draws are finished when the fifth asks to stop: they come nevertheless.
static void a_simulator_that_stops_ends_the_worker(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    setenv("MOODY_FAIL", "0.9", 1);
    open_hub(&hub, f, NULL, RUN);
    start(&r, f, wire_endpoint(hub.socket), 30);
    serve_until_it_ends(&hub, &r);
    assert_true(err_is(join(&r), ERR_SIMULATOR));
    assert_non_null(strstr(hub.why, "asks to stop"));
    assert_int_equal(hub.came, r.report.rows);
    unsetenv("MOODY_FAIL");
    small_hub_close(&hub);
    free(r.words);
}

static void nobody_there_is_waited_for_as_long_as_said(void **state)
{
    const fixture_t *f = *state;
    run_t r;
    start(&r, f, "tcp://127.0.0.1:1", 0.3);
    assert_true(err_is(join(&r), ERR_FAILED));
    assert_non_null(strstr(r.words, "no hub at tcp://127.0.0.1:1 for 0.3 s"));
    free(r.words);
}

static void a_silent_hub_is_asked_until_it_speaks(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    open_hub(&hub, f, NULL, RUN);
    hub.silent = true;
    start(&r, f, wire_endpoint(hub.socket), 60);
    while (hub.hellos < 2)
        step(&hub, &r);
    assert_int_equal(hub.asks, 0);
    hub.silent = false;
    while (hub.came < 32)
        step(&hub, &r);
    hub.silent = true; // for three beats
    int before = hub.hellos;
    while (hub.hellos == before)
        step(&hub, &r);
    hub.silent = false;
    hub.next = 0; // what was lent in vain
    serve_until_it_ends(&hub, &r);
    assert_int_equal(join(&r), OK);
    assert_as_simulated(&hub, f, SMALL_HUB_ROWS);
    small_hub_close(&hub);
    free(r.words);
}

static void a_far_hub_without_keys_is_refused(void **state)
{
    const fixture_t *f = *state;
    run_t r;
    start(&r, f, "tcp://192.0.2.1:5555", 1);
    assert_true(err_is(join(&r), ERR_USAGE));
    free(r.words);
}

// The last: a request to stop is not taken back. The draw of 1.5 s outlasts the grace of 0.1 s, and beats go on meanwhile.
static void a_stop_in_a_long_draw_is_told(void **state)
{
    const fixture_t *f = *state;
    small_hub_t hub;
    run_t r;
    setenv("MOODY_MICROSECONDS", "1500000", 1);
    open_hub(&hub, f, NULL, RUN);
    start(&r, f, wire_endpoint(hub.socket), 30);
    while (hub.asks < 2)
        step(&hub, &r);
    int beats = hub.beats;
    while (hub.beats < beats + 3)
        step(&hub, &r);
    assert_int_equal(hub.came, 0);
    stop_request();
    serve_until_it_ends(&hub, &r);
    assert_true(err_is(join(&r), ERR_STOPPED));
    assert_true(atomic_load(&r.abandoned));
    assert_int_equal(hub.came, 1); // the draw ended after all
    assert_string_equal(hub.why, "");
    unsetenv("MOODY_MICROSECONDS");
    small_hub_close(&hub);
    free(r.words);
}

int main(int argc, char **argv)
{
    fixture_t f = {.plugin = argc > 1 ? argv[1] : "moody.so"};
    if (simulator_load_plugin(f.plugin, &f.simulator) != OK)
        return EXIT_FAILURE;
    f.model = schema_text(simulator_schema(f.simulator));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(rows_are_those_of_a_campaign, &f),
        cmocka_unit_test_prestate(failed_rows_keep_status_and_reason, &f),
        cmocka_unit_test_prestate(a_hub_that_was_restarted_gets_rows_again, &f),
        cmocka_unit_test_prestate(what_is_durable_is_not_sent_again, &f),
        cmocka_unit_test_prestate(another_model_is_refused_by_the_worker, &f),
        cmocka_unit_test_prestate(a_hub_may_refuse, &f),
        cmocka_unit_test_prestate(a_simulator_with_a_memory_is_found, &f),
        cmocka_unit_test_prestate(a_simulator_that_stops_ends_the_worker, &f),
        cmocka_unit_test_prestate(nobody_there_is_waited_for_as_long_as_said, &f),
        cmocka_unit_test_prestate(a_silent_hub_is_asked_until_it_speaks, &f),
        cmocka_unit_test_prestate(a_far_hub_without_keys_is_refused, &f),
        cmocka_unit_test_prestate(a_stop_in_a_long_draw_is_told, &f),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(f.model);
    simulator_close(&f.simulator);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
