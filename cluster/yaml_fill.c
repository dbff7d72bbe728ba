// SPDX-License-Identifier: Apache-2.0
// The schema table at work: one reader a type, and the words that say what was expected.
#include "cluster/yaml.h"

#include "cluster/mem.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORDS_CAP = 512, BOUND_CAP = 32 };

/* "1e12" rather than "1e+12" */
static void format_bound(double value, char out[BOUND_CAP])
{
    snprintf(out, BOUND_CAP, "%.10g", value);
    char *mark = strchr(out, 'e');
    if (mark == NULL)
        return;
    char *digits = mark + (mark[1] == '-' ? 2 : 1), *from = digits + (*digits == '+');
    while (*from == '0' && from[1] != '\0')
        from++;
    memmove(digits, from, strlen(from) + 1);
}

static void append(char out[WORDS_CAP], const char *more)
{
    size_t used = strlen(out);
    snprintf(out + used, WORDS_CAP - used, "%s", more);
}

static void append_range(const yaml_field_t *field, char out[WORDS_CAP])
{
    char low[BOUND_CAP], high[BOUND_CAP], words[3 * BOUND_CAP];
    if (field->low == field->high)
        return;
    bool positive = field->low == DBL_MIN;
    format_bound(positive ? 0 : field->low, low);
    format_bound(field->high, high);
    if (isinf(field->high))
        snprintf(words, sizeof words, " %s %s", positive ? "greater than" : "of at least", low);
    else if (isinf(field->low))
        snprintf(words, sizeof words, " of at most %s", high);
    else if (positive)
        snprintf(words, sizeof words, " greater than 0, at most %s", high);
    else
        snprintf(words, sizeof words, " from %s to %s", low, high);
    append(out, words);
}

static void append_words(const char *const *words, char out[WORDS_CAP])
{
    for (int i = 0; words[i] != NULL; i++) {
        append(out, i > 0 ? ", " : " ");
        append(out, words[i]);
    }
}

/* "an integer from 1 to 1e12 (rows of the bank)" */
static const char *expected(const yaml_field_t *field, char out[WORDS_CAP])
{
    static const char *const words[] = {[YAML_TEXT] = "a text",
                                        [YAML_WORD] = "one of",
                                        [YAML_INTEGER] = "an integer",
                                        [YAML_REAL] = "a number",
                                        [YAML_BOOL] = "true or false",
                                        [YAML_REALS] = "a sequence of numbers, each",
                                        [YAML_TEXTS] = "a text or a sequence of texts",
                                        [YAML_MAP] = "a map of keys and values",
                                        [YAML_NODE] = "a value"};
    bool ranged = field->low != field->high;
    snprintf(out, WORDS_CAP, "%s",
             field->type == YAML_REALS && !ranged ? "a sequence of numbers" : words[field->type]);
    if (field->type == YAML_INTEGER || field->type == YAML_REAL || field->type == YAML_REALS)
        append_range(field, out);
    if (field->type == YAML_WORD)
        append_words(field->words, out);
    if (field->help != NULL) {
        append(out, " (");
        append(out, field->help);
        append(out, ")");
    }
    return out;
}

/* `hint` says more about what stands there; may be empty. */
static err_t wrong_type(yaml_node_ref_t node, const yaml_field_t *field, const char *hint)
{
    char got[YAML_SHOW_CAP], words[WORDS_CAP];
    return yaml_node_error(node, "got %s%s, expected %s", yaml_node_show(node, got), hint,
                           expected(field, words));
}

static err_t wrong_number(yaml_node_ref_t node, const yaml_field_t *field)
{
    const char *text = yaml_node_text(node), *hint = "";
    double real;
    if (text != NULL && yaml_node_quoted(node))
        hint = ", a text in quotes";
    else if (text != NULL && yaml_parse_real(text, &real))
        hint = fabs(real) < 9e18 ? ", not a whole number" : ", too large";
    else if (text != NULL && yaml_number_length(text) > 0)
        hint = text[yaml_number_length(text)] != '\0' ? ", text after the number" : ", too large";
    return wrong_type(node, field, hint);
}

