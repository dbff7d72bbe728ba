// SPDX-License-Identifier: Apache-2.0
#include "nn/unet.h"

#include "cluster/mem.h"
#include "nn/unet_block.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_BLOCKS = 8 };
static const double FREQUENCY_SD = 0.05;

typedef struct {
    unet_residual_t residual;
    unet_attention_t attention; // where the stage has it
} step_t;

typedef struct {
    step_t down[MOST_BLOCKS], up[MOST_BLOCKS + 1];
    conv_layer_t next, previous; // to the widths of the coarser and of the finer stage
} stage_t;

struct unet {
    time_net_config_t config;
    int frequencies;
    linear_t time1, time2, condition;
    conv_layer_t in, out;
    stage_t stage[UNET_MAX_STAGES];
    unet_residual_t middle1, middle2;
    unet_attention_t middle_attention;
    unet_norm_t out_norm;
};

/* What was left on the way down: tensors while recording, their widths while making. */
enum { MOST_SKIPS = UNET_MAX_STAGES * (MOST_BLOCKS + 1) };
typedef struct {
    int n;
    tensor_t *map[MOST_SKIPS];
    int64_t width[MOST_SKIPS];
} skips_t;

static const linear_init_t he_normal = {INIT_HE_NORMAL, 1.0, true};
static const linear_init_t zeros = {INIT_ZERO, 0.0, true};

void unet_default(network_size_t size, time_net_config_t *config)
{
    static const int width[] = {[SIZE_SMALL] = 16, [SIZE_BASE] = 32, [SIZE_LARGE] = 64};
    config->stages = 3;
    for (int k = 0; k < config->stages; k++) {
        config->stage_width[k] = width[size] << k;
        config->stage_attention[k] = k > 0;
    }
    config->blocks = 2;
    config->groups = 8;
    config->heads = 1;
    config->channels = 1;
}

static err_t check_shape(const time_net_config_t *c)
{
    if (c->height < 1 || c->image_width < 1 || c->channels < 1 ||
        c->parameters != c->height * c->image_width * c->channels)
        return err_fail(ERR_USAGE, "unet: an image of %ld x %ld x %ld, expected %ld numbers",
                        (long)c->height, (long)c->image_width, (long)c->channels,
                        (long)c->parameters);
    if (c->out != 0 && c->out != c->parameters)
        return err_fail(ERR_USAGE, "unet: got %ld results, expected as many as parameters (%ld)",
                        (long)c->out, (long)c->parameters);
    return OK;
}

static err_t check_stage(const time_net_config_t *c, int k)
{
    int width = c->stage_width[k];
    if (width < 1 || width % c->groups != 0)
        return err_fail(ERR_USAGE, "stage_width: got %d for stage %d, expected a multiple of %d",
                        width, k, c->groups);
    if ((c->stage_attention[k] || k == c->stages - 1) && width % c->heads != 0)
        return err_fail(ERR_USAGE, "heads: got %d, expected a divisor of stage_width %d", c->heads,
                        width);
    return OK;
}

err_t unet_check(const time_net_config_t *c)
{
    TRY(check_shape(c));
    if (c->stages < 1 || c->stages > UNET_MAX_STAGES)
        return err_fail(ERR_USAGE, "stages: got %d, expected 1 to %d", c->stages, UNET_MAX_STAGES);
    if (c->blocks < 1 || c->blocks > MOST_BLOCKS)
        return err_fail(ERR_USAGE, "blocks: got %d, expected 1 to %d", c->blocks, MOST_BLOCKS);
    if (c->groups < 1)
        return err_fail(ERR_USAGE, "groups: got %d, expected 1 or more", c->groups);
    if (c->heads < 1)
        return err_fail(ERR_USAGE, "heads: got %d, expected 1 or more", c->heads);
    if (c->time_embed < 2 || c->time_embed % 2 != 0)
        return err_fail(ERR_USAGE, "time_embed: got %d, expected an even number above 0",
                        c->time_embed);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_fail(ERR_USAGE, "dropout: got %g, expected 0 or more, below 1", c->dropout);
    for (int k = 0; k < c->stages; k++)
        TRY(check_stage(c, k));
    return OK;
}

/* Columns of e. */
static int64_t embedded(const time_net_config_t *c)
{
    return c->time_embed + 1 + (c->conditions > 0 ? c->stage_width[c->stages - 1] : 0);
}

