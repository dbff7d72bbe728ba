// SPDX-License-Identifier: Apache-2.0
//
// Megabytes a second from one sending process to one receiving one, over TCP on the loopback: frames of data behind a head,
// as workers send rows, copied and lent (zero-copy), and what a plain ZeroMQ PUSH/PULL pipe carries of frames of that size.
// The ways take turns, the best of each is told with the spread.
//
//     wire_rate [--bytes N] [--frames N] [--rounds N]
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/wire.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { WAIT_MS = 60000, HIGH_WATER = 16, ROWS = 4 };

typedef enum { COPIED, LENT, COPIED_CURVE, LENT_CURVE, PIPE, PIPE_LENT, N_WAYS } way_t;

static const char *const names[N_WAYS] = {"wire, copied",        "wire, zero-copy",
                                          "wire, CURVE, copied", "wire, CURVE, zero-copy",
                                          "PUSH/PULL, copied",   "PUSH/PULL, zero-copy"};

typedef struct {
    size_t bytes;
    int frames, rounds;
    wire_keys_t hub, worker;
} setting_t;

static void must(bool done, const char *what)
{
    CHECK(done, "wire_rate: %s: %s", what, err_text());
}

static bool is_lent(way_t way)
{
    return way == LENT || way == LENT_CURVE || way == PIPE_LENT;
}

static bool is_curve(way_t way)
{
    return way == COPIED_CURVE || way == LENT_CURVE;
}

// One frame's bytes are lent again and again: nobody writes into them.
static void keep(void *bytes, void *hint)
{
    (void)bytes, (void)hint;
}

/* ---- by the wire ---- */

static void send_by_wire(const setting_t *s, way_t way, const char *endpoint)
{
    wire_t *wire;
    wire_socket_t *caller;
    wire_options_t o = {.data_cap = s->bytes, .high_water = HIGH_WATER, .linger_ms = WAIT_MS};
    uint8_t *bytes = mem_zero(s->bytes, 1);
    message_t head, answer;
    message_start(&head, ROWS);
    o.keys = is_curve(way) ? &s->worker : NULL;
    must(wire_start(&wire) == OK, "start");
    must(wire_connect_with(wire, endpoint, &o, o.keys ? s->hub.public_key : NULL, &caller) == OK,
         "connect");
    for (int i = 0; i <= s->frames; i++) // the first one is not counted
        while (
            !wire_send_data(caller, NULL, &head, s->bytes, bytes, is_lent(way) ? keep : NULL, NULL))
            usleep(100);
    must(wire_receive(caller, WAIT_MS, NULL, &answer) == WIRE_MESSAGE, "no answer");
    wire_close(&caller);
    wire_stop(&wire);
    free(bytes);
}

static void take_one(const setting_t *s, wire_socket_t *listener, wire_peer_t *from)
{
    message_t m;
    wire_data_t data;
    must(wire_receive_data(listener, WAIT_MS, from, &m, &data) == WIRE_MESSAGE, "receive");
    CHECK(data.n == s->bytes, "%zu bytes", data.n);
    wire_data_free(&data);
}

static double take_by_wire(const setting_t *s, wire_socket_t *listener)
{
    wire_peer_t from;
    message_t answer;
    take_one(s, listener, &from);
    double start = log_clock();
    for (int i = 0; i < s->frames; i++)
        take_one(s, listener, &from);
    double seconds = log_clock() - start;
    message_start(&answer, ROWS);
    must(wire_send(listener, &from, &answer), "answer");
    return seconds;
}

/* ---- by a plain pipe ---- */

static void send_by_pipe(const setting_t *s, way_t way, const char *endpoint)
{
    int high_water = HIGH_WATER;
    void *context = zmq_ctx_new(), *push = zmq_socket(context, ZMQ_PUSH);
    uint8_t *bytes = mem_zero(s->bytes, 1);
    zmq_setsockopt(push, ZMQ_SNDHWM, &high_water, sizeof high_water);
    must(zmq_connect(push, endpoint) == 0, "connect");
    for (int i = 0; i <= s->frames; i++) {
        zmq_msg_t frame;
        if (is_lent(way))
            zmq_msg_init_data(&frame, bytes, s->bytes, keep, NULL);
        else {
            zmq_msg_init_size(&frame, s->bytes);
            memcpy(zmq_msg_data(&frame), bytes, s->bytes);
        }
        must(zmq_msg_send(&frame, push, 0) >= 0, "send");
    }
    zmq_close(push);
    zmq_ctx_term(context); // after all was sent
    free(bytes);
}

