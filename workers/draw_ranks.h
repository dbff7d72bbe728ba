/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws that take several ranks each (model.ranks_per_draw, create_on_ranks of simulator.h). Ranks are taken in groups of
 * neighbours: rank r of k a draw belongs to group r / k. In a group one rank leads: it asks the simulator for rows as if it
 * were alone, and the others, asleep between its requests, simulate with it. Only the leader gets the rows; who leads makes
 * no difference to them, nor does the number of groups.
 *
 *   ranks          0 1 2 3 | 4 5 6 7          k = 4
 *   draw_ranks_lead  0     |   4              lead, and are the ranks 0 and 1 of a smaller world; the others follow
 *   draw_ranks_turns 0, 1, 2, 3 | 4, 5, 6, 7  lead one after the other
 *
 * A crash of one rank, or its kill, ends all, as MPI has it; rows are then as safe as after any crash (campaign.h). A draw
 * that hangs is only ended by a request to stop and its grace: there is no timeout, since a rank can not be ended alone.
 *
 * Where the simulator's draws take one rank each and it wants no communicator, `work` is simply called.
 */
#ifndef WORKERS_DRAW_RANKS_H
#define WORKERS_DRAW_RANKS_H

#include "cluster/par.h"
#include "workers/load.h"

/* `work` on the leading ranks alone, which are `leaders`; returns its code on all. ERR_USAGE when the ranks are no multiple
 * of those of a draw, ERR_SIMULATOR when the plugin can not make its state. Collective; the same code on every rank. */
err_t draw_ranks_lead(const par_t *par, simulator_t *simulator,
                      err_t (*work)(const par_t *leaders, void *user), void *user) ERR_MUST_CHECK;
/* `work` on every rank, in turns, so that each may simulate rows; it calls nothing collective. Returns the rank's own code.
 * Otherwise as draw_ranks_lead. */
err_t draw_ranks_turns(const par_t *par, simulator_t *simulator, err_t (*work)(void *user),
                       void *user) ERR_MUST_CHECK;

#endif
