// SPDX-License-Identifier: Apache-2.0
#include "workers/origin.h"

#include "cluster/mem.h"
#include "cluster/provenance.h"
#include "cluster/yaml.h"
#include "cluster/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- made, copied, freed ---- */

void origin_part_free(origin_part_t *p)
{
    for (int i = 0; i < p->n_files; i++)
        free(p->files[i].name);
    for (int i = 0; i < p->n_runs; i++)
        free(p->runs[i]);
    free(p->files);
    free(p->runs);
    free(p->fingerprint);
    free(p->study);
    free(p->created);
    free(p->user);
    free(p->host);
    free(p->software);
    free(p->bank);
    *p = (origin_part_t){0};
}

void origin_free(origin_t *o)
{
    for (int i = 0; i < o->n; i++)
        origin_part_free(&o->parts[i]);
    free(o->parts);
    *o = (origin_t){0};
}

origin_part_t origin_part_copy(const origin_part_t *part)
{
    origin_part_t copy = *part;
    copy.files = MEM_NEW(origin_file_t, part->n_files);
    copy.runs = MEM_NEW(char *, part->n_runs);
    for (int i = 0; i < part->n_files; i++) {
        copy.files[i] = part->files[i];
        copy.files[i].name = mem_copy_text(part->files[i].name);
    }
    for (int i = 0; i < part->n_runs; i++)
        copy.runs[i] = mem_copy_text(part->runs[i]);
    copy.fingerprint = mem_copy_text(part->fingerprint);
    copy.study = mem_copy_text(part->study);
    copy.created = mem_copy_text(part->created);
    copy.user = mem_copy_text(part->user);
    copy.host = mem_copy_text(part->host);
    copy.software = mem_copy_text(part->software);
    copy.bank = mem_copy_text(part->bank);
    return copy;
}

void origin_add(origin_t *o, origin_part_t part)
{
    CHECK(part.begin == origin_rows(o) && part.end >= part.begin,
          "rows [%" PRId64 ", %" PRId64 ") after %" PRId64, part.begin, part.end, origin_rows(o));
    o->parts = MEM_GROW(o->parts, origin_part_t, o->n + 1);
    o->parts[o->n++] = part;
}

int64_t origin_rows(const origin_t *o)
{
    return o->n > 0 ? o->parts[o->n - 1].end : 0;
}

void origin_sign(origin_part_t *part)
{
    provenance_t now = provenance_now();
    part->created = mem_copy_text(now.created);
    part->user = mem_copy_text(now.user);
    part->host = mem_copy_text(now.host);
    part->software = mem_copy_text("infermill " INFERMILL_VERSION);
}

/* ---- written ---- */

static void put_text(text_t *w, const char *before, const char *text)
{
    if (text == NULL)
        return;
    char *quoted = yaml_quote(text);
    text_add(w, "%s%s\n", before, quoted);
    free(quoted);
}

static void put_part(text_t *w, const origin_part_t *p)
{
    text_add(w, "- rows: [%" PRId64 ", %" PRId64 "]\n  first_row: %" PRId64 "\n", p->begin, p->end,
             p->first);
    if (p->n_files == 0)
        text_add(w, "  seed: %" PRIu64 "\n", p->seed);
    text_add(w, p->n_files > 0 ? "  files:\n" : "");
    for (int i = 0; i < p->n_files; i++) {
        put_text(w, "    - name: ", p->files[i].name);
        text_add(w, "      bytes: %" PRId64 "\n      xxh3: \"%016" PRIx64 "\"\n", p->files[i].bytes,
                 p->files[i].hash);
    }
    put_text(w, "  fingerprint: ", p->fingerprint);
    put_text(w, "  study: ", p->study);
    put_text(w, "  created: ", p->created);
    put_text(w, "  user: ", p->user);
    put_text(w, "  host: ", p->host);
    put_text(w, "  software: ", p->software);
    text_add(w, p->n_runs > 0 ? "  runs:\n" : "");
    for (int i = 0; i < p->n_runs; i++)
        put_text(w, "    - ", p->runs[i]);
}

char *origin_text(const origin_t *o)
{
    text_t w = text_create();
    for (int i = 0; i < o->n; i++)
        put_part(&w, &o->parts[i]);
    return w.data;
}

/* ---- read ---- */

typedef struct {
    yaml_reals_t rows;
    int64_t first_row, bytes;
    char *seed, *fingerprint, *study, *created, *user, *host, *software, *name, *xxh3;
    yaml_texts_t runs;
    yaml_node_ref_t files;
} item_t;

