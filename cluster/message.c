// SPDX-License-Identifier: Apache-2.0
#include "cluster/message.h"

#include <string.h>

enum { AT_VERSION = 2, AT_TYPE = 3, AT_LENGTH = 4 };

static const uint8_t magic[2] = {'I', 'M'};

static void store(uint8_t *to, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t fetch(const uint8_t *from, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

void message_start(message_t *m, uint8_t type)
{
    *m = (message_t){.n = MESSAGE_HEAD, .at = MESSAGE_HEAD};
    memcpy(m->bytes, magic, sizeof magic);
    m->bytes[AT_VERSION] = MESSAGE_VERSION;
    m->bytes[AT_TYPE] = type;
}

static void message_put(message_t *m, uint64_t value, size_t width)
{
    CHECK(m->n + width <= MESSAGE_CAP, "a message of more than %d bytes", MESSAGE_CAP);
    store(m->bytes + m->n, value, width);
    m->n += width;
    store(m->bytes + AT_LENGTH, m->n - MESSAGE_HEAD, 4);
}

void message_put_u8(message_t *m, uint8_t value)
{
    message_put(m, value, 1);
}

void message_put_u32(message_t *m, uint32_t value)
{
    message_put(m, value, 4);
}

void message_put_i64(message_t *m, int64_t value)
{
    message_put(m, (uint64_t)value, 8);
}

void message_put_f64(message_t *m, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    message_put(m, bits, 8);
}

err_t message_parse(size_t n, const void *bytes, message_t *out)
{
    const uint8_t *head = bytes;
    if (n < MESSAGE_HEAD || n > MESSAGE_CAP)
        return err_fail(ERR_FORMAT, "message: got %zu bytes, expected %d to %d", n, MESSAGE_HEAD,
                        MESSAGE_CAP);
    if (memcmp(head, magic, sizeof magic) != 0)
        return err_fail(ERR_FORMAT, "message: starts with %02x %02x, not one of infermill's",
                        head[0], head[1]);
    if (head[AT_VERSION] != MESSAGE_VERSION)
        return err_fail(ERR_FORMAT, "message: version %d, expected %d", head[AT_VERSION],
                        MESSAGE_VERSION);
    if (fetch(head + AT_LENGTH, 4) != n - MESSAGE_HEAD)
        return err_fail(ERR_FORMAT, "message: %zu bytes of payload, expected %llu",
                        n - MESSAGE_HEAD, (unsigned long long)fetch(head + AT_LENGTH, 4));
    *out = (message_t){.n = n, .at = MESSAGE_HEAD};
    memcpy(out->bytes, bytes, n);
    return OK;
}

uint8_t message_type(const message_t *m)
{
    return m->bytes[AT_TYPE];
}

static uint64_t message_get(message_t *m, size_t width)
{
    if (m->n - m->at < width) {
        m->short_of = true;
        return 0;
    }
    m->at += width;
    return fetch(m->bytes + m->at - width, width);
}

uint8_t message_get_u8(message_t *m)
{
    return (uint8_t)message_get(m, 1);
}

uint32_t message_get_u32(message_t *m)
{
    return (uint32_t)message_get(m, 4);
}

int64_t message_get_i64(message_t *m)
{
    return (int64_t)message_get(m, 8);
}

double message_get_f64(message_t *m)
{
    uint64_t bits = message_get(m, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

err_t message_done(const message_t *m)
{
    if (m->short_of || m->at != m->n)
        return err_fail(ERR_FORMAT, "message of type %d: %zu bytes of payload, expected %s",
                        message_type(m), m->n - MESSAGE_HEAD, m->short_of ? "more" : "fewer");
    return OK;
}
