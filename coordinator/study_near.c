// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_near.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_yaml(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

typedef struct {
    int n;
    char **at;
} names_t;

static names_t studies_in(const char *folder)
{
    names_t names = {0};
    DIR *open = opendir(folder);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;)
        if (is_yaml(entry->d_name)) {
            names.at = MEM_GROW(names.at, char *, names.n + 1);
            names.at[names.n++] = mem_copy_text(entry->d_name);
        }
    if (open != NULL)
        closedir(open);
    return names;
}

/* "FOLDER/NAME" of the only study there, or of the one whose name is nearest to `word`; NULL. The caller frees it. */
static char *pick(const char *folder, const char *word)
{
    names_t names = studies_in(folder);
    const char *found = names.n == 1   ? names.at[0]
                        : word != NULL ? yaml_nearest(word, names.n, (const char *const *)names.at)
                                       : NULL;
    char *path = NULL;
    if (found != NULL)
        path = strcmp(folder, ".") == 0 ? mem_copy_text(found) : mem_format("%s/%s", folder, found);
    for (int i = 0; i < names.n; i++)
        free(names.at[i]);
    free(names.at);
    return path;
}

/* A folder of results has its study beside it, a folder of a study in it. */
static char *near_folder(const char *path)
{
    char *beside = mem_format("%s.yaml", path);
    if (access(beside, R_OK) == 0)
        return beside;
    free(beside);
    return pick(path, "study.yaml");
}

char *study_near(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash == NULL ? mem_copy_text(".")
                                 : mem_format("%.*s", (int)(slash - path) + (slash == path), path);
    char *found = is_folder(path) ? near_folder(path) : pick(folder, name);
    char *text = found ? mem_format("; did you mean %s?", found) : mem_copy_text("");
    free(found);
    free(folder);
    return text;
}