static void pull_one(const setting_t *s, void *pull)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    must(zmq_msg_recv(&frame, pull, 0) == (int)s->bytes, "receive");
    zmq_msg_close(&frame);
}

static double take_by_pipe(const setting_t *s, void *pull)
{
    pull_one(s, pull);
    double start = log_clock();
    for (int i = 0; i < s->frames; i++)
        pull_one(s, pull);
    return log_clock() - start;
}

/* ---- two processes ---- */

// The sender is forked before any thread is there; it is told the endpoint through a pipe.
static pid_t fork_sender(const setting_t *s, way_t way, int *tell)
{
    int ends[2];
    char endpoint[WIRE_ENDPOINT_CAP];
    CHECK(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        must(read(ends[0], endpoint, sizeof endpoint) == sizeof endpoint, "endpoint");
        if (way < PIPE)
            send_by_wire(s, way, endpoint);
        else
            send_by_pipe(s, way, endpoint);
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
    must(write(tell, text, sizeof text) == sizeof text, "endpoint");
    close(tell);
}

static double measure_wire(const setting_t *s, way_t way, int tell)
{
    wire_t *wire;
    wire_socket_t *listener;
    wire_options_t o = {.data_cap = s->bytes, .high_water = HIGH_WATER};
    o.keys = is_curve(way) ? &s->hub : NULL;
    must(wire_start(&wire) == OK, "start");
    must(wire_listen_with(wire, "tcp://127.0.0.1:*", &o, &listener) == OK, "listen");
    tell_endpoint(tell, wire_endpoint(listener));
    double seconds = take_by_wire(s, listener);
    wire_close(&listener);
    wire_stop(&wire);
    return seconds;
}

static double measure_pipe(const setting_t *s, int tell)
{
    int high_water = HIGH_WATER;
    char endpoint[WIRE_ENDPOINT_CAP];
    size_t length = sizeof endpoint;
    void *context = zmq_ctx_new(), *pull = zmq_socket(context, ZMQ_PULL);
    zmq_setsockopt(pull, ZMQ_RCVHWM, &high_water, sizeof high_water);
    must(zmq_bind(pull, "tcp://127.0.0.1:*") == 0, "bind");
    must(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0, "endpoint");
    tell_endpoint(tell, endpoint);
    double seconds = take_by_pipe(s, pull);
    zmq_close(pull);
    zmq_ctx_term(context);
    return seconds;
}

static double measure(const setting_t *s, way_t way)
{
    int tell, status;
    pid_t sender = fork_sender(s, way, &tell);
    double seconds = way < PIPE ? measure_wire(s, way, tell) : measure_pipe(s, tell);
    CHECK(waitpid(sender, &status, 0) == sender && status == 0, "the sender failed");
    return 1e-6 * (double)s->bytes * s->frames / seconds;
}

static void parse(int argc, char **argv, setting_t *s)
{
    static const struct option options[] = {{"bytes", required_argument, NULL, 'b'},
                                            {"frames", required_argument, NULL, 'f'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        long value = optarg != NULL ? atol(optarg) : 0;
        CHECK(value > 0, "wire_rate: expected whole numbers above 0");
        if (c == 'b')
            s->bytes = (size_t)value;
        else if (c == 'f')
            s->frames = (int)value;
        else
            s->rounds = (int)value;
    }
}

int main(int argc, char **argv)
{
    setting_t s = {.bytes = 1 << 20, .frames = 500, .rounds = 3};
    double least[N_WAYS], most[N_WAYS] = {0};
    parse(argc, argv, &s);
    must(wire_keys_make(&s.hub) == OK && wire_keys_make(&s.worker) == OK, "keys");
    for (int round = 0; round < s.rounds; round++)
        for (int way = 0; way < N_WAYS; way++) {
            double rate = measure(&s, (way_t)way);
            least[way] = round == 0 || rate < least[way] ? rate : least[way];
            most[way] = rate > most[way] ? rate : most[way];
        }
    printf("%d frames of %zu bytes, %d rounds\n", s.frames, s.bytes, s.rounds);
    printf("%-24s %8s %8s\n", "MB/s", "best", "worst");
    for (int way = 0; way < N_WAYS; way++)
        printf("%-24s %8.0f %8.0f\n", names[way], most[way], least[way]);
    return 0;
}
