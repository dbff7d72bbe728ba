// SPDX-License-Identifier: Apache-2.0
//
// The list of transforms as YAML: read from a study or from the text that an amortizer's file keeps, and written.
#include "nn/adapter.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// How a transform is written.
typedef enum {
    FORM_NAMES, // [a, b]
    FORM_GROUP, // [a, b] or {of: [a, b]}
    FORM_INTO,  // {of: [a, b], into: ab}
    FORM_VALUES // {a: value}
} form_t;

typedef err_t read_value_t(yaml_node_ref_t node, adapter_item_t *item);
typedef void write_value_t(FILE *out, const adapter_item_t *item);

static read_value_t read_range, read_levels, read_size, read_flag, read_noise;
static write_value_t write_range, write_levels, write_size, write_flag, write_noise;

typedef struct {
    const char *word;
    form_t form;
    read_value_t *read; // FORM_VALUES
    write_value_t *write;
    const char *example, *help;
} kind_t;

// clang-format off
static const kind_t kinds[ADAPTER_KINDS] = {
    [ADAPTER_LOG] = {"log", FORM_NAMES, NULL, NULL, "[sigma]", "logarithm of parameters, observables, design variables"},
    [ADAPTER_SQRT] = {"sqrt", FORM_NAMES, NULL, NULL, "[sigma]", "square root"},
    [ADAPTER_CONSTRAIN] = {"constrain", FORM_VALUES, read_range, write_range, "{p: [0, 1]}", "or {p: {lower: 0}}: to all real numbers, from less than the declared support"},
    [ADAPTER_SIMPLEX] = {"simplex", FORM_GROUP, NULL, NULL, "[w1, w2, w3]", "positive parameters that sum to 1"},
    [ADAPTER_ORDERED] = {"ordered", FORM_GROUP, NULL, NULL, "[mu1, mu2]", "ascending parameters"},
    [ADAPTER_COVARIANCE] = {"covariance", FORM_GROUP, NULL, NULL, "{of: [s11, s21, s22]}", "lower triangle by rows"},
    [ADAPTER_CORRELATION] = {"correlation", FORM_GROUP, NULL, NULL, "{of: [r21, r31, r32]}", "lower triangle without the diagonal, by rows"},
    [ADAPTER_ONE_HOT] = {"one_hot", FORM_VALUES, read_levels, write_levels, "{group: 3}", "0, 1, 2 as 3 columns; {y: {column: 1, levels: 3}} for one column of several"},
    [ADAPTER_NAN_TO_MASK] = {"nan_to_mask", FORM_NAMES, NULL, NULL, "[y]", "NaN as 0, and a column that says where a number stood"},
    [ADAPTER_SUBSAMPLE] = {"subsample", FORM_VALUES, read_size, write_size, "{y: 50}", "random elements of each set, a count or a share below 1"},
    [ADAPTER_CONCATENATE] = {"concatenate", FORM_INTO, NULL, NULL, "{of: [a, b], into: ab}", "observables of equal kind and length, column beside column"},
    [ADAPTER_DROP] = {"drop", FORM_NAMES, NULL, NULL, "[aux]", "an observable, a design variable, a parameter (not inferred)"},
    [ADAPTER_STANDARDIZE] = {"standardize", FORM_VALUES, read_flag, write_flag, "{y: false}", "whether by the means and deviations of the first pass"},
    [ADAPTER_NOISE] = {"noise", FORM_VALUES, read_noise, write_noise, "{y: {spike: 0.01, slab: 0.25}}", "in training: normal or Cauchy noise in standard deviations, by a fair coin"}};
// clang-format on

void adapter_print_kinds(FILE *out)
{
    for (int k = 0; k < ADAPTER_KINDS; k++) {
        int width = (int)(strlen(kinds[k].word) + strlen(kinds[k].example));
        fprintf(out, "    - %s: %s%*s# %s\n", kinds[k].word, kinds[k].example,
                width < 36 ? 37 - width : 1, "", kinds[k].help);
    }
}

const char *adapter_kind_word(adapter_kind_t kind)
{
    return kinds[kind].word;
}

/* ---- values ---- */

static err_t expected(yaml_node_ref_t node, const char *what)
{
    char shown[YAML_SHOW_CAP];
    return yaml_node_error(node, "got %s, expected %s", yaml_node_show(node, shown), what);
}

