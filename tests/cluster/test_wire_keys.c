// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { SOON_MS = 20000, SHORT_MS = 200, HELLO = 1, MIB = 1 << 20, OPEN_CAP = 4 };

typedef struct {
    char folder[64];
    wire_t *wire;
    wire_keys_t hub, friend, stranger;
    keyring_t *ring;
    wire_socket_t *listener, *open[OPEN_CAP]; // closed at the end of a test that fails, too
    int n_open;
} scene_t;

static int admit(const scene_t *s, const char *name)
{
    char file[128], admitted[WIRE_NAME_CAP];
    snprintf(file, sizeof file, "%s/%s.public", s->folder, name);
    return keyring_admit(s->folder, file, admitted);
}

static int make_keys(scene_t *s)
{
    static const char *const names[] = {"hub", "friend", "stranger"};
    wire_keys_t *const keys[] = {&s->hub, &s->friend, &s->stranger};
    snprintf(s->folder, sizeof s->folder, "/tmp/wire-keys-XXXXXX");
    if (mkdtemp(s->folder) == NULL)
        return -1;
    for (int i = 0; i < 3; i++)
        if (keyring_make(s->folder, names[i]) != OK ||
            keyring_own(s->folder, names[i], keys[i]) != OK)
            return -1;
    return admit(s, "friend");
}

static int set_up(void **state)
{
    static scene_t s;
    log_set(LOG_ERROR, 0);
    if (make_keys(&s) != 0 || wire_start(&s.wire) != OK || keyring_open(s.folder, &s.ring) != OK)
        return -1;
    wire_options_t options = {.keys = &s.hub, .admitted = s.ring, .data_cap = MIB};
    *state = &s;
    return wire_listen_with(s.wire, "tcp://0.0.0.0:*", &options, &s.listener);
}

static void close_open(scene_t *s)
{
    while (s->n_open > 0)
        wire_close(&s->open[--s->n_open]);
}

static int tear_down(void **state)
{
    scene_t *s = *state;
    close_open(s);
    wire_close(&s->listener);
    wire_stop(&s->wire);
    keyring_close(&s->ring);
    char *command = mem_format("rm -rf '%s'", s->folder);
    int failed = system(command);
    free(command);
    return failed;
}

static wire_socket_t *call(scene_t *s, const wire_socket_t *listener, const wire_keys_t *keys,
                           const char *listener_key)
{
    wire_socket_t *caller;
    char endpoint[WIRE_ENDPOINT_CAP];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1%s", strrchr(wire_endpoint(listener), ':'));
    wire_options_t options = {.keys = keys, .data_cap = MIB, .linger_ms = 1};
    assert_int_equal(wire_connect_with(s->wire, endpoint, &options, listener_key, &caller), OK);
    return s->open[s->n_open++] = caller;
}

static void say_hello(wire_socket_t *caller)
{
    message_t m;
    message_start(&m, HELLO);
    assert_true(wire_send(caller, NULL, &m));
}

static wire_got_t hear(wire_socket_t *listener, int timeout_ms, wire_peer_t *peer)
{
    message_t m;
    return wire_receive(listener, timeout_ms, peer, &m);
}

static void an_admitted_key_comes_in_by_its_name(void **state)
{
    scene_t *s = *state;
    wire_peer_t peer;
    message_t head, got;
    wire_data_t data;
    uint8_t *bytes = mem_zero(MIB, 1);
    wire_socket_t *caller = call(s, s->listener, &s->friend, s->hub.public_key);
    message_start(&head, HELLO);
    assert_true(wire_send_data(caller, NULL, &head, MIB, bytes, NULL, NULL));
    assert_int_equal(wire_receive_data(s->listener, SOON_MS, &peer, &got, &data), WIRE_MESSAGE);
    assert_string_equal(peer.name, "friend");
    assert_int_equal(data.n, MIB);
    assert_memory_equal(data.bytes, bytes, MIB);
    assert_true(wire_send(s->listener, &peer, &head));
    assert_int_equal(hear(caller, SOON_MS, NULL), WIRE_MESSAGE);
    assert_int_equal(wire_refused(s->wire), 0);
    wire_data_free(&data);
    free(bytes);
}

static void wait_until_refused(const scene_t *s)
{
    for (int i = 0; wire_refused(s->wire) == 0 && i < SOON_MS; i++)
        usleep(1000);
    assert_true(wire_refused(s->wire) > 0);
}

