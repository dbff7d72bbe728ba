/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of wire share: the socket, and the gate of a context, which asks a keyring about each key (ZAP).
 */
#ifndef CLUSTER_WIRE_INSIDE_H
#define CLUSTER_WIRE_INSIDE_H

#include "cluster/wire.h"

typedef struct wire_gate wire_gate_t; // opaque

struct wire_socket {
    wire_t *wire;
    void *zmq;
    bool router;
    wire_options_t options; // `keys` is `own` or NULL
    wire_keys_t own;
    char listener_key[WIRE_KEY_CAP]; // of a caller; "" where not encrypted
    char endpoint[WIRE_ENDPOINT_CAP];
};

err_t wire_fail(const char *what, const char *where);

/* Answers from now on for all listeners of the context: it asks the keyring for those of WIRE_GATE_DOMAIN, and lets every
 * key in to those without a domain. */
err_t wire_gate_open(void *context, keyring_t *admitted, wire_gate_t **out) ERR_MUST_CHECK;
const keyring_t *wire_gate_keyring(const wire_gate_t *gate);
int64_t wire_gate_refused(const wire_gate_t *gate);
/* Once zmq_ctx_term was called, which is what ends the gate's thread. */
void wire_gate_close(wire_gate_t **gate);

#define WIRE_GATE_DOMAIN "infermill"
/* The property of a message that holds its sender's public key (text), as the gate told it. */
#define WIRE_GATE_PROPERTY "User-Id"

#endif
