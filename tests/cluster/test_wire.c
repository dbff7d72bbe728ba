// SPDX-License-Identifier: Apache-2.0
#include "cluster/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

enum { SOON_MS = 20000, SHORT_MS = 300, ASK = 1, ANSWER = 2 };

typedef struct {
    wire_t *wire;
    wire_keys_t keys;
    wire_socket_t *listener;
} scene_t;

static int set_up(void **state)
{
    static scene_t scene;
    if (wire_start(&scene.wire) != OK || wire_keys_make(&scene.keys) != OK)
        return -1;
    *state = &scene;
    return wire_listen(scene.wire, "tcp://127.0.0.1:*", &scene.keys, &scene.listener);
}

static int tear_down(void **state)
{
    scene_t *s = *state;
    wire_close(&s->listener);
    wire_stop(&s->wire);
    return 0;
}

static wire_socket_t *call(scene_t *s, const char *key)
{
    wire_socket_t *caller;
    assert_int_equal(wire_connect(s->wire, wire_endpoint(s->listener), key, &caller), OK);
    return caller;
}

static void a_question_is_answered(void **state)
{
    scene_t *s = *state;
    wire_socket_t *caller = call(s, s->keys.public_key);
    message_t m, got;
    wire_peer_t peer;
    message_start(&m, ASK);
    message_put_i64(&m, 42);
    assert_true(wire_send(caller, NULL, &m));
    assert_int_equal(wire_receive(s->listener, SOON_MS, &peer, &got), WIRE_MESSAGE);
    assert_int_equal(message_get_i64(&got), 42);
    message_start(&m, ANSWER);
    assert_true(wire_send(s->listener, &peer, &m));
    assert_int_equal(wire_receive(caller, SOON_MS, NULL, &got), WIRE_MESSAGE);
    assert_int_equal(message_type(&got), ANSWER);
    wire_close(&caller);
}

static void callers_are_told_apart(void **state)
{
    scene_t *s = *state;
    wire_socket_t *caller[3];
    wire_peer_t peer[3];
    message_t m, got;
    for (int i = 0; i < 3; i++) {
        caller[i] = call(s, s->keys.public_key);
        message_start(&m, ASK);
        assert_true(wire_send(caller[i], NULL, &m));
        assert_int_equal(wire_receive(s->listener, SOON_MS, &peer[i], &got), WIRE_MESSAGE);
    }
    for (int i = 0; i < 3; i++) {
        message_start(&m, ANSWER);
        message_put_i64(&m, i);
        assert_true(wire_send(s->listener, &peer[i], &m));
    }
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(wire_receive(caller[i], SOON_MS, NULL, &got), WIRE_MESSAGE);
        assert_int_equal(message_get_i64(&got), i);
        wire_close(&caller[i]);
    }
}

static void silence_is_no_error(void **state)
{
    scene_t *s = *state;
    message_t got;
    assert_int_equal(wire_receive(s->listener, 1, NULL, &got), WIRE_NOTHING);
}

static void a_caller_with_another_key_is_not_heard(void **state)
{
    scene_t *s = *state;
    wire_keys_t other;
    message_t m, got;
    assert_int_equal(wire_keys_make(&other), OK);
    wire_socket_t *caller = call(s, other.public_key);
    message_start(&m, ASK);
    wire_send(caller, NULL, &m);
    assert_int_equal(wire_receive(s->listener, SHORT_MS, NULL, &got), WIRE_NOTHING);
    wire_close(&caller);
}

static void *raw_caller(const scene_t *s, void *context)
{
    char public_key[WIRE_KEY_CAP], secret_key[WIRE_KEY_CAP];
    int linger = 0;
    void *raw = zmq_socket(context, ZMQ_DEALER);
    zmq_curve_keypair(public_key, secret_key);
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, s->keys.public_key, WIRE_KEY_CAP);
    zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, public_key, WIRE_KEY_CAP);
    zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, secret_key, WIRE_KEY_CAP);
    assert_int_equal(zmq_connect(raw, wire_endpoint(s->listener)), 0);
    return raw;
}

static void foreign_bytes_and_frames_are_dropped(void **state)
{
    scene_t *s = *state;
    void *context = zmq_ctx_new(), *raw = raw_caller(s, context);
    message_t m, got;
    wire_peer_t peer;
    zmq_send(raw, "hello", 5, 0);
    assert_int_equal(wire_receive(s->listener, SOON_MS, &peer, &got), WIRE_BAD);
    message_start(&m, ASK);
    zmq_send(raw, m.bytes, m.n, ZMQ_SNDMORE);
    zmq_send(raw, "more", 4, 0);
    assert_int_equal(wire_receive(s->listener, SOON_MS, &peer, &got), WIRE_BAD);
    zmq_send(raw, m.bytes, m.n, 0);
    assert_int_equal(wire_receive(s->listener, SOON_MS, &peer, &got), WIRE_MESSAGE);
    zmq_close(raw);
    zmq_ctx_term(context);
}

static void sending_to_one_who_is_gone_says_so(void **state)
{
    scene_t *s = *state;
    message_t m;
    wire_peer_t nobody = {.id = {0, 1, 2, 3, 4}, .n = 5};
    message_start(&m, ANSWER);
    assert_false(wire_send(s->listener, &nobody, &m));
}

static void a_port_in_use_is_an_error(void **state)
{
    scene_t *s = *state;
    wire_socket_t *second;
    assert_true(
        err_is(wire_listen(s->wire, wire_endpoint(s->listener), &s->keys, &second), ERR_IO));
    assert_null(second);
    assert_non_null(strstr(err_text(), wire_endpoint(s->listener)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(callers_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_is_no_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_caller_with_another_key_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_bytes_and_frames_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sending_to_one_who_is_gone_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