#define FIELD(type_name, member, ...)                                                              \
    {                                                                                              \
        .key = #member, .type = type_name, .offset = offsetof(item_t, member), __VA_ARGS__         \
    }

static const yaml_field_t part_fields[] = {
    FIELD(YAML_REALS, rows, .required = true, .help = "of this bank, the end not included"),
    FIELD(YAML_INTEGER, first_row, .required = true, .low = 0, .high = 9e18,
          .help = "in the bank or the files they come from"),
    FIELD(YAML_TEXT, seed, .help = "of the campaign"),
    FIELD(YAML_NODE, files, .help = "they were imported from"),
    FIELD(YAML_TEXT, fingerprint, .help = "of the model"),
    FIELD(YAML_TEXT, study, .help = "the study that made them"),
    FIELD(YAML_TEXT, created, .help = "when"),
    FIELD(YAML_TEXT, user, .help = "by whom"),
    FIELD(YAML_TEXT, host, .help = "where"),
    FIELD(YAML_TEXT, software, .help = "with what"),
    FIELD(YAML_TEXTS, runs, .help = "that simulated them"),
    {.key = NULL}};

static const yaml_field_t file_fields[] = {
    FIELD(YAML_TEXT, name, .required = true, .help = "as it was given"),
    FIELD(YAML_INTEGER, bytes, .required = true, .low = 0, .high = 9e18, .help = "its size"),
    FIELD(YAML_TEXT, xxh3, .required = true, .help = "of its bytes"),
    {.key = NULL}};

static err_t read_files(yaml_node_ref_t list, arena_t *arena, origin_part_t *part)
{
    int n = yaml_node_count(list);
    part->files = MEM_NEW(origin_file_t, n);
    for (int i = 0; i < n; i++) {
        item_t item = {0};
        char *end;
        TRY(yaml_fill(yaml_node_item(list, i), file_fields, arena, &item));
        part->files[part->n_files++] = (origin_file_t){.name = mem_copy_text(item.name),
                                                       .bytes = item.bytes,
                                                       .hash = strtoull(item.xxh3, &end, 16)};
        if (*end != '\0' || strlen(item.xxh3) != 16)
            return yaml_node_error(yaml_node_item(list, i), "xxh3: \"%s\" is no checksum",
                                   item.xxh3);
    }
    return OK;
}

static err_t read_seed(yaml_node_ref_t node, const char *text, origin_part_t *part)
{
    char *end = NULL;
    if (text == NULL || text[0] == '\0')
        return yaml_node_error(node, "neither a seed nor files");
    part->seed = strtoull(text, &end, 10);
    return *end == '\0' ? OK : yaml_node_error(node, "seed: \"%s\" is no whole number", text);
}

static err_t read_part(yaml_node_ref_t node, arena_t *arena, int64_t begin, origin_part_t *part)
{
    item_t item = {0};
    TRY(yaml_fill(node, part_fields, arena, &item));
    if (item.rows.n != 2 || item.rows.at[0] != (double)begin ||
        !(item.rows.at[1] >= item.rows.at[0] && item.rows.at[1] < 9e15))
        return yaml_node_error(node, "rows: expected [%" PRId64 ", end]", begin);
    part->begin = begin;
    part->end = (int64_t)item.rows.at[1];
    part->first = item.first_row;
    TRY(read_files(item.files, arena, part));
    if (part->n_files == 0)
        TRY(read_seed(node, item.seed, part));
    part->fingerprint = mem_copy_text(item.fingerprint);
    part->study = mem_copy_text(item.study);
    part->created = mem_copy_text(item.created);
    part->user = mem_copy_text(item.user);
    part->host = mem_copy_text(item.host);
    part->software = mem_copy_text(item.software);
    part->runs = MEM_NEW(char *, item.runs.n);
    for (; part->n_runs < item.runs.n; part->n_runs++)
        part->runs[part->n_runs] = mem_copy_text(item.runs.at[part->n_runs]);
    return OK;
}

static err_t read_all(yaml_node_ref_t list, origin_t *out)
{
    arena_t *arena = arena_create();
    err_t err = OK;
    for (int i = 0; i < yaml_node_count(list) && err == OK; i++) {
        origin_part_t part = {0};
        err = read_part(yaml_node_item(list, i), arena, origin_rows(out), &part);
        if (err == OK)
            origin_add(out, part);
        else
            origin_part_free(&part);
    }
    arena_destroy(&arena);
    return err;
}

err_t origin_parse(const char *text, const char *where, origin_t *out)
{
    yaml_doc_t *doc = NULL;
    *out = (origin_t){0};
    err_t err = yaml_read_text(text, where, &doc);
    if (err == OK)
        err = read_all(yaml_root(doc), out);
    yaml_close(&doc);
    if (err_is(err, ERR_USAGE)) // written by us
        err = -(err_t)ERR_FORMAT;
    if (err != OK)
        origin_free(out);
    return err;
}

