// SPDX-License-Identifier: Apache-2.0
// A document is read twice: once as events, which alone tell anchors, tags and a second document, and once into nodes.
// Without aliases the nodes are a tree, and a parent has a smaller id than its children.
#include "cluster/yaml.h"

#include "cluster/mem.h"

#include <yaml.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_CAP = 16 << 20, WORDS_CAP = 1024, PATH_CAP = 512, DEPTH_CAP = 32 };

typedef struct {
    int parent, key, index; // node ids, 0: none; index: place in a sequence
} origin_t;

struct yaml_doc {
    yaml_document_t document;
    char *where;
    int n;            // nodes
    origin_t *origin; // (n + 1)
};

typedef struct {
    const char *text, *where;
    size_t bytes;
} source_t;

static void parser_start(yaml_parser_t *parser, const source_t *source)
{
    CHECK(yaml_parser_initialize(parser), "out of memory: a YAML parser");
    yaml_parser_set_input_string(parser, (const unsigned char *)source->text, source->bytes);
}

static err_t parser_error(const yaml_parser_t *parser, const source_t *source)
{
    CHECK(parser->error != YAML_MEMORY_ERROR, "out of memory while reading %s", source->where);
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < source->bytes; i++)
            line += source->text[i] == '\n';
    }
    const char *problem = parser->problem != NULL ? parser->problem : "can not be parsed";
    if (parser->context != NULL)
        return err_fail(ERR_USAGE, "%s:%zu: not YAML: %s (%s from line %zu)", source->where, line,
                        problem, parser->context, parser->context_mark.line + 1);
    return err_fail(ERR_USAGE, "%s:%zu: not YAML: %s", source->where, line, problem);
}

/* What an event holds that a study file must not. NULL: nothing. */
static const char *event_refused(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return "an alias (*name) is not supported, expected the value itself";
    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
    if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
    if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
    if (anchor != NULL)
        return "an anchor (&name) is not supported, expected a plain value";
    return tag != NULL ? "a tag (!name) is not supported, expected a plain value" : NULL;
}

typedef struct {
    int documents, depth;
} seen_t;

static err_t check_event(const yaml_event_t *event, const source_t *source, seen_t *seen)
{
    bool opens =
        event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    bool closes = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
    size_t line = event->start_mark.line + 1;
    const char *refused = event_refused(event);
    if (refused != NULL)
        return err_fail(ERR_USAGE, "%s:%zu: %s", source->where, line, refused);
    if (event->type == YAML_DOCUMENT_START_EVENT && ++seen->documents == 2)
        return err_fail(ERR_USAGE, "%s:%zu: a second document starts here, expected one",
                        source->where, line);
    seen->depth += opens - closes;
    if (seen->depth > DEPTH_CAP)
        return err_fail(ERR_USAGE, "%s:%zu: nested deeper than %d levels", source->where, line,
                        DEPTH_CAP);
    return OK;
}

