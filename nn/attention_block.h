/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of networks that attend (Lee et al. 2019, "Set transformer"), with RMS norms before each step and gated
 * feed-forward networks (Shazeer 2020), as in BayesFlow 2.1. E columns everywhere; no biases.
 *
 *     gated_ffn          (silu(x A) o x B) C                        inner width E * expansion * 2 / 3, up to a multiple of 64
 *     attention_block    x = x P                                    where x has not E columns
 *                        x = x + g_a attention(RMS(x), RMS(y)) O    g_a = 1 unless `gated`
 *                        x = x + g_f gated_ffn(RMS(x))
 *     attention_pool     y = x + g_p gated_ffn(RMS(x)); the seeds of a set attend to its rows of y by a block that is not gated
 *
 * The gates g are single weights that begin at zero; each RMS has scales of its own. A block is made once and recorded into any
 * number of graphs; it holds only ids, so it is a value and needs no destructor.
 */
#ifndef NN_ATTENTION_BLOCK_H
#define NN_ATTENTION_BLOCK_H

#include "nn/layer.h"

typedef struct {
    int64_t width; // E, divisible by heads
    int heads, expansion;
    bool gated;     // of attention_block: whether attention has a gate
    double dropout; // of what attention found, and within the feed-forward network
} attention_config_t;

typedef struct {
    linear_t gate, up, down;
    double dropout;
} gated_ffn_t;

gated_ffn_t gated_ffn_make(params_t *p, const char *name, const attention_config_t *config);
tensor_t *gated_ffn_record(const gated_ffn_t *f, graph_t *g, tensor_t *x);

typedef struct {
    int heads;
    double dropout;
    int gate_attention, gate_ffn; // ids; -1: none
    int norm_query, norm_key, norm_ffn;
    linear_t query, key, value, out, project;
    bool projects;
    gated_ffn_t ffn;
} attention_block_t;

/* x has `columns_x` columns, y `columns_y`. */
attention_block_t attention_block_make(params_t *p, const char *name, int64_t columns_x,
                                       int64_t columns_y, const attention_config_t *config);
/* Which rows of y a row of x sees is told at op_attention. Rows of x that are of no set (ROWS_ONE: seeds) attend for each
 * set -> (ROWS_SETS, the same per, E). */
tensor_t *attention_block_record(const attention_block_t *b, graph_t *g, tensor_t *x, tensor_t *y);

typedef struct {
    int seeds, gate, norm;
    attention_block_t attend;
    gated_ffn_t ffn;
} attention_pool_t;

attention_pool_t attention_pool_make(params_t *p, const char *name, int seeds,
                                     const attention_config_t *config);
/* x (elements, E) -> (ROWS_SETS, seeds * E), the seeds side by side. */
tensor_t *attention_pool_record(const attention_pool_t *a, graph_t *g, tensor_t *x);

#endif