static void any_other_valid_key_is_refused(void **state)
{
    scene_t *s = *state;
    wire_peer_t peer;
    wire_socket_t *caller = call(s, s->listener, &s->stranger, s->hub.public_key);
    say_hello(caller);
    wait_until_refused(s);
    assert_int_equal(hear(s->listener, SHORT_MS, &peer), WIRE_NOTHING);
}

// So it is the keyring that refuses, not CURVE.
static void without_a_keyring_the_same_key_is_let_in(void **state)
{
    scene_t *s = *state;
    wire_socket_t *open, *caller;
    wire_options_t options = {.keys = &s->hub, .data_cap = MIB};
    wire_t *before = s->wire;
    assert_int_equal(wire_start(&s->wire), OK); // where nothing asks a keyring
    assert_int_equal(wire_listen_with(s->wire, "tcp://127.0.0.1:*", &options, &open), OK);
    s->open[s->n_open++] = open;
    caller = call(s, open, &s->stranger, s->hub.public_key);
    say_hello(caller);
    assert_int_equal(hear(open, SOON_MS, NULL), WIRE_MESSAGE);
    close_open(s);
    wire_stop(&s->wire);
    s->wire = before;
    // And also where a keyring guards another listener of the same context.
    assert_int_equal(wire_listen_with(s->wire, "tcp://127.0.0.1:*", &options, &open), OK);
    s->open[s->n_open++] = open;
    caller = call(s, open, &s->stranger, s->hub.public_key);
    say_hello(caller);
    assert_int_equal(hear(open, SOON_MS, NULL), WIRE_MESSAGE);
}

static void a_key_that_is_admitted_later_comes_in_later(void **state)
{
    scene_t *s = *state;
    wire_peer_t peer;
    wire_socket_t *caller = call(s, s->listener, &s->stranger, s->hub.public_key);
    say_hello(caller);
    wait_until_refused(s);
    assert_int_equal(hear(s->listener, SHORT_MS, &peer), WIRE_NOTHING);
    assert_int_equal(admit(s, "stranger"), OK);
    assert_int_equal(wire_reconnect(caller), OK);
    say_hello(caller);
    assert_int_equal(hear(s->listener, SOON_MS, &peer), WIRE_MESSAGE);
    assert_string_equal(peer.name, "stranger");
}

static void a_revoked_key_is_out_at_once(void **state)
{
    scene_t *s = *state;
    wire_peer_t peer;
    wire_socket_t *old = call(s, s->listener, &s->friend, s->hub.public_key);
    say_hello(old);
    assert_int_equal(hear(s->listener, SOON_MS, &peer), WIRE_MESSAGE);
    assert_int_equal(keyring_revoke(s->folder, "friend"), OK);
    say_hello(old);
    assert_int_equal(hear(s->listener, SOON_MS, &peer), WIRE_REVOKED);
    assert_string_equal(peer.name, "");
    assert_non_null(strstr(err_text(), s->friend.public_key));
    wire_socket_t *fresh = call(s, s->listener, &s->friend, s->hub.public_key);
    say_hello(fresh);
    wait_until_refused(s);
    assert_int_equal(hear(s->listener, SHORT_MS, &peer), WIRE_NOTHING);
    assert_int_equal(admit(s, "friend"), OK); // the old connection counts again
    say_hello(old);
    assert_int_equal(hear(s->listener, SOON_MS, &peer), WIRE_MESSAGE);
}

static void who_expects_another_listener_gets_nowhere(void **state)
{
    scene_t *s = *state;
    wire_socket_t *caller = call(s, s->listener, &s->friend, s->stranger.public_key);
    say_hello(caller);
    assert_int_equal(hear(s->listener, SHORT_MS, NULL), WIRE_NOTHING);
}

static void who_does_not_encrypt_gets_nowhere(void **state)
{
    scene_t *s = *state;
    wire_socket_t *caller;
    char endpoint[WIRE_ENDPOINT_CAP];
    wire_options_t plain = {.linger_ms = 1};
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1%s",
             strrchr(wire_endpoint(s->listener), ':'));
    assert_int_equal(wire_connect_with(s->wire, endpoint, &plain, NULL, &caller), OK);
    s->open[s->n_open++] = caller;
    say_hello(caller);
    assert_int_equal(hear(s->listener, SHORT_MS, NULL), WIRE_NOTHING);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HERE(an_admitted_key_comes_in_by_its_name),
        HERE(any_other_valid_key_is_refused),
        HERE(without_a_keyring_the_same_key_is_let_in),
        HERE(a_key_that_is_admitted_later_comes_in_later),
        HERE(a_revoked_key_is_out_at_once),
        HERE(who_expects_another_listener_gets_nowhere),
        HERE(who_does_not_encrypt_gets_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
