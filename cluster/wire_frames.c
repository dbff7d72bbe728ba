// SPDX-License-Identifier: Apache-2.0
//
// Frames of a message: [the peer's id, of a listener], head, [data]. Where the first one could be sent the others can:
// ZeroMQ counts whole messages against its high-water mark.
#include "cluster/keyring.h"
#include "cluster/mem.h"
#include "cluster/wire_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { WAIT_CAP = 16 };

/* ---- sending ---- */

static bool send_bytes(wire_socket_t *s, size_t n, const void *bytes, int more)
{
    int sent;
    do
        sent = zmq_send(s->zmq, bytes, n, ZMQ_DONTWAIT | more);
    while (sent < 0 && zmq_errno() == EINTR);
    return sent >= 0;
}

static bool send_head(wire_socket_t *s, const wire_peer_t *to, const message_t *m, int more)
{
    CHECK(s->router == (to != NULL), "a listener sends to a peer, a caller to its listener");
    if (to != NULL && !send_bytes(s, to->n, to->id, ZMQ_SNDMORE))
        return false;
    return send_bytes(s, m->n, m->bytes, more);
}

bool wire_send(wire_socket_t *s, const wire_peer_t *to, const message_t *m)
{
    return send_head(s, to, m, 0);
}

// Takes the frame over, sent or not.
static bool send_frame(wire_socket_t *s, zmq_msg_t *frame)
{
    int sent;
    do
        sent = zmq_msg_send(frame, s->zmq, ZMQ_DONTWAIT);
    while (sent < 0 && zmq_errno() == EINTR);
    if (sent < 0)
        zmq_msg_close(frame);
    return sent >= 0;
}

static void frame_fill(zmq_msg_t *frame, size_t n, void *bytes,
                       void (*release)(void *bytes, void *hint), void *hint)
{
    int made = release != NULL ? zmq_msg_init_data(frame, bytes, n, release, hint)
                               : zmq_msg_init_size(frame, n);
    CHECK(made == 0, "no memory for a frame of %zu bytes", n);
    if (release == NULL)
        memcpy(zmq_msg_data(frame), bytes, n);
}

// The head first: where it can not go, nothing is copied.
bool wire_send_data(wire_socket_t *s, const wire_peer_t *to, const message_t *head, size_t n,
                    void *bytes, void (*release)(void *bytes, void *hint), void *hint)
{
    zmq_msg_t frame;
    bool sent = send_head(s, to, head, n > 0 ? ZMQ_SNDMORE : 0);
    if (sent && n > 0) {
        frame_fill(&frame, n, bytes, release, hint);
        return send_frame(s, &frame);
    }
    if (release != NULL)
        release(bytes, hint);
    return sent;
}

/* ---- receiving ---- */

typedef struct {
    wire_peer_t peer;
    zmq_msg_t head;
    zmq_msg_t *data; // NULL: none
    int behind;      // frames that came behind the head
} inbound_t;

static bool more_frames(wire_socket_t *s)
{
    int more = 0;
    size_t length = sizeof more;
    return zmq_getsockopt(s->zmq, ZMQ_RCVMORE, &more, &length) == 0 && more != 0;
}

