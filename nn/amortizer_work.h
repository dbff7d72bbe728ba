/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of one thread of work, shared by amortizer_work.c (loss) and amortizer_eval.c (one data set at a time); not
 * for others.
 */
#ifndef NN_AMORTIZER_WORK_H
#define NN_AMORTIZER_WORK_H

#include "nn/amortizer_impl.h"

struct amortizer_work {
    amortizer_t *a;
    work_mode_t mode;
    int64_t max_sets, max_draws;
    graph_t *data; // from data to conditions; else to the loss as well
    condition_t inputs;
    tensor_t *theta, *loss;
    inference_noise_t noise[AMORTIZER_MAX_MEMBERS];
    int64_t *offsets[GRAPH_MAX_GROUPS]; // (max_sets + 1)
    float *scratch;
    adapter_work_t *adapter;
    double *u; // (Q)
    graph_watch_t *watch;
    void *watcher;
    double flops, eval_before; // of the data graph in the last call; of the evaluators before it
    /* WORK_EVALUATE */
    void *eval[AMORTIZER_MAX_MEMBERS];
    float *drawn, *mixed, *again;               // (max_draws, P)
    double *log_q, *member_log_q, *again_log_q; // (max_draws)
    int64_t *order, *far;                       // (max_draws)
};

double amortizer_eval_flops(const amortizer_work_t *w); // of all members, since they were made

#endif
