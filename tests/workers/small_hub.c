// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/small_hub.h"

#include "cluster/mem.h"
#include "workers/stream_rows.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 9, LINGER_MS = 50 };

static void open_with(small_hub_t *h, const char *endpoint, const schema_t *schema, uint64_t run,
                      const char *study, const char *model, wire_options_t options)
{
    *h = (small_hub_t){.schema = schema, .end = SMALL_HUB_ROWS, .lease = 16, .keeps = true};
    h->welcome = (stream_welcome_t){.run = run,
                                    .seed = SEED,
                                    .beat_ms = SMALL_HUB_BEAT_MS,
                                    .row_bytes = (uint32_t)rows_bytes(schema),
                                    .study = mem_copy_text(study),
                                    .model = mem_copy_text(model)};
    CHECK(stream_block_bytes(schema, &h->welcome.block_bytes) == OK, "%s", err_text());
    h->rows = rows_create(schema, SMALL_HUB_ROWS);
    options.data_cap = h->welcome.block_bytes;
    options.linger_ms = LINGER_MS;
    CHECK(wire_start(&h->wire) == OK &&
              wire_listen_with(h->wire, endpoint, &options, &h->socket) == OK,
          "%s", err_text());
}

void small_hub_open(small_hub_t *h, const char *endpoint, const schema_t *schema, uint64_t run,
                    const char *study, const char *model)
{
    open_with(h, endpoint != NULL ? endpoint : "tcp://127.0.0.1:*", schema, run, study, model,
              (wire_options_t){0});
}

void small_hub_open_with(small_hub_t *h, const schema_t *schema, const char *study,
                         const char *model, const wire_keys_t *keys, keyring_t *admitted)
{
    open_with(h, "tcp://127.0.0.1:*", schema, 1, study, model,
              (wire_options_t){.keys = keys, .admitted = admitted});
}

void small_hub_close(small_hub_t *h)
{
    wire_close(&h->socket);
    wire_stop(&h->wire);
    rows_destroy(&h->rows);
    stream_welcome_free(&h->welcome);
}

static void say(small_hub_t *h, const wire_peer_t *to, stream_message_t m)
{
    if (!h->silent)
        wire_send_data(h->socket, to, &m.head, m.n, m.data, NULL, NULL);
    free(m.data);
}

static void on_rows(small_hub_t *h, const wire_peer_t *peer, message_t *head,
                    const wire_data_t *data)
{
    stream_rows_t in;
    rows_t scratch = rows_create(h->schema, 1);
    CHECK(stream_read_rows(head, data->n, data->bytes, &in) == OK &&
              stream_check_rows(&in, 0, h->end, h->welcome.block_bytes, &scratch) == OK,
          "%s", err_text());
    CHECK(in.run == h->welcome.run, "rows of another run");
    for (uint32_t k = 0; k < in.count; k++) {
        int64_t row = in.first + k;
        h->twice += h->have[row];
        h->came += !h->have[row];
        h->have[row] = true;
        stream_unpack_row(&in, k, &h->rows, row);
    }
    if (h->keeps)
        say(h, peer,
            stream_write_kept(
                &(stream_kept_t){h->welcome.run, in.first, in.first + (int64_t)in.count}));
    rows_destroy(&scratch);
}

static void on_ask(small_hub_t *h, const wire_peer_t *peer, message_t *head)
{
    stream_ask_t ask;
    CHECK(stream_read_ask(head, 0, NULL, &ask) == OK, "%s", err_text());
    h->asks++;
    if (h->came == h->end)
        say(h, peer, stream_write_run(STREAM_DONE, h->welcome.run));
    if (h->next >= h->end)
        return; // stays open
    int64_t end = h->next + h->lease < h->end ? h->next + h->lease : h->end;
    say(h, peer, stream_write_lease(&(stream_lease_t){h->welcome.run, ask.number, h->next, end}));
    h->next = end;
}

static void on_ready(small_hub_t *h, const wire_peer_t *peer, message_t *head,
                     const wire_data_t *data)
{
    stream_ready_t ready;
    CHECK(stream_read_ready(head, data->n, data->bytes, &ready) == OK, "%s", err_text());
    memcpy(h->fingerprint, ready.fingerprint, sizeof h->fingerprint);
    h->readies++;
    if (h->refuses != NULL)
        say(h, peer, stream_write_refused(h->refuses));
}

static void on_beat(small_hub_t *h, const wire_peer_t *peer, message_t *head)
{
    stream_beat_t beat;
    CHECK(stream_read_beat(head, 0, NULL, &beat) == OK, "%s", err_text());
    h->beats++;
    say(h, peer, stream_write_beat(&beat));
}

static void on_bye(small_hub_t *h, message_t *head, const wire_data_t *data)
{
    stream_bye_t bye;
    CHECK(stream_read_bye(head, data->n, data->bytes, &bye) == OK, "%s", err_text());
    memcpy(h->why, bye.why, sizeof h->why);
    h->byes++;
}

static void on_message(small_hub_t *h, const wire_peer_t *peer, message_t *head,
                       const wire_data_t *data)
{
    stream_hello_t hello;
    uint8_t type = message_type(head);
    if (type == STREAM_HELLO) {
        CHECK(stream_read_hello(head, data->n, data->bytes, &hello) == OK, "%s", err_text());
        h->hellos++;
        h->pid = hello.pid;
        h->known = true;
        say(h, peer, stream_write_welcome(&h->welcome));
    } else if (!h->known) {
        say(h, peer, stream_write_run(STREAM_WHO, h->welcome.run));
    } else if (type == STREAM_READY) {
        on_ready(h, peer, head, data);
    } else if (type == STREAM_ASK) {
        on_ask(h, peer, head);
    } else if (type == STREAM_ROWS) {
        on_rows(h, peer, head, data);
    } else if (type == STREAM_BEAT) {
        on_beat(h, peer, head);
    } else if (type == STREAM_BYE) {
        on_bye(h, head, data);
    }
    if (h->came == h->end)
        say(h, peer, stream_write_run(STREAM_DONE, h->welcome.run));
}

bool small_hub_step(small_hub_t *h, int timeout_ms)
{
    message_t head;
    wire_data_t data;
    wire_peer_t peer;
    wire_got_t got = wire_receive_data(h->socket, timeout_ms, &peer, &head, &data);
    if (got != WIRE_MESSAGE) {
        CHECK(got == WIRE_NOTHING, "%s", err_text());
        return false;
    }
    on_message(h, &peer, &head, &data);
    wire_data_free(&data);
    return true;
}
