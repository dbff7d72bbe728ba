// SPDX-License-Identifier: Apache-2.0
#include "cluster/wire.h"

#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { LINGER_MS = 500 };

struct wire {
    void *context;
};

struct wire_socket {
    void *zmq;
    bool router;
    char endpoint[WIRE_ENDPOINT_CAP];
};

static err_t wire_fail(const char *what, const char *where)
{
    return err_fail(ERR_IO, "%s %s: %s", what, where, zmq_strerror(zmq_errno()));
}

err_t wire_start(wire_t **out)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        return wire_fail("starting", "ZeroMQ");
    *out = MEM_NEW(wire_t, 1);
    (*out)->context = context;
    return OK;
}

void wire_stop(wire_t **wire)
{
    if (*wire == NULL)
        return;
    zmq_ctx_term((*wire)->context);
    free(*wire);
    *wire = NULL;
}

err_t wire_keys_make(wire_keys_t *out)
{
    if (zmq_curve_keypair(out->public_key, out->secret_key) != 0)
        return wire_fail("making keys with", "CURVE");
    return OK;
}

static bool set_int(void *zmq, int option, int value)
{
    return zmq_setsockopt(zmq, option, &value, sizeof value) == 0;
}

static bool set_text(void *zmq, int option, const char *value)
{
    return zmq_setsockopt(zmq, option, value, strlen(value) + 1) == 0;
}

static err_t wire_open(wire_t *wire, int type, wire_socket_t **out)
{
    wire_socket_t *socket = MEM_NEW(wire_socket_t, 1);
    socket->zmq = zmq_socket(wire->context, type);
    socket->router = type == ZMQ_ROUTER;
    *out = socket;
    if (socket->zmq == NULL)
        return wire_fail("opening", "a socket");
    int64_t largest = MESSAGE_CAP;
    bool set = set_int(socket->zmq, ZMQ_LINGER, LINGER_MS) &&
               set_int(socket->zmq, ZMQ_TCP_KEEPALIVE, 1) &&
               zmq_setsockopt(socket->zmq, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0;
    return set ? OK : wire_fail("setting up", "a socket");
}

err_t wire_listen(wire_t *wire, const char *endpoint, const wire_keys_t *keys, wire_socket_t **out)
{
    err_t err;
    size_t length = WIRE_ENDPOINT_CAP;
    wire_socket_t *s = NULL;
    TRY_TO(done, wire_open(wire, ZMQ_ROUTER, &s));
    if (!set_int(s->zmq, ZMQ_ROUTER_MANDATORY, 1) || !set_int(s->zmq, ZMQ_CURVE_SERVER, 1) ||
        !set_text(s->zmq, ZMQ_CURVE_SECRETKEY, keys->secret_key) ||
        zmq_bind(s->zmq, endpoint) != 0 ||
        zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->endpoint, &length) != 0)
        err = wire_fail("listening on", endpoint);
done:
    if (err != OK)
        wire_close(&s);
    *out = s;
    return err;
}

err_t wire_connect(wire_t *wire, const char *endpoint, const char *public_key, wire_socket_t **out)
{
    err_t err;
    wire_keys_t own;
    wire_socket_t *s = NULL;
    TRY_TO(done, wire_keys_make(&own));
    TRY_TO(done, wire_open(wire, ZMQ_DEALER, &s));
    strncpy(s->endpoint, endpoint, sizeof s->endpoint - 1);
    if (!set_text(s->zmq, ZMQ_CURVE_SERVERKEY, public_key) ||
        !set_text(s->zmq, ZMQ_CURVE_PUBLICKEY, own.public_key) ||
        !set_text(s->zmq, ZMQ_CURVE_SECRETKEY, own.secret_key) ||
        zmq_connect(s->zmq, endpoint) != 0)
        err = wire_fail("connecting to", endpoint);
done:
    if (err != OK)
        wire_close(&s);
    *out = s;
    return err;
}

const char *wire_endpoint(const wire_socket_t *socket)
{
    return socket->endpoint;
}

void wire_close(wire_socket_t **socket)
{
    if (*socket == NULL)
        return;
    if ((*socket)->zmq != NULL)
        zmq_close((*socket)->zmq);
    free(*socket);
    *socket = NULL;
}

bool wire_send(wire_socket_t *socket, const wire_peer_t *to, const message_t *m)
{
    CHECK(socket->router == (to != NULL), "a listener sends to a peer, a caller to its listener");
    if (to != NULL && zmq_send(socket->zmq, to->id, to->n, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return false;
    return zmq_send(socket->zmq, m->bytes, m->n, ZMQ_DONTWAIT) >= 0;
}

static bool more_frames(wire_socket_t *socket)
{
    int more = 0;
    size_t length = sizeof more;
    return zmq_getsockopt(socket->zmq, ZMQ_RCVMORE, &more, &length) == 0 && more != 0;
}

// One frame; -1: none now. Longer than `cap`: the length it has, of which `cap` bytes were kept.
static int take_frame(wire_socket_t *socket, size_t cap, void *bytes)
{
    return zmq_recv(socket->zmq, bytes, cap, ZMQ_DONTWAIT);
}

static int drop_frames(wire_socket_t *socket)
{
    int dropped = 0;
    char rest[1];
    while (more_frames(socket) && take_frame(socket, sizeof rest, rest) >= 0)
        dropped++;
    return dropped;
}

static bool wire_ready(wire_socket_t *socket, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket->zmq, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

wire_got_t wire_receive(wire_socket_t *socket, int timeout_ms, wire_peer_t *from, message_t *out)
{
    uint8_t bytes[MESSAGE_CAP];
    wire_peer_t peer = {.n = 0};
    if (!wire_ready(socket, timeout_ms))
        return WIRE_NOTHING;
    if (socket->router) {
        int n = take_frame(socket, sizeof peer.id, peer.id);
        if (n < 0)
            return WIRE_NOTHING;
        peer.n = (size_t)n;
    }
    int n = take_frame(socket, sizeof bytes, bytes);
    int extra = drop_frames(socket);
    if (n < 0)
        return WIRE_NOTHING;
    if (from != NULL)
        *from = peer;
    if (extra > 0 || peer.n > sizeof peer.id) {
        err_fail(ERR_FORMAT, "message: %d frames too many", extra);
        return WIRE_BAD;
    }
    return message_parse((size_t)n, bytes, out) == OK ? WIRE_MESSAGE : WIRE_BAD;
}
