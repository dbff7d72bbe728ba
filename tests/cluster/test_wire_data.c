// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "cluster/wire.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { SOON_MS = 20000, SHORT_MS = 300, ROWS = 4, MIB = 1 << 20, CAP = 64 * MIB };

typedef struct {
    wire_t *wire;
    wire_socket_t *listener, *caller;
    wire_socket_t *other[2]; // of one test; closed when it fails, too
} scene_t;

static const wire_options_t plain = {.data_cap = CAP};

static int set_up(void **state)
{
    static scene_t s;
    if (wire_start(&s.wire) != OK ||
        wire_listen_with(s.wire, "tcp://127.0.0.1:*", &plain, &s.listener) != OK)
        return -1;
    *state = &s;
    return wire_connect_with(s.wire, wire_endpoint(s.listener), &plain, NULL, &s.caller);
}

static int tear_down(void **state)
{
    scene_t *s = *state;
    wire_close(&s->caller);
    wire_close(&s->listener);
    wire_close(&s->other[0]);
    wire_close(&s->other[1]);
    wire_stop(&s->wire);
    return 0;
}

static message_t numbered(int64_t number)
{
    message_t m;
    message_start(&m, ROWS);
    message_put_i64(&m, number);
    return m;
}

static uint8_t *pattern(size_t n)
{
    uint8_t *bytes = mem_alloc(n + 1, 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    return bytes;
}

// Sent with number n, and found again with it.
static void passes(wire_socket_t *from, wire_socket_t *to, size_t n)
{
    uint8_t *bytes = pattern(n);
    message_t head = numbered((int64_t)n), got;
    wire_data_t data;
    assert_true(wire_send_data(from, NULL, &head, n, bytes, NULL, NULL));
    assert_int_equal(wire_receive_data(to, SOON_MS, NULL, &got, &data), WIRE_MESSAGE);
    assert_int_equal(message_get_i64(&got), n);
    assert_int_equal(data.n, n);
    assert_true(n == 0 || memcmp(data.bytes, bytes, n) == 0);
    wire_data_free(&data);
    free(bytes);
}

static void data_of_any_length_up_to_the_cap_passes(void **state)
{
    scene_t *s = *state;
    static const size_t lengths[] = {0, 1, 33, 34, 8192, 100003, MIB, CAP};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        passes(s->caller, s->listener, lengths[i]);
}

static void data_goes_to_the_peer_that_is_named(void **state)
{
    scene_t *s = *state;
    message_t m = numbered(7), got;
    wire_peer_t peer;
    wire_data_t data;
    char text[] = "study: reaction-times";
    assert_true(wire_send(s->caller, NULL, &m));
    assert_int_equal(wire_receive_data(s->listener, SOON_MS, &peer, &got, &data), WIRE_MESSAGE);
    assert_string_equal(peer.name, "");
    assert_null(data.bytes);
    assert_true(wire_send_data(s->listener, &peer, &m, sizeof text, text, NULL, NULL));
    assert_int_equal(wire_receive_data(s->caller, SOON_MS, NULL, &got, &data), WIRE_MESSAGE);
    assert_string_equal(data.bytes, text);
    wire_data_free(&data);
    wire_data_free(&data); // an empty one
}

/* ---- zero copy ---- */

typedef struct {
    atomic_int calls;
    void *bytes;
} released_t;

static void note_release(void *bytes, void *hint)
{
    released_t *r = hint;
    r->bytes = bytes;
    atomic_fetch_add(&r->calls, 1);
}

static void lent_bytes_are_released_once(void **state)
{
    scene_t *s = *state;
    released_t r = {0};
    uint8_t *bytes = pattern(MIB);
    message_t m = numbered(1), got;
    wire_data_t data;
    assert_true(wire_send_data(s->caller, NULL, &m, MIB, bytes, note_release, &r));
    assert_int_equal(wire_receive_data(s->listener, SOON_MS, NULL, &got, &data), WIRE_MESSAGE);
    assert_memory_equal(data.bytes, bytes, MIB);
    wire_data_free(&data);
    wire_close(&s->caller);
    wire_close(&s->listener);
    wire_stop(&s->wire); // after it ZeroMQ holds nothing any more
    assert_int_equal(atomic_load(&r.calls), 1);
    assert_ptr_equal(r.bytes, bytes);
    free(bytes);
}

static void lent_bytes_that_are_not_sent_are_released_too(void **state)
{
    scene_t *s = *state;
    released_t r = {0};
    message_t m = numbered(1);
    wire_peer_t nobody = {.id = {0, 1, 2, 3, 4}, .n = 5};
    char bytes[100] = "";
    assert_false(wire_send_data(s->listener, &nobody, &m, sizeof bytes, bytes, note_release, &r));
    assert_int_equal(atomic_load(&r.calls), 1);
    assert_true(wire_send_data(s->caller, NULL, &m, 0, bytes, note_release, &r));
    assert_int_equal(atomic_load(&r.calls), 2);
}

static void beyond_the_high_water_mark_nothing_is_taken(void **state)
{
    scene_t *s = *state;
    wire_options_t few = {.data_cap = MIB, .high_water = 3, .linger_ms = 1};
    released_t r = {0};
    message_t m = numbered(1);
    char bytes[100] = "";
    int taken = 0;
    assert_int_equal(wire_connect_with(s->wire, "tcp://127.0.0.1:1", &few, NULL, &s->other[0]), OK);
    while (taken < 10 &&
           wire_send_data(s->other[0], NULL, &m, sizeof bytes, bytes, note_release, &r))
        taken++;
    assert_int_equal(taken, 3);
    assert_int_equal(atomic_load(&r.calls), 1); // of the fourth
}

/* ---- what is not ours ---- */

static void *raw_caller(const scene_t *s, void *context)
{
    int linger = 0;
    void *raw = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(raw, wire_endpoint(s->listener)), 0);
    return raw;
}

