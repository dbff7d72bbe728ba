// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/log.h"
#include "cluster/mem.h"
#include "cluster/yaml.h"
#include "coordinator/command.h"
#include "coordinator/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *folder, *argument; // NULL where the verb takes none
    bool json;
} call_t;

static json_t *entry_json(const keyring_entry_t *e)
{
    return json_pack("{s:s,s:s,s:b,s:b}", "name", e->name, "public_key", e->public_key, "own",
                     e->own, "admitted", e->admitted);
}

static void print_json(json_t *value)
{
    json_print(value);
    json_decref(value);
}

static err_t keys_new(const call_t *c)
{
    char key[WIRE_KEY_CAP];
    const char *name = c->argument;
    TRY(keyring_make(c->folder, name));
    TRY(keyring_peer(c->folder, name, key));
    if (c->json)
        print_json(
            json_pack("{s:s,s:s,s:s}", "name", name, "folder", c->folder, "public_key", key));
    else
        printf("%s/%s.secret   stays on this machine\n"
               "%s/%s.public   goes to the other side: infermill keys admit %s.public\n",
               c->folder, name, c->folder, name, name);
    return OK;
}

static err_t keys_admit(const call_t *c)
{
    char name[WIRE_NAME_CAP], key[WIRE_KEY_CAP];
    TRY(keyring_admit(c->folder, c->argument, name));
    TRY(keyring_peer(c->folder, name, key));
    if (c->json)
        print_json(
            json_pack("{s:s,s:s,s:s}", "name", name, "folder", c->folder, "public_key", key));
    else
        printf("%s is admitted by the keys in %s\n", name, c->folder);
    return OK;
}

static err_t keys_revoke(const call_t *c)
{
    TRY(keyring_revoke(c->folder, c->argument));
    if (c->json)
        print_json(json_pack("{s:s,s:s}", "name", c->argument, "folder", c->folder));
    else
        printf(
            "%s is no longer admitted by the keys in %s, nor is what its connections still send\n",
            c->argument, c->folder);
    return OK;
}

static void print_entries(const call_t *c, int n, const keyring_entry_t *all)
{
    if (n == 0)
        printf("no keys in %s: make some with `infermill keys new NAME`\n", c->folder);
    else
        printf("%-20s %-5s %-8s %s\n", "name", "own", "admitted", "public key");
    for (int i = 0; i < n; i++)
        printf("%-20s %-5s %-8s %s\n", all[i].name, all[i].own ? "yes" : "-",
               all[i].admitted ? "yes" : "-", all[i].public_key);
}

static err_t keys_list(const call_t *c)
{
    int n;
    keyring_entry_t *all;
    TRY(keyring_list(c->folder, &n, &all));
    if (c->json) {
        json_t *entries = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(entries, entry_json(&all[i]));
        print_json(json_pack("{s:s,s:o}", "folder", c->folder, "keys", entries));
    } else
        print_entries(c, n, all);
    free(all);
    return OK;
}

typedef struct {
    const char *name, *argument; // "": it takes none
    err_t (*run)(const call_t *call);
} verb_t;

static const verb_t verbs[] = {{"new", "NAME", keys_new},
                               {"admit", "FILE.public", keys_admit},
                               {"list", "", keys_list},
                               {"revoke", "NAME", keys_revoke}};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static err_t find_verb(const char *name, const verb_t **out)
{
    const char *names[N_VERBS];
    for (int i = 0; i < N_VERBS; i++) {
        names[i] = verbs[i].name;
        *out = &verbs[i];
        if (strcmp(verbs[i].name, name) == 0)
            return OK;
    }
    const char *near = yaml_nearest(name, N_VERBS, names);
    return err_fail(ERR_USAGE,
                    "keys: unknown verb \"%s\", expected new, admit, list or revoke%s%s%s", name,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

err_t command_keys(const par_t *par, const options_t *options)
{
    (void)par;
    const verb_t *verb;
    int n = options->n_arguments - 1;
    TRY(find_verb(options->arguments[0], &verb));
    int wanted = verb->argument[0] != '\0' ? 1 : 0;
    if (n != wanted)
        return err_fail(ERR_USAGE, "keys %s: got %d arguments, expected %s", verb->name, n,
                        wanted ? verb->argument : "none");
    char *folder = keyring_folder(options->keys);
    call_t call = {folder, n > 0 ? options->arguments[1] : NULL, options->json};
    err_t err = verb->run(&call);
    free(folder);
    return err;
}
