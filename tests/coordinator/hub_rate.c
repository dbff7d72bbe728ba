// SPDX-License-Identifier: Apache-2.0
//
// Megabytes of rows a second through a real hub: worker processes that send rows which were simulated before, the hub's thread
// that checks and keeps them, and a thread that uses them in order; beside them what a plain ZeroMQ PUSH/PULL pipe carries of
// frames of that size in the same run. No disk is written. The ways take turns; the best of each is told with the spread.
//
//     hub_rate [--values N] [--megabytes N] [--rounds N] [--workers N]
//
// With --crowd N: so many workers that are connected and idle, of which each is lent a row and sends it; seconds and the
// memory of the hub's process.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/hub.h"
#include "storage/schema_array.h"
#include "storage/shard_write.h"
#include "tests/coordinator/fake_worker.h"
#include "workers/row.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static const double row_seconds = 1e-6; // that simulating takes, as the hub is told

enum { ASK_ROWS = 512, SHARD_ROWS = 512, ROOM = 8192, BEAT_MS = 60000, WORKERS_MOST = 16 };

typedef struct {
    int64_t values, rows; // numbers of a row; rows of a round
    double megabytes;
    int rounds, workers, crowd;
} setting_t;

static schema_t schema_of(int64_t values)
{
    char *text = mem_format("name: wide\nversion: \"1\"\ndescription: numbers\nparameters:\n"
                            "  - {name: a}\nobservables:\n"
                            "  - {name: y, kind: vector, dims: [%ld]}\n",
                            (long)values);
    schema_t schema;
    err_t err = schema_parse(text, "hub_rate", &schema);
    CHECK(err == OK, "%s", err_text());
    free(text);
    return schema;
}

/* ---- workers: processes of their own ---- */

static rows_t simulated(const schema_t *schema, int64_t n)
{
    rows_t rows = rows_create(schema, n);
    rng_t rng = rng_at(1, RNG_CHECK, 0);
    rows.n = n;
    for (int64_t i = 0; i < n; i++) {
        row_begin(&rows, i, i);
        rows.parameters[i] = rng_normal(&rng);
        rows.status[i] = ROW_DONE;
        rows.seconds[i] = 1e-3;
    }
    rng_fill_normal_f32(&rng, (size_t)(n * schema_size(&schema->observables[0])),
                        rows.observables[0]);
    return rows;
}

static void send_lease(fake_t *f, rows_t *rows, const stream_lease_t *lease, int64_t block)
{
    int64_t n = lease->end - lease->begin;
    for (int64_t i = 0; i < n; i++)
        rows->index[i] = lease->begin + i;
    for (int64_t i = 0; i < n; i += block) {
        stream_rows_t packed = stream_pack_rows(f->run, rows, i, i + block < n ? i + block : n);
        message_t head = stream_rows_head(&packed);
        while (!wire_send_data(f->socket, NULL, &head, packed.n, (void *)packed.data, NULL, NULL))
            usleep(200);
        free((void *)packed.data);
    }
}

/* Until it is told that there is no more work. */
static void work(const char *endpoint, const schema_t *schema, int64_t pid)
{
    fake_t f;
    stream_lease_t lease;
    rows_t rows = simulated(schema, ASK_ROWS);
    int64_t block = (1 << 18) / (int64_t)rows_bytes(schema), number = 1;
    fake_open(&f, endpoint);
    CHECK(fake_admitted(&f, schema, pid), "not admitted");
    for (fake_ask(&f, number, ASK_ROWS, row_seconds);;) {
        wire_data_free(&f.data);
        if (wire_receive_data(f.socket, 1000, NULL, &f.head, &f.data) != WIRE_MESSAGE)
            continue;
        if (message_type(&f.head) == STREAM_DONE)
            break;
        if (message_type(&f.head) != STREAM_LEASE ||
            stream_read_lease(&f.head, 0, NULL, &lease) != OK)
            continue;
        fake_ask(&f, ++number, ASK_ROWS, row_seconds); // the next one comes while this one goes out
        send_lease(&f, &rows, &lease, block > 0 ? block : 1);
    }
    fake_close(&f);
    rows_destroy(&rows);
}

// Forked before any thread is there; it is told the endpoint through a pipe.
static pid_t fork_worker(const schema_t *schema, int64_t pid, int *tell)
{
    int ends[2];
    char endpoint[WIRE_ENDPOINT_CAP];
    CHECK(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        CHECK(read(ends[0], endpoint, sizeof endpoint) == sizeof endpoint, "endpoint");
        work(endpoint, schema, pid);
        _exit(0);
    }
    close(ends[0]);
    *tell = ends[1];
    return child;
}

static void tell_endpoint(int tell, const char *endpoint)
{
    char text[WIRE_ENDPOINT_CAP] = "";
    snprintf(text, sizeof text, "%s", endpoint);
    CHECK(write(tell, text, sizeof text) == sizeof text, "endpoint");
    close(tell);
}

/* ---- the hub ---- */

typedef struct {
    row_ring_t *ring;
    hub_t *hub;
    used_rows_t used;
    shard_origin_t here;
} server_t;

