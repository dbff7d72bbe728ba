// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_draws.h"

#include "cluster/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// The number in a file of one line; NAN for "max", and where there is none.
static double number_in(const char *path)
{
    double number;
    FILE *file = fopen(path, "r");
    int found = file == NULL ? 0 : fscanf(file, "%lf", &number);
    if (file != NULL)
        fclose(file);
    return found == 1 ? number : NAN;
}

static double available_here(void)
{
    char line[128];
    double kilobytes = INFINITY;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %lf", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return 1024 * kilobytes;
}

double study_draws_memory(void)
{
    double here = available_here(), limit = number_in("/sys/fs/cgroup/memory.max"),
           used = number_in("/sys/fs/cgroup/memory.current");
    return isfinite(limit) && isfinite(used) ? fmin(here, fmax(limit - used, 0)) : here;
}

int study_draws_ranks(const study_t *study, int cores, double memory)
{
    int64_t each = study->model.ranks_per_draw, threads = study->model.threads_per_draw;
    int64_t ranks = threads > 1 ? cores / threads : cores;
    if (study->model.memory_bytes > 0 && memory / study->model.memory_bytes < (double)ranks)
        ranks = (int64_t)(memory / study->model.memory_bytes);
    return (int)(ranks < each ? each : ranks - ranks % each);
}

void study_draws_warn(const par_t *par, const study_t *study)
{
    par_t node = par_node(par);
    double wanted = node.size * study->model.memory_bytes, memory = study_draws_memory();
    if (node.rank == 0 && wanted > memory)
        log_warning("simulate: %d times model.memory_per_draw are %.1f GB, and this machine has "
                    "%.1f GB left: start fewer ranks on it",
                    node.size, 1e-9 * wanted, 1e-9 * memory);
    par_release(&node);
}

static void tell(const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    setenv(name, text, 1);
}

void study_draws_tell(const par_t *par)
{
    par_t node = par_node(par);
    tell("INFERMILL_LOCAL_RANK", node.rank);
    tell("INFERMILL_LOCAL_SIZE", node.size);
    par_release(&node);
}
