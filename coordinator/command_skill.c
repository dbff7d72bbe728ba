// SPDX-License-Identifier: Apache-2.0
// The files of coordinator/skill are built into the program (coordinator/embed.cmake).
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/command.h"
#include "coordinator/embedded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_about(void)
{
    printf("An Agent Skill: how an assistant should work with infermill. When to use it and when "
           "not, the steps from a "
           "pilot to real data, what it must and must never do, how to read a report, what to "
           "say.\n\n");
    for (const embedded_file_t *file = skill_files; file->name != NULL; file++)
        printf("    %s\n", file->name);
    printf(
        "\ninfermill skill --install DIR writes them to DIR/infermill; DIR is where the assistant "
        "looks for skills, such as ~/.claude/skills or .agents/skills of a project.\n");
}

/* All folders on the way to a file. */
static err_t make_folders(const char *path)
{
    char *copy = mem_copy_text(path);
    err_t err = OK;
    for (char *c = copy + 1; *c != '\0' && err == OK; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            err = err_errno(ERR_IO, "skill: folder %s can not be made", copy);
        *c = '/';
    }
    free(copy);
    return err;
}

/* Whether the file is there with other content than ours. */
static bool differs(const char *path, const char *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t n = strlen(text);
    char *there = mem_alloc(n + 1, 1);
    bool same = fread(there, 1, n + 1, file) == n && memcmp(there, text, n) == 0;
    fclose(file);
    free(there);
    return !same;
}

static err_t write_file(const char *path, const embedded_file_t *from)
{
    bool script = strncmp(from->name, "scripts/", strlen("scripts/")) == 0;
    TRY(make_folders(path));
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return err_errno(ERR_IO, "skill: %s can not be written", path);
    fputs(from->text, file);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return err_errno(ERR_IO, "skill: %s can not be written", path);
    if (script && chmod(path, 0755) != 0)
        return err_errno(ERR_IO, "skill: %s", path);
    return OK;
}

static err_t each_file(const char *folder, err_t (*act)(const char *path, const embedded_file_t *))
{
    err_t err = OK;
    for (const embedded_file_t *file = skill_files; file->name != NULL && err == OK; file++) {
        char *path = mem_format("%s/infermill/%s", folder, file->name);
        err = act(path, file);
        free(path);
    }
    return err;
}

static err_t check_file(const char *path, const embedded_file_t *ours)
{
    if (differs(path, ours->text))
        return err_fail(ERR_USAGE,
                        "skill: %s is there with other words (of another version, or changed by "
                        "hand): move its folder away first",
                        path);
    return OK;
}

err_t command_skill(const par_t *par, const options_t *options)
{
    (void)par;
    if (options->install == NULL) {
        print_about();
        return OK;
    }
    TRY(each_file(options->install, check_file));
    TRY(each_file(options->install, write_file));
    log_info("skill: %s/infermill/SKILL.md and what belongs to it", options->install);
    return OK;
}