static void more_frames_than_two_are_bad(void **state)
{
    scene_t *s = *state;
    void *context = zmq_ctx_new(), *raw = raw_caller(s, context);
    message_t m = numbered(1), got;
    wire_data_t data;
    zmq_send(raw, m.bytes, m.n, ZMQ_SNDMORE);
    zmq_send(raw, "data", 4, ZMQ_SNDMORE);
    zmq_send(raw, "more", 4, ZMQ_SNDMORE);
    zmq_send(raw, "more", 4, 0);
    assert_int_equal(wire_receive_data(s->listener, SOON_MS, NULL, &got, &data), WIRE_BAD);
    assert_non_null(strstr(err_text(), "2 frames too many"));
    assert_null(data.bytes);
    zmq_send(raw, m.bytes, m.n, ZMQ_SNDMORE);
    zmq_send(raw, "data", 4, 0);
    assert_int_equal(wire_receive_data(s->listener, SOON_MS, NULL, &got, &data), WIRE_MESSAGE);
    assert_int_equal(data.n, 4);
    wire_data_free(&data);
    zmq_close(raw);
    zmq_ctx_term(context);
}

static void data_where_none_is_expected_is_bad(void **state)
{
    scene_t *s = *state;
    message_t m = numbered(1), got;
    assert_true(wire_send_data(s->caller, NULL, &m, 4, "data", NULL, NULL));
    assert_int_equal(wire_receive(s->listener, SOON_MS, NULL, &got), WIRE_BAD);
}

// ZMQ_MAXMSGSIZE: the connection is closed as soon as the length is read; the caller connects anew.
static void a_frame_beyond_the_cap_is_not_let_in(void **state)
{
    scene_t *s = *state;
    wire_options_t small = {.data_cap = MIB};
    message_t m = numbered(1), got;
    wire_data_t data;
    uint8_t *bytes = pattern(MIB + 1);
    assert_int_equal(wire_listen_with(s->wire, "tcp://127.0.0.1:*", &small, &s->other[0]), OK);
    assert_int_equal(
        wire_connect_with(s->wire, wire_endpoint(s->other[0]), &plain, NULL, &s->other[1]), OK);
    assert_true(wire_send_data(s->other[1], NULL, &m, MIB + 1, bytes, NULL, NULL));
    assert_int_equal(wire_receive_data(s->other[0], SHORT_MS, NULL, &got, &data), WIRE_NOTHING);
    free(bytes);
    passes(s->other[1], s->other[0], MIB);
}