static bool is_real(yaml_node_ref_t node, double *out)
{
    return yaml_node_kind(node) == YAML_KIND_SCALAR && !yaml_node_quoted(node) &&
           yaml_parse_real(yaml_node_text(node), out);
}

static err_t known_keys(yaml_node_ref_t map, int n, const char *const *keys)
{
    for (int i = 0; i < yaml_node_count(map); i++) {
        const char *key = yaml_node_key(map, i), *near = yaml_nearest(key, n, keys);
        bool known = false;
        for (int k = 0; k < n; k++)
            known |= strcmp(key, keys[k]) == 0;
        if (!known)
            return yaml_node_error(yaml_node_key_ref(map, i),
                                   "unknown key \"%s\"; did you mean \"%s\"?", key,
                                   near ? near : keys[0]);
    }
    return OK;
}

static err_t read_range(yaml_node_ref_t node, adapter_item_t *item)
{
    static const char *const keys[] = {"lower", "upper"};
    static const char what[] = "[lower, upper], {lower: number} or {upper: number}";
    yaml_kind_t kind = yaml_node_kind(node);
    bool list = kind == YAML_KIND_SEQUENCE && yaml_node_count(node) == 2;
    if (!list && (kind != YAML_KIND_MAPPING || yaml_node_count(node) == 0))
        return expected(node, what);
    if (!list)
        TRY(known_keys(node, 2, keys));
    double *to[] = {&item->lower, &item->upper};
    for (int k = 0; k < 2; k++) {
        yaml_node_ref_t end = list ? yaml_node_item(node, k) : yaml_node_get(node, keys[k]);
        *to[k] = k == 0 ? -INFINITY : INFINITY;
        if (yaml_node_kind(end) != YAML_KIND_ABSENT && !is_real(end, to[k]))
            return expected(end, "a number");
    }
    if (!(item->lower < item->upper))
        return yaml_node_error(node, "got lower %g and upper %g, expected lower < upper",
                               item->lower, item->upper);
    return OK;
}

static err_t read_count(yaml_node_ref_t node, int64_t low, int64_t *out)
{
    if (yaml_node_kind(node) == YAML_KIND_SCALAR && !yaml_node_quoted(node) &&
        yaml_parse_integer(yaml_node_text(node), out) && *out >= low && *out <= 1000)
        return OK;
    return expected(node,
                    low > 0 ? "a whole number from 2 to 1000" : "the place of a column, from 0");
}

static err_t read_levels(yaml_node_ref_t node, adapter_item_t *item)
{
    static const char *const keys[] = {"column", "levels"};
    item->column = -1;
    if (yaml_node_kind(node) != YAML_KIND_MAPPING)
        return read_count(node, 2, &item->levels);
    TRY(known_keys(node, 2, keys));
    yaml_node_ref_t levels = yaml_node_get(node, "levels"), column = yaml_node_get(node, "column");
    if (yaml_node_kind(levels) == YAML_KIND_ABSENT)
        return yaml_node_error(node, "expected levels: how many values there are");
    TRY(read_count(levels, 2, &item->levels));
    return yaml_node_kind(column) == YAML_KIND_ABSENT ? OK : read_count(column, 0, &item->column);
}

static err_t read_size(yaml_node_ref_t node, adapter_item_t *item)
{
    double *size = &item->size;
    if (is_real(node, size) && *size > 0.0 &&
        (*size < 1.0 || (*size == floor(*size) && *size < 1e15)))
        return OK;
    return expected(node, "a count (50) or a share (0.5)");
}

static err_t read_flag(yaml_node_ref_t node, adapter_item_t *item)
{
    const char *text = yaml_node_text(node);
    item->standardize = text && strcmp(text, "true") == 0;
    return item->standardize || (text && strcmp(text, "false") == 0)
               ? OK
               : expected(node, "true or false");
}