// False: none now.
static bool take_frame(wire_socket_t *s, zmq_msg_t *out)
{
    zmq_msg_init(out);
    if (zmq_msg_recv(out, s->zmq, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(out);
    return false;
}

static bool take_peer(wire_socket_t *s, wire_peer_t *out)
{
    zmq_msg_t id;
    out->n = 0;
    out->name[0] = '\0';
    if (!s->router)
        return true;
    if (!take_frame(s, &id))
        return false;
    out->n = zmq_msg_size(&id);
    memcpy(out->id, zmq_msg_data(&id), out->n < sizeof out->id ? out->n : sizeof out->id);
    zmq_msg_close(&id);
    return true;
}

static void take_rest(wire_socket_t *s, inbound_t *in)
{
    zmq_msg_t *frame = MEM_NEW(zmq_msg_t, 1);
    while (more_frames(s) && take_frame(s, frame)) {
        in->behind++;
        if (in->behind == 1)
            in->data = frame;
        else
            zmq_msg_close(frame);
        frame = in->behind == 1 ? MEM_NEW(zmq_msg_t, 1) : frame;
    }
    free(frame);
}

static bool take_message(wire_socket_t *s, inbound_t *in)
{
    in->data = NULL;
    in->behind = 0;
    if (!take_peer(s, &in->peer) || !take_frame(s, &in->head))
        return false;
    if (more_frames(s))
        take_rest(s, in);
    return true;
}

static void inbound_free(inbound_t *in)
{
    zmq_msg_close(&in->head);
    if (in->data != NULL)
        zmq_msg_close(in->data);
    free(in->data);
}

static err_t check_frames(const wire_socket_t *s, const inbound_t *in, int most)
{
    if (in->behind > most)
        return err_fail(ERR_FORMAT, "message: %d frames too many", in->behind - most);
    if (in->peer.n > sizeof in->peer.id)
        return err_fail(ERR_FORMAT, "message: a peer's id of %zu bytes", in->peer.n);
    if (in->data != NULL && zmq_msg_size(in->data) > s->options.data_cap)
        return err_fail(ERR_FORMAT, "message: %zu bytes of data, at most %zu",
                        zmq_msg_size(in->data), s->options.data_cap);
    return OK;
}

static bool is_admitted(wire_socket_t *s, inbound_t *in)
{
    if (s->options.admitted == NULL)
        return true;
    const char *key = zmq_msg_gets(&in->head, WIRE_GATE_PROPERTY);
    if (key != NULL && keyring_admits(s->options.admitted, key, in->peer.name))
        return true;
    err_fail(ERR_FAILED, "a message of key %s, which is not admitted any more",
             key ? key : "(none)");
    return false;
}

static wire_got_t judge(wire_socket_t *s, inbound_t *in, int most, message_t *head)
{
    if (!is_admitted(s, in))
        return WIRE_REVOKED;
    if (check_frames(s, in, most) != OK)
        return WIRE_BAD;
    err_t err = message_parse(zmq_msg_size(&in->head), zmq_msg_data(&in->head), head);
    return err == OK ? WIRE_MESSAGE : WIRE_BAD;
}

// The frame goes over to `out`.
static void give_data(inbound_t *in, wire_data_t *out)
{
    if (in->data == NULL || zmq_msg_size(in->data) == 0)
        return;
    *out = (wire_data_t){zmq_msg_size(in->data), zmq_msg_data(in->data), in->data};
    in->data = NULL;
}

static wire_got_t receive(wire_socket_t *s, int timeout_ms, wire_peer_t *from, message_t *head,
                          wire_data_t *data)
{
    inbound_t in;
    if (!wire_wait(1, &s, timeout_ms) || !take_message(s, &in))
        return WIRE_NOTHING;
    wire_got_t got = judge(s, &in, data != NULL ? 1 : 0, head);
    if (from != NULL)
        *from = in.peer;
    if (data != NULL && got == WIRE_MESSAGE)
        give_data(&in, data);
    inbound_free(&in);
    return got;
}

wire_got_t wire_receive(wire_socket_t *s, int timeout_ms, wire_peer_t *from, message_t *out)
{
    return receive(s, timeout_ms, from, out, NULL);
}

wire_got_t wire_receive_data(wire_socket_t *s, int timeout_ms, wire_peer_t *from, message_t *head,
                             wire_data_t *data)
{
    *data = (wire_data_t){0};
    return receive(s, timeout_ms, from, head, data);
}

/* ---- text ---- */

bool wire_send_text(wire_socket_t *s, const wire_peer_t *to, bool enveloped, size_t n,
                    const char *text)
{
    CHECK(s->router && to != NULL, "text is sent by a listener");
    return send_bytes(s, to->n, to->id, ZMQ_SNDMORE) &&
           (!enveloped || send_bytes(s, 0, "", ZMQ_SNDMORE)) && send_bytes(s, n, text, 0);
}

static void give_only_frame(inbound_t *in, wire_data_t *out)
{
    zmq_msg_t *frame = MEM_NEW(zmq_msg_t, 1);
    zmq_msg_init(frame);
    zmq_msg_move(frame, &in->head);
    *out = (wire_data_t){zmq_msg_size(frame), zmq_msg_data(frame), frame};
}

static wire_got_t judge_text(wire_socket_t *s, inbound_t *in)
{
    if (!is_admitted(s, in))
        return WIRE_REVOKED;
    if (check_frames(s, in, 1) != OK)
        return WIRE_BAD;
    if (in->data != NULL && zmq_msg_size(&in->head) > 0) {
        err_fail(ERR_FORMAT, "text: two frames, expected one, or an empty one before it");
        return WIRE_BAD;
    }
    return WIRE_MESSAGE;
}

wire_got_t wire_receive_text(wire_socket_t *s, int timeout_ms, wire_peer_t *from, bool *enveloped,
                             wire_data_t *text)
{
    inbound_t in;
    *text = (wire_data_t){0};
    if (!wire_wait(1, &s, timeout_ms) || !take_message(s, &in))
        return WIRE_NOTHING;
    wire_got_t got = judge_text(s, &in);
    *from = in.peer;
    *enveloped = in.data != NULL;
    if (got == WIRE_MESSAGE && *enveloped)
        give_data(&in, text);
    else if (got == WIRE_MESSAGE)
        give_only_frame(&in, text);
    inbound_free(&in);
    return got;
}

void wire_data_free(wire_data_t *data)
{
    if (data->frame != NULL)
        zmq_msg_close(data->frame);
    free(data->frame);
    *data = (wire_data_t){0};
}

bool wire_wait(int n, wire_socket_t *const sockets[], int timeout_ms)
{
    zmq_pollitem_t items[WAIT_CAP];
    CHECK(n <= WAIT_CAP, "waiting for %d sockets, at most %d", n, WAIT_CAP);
    for (int i = 0; i < n; i++)
        items[i] = (zmq_pollitem_t){.socket = sockets[i]->zmq, .events = ZMQ_POLLIN};
    return zmq_poll(items, n, timeout_ms) > 0;
}