static int raw_tcp(const scene_t *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(strrchr(wire_endpoint(s->listener), ':') + 1));
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(tcp, (struct sockaddr *)&to, sizeof to), 0);
    return tcp;
}

static void garbage_at_the_port_does_no_harm(void **state)
{
    scene_t *s = *state;
    message_t got;
    uint8_t *bytes = pattern(100000);
    // What ZMTP 3 begins with, and then a frame that claims 2^56 bytes.
    static const uint8_t greeting[] = {0xff, 0,    0, 0, 0,   0,   0,   0,
                                       1,    0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    uint8_t claim[64 + 9] = {0};
    memcpy(claim, greeting, sizeof greeting);
    claim[64] = 2, claim[65] = 1;
    for (int i = 0; i < 20; i++) {
        int tcp = raw_tcp(s);
        const uint8_t *sent = i % 2 ? claim : bytes + 100 * i;
        ssize_t n = send(tcp, sent, i % 2 ? sizeof claim : 5000, MSG_NOSIGNAL);
        assert_true(n > 0);
        close(tcp);
    }
    free(bytes);
    // Some of it may be a frame of the protocol's first version.
    wire_got_t what;
    while ((what = wire_receive(s->listener, SHORT_MS, NULL, &got)) != WIRE_NOTHING)
        assert_int_equal(what, WIRE_BAD);
    passes(s->caller, s->listener, 1000);
}

/* ---- where one may listen without keys ---- */

static void without_keys_only_this_machine_is_reached(void **state)
{
    scene_t *s = *state;
    static const char *const open[] = {
        "tcp://*:*",       "tcp://0.0.0.0:5555", "tcp://[::]:5555", "tcp://10.0.0.5:80",
        "tcp://eth0:5555", "tcp://1270.0.0.1:1", "tcp://host:5555", "ipc:///tmp/socket",
        "127.0.0.1:5555",  "tcp://127.0.0.1"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_true(err_is(wire_listen_with(s->wire, open[i], &plain, &s->other[0]), ERR_USAGE));
        assert_null(s->other[0]);
        assert_non_null(strstr(err_text(), "infermill keys new"));
        assert_true(
            err_is(wire_connect_with(s->wire, open[i], &plain, NULL, &s->other[0]), ERR_USAGE));
        assert_null(s->other[0]);
    }
    static const char *const local[] = {"tcp://127.0.0.1:*", "tcp://127.3.2.1:*",
                                        "tcp://localhost:*"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        assert_int_equal(wire_listen_with(s->wire, local[i], &plain, &s->other[0]), OK);
        wire_close(&s->other[0]);
    }
}

static void an_endpoint_too_long_is_refused(void **state)
{
    scene_t *s = *state;
    wire_socket_t *socket;
    char endpoint[300];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%0200d", 5555);
    assert_true(err_is(wire_connect_with(s->wire, endpoint, &plain, NULL, &socket), ERR_USAGE));
}

/* ---- connections that break ---- */

// A listener that is gone and comes back at its port is found again. What the old connection has taken by then is lost, so callers
// repeat themselves.
static void a_listener_that_comes_back_is_found_again(void **state)
{
    scene_t *s = *state;
    char endpoint[WIRE_ENDPOINT_CAP];
    message_t m = numbered(1), got;
    int waited = 0;
    snprintf(endpoint, sizeof endpoint, "%s", wire_endpoint(s->listener));
    passes(s->caller, s->listener, 100);
    wire_close(&s->listener);
    err_t err;
    do { // its port is free once ZeroMQ has closed it
        usleep(1000);
        err = wire_listen_with(s->wire, endpoint, &plain, &s->listener);
    } while (err != OK);
    wire_got_t heard;
    do {
        assert_true(wire_send(s->caller, NULL, &m));
        heard = wire_receive(s->listener, SHORT_MS, NULL, &got);
    } while (heard == WIRE_NOTHING && (waited += SHORT_MS) < SOON_MS);
    assert_int_equal(heard, WIRE_MESSAGE);
}

static void reconnecting_makes_another_peer(void **state)
{
    scene_t *s = *state;
    message_t m = numbered(1), got;
    wire_peer_t before, after;
    assert_true(wire_send(s->caller, NULL, &m));
    assert_int_equal(wire_receive(s->listener, SOON_MS, &before, &got), WIRE_MESSAGE);
    assert_int_equal(wire_reconnect(s->caller), OK);
    assert_true(wire_send(s->caller, NULL, &m));
    assert_int_equal(wire_receive(s->listener, SOON_MS, &after, &got), WIRE_MESSAGE);
    assert_false(before.n == after.n && memcmp(before.id, after.id, before.n) == 0);
    assert_true(wire_send(s->listener, &after, &m));
    assert_int_equal(wire_receive(s->caller, SOON_MS, NULL, &got), WIRE_MESSAGE);
}

/* A peer that answers the handshake and then says nothing, as behind a cut cable: heartbeats find it out, the caller closes
 * and connects again. */
static int accept_one(int listener)
{
    static const uint8_t ready[] = {4,   26,  5,   'R', 'E', 'A', 'D', 'Y', 11,  'S',
                                    'o', 'c', 'k', 'e', 't', '-', 'T', 'y', 'p', 'e',
                                    0,   0,   0,   6,   'R', 'O', 'U', 'T', 'E', 'R'};
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    int tcp = accept(listener, NULL, NULL);
    uint8_t frames[sizeof ready];
    memcpy(frames, ready, sizeof ready);
    frames[1] = (uint8_t)(sizeof ready - 2);
    assert_int_equal(send(tcp, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(send(tcp, frames, sizeof frames, MSG_NOSIGNAL), sizeof frames);
    return tcp;
}

static void a_silent_connection_is_given_up(void **state)
{
    scene_t *s = *state;
    char endpoint[WIRE_ENDPOINT_CAP], bytes[4096];
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    wire_options_t impatient = {.data_cap = MIB, .silence_ms = 300};
    assert_int_equal(wire_connect_with(s->wire, endpoint, &impatient, NULL, &s->other[0]), OK);
    int first = accept_one(listener);
    ssize_t heard = 0, n;
    struct timeval soon = {.tv_sec = SOON_MS / 1000};
    assert_int_equal(setsockopt(first, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    while ((n = read(first, bytes, sizeof bytes)) > 0) // ends when the caller closes it
        heard += n;
    assert_int_equal(n, 0);
    assert_true(heard > 64);     // greeting and a heartbeat
    close(accept_one(listener)); // it came again
    close(first);
    close(listener);
}

/* ---- waiting, and waking ---- */

static void *wake_later(void *argument)
{
    wire_socket_t *end = argument;
    message_t m = numbered(5);
    usleep(20000);
    assert_true(wire_send(end, NULL, &m));
    return NULL;
}

static void a_thread_wakes_one_that_waits_for_several(void **state)
{
    scene_t *s = *state;
    message_t got;
    pthread_t thread;
    assert_int_equal(wire_pair(s->wire, &s->other[0], &s->other[1]), OK);
    wire_socket_t *both[] = {s->listener, s->other[0]};
    assert_false(wire_wait(2, both, 1));
    assert_int_equal(pthread_create(&thread, NULL, wake_later, s->other[1]), 0);
    assert_true(wire_wait(2, both, SOON_MS));
    assert_int_equal(wire_receive(s->listener, 0, NULL, &got), WIRE_NOTHING);
    assert_int_equal(wire_receive(s->other[0], 0, NULL, &got), WIRE_MESSAGE);
    assert_int_equal(message_get_i64(&got), 5);
    pthread_join(thread, NULL);
    passes(s->other[0], s->other[1], MIB);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HERE(data_of_any_length_up_to_the_cap_passes),
        HERE(data_goes_to_the_peer_that_is_named),
        HERE(lent_bytes_are_released_once),
        HERE(lent_bytes_that_are_not_sent_are_released_too),
        HERE(beyond_the_high_water_mark_nothing_is_taken),
        HERE(more_frames_than_two_are_bad),
        HERE(data_where_none_is_expected_is_bad),
        HERE(a_frame_beyond_the_cap_is_not_let_in),
        HERE(garbage_at_the_port_does_no_harm),
        HERE(without_keys_only_this_machine_is_reached),
        HERE(an_endpoint_too_long_is_refused),
        HERE(a_listener_that_comes_back_is_found_again),
        HERE(reconnecting_makes_another_peer),
        HERE(a_silent_connection_is_given_up),
        HERE(a_thread_wakes_one_that_waits_for_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
