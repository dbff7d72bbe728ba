// SPDX-License-Identifier: Apache-2.0
#include "workers/draw_ranks.h"

#include "cluster/mem.h"
#include "workers/native.h"

#include <stdlib.h>

typedef struct {
    simulator_t *simulator;
    par_t group, plugins; // the ranks of a draw: for us, and handed to the plugin
    int leader;           // of the group, whose rows are simulated
    native_ranks_t ranks;
    native_progress_t progress;
    native_t *native;
    rows_t spare; // of a rank that follows
} group_t;

/* What a leader has its group do. */
typedef struct {
    bool end; // of its lead
    bool given;
    uint64_t seed;
    rng_stream_t stream;
    int64_t first, n;
} order_t;

/* ---- in step ---- */

static void group_share(void *self, size_t bytes, void *data)
{
    group_t *g = self;
    par_broadcast(&g->group, g->leader, bytes, data);
}

static void group_agree(void *self, int n, int *code)
{
    group_t *g = self;
    int *extreme = MEM_NEW(int, 2 * n);
    for (int i = 0; i < n; i++) {
        extreme[i] = code[i];
        extreme[n + i] = -code[i];
    }
    TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, extreme, 2 * n, MPI_INT, MPI_MAX, g->group.comm));
    for (int i = 0; i < n; i++)
        code[i] = extreme[n + i] > 0 ? -extreme[n + i] : extreme[i];
    free(extreme);
}

// Those that follow may have waited for long.
static void pass_order(group_t *g, order_t *order)
{
    par_await(&g->group, g->leader);
    par_broadcast(&g->group, g->leader, sizeof *order, order);
}

static err_t group_run(void *self, const request_t *r, int64_t *done)
{
    group_t *g = self;
    order_t order = {.given = r->given, .seed = r->seed, .stream = r->stream};
    order.first = r->first;
    order.n = r->n;
    CHECK(g->leader == g->group.rank, "rank %d of a draw asks for rows, rank %d leads",
          g->group.rank, g->leader);
    pass_order(g, &order);
    return native_run(g->native, r, done);
}

// Until the leader ends its lead. What goes wrong with a row goes wrong on the leader too, who tells it.
static void follow(group_t *g)
{
    for (;;) {
        order_t order;
        int64_t done;
        pass_order(g, &order);
        if (order.end)
            return;
        request_t request = {.seed = order.seed,
                             .stream = order.stream,
                             .first = order.first,
                             .n = order.n,
                             .given = order.given,
                             .prior = g->simulator->prior,
                             .rows = &g->spare};
        if (native_run(g->native, &request, &done) != OK)
            err_clear();
    }
}

static void end_lead(group_t *g)
{
    order_t order = {.end = true};
    pass_order(g, &order);
}

/* ---- joining ---- */

static void group_close(void *self)
{
    group_t *g = self;
    native_destroy(&g->native);
    rows_destroy(&g->spare);
    par_release(&g->plugins);
    par_release(&g->group);
    free(g);
}

static group_t *group_create(const par_t *par, simulator_t *s)
{
    group_t *g = MEM_NEW(group_t, 1);
    g->simulator = s;
    g->group = par_split(par, par->rank / s->ranks);
    g->plugins = par_split(&g->group, 0);
    TRY_MPI(MPI_Comm_set_errhandler(g->plugins.comm, MPI_ERRORS_ARE_FATAL)); // as a plugin expects
    g->spare = rows_create(&s->schema, REQUEST_MOST_ROWS);
    g->ranks = (native_ranks_t){.self = g,
                                .communicator = (int64_t)MPI_Comm_c2f(g->plugins.comm),
                                .rank = g->group.rank,
                                .size = g->group.size,
                                .share = group_share,
                                .agree = group_agree};
    return g;
}

static err_t check_number(const par_t *par, const simulator_t *s)
{
    int least = s->ranks * (par->size / s->ranks > 0 ? par->size / s->ranks : 1);
    if (par->size % s->ranks == 0)
        return OK;
    return err_fail(ERR_USAGE,
                    "model.ranks_per_draw: a draw takes %d ranks, and there are %d, no multiple of "
                    "it: start %d or %d (-j, mpirun -n, srun -n)",
                    s->ranks, par->size, least, least + s->ranks);
}

static err_t join(const par_t *par, simulator_t *s)
{
    if (!simulator_needs_ranks(s))
        return OK;
    TRY(check_number(par, s));
    group_t *g = group_create(par, s);
    err_t err = par_agree(par, native_create(s->table, &s->schema, s->where, true, &g->ranks,
                                             &g->progress, &g->native));
    if (err != OK) {
        group_close(g);
        return err;
    }
    s->engine.run = group_run;
    s->engine.close = group_close;
    s->engine.groups = true;
    s->self = g;
    return OK;
}

static group_t *group_of(const simulator_t *s)
{
    return s->engine.run == group_run ? s->self : NULL;
}

/* ---- working ---- */

err_t draw_ranks_lead(const par_t *par, simulator_t *simulator,
                      err_t (*work)(const par_t *leaders, void *user), void *user)
{
    TRY(join(par, simulator));
    group_t *g = group_of(simulator);
    if (g == NULL)
        return work(par, user);
    bool leads = g->group.rank == 0;
    err_t err = OK;
    par_t part = par_split(par, leads ? 0 : 1);
    g->leader = 0;
    if (leads) {
        err = work(&part, user);
        end_lead(g);
    } else {
        follow(g);
    }
    par_release(&part);
    return par_agree(par, err);
}

err_t draw_ranks_turns(const par_t *par, simulator_t *simulator, err_t (*work)(void *user),
                       void *user)
{
    TRY(join(par, simulator));
    group_t *g = group_of(simulator);
    if (g == NULL)
        return work(user);
    err_t err = OK;
    char *why = NULL; // what follows has errors of its own
    for (g->leader = 0; g->leader < g->group.size; g->leader++)
        if (g->leader == g->group.rank) {
            err = work(user);
            why = mem_copy_text(err_text());
            end_lead(g);
        } else {
            follow(g);
        }
    if (err != OK)
        err_set_text(why);
    free(why);
    return err;
}
