/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets between processes, over ZeroMQ: one that listens to many (ROUTER) and one that calls it (DEALER). Messages may
 * get lost when a connection breaks: whoever needs an answer asks again. A socket belongs to the thread that made it.
 *
 * A message is a head (message.h) and, where the protocol says so, one frame of data behind it. They come together or not
 * at all, also where the connection is cut in the middle.
 *
 * Who may come in:
 *   keys and a keyring   encrypted (CURVE); exactly the keys that the keyring admits now (ZAP, RFC 27). A key that is
 *                        revoked can not connect again, and what its old connection still sends is dropped.
 *   keys alone           encrypted; whoever knows the listener's public key. For a run that gives it to its own ranks
 *                        (MPI_Bcast) and to nobody else.
 *   no keys              this machine alone: 127.0.0.0/8 and ::1
 */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include "cluster/err.h"
#include "cluster/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_KEY_CAP = 41, WIRE_PEER_CAP = 32, WIRE_ENDPOINT_CAP = 128, WIRE_NAME_CAP = 64 };

typedef struct wire wire_t;               // ZeroMQ's context, one a process that uses it
typedef struct wire_socket wire_socket_t; // opaque
typedef struct keyring keyring_t;         // keyring.h

typedef struct {
    char public_key[WIRE_KEY_CAP], secret_key[WIRE_KEY_CAP]; // Z85 text
} wire_keys_t;

/* One connection to a listener: who connects anew has another id, and messages to the old one are not sent. */
typedef struct {
    uint8_t id[WIRE_PEER_CAP];
    size_t n;
    char name[WIRE_NAME_CAP]; // under which a keyring admits its key; "" without one
} wire_peer_t;

typedef enum {
    WIRE_NOTHING, // nothing came in time
    WIRE_MESSAGE,
    WIRE_BAD, // something came that is not one of our messages; dropped, the text says why
    WIRE_REVOKED // something came from a peer whose key is no longer admitted; dropped, the text names the key
} wire_got_t;

/* Zero is the default of each. */
typedef struct {
    const wire_keys_t *keys; // of this end; NULL: not encrypted, on this machine alone
    keyring_t *
        admitted; // of a listener with keys; borrowed until wire_stop, one for all listeners of a wire_t
    size_t data_cap; // bytes of the longest data frame that is let in; 0: none
    int high_water; // messages that wait at most, each way, for each peer (default 1,000): with data_cap this bounds memory
    int linger_ms;  // for messages not yet sent at wire_close (default 500)
    int silence_ms; // a connection on which nothing, no heartbeat either, came for so long is given up and made anew.
        // (default 30,000; a frame that takes longer than this to arrive never does)
} wire_options_t;

err_t wire_start(wire_t **out) ERR_MUST_CHECK;
/* For a process with so many sockets and connections of others to them: raises its limit of open files where it must.
 * ERR_FAILED, with what to do, where the system allows fewer. */
err_t wire_start_for(int connections, wire_t **out) ERR_MUST_CHECK;
void wire_stop(wire_t **wire); // after all its sockets were closed
/* Connections that were refused so far because their key is not admitted. Any thread. */
int64_t wire_refused(const wire_t *wire);

err_t wire_keys_make(wire_keys_t *out) ERR_MUST_CHECK;

/* Binds: "tcp://127.0.0.1:*" takes a free port. ERR_USAGE where others than this machine could reach it without keys. */
err_t wire_listen_with(wire_t *wire, const char *endpoint, const wire_options_t *options,
                       wire_socket_t **out) ERR_MUST_CHECK;
/* Connects to the listener that has the secret of this public key (NULL: not encrypted). Returns at once; the connection
 * is made in the background and made again when it breaks, after 0.1 to 10 s. */
err_t wire_connect_with(wire_t *wire, const char *endpoint, const wire_options_t *options,
                        const char *public_key, wire_socket_t **out) ERR_MUST_CHECK;
/* The same with the keys of one run: a listener for who was told its public key, and a caller with keys of its own. */
err_t wire_listen(wire_t *wire, const char *endpoint, const wire_keys_t *keys,
                  wire_socket_t **out) ERR_MUST_CHECK;
err_t wire_connect(wire_t *wire, const char *endpoint, const char *public_key,
                   wire_socket_t **out) ERR_MUST_CHECK;
/* Two ends inside this process, such as to wake a thread that waits. Each may be given to another thread, once. */
err_t wire_pair(wire_t *wire, wire_socket_t **a, wire_socket_t **b) ERR_MUST_CHECK;
const char *wire_endpoint(
    const wire_socket_t *socket); // with the port it got; valid until wire_close
/* Drops a caller's connection, and what waits in it, and begins anew. For who has heard nothing for long: ZeroMQ does not
 * try again by itself after its key was refused, nor after something else than ZeroMQ answered at that port. */
err_t wire_reconnect(wire_socket_t *socket) ERR_MUST_CHECK;
void wire_close(wire_socket_t **socket);

/* Never waits. False: not sent (the peer is gone, or too many messages wait). `to` is NULL on a connected socket. */
bool wire_send(wire_socket_t *socket, const wire_peer_t *to, const message_t *m);
/* With n bytes of data behind it (n 0: none). `release` NULL: they are copied. Else they are sent from where they lie and
 * release(bytes, hint) is called once when they are no longer needed, sent or not: maybe before this returns, maybe on
 * another thread. */
bool wire_send_data(wire_socket_t *socket, const wire_peer_t *to, const message_t *head, size_t n,
                    void *bytes, void (*release)(void *bytes, void *hint), void *hint);

/* A received data frame. */
typedef struct {
    size_t n;          // 0: none
    const void *bytes; // at any address, aligned to nothing; valid until wire_data_free
    void *frame;       // what holds them
} wire_data_t;

/* Waits up to timeout_ms, less where a signal comes in. `from` may be NULL. A message with data is WIRE_BAD here. */
wire_got_t wire_receive(wire_socket_t *socket, int timeout_ms, wire_peer_t *from, message_t *out);
/* `data` is to be freed after WIRE_MESSAGE; else there is none. More frames than two, or more bytes than data_cap:
 * WIRE_BAD. */
wire_got_t wire_receive_data(wire_socket_t *socket, int timeout_ms, wire_peer_t *from,
                             message_t *head, wire_data_t *data);
void wire_data_free(wire_data_t *data); // of an empty one too

/* Plain text instead of messages, with clients that are not ours, in any language that has ZeroMQ: one frame, which a REQ
 * socket puts an empty one before (`enveloped`; its answer needs it too). On a listener; its data_cap is the longest text.
 * `text` is to be freed after WIRE_MESSAGE; it has no final 0. */
wire_got_t wire_receive_text(wire_socket_t *socket, int timeout_ms, wire_peer_t *from,
                             bool *enveloped, wire_data_t *text);
/* Never waits; false as of wire_send. */
bool wire_send_text(wire_socket_t *socket, const wire_peer_t *to, bool enveloped, size_t n,
                    const char *text);

/* Waits up to timeout_ms until one of them has something; then look into each with a timeout of 0. */
bool wire_wait(int n, wire_socket_t *const sockets[], int timeout_ms);

#endif
