// SPDX-License-Identifier: Apache-2.0
#include "coordinator/command_bank.h"

#include "cluster/log.h"
#include "cluster/yaml.h"
#include "coordinator/json_out.h"
#include "storage/bank.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name, *arguments;
    int least, most;
    bool ranks;
    err_t (*run)(const bank_call_t *call);
} verb_t;

static const verb_t verbs[] = {
    {"info", "DIR", 1, 1, false, bank_verb_info},
    {"verify", "DIR", 1, 1, false, bank_verb_verify},
    {"import", "DIR --declaration MODEL.yaml FILE...", 2, INT_MAX, true, bank_verb_import},
    {"merge", "OUT DIR...", 2, INT_MAX, true, bank_verb_merge},
    {"export", "DIR FILE.h5|FILE.csv", 2, 2, false, bank_verb_export},
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static const verb_t *find_verb(const char *name)
{
    for (int i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

int command_bank_ranks(const options_t *options)
{
    const verb_t *verb = find_verb(options->arguments[0]);
    int n = options->n_arguments - 1;
    return verb != NULL && verb->ranks && n >= verb->least ? 1 : 0;
}

err_t command_bank(const par_t *par, const options_t *options)
{
    const verb_t *verb = find_verb(options->arguments[0]);
    bank_call_t call = {par, options, options->n_arguments - 1, options->arguments + 1};
    if (verb == NULL) {
        const char *names[N_VERBS], *near;
        for (int i = 0; i < N_VERBS; i++)
            names[i] = verbs[i].name;
        near = yaml_nearest(options->arguments[0], N_VERBS, names);
        return err_fail(ERR_USAGE,
                        "bank: unknown verb \"%s\", expected info, verify, import, merge or export"
                        "%s%s%s",
                        options->arguments[0], near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
    }
    if (call.n < verb->least || call.n > verb->most)
        return err_fail(ERR_USAGE, "bank %s: got %d arguments, expected %s", verb->name, call.n,
                        verb->arguments);
    return verb->run(&call);
}

/* ---- verify ---- */

typedef struct {
    bool json;
    json_t *found;
} findings_t;

static void take_finding(void *user, int64_t shard, int64_t first_row, int64_t end_row,
                         const char *what)
{
    const findings_t *f = user;
    if (f->json)
        json_array_append_new(f->found, json_pack("{s:I,s:I,s:I,s:s}", "shard", (json_int_t)shard,
                                                  "first_row", (json_int_t)first_row, "end_row",
                                                  (json_int_t)end_row, "what", what));
    else if (end_row > first_row)
        printf("shard %" PRId64 ", rows %" PRId64 " to %" PRId64 ": %s\n", shard, first_row,
               end_row - 1, what);
    else
        printf("shard %" PRId64 ": %s\n", shard, what);
}

err_t bank_verb_verify(const bank_call_t *call)
{
    bank_t *bank = NULL;
    TRY(bank_open(call->arguments[0], &bank));
    findings_t f = {call->options->json, json_array()};
    err_t err = bank_verify(bank, take_finding, &f);
    bank_info_t t = bank_info(bank);
    if (f.json) {
        json_t *all = json_pack("{s:I,s:I,s:I,s:b,s:O}", "rows", (json_int_t)t.rows, "shards",
                                (json_int_t)t.shards, "bytes", (json_int_t)t.bytes, "whole",
                                err == OK, "findings", f.found);
        json_print(all);
        json_decref(all);
    } else if (err == OK)
        printf("%" PRId64 " rows in %" PRId64 " shards, %" PRId64 " bytes: every checksum holds\n",
               t.rows, t.shards, t.bytes);
    json_decref(f.found);
    bank_close(&bank);
    return err;
}
