// SPDX-License-Identifier: Apache-2.0
#include "coordinator/infer_costs.h"

#include "cluster/mem.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char prefix[] = "costs-";

err_t infer_costs_add(const char *folder, int rank, const ladder_costs_t *before,
                      const ladder_costs_t *now)
{
    char *path = mem_format("%s/%s%d", folder, prefix, rank);
    FILE *out = fopen(path, "a");
    err_t err = OK;
    if (out != NULL) {
        for (int r = 0; r <= POSTERIOR_MCMC; r++)
            fprintf(out, "%" PRId64 " %.6f ", now->tried[r] - before->tried[r],
                    now->seconds[r] - before->seconds[r]);
        fputs("end\n", out);
    }
    if (out == NULL || fclose(out) != 0)
        err = err_errno(ERR_IO, "%s can not be written", path);
    free(path);
    return err;
}

static void add_line(const char *line, ladder_costs_t *sum)
{
    ladder_costs_t one = {{0}, {0}};
    int used;
    for (int r = 0; r <= POSTERIOR_MCMC; r++) {
        if (sscanf(line, "%" SCNd64 " %lf %n", &one.tried[r], &one.seconds[r], &used) != 2)
            return;
        line += used;
    }
    for (int r = 0; r <= POSTERIOR_MCMC && strcmp(line, "end\n") == 0; r++) {
        sum->tried[r] += one.tried[r];
        sum->seconds[r] += one.seconds[r];
    }
}

static void add_file(const char *path, void *sum)
{
    char line[200];
    FILE *in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof line, in) != NULL)
        add_line(line, sum);
    if (in != NULL)
        fclose(in);
}

/* Calls `each` with the path of every file of costs. */
static void walk(const char *folder, void (*each)(const char *path, void *user), void *user)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        char *path = mem_format("%s/%s", folder, entry->d_name);
        each(path, user);
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
}

ladder_costs_t infer_costs_read(const char *folder)
{
    ladder_costs_t sum = {{0}, {0}};
    walk(folder, add_file, &sum);
    return sum;
}

static void remove_one(const char *path, void *unused)
{
    (void)unused;
    unlink(path);
}

void infer_costs_remove(const char *folder)
{
    walk(folder, remove_one, NULL);
}
