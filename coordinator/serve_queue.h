/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the thread that talks to clients and those that compute: questions that wait, at most so many, in the order in
 * which they came, and answers that are ready. A slow client or a burst of questions costs no memory: who finds no room is
 * told to come again, and who leaves more than 1,000 answers unread loses those beyond.
 */
#ifndef COORDINATOR_SERVE_QUEUE_H
#define COORDINATOR_SERVE_QUEUE_H

#include "cluster/wire.h"
#include "storage/rows.h"
#include "workers/question.h"

typedef struct {
    wire_peer_t peer;
    bool enveloped;
    question_t question;
    double since; // when it came, seconds
} asked_t;

typedef struct {
    wire_peer_t peer;
    bool enveloped;
    char *text; // owned by who takes it
    double since;
} answered_t;

typedef struct serve_queue serve_queue_t;

serve_queue_t *serve_queue_create(const schema_t *schema, int64_t capacity);
void serve_queue_destroy(serve_queue_t **queue);

/* For the one thread that asks. Where there is room: the row to read the next question into, which serve_queue_put then adds;
 * else false, and a row that is read and forgotten. */
bool serve_queue_room(serve_queue_t *queue, rows_t **rows, int64_t *at);
void serve_queue_put(serve_queue_t *queue, const asked_t *asked); // takes the question over
int64_t serve_queue_waiting(serve_queue_t *queue);
/* No more will be put. */
void serve_queue_end(serve_queue_t *queue);

/* For threads that compute. Waits for questions and takes some (1 to `most`, a fair share where `threads` take), with their
 * rows, into asked and rows[0 ...]. 0: it has ended and nothing waits. */
int serve_queue_take(serve_queue_t *queue, int most, int threads, asked_t *asked, rows_t *rows);
/* Adds an answer, whose text is taken over. True: none was there before, so that somebody should be woken. */
bool serve_queue_answer(serve_queue_t *queue, const answered_t *answered);
/* The next answer that is ready; false: none. */
bool serve_queue_answered(serve_queue_t *queue, answered_t *out);
/* Questions that were put and whose answers were not taken yet. */
int64_t serve_queue_open(serve_queue_t *queue);

#endif
