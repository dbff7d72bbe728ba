/* SPDX-License-Identifier: Apache-2.0
 *
 * A streaming worker for tests of the hub: it does what the protocol says, no more, on a thread of its own or step by step,
 * and can be told to misbehave.
 */
#ifndef TESTS_COORDINATOR_FAKE_WORKER_H
#define TESTS_COORDINATOR_FAKE_WORKER_H

#include "cluster/wire.h"
#include "workers/load.h"
#include "workers/stream.h"
#include "workers/stream_rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* ---- step by step ---- */

typedef struct {
    wire_t *wire; // its own; NULL: it is one of many
    wire_socket_t *socket;
    message_t head; // of the latest message that came
    wire_data_t data;
    uint64_t run;
} fake_t;

void fake_open(fake_t *fake, const char *endpoint);
void fake_open_in(fake_t *fake, wire_t *wire,
                  const char *endpoint); // one of many; wire outlives it
void fake_close(fake_t *fake);
void fake_say(fake_t *fake, stream_message_t m); // takes its data over
/* Waits for a message of this type, and drops others meanwhile. False: it did not come in 5 s. */
bool fake_hears(fake_t *fake, stream_type_t type);
void fake_hello(fake_t *fake, int64_t pid); // as a process of this number
bool fake_admitted(fake_t *fake, const schema_t *schema, int64_t pid); // HELLO, WELCOME, READY
void fake_ask(fake_t *fake, int64_t number, int64_t rows, double row_seconds);
bool fake_leased(fake_t *fake, stream_lease_t *lease);
void fake_rows(fake_t *fake, const rows_t *rows, int64_t begin, int64_t end);

/* ---- on a thread ---- */

typedef struct {
    const char *endpoint; // borrowed until fake_worker_end
    const char *builtin;  // its simulator
    int64_t pid;
    uint64_t seed; // of its tricks
    double twice;  // probability that a block is sent twice
    double mute;   // that it falls silent for good after a lease, and another begins in its place
    double bad;    // that it says something bad after a lease; then another begins in its place
    int row_microseconds; // that it sleeps
} fake_worker_plan_t;

typedef struct {
    fake_worker_plan_t plan;
    pthread_t thread;
    atomic_bool stop;
    bool done; // it was told that there is no more work
    int64_t rows, lives;
} fake_worker_t;

void fake_worker_begin(fake_worker_t *worker, const fake_worker_plan_t *plan);
/* Waits until it was told that there is no more work, or (`stop`) makes it end. */
void fake_worker_end(fake_worker_t *worker, bool stop);

#endif