static err_t read_noise(yaml_node_ref_t node, adapter_item_t *item)
{
    static const char *const keys[] = {"spike", "slab"};
    double *to[] = {&item->spike, &item->slab};
    item->spike = 0.01;
    item->slab = 0.25;
    if (yaml_node_kind(node) != YAML_KIND_MAPPING)
        return expected(node, "{spike: 0.01, slab: 0.25}");
    TRY(known_keys(node, 2, keys));
    for (int k = 0; k < 2; k++) {
        yaml_node_ref_t size = yaml_node_get(node, keys[k]);
        if (yaml_node_kind(size) != YAML_KIND_ABSENT &&
            !(is_real(size, to[k]) && *to[k] >= 0.0 && *to[k] <= 1e3))
            return expected(size, "a number of standard deviations from 0 to 1000");
    }
    return OK;
}

static void write_real(FILE *out, double x)
{
    char text[YAML_REAL_CAP];
    fputs(yaml_show_real(x, text), out);
}

static void write_range(FILE *out, const adapter_item_t *item)
{
    fputs("[", out);
    write_real(out, item->lower);
    fputs(", ", out);
    write_real(out, item->upper);
    fputs("]", out);
}

static void write_levels(FILE *out, const adapter_item_t *item)
{
    if (item->column < 0)
        fprintf(out, "%ld", (long)item->levels);
    else
        fprintf(out, "{column: %ld, levels: %ld}", (long)item->column, (long)item->levels);
}

static void write_size(FILE *out, const adapter_item_t *item)
{
    write_real(out, item->size);
}

static void write_flag(FILE *out, const adapter_item_t *item)
{
    fputs(item->standardize ? "true" : "false", out);
}

static void write_noise(FILE *out, const adapter_item_t *item)
{
    fputs("{spike: ", out);
    write_real(out, item->spike);
    fputs(", slab: ", out);
    write_real(out, item->slab);
    fputs("}", out);
}

/* ---- transforms ---- */

static err_t read_names(yaml_node_ref_t list, arena_t *arena, adapter_transform_t *t)
{
    bool one = yaml_node_kind(list) == YAML_KIND_SCALAR && !yaml_node_null(list);
    if (!one && (yaml_node_kind(list) != YAML_KIND_SEQUENCE || yaml_node_count(list) == 0))
        return expected(list, "a list of names");
    t->n = one ? 1 : yaml_node_count(list);
    t->items = ARENA_NEW(arena, adapter_item_t, t->n);
    for (int i = 0; i < t->n; i++) {
        yaml_node_ref_t item = one ? list : yaml_node_item(list, i);
        t->items[i].name = arena_copy_text(arena, yaml_node_text(item));
        if (t->items[i].name == NULL)
            return expected(item, "a name");
    }
    return OK;
}

static err_t read_group(yaml_node_ref_t node, bool into, arena_t *arena, adapter_transform_t *t)
{
    static const char *const keys[] = {"of", "into"};
    if (yaml_node_kind(node) != YAML_KIND_MAPPING)
        return into ? expected(node, "{of: [a, b], into: ab}") : read_names(node, arena, t);
    TRY(known_keys(node, into ? 2 : 1, keys));
    yaml_node_ref_t of = yaml_node_get(node, "of"), to = yaml_node_get(node, "into");
    if (yaml_node_kind(of) == YAML_KIND_ABSENT)
        return yaml_node_error(node, "expected of: [names]");
    TRY(read_names(of, arena, t));
    t->into = arena_copy_text(arena, yaml_node_text(to));
    if (into && (t->into == NULL || t->into[0] == '\0'))
        return yaml_node_error(node, "expected into: the name of what they become");
    return OK;
}

static err_t read_values(yaml_node_ref_t map, const kind_t *kind, arena_t *arena,
                         adapter_transform_t *t)
{
    if (yaml_node_kind(map) != YAML_KIND_MAPPING || yaml_node_count(map) == 0)
        return yaml_node_error(map, "expected names with what belongs to them: %s", kind->example);
    t->n = yaml_node_count(map);
    t->items = ARENA_NEW(arena, adapter_item_t, t->n);
    for (int i = 0; i < t->n; i++) {
        t->items[i].name = arena_copy_text(arena, yaml_node_key(map, i));
        TRY(kind->read(yaml_node_item(map, i), &t->items[i]));
    }
    return OK;
}