static void make_time(unet_t *u, params_t *p, const char *name)
{
    const time_net_config_t *c = &u->config;
    int64_t width = c->time_embed + 1;
    char *frequencies = mem_format("%s/frequencies", name);
    u->frequencies = params_add(p, frequencies, 1, c->time_embed / 2, INIT_NORMAL, FREQUENCY_SD);
    u->time1 = linear_make_below(p, name, "time1", width, width, he_normal);
    u->time2 = linear_make_below(p, name, "time2", width, width, zeros);
    if (c->conditions > 0)
        u->condition = linear_make_below(p, name, "condition", c->conditions,
                                         c->stage_width[c->stages - 1], he_normal);
    free(frequencies);
}

static unet_residual_t make_residual(const unet_t *u, params_t *p, const char *name,
                                     const char *part, int64_t in, int64_t out)
{
    const time_net_config_t *c = &u->config;
    char *full = mem_format("%s/%s", name, part);
    unet_residual_t b = unet_residual_make(p, full, in, out, embedded(c), c->groups, c->dropout);
    free(full);
    return b;
}

static unet_attention_t make_attention(const unet_t *u, params_t *p, const char *name,
                                       int64_t width)
{
    char *full = mem_format("%s/attention", name);
    unet_attention_t a = unet_attention_make(p, full, width, u->config.groups, u->config.heads);
    free(full);
    return a;
}

static step_t make_step(const unet_t *u, params_t *p, const char *stage, int block, int64_t in,
                        int k)
{
    step_t s = {.residual = {.projected = false}};
    char *name = mem_format("%s/block%d", stage, block);
    s.residual = make_residual(u, p, name, "residual", in, u->config.stage_width[k]);
    if (u->config.stage_attention[k])
        s.attention = make_attention(u, p, name, u->config.stage_width[k]);
    free(name);
    return s;
}

static void make_down(unet_t *u, params_t *p, const char *name, int k, skips_t *skips)
{
    const int *width = u->config.stage_width;
    stage_t *stage = &u->stage[k];
    char *full = mem_format("%s/down%d", name, k);
    for (int j = 0; j < u->config.blocks; j++) {
        stage->down[j] = make_step(u, p, full, j, width[k], k);
        skips->width[skips->n++] = width[k];
    }
    if (k < u->config.stages - 1) {
        stage->next =
            conv_layer_make_below(p, full, "next", 1, width[k], width[k + 1], INIT_HE_NORMAL);
        skips->width[skips->n++] = width[k + 1];
    }
    free(full);
}

static void make_up(unet_t *u, params_t *p, const char *name, int k, skips_t *skips)
{
    const int *width = u->config.stage_width;
    stage_t *stage = &u->stage[k];
    char *full = mem_format("%s/up%d", name, k);
    for (int j = 0; j <= u->config.blocks; j++)
        stage->up[j] = make_step(u, p, full, j, width[k] + skips->width[--skips->n], k);
    if (k > 0)
        stage->previous =
            conv_layer_make_below(p, full, "previous", 3, width[k], width[k - 1], INIT_HE_NORMAL);
    free(full);
}

static void make_middle(unet_t *u, params_t *p, const char *name)
{
    int64_t width = u->config.stage_width[u->config.stages - 1];
    char *full = mem_format("%s/middle", name);
    u->middle1 = make_residual(u, p, full, "residual1", width, width);
    u->middle_attention = make_attention(u, p, full, width);
    u->middle2 = make_residual(u, p, full, "residual2", width, width);
    free(full);
}

unet_t *unet_make(params_t *params, const char *name, const time_net_config_t *config)
{
    unet_t *u = MEM_NEW(unet_t, 1);
    skips_t skips = {.n = 0};
    u->config = *config;
    const int *width = u->config.stage_width;
    make_time(u, params, name);
    u->in =
        conv_layer_make_below(params, name, "in", 3, config->channels + config->image_conditions,
                              width[0], INIT_HE_NORMAL);
    skips.width[skips.n++] = width[0];
    for (int k = 0; k < config->stages; k++)
        make_down(u, params, name, k, &skips);
    make_middle(u, params, name);
    for (int k = config->stages - 1; k >= 0; k--)
        make_up(u, params, name, k, &skips);
    u->out_norm = unet_norm_make(params, name, "out_norm", width[0], config->groups, true);
    u->out = conv_layer_make_below(params, name, "out", 3, width[0], config->channels, INIT_ZERO);
    return u;
}

void unet_destroy(unet_t **net)
{
    if (!*net)
        return;
    free(*net);
    *net = NULL;
}

