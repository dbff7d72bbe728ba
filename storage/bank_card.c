// SPDX-License-Identifier: Apache-2.0
#include "storage/bank_card.h"

#include "cluster/mem.h"
#include "cluster/provenance.h"
#include "cluster/yaml.h"
#include "storage/bank.h"
#include "storage/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t format, shard_rows, chunk_rows;
    char *fingerprint, *seed, *study, *created, *user, *host, *software;
    yaml_node_ref_t origin, model;
} card_t;

#define FIELD(type_name, member, ...)                                                              \
    {                                                                                              \
        .key = #member, .type = type_name, .offset = offsetof(card_t, member), __VA_ARGS__         \
    }

static const yaml_field_t card_fields[] = {
    FIELD(YAML_INTEGER, format, .required = true, .low = 1, .high = 1e6,
          .help = "of the bank's files"),
    FIELD(YAML_TEXT, fingerprint, .required = true, .help = "of the model"),
    FIELD(YAML_TEXT, seed, .required = true, .help = "of the random streams"),
    FIELD(YAML_INTEGER, shard_rows, .required = true, .low = 1, .high = 1e12,
          .help = "rows of a full shard"),
    FIELD(YAML_INTEGER, chunk_rows, .required = true, .low = 1, .high = 1e12,
          .help = "rows of a checksum"),
    FIELD(YAML_TEXT, study, .help = "the study that made it"),
    FIELD(YAML_TEXT, created, .help = "when"),
    FIELD(YAML_TEXT, user, .help = "by whom"),
    FIELD(YAML_TEXT, host, .help = "where"),
    FIELD(YAML_TEXT, software, .help = "with what"),
    FIELD(YAML_NODE, origin, .help = "where imported or merged rows come from"),
    FIELD(YAML_NODE, model, .required = true, .help = "the model's declaration"),
    {.key = NULL}};

void bank_card_free(bank_card_t *card)
{
    schema_free(&card->schema);
    free(card->fingerprint);
    free(card->origin);
    free(card->text);
    *card = (bank_card_t){0};
}

// A newer format may have other keys, so it is looked at before the table is.
static err_t check_format(yaml_doc_t *doc, const char *path)
{
    int64_t format;
    const char *text = yaml_node_text(yaml_node_get(yaml_root(doc), "format"));
    if (text == NULL || !yaml_parse_integer(text, &format))
        return err_fail(ERR_FORMAT, "%s: no \"format\": this is not a bank", path);
    if (format > BANK_FORMAT)
        return err_fail(ERR_FORMAT,
                        "%s: bank format %" PRId64
                        ", this infermill (%s) reads up to %d; use a newer one",
                        path, format, INFERMILL_VERSION, BANK_FORMAT);
    return OK;
}

static err_t check_card(const card_t *card, const char *path, bank_card_t *out)
{
    char *end = NULL, *fingerprint = schema_fingerprint(&out->schema);
    err_t err = OK;
    out->seed = strtoull(card->seed, &end, 10);
    out->shard_rows = card->shard_rows;
    out->fingerprint = mem_copy_text(card->fingerprint);
    if (*end != '\0' || card->seed[0] == '\0')
        err = err_fail(ERR_FORMAT, "%s: seed \"%s\" is not a whole number", path, card->seed);
    else if (card->chunk_rows != BANK_CHUNK_ROWS)
        err = err_fail(ERR_FORMAT, "%s: chunk_rows %" PRId64 ", expected %d", path,
                       card->chunk_rows, BANK_CHUNK_ROWS);
    else if (strcmp(fingerprint, card->fingerprint) != 0)
        err = err_fail(ERR_FORMAT, "%s: fingerprint %s, its model gives %s", path,
                       card->fingerprint, fingerprint);
    free(fingerprint);
    return err;
}

static err_t read_fields(yaml_doc_t *doc, const char *path, bank_card_t *out)
{
    arena_t *arena = arena_create();
    card_t card = {0};
    err_t err;
    TRY_TO(done, check_format(doc, path));
    TRY_TO(done, yaml_fill(yaml_root(doc), card_fields, arena, &card));
    TRY_TO(done, schema_from_node(card.model, path, &out->schema));
    TRY_TO(done, check_card(&card, path, out));
done:
    arena_destroy(&arena);
    return err;
}

