// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/fake_worker.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/shard_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 5000, WELCOME_MS = 300, ASK_ROWS = 500, DATA_MOST = 64 << 20 };

/* ---- step by step ---- */

void fake_open_in(fake_t *f, wire_t *wire, const char *endpoint)
{
    wire_options_t options = {.data_cap = DATA_MOST};
    *f = (fake_t){.run = 0};
    err_t err = wire_connect_with(wire, endpoint, &options, NULL, &f->socket);
    CHECK(err == OK, "%s", err_text());
}

void fake_open(fake_t *f, const char *endpoint)
{
    wire_t *wire;
    err_t err = wire_start(&wire);
    CHECK(err == OK, "%s", err_text());
    fake_open_in(f, wire, endpoint);
    f->wire = wire;
}

void fake_close(fake_t *f)
{
    wire_data_free(&f->data);
    wire_close(&f->socket);
    wire_stop(&f->wire);
}

void fake_say(fake_t *f, stream_message_t m)
{
    CHECK(wire_send_data(f->socket, NULL, &m.head, m.n, m.data, NULL, NULL),
          "a fake worker is mute");
    free(m.data);
}

static bool hears_within(fake_t *f, stream_type_t type, int timeout_ms)
{
    double until = log_clock() + 1e-3 * timeout_ms;
    while (log_clock() < until) {
        wire_data_free(&f->data);
        f->data = (wire_data_t){.n = 0};
        if (wire_receive_data(f->socket, 50, NULL, &f->head, &f->data) == WIRE_MESSAGE &&
            message_type(&f->head) == type)
            return true;
    }
    return false;
}

bool fake_hears(fake_t *f, stream_type_t type)
{
    return hears_within(f, type, WAIT_MS);
}

void fake_hello(fake_t *f, int64_t pid)
{
    stream_hello_t hello = {.pid = pid, .host = "fake", .software = "a test"};
    schema_t nothing = {.name = (char *)"", .version = (char *)""};
    shard_origin_t here = shard_origin(&nothing);
    snprintf(hello.cpu, sizeof hello.cpu, "%s", here.cpu);
    snprintf(hello.libm, sizeof hello.libm, "%s", here.libm);
    free(here.model);
    fake_say(f, stream_write_hello(&hello));
}

bool fake_admitted(fake_t *f, const schema_t *schema, int64_t pid)
{
    stream_welcome_t welcome;
    stream_ready_t ready;
    fake_hello(f, pid);
    if (!fake_hears(f, STREAM_WELCOME) ||
        stream_read_welcome(&f->head, f->data.n, f->data.bytes, &welcome) != OK)
        return false;
    ready.run = f->run = welcome.run;
    char *fingerprint = schema_fingerprint(schema);
    snprintf(ready.fingerprint, sizeof ready.fingerprint, "%s", fingerprint);
    fake_say(f, stream_write_ready(&ready));
    free(fingerprint);
    stream_welcome_free(&welcome);
    return true;
}

void fake_ask(fake_t *f, int64_t number, int64_t rows, double row_seconds)
{
    fake_say(f, stream_write_ask(&(stream_ask_t){f->run, number, rows, row_seconds}));
}

bool fake_leased(fake_t *f, stream_lease_t *lease)
{
    return fake_hears(f, STREAM_LEASE) &&
           stream_read_lease(&f->head, f->data.n, f->data.bytes, lease) == OK;
}

void fake_rows(fake_t *f, const rows_t *rows, int64_t begin, int64_t end)
{
    stream_rows_t packed = stream_pack_rows(f->run, rows, begin, end);
    message_t head = stream_rows_head(&packed);
    CHECK(wire_send_data(f->socket, NULL, &head, packed.n, (void *)packed.data, NULL, NULL),
          "a fake worker is mute");
    free((void *)packed.data);
}

/* ---- on a thread ---- */

// One life: from HELLO until it is told to end (true), or is somebody else from now on.
typedef struct {
    fake_worker_t *worker;
    fake_t fake;
    simulator_t *simulator;
    rows_t rows;
    uint64_t seed; // of the study
    int64_t number;
    double row_seconds;
} life_t;

static bool stopped(const life_t *l)
{
    return atomic_load(&l->worker->stop);
}

static bool lucky(rng_t *r, double p)
{
    return rng_uniform(r) < p;
}