static err_t check_range(yaml_node_ref_t node, const yaml_field_t *field, double value)
{
    char got[YAML_SHOW_CAP], words[WORDS_CAP];
    if (field->low == field->high || (value >= field->low && value <= field->high))
        return OK;
    return yaml_node_error(node, "%s is out of range, expected %s", yaml_node_show(node, got),
                           expected(field, words));
}

static bool is_unquoted(yaml_node_ref_t node)
{
    return yaml_node_kind(node) == YAML_KIND_SCALAR && !yaml_node_quoted(node);
}

static err_t read_integer(yaml_node_ref_t node, const yaml_field_t *field, int64_t *out)
{
    int64_t value;
    if (!is_unquoted(node) || !yaml_parse_integer(yaml_node_text(node), &value))
        return wrong_number(node, field);
    TRY(check_range(node, field, (double)value));
    *out = value;
    return OK;
}

static err_t read_real(yaml_node_ref_t node, const yaml_field_t *field, double *out)
{
    double value;
    if (!is_unquoted(node) || !yaml_parse_real(yaml_node_text(node), &value))
        return wrong_number(node, field);
    TRY(check_range(node, field, value));
    *out = value;
    return OK;
}

static err_t read_bool(yaml_node_ref_t node, const yaml_field_t *field, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } table[] = {{"true", true}, {"false", false}, {"yes", true},
                 {"no", false},  {"on", true},     {"off", false}};
    for (size_t i = 0; is_unquoted(node) && i < sizeof table / sizeof *table; i++)
        if (strcasecmp(yaml_node_text(node), table[i].word) == 0) {
            *out = table[i].value;
            return OK;
        }
    return wrong_type(node, field, "");
}

static err_t read_word(yaml_node_ref_t node, const yaml_field_t *field, int *out)
{
    const char *text = yaml_node_text(node), *nearest = NULL;
    int n = 0;
    for (; field->words[n] != NULL; n++)
        if (text != NULL && strcmp(text, field->words[n]) == 0) {
            *out = n;
            return OK;
        }
    if (text != NULL)
        nearest = yaml_nearest(text, n, field->words);
    char got[YAML_SHOW_CAP], words[WORDS_CAP];
    return yaml_node_error(
        node, nearest ? "got %s, expected %s; did you mean \"%s\"?" : "got %s, expected %s",
        yaml_node_show(node, got), expected(field, words), nearest);
}

static err_t read_text(yaml_node_ref_t node, const yaml_field_t *field, arena_t *arena, char **out)
{
    if (yaml_node_kind(node) != YAML_KIND_SCALAR || yaml_node_null(node))
        return wrong_type(node, field, "");
    *out = arena_copy_text(arena, yaml_node_text(node));
    return OK;
}

static err_t read_reals(yaml_node_ref_t node, const yaml_field_t *field, arena_t *arena,
                        yaml_reals_t *out)
{
    if (yaml_node_kind(node) != YAML_KIND_SEQUENCE)
        return wrong_type(node, field, "");
    yaml_reals_t reals = {.n = yaml_node_count(node)};
    reals.at = ARENA_NEW(arena, double, reals.n);
    yaml_field_t item = *field;
    item.type = YAML_REAL;
    for (int i = 0; i < reals.n; i++)
        TRY(read_real(yaml_node_item(node, i), &item, &reals.at[i]));
    *out = reals;
    return OK;
}

static err_t read_texts(yaml_node_ref_t node, const yaml_field_t *field, arena_t *arena,
                        yaml_texts_t *out)
{
    bool many = yaml_node_kind(node) == YAML_KIND_SEQUENCE;
    yaml_field_t item = *field;
    item.type = many ? YAML_TEXT : YAML_TEXTS;
    yaml_texts_t texts = {.n = many ? yaml_node_count(node) : 1};
    texts.at = ARENA_NEW(arena, char *, texts.n);
    for (int i = 0; i < texts.n; i++)
        TRY(read_text(many ? yaml_node_item(node, i) : node, &item, arena, &texts.at[i]));
    *out = texts;
    return OK;
}

