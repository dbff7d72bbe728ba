// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring_inside.h"

#include "cluster/key_file.h"
#include "cluster/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static const char secret_end[] = ".secret", public_end[] = ".public",
                  admitted_folder[] = "admitted";

/* ---- names and paths ---- */

static bool is_name(size_t n, const char *name)
{
    if (n == 0 || n >= WIRE_NAME_CAP || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    return true;
}

static err_t check_name(const char *name)
{
    if (is_name(strlen(name), name))
        return OK;
    return err_fail(ERR_USAGE,
                    "name of a key: got \"%.80s\", expected at most %d letters, digits, '-', '_' "
                    "and '.', a letter or digit first",
                    name, WIRE_NAME_CAP - 1);
}

// "NAME<end>": the name; false where the file is called otherwise.
static bool name_in(const char *file, const char *end, char name[WIRE_NAME_CAP])
{
    size_t n = strlen(file), tail = strlen(end);
    if (n <= tail || strcmp(file + n - tail, end) != 0 || !is_name(n - tail, file))
        return false;
    memcpy(name, file, n - tail);
    name[n - tail] = '\0';
    return true;
}

char *keyring_folder(const char *given)
{
    const char *own = getenv("INFERMILL_KEYS"), *config = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");
    if (given != NULL || (own != NULL && own[0] != '\0'))
        return mem_copy_text(given != NULL ? given : own);
    if (config != NULL && config[0] != '\0')
        return mem_format("%s/infermill/keys", config);
    return mem_format("%s/.config/infermill/keys", home != NULL ? home : "");
}

static char *secret_path(const char *folder, const char *name)
{
    return mem_format("%s/%s%s", folder, name, secret_end);
}

static char *public_path(const char *folder, const char *name)
{
    return mem_format("%s/%s%s", folder, name, public_end);
}

static char *admitted_path(const char *folder, const char *name)
{
    return mem_format("%s/%s/%s%s", folder, admitted_folder, name, public_end);
}

static err_t make_folder(const char *path)
{
    struct stat is;
    char *part = mem_copy_text(path);
    for (char *c = part + 1; *c != '\0'; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        mkdir(part, 0777); // the last one tells what is wrong
        *c = '/';
    }
    free(part);
    if (mkdir(path, 0700) == 0 || (errno == EEXIST && stat(path, &is) == 0 && S_ISDIR(is.st_mode)))
        return OK;
    return err_errno(ERR_IO, "folder of keys %s can not be made", path);
}

/* ---- one key ---- */

err_t keyring_make(const char *folder, const char *name)
{
    wire_keys_t keys;
    TRY(check_name(name));
    TRY(make_folder(folder));
    TRY(wire_keys_make(&keys));
    char *secret = secret_path(folder, name), *public = public_path(folder, name);
    err_t err = key_file_write(secret, KEY_SECRET, keys.secret_key);
    if (err == OK)
        err = key_file_write(public, KEY_PUBLIC, keys.public_key);
    explicit_bzero(&keys, sizeof keys);
    free(secret);
    free(public);
    return err;
}

static err_t read_public(char *path, char key[WIRE_KEY_CAP]) // frees the path
{
    err_t err = key_file_read(path, KEY_PUBLIC, key);
    free(path);
    return err;
}

// Neither another key under this name nor this key under another one.
static err_t check_free(const char *folder, const char *name, const char *key)
{
    int n;
    keyring_entry_t *all;
    err_t err = OK;
    TRY(keyring_list(folder, &n, &all));
    for (int i = 0; i < n && err == OK; i++) {
        bool same_name = strcmp(all[i].name, name) == 0;
        bool same_key = strcmp(all[i].public_key, key) == 0;
        if (all[i].admitted && same_name != same_key)
            err = err_fail(ERR_FAILED,
                           same_name ? "another key is admitted as %s: revoke it first, or give "
                                       "the file another name"
                                     : "this key is admitted already, as %s",
                           all[i].name);
    }
    free(all);
    return err;
}

err_t keyring_admit(const char *folder, const char *file, char name[WIRE_NAME_CAP])
{
    char key[WIRE_KEY_CAP];
    const char *slash = strrchr(file, '/');
    if (!name_in(slash != NULL ? slash + 1 : file, public_end, name))
        return err_fail(ERR_USAGE,
                        "%s: expected NAME.public, as `infermill keys new NAME` makes it", file);
    TRY(key_file_read(file, KEY_PUBLIC, key));
    char *inside = mem_format("%s/%s", folder, admitted_folder),
         *path = admitted_path(folder, name);
    err_t err = make_folder(folder);
    if (err == OK)
        err = make_folder(inside);
    if (err == OK)
        err = check_free(folder, name, key);
    if (err == OK)
        err = key_file_write(path, KEY_PUBLIC, key);
    free(inside);
    free(path);
    return err;
}

err_t keyring_revoke(const char *folder, const char *name)
{
    TRY(check_name(name));
    char *path = admitted_path(folder, name);
    err_t err = OK;
    if (unlink(path) != 0)
        err = errno == ENOENT
                  ? err_fail(ERR_MISSING, "%s is not admitted by the keys in %s", name, folder)
                  : err_errno(ERR_IO, "%s can not be removed", path);
    free(path);
    return err;
}

err_t keyring_peer(const char *folder, const char *name, char public_key[WIRE_KEY_CAP])
{
    TRY(check_name(name));
    err_t err = read_public(admitted_path(folder, name), public_key);
    if (err_is(err, ERR_MISSING))
        err = read_public(public_path(folder, name), public_key);
    if (err_is(err, ERR_MISSING))
        err = err_fail(ERR_MISSING,
                       "no public key of %s among the keys in %s: bring its %s%s here and run "
                       "`infermill keys admit %s%s`",
                       name, folder, name, public_end, name, public_end);
    return err;
}

/* ---- the folder ---- */

static keyring_entry_t *entries_add(keyring_entries_t *all, const char *name)
{
    if (all->n == all->cap) {
        all->cap = 2 * all->cap + 8;
        all->entry = MEM_GROW(all->entry, keyring_entry_t, all->cap);
    }
    keyring_entry_t *e = &all->entry[all->n++];
    *e = (keyring_entry_t){.own = false};
    snprintf(e->name, sizeof e->name, "%s", name);
    return e;
}

// Names of the files "NAME<end>" of a folder, of which there may be none.
static err_t scan(const char *folder, const char *end, keyring_entries_t *out)
{
    char name[WIRE_NAME_CAP];
    DIR *open = opendir(folder);
    if (open == NULL)
        return errno == ENOENT ? OK : err_errno(ERR_IO, "folder of keys %s", folder);
    for (const struct dirent *d = readdir(open); d != NULL; d = readdir(open))
        if (name_in(d->d_name, end, name))
            entries_add(out, name);
    closedir(open);
    return OK;
}

static err_t scan_own(const char *folder, keyring_entries_t *all)
{
    TRY(scan(folder, secret_end, all));
    for (int i = 0; i < all->n; i++) {
        all->entry[i].own = true;
        TRY(read_public(public_path(folder, all->entry[i].name), all->entry[i].public_key));
    }
    return OK;
}

static bool same_entry(const keyring_entry_t *a, const keyring_entry_t *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->public_key, b->public_key) == 0;
}

