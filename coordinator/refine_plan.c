// SPDX-License-Identifier: Apache-2.0
#include "coordinator/refine_plan.h"

#include <math.h>

static int64_t above(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static void share_slice(refine_plan_t *plan, double bank_share)
{
    int64_t bank = llround(bank_share * (double)plan->slice_rows);
    plan->bank_rows = bank < plan->slice_rows ? bank : plan->slice_rows - 1;
    plan->fresh_rows = plan->slice_rows - plan->bank_rows;
}

refine_plan_t refine_plan(const study_t *s)
{
    refine_plan_t plan = {.slices = (int)s->train.slices,
                          .slice_rows = s->train.batch_size / s->train.slices,
                          .rows = s->refine.rows,
                          .chunk_rows = s->refine.chunk_rows,
                          .chunks = above(s->refine.rows, s->refine.chunk_rows),
                          .rounds = s->refine.rounds};
    share_slice(&plan, s->refine.bank_share);
    plan.replay = (replay_config_t){.slices = plan.slices,
                                    .places = above(s->refine.reservoir_rows, plan.slices),
                                    .uses = s->refine.uses,
                                    .step_rows = plan.fresh_rows,
                                    .seed = (uint64_t)s->refine.seed};
    plan.steps =
        (plan.chunks - 1) * refine_plan_steps(&plan, 0) + refine_plan_steps(&plan, plan.chunks - 1);
    return plan;
}

int64_t refine_plan_rows(const refine_plan_t *p, int64_t chunk)
{
    int64_t left = p->rows - chunk * p->chunk_rows;
    return left < p->chunk_rows ? left : p->chunk_rows;
}

int64_t refine_plan_steps(const refine_plan_t *p, int64_t chunk)
{
    return replay_steps(&p->replay, refine_plan_rows(p, chunk));
}

int64_t refine_plan_round_end(const refine_plan_t *p, int64_t round)
{
    return (round + 1) * p->chunks / p->rounds;
}