/* ---- of a bank ---- */

static char *card_text(yaml_doc_t *doc, const char *key)
{
    return mem_copy_text(yaml_node_text(yaml_node_get(yaml_root(doc), key)));
}

static void add_run(origin_part_t *part, const char *run)
{
    for (int i = 0; i < part->n_runs; i++)
        if (strcmp(part->runs[i], run) == 0)
            return;
    part->runs = MEM_GROW(part->runs, char *, part->n_runs + 1);
    part->runs[part->n_runs++] = mem_copy_text(run);
}

static err_t whole_bank(const bank_t *bank, const char *folder, origin_t *out)
{
    yaml_doc_t *doc = NULL;
    TRY(yaml_read_text(bank_text(bank), folder, &doc));
    origin_part_t part = {.end = bank_rows(bank), .seed = bank_seed(bank)};
    part.fingerprint = mem_copy_text(bank_fingerprint(bank));
    part.study = card_text(doc, "study");
    part.created = card_text(doc, "created");
    part.user = card_text(doc, "user");
    part.host = card_text(doc, "host");
    part.software = card_text(doc, "software");
    for (int i = 0; i < bank_shard_count(bank); i++)
        if (bank_shard(bank, i)->first_row < part.end)
            add_run(&part, bank_shard(bank, i)->run);
    yaml_close(&doc);
    origin_add(out, part);
    return OK;
}

// A bank that is not whole yet has fewer rows than its origin tells.
static void cut(origin_t *o, int64_t rows)
{
    while (o->n > 0 && o->parts[o->n - 1].begin >= rows)
        origin_part_free(&o->parts[--o->n]);
    if (o->n > 0 && o->parts[o->n - 1].end > rows)
        o->parts[o->n - 1].end = rows;
}

err_t origin_of_bank(const bank_t *bank, const char *folder, origin_t *out)
{
    const char *text = bank_origin(bank);
    *out = (origin_t){0};
    if (text != NULL)
        TRY(origin_parse(text, folder, out));
    else
        TRY(whole_bank(bank, folder, out));
    cut(out, bank_rows(bank));
    for (int i = 0; i < out->n; i++)
        out->parts[i].bank = mem_copy_text(folder);
    return OK;
}

/* ---- the same rows twice ---- */

static bool overlap(const origin_part_t *a, const origin_part_t *b)
{
    return a->first < b->first + (b->end - b->begin) && b->first < a->first + (a->end - a->begin);
}

static bool has_file(const origin_part_t *p, const origin_file_t *file)
{
    for (int i = 0; i < p->n_files; i++)
        if (p->files[i].hash == file->hash && p->files[i].bytes == file->bytes)
            return true;
    return false;
}

// Arrays in files of their own are the same rows when all of them are.
static bool same_files(const origin_part_t *a, const origin_part_t *b)
{
    bool same = a->n_files > 0 && a->n_files == b->n_files;
    for (int i = 0; i < a->n_files && same; i++)
        same = has_file(b, &a->files[i]);
    return same;
}

static const char *bank_of(const origin_part_t *p)
{
    return p->bank ? p->bank : "this bank";
}

static err_t compare(const origin_part_t *a, const origin_part_t *b)
{
    if (!overlap(a, b))
        return OK;
    const origin_file_t *file = a->files;
    if (same_files(a, b))
        return err_fail(ERR_MISMATCH,
                        "%s and %s hold the same rows: both were imported from a file of %" PRId64
                        " bytes with checksum %016" PRIx64 " (%s)",
                        bank_of(a), bank_of(b), file->bytes, file->hash, file->name);
    if (a->n_files > 0 || b->n_files > 0 || a->seed != b->seed ||
        strcmp(a->fingerprint, b->fingerprint) != 0)
        return OK;
    int64_t begin = a->first > b->first ? a->first : b->first;
    int64_t a_end = a->first + a->end - a->begin, b_end = b->first + b->end - b->begin;
    return err_fail(ERR_MISMATCH,
                    "%s and %s hold the same rows: %" PRId64 " to %" PRId64 " of seed %" PRIu64
                    " are in both",
                    bank_of(a), bank_of(b), begin, (a_end < b_end ? a_end : b_end) - 1, a->seed);
}

err_t origin_check(const origin_t *o)
{
    for (int i = 0; i < o->n; i++)
        for (int k = 0; k < i; k++)
            TRY(compare(&o->parts[k], &o->parts[i]));
    return OK;
}
