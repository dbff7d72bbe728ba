// SPDX-License-Identifier: Apache-2.0
#include "coordinator/serve_worker.h"

#include "cluster/mem.h"
#include "coordinator/learned_simulator.h"
#include "workers/infer.h"

#include <pthread.h>
#include <stdlib.h>

enum { AT_ONCE = 16 }; // questions that are taken together

struct serve_worker {
    serve_worker_config_t config;
    trained_t trained;
    infer_t *infer;
    rows_t rows;   // (AT_ONCE)
    double *draws; // (draws, P) of one data set
    pthread_t thread;
    bool started;
};

static void answer_one(serve_worker_t *w, asked_t *asked, const double *draws,
                       posterior_verdict_t *verdict)
{
    answered_t answered = {asked->peer, asked->enveloped, NULL, asked->since};
    answered.text = answer_posterior(w->config.answers, &asked->question, draws, verdict);
    question_free(&asked->question);
    if (serve_queue_answer(w->config.queue, &answered)) {
        message_t ring;
        message_start(&ring, 0);
        wire_send(w->config.bell, NULL, &ring);
    }
}

static void infer_and_answer(serve_worker_t *w, int i, asked_t *asked)
{
    posterior_verdict_t verdict;
    infer_one(w->infer, &w->rows, i, asked->question.problem, w->draws, &verdict);
    answer_one(w, asked, w->draws, &verdict);
}

static void *work(void *user)
{
    serve_worker_t *w = user;
    asked_t asked[AT_ONCE];
    int n;
    while ((n = serve_queue_take(w->config.queue, AT_ONCE, w->config.threads, asked, &w->rows)) > 0)
        for (int i = 0; i < n; i++)
            infer_and_answer(w, i, &asked[i]);
    return NULL;
}

static void make_ready(serve_worker_t *w)
{
    const answers_t *a = w->config.answers;
    infer_config_t config = learned_inference(&w->trained, NULL, w->config.seed, a->draws);
    w->infer = infer_create(&config);
    w->rows = rows_create(&w->trained.schema, AT_ONCE);
    w->draws = MEM_NEW(double, a->draws * a->inferred->n_parameters);
}

err_t serve_worker_start(const serve_worker_config_t *config, serve_worker_t **out)
{
    serve_worker_t *w = *out = MEM_NEW(serve_worker_t, 1);
    w->config = *config;
    TRY(trained_load(config->model, &w->trained));
    make_ready(w);
    w->started = pthread_create(&w->thread, NULL, work, w) == 0;
    return w->started ? OK : err_fail(ERR_FAILED, "serve: a thread can not be started");
}

void serve_worker_end(serve_worker_t **worker)
{
    serve_worker_t *w = *worker;
    if (w == NULL)
        return;
    if (w->started)
        pthread_join(w->thread, NULL);
    infer_destroy(&w->infer);
    rows_destroy(&w->rows);
    trained_free(&w->trained);
    free(w->draws);
    free(w);
    *worker = NULL;
}
