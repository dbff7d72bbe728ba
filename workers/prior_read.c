// SPDX-License-Identifier: Apache-2.0
#include "workers/prior.h"

#include "cluster/mem.h"
#include "workers/prior_call.h"

#include <stdlib.h>
#include <string.h>

// Names that wait for their prior, joined as they will be split: "a, b, c".
static char *join_names(arena_t *arena, const char *waiting, const char *key)
{
    return waiting == NULL ? arena_copy_text(arena, key)
                           : arena_format(arena, "%s, %s", waiting, key);
}

static char *trimmed(arena_t *arena, const char *text, size_t n)
{
    while (n > 0 && (*text == ' ' || *text == '\t'))
        text++, n--;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    return arena_format(arena, "%.*s", (int)n, text);
}

static void split_names(arena_t *arena, const char *joined, prior_line_t *line)
{
    int most = 1;
    for (const char *c = joined; *c != '\0'; c++)
        most += *c == ',';
    line->names = ARENA_NEW(arena, char *, most);
    for (const char *c = joined; line->n_names < most; c += strcspn(c, ",") + 1)
        line->names[line->n_names++] = trimmed(arena, c, strcspn(c, ","));
}

static err_t read_line(yaml_node_ref_t value, const char *path, const char *names, arena_t *arena,
                       prior_line_t *out)
{
    char shown[YAML_SHOW_CAP];
    if (yaml_node_kind(value) != YAML_KIND_SCALAR)
        return yaml_node_error(value, "got %s, expected a prior such as lognormal(-0.9, 0.5)",
                               yaml_node_show(value, shown));
    split_names(arena, names, out);
    out->text = arena_copy_text(arena, yaml_node_text(value));
    out->where = arena_format(arena, "%s:%d: parameters.%s", path, yaml_node_line(value), names);
    return OK;
}

err_t prior_read(yaml_node_ref_t map, const char *path, arena_t *arena, prior_lines_t *out)
{
    *out = (prior_lines_t){0};
    if (yaml_node_kind(map) == YAML_KIND_ABSENT || yaml_node_null(map))
        return OK;
    if (yaml_node_kind(map) != YAML_KIND_MAPPING)
        return yaml_node_error(map, "expected a map from parameters to priors");
    out->at = ARENA_NEW(arena, prior_line_t, yaml_node_count(map) + 1);
    out->where = arena_format(arena, "%s:%d: parameters", path, yaml_node_line(map));
    char *waiting = NULL;
    for (int i = 0; i < yaml_node_count(map); i++) {
        waiting = join_names(arena, waiting, yaml_node_key(map, i));
        if (yaml_node_null(yaml_node_item(map, i)))
            continue;
        TRY(read_line(yaml_node_item(map, i), path, waiting, arena, &out->at[out->n++]));
        waiting = NULL;
    }
    const char *last = out->n > 0 ? out->at[out->n - 1].text : "";
    if (waiting != NULL && strchr(last, '(') != NULL && strchr(last, ')') == NULL)
        return yaml_node_error(map, "\"%s\" and what follows: expected a closing \")\"", last);
    if (waiting != NULL)
        return yaml_node_error(map, "there is no prior for %s", waiting);
    return OK;
}

const prior_line_t *prior_on_a_plane(const prior_lines_t *lines)
{
    const prior_line_t *found = NULL;
    prior_call_t *calls = MEM_NEW(prior_call_t, 2);
    for (int i = 0; i < lines->n && found == NULL; i++) {
        const prior_line_t *line = &lines->at[i];
        err_t err = prior_call_parse(line->text, &calls[0], &calls[1]);
        if (err == OK && strcmp(calls[0].name, "dirichlet") == 0 &&
            calls[0].n_arguments == line->n_names)
            found = line;
    }
    free(calls);
    return found;
}