/* e (ROWS_SETS) */
static tensor_t *record_embedded(const unet_t *u, graph_t *g, tensor_t *time, tensor_t *condition)
{
    tensor_t *angle = op_scale(g, op_matmul(g, time, graph_param(g, u->frequencies)),
                               2 * M_PI * u->config.fourier_scale, 0);
    tensor_t *parts[] = {time, op_unary(g, angle, UNARY_SIN), op_unary(g, angle, UNARY_COS)};
    tensor_t *tau = op_concat(g, 3, parts);
    tensor_t *more = linear_record(&u->time1, g, tau, UNARY_MISH);
    tensor_t *e = op_add(g, tau, linear_record(&u->time2, g, more, UNARY_IDENTITY));
    return condition != NULL
               ? op_concat2(g, e, linear_record(&u->condition, g, condition, UNARY_MISH))
               : e;
}

/* x as an image, beside it the condition of its data set. */
static tensor_t *record_pixels(const unet_t *u, graph_t *g, tensor_t *x, tensor_t *image)
{
    int64_t pixels = u->config.height * u->config.image_width;
    x = op_reshape(g, x, pixels);
    if (image == NULL)
        return x;
    tensor_t *each = op_expand(g, op_reshape(g, image, 1), x->rows_class);
    return op_concat2(g, x, op_reshape(g, each, pixels));
}

/* The tensors that travel through the stages. */
typedef struct {
    const unet_t *u;
    graph_t *g;
    tensor_t *h, *e;
    image_t image[UNET_MAX_STAGES];
    skips_t skips;
} pass_t;

static void push(pass_t *p)
{
    p->skips.map[p->skips.n++] = p->h;
}

static void record_step(pass_t *p, const step_t *s, int k)
{
    p->h = unet_residual_record(&s->residual, p->g, p->h, p->e, p->image[k]);
    if (p->u->config.stage_attention[k])
        p->h = unet_attention_record(&s->attention, p->g, p->h);
}

static void record_down(pass_t *p, int k)
{
    const stage_t *stage = &p->u->stage[k];
    for (int j = 0; j < p->u->config.blocks; j++) {
        record_step(p, &stage->down[j], k);
        push(p);
    }
    if (k == p->u->config.stages - 1)
        return;
    p->image[k + 1] = image_half(p->image[k]);
    p->h = op_pool2d(p->g, p->h, p->image[k]);
    p->h = conv_layer_record(&stage->next, p->g, p->h, p->image[k + 1]);
    push(p);
}

static void record_up(pass_t *p, int k)
{
    const stage_t *stage = &p->u->stage[k];
    for (int j = 0; j <= p->u->config.blocks; j++) {
        p->h = op_concat2(p->g, p->h, p->skips.map[--p->skips.n]);
        record_step(p, &stage->up[j], k);
    }
    if (k == 0)
        return;
    image_t fine = image_double(p->image[k]);
    p->h = op_upsample2d(p->g, p->h, p->image[k]);
    p->h = conv_layer_record(&stage->previous, p->g, p->h, fine);
    p->h = op_crop2d(p->g, p->h, fine, p->image[k - 1]);
}

static void record_middle(pass_t *p)
{
    image_t image = p->image[p->u->config.stages - 1];
    p->h = unet_residual_record(&p->u->middle1, p->g, p->h, p->e, image);
    p->h = unet_attention_record(&p->u->middle_attention, p->g, p->h);
    p->h = unet_residual_record(&p->u->middle2, p->g, p->h, p->e, image);
}

tensor_t *unet_record(const unet_t *net, graph_t *g, tensor_t *x, tensor_t *time,
                      tensor_t *condition, tensor_t *image)
{
    const time_net_config_t *c = &net->config;
    CHECK((condition != NULL ? condition->cols : 0) == c->conditions &&
              (image != NULL ? image->cols : 0) == c->image_conditions,
          "unet: %ld conditions, %ld channels of an image", (long)c->conditions,
          (long)c->image_conditions);
    pass_t p = {.u = net, .g = g, .image = {{c->height, c->image_width}}};
    p.e = record_embedded(net, g, time, condition);
    p.h = record_pixels(net, g, x, image);
    p.h = conv_layer_record(&net->in, g, p.h, p.image[0]);
    push(&p);
    for (int k = 0; k < c->stages; k++)
        record_down(&p, k);
    record_middle(&p);
    for (int k = c->stages - 1; k >= 0; k--)
        record_up(&p, k);
    p.h = unet_norm_record(&net->out_norm, g, p.h, NULL, UNARY_IDENTITY);
    return op_reshape(g, conv_layer_record(&net->out, g, p.h, p.image[0]), 1);
}