static void server_open(server_t *s, const schema_t *schema, int64_t rows)
{
    *s = (server_t){.used = used_rows_create(0, 0, NULL), .here = shard_origin(schema)};
    row_ring_plan_t plan = {schema, 0, rows, ROOM, SHARD_ROWS, false, &s->used};
    s->ring = row_ring_create(&plan);
    hub_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                           .study = "rate",
                           .text = "study: rate\n",
                           .schema = schema,
                           .seed = 1,
                           .cpu = s->here.cpu,
                           .libm = s->here.libm,
                           .end = rows,
                           .capacity = ROOM,
                           .ring = s->ring,
                           .beat_ms = BEAT_MS};
    err_t err = hub_open(&config, &s->hub);
    CHECK(err == OK, "%s", err_text());
}

static void server_close(server_t *s)
{
    hub_close(&s->hub, false); // its workers have ended
    row_ring_destroy(&s->ring);
    used_rows_destroy(&s->used);
    free(s->here.model);
}

/* Rows that are ready are copied out, as training does; whole shards count as stored. */
static void use_ready(server_t *s, rows_t *chunk, int64_t *shard, int64_t end)
{
    int64_t rows[ROOM], n = row_ring_ready(s->ring);
    n = n < chunk->capacity ? n : chunk->capacity;
    row_ring_use(s->ring, n, rows);
    hub_unlock(s->hub);
    for (int64_t i = 0; i < n; i++)
        rows_copy(row_ring_rows(s->ring), row_ring_place(s->ring, rows[i]), chunk, i);
    hub_lock(s->hub);
    while (row_ring_shard_whole(s->ring, *shard) &&
           row_ring_position(s->ring) >= (*shard + 1) * SHARD_ROWS)
        row_ring_stored(s->ring, (*shard)++);
    int64_t limit = row_ring_advance(s->ring) + ROOM;
    hub_window(s->hub, limit < end ? limit : end);
}

/* Seconds from the first row to the last one. */
static double serve(server_t *s, const schema_t *schema, int64_t rows)
{
    rows_t chunk = rows_create(schema, 256);
    int64_t shard = 0;
    double start = 0;
    hub_lock(s->hub);
    hub_window(s->hub, ROOM < rows ? ROOM : rows);
    while (row_ring_position(s->ring) < rows) {
        if (row_ring_ready(s->ring) == 0)
            hub_wait(s->hub, 100);
        start = start == 0 && row_ring_ready(s->ring) > 0 ? log_clock() : start;
        use_ready(s, &chunk, &shard, rows);
    }
    double seconds = log_clock() - start;
    hub_over(s->hub);
    hub_unlock(s->hub);
    rows_destroy(&chunk);
    return seconds;
}

static double measure_hub(const setting_t *s)
{
    schema_t schema = schema_of(s->values);
    pid_t workers[WORKERS_MOST];
    int tell[WORKERS_MOST], status;
    for (int k = 0; k < s->workers; k++)
        workers[k] = fork_worker(&schema, k + 1, &tell[k]);
    server_t server;
    server_open(&server, &schema, s->rows);
    for (int k = 0; k < s->workers; k++)
        tell_endpoint(tell[k], hub_endpoint(server.hub));
    double seconds = serve(&server, &schema, s->rows);
    for (int k = 0; k < s->workers; k++)
        CHECK(waitpid(workers[k], &status, 0) == workers[k] && status == 0, "a worker failed");
    server_close(&server);
    schema_free(&schema);
    return s->megabytes / seconds;
}

/* ---- a plain pipe ---- */

static void push(const char *endpoint, size_t bytes, int64_t frames)
{
    int high_water = 16;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PUSH);
    char *frame = mem_zero(bytes, 1);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
    CHECK(zmq_connect(socket, endpoint) == 0, "connect");
    for (int64_t i = 0; i <= frames; i++)
        CHECK(zmq_send(socket, frame, bytes, 0) >= 0, "send");
    zmq_close(socket);
    zmq_ctx_term(context);
    free(frame);
}

static double measure_pipe(const setting_t *s)
{
    size_t bytes = 1 << 18, length = WIRE_ENDPOINT_CAP;
    int64_t frames = (int64_t)(1e6 * s->megabytes) / (int64_t)bytes;
    char endpoint[WIRE_ENDPOINT_CAP] = "tcp://127.0.0.1:*";
    int ends[2], status, high_water = 16;
    CHECK(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        CHECK(read(ends[0], endpoint, sizeof endpoint) == sizeof endpoint, "endpoint");
        push(endpoint, bytes, frames);
        _exit(0);
    }
    close(ends[0]);
    void *context = zmq_ctx_new(), *pull = zmq_socket(context, ZMQ_PULL);
    zmq_setsockopt(pull, ZMQ_RCVHWM, &high_water, sizeof high_water);
    CHECK(zmq_bind(pull, endpoint) == 0, "bind");
    CHECK(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0, "endpoint");
    tell_endpoint(ends[1], endpoint);
    char *frame = mem_alloc(bytes, 1);
    double start = 0;
    for (int64_t i = 0; i <= frames; i++) {
        CHECK(zmq_recv(pull, frame, bytes, 0) == (int)bytes, "receive");
        start = i == 0 ? log_clock() : start;
    }
    double seconds = log_clock() - start;
    free(frame);
    zmq_close(pull);
    zmq_ctx_term(context);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the sender failed");
    return s->megabytes / seconds;
}

