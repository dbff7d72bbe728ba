// SPDX-License-Identifier: Apache-2.0
// The files of coordinator/new are built into the program (coordinator/embed.cmake); @NAME@ in them is the new name,
// @MODEL@ the same as a simulator may be called: with _ for -.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "coordinator/command.h"
#include "coordinator/embedded.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_CAP = 63 };

static err_t check_name(const char *name)
{
    bool fits = isalpha((unsigned char)name[0]) && strlen(name) <= NAME_CAP;
    for (const char *c = name; *c != '\0'; c++)
        fits &= isalnum((unsigned char)*c) || *c == '_' || *c == '-';
    return fits ? OK
                : err_fail(ERR_USAGE,
                           "new: got the name \"%s\", expected a letter, then letters, digits, _ "
                           "and -, at most %d",
                           name, NAME_CAP);
}

static err_t check_empty(const char *folder)
{
    DIR *open = opendir(folder);
    if (open == NULL)
        return err_errno(ERR_IO, "new: %s", folder);
    struct dirent *entry;
    const char *found = NULL;
    while (found == NULL && (entry = readdir(open)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found = entry->d_name;
    err_t err = found == NULL ? OK
                              : err_fail(ERR_USAGE,
                                         "new: the folder %s is there and not empty (it holds %s), "
                                         "expected a new name",
                                         folder, found);
    closedir(open);
    return err;
}

static err_t make_folder(const char *folder)
{
    if (mkdir(folder, 0777) == 0)
        return OK;
    if (errno != EEXIST)
        return err_errno(ERR_IO, "new: folder %s can not be made", folder);
    return check_empty(folder);
}

static void write_text(FILE *file, const char *text, const char *name)
{
    static const char name_mark[] = "@NAME@", model_mark[] = "@MODEL@";
    while (*text != '\0') {
        bool whole = strncmp(text, name_mark, strlen(name_mark)) == 0;
        bool model = strncmp(text, model_mark, strlen(model_mark)) == 0;
        for (const char *c = name; (whole || model) && *c != '\0'; c++)
            fputc(model && *c == '-' ? '_' : *c, file);
        if (!whole && !model)
            fputc(*text, file);
        text += whole ? strlen(name_mark) : model ? strlen(model_mark) : 1;
    }
}

static err_t write_file(const char *folder, const embedded_file_t *from)
{
    char *path = mem_format("%s/%s", folder, from->name);
    FILE *file = fopen(path, "wxe");
    err_t err = OK;
    if (file != NULL)
        write_text(file, from->text, folder);
    if (file == NULL || ferror(file) != 0)
        err = err_errno(ERR_IO, "new: %s can not be written", path);
    if (file != NULL && fclose(file) != 0 && err == OK)
        err = err_errno(ERR_IO, "new: %s can not be written", path);
    free(path);
    return err;
}

err_t command_new(const par_t *par, const options_t *options)
{
    const char *name = options->arguments[0];
    (void)par;
    TRY(check_name(name));
    TRY(make_folder(name));
    for (const embedded_file_t *file = new_files; file->name != NULL; file++)
        TRY(write_file(name, file));
    log_info("new: %s/ holds a simulator and its study; its README.md tells how to build and run "
             "them",
             name);
    return OK;
}