static const char origin_key[] = "\norigin:\n";

// The lines below "origin:", as they were before bank_card_write moved them in.
static char *origin_of(const char *text)
{
    const char *at = strstr(text, origin_key);
    if (at == NULL)
        return NULL;
    char *out = mem_copy_text(at), *to = out;
    for (at += sizeof origin_key - 1; strncmp(at, "  ", 2) == 0;) {
        size_t line = strcspn(at, "\n") + 1;
        memcpy(to, at + 2, line - 2);
        to += line - 2;
        at += line;
    }
    *to = '\0';
    return out;
}

err_t bank_card_read(const char *folder, bank_card_t *out)
{
    char *path = mem_format("%s/bank.yaml", folder);
    yaml_doc_t *doc = NULL;
    int64_t bytes;
    *out = (bank_card_t){0};
    err_t err = sync_read_text(path, &out->text, &bytes);
    if (err_is(err, ERR_MISSING))
        err = err_fail(ERR_MISSING,
                       "%s: no bank here (no bank.yaml); `infermill simulate STUDY` makes one",
                       folder);
    if (err == OK)
        err = yaml_read_text(out->text, path, &doc);
    if (err == OK)
        err = read_fields(doc, path, out);
    if (err == OK)
        out->origin = origin_of(out->text);
    if (err_is(err, ERR_USAGE)) // a damaged file of ours is no wrong use
        err = -(err_t)ERR_FORMAT;
    yaml_close(&doc);
    free(path);
    if (err != OK)
        bank_card_free(out);
    return err;
}

/* ---- written ---- */

static char *indented(const char *text)
{
    size_t lines = 1, length = strlen(text);
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    char *out = mem_alloc(length + 2 * lines + 1, 1), *to = out;
    for (const char *at = text; *at; at++) {
        if (at == text || at[-1] == '\n')
            to = stpcpy(to, "  ");
        *to++ = *at;
    }
    *to = '\0';
    return out;
}

err_t bank_card_write(const char *folder, const bank_card_t *card, const char *study)
{
    provenance_t now = provenance_now();
    char *path = mem_format("%s/bank.yaml", folder), *model = schema_text(&card->schema);
    char *inner = indented(model), *fingerprint = schema_fingerprint(&card->schema);
    char *origin = indented(card->origin != NULL ? card->origin : "");
    char *quoted[] = {yaml_quote(study ? study : ""), yaml_quote(now.user), yaml_quote(now.host),
                      yaml_quote(fingerprint)};
    char *text = mem_format("format: %d\nfingerprint: %s\nseed: %" PRIu64 "\nshard_rows: %" PRId64
                            "\nchunk_rows: %d\nstudy: %s\ncreated: \"%s\"\nuser: %s\nhost: %s\n"
                            "software: infermill %s\n%s%smodel:\n%s",
                            BANK_FORMAT, quoted[3], card->seed, card->shard_rows, BANK_CHUNK_ROWS,
                            quoted[0], now.created, quoted[1], quoted[2], INFERMILL_VERSION,
                            card->origin != NULL ? "origin:\n" : "", origin, inner);
    err_t err = sync_replace(path, text);
    for (int i = 0; i < 4; i++)
        free(quoted[i]);
    free(text);
    free(fingerprint);
    free(inner);
    free(origin);
    free(model);
    free(path);
    return err;
}

err_t bank_card_extend(const char *folder, const bank_card_t *card, const char *origin)
{
    const char *begin = strstr(card->text, origin_key), *end;
    CHECK(begin != NULL, "%s: a bank without an origin", folder);
    begin += sizeof origin_key - 1;
    for (end = begin; strncmp(end, "  ", 2) == 0;)
        end += strcspn(end, "\n") + 1;
    char *path = mem_format("%s/bank.yaml", folder), *inner = indented(origin);
    char *text = mem_format("%.*s%s%s", (int)(begin - card->text), card->text, inner, end);
    err_t err = sync_replace(path, text);
    free(text);
    free(inner);
    free(path);
    return err;
}
