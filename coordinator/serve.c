// SPDX-License-Identifier: Apache-2.0
//
// The thread that talks: questions in, answers out, and what is done where there is no room.
#include "coordinator/serve.h"

#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/model_gate.h"
#include "coordinator/serve_worker.h"
#include "coordinator/study.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING = 1024,      // questions that may wait,
    WAITING_FEWEST = 16, // or fewer, of large data sets:
    WAITING_BYTES = 64 << 20,
    AT_ONCE = 256, // questions that are taken in before answers are sent again
    NAP_MS = 200,
    RETRY_MS = 50,
    TOLD_SECONDS = 60 // between two lines of progress
};

typedef struct {
    int64_t answers, refused, errors, busy, bad; // since it began
    int64_t gone; // answers that could not be sent: the client is gone, or leaves too many unread
    double longest, seconds; // of an answer, all of them together
} count_t;

typedef struct {
    const serve_config_t *config;
    trained_t trained;
    model_gate_t gate;
    char *study; // its name
    answers_t answers;
    wire_t *wire;
    keyring_t *ring;
    wire_socket_t *sockets[1 + SERVE_THREADS]; // of clients; then the threads' bells
    wire_socket_t *bells[SERVE_THREADS];       // their other ends, until a thread has them
    serve_queue_t *queue;
    serve_worker_t *workers[SERVE_THREADS];
    count_t count;
} server_t;

/* ---- a question ---- */

static void reply(server_t *s, const wire_peer_t *to, bool enveloped, char *text)
{
    if (!wire_send_text(s->sockets[0], to, enveloped, strlen(text), text))
        s->count.gone++;
    free(text);
}

/* What is answered without a network; true where the question was one. */
static bool reply_at_once(server_t *s, const asked_t *asked, bool room)
{
    char *text = NULL;
    if (asked->question.about)
        text = answer_about(&s->answers, &asked->question, &s->trained.schema, s->study,
                            s->gate.words);
    else if (!room)
        text = answer_busy(&asked->question, RETRY_MS);
    if (text == NULL)
        return false;
    s->count.busy += !asked->question.about;
    reply(s, &asked->peer, asked->enveloped, text);
    return true;
}

static void take_question(server_t *s, asked_t *asked, const wire_data_t *text)
{
    char why[QUESTION_WHY];
    rows_t *rows;
    int64_t at;
    bool room = serve_queue_room(s->queue, &rows, &at);
    bool fine =
        question_read(text->bytes, text->n, &s->trained.schema,
                      amortizer_adapter(s->trained.amortizer), rows, at, &asked->question, why);
    if (!fine) {
        s->count.errors++;
        reply(s, &asked->peer, asked->enveloped, answer_error(&asked->question, why));
    } else if (!reply_at_once(s, asked, room)) {
        serve_queue_put(s->queue, asked);
        return;
    }
    question_free(&asked->question);
}

/* Some of what came in; a client that sends what is no text is told nothing. */
static void take_questions(server_t *s)
{
    for (int i = 0; i < AT_ONCE; i++) {
        asked_t asked = {.since = log_clock()};
        wire_data_t text;
        wire_got_t got = wire_receive_text(s->sockets[0], 0, &asked.peer, &asked.enveloped, &text);
        if (got == WIRE_NOTHING)
            return;
        if (got == WIRE_MESSAGE)
            take_question(s, &asked, &text);
        else
            s->count.bad++;
        wire_data_free(&text);
    }
}

/* ---- answers ---- */

static void hear_bells(server_t *s)
{
    message_t ring;
    for (int k = 1; k <= s->config->threads; k++)
        while (wire_receive(s->sockets[k], 0, NULL, &ring) != WIRE_NOTHING)
            ;
}

static void send_answers(server_t *s)
{
    answered_t a;
    while (serve_queue_answered(s->queue, &a)) {
        double seconds = log_clock() - a.since;
        s->count.answers++;
        s->count.seconds += seconds;
        s->count.longest = seconds > s->count.longest ? seconds : s->count.longest;
        reply(s, &a.peer, a.enveloped, a.text);
    }
}

static void tell(const server_t *s, const count_t *before, double seconds)
{
    int64_t n = s->count.answers - before->answers;
    if (n > 0)
        log_info("serve: %" PRId64
                 " answers, %.3g a second, %.3g ms each (longest %.3g ms); %" PRId64
                 " errors, %" PRId64 " told to come again, %" PRId64 " answers nobody took",
                 s->count.answers, (double)n / seconds,
                 1e3 * (s->count.seconds - before->seconds) / (double)n, 1e3 * s->count.longest,
                 s->count.errors, s->count.busy, s->count.gone);
}

