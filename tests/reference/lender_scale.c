// SPDX-License-Identifier: Apache-2.0
//
// How the schedule of a campaign holds up from 1 to 10,000 ranks, and from a microsecond to a minute a row: the lender's own
// decisions in a discrete-event simulation. Prints the table of workers/README.md, and draws its picture.
//
//     lender_scale [--plot FILE.png] [--most RANKS]
#include "cluster/err.h"
#include "diagnostics/plot.h"
#include "tests/reference/campaign_play.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_RANKS = 5, N_COSTS = 6 };

static const int rank_counts[N_RANKS] = {1, 10, 100, 1000, 10000};

// A campaign is ten minutes of work for each rank, at least a thousand rows for each, and at most ten billion rows.
static const double campaign_seconds = 600, least_rows = 1000, most_rows = 1e10;
static const double most_shards = 250000; // a larger campaign has larger shards
static const double row_bytes = 400, group_rate = 5e8, rank_memory = 1 << 28; // bytes, a second

typedef struct {
    const char *name;
    cost_kind_t kind;
    double mean, spread;
    ink_t ink;
} cost_t;

static const cost_t costs[N_COSTS] = {
    {"1 us", COST_LOGNORMAL, 1e-6, 1.5, INK_GREY},
    {"100 us", COST_LOGNORMAL, 1e-4, 1.5, INK_SKY},
    {"10 ms", COST_LOGNORMAL, 1e-2, 1.5, INK_BLUE},
    {"10 ms, 3 decades", COST_LOG_UNIFORM, 1e-2, 3, INK_GREEN},
    {"1 s", COST_LOGNORMAL, 1, 1.5, INK_ORANGE},
    {"1 min", COST_LOGNORMAL, 60, 1.5, INK_VERMILION},
};

typedef struct {
    world_t world;
    outcome_t outcome;
} cell_t;

static world_t world_of(int ranks, const cost_t *cost)
{
    world_t w = world_usual();
    double rows = ranks * fmax(campaign_seconds / cost->mean, least_rows);
    rows = fmin(rows, most_rows);
    double shard_rows = fmax(4096, 256 * ceil(rows / most_shards / 256));
    w.ranks = ranks;
    w.shard_rows = (int64_t)shard_rows;
    w.shards = (int)fmax(1, round(rows / shard_rows));
    w.cost = cost->kind;
    w.mean = cost->mean;
    w.spread = cost->spread;
    w.speed_spread = 0.05;
    w.seal_fixed = 0.02;
    w.seal_shard = 0.005;
    w.seal_row = row_bytes / group_rate;
    w.room = (int64_t)fmax(2 * shard_rows, rank_memory / row_bytes);
    return w;
}

static void print_cell(const cost_t *cost, const cell_t *c)
{
    const outcome_t *o = &c->outcome;
    printf("| %s | %d | %.2g | %.4g s | %.4g s | %.1f %% | %.1f %% | %.0f | %.0f | %.0f %% | %ld + "
           "%ld | %.3g s |\n",
           cost->name, c->world.ranks, (double)o->lent, o->work, o->elapsed, 100 * o->idle_share,
           100 * o->seal_share, o->asks_a_second, o->busiest, 100 * o->lender_share,
           (long)o->meetings, (long)o->meetings_all, o->longest);
    fflush(stdout);
}

static void play_all(int n_ranks, cell_t cell[N_COSTS][N_RANKS])
{
    printf("| a row | ranks | rows | work of a rank | time | idle | sealing | asks a second | "
           "busiest second | lender busy | meetings | longest lease |\n"
           "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int c = 0; c < N_COSTS; c++)
        for (int r = 0; r < n_ranks; r++) {
            cell[c][r].world = world_of(rank_counts[r], &costs[c]);
            cell[c][r].outcome = play(&cell[c][r].world);
            print_cell(&costs[c], &cell[c][r]);
        }
}

/* ---- the picture ---- */

static void draw_line(const axes_t *a, int n, const double *value, ink_t ink)
{
    double x[N_RANKS], y[N_RANKS];
    for (int r = 0; r < n; r++) {
        x[r] = axes_x(a, log10(rank_counts[r]));
        y[r] = axes_y(a, value[r]);
        canvas_disc(a->canvas, x[r], y[r], 2.4, (pen_t){ink, 1, 0});
    }
    canvas_path(a->canvas, (size_t)n, x, y, (pen_t){ink, 1, 1.6});
}

static void draw_key(const axes_t *a)
{
    for (int c = 0; c < N_COSTS; c++) {
        double x = a->area.x + 10, y = a->area.y + 14 + 13 * c;
        canvas_line(a->canvas, x, y - 3, x + 16, y - 3, (pen_t){costs[c].ink, 1, 1.6});
        canvas_text(a->canvas, x + 21, y, (type_t){8.5, 0, INK_TEXT, ALIGN_LEFT}, costs[c].name);
    }
}

static double idle_of(const outcome_t *o)
{
    return 100 * o->idle_share;
}

static double load_of(const outcome_t *o)
{
    return 100 * o->lender_share;
}

static void draw_panel(figure_t *f, int panel, const char *title, const char *line, int n,
                       cell_t cell[N_COSTS][N_RANKS], double (*value)(const outcome_t *))
{
    double all[N_COSTS][N_RANKS], top = 1;
    for (int c = 0; c < N_COSTS; c++)
        for (int r = 0; r < n; r++) {
            all[c][r] = value(&cell[c][r].outcome);
            top = fmax(top, all[c][r]);
        }
    axes_t a =
        figure_axes(f, panel, (range_t){-0.1, n - 0.9}, (range_t){0, 1.05 * top}, title, line);
    for (int c = 0; c < N_COSTS; c++)
        draw_line(&a, n, all[c], costs[c].ink);
    if (panel == 0)
        draw_key(&a);
}

static err_t draw(const char *path, int n, cell_t cell[N_COSTS][N_RANKS])
{
    figure_t f = figure_create(2, 1.3, "Schedule of a campaign, simulated",
                               "one line for each mean cost of a row; lognormal with sigma 1.5, or "
                               "even over three decades");
    figure_labels(&f, "ranks, as a power of ten", "percent");
    draw_panel(&f, 0, "Idle", "of the ranks' time, waits for meetings included", n, cell, idle_of);
    draw_panel(&f, 1, "Lender", "of its time, busy", n, cell, load_of);
    return figure_finish(&f, path, &(stamp_t){.title = "Schedule of a campaign, simulated"});
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"plot", required_argument, NULL, 'p'}, {"most", required_argument, NULL, 'm'}, {0}};
    const char *plot = NULL;
    int most = rank_counts[N_RANKS - 1], n_ranks = 0;
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (key == 'p')
            plot = optarg;
        else if (key == 'm')
            most = atoi(optarg);
        else
            return 2;
    }
    while (n_ranks < N_RANKS && rank_counts[n_ranks] <= most)
        n_ranks++;
    static cell_t cell[N_COSTS][N_RANKS];
    play_all(n_ranks, cell);
    if (plot != NULL && draw(plot, n_ranks, cell) != OK) {
        fprintf(stderr, "lender_scale: %s\n", err_text());
        return 1;
    }
    return 0;
}
