// SPDX-License-Identifier: Apache-2.0
#include "nn/network_fields.h"

#include "cluster/arena.h"
#include "cluster/mem.h"

#include <stdlib.h>
#include <string.h>

// A value on its way between YAML and a config.
typedef struct {
    int64_t integer;
    double real;
    bool flag;
    int word;
    yaml_reals_t list;
} slot_t;

static bool reads(const network_field_t *f, int type)
{
    return type < 0 || (f->types >> type & 1) != 0;
}

static bool is_part(const network_field_t *f, const void *config)
{
    return f->part == 0 || *(const int *)((const char *)config + f->part) == f->of;
}

// The word that a field asks for, of the setting that stands at its `part`.
static const char *part_of(const network_field_t *fields, const network_field_t *f)
{
    for (; fields->key != NULL; fields++)
        if (fields->kind == FIELD_WORD && fields->offset == f->part)
            return fields->words[f->of];
    return "";
}

static int count_fields(const network_field_t *fields)
{
    int n = 0;
    while (fields[n].key != NULL)
        n++;
    return n;
}

static int *count_of(const network_field_t *f, const void *config)
{
    return (int *)((char *)(uintptr_t)config + f->count);
}

static double item(const network_field_t *f, const void *config, int i)
{
    const char *at = (const char *)config + f->offset;
    switch (f->kind) {
    case FIELD_INTS:
        return ((const int *)at)[i];
    case FIELD_BOOLS:
        return ((const bool *)at)[i];
    default:
        return ((const double *)at)[i];
    }
}

static yaml_field_t yaml_row(const network_field_t *f, size_t slot)
{
    yaml_field_t row = {.key = f->key, .low = f->low, .high = f->high, .help = f->help};
    size_t at = slot * sizeof(slot_t);
    switch (f->kind) {
    case FIELD_INT:
    case FIELD_INT64:
        row.type = YAML_INTEGER;
        row.offset = at + offsetof(slot_t, integer);
        break;
    case FIELD_REAL:
        row.type = YAML_REAL;
        row.offset = at + offsetof(slot_t, real);
        break;
    case FIELD_BOOL:
        row.type = YAML_BOOL;
        row.offset = at + offsetof(slot_t, flag);
        break;
    case FIELD_WORD:
        row.type = YAML_WORD;
        row.words = f->words;
        row.offset = at + offsetof(slot_t, word);
        break;
    case FIELD_INTS:
    case FIELD_BOOLS:
    case FIELD_REALS:
        row.type = YAML_REALS;
        row.offset = at + offsetof(slot_t, list);
        break;
    }
    return row;
}

static bool is_list(const network_field_t *f)
{
    return f->kind == FIELD_INTS || f->kind == FIELD_BOOLS || f->kind == FIELD_REALS;
}

static void take_list(const network_field_t *f, const yaml_reals_t *list, void *config)
{
    char *at = (char *)config + f->offset;
    for (int i = 0; i < list->n; i++)
        switch (f->kind) {
        case FIELD_INTS:
            ((int *)at)[i] = (int)list->at[i];
            break;
        case FIELD_BOOLS:
            ((bool *)at)[i] = list->at[i] != 0.0;
            break;
        default:
            ((double *)at)[i] = list->at[i];
            break;
        }
    if (f->kind != FIELD_BOOLS)
        *count_of(f, config) = list->n;
}

static void take(const network_field_t *f, const slot_t *s, void *config)
{
    char *at = (char *)config + f->offset;
    switch (f->kind) {
    case FIELD_INT:
        *(int *)at = (int)s->integer;
        break;
    case FIELD_INT64:
        *(int64_t *)at = s->integer;
        break;
    case FIELD_REAL:
        *(double *)at = s->real;
        break;
    case FIELD_BOOL:
        *(bool *)at = s->flag;
        break;
    case FIELD_WORD:
        *(int *)at = s->word;
        break;
    default:
        take_list(f, &s->list, config);
        break;
    }
}

static err_t check_list(yaml_node_ref_t node, const network_field_t *f, const yaml_reals_t *list)
{
    if (list->n < 1 || list->n > f->most)
        return yaml_node_error(node, "a list of %d, expected 1 to %d numbers", list->n, f->most);
    for (int i = 0; i < list->n; i++)
        if (f->kind != FIELD_REALS && list->at[i] != (double)(int)list->at[i])
            return yaml_node_error(node, "%g is not a whole number", list->at[i]);
    return OK;
}

static void name_readers(const network_field_t *f, const char *const *words, size_t cap, char *out)
{
    out[0] = '\0';
    for (int t = 0; words[t] != NULL; t++)
        if (reads(f, t)) {
            size_t at = strlen(out);
            snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "", words[t]);
        }
}

// A key that other types read, but not this one.
static err_t check_readers(yaml_node_ref_t map, const network_field_t *fields, int type,
                           const char *const *words)
{
    char readers[256];
    for (int i = 0; i < yaml_node_count(map); i++) {
        const network_field_t *other = NULL;
        bool known = false;
        for (const network_field_t *f = fields; f->key != NULL; f++)
            if (strcmp(f->key, yaml_node_key(map, i)) == 0) {
                known |= reads(f, type);
                other = f;
            }
        if (known || other == NULL)
            continue;
        name_readers(other, words, sizeof readers, readers);
        return yaml_node_error(yaml_node_key_ref(map, i), "%s has no such setting; it is of %s",
                               words[type], readers);
    }
    return OK;
}

