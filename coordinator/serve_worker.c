// SPDX-License-Identifier: Apache-2.0
#include "coordinator/serve_worker.h"

#include "cluster/mem.h"
#include "workers/infer.h"

#include <pthread.h>
#include <stdlib.h>

struct serve_worker {
    serve_worker_config_t config;
    trained_t trained;
    infer_t *infer;
    rows_t rows; // (INFER_BLOCK)
    double *draws;
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

static void answer_some(serve_worker_t *w, int n, asked_t *asked)
{
    posterior_verdict_t verdicts[INFER_BLOCK];
    const char *problems[INFER_BLOCK];
    int64_t values = w->config.answers->draws * w->config.answers->inferred->n_parameters;
    w->rows.n = n;
    for (int i = 0; i < n; i++)
        problems[i] = asked[i].question.problem;
    infer_block(w->infer, &w->rows, 0, n, problems, w->draws, verdicts);
    for (int i = 0; i < n; i++)
        answer_one(w, &asked[i], w->draws + i * values, &verdicts[i]);
}

static void *work(void *user)
{
    serve_worker_t *w = user;
    asked_t asked[INFER_BLOCK];
    int n;
    while ((n = serve_queue_take(w->config.queue, INFER_BLOCK, w->config.threads, asked,
                                 &w->rows)) > 0)
        answer_some(w, n, asked);
    return NULL;
}

static void make_ready(serve_worker_t *w)
{
    const answers_t *a = w->config.answers;
    infer_config_t config = {.amortizer = w->trained.amortizer,
                             .distance = &w->trained.distance,
                             .reach = &w->trained.reach,
                             .schema = &w->trained.inferred,
                             .seed = (uint64_t)w->config.seed,
                             .draws = a->draws};
    w->infer = infer_create(&config);
    w->rows = rows_create(&w->trained.schema, INFER_BLOCK);
    w->draws = MEM_NEW(double, INFER_BLOCK * a->draws * a->inferred->n_parameters);
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
