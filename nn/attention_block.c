// SPDX-License-Identifier: Apache-2.0
#include "nn/attention_block.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <stdlib.h>

static const double norm_epsilon = 1e-6;
static const linear_init_t plain = {INIT_ORTHOGONAL, 1.0, false};

static int add(params_t *p, const char *name, const char *part, int64_t rows, int64_t cols,
               init_kind_t init)
{
    char *full = mem_format("%s/%s", name, part);
    int id = params_add(p, full, rows, cols, init, 1.0);
    free(full);
    return id;
}

static tensor_t *norm(graph_t *g, tensor_t *x, int scale)
{
    return op_rms_norm(g, x, graph_param(g, scale), norm_epsilon);
}

static tensor_t *map(const linear_t *l, graph_t *g, tensor_t *x)
{
    return linear_record(l, g, x, UNARY_IDENTITY);
}

/* x + gate * more; gate -1: x + more */
static tensor_t *add_gated(graph_t *g, tensor_t *x, tensor_t *more, int gate)
{
    return gate < 0 ? op_add(g, x, more) : op_add_gated(g, x, more, graph_param(g, gate));
}

gated_ffn_t gated_ffn_make(params_t *p, const char *name, const attention_config_t *config)
{
    int64_t width = config->width, inner = (width * config->expansion * 2 / 3 + 63) / 64 * 64;
    gated_ffn_t f = {.dropout = config->dropout};
    f.gate = linear_make_below(p, name, "gate", width, inner, plain);
    f.up = linear_make_below(p, name, "up", width, inner, plain);
    f.down = linear_make_below(p, name, "down", inner, width, plain);
    return f;
}

tensor_t *gated_ffn_record(const gated_ffn_t *f, graph_t *g, tensor_t *x)
{
    tensor_t *inner = op_gated(g, map(&f->gate, g, x), map(&f->up, g, x));
    return map(&f->down, g, op_dropout(g, inner, f->dropout));
}

static gated_ffn_t ffn_below(params_t *p, const char *name, const attention_config_t *config)
{
    char *full = mem_format("%s/ffn", name);
    gated_ffn_t f = gated_ffn_make(p, full, config);
    free(full);
    return f;
}

attention_block_t attention_block_make(params_t *p, const char *name, int64_t columns_x,
                                       int64_t columns_y, const attention_config_t *config)
{
    int64_t E = config->width;
    attention_block_t b = {.heads = config->heads,
                           .dropout = config->dropout,
                           .gate_attention = -1,
                           .projects = columns_x != E};
    CHECK(config->heads > 0 && E % config->heads == 0, "%s: %d heads over %ld columns", name,
          config->heads, (long)E);
    if (config->gated)
        b.gate_attention = add(p, name, "gate_attention", 1, 1, INIT_ZERO);
    b.gate_ffn = add(p, name, "gate_ffn", 1, 1, INIT_ZERO);
    b.query = linear_make_below(p, name, "query", E, E, plain);
    b.key = linear_make_below(p, name, "key", columns_y, E, plain);
    b.value = linear_make_below(p, name, "value", columns_y, E, plain);
    b.out = linear_make_below(p, name, "out", E, E, plain);
    b.ffn = ffn_below(p, name, config);
    b.norm_query = add(p, name, "norm_query/scale", 1, E, INIT_ONE);
    b.norm_key = add(p, name, "norm_key/scale", 1, columns_y, INIT_ONE);
    b.norm_ffn = add(p, name, "norm_ffn/scale", 1, E, INIT_ONE);
    if (b.projects)
        b.project = linear_make_below(p, name, "project", columns_x, E, plain);
    return b;
}

tensor_t *attention_block_record(const attention_block_t *b, graph_t *g, tensor_t *x, tensor_t *y)
{
    if (b->projects)
        x = map(&b->project, g, x);
    tensor_t *query = map(&b->query, g, norm(g, x, b->norm_query));
    if (x->rows_class == ROWS_ONE) {
        query = op_expand(g, query, ROWS_SETS);
        x = op_expand(g, x, ROWS_SETS);
    }
    tensor_t *seen = norm(g, y, b->norm_key);
    tensor_t *found =
        op_attention(g, query, map(&b->key, g, seen), map(&b->value, g, seen), b->heads);
    found = map(&b->out, g, op_dropout(g, found, b->dropout));
    x = add_gated(g, x, found, b->gate_attention);
    return add_gated(g, x, gated_ffn_record(&b->ffn, g, norm(g, x, b->norm_ffn)), b->gate_ffn);
}

attention_pool_t attention_pool_make(params_t *p, const char *name, int seeds,
                                     const attention_config_t *config)
{
    attention_pool_t a;
    attention_config_t plain_config = *config;
    char *attend = mem_format("%s/attend", name);
    plain_config.gated = false;
    a.seeds = add(p, name, "seeds", seeds, config->width, INIT_ORTHOGONAL);
    a.gate = add(p, name, "gate", 1, 1, INIT_ZERO);
    a.attend = attention_block_make(p, attend, config->width, config->width, &plain_config);
    a.norm = add(p, name, "norm/scale", 1, config->width, INIT_ONE);
    a.ffn = ffn_below(p, name, config);
    free(attend);
    return a;
}

tensor_t *attention_pool_record(const attention_pool_t *a, graph_t *g, tensor_t *x)
{
    tensor_t *y = add_gated(g, x, gated_ffn_record(&a->ffn, g, norm(g, x, a->norm)), a->gate);
    tensor_t *seeds = attention_block_record(&a->attend, g, graph_param(g, a->seeds), y);
    return op_reshape(g, seeds, 1);
}
