// SPDX-License-Identifier: Apache-2.0
#include "cluster/yaml_edit.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a text before its k-th character (UTF-8). */
static size_t edit_bytes(const char *text, size_t characters)
{
    size_t at = 0;
    while (characters > 0 && text[at] != '\0') {
        at++;
        while (((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        characters--;
    }
    return at;
}

static char *edit_replace(const char *text, size_t begin, size_t end, const char *words)
{
    return mem_format("%.*s%s%s", (int)begin, text, words, text + end);
}

/* "a.b.c" and v: "a: {b: {c: v}}". */
static char *edit_pair(const char *path, const char *value)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL)
        return mem_format("%s: %s", path, value);
    char *inner = edit_pair(dot + 1, value);
    char *pair = mem_format("%.*s: {%s}", (int)(dot - path), path, inner);
    free(inner);
    return pair;
}

static size_t edit_column(const char *text, size_t at)
{
    size_t column = 0;
    while (at > column && text[at - column - 1] != '\n')
        column++;
    return column;
}

/* Puts the rest of the path into a mapping that lacks it: at the end of the file, behind the brace of a flow mapping, or
 * before the first key of a block. */
static char *edit_insert(const char *text, yaml_node_ref_t map, bool root, const char *rest,
                         const char *value)
{
    size_t from, to;
    yaml_node_span(map, &from, &to);
    size_t begin = edit_bytes(text, from), n = strlen(text);
    char *pair = edit_pair(rest, value), *words;
    size_t at = begin;
    if (text[begin] == '{') {
        at = begin + 1;
        words = mem_format("%s%s", pair, yaml_node_count(map) > 0 ? ", " : "");
    } else if (root && edit_column(text, begin) == 0) {
        at = n;
        words = mem_format("%s%s\n", n > 0 && text[n - 1] != '\n' ? "\n" : "", pair);
    } else {
        words = mem_format("%s\n%*s", pair, (int)edit_column(text, begin), "");
    }
    char *edited = edit_replace(text, at, at, words);
    free(words);
    free(pair);
    return edited;
}

/* At `node` stands nothing, or a scalar that is the whole path. */
static err_t edit_scalar(const char *text, yaml_node_ref_t node, const char *rest,
                         const char *value, char **out)
{
    size_t from, to;
    yaml_node_span(node, &from, &to);
    size_t begin = edit_bytes(text, from), end = edit_bytes(text, to);
    bool nothing = yaml_node_null(node);
    if (rest != NULL && !nothing)
        return yaml_node_error(node, "expected a mapping with %s", rest);
    char *pair = rest ? edit_pair(rest, value) : NULL;
    char *words = rest ? mem_format("{%s}", pair) : mem_copy_text(value);
    char *spaced = begin == end && begin > 0 && text[begin - 1] == ':' ? mem_format(" %s", words)
                                                                       : mem_copy_text(words);
    *out = edit_replace(text, begin, end, spaced);
    free(spaced);
    free(words);
    free(pair);
    return OK;
}

/* The next key of the path, and what is left behind it (NULL: nothing). */
static char *edit_key(const char *path, const char **rest)
{
    const char *dot = strchr(path, '.');
    *rest = dot ? dot + 1 : NULL;
    return dot ? mem_format("%.*s", (int)(dot - path), path) : mem_copy_text(path);
}

static err_t edit_from(const char *text, yaml_node_ref_t node, bool root, const char *path,
                       const char *value, char **out)
{
    if (yaml_node_kind(node) == YAML_KIND_SCALAR)
        return edit_scalar(text, node, path, value, out);
    if (yaml_node_kind(node) == YAML_KIND_SEQUENCE || path == NULL)
        return yaml_node_error(node, "expected %s", path ? "a mapping" : "one value");
    const char *rest;
    char *key = edit_key(path, &rest);
    yaml_node_ref_t child = yaml_node_get(node, key);
    err_t err = OK;
    if (yaml_node_kind(child) == YAML_KIND_ABSENT)
        *out = edit_insert(text, node, root, path, value);
    else
        err = edit_from(text, child, false, rest, value, out);
    free(key);
    return err;
}

err_t yaml_edit(const char *text, const char *where, const char *path, const char *value,
                char **out)
{
    yaml_doc_t *doc = NULL;
    *out = NULL;
    TRY(yaml_read_text(text, where, &doc));
    err_t err = edit_from(text, yaml_root(doc), true, path, value, out);
    yaml_close(&doc);
    return err;
}
