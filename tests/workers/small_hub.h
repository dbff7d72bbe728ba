/* SPDX-License-Identifier: Apache-2.0
 *
 * A hub of the tests' own: lends rows [0, end) in leases of `lease` rows, takes what comes, each row once. It speaks the
 * protocol with a worker or some, and knows no policy.
 */
#ifndef TESTS_WORKERS_SMALL_HUB_H
#define TESTS_WORKERS_SMALL_HUB_H

#include "cluster/wire.h"
#include "storage/rows.h"
#include "workers/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum { SMALL_HUB_ROWS = 400, SMALL_HUB_BEAT_MS = 100 };

typedef struct {
    wire_t *wire;
    wire_socket_t *socket;
    const schema_t *schema;
    stream_welcome_t welcome;
    int64_t end, lease, next; // next to be lent
    bool keeps, silent;       // says KEPT of all that comes; reads, and answers nothing
    const char *refuses;      // at READY; NULL: it does not
    rows_t rows;
    bool have[SMALL_HUB_ROWS];
    int64_t came, twice; // rows; rows that had come before
    int64_t pid;         // of the worker that said HELLO last
    int hellos, readies, asks, beats, byes;
    char fingerprint[STREAM_WORDS_CAP], why[STREAM_WORDS_CAP];
    bool known; // the peer that spoke last has said HELLO since the hub was started
} small_hub_t;

/* Listens at `endpoint`, or where it is NULL at a free port. The texts and the schema are borrowed. */
void small_hub_open(small_hub_t *hub, const char *endpoint, const schema_t *schema, uint64_t run,
                    const char *study, const char *model);
/* The same with keys, for the workers that `admitted` lets in. */
void small_hub_open_with(small_hub_t *hub, const schema_t *schema, const char *study,
                         const char *model, const wire_keys_t *keys, keyring_t *admitted);
void small_hub_close(small_hub_t *hub);
/* Waits up to timeout_ms for a message, and answers it. False: none came. */
bool small_hub_step(small_hub_t *hub, int timeout_ms);

#endif