// The rows of this type, then those that are passed over; ends with an empty one. Of keys that several rows have, one.
static yaml_field_t *make_rows(const network_field_t *fields, int type, const char *const *others)
{
    int n = count_fields(fields), used = 0;
    for (const char *const *o = others; o != NULL && *o != NULL; o++)
        n++;
    yaml_field_t *row = mem_zero((size_t)n + 1, sizeof *row);
    for (int k = 0; fields[k].key != NULL; k++) {
        bool twice = false;
        for (int j = 0; j < used; j++)
            twice |= strcmp(row[j].key, fields[k].key) == 0;
        if (reads(&fields[k], type) && !twice)
            row[used++] = yaml_row(&fields[k], (size_t)k);
    }
    for (const char *const *o = others; o != NULL && *o != NULL; o++)
        row[used++] = (yaml_field_t){
            .key = *o, .type = YAML_NODE, .offset = sizeof(slot_t) * (size_t)count_fields(fields)};
    return row;
}

static err_t read_rows(yaml_node_ref_t map, const network_field_t *fields, int type,
                       const char *const *others, void *config)
{
    arena_t *arena = arena_create();
    slot_t *slot = mem_zero((size_t)count_fields(fields) + 1, sizeof *slot);
    yaml_field_t *row = make_rows(fields, type, others);
    err_t err = yaml_fill(map, row, arena, slot);
    for (int k = 0; fields[k].key != NULL && err == OK; k++) {
        yaml_node_ref_t node = yaml_node_get(map, fields[k].key);
        if (!reads(&fields[k], type) || yaml_node_kind(node) == YAML_KIND_ABSENT)
            continue;
        if (is_list(&fields[k]) && slot[k].list.at != NULL)
            err = check_list(node, &fields[k], &slot[k].list);
        if (err == OK && config != NULL && fields[k].kind == FIELD_BOOLS &&
            slot[k].list.n != *count_of(&fields[k], config))
            err = yaml_node_error(node, "a list of %d, expected %d, one a stage", slot[k].list.n,
                                  *count_of(&fields[k], config));
        if (err == OK && config != NULL && !is_part(&fields[k], config))
            err = yaml_node_error(node, "it is a setting of %s, which is not asked for",
                                  part_of(fields, &fields[k]));
        if (err == OK && config != NULL)
            take(&fields[k], &slot[k], config);
    }
    free(row);
    free(slot);
    arena_destroy(&arena);
    return err;
}

err_t network_fields_read(yaml_node_ref_t map, const network_field_t *fields, int type,
                          const char *const *words, const char *const *others, void *config)
{
    if (yaml_node_kind(map) == YAML_KIND_MAPPING)
        TRY(check_readers(map, fields, type, words));
    return read_rows(map, fields, type, others, config);
}

err_t network_fields_check(yaml_node_ref_t map, const network_field_t *fields,
                           const char *const *others)
{
    return read_rows(map, fields, -1, others, NULL);
}

static void write_list(FILE *out, const network_field_t *f, const void *config)
{
    char text[YAML_REAL_CAP];
    int n = *count_of(f, config);
    fputc('[', out);
    for (int i = 0; i < n; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", yaml_show_real(item(f, config, i), text));
    fputc(']', out);
}

static void write_value(FILE *out, const network_field_t *f, const void *config)
{
    const char *at = (const char *)config + f->offset;
    char text[YAML_REAL_CAP];
    switch (f->kind) {
    case FIELD_INT:
        fprintf(out, "%d", *(const int *)at);
        break;
    case FIELD_INT64:
        fprintf(out, "%ld", (long)*(const int64_t *)at);
        break;
    case FIELD_REAL:
        fputs(yaml_show_real(*(const double *)at, text), out);
        break;
    case FIELD_BOOL:
        fputs(*(const bool *)at ? "true" : "false", out);
        break;
    case FIELD_WORD:
        fputs(f->words[*(const int *)at], out);
        break;
    default:
        write_list(out, f, config);
        break;
    }
}

void network_fields_write(FILE *out, int indent, const network_field_t *fields, int type,
                          const void *config)
{
    for (const network_field_t *f = fields; f->key != NULL; f++) {
        if (!reads(f, type) || !is_part(f, config) || (is_list(f) && *count_of(f, config) == 0))
            continue;
        fprintf(out, "%*s%s: ", indent, "", f->key);
        write_value(out, f, config);
        fputc('\n', out);
    }
}

static double number(const network_field_t *f, const void *config)
{
    const char *at = (const char *)config + f->offset;
    switch (f->kind) {
    case FIELD_INT:
        return *(const int *)at;
    case FIELD_INT64:
        return (double)*(const int64_t *)at;
    case FIELD_REAL:
        return *(const double *)at;
    default:
        return f->low;
    }
}

err_t network_fields_range(const char *where, const network_field_t *fields, int type,
                           const void *config)
{
    for (const network_field_t *f = fields; f->key != NULL; f++) {
        int n = is_list(f) ? *count_of(f, config) : 1;
        for (int i = 0; i < n && reads(f, type) && is_part(f, config) && f->low < f->high; i++) {
            double x = is_list(f) ? item(f, config, i) : number(f, config);
            if (!(x >= f->low && x <= f->high))
                return err_fail(ERR_USAGE, "%s.%s: %g is out of range, expected %g to %g", where,
                                f->key, x, f->low, f->high);
        }
    }
    return OK;
}
