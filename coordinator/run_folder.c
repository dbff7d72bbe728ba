// SPDX-License-Identifier: Apache-2.0
#include "coordinator/run_folder.h"

#include "cluster/log.h"
#include "cluster/mem.h"

#include <cblas.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *run_folder_path(const study_t *study, const char *out)
{
    if (out != NULL)
        return mem_copy_text(out);
    if (strcmp(study->folder, ".") == 0)
        return mem_copy_text(study->slug);
    return mem_format("%s/%s", study->folder, study->slug);
}

char *run_folder_file(const char *folder, const char *name)
{
    return mem_format("%s/%s", folder, name);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static err_t make_folder(const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return err_errno(ERR_IO, "folder of results %s", folder);
    if (access(folder, W_OK) != 0)
        return err_errno(ERR_IO, "folder of results %s can not be written", folder);
    return OK;
}

static err_t open_log(const char *folder)
{
    char *log = run_folder_file(folder, "log");
    err_t err = log_to_file(log);
    free(log);
    return err;
}

err_t run_folder_open(const par_t *par, const char *folder)
{
    TRY(par_agree(par, par->rank == 0 ? make_folder(folder) : OK));
    return par_agree(par, open_log(folder));
}

static void cpu_name(size_t cap, char *out)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(out, cap, "unknown");
    char line[256];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) != 0 || strchr(line, ':') == NULL)
            continue;
        snprintf(out, cap, "%s", strchr(line, ':') + 2);
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    if (file != NULL)
        fclose(file);
}

char *software_text(void)
{
    char cpu[128];
    cpu_name(sizeof cpu, cpu);
    return mem_format("infermill %s; %s; CPU %s", INFERMILL_VERSION, openblas_get_config(), cpu);
}