/* ---- a crowd ---- */

static void be_a_crowd(const char *endpoint, const schema_t *schema, int n)
{
    wire_t *wire;
    fake_t *f = MEM_NEW(fake_t, n);
    rows_t rows = simulated(schema, 1);
    err_t err = wire_start_for(n, &wire);
    CHECK(err == OK, "%s", err_text());
    for (int k = 0; k < n; k++) {
        fake_open_in(&f[k], wire, endpoint);
        CHECK(fake_admitted(&f[k], schema, k + 1), "worker %d is not admitted", k);
    }
    printf("%d workers are connected\n", n);
    fflush(stdout);
    for (int k = 0; k < n; k++)
        fake_ask(&f[k], 1, 1, 10);
    for (int k = 0; k < n; k++) {
        stream_lease_t lease;
        CHECK(fake_leased(&f[k], &lease) && lease.end == lease.begin + 1, "worker %d has no lease",
              k);
        send_lease(&f[k], &rows, &lease, 1);
    }
    for (int k = 0; k < n; k++)
        fake_close(&f[k]);
    wire_stop(&wire);
    free(f);
    rows_destroy(&rows);
}

static long memory_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kb) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kb;
}

static void measure_crowd(const setting_t *s)
{
    schema_t schema = schema_of(s->values);
    int ends[2], status;
    char endpoint[WIRE_ENDPOINT_CAP];
    CHECK(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        CHECK(read(ends[0], endpoint, sizeof endpoint) == sizeof endpoint, "endpoint");
        be_a_crowd(endpoint, &schema, s->crowd);
        _exit(0);
    }
    close(ends[0]);
    server_t server;
    server_open(&server, &schema, s->crowd);
    long before = memory_kb();
    double start = log_clock();
    tell_endpoint(ends[1], hub_endpoint(server.hub));
    serve(&server, &schema, s->crowd);
    printf(
        "%d workers: a row of each in %.2f s, connecting included; memory of the hub %ld kB, %ld "
        "kB before\n",
        s->crowd, log_clock() - start, memory_kb(), before);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the crowd failed");
    server_close(&server);
    schema_free(&schema);
}

/* ---- the program ---- */

static void parse(int argc, char **argv, setting_t *s)
{
    static const struct option options[] = {
        {"values", required_argument, NULL, 'v'}, {"megabytes", required_argument, NULL, 'm'},
        {"rounds", required_argument, NULL, 'r'}, {"workers", required_argument, NULL, 'w'},
        {"crowd", required_argument, NULL, 'c'},  {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        long value = optarg != NULL ? atol(optarg) : 0;
        CHECK(value > 0, "hub_rate: expected whole numbers above 0");
        switch (c) {
        case 'v':
            s->values = value;
            break;
        case 'm':
            s->megabytes = (double)value;
            break;
        case 'r':
            s->rounds = (int)value;
            break;
        case 'w':
            s->workers = (int)value;
            break;
        case 'c':
            s->crowd = (int)value;
            break;
        default:
            exit(2);
        }
    }
    CHECK(s->workers <= WORKERS_MOST, "hub_rate: %d workers, at most %d", s->workers, WORKERS_MOST);
    s->rows = (int64_t)(1e6 * s->megabytes) / (4 * s->values);
    s->rows -= s->rows % SHARD_ROWS;
    s->megabytes = 4e-6 * (double)(s->rows * s->values);
    CHECK(s->rows > 0, "hub_rate: fewer than %d rows", SHARD_ROWS);
}

int main(int argc, char **argv)
{
    setting_t s = {.values = 8000, .megabytes = 1000, .rounds = 3, .workers = 2};
    double least[2], most[2] = {0};
    parse(argc, argv, &s);
    log_set(LOG_WARNING, 0);
    if (s.crowd > 0) {
        measure_crowd(&s);
        return 0;
    }
    for (int round = 0; round < s.rounds; round++)
        for (int way = 0; way < 2; way++) {
            double rate = way == 0 ? measure_hub(&s) : measure_pipe(&s);
            least[way] = round == 0 || rate < least[way] ? rate : least[way];
            most[way] = rate > most[way] ? rate : most[way];
        }
    printf("%ld rows of %ld numbers, %d workers, %d rounds\n", (long)s.rows, (long)s.values,
           s.workers, s.rounds);
    printf("%-24s %8s %8s\n", "MB/s", "best", "worst");
    printf("%-24s %8.0f %8.0f\n", "hub", most[0], least[0]);
    printf("%-24s %8.0f %8.0f\n", "PUSH/PULL", most[1], least[1]);
    return 0;
}