static err_t read_value(yaml_node_ref_t node, const yaml_field_t *field, arena_t *arena, void *out)
{
    switch (field->type) {
    case YAML_TEXT:
        return read_text(node, field, arena, out);
    case YAML_WORD:
        return read_word(node, field, out);
    case YAML_INTEGER:
        return read_integer(node, field, out);
    case YAML_REAL:
        return read_real(node, field, out);
    case YAML_BOOL:
        return read_bool(node, field, out);
    case YAML_REALS:
        return read_reals(node, field, arena, out);
    case YAML_TEXTS:
        return read_texts(node, field, arena, out);
    case YAML_NODE:
        *(yaml_node_ref_t *)out = node;
        return OK;
    case YAML_MAP:
        break;
    }
    die(__FILE__, __LINE__, "type %d of key %s", (int)field->type, field->key);
}

/* The default is read as a document of its own, so it may be whatever a file may hold. */
static void read_fallback(const yaml_field_t *field, arena_t *arena, void *out)
{
    yaml_doc_t *doc = NULL;
    bool empty = *field->fallback == '\0' && field->type == YAML_TEXT;
    err_t err = yaml_read_text(empty ? "\"\"" : field->fallback, field->key, &doc);
    if (err == OK)
        err = read_value(yaml_root(doc), field, arena, out);
    CHECK(err == OK && field->type != YAML_NODE, "the default of a key is wrong: %s", err_text());
    yaml_close(&doc);
}

static err_t missing_key(yaml_node_ref_t map, const yaml_field_t *field)
{
    char words[WORDS_CAP];
    return yaml_node_error(map, "the key \"%s\" is missing, expected %s", field->key,
                           expected(field, words));
}

static err_t fill_field(yaml_node_ref_t map, const yaml_field_t *field, arena_t *arena,
                        void *target)
{
    yaml_node_ref_t value = yaml_node_get(map, field->key);
    yaml_kind_t kind = yaml_node_kind(value);
    void *out = (char *)target + field->offset;
    if (kind == YAML_KIND_ABSENT && field->required && map.id != 0)
        return missing_key(map, field);
    if (field->type == YAML_MAP) {
        if (kind != YAML_KIND_ABSENT && kind != YAML_KIND_MAPPING && !yaml_node_null(value))
            return wrong_type(value, field, "");
        return yaml_fill(value, field->fields, arena, target);
    }
    if (kind != YAML_KIND_ABSENT || field->type == YAML_NODE)
        return read_value(value, field, arena, out);
    if (field->fallback != NULL)
        read_fallback(field, arena, out);
    return OK;
}

static err_t unknown_key(yaml_node_ref_t key, const yaml_field_t *fields)
{
    int n = 0;
    while (fields[n].key != NULL)
        n++;
    const char **keys = MEM_NEW(const char *, n + 1);
    for (int i = 0; i < n; i++)
        keys[i] = fields[i].key;
    const char *nearest = yaml_nearest(yaml_node_text(key), n, keys);
    char got[YAML_SHOW_CAP], words[WORDS_CAP] = "";
    append_words(keys, words);
    yaml_node_show(key, got);
    const char *mark = *got == '"' ? "" : "\"";
    err_t err = nearest != NULL ? yaml_node_error(key, "unknown key %s%s%s; did you mean \"%s\"?",
                                                  mark, got, mark, nearest)
                                : yaml_node_error(key, "unknown key %s%s%s, expected one of%s",
                                                  mark, got, mark, words);
    free(keys);
    return err;
}

static bool is_known(const char *key, const yaml_field_t *fields)
{
    for (; fields->key != NULL; fields++)
        if (strcmp(fields->key, key) == 0)
            return true;
    return false;
}

err_t yaml_fill(yaml_node_ref_t map, const yaml_field_t *fields, arena_t *arena, void *target)
{
    char got[YAML_SHOW_CAP];
    yaml_kind_t kind = yaml_node_kind(map);
    if (kind == YAML_KIND_SEQUENCE || (kind == YAML_KIND_SCALAR && !yaml_node_null(map)))
        return yaml_node_error(map, "got %s, expected a map of keys and values",
                               yaml_node_show(map, got));
    for (int i = 0; i < yaml_node_count(map); i++)
        if (!is_known(yaml_node_key(map, i), fields))
            return unknown_key(yaml_node_key_ref(map, i), fields);
    for (const yaml_field_t *field = fields; field->key != NULL; field++)
        TRY(fill_field(map, field, arena, target));
    return OK;
}
