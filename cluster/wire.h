/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets between processes, over ZeroMQ: one that listens to many (ROUTER) and one that calls it (DEALER). Messages may
 * get lost when a connection breaks: whoever needs an answer asks again. A socket belongs to the thread that made it.
 *
 * Encrypted with CURVE. The listener's public key is needed to get through, and it is given to nobody but the peers of
 * one run (MPI_Bcast), so it admits them alone; a listener for strangers needs more than that.
 */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include "cluster/err.h"
#include "cluster/message.h"

#include <stddef.h>
#include <stdint.h>

enum { WIRE_KEY_CAP = 41, WIRE_PEER_CAP = 32, WIRE_ENDPOINT_CAP = 128 };

typedef struct wire wire_t;               // ZeroMQ's context, one a process that uses it
typedef struct wire_socket wire_socket_t; // opaque

typedef struct {
    char public_key[WIRE_KEY_CAP], secret_key[WIRE_KEY_CAP]; // Z85 text
} wire_keys_t;

typedef struct {
    uint8_t id[WIRE_PEER_CAP];
    size_t n;
} wire_peer_t;

typedef enum {
    WIRE_NOTHING, // nothing came in time
    WIRE_MESSAGE,
    WIRE_BAD // something came that is not one of our messages; dropped, the text says why
} wire_got_t;

err_t wire_start(wire_t **out) ERR_MUST_CHECK;
void wire_stop(wire_t **wire); // after all its sockets were closed

err_t wire_keys_make(wire_keys_t *out) ERR_MUST_CHECK;

/* Binds: "tcp://127.0.0.1:*" takes a free port. */
err_t wire_listen(wire_t *wire, const char *endpoint, const wire_keys_t *keys,
                  wire_socket_t **out) ERR_MUST_CHECK;
/* Connects, with keys of its own, to a listener that has this public key. Returns at once; the connection is made and
 * made again in the background. */
err_t wire_connect(wire_t *wire, const char *endpoint, const char *public_key,
                   wire_socket_t **out) ERR_MUST_CHECK;
const char *wire_endpoint(
    const wire_socket_t *socket); // with the port it got; valid until wire_close
void wire_close(wire_socket_t **socket);

/* Never waits. False: not sent (the peer is gone, or too many messages wait). `to` is NULL on a connected socket. */
bool wire_send(wire_socket_t *socket, const wire_peer_t *to, const message_t *m);
/* Waits up to timeout_ms, less where a signal comes in. `from` may be NULL. */
wire_got_t wire_receive(wire_socket_t *socket, int timeout_ms, wire_peer_t *from, message_t *out);

#endif
