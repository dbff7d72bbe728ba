// SPDX-License-Identifier: Apache-2.0
#include "coordinator/trainer_state.h"

typedef struct {
    const char *name;
    float *data;
} block_t;

/* The flat blocks of floats that make the state of the optimizer. */
enum { BLOCKS = 5 };
static void blocks_of(const trainer_state_t *s, block_t out[BLOCKS])
{
    adamw_t *o = trainer_optimizer(s->trainer);
    out[0] = (block_t){"weights", params_value(amortizer_params(s->amortizer))};
    out[1] = (block_t){"moment1", adamw_moment1(o)};
    out[2] = (block_t){"moment2", adamw_moment2(o)};
    out[3] = (block_t){"average", adamw_average(o)};
    out[4] = (block_t){"best", s->best};
}

err_t trainer_state_put(const trainer_state_t *s, arrays_writer_t *w)
{
    block_t blocks[BLOCKS];
    int64_t n = params_size(amortizer_params(s->amortizer));
    blocks_of(s, blocks);
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].data != NULL)
            TRY(arrays_put_f32(w, blocks[i].name, 1, &n, blocks[i].data));
    return arrays_put_integer(w, "optimizer_steps", adamw_steps(trainer_optimizer(s->trainer)));
}

err_t trainer_state_get(const trainer_state_t *s, const arrays_t *a)
{
    block_t blocks[BLOCKS];
    int64_t n = params_size(amortizer_params(s->amortizer)), steps;
    blocks_of(s, blocks);
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].data != NULL)
            TRY(arrays_get_f32(a, blocks[i].name, 1, &n, blocks[i].data));
    TRY(arrays_get_integer(a, "optimizer_steps", &steps));
    adamw_set_steps(trainer_optimizer(s->trainer), steps);
    return OK;
}