// False: there is no lease any more.
static bool wait_for_lease(life_t *l, stream_lease_t *lease)
{
    double asked = -1e9;
    while (!stopped(l)) {
        if (log_clock() - asked > 1) {
            fake_ask(&l->fake, l->number, ASK_ROWS, l->row_seconds);
            asked = log_clock();
        }
        fake_say(&l->fake,
                 stream_write_beat(&(stream_beat_t){.run = l->fake.run, .rows = l->worker->rows}));
        wire_data_free(&l->fake.data);
        l->fake.data = (wire_data_t){.n = 0};
        if (wire_receive_data(l->fake.socket, 50, NULL, &l->fake.head, &l->fake.data) !=
            WIRE_MESSAGE)
            continue;
        uint8_t type = message_type(&l->fake.head);
        l->worker->done = l->worker->done || type == STREAM_DONE;
        if (type == STREAM_DONE || type == STREAM_WHO || type == STREAM_REFUSED)
            return false;
        if (type == STREAM_LEASE && stream_read_lease(&l->fake.head, 0, NULL, lease) == OK &&
            lease->number == l->number)
            return true;
    }
    return false;
}

static void simulate(life_t *l, const stream_lease_t *lease)
{
    int64_t n = lease->end - lease->begin, done;
    CHECK(n <= ASK_ROWS, "a lease of %ld rows", (long)n);
    double start = log_clock();
    err_t err =
        simulator_rows(l->simulator, l->seed, RNG_BANK, lease->begin, n, &l->rows, 0, &done);
    CHECK(err == OK && done == n, "%s", err_text());
    usleep((useconds_t)(n * l->worker->plan.row_microseconds));
    l->row_seconds = (log_clock() - start) / (double)n;
    l->worker->rows += n;
}

static void live(life_t *l, rng_t *rng)
{
    stream_lease_t lease;
    const fake_worker_plan_t *plan = &l->worker->plan;
    for (l->number = 1; wait_for_lease(l, &lease); l->number++) {
        simulate(l, &lease);
        if (lucky(rng, plan->mute))
            return;
        fake_rows(&l->fake, &l->rows, 0, lease.end - lease.begin);
        if (lucky(rng, plan->twice))
            fake_rows(&l->fake, &l->rows, 0, lease.end - lease.begin);
        if (lucky(rng, plan->bad)) {
            stream_message_t m = {.n = 3, .data = mem_copy_text("bad")};
            message_start(&m.head, (uint8_t)rng_integer(rng, 0, 255));
            fake_say(&l->fake, m);
            return;
        }
    }
}

static bool begin_life(life_t *l, int64_t pid)
{
    stream_welcome_t welcome;
    fake_open(&l->fake, l->worker->plan.endpoint);
    fake_hello(&l->fake, pid);
    while (!stopped(l) && !hears_within(&l->fake, STREAM_WELCOME, WELCOME_MS))
        fake_hello(&l->fake, pid);
    if (stopped(l) ||
        stream_read_welcome(&l->fake.head, l->fake.data.n, l->fake.data.bytes, &welcome) != OK)
        return false;
    l->seed = welcome.seed;
    l->fake.run = welcome.run;
    stream_ready_t ready = {.run = welcome.run};
    char *fingerprint = schema_fingerprint(simulator_schema(l->simulator));
    snprintf(ready.fingerprint, sizeof ready.fingerprint, "%s", fingerprint);
    free(fingerprint);
    stream_welcome_free(&welcome);
    fake_say(&l->fake, stream_write_ready(&ready));
    return true;
}

static void *work(void *argument)
{
    fake_worker_t *w = argument;
    rng_t rng = rng_at(w->plan.seed, RNG_CHECK, 0);
    life_t l = {.worker = w};
    CHECK(simulator_load_builtin(w->plan.builtin, &l.simulator) == OK, "%s", err_text());
    l.rows = rows_create(simulator_schema(l.simulator), ASK_ROWS);
    while (!w->done && !stopped(&l)) {
        if (begin_life(&l, w->plan.pid + 1000 * w->lives++))
            live(&l, &rng);
        fake_close(&l.fake);
    }
    rows_destroy(&l.rows);
    simulator_close(&l.simulator);
    return NULL;
}

void fake_worker_begin(fake_worker_t *w, const fake_worker_plan_t *plan)
{
    *w = (fake_worker_t){.plan = *plan};
    int failed = pthread_create(&w->thread, NULL, work, w);
    CHECK(failed == 0, "no thread for a fake worker");
}

void fake_worker_end(fake_worker_t *w, bool stop)
{
    if (stop)
        atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
}
