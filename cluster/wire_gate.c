// SPDX-License-Identifier: Apache-2.0
//
// The ZAP handler (RFC 27): ZeroMQ asks it, over inproc://zeromq.zap.01, before a connection is let in.
//
// request   version "1.0", request id, domain, address, identity, mechanism, credentials (CURVE: the public key, 32 bytes)
// reply     version "1.0", request id, status "200" or "400", text, user id, meta data (none)
#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/wire_inside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, FRAMES };
enum { FRAME_CAP = 256, KEY_BYTES = 32 };

static const char gate_endpoint[] = "inproc://zeromq.zap.01";
static const double quiet_seconds = 10; // between two lines about refused keys

struct wire_gate {
    void *socket;
    keyring_t *admitted;
    pthread_t thread;
    atomic_int_fast64_t refused;
    double told; // when it was last told that a key was refused
};

typedef struct {
    char bytes[FRAMES][FRAME_CAP + 1]; // each ends in '\0'
    int n[FRAMES];                     // bytes that came; may be more than were kept
    int frames;
} request_t;

// False: the context ends.
static bool request_take(void *socket, request_t *out)
{
    int more = 1;
    size_t length = sizeof more;
    *out = (request_t){.frames = 0};
    while (more) {
        int at = out->frames < FRAMES ? out->frames : FRAMES - 1;
        int n = zmq_recv(socket, out->bytes[at], FRAME_CAP, 0);
        if (n < 0 && zmq_errno() == EINTR)
            continue;
        if (n < 0)
            return false;
        out->n[at] = n;
        out->frames++;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length);
    }
    return true;
}

static bool request_key(const request_t *r, char key[WIRE_KEY_CAP])
{
    return r->frames == FRAMES && strcmp(r->bytes[MECHANISM], "CURVE") == 0 &&
           r->n[KEY] == KEY_BYTES &&
           zmq_z85_encode(key, (const uint8_t *)r->bytes[KEY], KEY_BYTES) != NULL;
}

static void reply(void *socket, const request_t *r, bool admitted, const char *key)
{
    int id = r->n[REQUEST] < FRAME_CAP ? r->n[REQUEST] : FRAME_CAP;
    const char *status = admitted ? "200" : "400", *text = admitted ? "OK" : "key not admitted";
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, r->bytes[REQUEST], (size_t)id, ZMQ_SNDMORE);
    zmq_send(socket, status, strlen(status), ZMQ_SNDMORE);
    zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(socket, key, admitted ? strlen(key) : 0, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

static void gate_count(wire_gate_t *g, const request_t *r, const char *key)
{
    int64_t refused = atomic_fetch_add(&g->refused, 1) + 1;
    if (refused > 1 && log_clock() - g->told < quiet_seconds)
        return;
    g->told = log_clock();
    log_warning(
        "a connection from %s was refused: its key %s is not admitted (%lld refused so far)",
        r->bytes[ADDRESS], key, (long long)refused);
}

static bool gate_admits(wire_gate_t *g, const request_t *r, char key[WIRE_KEY_CAP])
{
    char name[WIRE_NAME_CAP];
    if (!request_key(r, key))
        return false;
    return r->n[DOMAIN] == 0 || (strcmp(r->bytes[DOMAIN], WIRE_GATE_DOMAIN) == 0 &&
                                 keyring_admits(g->admitted, key, name));
}

static void *gate_run(void *argument)
{
    wire_gate_t *g = argument;
    request_t r;
    while (request_take(g->socket, &r)) {
        char key[WIRE_KEY_CAP] = "(none)";
        bool admitted = gate_admits(g, &r, key);
        if (!admitted)
            gate_count(g, &r, key);
        reply(g->socket, &r, admitted, key);
    }
    zmq_close(g->socket);
    return NULL;
}

// Signals are for the main thread.
static err_t gate_thread(wire_gate_t *g)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&g->thread, NULL, gate_run, g);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? err_fail(ERR_FAILED, "can not start the thread that admits keys: %s",
                             strerror(failed))
                  : OK;
}

err_t wire_gate_open(void *context, keyring_t *admitted, wire_gate_t **out)
{
    err_t err = OK;
    wire_gate_t *g = MEM_NEW(wire_gate_t, 1);
    *out = NULL;
    g->admitted = admitted;
    g->socket = zmq_socket(context, ZMQ_REP);
    if (g->socket == NULL || zmq_bind(g->socket, gate_endpoint) != 0)
        err = wire_fail("listening on", gate_endpoint);
    if (err == OK)
        err = gate_thread(g);
    if (err == OK) {
        *out = g;
        return OK;
    }
    if (g->socket != NULL)
        zmq_close(g->socket);
    free(g);
    return err;
}

const keyring_t *wire_gate_keyring(const wire_gate_t *gate)
{
    return gate->admitted;
}

int64_t wire_gate_refused(const wire_gate_t *gate)
{
    return atomic_load(&gate->refused);
}

void wire_gate_close(wire_gate_t **gate)
{
    if (*gate == NULL)
        return;
    pthread_join((*gate)->thread, NULL);
    free(*gate);
    *gate = NULL;
}
