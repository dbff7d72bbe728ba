// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/mem.h"
#include "cluster/wire_inside.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zmq.h>

enum { LINGER_MS = 500, HIGH_WATER = 1000, SILENCE_MS = 30000, NEVER = -1 };
enum { HANDSHAKE_MS = 10000, RETRY_MS = 100, RETRY_MOST_MS = 10000, BACKLOG = 1024 };
// A message in a CURVE frame: "\x07MESSAGE", nonce 8, authentication 16, flags 1 (RFC 26).
enum { CURVE_OVERHEAD = 33 };
enum { SPARE_FILES = 128, SPARE_SOCKETS = 16 };

struct wire {
    void *context;
    wire_gate_t *gate; // NULL: no listener asked for one
    atomic_int pairs;
};

err_t wire_fail(const char *what, const char *where)
{
    return err_fail(ERR_IO, "%s %s: %s", what, where, zmq_strerror(zmq_errno()));
}

/* ---- the context ---- */

err_t wire_start(wire_t **out)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        return wire_fail("starting", "ZeroMQ");
    *out = MEM_NEW(wire_t, 1);
    (*out)->context = context;
    return OK;
}

static err_t allow_files(int connections)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)connections + SPARE_FILES; // a socket of its own has a second one
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_errno(ERR_IO, "asking for the limit of open files");
    if (limit.rlim_cur >= wanted)
        return OK;
    if (limit.rlim_max < wanted)
        return err_fail(ERR_FAILED,
                        "%d connections need %llu open files, this process may open %llu: raise "
                        "the hard limit (`ulimit -Hn`, nofile in /etc/security/limits.conf)",
                        connections, (unsigned long long)wanted,
                        (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0
               ? OK
               : err_errno(ERR_IO, "raising the limit of open files to %llu",
                           (unsigned long long)wanted);
}

err_t wire_start_for(int connections, wire_t **out)
{
    *out = NULL;
    TRY(allow_files(connections));
    TRY(wire_start(out));
    int sockets = connections + SPARE_SOCKETS;
    if (sockets > ZMQ_MAX_SOCKETS_DFLT &&
        zmq_ctx_set((*out)->context, ZMQ_MAX_SOCKETS, sockets) != 0) {
        wire_stop(out);
        return err_fail(ERR_FAILED, "ZeroMQ allows fewer than %d sockets", sockets);
    }
    return OK;
}

void wire_stop(wire_t **wire)
{
    if (*wire == NULL)
        return;
    zmq_ctx_term((*wire)->context);
    wire_gate_close(&(*wire)->gate);
    free(*wire);
    *wire = NULL;
}

int64_t wire_refused(const wire_t *wire)
{
    return wire->gate != NULL ? wire_gate_refused(wire->gate) : 0;
}

err_t wire_keys_make(wire_keys_t *out)
{
    if (zmq_curve_keypair(out->public_key, out->secret_key) != 0)
        return wire_fail("making keys with", "CURVE");
    return OK;
}

/* ---- what every socket is set to ---- */

static bool set_int(void *zmq, int option, int value)
{
    return zmq_setsockopt(zmq, option, &value, sizeof value) == 0;
}

static bool set_text(void *zmq, int option, const char *value)
{
    return zmq_setsockopt(zmq, option, value, strlen(value) + 1) == 0;
}

static int or_default(int value, int usual)
{
    return value != 0 ? value : usual;
}

static bool set_limits(void *zmq, const wire_options_t *o)
{
    int64_t largest = o->data_cap > MESSAGE_CAP ? (int64_t)o->data_cap : MESSAGE_CAP;
    int high_water = or_default(o->high_water, HIGH_WATER);
    if (o->keys != NULL)
        largest += CURVE_OVERHEAD;
    return zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
           set_int(zmq, ZMQ_SNDHWM, high_water) && set_int(zmq, ZMQ_RCVHWM, high_water) &&
           set_int(zmq, ZMQ_LINGER, or_default(o->linger_ms, LINGER_MS));
}

// Heartbeats three times within the silence that is borne.
static bool set_patience(void *zmq, const wire_options_t *o)
{
    int silence = or_default(o->silence_ms, SILENCE_MS);
    bool set = set_int(zmq, ZMQ_TCP_KEEPALIVE, 1) && set_int(zmq, ZMQ_BACKLOG, BACKLOG) &&
               set_int(zmq, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
               set_int(zmq, ZMQ_RECONNECT_IVL, RETRY_MS) &&
               set_int(zmq, ZMQ_RECONNECT_IVL_MAX, RETRY_MOST_MS);
    if (silence == NEVER)
        return set;
    return set && set_int(zmq, ZMQ_HEARTBEAT_IVL, silence / 3) &&
           set_int(zmq, ZMQ_HEARTBEAT_TIMEOUT, silence);
}

static err_t socket_open(wire_t *wire, int type, const wire_options_t *options, wire_socket_t **out)
{
    wire_socket_t *s = *out = MEM_NEW(wire_socket_t, 1);
    s->wire = wire;
    s->router = type == ZMQ_ROUTER;
    s->options = *options;
    if (options->keys != NULL) {
        s->own = *options->keys;
        s->options.keys = &s->own;
    }
    s->zmq = zmq_socket(wire->context, type);
    if (s->zmq == NULL)
        return wire_fail("opening", "a socket");
    return set_limits(s->zmq, &s->options) && set_patience(s->zmq, &s->options)
               ? OK
               : wire_fail("setting up", "a socket");
}

/* ---- who may be reached without keys ---- */

// "tcp://HOST:PORT": the host; false where it is something else or too long.
static bool host_of(const char *endpoint, char host[WIRE_ENDPOINT_CAP])
{
    const char *start = endpoint + strlen("tcp://"), *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://", strlen("tcp://")) != 0 || colon < start ||
        colon - start >= WIRE_ENDPOINT_CAP)
        return false;
    memcpy(host, start, (size_t)(colon - start));
    host[colon - start] = '\0';
    return true;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

// "localhost" is what this machine says it is; we say it.
static err_t endpoint_copy(const char *endpoint, char out[WIRE_ENDPOINT_CAP])
{
    char host[WIRE_ENDPOINT_CAP];
    bool named = host_of(endpoint, host) && strcmp(host, "localhost") == 0;
    int n = named ? snprintf(out, WIRE_ENDPOINT_CAP, "tcp://127.0.0.1%s", strrchr(endpoint, ':'))
                  : snprintf(out, WIRE_ENDPOINT_CAP, "%s", endpoint);
    if (n >= WIRE_ENDPOINT_CAP)
        return err_fail(ERR_USAGE, "endpoint %.40s...: longer than %d bytes", endpoint,
                        WIRE_ENDPOINT_CAP - 1);
    return OK;
}

static err_t check_plain(const char *endpoint)
{
    char host[WIRE_ENDPOINT_CAP];
    if (host_of(endpoint, host) && is_loopback(host))
        return OK;
    return err_fail(ERR_USAGE,
                    "%s without keys: got an address other than tcp://127.0.0.1 or tcp://[::1], "
                    "which need none. Make keys with `infermill keys new NAME` on each machine, "
                    "bring NAME.public to the other one, and let it in there with `infermill keys "
                    "admit NAME.public`",
                    endpoint);
}

static bool set_family(void *zmq, const char *endpoint)
{
    return strncmp(endpoint, "tcp://[", strlen("tcp://[")) != 0 || set_int(zmq, ZMQ_IPV6, 1);
}

/* ---- listening ---- */

static err_t gate_ensure(wire_t *wire, keyring_t *admitted)
{
    if (wire->gate == NULL)
        return wire_gate_open(wire->context, admitted, &wire->gate);
    CHECK(wire_gate_keyring(wire->gate) == admitted, "two keyrings for the listeners of one wire");
    return OK;
}

// The domain tells the gate that the keyring is to be asked.
static bool set_listener(const wire_socket_t *s)
{
    const wire_keys_t *keys = s->options.keys;
    bool set = set_int(s->zmq, ZMQ_ROUTER_MANDATORY, 1) && set_family(s->zmq, s->endpoint);
    if (keys != NULL)
        set = set && set_int(s->zmq, ZMQ_CURVE_SERVER, 1) &&
              set_text(s->zmq, ZMQ_CURVE_SECRETKEY, keys->secret_key);
    if (s->options.admitted != NULL)
        set = set && zmq_setsockopt(s->zmq, ZMQ_ZAP_DOMAIN, WIRE_GATE_DOMAIN,
                                    strlen(WIRE_GATE_DOMAIN)) == 0;
    return set;
}

err_t wire_listen_with(wire_t *wire, const char *endpoint, const wire_options_t *options,
                       wire_socket_t **out)
{
    err_t err;
    size_t length = WIRE_ENDPOINT_CAP;
    wire_socket_t *s = NULL;
    *out = NULL;
    CHECK(options->keys != NULL || options->admitted == NULL,
          "a keyring for a socket without keys");
    if (options->admitted != NULL)
        TRY(gate_ensure(wire, options->admitted));
    TRY_TO(failed, socket_open(wire, ZMQ_ROUTER, options, &s));
    TRY_TO(failed, endpoint_copy(endpoint, s->endpoint));
    if (options->keys == NULL)
        TRY_TO(failed, check_plain(s->endpoint));
    if (!set_listener(s) || zmq_bind(s->zmq, s->endpoint) != 0 ||
        zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->endpoint, &length) != 0) {
        err = wire_fail("listening on", endpoint);
        goto failed;
    }
    *out = s;
    return OK;
failed:
    wire_close(&s);
    return err;
}

err_t wire_listen(wire_t *wire, const char *endpoint, const wire_keys_t *keys, wire_socket_t **out)
{
    return wire_listen_with(wire, endpoint, &(wire_options_t){.keys = keys, .silence_ms = NEVER},
                            out);
}

/* ---- calling ---- */

static bool set_caller(const wire_socket_t *s)
{
    const wire_keys_t *keys = s->options.keys;
    return set_family(s->zmq, s->endpoint) &&
           (keys == NULL || (set_text(s->zmq, ZMQ_CURVE_SERVERKEY, s->listener_key) &&
                             set_text(s->zmq, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
                             set_text(s->zmq, ZMQ_CURVE_SECRETKEY, keys->secret_key)));
}

static err_t caller_connect(const wire_socket_t *s)
{
    return set_caller(s) && zmq_connect(s->zmq, s->endpoint) == 0
               ? OK
               : wire_fail("connecting to", s->endpoint);
}

err_t wire_connect_with(wire_t *wire, const char *endpoint, const wire_options_t *options,
                        const char *public_key, wire_socket_t **out)
{
    err_t err;
    wire_socket_t *s = NULL;
    *out = NULL;
    CHECK((options->keys != NULL) == (public_key != NULL), "keys of one side without the other's");
    TRY_TO(failed, socket_open(wire, ZMQ_DEALER, options, &s));
    TRY_TO(failed, endpoint_copy(endpoint, s->endpoint));
    if (public_key != NULL)
        snprintf(s->listener_key, sizeof s->listener_key, "%s", public_key);
    else
        TRY_TO(failed, check_plain(s->endpoint));
    TRY_TO(failed, caller_connect(s));
    *out = s;
    return OK;
failed:
    wire_close(&s);
    return err;
}

err_t wire_connect(wire_t *wire, const char *endpoint, const char *public_key, wire_socket_t **out)
{
    wire_keys_t own;
    TRY(wire_keys_make(&own));
    return wire_connect_with(wire, endpoint, &(wire_options_t){.keys = &own, .silence_ms = NEVER},
                             public_key, out);
}

// A socket of its own: to disconnect one whose session has ended by itself is not safe in ZeroMQ 4.3.
err_t wire_reconnect(wire_socket_t *s)
{
    void *fresh = zmq_socket(s->wire->context, ZMQ_DEALER);
    if (fresh == NULL)
        return wire_fail("opening", "a socket");
    set_int(s->zmq, ZMQ_LINGER, 0);
    zmq_close(s->zmq);
    s->zmq = fresh;
    if (!set_limits(s->zmq, &s->options) || !set_patience(s->zmq, &s->options))
        return wire_fail("setting up", "a socket");
    return caller_connect(s);
}

/* ---- a pair ---- */

err_t wire_pair(wire_t *wire, wire_socket_t **a, wire_socket_t **b)
{
    err_t err;
    char name[WIRE_ENDPOINT_CAP];
    wire_options_t options = {.data_cap = INT64_MAX, .silence_ms = NEVER};
    snprintf(name, sizeof name, "inproc://pair-%d", atomic_fetch_add(&wire->pairs, 1));
    *a = *b = NULL;
    TRY_TO(failed, socket_open(wire, ZMQ_PAIR, &options, a));
    TRY_TO(failed, socket_open(wire, ZMQ_PAIR, &options, b));
    if (zmq_bind((*a)->zmq, name) == 0 && zmq_connect((*b)->zmq, name) == 0)
        return OK;
    err = wire_fail("pairing", name);
failed:
    wire_close(a);
    wire_close(b);
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