static err_t find_kind(yaml_node_ref_t one, adapter_kind_t *out)
{
    const char *words[ADAPTER_KINDS], *key = yaml_node_key(one, 0);
    if (yaml_node_kind(one) != YAML_KIND_MAPPING || yaml_node_count(one) != 1)
        return yaml_node_error(one, "expected one transform an item, as in \"- log: [sigma]\"");
    for (int k = 0; k < ADAPTER_KINDS; k++) {
        words[k] = kinds[k].word;
        *out = (adapter_kind_t)k;
        if (strcmp(key, words[k]) == 0)
            return OK;
    }
    const char *near = yaml_nearest(key, ADAPTER_KINDS, words);
    return near ? yaml_node_error(one, "unknown transform \"%s\"; did you mean \"%s\"?", key, near)
                : yaml_node_error(
                      one, "unknown transform \"%s\"; `infermill study` lists what there is", key);
}

static err_t read_transform(yaml_node_ref_t one, arena_t *arena, adapter_transform_t *t)
{
    TRY(find_kind(one, &t->kind));
    const kind_t *kind = &kinds[t->kind];
    yaml_node_ref_t value = yaml_node_item(one, 0);
    t->line = yaml_node_line(yaml_node_key_ref(one, 0));
    switch (kind->form) {
    case FORM_NAMES:
        return read_names(value, arena, t);
    case FORM_GROUP:
    case FORM_INTO:
        return read_group(value, kind->form == FORM_INTO, arena, t);
    case FORM_VALUES:
        return read_values(value, kind, arena, t);
    }
    return OK;
}

err_t adapter_config_read(yaml_node_ref_t list, const char *where, arena_t *arena,
                          adapter_config_t *out)
{
    *out = (adapter_config_t){.where = arena_copy_text(arena, where)};
    if (yaml_node_kind(list) == YAML_KIND_ABSENT || yaml_node_null(list))
        return OK;
    if (yaml_node_kind(list) != YAML_KIND_SEQUENCE)
        return yaml_node_error(list, "expected a list of transforms, as in \"- log: [sigma]\"");
    out->n = yaml_node_count(list);
    out->transforms = ARENA_NEW(arena, adapter_transform_t, out->n + 1);
    for (int i = 0; i < out->n; i++)
        TRY(read_transform(yaml_node_item(list, i), arena, &out->transforms[i]));
    return OK;
}

/* ---- as text ---- */

static void write_name(FILE *out, const char *name)
{
    char *quoted = yaml_quote(name);
    fputs(quoted, out);
    free(quoted);
}

static void write_names(FILE *out, const adapter_transform_t *t)
{
    for (int i = 0; i < t->n; i++) {
        fputs(i ? ", " : "[", out);
        write_name(out, t->items[i].name);
    }
    fputs("]", out);
}

static void write_items(FILE *out, const adapter_transform_t *t)
{
    for (int i = 0; i < t->n; i++) {
        fputs(i ? ", " : "{", out);
        write_name(out, t->items[i].name);
        fputs(": ", out);
        kinds[t->kind].write(out, &t->items[i]);
    }
    fputs("}", out);
}

static void write_transform(FILE *out, const adapter_transform_t *t)
{
    fprintf(out, "  - %s: ", kinds[t->kind].word);
    switch (kinds[t->kind].form) {
    case FORM_NAMES:
    case FORM_GROUP:
        write_names(out, t);
        break;
    case FORM_INTO:
        fputs("{of: ", out);
        write_names(out, t);
        fputs(", into: ", out);
        write_name(out, t->into);
        fputs("}", out);
        break;
    case FORM_VALUES:
        write_items(out, t);
        break;
    }
    fputs("\n", out);
}

char *adapter_config_text(const adapter_config_t *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out, "no memory for a text");
    fputs(config->n > 0 ? "adapter:\n" : "adapter: []\n", out);
    for (int i = 0; i < config->n; i++)
        write_transform(out, &config->transforms[i]);
    CHECK(fclose(out) == 0, "no memory for a text");
    return text;
}

err_t adapter_config_parse(const char *text, const char *where, arena_t *arena,
                           adapter_config_t *out)
{
    yaml_doc_t *doc;
    TRY(yaml_read_text(text, where, &doc));
    err_t err = adapter_config_read(yaml_node_get(yaml_root(doc), "adapter"), where, arena, out);
    yaml_close(&doc);
    return err;
}
