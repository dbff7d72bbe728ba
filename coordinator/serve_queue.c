// SPDX-License-Identifier: Apache-2.0
#include "coordinator/serve_queue.h"

#include "cluster/mem.h"

#include <pthread.h>
#include <stdlib.h>

/* Question k (0, 1, ...) lies in place k mod capacity; the row behind the last one is read and forgotten. */
struct serve_queue {
    pthread_mutex_t lock;
    pthread_cond_t there;
    int64_t capacity, taken, put;
    asked_t *asked; // (capacity)
    rows_t rows;    // (capacity + 1)
    bool over;
    int64_t answers_taken, answers_put;
    answered_t *answered; // (answers_room) a ring that grows
    int64_t answers_room;
    int64_t open; // put, and the answer not taken
};

serve_queue_t *serve_queue_create(const schema_t *schema, int64_t capacity)
{
    serve_queue_t *q = MEM_NEW(serve_queue_t, 1);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->there, NULL);
    q->capacity = q->answers_room = capacity;
    q->asked = MEM_NEW(asked_t, capacity);
    q->answered = MEM_NEW(answered_t, capacity);
    q->rows = rows_create(schema, capacity + 1);
    q->rows.n = capacity + 1;
    return q;
}

void serve_queue_destroy(serve_queue_t **queue)
{
    serve_queue_t *q = *queue;
    if (q == NULL)
        return;
    for (; q->taken < q->put; q->taken++)
        question_free(&q->asked[q->taken % q->capacity].question);
    for (; q->answers_taken < q->answers_put; q->answers_taken++)
        free(q->answered[q->answers_taken % q->answers_room].text);
    rows_destroy(&q->rows);
    free(q->asked);
    free(q->answered);
    pthread_cond_destroy(&q->there);
    pthread_mutex_destroy(&q->lock);
    free(q);
    *queue = NULL;
}

bool serve_queue_room(serve_queue_t *q, rows_t **rows, int64_t *at)
{
    pthread_mutex_lock(&q->lock);
    bool room = q->put - q->taken < q->capacity;
    *rows = &q->rows;
    *at = room ? q->put % q->capacity : q->capacity;
    pthread_mutex_unlock(&q->lock);
    return room;
}

void serve_queue_put(serve_queue_t *q, const asked_t *asked)
{
    pthread_mutex_lock(&q->lock);
    CHECK(q->put - q->taken < q->capacity, "a question without room");
    q->asked[q->put++ % q->capacity] = *asked;
    q->open++;
    pthread_cond_signal(&q->there);
    pthread_mutex_unlock(&q->lock);
}

int64_t serve_queue_waiting(serve_queue_t *q)
{
    pthread_mutex_lock(&q->lock);
    int64_t n = q->put - q->taken;
    pthread_mutex_unlock(&q->lock);
    return n;
}

void serve_queue_end(serve_queue_t *q)
{
    pthread_mutex_lock(&q->lock);
    q->over = true;
    pthread_cond_broadcast(&q->there);
    pthread_mutex_unlock(&q->lock);
}

static int share(int64_t waiting, int most, int threads)
{
    int64_t n = (waiting + threads - 1) / threads;
    return n < most ? (int)n : most;
}

int serve_queue_take(serve_queue_t *q, int most, int threads, asked_t *asked, rows_t *rows)
{
    pthread_mutex_lock(&q->lock);
    while (q->taken == q->put && !q->over)
        pthread_cond_wait(&q->there, &q->lock);
    int n = share(q->put - q->taken, most, threads);
    for (int i = 0; i < n; i++, q->taken++) {
        asked[i] = q->asked[q->taken % q->capacity];
        rows_copy(&q->rows, q->taken % q->capacity, rows, i);
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}

// Twice the room, in order.
static void grow(serve_queue_t *q)
{
    answered_t *larger = MEM_NEW(answered_t, 2 * q->answers_room);
    int64_t n = q->answers_put - q->answers_taken;
    for (int64_t i = 0; i < n; i++)
        larger[i] = q->answered[(q->answers_taken + i) % q->answers_room];
    free(q->answered);
    q->answered = larger;
    q->answers_room *= 2;
    q->answers_taken = 0;
    q->answers_put = n;
}

bool serve_queue_answer(serve_queue_t *q, const answered_t *answered)
{
    pthread_mutex_lock(&q->lock);
    if (q->answers_put - q->answers_taken == q->answers_room)
        grow(q);
    bool first = q->answers_put == q->answers_taken;
    q->answered[q->answers_put++ % q->answers_room] = *answered;
    pthread_mutex_unlock(&q->lock);
    return first;
}

bool serve_queue_answered(serve_queue_t *q, answered_t *out)
{
    pthread_mutex_lock(&q->lock);
    bool there = q->answers_taken < q->answers_put;
    if (there)
        *out = q->answered[q->answers_taken++ % q->answers_room];
    q->open -= there;
    pthread_mutex_unlock(&q->lock);
    return there;
}

int64_t serve_queue_open(serve_queue_t *q)
{
    pthread_mutex_lock(&q->lock);
    int64_t n = q->open;
    pthread_mutex_unlock(&q->lock);
    return n;
}
