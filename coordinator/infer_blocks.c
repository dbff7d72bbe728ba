// SPDX-License-Identifier: Apache-2.0
#include "coordinator/infer_blocks.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/doubt.h"
#include "coordinator/infer_costs.h"
#include "coordinator/real_sets.h"
#include "storage/lock.h"
#include "workers/infer.h"
#include "workers/lender.h"

#include <stdlib.h>

static const int64_t much_room = INT64_MAX / 4; // sealed blocks take no memory

typedef struct {
    const infer_blocks_t *config;
    const posterior_head_t *head;
    infer_t *infer;
    real_sets_t sets;
    data_view_t view;
    doubt_t doubt;
    double *draws;   // (draws, P) of one data set
    double *columns; // (P, draws) of the same
    err_t failure;
    lender_t *lender;
    progress_t progress; // on rank 0
} maker_t;

static maker_t maker_create(const infer_blocks_t *c)
{
    infer_config_t config = learned_inference(c->trained, c->exact, c->seed, c->head->draws);
    return (maker_t){
        .config = c,
        .head = c->head,
        .infer = infer_create(&config),
        .sets = real_sets_create(c->data, c->head->block_datasets),
        .view = data_view_create(&c->trained->schema, amortizer_adapter(c->trained->amortizer)),
        .draws = MEM_NEW(double, c->head->draws * c->head->n_parameters),
        .columns = MEM_NEW(double, c->head->draws * c->head->n_parameters)};
}

static void maker_free(maker_t *m)
{
    infer_destroy(&m->infer);
    real_sets_free(&m->sets);
    data_view_free(&m->view);
    free(m->draws);
    free(m->columns);
}

/* ---- a block ---- */

/* In words, which the caller frees. */
static char *add_doubt(maker_t *m, int64_t i, posterior_verdict_t *verdict)
{
    int64_t n = m->head->draws, P = m->head->n_parameters;
    if (!verdict->accepted)
        return NULL;
    for (int64_t k = 0; k < n; k++)
        for (int64_t p = 0; p < P; p++)
            m->columns[p * n + k] = m->draws[k * P + p];
    doubt_draws_t draws = {n, n, m->columns};
    char *words = doubt_words(&m->doubt, i, &draws, &verdict->beyond, &verdict->leans);
    if (verdict->doubt != NULL) {
        char *both = mem_format("no rung of the ladder answers: %s%s%s", verdict->doubt,
                                words != NULL ? "; " : "", words != NULL ? words : "");
        free(words);
        words = both;
    }
    verdict->doubt = words;
    return words;
}

/* False: stopped on the way. */
static bool make_block(maker_t *m, posterior_block_t *b)
{
    for (int64_t i = 0; i < m->sets.rows.n; i++) {
        if (stop_requested())
            return false;
        posterior_verdict_t verdict;
        infer_one(m->infer, &m->sets.rows, i, m->sets.problem[i], m->draws, &verdict);
        char *doubt = add_doubt(m, i, &verdict);
        posterior_block_put(m->head, b, m->draws, &verdict);
        free(doubt);
    }
    return true;
}

/* `made` is false where a stop was requested on the way: nothing is sealed then. */
static err_t one_block(maker_t *m, int64_t block, bool *made)
{
    const infer_blocks_t *c = m->config;
    ladder_costs_t before = infer_costs(m->infer), now;
    int64_t begin = block * m->head->block_datasets;
    *made = true;
    if (posterior_block_done(c->folder, m->head, block))
        return OK;
    TRY(real_sets_load_range(c->data, begin, begin + posterior_block_size(m->head, block),
                             &m->sets));
    posterior_block_t *b = posterior_block_begin(m->head, block);
    *made = make_block(m, b);
    err_t err = lock_check(c->folder, c->run); // this rank may have outlived its run
    if (err == OK && *made)
        err = posterior_block_seal(c->folder, m->head, block, b);
    posterior_block_free(&b);
    now = infer_costs(m->infer);
    if (err == OK && c->exact->exact != NULL) // they are told of a ladder alone
        err = infer_costs_add(c->folder, c->par->rank, &before, &now);
    return err;
}

/* ---- what is lent ---- */

static lender_ask_t work_on(maker_t *m, range_t lease)
{
    lender_ask_t ask = {.room = much_room};
    double start = log_clock();
    bool made = true;
    while (ask.done < lease.end - lease.begin && m->failure == OK && made && !stop_requested()) {
        m->failure = one_block(m, lease.begin + ask.done, &made);
        ask.done += m->failure == OK && made;
    }
    ask.seconds = log_clock() - start;
    ask.failed = m->failure != OK;
    ask.stop = stop_requested();
    return ask;
}

static lender_answer_t borrow(maker_t *m, const lender_ask_t *ask)
{
    lender_answer_t answer = lender_borrow(m->lender, ask);
    int64_t all = m->head->datasets, done = answer.done * m->head->block_datasets;
    if (m->config->par->rank == 0)
        progress_show(&m->progress, done < all ? done : all, NULL);
    return answer;
}

/* Until nothing is left, or a rank stops or fails; returns how many blocks are done. */
static int64_t make_blocks(maker_t *m)
{
    lender_ask_t ask = {.room = much_room, .stop = stop_requested()};
    for (;;) {
        lender_answer_t answer = borrow(m, &ask);
        if (answer.kind == LENDER_LEND)
            ask = work_on(m, (range_t){answer.begin, answer.end});
        else if (answer.last)
            return answer.done;
        else
            ask = (lender_ask_t){
                .room = much_room, .failed = m->failure != OK, .stop = stop_requested()};
    }
}

static err_t with_lender(maker_t *m)
{
    const par_t *par = m->config->par;
    int64_t blocks = posterior_blocks(m->head);
    lender_config_t config = {.plan = lender_plan_default(par->size, 1, &blocks)};
    TRY(lender_open(par, &config, &m->lender));
    if (par->rank == 0)
        m->progress = progress_start("infer", "data sets", 0, m->head->datasets);
    int64_t done = make_blocks(m);
    par_barrier(par);
    lender_close(&m->lender);
    if (par_any(par, stop_requested()) && m->failure == OK && done < blocks)
        m->failure = err_fail(
            ERR_STOPPED,
            "infer: stopped on request; finished blocks are kept, the same command goes on");
    TRY(par_agree(par, m->failure));
    if (par->rank == 0)
        progress_end(&m->progress, m->head->datasets, NULL);
    return OK;
}

err_t infer_blocks(const infer_blocks_t *config)
{
    maker_t m = maker_create(config);
    m.doubt = (doubt_t){&config->trained->reach, &config->trained->inferred, &m.view, &m.sets.rows};
    err_t err = with_lender(&m);
    maker_free(&m);
    return err;
}