static void talk(server_t *s)
{
    count_t told = {0};
    double since = log_clock(), at = since;
    while (!stop_requested()) {
        wire_wait(1 + s->config->threads, s->sockets, NAP_MS);
        hear_bells(s);
        take_questions(s);
        send_answers(s);
        if (log_clock() - at < TOLD_SECONDS)
            continue;
        tell(s, &told, log_clock() - at);
        told = s->count;
        at = log_clock();
    }
    while (serve_queue_open(s->queue) > 0) {
        wire_wait(s->config->threads, s->sockets + 1, NAP_MS);
        hear_bells(s);
        send_answers(s);
    }
    tell(s, &(count_t){0}, log_clock() - since);
}

/* ---- begin and end ---- */

static err_t load(server_t *s)
{
    study_t study;
    TRY(trained_load(s->config->model, &s->trained));
    TRY(model_gate_ask(s->config->model, s->trained.hash, s->config->unverified, &s->gate));
    if (s->gate.despite != NULL)
        log_warning("serve: unverified (%s): %s", s->config->unverified, s->gate.despite);
    else if (s->gate.loosened[0] != '\0')
        log_warning("serve: the gate passed%s", s->gate.loosened);
    TRY(study_parse(s->trained.study, s->trained.study_path, &study));
    s->study = mem_copy_text(study.name);
    study_free(&study);
    s->answers = (answers_t){&s->trained.inferred, s->trained.hash,
                             s->gate.despite ? s->config->unverified : NULL, s->config->draws};
    return OK;
}

static err_t listen_to_clients(server_t *s)
{
    const serve_config_t *c = s->config;
    wire_keys_t keys;
    wire_options_t options = {.data_cap = question_limit(&s->trained.schema)};
    TRY(wire_start_for(WAITING, &s->wire));
    if (c->keys != NULL) {
        TRY(keyring_own(c->keys, c->own_key, &keys));
        TRY(keyring_open(c->keys, &s->ring));
        options.keys = &keys;
        options.admitted = s->ring;
    }
    err_t err = wire_listen_with(s->wire, c->endpoint, &options, &s->sockets[0]);
    explicit_bzero(&keys, sizeof keys);
    return err;
}

static int64_t capacity_of(const server_t *s)
{
    int64_t fit = WAITING_BYTES / (int64_t)rows_bytes(&s->trained.schema);
    if (s->config->capacity > 0)
        return s->config->capacity;
    return fit > WAITING ? WAITING : fit < WAITING_FEWEST ? WAITING_FEWEST : fit;
}

static err_t start_workers(server_t *s)
{
    s->queue = serve_queue_create(&s->trained.schema, capacity_of(s));
    for (int k = 0; k < s->config->threads; k++)
        TRY(wire_pair(s->wire, &s->sockets[1 + k], &s->bells[k]));
    for (int k = 0; k < s->config->threads; k++) {
        serve_worker_config_t config = {s->config->model,   &s->answers, s->config->seed,
                                        s->config->threads, s->queue,    s->bells[k]};
        TRY(serve_worker_start(&config, &s->workers[k]));
    }
    return OK;
}

static void close_server(server_t *s)
{
    if (s->queue != NULL)
        serve_queue_end(s->queue);
    for (int k = 0; k < SERVE_THREADS; k++)
        serve_worker_end(&s->workers[k]);
    for (int k = 0; k < SERVE_THREADS; k++)
        wire_close(&s->bells[k]);
    for (int k = 0; k <= SERVE_THREADS; k++)
        wire_close(&s->sockets[k]);
    wire_stop(&s->wire);
    keyring_close(&s->ring);
    serve_queue_destroy(&s->queue);
    model_gate_free(&s->gate);
    trained_free(&s->trained);
    free(s->study);
}

err_t serve_run(const serve_config_t *config)
{
    server_t s = {.config = config};
    CHECK(config->threads > 0 && config->threads <= SERVE_THREADS, "%d threads", config->threads);
    err_t err = load(&s);
    if (err == OK)
        err = listen_to_clients(&s);
    if (err == OK)
        err = start_workers(&s);
    if (err == OK) {
        log_info("serve: \"%s\" (model %s), %" PRId64 " draws, at %s", s.study,
                 s.trained.schema.name, config->draws, wire_endpoint(s.sockets[0]));
        talk(&s);
    }
    close_server(&s);
    return err;
}