static err_t check_events(const source_t *source)
{
    yaml_parser_t parser;
    yaml_event_t event;
    err_t err = OK;
    seen_t seen = {0};
    bool more = true;
    parser_start(&parser, source);
    while (err == OK && more) {
        if (!yaml_parser_parse(&parser, &event)) {
            err = parser_error(&parser, source);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        err = check_event(&event, source, &seen);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (err == OK && seen.documents == 0)
        return err_fail(ERR_USAGE, "%s:1: the file is empty, expected keys and values",
                        source->where);
    return err;
}

static const yaml_node_t *node_at(const yaml_doc_t *doc, int id)
{
    return doc->document.nodes.start + id - 1;
}

static const char *scalar_at(const yaml_doc_t *doc, int id)
{
    return (const char *)node_at(doc, id)->data.scalar.value;
}

static yaml_node_ref_t ref_at(yaml_doc_t *doc, int id)
{
    return (yaml_node_ref_t){doc, id};
}

typedef struct {
    const char *text;
    int id;
} keyed_t;

static int by_key(const void *left, const void *right)
{
    const keyed_t *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

static err_t check_keys(yaml_doc_t *doc, const yaml_node_t *map)
{
    size_t n = (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
    keyed_t *keys = MEM_NEW(keyed_t, n);
    err_t err = OK;
    for (size_t i = 0; i < n && err == OK; i++) {
        int id = map->data.mapping.pairs.start[i].key;
        if (node_at(doc, id)->type != YAML_SCALAR_NODE)
            err = yaml_node_error(ref_at(doc, id), "a key is a map or a sequence, expected a word");
        else
            keys[i] = (keyed_t){scalar_at(doc, id), id};
    }
    if (err == OK)
        qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 1; i < n && err == OK; i++) {
        if (strcmp(keys[i - 1].text, keys[i].text) != 0)
            continue;
        char shown[YAML_SHOW_CAP];
        err = yaml_node_error(ref_at(doc, keys[i].id),
                              "the key %s stands here again, first in line %d",
                              yaml_node_show(ref_at(doc, keys[i].id), shown),
                              yaml_node_line(ref_at(doc, keys[i - 1].id)));
    }
    free(keys);
    return err;
}

/* Opened minus closed parentheses of an unquoted text; of anything else 0. */
static int open_parentheses(const yaml_node_t *node)
{
    int open = 0;
    if (node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        for (const yaml_char_t *c = node->data.scalar.value; *c != '\0'; c++)
            open += (*c == '(') - (*c == ')');
    return open;
}

/* A key without a value in a flow map. */
static bool is_piece(const yaml_doc_t *doc, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node_at(doc, pair->key), *value = node_at(doc, pair->value);
    return key->type == YAML_SCALAR_NODE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0 &&
           value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* How many pairs after `first` are the rest of its value "f(1"; 0 where no later piece closes it. */
static int count_pieces(const yaml_doc_t *doc, const yaml_node_pair_t *first,
                        const yaml_node_pair_t *end)
{
    int open = open_parentheses(node_at(doc, first->value));
    const yaml_node_pair_t *at = first + 1;
    for (; open > 0 && at < end && is_piece(doc, at); at++)
        open += open_parentheses(node_at(doc, at->key));
    return open == 0 ? (int)(at - first) - 1 : 0;
}

/* The value of `first` becomes that of all its pieces, with ", " between them. */
static void join_pieces(const yaml_doc_t *doc, const yaml_node_pair_t *first, int pieces)
{
    yaml_node_t *value = doc->document.nodes.start + first->value - 1;
    size_t used = value->data.scalar.length, bytes = used + 1;
    for (int i = 1; i <= pieces; i++)
        bytes += node_at(doc, first[i].key)->data.scalar.length + 2;
    value->data.scalar.value = MEM_GROW(value->data.scalar.value, yaml_char_t, bytes);
    for (int i = 1; i <= pieces; i++)
        used += (size_t)sprintf((char *)value->data.scalar.value + used, ", %s",
                                scalar_at(doc, first[i].key));
    value->data.scalar.length = used;
}

/* In a flow map a comma ends a plain value, also that of "f(1, 2)": the pieces are put together again. */
static void join_arguments(yaml_doc_t *doc, yaml_node_t *map)
{
    yaml_node_pair_t *out = map->data.mapping.pairs.start, *end = map->data.mapping.pairs.top;
    for (yaml_node_pair_t *at = out; at < end; at++) {
        int pieces = count_pieces(doc, at, end);
        if (pieces > 0)
            join_pieces(doc, at, pieces);
        *out++ = *at;
        at += pieces;
    }
    map->data.mapping.pairs.top = out;
}

static void adopt_children(yaml_doc_t *doc, int id)
{
    const yaml_node_t *node = node_at(doc, id);
    if (node->type == YAML_SEQUENCE_NODE) {
        for (int i = 0; i < node->data.sequence.items.top - node->data.sequence.items.start; i++)
            doc->origin[node->data.sequence.items.start[i]] = (origin_t){.parent = id, .index = i};
    } else if (node->type == YAML_MAPPING_NODE) {
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++) {
            doc->origin[pair->key] = (origin_t){.parent = id, .index = -1};
            doc->origin[pair->value] = (origin_t){.parent = id, .key = pair->key};
        }
    }
}

static err_t index_nodes(yaml_doc_t *doc)
{
    doc->n = (int)(doc->document.nodes.top - doc->document.nodes.start);
    doc->origin = MEM_NEW(origin_t, doc->n + 1);
    for (int id = 1; id <= doc->n; id++) {
        yaml_node_t *node = doc->document.nodes.start + id - 1;
        if (node->type == YAML_MAPPING_NODE && node->data.mapping.style == YAML_FLOW_MAPPING_STYLE)
            join_arguments(doc, node);
        adopt_children(doc, id);
        if (node->type == YAML_MAPPING_NODE)
            TRY(check_keys(doc, node));
        if (node->type == YAML_SCALAR_NODE &&
            strlen(scalar_at(doc, id)) != node->data.scalar.length)
            return yaml_node_error(ref_at(doc, id), "the text holds a zero byte");
    }
    return OK;
}

static err_t read_source(const source_t *source, yaml_doc_t **out)
{
    *out = NULL;
    TRY(check_events(source));
    yaml_parser_t parser;
    yaml_doc_t *doc = MEM_NEW(yaml_doc_t, 1);
    doc->where = mem_copy_text(source->where);
    parser_start(&parser, source);
    err_t err = OK;
    if (!yaml_parser_load(&parser, &doc->document))
        err = parser_error(&parser, source);
    yaml_parser_delete(&parser);
    if (err == OK)
        err = index_nodes(doc);
    if (err == OK)
        *out = doc;
    else
        yaml_close(&doc);
    return err;
}

err_t yaml_read_text(const char *text, const char *where, yaml_doc_t **out)
{
    return read_source(&(source_t){.text = text, .where = where, .bytes = strlen(text)}, out);
}

err_t yaml_read_file(const char *path, yaml_doc_t **out)
{
    *out = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_errno(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: can not be opened", path);
    char *text = mem_alloc(FILE_CAP + 1, 1);
    size_t bytes = fread(text, 1, FILE_CAP + 1, file);
    err_t err = OK;
    if (ferror(file))
        err = err_errno(ERR_IO, "%s: can not be read", path);
    else if (bytes > FILE_CAP)
        err = err_fail(ERR_USAGE, "%s: larger than %d MiB, expected a YAML file", path,
                       FILE_CAP >> 20);
    else
        err = read_source(&(source_t){.text = text, .where = path, .bytes = bytes}, out);
    free(text);
    fclose(file);
    return err;
}

void yaml_close(yaml_doc_t **doc)
{
    if (*doc == NULL)
        return;
    yaml_document_delete(&(*doc)->document);
    free((*doc)->where);
    free((*doc)->origin);
    free(*doc);
    *doc = NULL;
}

yaml_node_ref_t yaml_root(yaml_doc_t *doc)
{
    return ref_at(doc, 1);
}

yaml_kind_t yaml_node_kind(yaml_node_ref_t node)
{
    if (node.id == 0)
        return YAML_KIND_ABSENT;
    switch (node_at(node.document, node.id)->type) {
    case YAML_SCALAR_NODE:
        return YAML_KIND_SCALAR;
    case YAML_SEQUENCE_NODE:
        return YAML_KIND_SEQUENCE;
    case YAML_MAPPING_NODE:
        return YAML_KIND_MAPPING;
    case YAML_NO_NODE:
        break;
    }
    return YAML_KIND_ABSENT;
}

int yaml_node_count(yaml_node_ref_t node)
{
    yaml_kind_t kind = yaml_node_kind(node);
    if (kind == YAML_KIND_ABSENT || kind == YAML_KIND_SCALAR)
        return 0;
    const yaml_node_t *at = node_at(node.document, node.id);
    if (kind == YAML_KIND_SEQUENCE)
        return (int)(at->data.sequence.items.top - at->data.sequence.items.start);
    return (int)(at->data.mapping.pairs.top - at->data.mapping.pairs.start);
}

yaml_node_ref_t yaml_node_item(yaml_node_ref_t node, int i)
{
    if (i < 0 || i >= yaml_node_count(node))
        return ref_at(node.document, 0);
    const yaml_node_t *at = node_at(node.document, node.id);
    return ref_at(node.document, at->type == YAML_SEQUENCE_NODE
                                     ? at->data.sequence.items.start[i]
                                     : at->data.mapping.pairs.start[i].value);
}

yaml_node_ref_t yaml_node_key_ref(yaml_node_ref_t map, int i)
{
    if (yaml_node_kind(map) != YAML_KIND_MAPPING || i < 0 || i >= yaml_node_count(map))
        return ref_at(map.document, 0);
    return ref_at(map.document, node_at(map.document, map.id)->data.mapping.pairs.start[i].key);
}

const char *yaml_node_key(yaml_node_ref_t map, int i)
{
    return yaml_node_text(yaml_node_key_ref(map, i));
}

yaml_node_ref_t yaml_node_get(yaml_node_ref_t map, const char *key)
{
    int n = yaml_node_kind(map) == YAML_KIND_MAPPING ? yaml_node_count(map) : 0;
    for (int i = 0; i < n; i++)
        if (strcmp(yaml_node_key(map, i), key) == 0)
            return yaml_node_item(map, i);
    return ref_at(map.document, 0);
}

const char *yaml_node_text(yaml_node_ref_t node)
{
    return yaml_node_kind(node) == YAML_KIND_SCALAR ? scalar_at(node.document, node.id) : NULL;
}

bool yaml_node_quoted(yaml_node_ref_t node)
{
    return yaml_node_kind(node) == YAML_KIND_SCALAR &&
           node_at(node.document, node.id)->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_node_null(yaml_node_ref_t node)
{
    const char *text = yaml_node_text(node);
    return text != NULL && !yaml_node_quoted(node) &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

void yaml_node_span(yaml_node_ref_t node, size_t *begin, size_t *end)
{
    const yaml_node_t *at = node_at(node.document, node.id);
    *begin = at->start_mark.index;
    *end = at->end_mark.index;
}

int yaml_node_line(yaml_node_ref_t node)
{
    if (node.id == 0)
        return 0;
    int key = node.document->origin[node.id].key;
    bool by_its_key = key != 0 && yaml_node_kind(node) != YAML_KIND_SCALAR;
    return (int)node_at(node.document, by_its_key ? key : node.id)->start_mark.line + 1;
}

/* Cut between characters of UTF-8, control characters as spaces. */
static void show_text(const char *text, const char *quote, char out[YAML_SHOW_CAP])
{
    enum { ROOM = YAML_SHOW_CAP - 8 };
    char cut[ROOM + 1];
    size_t n = strnlen(text, ROOM + 1);
    bool whole = n <= ROOM;
    if (!whole)
        for (n = ROOM; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++)
        cut[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7F ? ' ' : text[i];
    cut[n] = '\0';
    snprintf(out, YAML_SHOW_CAP, "%s%s%s%s", quote, cut, whole ? "" : "...", quote);
}

const char *yaml_node_show(yaml_node_ref_t node, char out[YAML_SHOW_CAP])
{
    static const char *const words[] = {[YAML_KIND_ABSENT] = "nothing",
                                        [YAML_KIND_SEQUENCE] = "a sequence",
                                        [YAML_KIND_MAPPING] = "a map"};
    const char *text = yaml_node_text(node);
    double ignored;
    if (text == NULL)
        snprintf(out, YAML_SHOW_CAP, "%s", words[yaml_node_kind(node)]);
    else if (yaml_node_null(node))
        snprintf(out, YAML_SHOW_CAP, "nothing");
    else
        show_text(text, !yaml_node_quoted(node) && yaml_parse_real(text, &ignored) ? "" : "\"",
                  out);
    return out;
}

/* "bank.rows", "parameters[2].name"; empty for the root. */
static void node_path(yaml_node_ref_t node, size_t cap, char *out)
{
    int chain[DEPTH_CAP], depth = 0;
    for (int id = node.id; id > 1 && depth < DEPTH_CAP; id = node.document->origin[id].parent)
        chain[depth++] = id;
    size_t used = 0;
    out[0] = '\0';
    while (depth-- > 0 && used < cap) {
        origin_t origin = node.document->origin[chain[depth]];
        int more = 0;
        if (origin.key != 0 && node_at(node.document, origin.key)->type == YAML_SCALAR_NODE)
            more = snprintf(out + used, cap - used, "%s%.40s", used > 0 ? "." : "",
                            scalar_at(node.document, origin.key));
        else if (origin.key == 0 && origin.index >= 0)
            more = snprintf(out + used, cap - used, "[%d]", origin.index);
        used += (size_t)more;
    }
}

err_t yaml_node_error(yaml_node_ref_t node, const char *format, ...)
{
    char words[WORDS_CAP], path[PATH_CAP];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (node.id == 0)
        return err_fail(ERR_USAGE, "%s: %s", node.document->where, words);
    node_path(node, sizeof path, path);
    return err_fail(ERR_USAGE, "%s:%d: %s%s%s", node.document->where, yaml_node_line(node), path,
                    *path != '\0' ? ": " : "", words);
}