err_t keyring_scan_admitted(const char *folder, char skipped[KEYRING_TEXT_CAP],
                            keyring_entries_t *all)
{
    int kept = all->n;
    char *inside = mem_format("%s/%s", folder, admitted_folder);
    err_t err = scan(inside, public_end, all);
    free(inside);
    for (int i = kept; i < all->n && err == OK; i++) {
        keyring_entry_t e = all->entry[i];
        e.admitted = true;
        err = read_public(admitted_path(folder, e.name), e.public_key);
        if (err == OK)
            all->entry[kept++] = e;
        else if (skipped != NULL && !err_is(err, ERR_MISSING))
            snprintf(skipped, KEYRING_TEXT_CAP, "%s", err_text());
        if (skipped != NULL || err_is(err, ERR_MISSING))
            err = OK;
    }
    all->n = kept;
    return err;
}

// What is both own and admitted becomes one entry.
static void merge_own(int own, keyring_entries_t *all)
{
    for (int i = 0; i < own; i++)
        for (int k = own; k < all->n; k++)
            if (same_entry(&all->entry[i], &all->entry[k])) {
                all->entry[i].admitted = true;
                all->entry[k] = all->entry[--all->n];
                break;
            }
}

static int by_name(const void *a, const void *b)
{
    const keyring_entry_t *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : y->own - x->own;
}

err_t keyring_list(const char *folder, int *n, keyring_entry_t **out)
{
    keyring_entries_t all = {.n = 0};
    err_t err = scan_own(folder, &all);
    int own = all.n;
    if (err == OK)
        err = keyring_scan_admitted(folder, NULL, &all);
    merge_own(own, &all);
    if (err == OK && all.n > 0)
        qsort(all.entry, (size_t)all.n, sizeof *all.entry, by_name);
    if (err != OK) {
        free(all.entry);
        all = (keyring_entries_t){.n = 0};
    }
    *n = all.n;
    *out = all.entry;
    return err;
}

/* ---- this process's own keys ---- */

static err_t only_name(const char *folder, char name[WIRE_NAME_CAP])
{
    keyring_entries_t all = {.n = 0};
    err_t err = scan(folder, secret_end, &all);
    if (err == OK && all.n == 0)
        err = err_fail(ERR_MISSING, "no keys in %s: make some with `infermill keys new NAME`",
                       folder);
    else if (err == OK && all.n > 1)
        err = err_fail(ERR_USAGE, "%d keys in %s (%s, %s%s): say the name of the one to use", all.n,
                       folder, all.entry[0].name, all.entry[1].name, all.n > 2 ? ", ..." : "");
    else if (err == OK)
        memcpy(name, all.entry[0].name, WIRE_NAME_CAP);
    free(all.entry);
    return err;
}

err_t keyring_own(const char *folder, const char *name, wire_keys_t *out)
{
    char used[WIRE_NAME_CAP];
    if (name == NULL)
        TRY(only_name(folder, used));
    else {
        TRY(check_name(name));
        snprintf(used, sizeof used, "%s", name);
    }
    char *path = secret_path(folder, used);
    err_t err = key_file_read(path, KEY_SECRET, out->secret_key);
    if (err_is(err, ERR_MISSING))
        err = err_fail(ERR_MISSING, "no key %s: make it with `infermill keys new %s`", path, used);
    if (err == OK && zmq_curve_public(out->public_key, out->secret_key) != 0)
        err = err_fail(ERR_FORMAT, "%s: has no public key", path);
    free(path);
    return err;
}
