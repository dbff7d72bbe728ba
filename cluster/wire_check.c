// SPDX-License-Identifier: Apache-2.0
#include "cluster/wire_check.h"

#include "cluster/wire.h"

#include <string.h>
#include <zmq.h>

enum { HELLO = 1, NUMBER = 42, SOON_MS = 5000 };

/* One encrypted message from a caller to a listener of this process. */
static err_t send_one(wire_socket_t *caller, wire_socket_t *listener)
{
    message_t m, got;
    message_start(&m, HELLO);
    message_put_i64(&m, NUMBER);
    if (!wire_send(caller, NULL, &m))
        return err_fail(ERR_FAILED, "a message to %s is not taken", wire_endpoint(listener));
    if (wire_receive(listener, SOON_MS, NULL, &got) != WIRE_MESSAGE ||
        message_get_i64(&got) != NUMBER)
        return err_fail(ERR_FAILED, "a message to %s did not come within %d ms",
                        wire_endpoint(listener), SOON_MS);
    return OK;
}

static err_t try_encrypted(void)
{
    err_t err;
    wire_t *wire = NULL;
    wire_keys_t keys;
    wire_socket_t *listener = NULL, *caller = NULL;
    TRY_TO(done, wire_start(&wire));
    TRY_TO(done, wire_keys_make(&keys));
    TRY_TO(done, wire_listen(wire, "tcp://127.0.0.1:*", &keys, &listener));
    TRY_TO(done, wire_connect(wire, wire_endpoint(listener), keys.public_key, &caller));
    err = send_one(caller, listener);
done:
    explicit_bzero(&keys, sizeof keys);
    wire_close(&caller);
    wire_close(&listener);
    wire_stop(&wire);
    return err;
}

void wire_check(findings_t *out)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (!zmq_has("curve")) {
        findings_add(out, FINDING_FAILED, "ZeroMQ", "%d.%d.%d without CURVE", major, minor, patch);
        findings_advise(out, "ranks and workers talk encrypted: build libzmq with libsodium "
                             "(Debian: libzmq5)");
        return;
    }
    err_t err = try_encrypted();
    findings_add(out, err == OK ? FINDING_OK : FINDING_FAILED, "ZeroMQ", "%d.%d.%d with CURVE%s%s",
                 major, minor, patch, err == OK ? "" : ": ", err == OK ? "" : err_text());
    findings_advise(out, "let processes of this machine connect to 127.0.0.1 (firewall, container "
                         "without a network)");
    err_clear();
}
